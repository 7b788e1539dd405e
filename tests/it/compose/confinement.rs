//! What a container may do, and who sees what.

use super::project::{for_emulator, project, settings};

#[test]
fn containers_write_to_their_volumes_only() {
    for settings in settings() {
        for (name, service) in &project(&settings).services {
            assert!(service.read_only, "{name}");
            assert_eq!(service.cap_drop, ["ALL"], "{name}");
            assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
            if service.build.is_none() {
                // The images of ours name their user themselves.
                let user = service.user.as_deref();
                assert!(
                    user.is_some_and(|user| user != "root" && user != "0"),
                    "{name}"
                );
            } else {
                assert_eq!(service.user, None, "{name}");
            }
        }
    }
}

#[test]
fn what_a_server_writes_beside_its_volumes_is_in_memory() {
    let project = for_emulator();
    let postgres = &project.services["postgres"];
    assert_eq!(postgres.tmpfs, ["/var/run/postgresql", "/tmp"]);
    // The service writes nowhere.
    assert!(project.services["vaca"].tmpfs.is_empty());
}

#[test]
fn the_password_is_in_a_file_that_three_programs_see() {
    let project = for_emulator();
    let files: Vec<_> = project
        .secrets
        .values()
        .map(|one| one.file.as_str())
        .collect();
    // A folder that neither git nor the build of an image sees.
    assert_eq!(files, ["./secrets/database-password"]);
    for (name, service) in &project.services {
        for (variable, value) in &service.environment {
            let secret = variable.contains("PASSWORD") || variable.contains("SECRET");
            let file = variable.ends_with("_FILE") && value.starts_with("/run/secrets/");
            assert!(!secret || file, "{name}: {variable}");
        }
        let sees = !service.secrets.is_empty();
        assert_eq!(sees, name != "emulator", "{name}");
    }
}

#[test]
fn the_record_and_the_root_key_are_out_of_reach() {
    let project = for_emulator();
    assert!(project.networks["record"].as_ref().unwrap().internal);
    for (name, networks) in [
        ("postgres", &["record"][..]),
        ("migrate", &["record"]),
        ("init", &["record"]),
        ("vaca", &["record", "outside"]),
        ("emulator", &["outside"]),
    ] {
        assert_eq!(project.services[name].networks, networks, "{name}");
    }
    for (name, service) in &project.services {
        assert!(service.ports.is_empty() || name == "vaca", "{name}");
        let mounts = service.mounts();
        let root = mounts.iter().any(|mount| mount.source == "root");
        assert_eq!(root, name == "init", "{name} and the root's key");
        let keys = mounts.iter().find(|mount| mount.source == "vaca");
        if let Some(keys) = keys {
            assert_eq!(keys.writable, name == "init", "{name} and the keys");
        }
        let record = mounts.iter().any(|mount| mount.source == "postgres");
        assert_eq!(
            record,
            name == "postgres",
            "{name} and the files of the record"
        );
    }
    for port in &project.services["vaca"].ports {
        assert!(port.starts_with("127.0.0.1:"), "{port}");
    }
}

/// In seconds.
fn seconds(text: &str) -> u64 {
    text.strip_suffix('s').unwrap().parse().unwrap()
}

#[test]
fn who_is_told_to_stop_has_the_time_for_it() {
    let project = for_emulator();
    let grace = |name: &str| {
        let service = &project.services[name];
        seconds(service.stop_grace_period.as_deref().unwrap())
    };
    let deadline = vaca::model::attempt::ENROLLMENT_DEADLINE;
    assert!(grace("vaca") > deadline, "what was bound is finished");
    assert!(grace("postgres") >= 30, "a last checkpoint");
    let check = project.services["postgres"].healthcheck.as_ref().unwrap();
    let patience = seconds(&check.interval) * u64::from(check.retries);
    assert!(
        patience >= 60 && seconds(&check.timeout) >= 1,
        "a first start"
    );
}
