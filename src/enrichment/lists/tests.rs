#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;
use crate::model::identity::{Domain, Email};

mod bytes;
mod standing;

fn load(devices: Option<&str>, users: Option<&str>) -> Result<Lists, String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: Option<&str>| {
        text.map(|text| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        })
    };
    let settings = EnrichmentSettings {
        devices_file: write("devices.csv", devices),
        users_file: write("users.csv", users),
        ..EnrichmentSettings::default()
    };
    Lists::load(&settings).map_err(|error| error.problem.to_string())
}

fn rows(lists: &Lists) -> Vec<usize> {
    let reports = lists.reports(Timestamp(0)).into_iter();
    reports.map(|report| report.rows).collect()
}

fn device(id: &str) -> VerifiedIdentity {
    VerifiedIdentity::Device {
        device_permanent_id: DeviceId::parse(id).unwrap(),
        domain: Domain::parse("example.com").unwrap(),
    }
}

fn user(email: &str) -> VerifiedIdentity {
    VerifiedIdentity::User {
        email: Email::parse(email).unwrap(),
    }
}

#[test]
fn a_list_says_what_is_known_of_its_own_kind() {
    let devices = "asset_id,device_permanent_id,organizational_unit\n\
        A-1,1a2b,\"/Students, Grade 5\"\n,3c4d, /Staff \n";
    let users = "email,sid\nAlice@Example.com,S-1-5-21-1-2-3-1001\nbob@example.com,\n";
    let lists = load(Some(devices), Some(users)).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let supplied = lists.look_up(&device("1a2b"));
    assert_eq!(supplied.asset_id, text("A-1"));
    assert_eq!(supplied.organizational_unit, text("/Students, Grade 5"));
    assert_eq!(supplied.device_serial_number, None);
    let supplied = lists.look_up(&device("3c4d"));
    assert_eq!(supplied.asset_id, None);
    assert_eq!(supplied.organizational_unit, text("/Staff"));
    let sid = |email| lists.look_up(&user(email)).sid;
    assert_eq!(sid("alice@example.com"), text("S-1-5-21-1-2-3-1001"));
    assert_eq!(sid("bob@example.com"), None);
    assert_eq!(
        lists.look_up(&user("carol@example.com")),
        Supplied::default()
    );
    assert_eq!(lists.look_up(&device("alice")), Supplied::default());
    assert_eq!(rows(&lists), [2, 2]);
    assert!(rows(&load(None, None).unwrap()).is_empty());
}

#[test]
fn a_list_that_is_not_sound_does_not_load() {
    let long = format!("device_permanent_id,asset_id\n1a2b,{}\n", "a".repeat(129));
    for (devices, why) in [
        (
            "",
            "the first line names the columns: device_permanent_id, and any of device_serial_number, asset_id, organizational_unit; each once",
        ),
        ("asset_id\nA-1\n", "the first line names the columns"),
        (
            "device_permanent_id,asset\n1a2b,A-1\n",
            "the first line names the columns",
        ),
        (
            "device_permanent_id,asset_id,asset_id\n1a2b,A-1,A-2\n",
            "the first line names the columns",
        ),
        (
            "device_permanent_id,sid\n1a2b,S-1-5-21-1-2-3-1001\n",
            "the first line names the columns",
        ),
        (
            "device_permanent_id,asset_id\n,A-1\n",
            "line 2: device_permanent_id is no Directory API device id",
        ),
        (
            "device_permanent_id,asset_id\n1a/2b,A-1\n",
            "line 2: device_permanent_id is no Directory",
        ),
        (
            "device_permanent_id,asset_id\n1a2b,A-1\n3c4d,A-2\n1a2b,A-1\n",
            "line 4: device_permanent_id stands on line 2 too",
        ),
        (
            "device_permanent_id,asset_id\n1a2b,A-1\n3c4d,a-1\n",
            "line 3: asset_id stands on line 2 too",
        ),
        (
            "device_permanent_id,device_serial_number\n1a2b,5CD1\n3c4d,\n5e6f,\n7a8b,5CD1\n",
            "line 5: device_serial_number stands on line 2 too",
        ),
        (
            "device_permanent_id,asset_id\n1a2b\n",
            "found record with 1 fields",
        ),
        (
            "device_permanent_id,asset_id\n1a2b,A\u{0}1\n",
            "line 2: asset_id is longer than",
        ),
        (&long, "line 2: asset_id is longer than 128 characters"),
    ] {
        let refused = load(Some(devices), None).unwrap_err();
        assert!(refused.contains(why), "{devices:?}: {refused}");
    }
}

#[test]
fn one_account_is_one_users() {
    for (users, why) in [
        (
            "email,sid\na@example.com,S-1-5-21-1-2-3-1001\nb@example.com,S-1-5-21-1-2-3-1001\n",
            "line 3: sid stands on line 2 too",
        ),
        (
            "email,sid\na@example.com,\nA@example.com,S-1-5-21-1-2-3-1001\n",
            "line 3: email stands on line 2 too",
        ),
        (
            "email,sid\na@example.com,S-1-5-21-1-2-3-500\n",
            "line 2: sid: an account's last number is 1000 or more",
        ),
        (
            "email,sid\na@example.com,S-1-5-18\n",
            "line 2: sid: an account's SID",
        ),
        (
            "email,sid\nnobody,S-1-5-21-1-2-3-1001\n",
            "line 2: email is no e-mail address",
        ),
    ] {
        let refused = load(None, Some(users)).unwrap_err();
        assert!(refused.contains(why), "{users:?}: {refused}");
    }
}
