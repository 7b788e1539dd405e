//! `docker-compose.yml` as Compose reads it: anchors merged, variables replaced. What is written here
//! as a type is what the file may say; a setting that is misspelt does not load.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::read;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "x-confined")]
    _confined: IgnoredAny,
    #[serde(rename = "x-vaca")]
    _vaca: IgnoredAny,
    pub services: BTreeMap<String, Service>,
    pub volumes: BTreeMap<String, Option<IgnoredAny>>,
    pub networks: BTreeMap<String, Option<Network>>,
    pub secrets: BTreeMap<String, Secret>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    pub internal: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub file: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub image: String,
    pub build: Option<Build>,
    #[serde(default)]
    pub profiles: Vec<String>,
    #[serde(default)]
    pub command: Vec<String>,
    pub user: Option<String>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub secrets: Vec<String>,
    #[serde(default)]
    pub volumes: Vec<String>,
    #[serde(default)]
    pub tmpfs: Vec<String>,
    pub networks: Vec<String>,
    #[serde(default)]
    pub ports: Vec<String>,
    pub healthcheck: Option<Healthcheck>,
    #[serde(default)]
    pub depends_on: BTreeMap<String, Dependency>,
    pub restart: Option<String>,
    pub stop_grace_period: Option<String>,
    pub read_only: bool,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    pub context: String,
    pub target: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Healthcheck {
    pub disable: bool,
    pub test: Vec<String>,
    pub interval: String,
    pub timeout: String,
    pub retries: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    pub condition: Condition,
    #[serde(default = "yes")]
    pub required: bool,
    #[serde(default)]
    pub restart: bool,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    ServiceHealthy,
    ServiceCompletedSuccessfully,
}

/// One line of `volumes`.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// A named volume, or a folder of the host if it starts with `.` or `/`.
    pub source: &'a str,
    pub target: &'a str,
    pub writable: bool,
}

impl Service {
    pub fn mounts(&self) -> Vec<Mount<'_>> {
        fn read(line: &String) -> Mount<'_> {
            let mut parts = line.split(':');
            let (source, target) = (parts.next().unwrap(), parts.next().unwrap());
            let writable = match parts.next() {
                None => true,
                Some("ro") => false,
                Some(other) => panic!("{line}: {other}"),
            };
            Mount {
                source,
                target,
                writable,
            }
        }
        self.volumes.iter().map(read).collect()
    }
}

impl Mount<'_> {
    pub fn is_volume(&self) -> bool {
        !self.source.starts_with(['.', '/'])
    }
}

/// The ways in which the file is used: with nothing set, and with what `deploy/google/compose.env` sets.
pub fn settings() -> [HashMap<String, String>; 2] {
    let google = read("deploy/google/compose.env");
    let lines = google
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let google = lines.map(|line| {
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
        (name.to_owned(), value.to_owned())
    });
    [HashMap::new(), google.collect()]
}

/// The file with these settings.
pub fn project(settings: &HashMap<String, String>) -> Project {
    serde_saphyr::from_str(&interpolated(&read("docker-compose.yml"), settings)).unwrap()
}

/// The file for the emulator: with nothing set.
pub fn for_emulator() -> Project {
    project(&HashMap::new())
}

/// Replaces `${NAME:-default}`, the one form in use.
fn interpolated(text: &str, settings: &HashMap<String, String>) -> String {
    let mut parts = text.split("${");
    let mut done = parts.next().unwrap().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once('}').unwrap();
        let (name, default) = expression
            .split_once(":-")
            .unwrap_or_else(|| panic!("{expression}: a variable without a default"));
        let value = settings.get(name).filter(|value| !value.is_empty());
        done.push_str(value.map_or(default, String::as_str));
        done.push_str(rest);
    }
    assert!(!done.contains('$'), "another form of variable");
    done
}

#[test]
fn every_setting_of_the_environment_file_is_one_that_compose_reads() {
    let compose = read("docker-compose.yml");
    let [_, google] = settings();
    assert!(!google.is_empty());
    for name in google.keys() {
        assert!(compose.contains(&format!("${{{name}:-")), "{name}");
    }
}
