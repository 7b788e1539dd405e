#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]
use std::path::Path;

use sqlx::postgres::PgSslMode;

use super::*;

fn locate(url: &str) -> Result<Database, BadDatabase> {
    let settings = DatabaseSettings {
        url: url.to_owned(),
        password_file: None,
    };
    settings.locate(Path::new("/etc/vaca"), None)
}

fn options(url: &str) -> sqlx::postgres::PgConnectOptions {
    match locate(url).unwrap().connector().unwrap() {
        Connector::Postgres(server) => server.options,
        Connector::Sqlite(_) => panic!("a file"),
    }
}

#[test]
fn a_file_stands_beside_the_configuration() {
    let database = locate("sqlite:data/vaca.db").unwrap();
    assert_eq!(database.to_string(), "/etc/vaca/data/vaca.db");
    assert!(locate("sqlite:").is_err());
}

#[test]
fn a_server_has_a_user_a_host_and_a_database() {
    let database = locate("postgres://vaca@localhost:5433/record").unwrap();
    assert_eq!(
        database.to_string(),
        "postgres://vaca@localhost:5433/record"
    );
    let options = options("postgresql://va%40ca@[::1]/record");
    assert_eq!(
        (options.get_username(), options.get_host()),
        ("va@ca", "::1")
    );
    assert_eq!(
        (options.get_port(), options.get_database()),
        (5432, Some("record"))
    );
    for incomplete in [
        "postgres://localhost/record",
        "postgres://vaca@localhost",
        "postgres://vaca@/record",
        "postgres:vaca",
        "mysql://vaca@localhost/record",
        "",
    ] {
        assert!(locate(incomplete).is_err(), "{incomplete:?}");
    }
}

#[test]
fn a_password_in_the_url_is_refused_and_not_repeated() {
    for url in [
        "postgres://vaca:secret@localhost/record",
        "postgres://vaca@localhost/record?password=secret",
    ] {
        let refusal = locate(url).unwrap_err().to_string();
        assert!(refusal.contains("password_file"), "{refusal}");
        assert!(!refusal.contains("secret"), "{refusal}");
    }
}

#[test]
fn a_password_has_one_place_and_is_never_shown() {
    let mut settings = DatabaseSettings {
        url: "postgres://vaca@localhost/record".to_owned(),
        password_file: None,
    };
    let folder = tempfile::tempdir().unwrap();
    let known = settings.locate(folder.path(), Some("secret".to_owned()));
    assert!(!format!("{:?}", known.unwrap()).contains("secret"));
    settings.password_file = Some("password".into());
    assert!(
        settings
            .locate(folder.path(), Some("secret".to_owned()))
            .is_err()
    );
    let database = settings.locate(folder.path(), None).unwrap();
    let missing = database.connector().unwrap_err().to_string();
    assert!(missing.contains("password_file"), "{missing}");
    std::fs::write(folder.path().join("password"), "secret\n").unwrap();
    database.connector().unwrap();
    settings.url = "sqlite:vaca.db".to_owned();
    assert!(settings.locate(folder.path(), None).is_err());
}

#[test]
fn the_way_across_a_network_is_named() {
    let url = "postgres://vaca@db.example.com/record";
    assert!(locate(url).unwrap_err().to_string().contains("verify-full"));
    for (mode, expected) in [
        ("disable", PgSslMode::Disable),
        ("prefer", PgSslMode::Prefer),
        ("require", PgSslMode::Require),
        ("verify-full", PgSslMode::VerifyFull),
    ] {
        let mode = options(&format!("{url}?sslmode={mode}")).get_ssl_mode();
        assert!(std::mem::discriminant(&mode) == std::mem::discriminant(&expected));
    }
    for wrong in [
        "sslmode=verify-ca",
        "sslmode=allow",
        "sslmode=",
        "sslmode=require&sslrootcert=ca.crt",
        "sslmode=verify-full&sslcert=client.crt",
        "sslmode=verify-full&target_session_attrs=read-write",
    ] {
        assert!(locate(&format!("{url}?{wrong}")).is_err(), "{wrong}");
    }
    locate(&format!("{url}?sslmode=verify-full&sslrootcert=ca.crt")).unwrap();
}

#[test]
fn a_local_server_needs_no_tls() {
    for url in [
        "postgres://vaca@127.0.0.1/record",
        "postgres://vaca@[::1]/record",
        "postgres://vaca@localhost/record?host=/var/run/postgresql",
    ] {
        locate(url).unwrap();
    }
    let options = options("postgres://vaca@localhost/record?host=/run/pg");
    assert_eq!(options.get_socket(), Some(&"/run/pg".into()));
}
