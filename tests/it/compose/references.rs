//! What one file says of another: volumes, ports, names, commands, configurations.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use url::Url;
use vaca::cli::Arguments;
use vaca::config::Config;
use vaca_emulator::cli::Cli;

use super::dockerfile::Dockerfile;
use super::in_repository;
use super::project::{Project, Service, project, settings};

/// The file of a way to use it, and the folder that it mounts as configuration.
fn used(settings: &HashMap<String, String>) -> (Project, PathBuf) {
    let project = project(settings);
    let mounts = project.services["vaca"].mounts();
    let site = mounts.iter().find(|mount| mount.target == "/etc/vaca");
    let site = in_repository(site.unwrap().source);
    (project, site)
}

#[test]
fn what_services_name_is_defined_and_what_is_defined_is_used() {
    for settings in settings() {
        let project = project(&settings);
        let services = || project.services.values();
        for service in services() {
            for mount in service.mounts() {
                let there = match mount.is_volume() {
                    true => project.volumes.contains_key(mount.source),
                    false => in_repository(mount.source).is_dir(),
                };
                assert!(there, "{mount:?}");
            }
            for network in &service.networks {
                assert!(project.networks.contains_key(network), "{network}");
            }
            for secret in &service.secrets {
                assert!(project.secrets.contains_key(secret), "{secret}");
            }
        }
        for volume in project.volumes.keys() {
            let mut mounts = services().flat_map(Service::mounts);
            assert!(mounts.any(|mount| mount.source == volume), "{volume}");
        }
        for network in project.networks.keys() {
            assert!(services().any(|service| service.networks.contains(network)));
        }
        // A volume that a service writes is, where it is made, a folder of its image's user.
        for service in services().filter(|service| service.build.is_some()) {
            let made = Dockerfile::of_the_repository();
            let made = made.effective("runtime", "RUN").unwrap().to_owned();
            for mount in service.mounts().iter().filter(|mount| mount.is_volume()) {
                let folder = mount.target;
                assert!(made.split(' ').any(|word| word == folder), "{folder}");
            }
        }
    }
}

#[test]
fn a_volume_is_at_one_place_whoever_mounts_it() {
    let [settings, _] = settings();
    let mut places = HashMap::new();
    for service in project(&settings).services.values() {
        for mount in service.mounts() {
            let target = mount.target.to_owned();
            let before = places.insert(mount.source.to_owned(), target.clone());
            assert!(before.is_none_or(|before| before == target), "{target}");
        }
    }
}

#[test]
fn the_programs_understand_their_commands() {
    let dockerfile = Dockerfile::of_the_repository();
    let understood = |target: &str, command: &[String]| {
        let words = [target]
            .into_iter()
            .chain(command.iter().map(String::as_str));
        let refusal = match target {
            "vaca" => Arguments::try_parse_from(words).err(),
            "emulator" => Cli::try_parse_from(words).err(),
            other => panic!("{other} runs nothing of ours"),
        };
        assert!(refusal.is_none(), "{target} {command:?}: {refusal:?}");
    };
    for settings in settings() {
        for service in project(&settings).services.values() {
            if let Some(build) = &service.build {
                assert!(!service.command.is_empty());
                understood(&build.target, &service.command);
            }
        }
    }
    for target in ["vaca", "emulator"] {
        understood(target, &dockerfile.words(target, "CMD").unwrap());
    }
}

/// The word behind `--name=`.
fn option<'a>(command: &'a [String], name: &str) -> Option<&'a str> {
    let mut words = command.iter();
    words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

