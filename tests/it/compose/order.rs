//! What starts when.

use std::collections::BTreeSet;

use super::dockerfile::Dockerfile;
use super::project::{Condition, Project, Service, for_emulator, project, settings};

impl Project {
    /// The services that start under a profile, or under none, each behind all that it depends on.
    pub fn start_order(&self, profile: Option<&str>) -> Vec<&str> {
        let starts = |service: &Service| {
            let profiles = &service.profiles;
            profiles.is_empty() || profiles.iter().any(|name| Some(name.as_str()) == profile)
        };
        let all: BTreeSet<&str> = self
            .services
            .iter()
            .filter_map(|(name, service)| starts(service).then_some(name.as_str()))
            .collect();
        let mut order: Vec<&str> = Vec::new();
        while order.len() < all.len() {
            let next = all.iter().find(|name| {
                let waits = &self.services[**name].depends_on;
                !order.contains(*name)
                    && waits.iter().all(|(other, dependency)| {
                        let absent = !all.contains(other.as_str());
                        assert!(!absent || !dependency.required, "{name} waits for {other}");
                        absent || order.contains(&other.as_str())
                    })
            });
            order.push(next.expect("services wait for each other"));
        }
        order
    }
}

#[test]
fn nothing_starts_before_what_it_needs() {
    let project = for_emulator();
    let condition = |service: &str, other: &str| {
        let waits = &project.services[service].depends_on;
        waits.get(other).map(|dependency| dependency.condition)
    };
    let healthy = Some(Condition::ServiceHealthy);
    let completed = Some(Condition::ServiceCompletedSuccessfully);
    assert_eq!(condition("migrate", "postgres"), healthy);
    assert_eq!(condition("init", "migrate"), completed);
    assert_eq!(condition("vaca", "init"), completed);
    assert_eq!(condition("vaca", "migrate"), completed);
    assert_eq!(condition("vaca", "postgres"), healthy);
    assert_eq!(condition("vaca", "emulator"), healthy);
    // The keys of a new emulator are read by a new vaca only.
    assert!(project.services["vaca"].depends_on["emulator"].restart);

    let order = project.start_order(Some("emulator"));
    let position = |name: &str| order.iter().position(|other| *other == name).unwrap();
    for (first, second) in [
        ("postgres", "migrate"),
        ("migrate", "init"),
        ("init", "vaca"),
        ("emulator", "vaca"),
    ] {
        assert!(position(first) < position(second), "{order:?}");
    }
    assert_eq!(order.len(), project.services.len());
}

#[test]
fn without_its_profile_the_emulator_is_neither_started_nor_waited_for() {
    for settings in settings() {
        let project = project(&settings);
        let order = project.start_order(None);
        assert_eq!(order, ["postgres", "migrate", "init", "vaca"]);
    }
}

#[test]
fn who_is_waited_for_can_get_there() {
    let project = for_emulator();
    let dockerfile = Dockerfile::of_the_repository();
    for (name, service) in &project.services {
        for (other, dependency) in &service.depends_on {
            let awaited = project
                .services
                .get(other)
                .unwrap_or_else(|| panic!("{name} waits for {other}, which is not there"));
            match dependency.condition {
                Condition::ServiceHealthy => {
                    let own = awaited.healthcheck.as_ref();
                    let checked = match (own, &awaited.build) {
                        (Some(check), _) => !check.disable && !check.test.is_empty(),
                        (None, Some(build)) => dockerfile.health(&build.target).is_some(),
                        (None, None) => false,
                    };
                    assert!(checked, "nobody says whether {other} is healthy");
                }
                Condition::ServiceCompletedSuccessfully => {
                    // It would be started again for ever.
                    assert_eq!(awaited.restart, None, "{other}");
                    assert_ne!(awaited.command, ["serve"], "{other} never ends");
                }
            }
        }
    }
    // An image's check of a listener says nothing of a program that ends.
    for one_shot in ["migrate", "init"] {
        let check = project.services[one_shot].healthcheck.as_ref().unwrap();
        assert!(check.disable, "{one_shot}");
    }
}
