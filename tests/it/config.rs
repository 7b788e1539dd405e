//! A configuration that does not fit says where, and what to change.

use std::path::{Path, PathBuf};

use vaca::config::Config;

use crate::support::CONFIGURATION;

/// The configuration of the tests, as somebody with an endpoint of his own writes it.
fn sound() -> String {
    CONFIGURATION
        .replace("DATABASE", "sqlite:vaca.db")
        .replace("VERIFIED_ACCESS", "http://127.0.0.1:8090")
}

/// What `vaca config check` says of a configuration.
fn complaint(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vaca.toml");
    std::fs::write(&file, text).unwrap();
    let error = Config::load(&file).expect_err(text);
    error
        .to_string()
        .replace(&file.display().to_string(), "vaca.toml")
}

#[test]
fn the_configuration_of_the_tests_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vaca.toml");
    std::fs::write(&file, sound()).unwrap();
    let config = Config::load(&file).unwrap();
    assert_eq!(config.profiles.len(), 4);
    // Relative paths start from the file's folder, wherever the command was typed.
    let database = folder.path().join("vaca.db");
    assert_eq!(config.database.to_string(), database.display().to_string());
    assert_eq!(
        config.issuers[0].key_file,
        folder.path().join("issuing/issuing.key")
    );
}

/// Every change to the sound configuration with what is said of it.
#[test]
fn each_mistake_is_told_with_its_place_and_its_remedy() {
    let replaced = |from: &str, to: &str| {
        assert!(sound().contains(from), "{from}");
        sound().replacen(from, to, 1)
    };
    let behind = |from: &str, added: &str| replaced(from, &format!("{from}\n{added}"));
    let admin = |keys: &str| replaced("[database]", &format!("[admin]\n{keys}\n\n[database]"));
    let client = |role: &str, sha256: &str| {
        format!("[[admin.client]]\nname = \"monitor\"\nsha256 = \"{sha256}\"\nrole = \"{role}\"\n")
    };
    let user = "[[profile]]\nname = \"wifi-user\"";
    let local_part =
        "certificate = { subject = [\"CN={local_part}\"], reserved_local_parts = [\"root\"] }";
    let device = "name = \"wifi-device\"\nscope = \"machine\"";
    let sink = |url: &str, more: &str| {
        let keys =
            format!("name = \"siem\"\nurl = \"{url}\"\nsecret_file = \"events.key\"\n{more}");
        format!("{}\n[[event_sink]]\n{keys}\n", sound())
    };
    let mistakes = [
        ("no TOML", replaced("[listen]", "[listen")),
        ("an unknown key", behind("[listen]", "port = 8080")),
        ("an unknown table", format!("{}\n[telemetry]\n", sound())),
        (
            "an unknown key of a profile",
            behind(user, "subject = \"anybody\""),
        ),
        (
            "a secret in the file",
            behind("[[issuer]]", "passphrase = \"secret\""),
        ),
        (
            "a missing key",
            replaced("customer_id = \"C01example\"\n", ""),
        ),
        (
            "a value of another kind",
            replaced("scope = \"user\"", "scope = \"everybody\""),
        ),
        (
            "no address",
            replaced("api = \"127.0.0.1:0\"", "api = \"localhost\""),
        ),
        (
            "operators in the clear",
            replaced("admin = \"127.0.0.1:0\"", "admin = \"0.0.0.0:8444\""),
        ),
        (
            "operators in half of TLS",
            admin("tls_key_file = \"tls.key\""),
        ),
        (
            "operators' certificates in the clear",
            admin("client_ca_file = \"ca.crt\""),
        ),
        (
            "operators whom nobody vouches for",
            admin(&client("auditor", &"ab".repeat(32))),
        ),
        (
            "an operator of no role",
            admin(&client("root", &"ab".repeat(32))),
        ),
        (
            "an operator of no certificate",
            admin(&client("auditor", "abcd")),
        ),
        (
            "an operator twice",
            admin(&format!(
                "tls_certificate_file = \"a\"\ntls_key_file = \"b\"\nclient_ca_file = \"c\"\n{0}\n{0}",
                client("auditor", &"ab".repeat(32))
            )),
        ),
        (
            "operators without a door",
            admin("tls_certificate_file = \"a\"\ntls_key_file = \"b\"")
                .replace("admin = \"127.0.0.1:0\"\n", ""),
        ),
        (
            "half of TLS",
            behind("[listen]", "tls_key_file = \"tls.key\""),
        ),
        (
            "another database",
            replaced("sqlite:vaca.db", "mysql://localhost/vaca"),
        ),
        (
            "a server without a user",
            replaced("sqlite:vaca.db", "postgres://localhost/vaca"),
        ),
        (
            "a server across a network",
            replaced("sqlite:vaca.db", "postgres://vaca@db.example.com/vaca"),
        ),
        (
            "a password in a url",
            replaced("sqlite:vaca.db", "postgres://vaca:secret@localhost/vaca"),
        ),
        (
            "an in-memory database",
            replaced("sqlite:vaca.db", "sqlite:"),
        ),
        (
            "Google with a url",
            replaced("endpoint = \"test\"", "endpoint = \"google\""),
        ),
        (
            "Google with a root",
            replaced(
                "endpoint = \"test\"\nurl = \"http://127.0.0.1:8090\"",
                "endpoint = \"google\"\nroot_certificate_file = \"root.pem\"",
            ),
        ),
        (
            "a test without a url",
            replaced("url = \"http://127.0.0.1:8090\"\n", ""),
        ),
        (
            "a test in the clear",
            replaced("http://127.0.0.1:8090", "http://192.0.2.1:8090"),
        ),
        (
            "a url with a path",
            replaced("http://127.0.0.1:8090", "https://example.com/v2"),
        ),
        (
            "a test without a key",
            replaced("service_account_file = \"service-account.json\"\n", ""),
        ),
        (
            "an unknown token method",
            behind("endpoint = \"test\"", "token = \"none\""),
        ),
        (
            "trust twice",
            behind(
                "endpoint = \"test\"",
                "trust = \"google_trust_services\"\nroot_certificate_file = \"root.pem\"",
            ),
        ),
        (
            "no extension",
            replaced("abcdefghijklmnopabcdefghijklmnop", "abc"),
        ),
        (
            "every extension",
            replaced("abcdefghijklmnopabcdefghijklmnop", "*"),
        ),
        (
            "no rate",
            format!("{}\n[admission]\nchallenges_per_second = 0\n", sound()),
        ),
        (
            "attempts that go before they are answered from",
            format!("{}\n[retention]\nattempts = \"36h\"\n", sound()),
        ),
        (
            "personal data for no time at all",
            format!("{}\n[retention]\npersonal_data = \"0d\"\n", sound()),
        ),
        (
            "a time without a unit",
            format!("{}\n[retention]\nattempts = \"400\"\n", sound()),
        ),
        (
            "personal data that outlives its attempt",
            format!("{}\n[retention]\npersonal_data = \"500d\"\n", sound()),
        ),
        (
            "no issuer",
            replaced("name = \"issuing\"", "name = \"other\""),
        ),
        (
            "an issuer twice",
            replaced(user, &format!("{}\n{user}", issuer())),
        ),
        (
            "a profile twice",
            replaced("name = \"vpn-user\"", "name = \"wifi-user\""),
        ),
        (
            "a profile with a wrong name",
            replaced("name = \"vpn-user\"", "name = \"VPN user\""),
        ),
        ("no profile", without_profiles()),
        (
            "an empty list of profiles",
            without_profiles().replacen(
                "deployment_key_file",
                "profile = []\ndeployment_key_file",
                1,
            ),
        ),
        (
            "no domain",
            replaced("domains = [\"example.com\"]", "domains = []"),
        ),
        (
            "a bad domain",
            replaced("domains = [\"example.com\"]", "domains = [\"example\"]"),
        ),
        (
            "a wildcard domain",
            replaced(
                "domains = [\"example.com\"]",
                "domains = [\"*.example.com\"]",
            ),
        ),
        (
            "one local part of two domains",
            behind(user, local_part).replace(
                "[[profile]]\nname = \"vpn-user\"\nscope = \"user\"\ndomains = [\"example.com\"]",
                "[[profile]]\nname = \"vpn-user\"\nscope = \"user\"\ndomains = [\"example.org\"]\nREST",
            ).replace("REST", local_part),
        ),
        (
            "two domains of a machine",
            replaced(
                &format!("{device}\ndomains = [\"example.com\"]"),
                &format!("{device}\ndomains = [\"example.com\", \"example.org\"]"),
            ),
        ),
        (
            "an empty customer",
            replaced("customer_id = \"C01example\"", "customer_id = \"\""),
        ),
        (
            "any customer",
            replaced("customer_id = \"C01example\"", "customer_id = \"*\""),
        ),
        (
            "a user in developer mode",
            behind(
                user,
                "key_trust_levels = [\"CHROME_OS_VERIFIED_MODE\", \"CHROME_OS_DEVELOPER_MODE\"]",
            ),
        ),
        (
            "a browser for a machine",
            behind(device, "key_trust_levels = [\"CHROME_BROWSER_HW_KEY\"]"),
        ),
        (
            "no algorithm",
            replaced("key_algorithms = [\"ECDSA\"]", "key_algorithms = []"),
        ),
        (
            "an unknown algorithm",
            replaced("key_algorithms = [\"ECDSA\"]", "key_algorithms = [\"DSA\"]"),
        ),
        (
            "nobody is allowed",
            replaced("allow = \"all_verified\"\n", ""),
        ),
        (
            "an unknown word for allow",
            replaced("allow = \"all_verified\"", "allow = \"everybody\""),
        ),
        (
            "an empty list for allow",
            replaced("allow = \"all_verified\"", "allow = { emails = [] }"),
        ),
        (
            "another domain for allow",
            replaced(
                "allow = \"all_verified\"",
                "allow = { domains = [\"example.org\"] }",
            ),
        ),
        (
            "devices in a user profile",
            replaced(
                "allow = \"all_verified\"",
                "allow = { devices = [\"1a2b\"] }",
            ),
        ),
        (
            "superseded ones for no time at all",
            behind(user, "superseded = { revoke_after = \"59m\" }"),
        ),
        (
            "an unknown word for superseded",
            behind(user, "superseded = \"revoke\""),
        ),
        (
            "an attribute with a template",
            behind(user, "attributes = { Filter-Id = \"%{User-Name}\" }"),
        ),
        (
            "an attribute on two lines",
            behind(user, "attributes = { Filter-Id = \"staff\\nmore\" }"),
        ),
        (
            "an attribute of a list",
            behind(user, "attributes = { \"control:Auth-Type\" = \"Accept\" }"),
        ),
        (
            "an attribute twice",
            behind(user, "attributes = { Filter-Id = \"a\", filter-id = \"b\" }"),
        ),
        ("a rule that is not CEL", ruled("email.endsWith(")),
        (
            "a rule with an unknown fact",
            ruled("mail == 'a@example.com'"),
        ),
        (
            "a rule with the other scope's fact",
            ruled("device_permanent_id != ''"),
        ),
        (
            "a rule with an unknown function",
            ruled("email.endswith('.com')"),
        ),
        (
            "a rule whose mistake an example does not reach",
            ruled("email == '' && email.endswith('.com')"),
        ),
        (
            "a rule that compares texts with numbers",
            ruled("email > 3"),
        ),
        ("a rule that gives a text", ruled("email")),
        (
            "a rule with a loop in a loop",
            ruled("['a'].all(x, ['b'].all(y, x != y))"),
        ),
        (
            "a long rule",
            ruled(&format!("email != '{}'", "x".repeat(1000))),
        ),
        (
            "a certificate for ever",
            behind(user, "validity_days = 3650"),
        ),
        (
            "no certificate for anybody",
            behind(user, "live_certificates = 0"),
        ),
        (
            "attempts without end",
            behind(user, "attempts_per_minute = 1001"),
        ),
        (
            "a sink in the clear, elsewhere",
            sink("http://siem.example.com/", ""),
        ),
        (
            "a sink that is asked to wait",
            sink("https://siem.example.com/", "timeout = \"11s\""),
        ),
        (
            "a sink that wants nothing",
            sink("https://siem.example.com/", "kinds = []"),
        ),
        (
            "a sink that wants what nobody tells",
            sink("https://siem.example.com/", "kinds = [\"renewed\"]"),
        ),
        (
            "a sink that stands twice",
            format!(
                "{}[[event_sink]]\nname = \"siem\"\nurl = \"https://a.example/\"\nsecret_file = \"k\"\n",
                sink("https://siem.example.com/", "")
            ),
        ),
        (
            "a certificate for no time",
            behind(user, "validity_days = 0"),
        ),
    ];
    let told: Vec<_> = mistakes
        .iter()
        .map(|(mistake, text)| format!("--- {mistake}\n{}", complaint(text).trim_end()))
        .collect();
    insta::assert_snapshot!("mistakes", told.join("\n"));
}