#[test]
fn the_configurations_fit_what_compose_makes() {
    for settings in settings() {
        let (project, site) = used(&settings);
        let config = Config::load(&site.join("vaca.toml")).unwrap();
        let postgres = &project.services["postgres"].environment;
        let expected = format!(
            "postgres://{}@postgres:5432/{}",
            postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]
        );
        assert_eq!(config.database.to_string(), expected);

        let text = std::fs::read_to_string(site.join("vaca.toml")).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let file = table["database"]["password_file"].as_str().unwrap();
        assert_eq!(file, postgres["POSTGRES_PASSWORD_FILE"]);
        let secret = file.strip_prefix("/run/secrets/").unwrap();
        for name in ["postgres", "migrate", "init", "vaca"] {
            assert_eq!(project.services[name].secrets, [secret], "{name}");
        }

        // Each port of a listener is shown, and no other.
        let ports = &project.services["vaca"].ports;
        let shown: Vec<u16> = ports
            .iter()
            .map(|port| port.rsplit(':').next().unwrap().parse().unwrap())
            .collect();
        let pki = config.listen.pki.unwrap();
        assert_eq!(shown, [config.listen.api.port(), pki.port()]);
        assert!(config.listen.api.ip().is_unspecified() && pki.ip().is_unspecified());
        let health = Dockerfile::of_the_repository().health("vaca").unwrap();
        assert_eq!(health[1..], [pki.port().to_string(), "/readyz".to_owned()]);
    }
}

#[test]
fn every_file_of_the_configurations_is_on_a_volume_that_is_mounted() {
    for settings in settings() {
        let (project, site) = used(&settings);
        let config = Config::load(&site.join("vaca.toml")).unwrap();
        let on = |service: &str, path: &Path| {
            let service = &project.services[service];
            let mounts = service.mounts();
            let found = mounts.iter().find(|mount| path.starts_with(mount.target));
            found.map(|mount| mount.source.to_owned())
        };
        let [issuer] = config.issuers.as_slice() else {
            panic!("`vaca init` makes one issuer");
        };
        for path in [
            &config.deployment_key_file,
            &issuer.certificate_file,
            &issuer.root_certificate_file,
            &issuer.key_file,
            &issuer.passphrase_file,
        ] {
            assert_eq!(
                on("init", path).as_deref(),
                Some("vaca"),
                "{}",
                path.display()
            );
            assert_eq!(
                on("vaca", path).as_deref(),
                Some("vaca"),
                "{}",
                path.display()
            );
        }
        let init = &project.services["init"].command;
        let root = Path::new(option(init, "--root-folder").unwrap());
        assert_eq!(on("init", root).as_deref(), Some("root"));
        // An issuer for the one endpoint does not start with the other.
        let test = init.iter().any(|word| word == "--test");
        assert_eq!(test, config.verified_access.endpoint.as_str() == "test");
        let account = config.verified_access.service_account_file.unwrap();
        if test {
            assert_eq!(on("vaca", &account).as_deref(), Some("emulator"));
        } else {
            assert_eq!(account, site.join("service-account.json"));
        }
    }
}

#[test]
fn the_emulator_is_where_the_configuration_looks_for_it() {
    let [settings, _] = settings();
    let (project, site) = used(&settings);
    let config = Config::load(&site.join("vaca.toml")).unwrap();
    let command = &project.services["emulator"].command;

    let url = Url::parse(config.verified_access.url.as_deref().unwrap()).unwrap();
    let listen: std::net::SocketAddr = option(command, "--listen").unwrap().parse().unwrap();
    assert_eq!(url.scheme(), "https");
    assert_eq!(url.port(), Some(listen.port()));
    let host = url.host_str().unwrap();
    assert!(
        project.services.contains_key(host),
        "a service is its own host name"
    );
    assert_eq!(option(command, "--tls-name"), Some(host));
    let shared = &project.services["emulator"].networks;
    let networks = &project.services["vaca"].networks;
    assert!(networks.iter().any(|network| shared.contains(network)));

    let state = Path::new(option(command, "--state").unwrap());
    let settings = config.verified_access;
    let root = settings.root_certificate_file.unwrap();
    assert_eq!(root, state.join("root.pem"));
    let account = settings.service_account_file.unwrap();
    assert_eq!(account, state.join("service-account.json"));
}
