//! Who is blocked, and whom profiles allow.

use std::path::Path;

use crate::enrichment::EnrichmentSettings;
use crate::enrichment::lists::{HolderNames, Ids, Lists};
use crate::model::profile::Allow;

fn names<'a>(email: Option<&'a str>, ids: Ids<'a>) -> HolderNames<'a> {
    HolderNames::new(email, ids)
}

/// Lists of blocked users and devices.
fn blocked(folder: &Path) -> Lists {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let settings = EnrichmentSettings {
        blocked_devices_file: write("devices.csv", "device_id,reason\nd-1,stolen\nv-1,\n"),
        blocked_users_file: write("users.csv", "email\nMallory@example.com\n"),
        ..EnrichmentSettings::default()
    };
    Lists::load(&settings).unwrap()
}

#[test]
fn a_holder_is_blocked_by_any_name_that_google_gave() {
    let folder = tempfile::tempdir().unwrap();
    let lists = blocked(folder.path());
    let found = |email, ids| {
        let listing = lists.blocking(names(email, ids)).unwrap();
        let seen = listing.seen();
        (listing.found, seen)
    };
    let (d, v, none) = (Some("d-1"), Some("v-1"), None);
    for ids in [
        [d, none, none, none],
        [none, d, none, none],
        [none, none, d, none],
        [none, none, none, d],
    ] {
        assert!(
            found(Some("alice@example.com"), ids)
                .1
                .ends_with(" is listed: stolen")
        );
    }
    assert_eq!(
        found(None, [none, none, none, v]),
        (
            Some("attested_device_id".to_owned()),
            "attested_device_id is listed".to_owned()
        )
    );
    assert_eq!(
        found(Some("mallory@example.com"), [none; 4]).0.as_deref(),
        Some("email")
    );
    // A name is looked for among its own kind.
    assert_eq!(
        found(Some("alice@example.com"), [none; 4]),
        (None, "in none".to_owned())
    );
    assert_eq!(
        found(None, [Some("mallory@example.com"), none, none, none]).0,
        None
    );
    assert_eq!(Lists::default().blocking(names(None, [none; 4])), None);
}

#[test]
fn the_record_says_which_lists_were_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let lists = blocked(folder.path());
    let said = lists.blocking(names(None, [None; 4])).unwrap().lists;
    let digest = |name: &str| {
        let content = std::fs::read(folder.path().join(name)).unwrap();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content);
        crate::model::serial::hex(digest.as_ref())[..12].to_owned()
    };
    assert_eq!(
        said,
        format!(
            "blocked_users {}, blocked_devices {}",
            digest("users.csv"),
            digest("devices.csv")
        )
    );
}

#[test]
fn a_profile_is_held_against_its_own_list() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("staff.csv"),
        "email\nalice@example.com\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("guests.json"),
        "[{\"email\": \"bob@example.com\"}]",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("lab.csv"),
        "device_permanent_id,asset_id\nd-1,A\n",
    )
    .unwrap();
    let mut settings = EnrichmentSettings::default();
    let staff = Allow::EmailsFile("staff.csv".to_owned());
    let guests = Allow::EmailsFile("guests.json".to_owned());
    let lab = Allow::DevicesFile("lab.csv".to_owned());
    for allow in [&staff, &guests, &staff, &lab, &Allow::AllVerified] {
        settings.add_allowed(allow, folder.path());
    }
    assert_eq!(settings.allowed.len(), 3);
    let lists = Lists::load(&settings).unwrap();
    let listed = |allow: &Allow, names| lists.allowing(allow, names).unwrap().listed;
    let alice = names(Some("alice@example.com"), [None, Some("d-1"), None, None]);
    let device = names(None, [Some("d-1"), Some("d-2"), None, None]);
    let other = names(None, [Some("d-2"), Some("d-1"), None, None]);
    assert!(listed(&staff, alice) && !listed(&guests, alice) && !listed(&lab, alice));
    assert!(listed(&lab, device) && !listed(&lab, other));
    assert_eq!(lists.allowing(&Allow::AllVerified, alice), None);
    assert_eq!(lists.find("d-1").len(), 1);
    assert_eq!(lists.find("bob@example.com").len(), 1);
    assert!(lists.find("nobody@example.com").is_empty());
}