/// The sound configuration with a rule of this expression in its first profile, a user's.
fn ruled(expression: &str) -> String {
    let allow = "allow = \"all_verified\"\n";
    let rule = format!(
        "{allow}[[profile.rule]]\nname = \"r\"\nexpression = \"{expression}\"\nmessage = \"m\"\nremedy = \"r\"\n"
    );
    sound().replacen(allow, &rule, 1)
}

fn issuer() -> String {
    let text = sound();
    let start = text.find("[[issuer]]").unwrap();
    let end = text.find("[[profile]]").unwrap();
    text[start..end].to_owned()
}

fn without_profiles() -> String {
    let text = sound();
    text[..text.find("[[profile]]").unwrap()].to_owned()
}

#[test]
fn operators_come_from_anywhere_where_they_speak_tls() {
    let tls = "[admin]\ntls_certificate_file = \"a.crt\"\ntls_key_file = \"a.key\"\n\n[database]";
    let text = sound()
        .replace("admin = \"127.0.0.1:0\"", "admin = \"0.0.0.0:8444\"")
        .replace("[database]", tls);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vaca.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file).unwrap();
    let (certificate, key) = config.admin.tls().unwrap();
    assert_eq!(certificate, folder.path().join("a.crt"));
    assert_eq!(key, folder.path().join("a.key"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Path::new("/nowhere/vaca.toml")).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/vaca.toml: "));
}

/// The configurations of the documentation.
fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/samples");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let files = entries.map(|entry| entry.unwrap().path());
    let samples: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|found| found == "toml"))
        .collect();
    assert!(!samples.is_empty(), "a folder of samples without one");
    samples
}

#[test]
fn the_samples_of_the_documentation_load() {
    for file in samples() {
        if let Err(error) = Config::load(&file) {
            panic!("{}: {error}", file.display());
        }
    }
}
