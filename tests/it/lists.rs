//! The organisation's own lists: who is blocked, whom profiles allow, what is known; changed under a
//! service that runs.

use std::any::type_name;
use std::fs::File;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use vaca::config::Config;
use vaca::enrichment::Lists;
use vaca::store::certificates::Intend;
use vaca_emulator::KeyAlgorithm;

use crate::support::openssl::{run, said};
use crate::support::{ALICE, CONFIGURATION, START, TestCa, eventually};

const DAY: i64 = 24 * 60 * 60;
const NOBODY: &str = "email,reason\n";

/// Writes a list as those should who write one, and lets its file be this old.
fn rename_into_place(folder: &Path, name: &str, text: &str, days: i64) {
    let new = folder.join("list.new");
    std::fs::write(&new, text).unwrap();
    let written = u64::try_from(START.0 - days * DAY).unwrap();
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(written);
    let file = File::options().write(true).open(&new).unwrap();
    file.set_modified(written).unwrap();
    std::fs::rename(&new, folder.join(name)).unwrap();
}

/// A CA with these lists, each written 100 days ago, below `[enrichment]`; `allow` is that of the first
/// profile and of the third, which is for devices.
async fn with_lists(lists: &[(&str, &str, &str)], allow: Option<(&str, &str)>) -> TestCa {
    let mut ca = TestCa::start().await;
    ca.stop().await;
    let mut table = "[enrichment]\n".to_owned();
    for (key, name, text) in lists {
        rename_into_place(ca.folder.path(), name, text, 100);
        if !key.is_empty() {
            table.push_str(&format!("{key} = \"{name}\"\n"));
        }
    }
    let file = ca.configuration_file();
    let mut text = std::fs::read_to_string(&file).unwrap();
    if let Some((users, devices)) = allow {
        for (profile, allow) in [("wifi-user", users), ("wifi-device", devices)] {
            let at = text.find(&format!("name = \"{profile}\"")).unwrap();
            let (before, behind) = text.split_at(at);
            text = before.to_owned() + &behind.replacen("\"all_verified\"", allow, 1);
        }
    }
    let text = text.replacen("[[issuer]]", &format!("{table}\n[[issuer]]"), 1);
    std::fs::write(&file, text).unwrap();
    ca.serve().await.unwrap();
    ca
}

/// What `/readyz` says of the lists: whether each is sound, and the sentence. No list makes a service
/// unready.
async fn reported(ca: &TestCa) -> Vec<(bool, String)> {
    let answer = ca.get("/readyz").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let checks = answer.json["checks"].as_array().unwrap().iter();
    let lists = checks.filter(|check| check["name"] == "list");
    let lists = lists.map(|check| {
        let detail = check["detail"].as_str().unwrap().to_owned();
        (check["passed"].as_bool().unwrap(), detail)
    });
    lists.collect()
}

/// Replaces a list under the service and waits until it is in force. `days` tells it from the one before.
async fn replace(ca: &TestCa, kind: &str, name: &str, text: &str, days: i64) {
    rename_into_place(ca.folder.path(), name, text, days);
    let sentence = format!("{kind}, written {days} days ago");
    eventually(&sentence, async || {
        reported(ca).await.contains(&(true, sentence.clone()))
    })
    .await;
}

/// The checks of the newest decision record that failed, with what was expected and seen.
async fn failed(ca: &TestCa) -> Vec<[String; 3]> {
    let rows = ca
        .rows("SELECT checks FROM attempts ORDER BY id DESC LIMIT 1")
        .await;
    let checks: Vec<Value> = serde_json::from_str(&rows[0]).unwrap();
    let text = |check: &Value, member: &str| check[member].as_str().unwrap().to_owned();
    let failed = checks.iter().filter(|check| check["passed"] == false);
    failed
        .map(|check| ["name", "expected", "seen"].map(|member| text(check, member)))
        .collect()
}

#[tokio::test]
async fn whoever_is_put_on_a_list_of_blocked_ones_gets_nothing_from_then_on() {
    let (users, devices) = ("blocked-users.csv", "blocked-devices.json");
    let ca = with_lists(
        &[
            ("blocked_users_file", users, NOBODY),
            ("blocked_devices_file", devices, "[]"),
        ],
        None,
    )
    .await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let first = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    first.issued();
    let listed = format!("{NOBODY}{ALICE},left in May\n");
    replace(&ca, "blocked_users", users, &listed, 90).await;
    let (_, response) = ca.alices_response().await;
    let refused = ca.present_alices(&response).await;
    refused.is("blocked");
    assert!(!refused.text.contains("May"), "{}", refused.text);
    let [check] = &failed(&ca).await[..] else {
        panic!("one check fails")
    };
    assert_eq!(check[0], "blocked_by_list");
    assert!(
        check[1].starts_with("in none of blocked_users "),
        "{check:?}"
    );
    assert_eq!(check[2], "email is listed: left in May");
    // The device is another matter, and its user's list says nothing of it.
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    replace(&ca, "blocked_users", users, NOBODY, 80).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    // The same bytes, the same answer.
    assert_eq!(ca.present_alices(&response).await.text, refused.text);
    // Now the device, by an identifier that is not the one in its certificates.
    let id = chromebook.device_enrollment_id();
    let listed = format!("[{{\"device_id\": \"{id}\", \"reason\": \"stolen\"}}]");
    replace(&ca, "blocked_devices", devices, &listed, 70).await;
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .is("blocked");
    assert_eq!(
        failed(&ca).await[0][2],
        "device_enrollment_id is listed: stolen"
    );
    // And its user, where the answer about a user names the device.
    let listed = format!("[{{\"device_id\": \"{}\"}}]", chromebook.device_id());
    replace(&ca, "blocked_devices", devices, &listed, 60).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .is("blocked");
    assert_eq!(failed(&ca).await[0][2], "virtual_device_id is listed");
    ca.check().await;
}

#[tokio::test]
async fn a_claimed_name_does_not_ask_the_lists() {
    let listed = format!("{NOBODY}mallory@example.com,\n");
    let ca = with_lists(&[("blocked_users_file", "blocked.csv", &listed)], None).await;
    let mut answers = Vec::new();
    for claimed in ["mallory@example.com", "trudy@example.com"] {
        let (_, response) = ca.alices_response().await;
        let answer = ca.present(&response, "wifi-user", Some(claimed)).await;
        let same = ["code", "title", "detail", "status"].map(|member| answer.json[member].clone());
        assert_ne!(same[0], "blocked");
        answers.push(same);
    }
    assert_eq!(answers[0], answers[1]);
    ca.nothing_issued().await;
    ca.check().await;
}

/// Between the intent and the signature.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_changes_before_the_signature_is_obeyed() {
    let ca = with_lists(&[("blocked_users_file", "blocked.csv", NOBODY)], None).await;
    let (begun, begins) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel();
    ca.commits.before(type_name::<Intend>(), move || {
        begun.send(()).unwrap();
        // What else this thread was to do goes to another one.
        let waited = tokio::task::block_in_place(|| goes_on.recv_timeout(Duration::from_secs(15)));
        waited.unwrap();
    });
    let (_, response) = ca.alices_response().await;
    let change = async {
        let waited =
            tokio::task::spawn_blocking(move || begins.recv_timeout(Duration::from_secs(15)));
        waited.await.unwrap().unwrap();
        let listed = format!("{NOBODY}{ALICE},stolen password\n");
        replace(&ca, "blocked_users", "blocked.csv", &listed, 90).await;
        go_on.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(ca.present_alices(&response), change);
    answer.is("blocked");
    let failed = failed(&ca).await;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0][0], "blocked_before_signature");
    assert_eq!(failed[0][2], "email is listed: stolen password");
    assert_eq!(
        ca.certificates("abandoned").await,
        1,
        "the intent is closed"
    );
    assert_eq!(ca.certificates("issued").await, 0);
    assert_eq!(ca.present_alices(&response).await.text, answer.text);
    ca.check().await;
}

#[tokio::test]
async fn a_list_that_is_not_sound_changes_nothing_but_the_report() {
    let listed = format!("{NOBODY}{ALICE},\n");
    let (users, blocked) = ("users.csv", "blocked.csv");
    let ca = with_lists(
        &[
            ("blocked_users_file", blocked, &listed),
            ("users_file", users, "email,organizational_unit\n"),
        ],
        None,
    )
    .await;
    let kept = "blocked_users: the file is not sound, what was written 100 days ago stays in force; the log says why";
    let good = (true, "users, written 100 days ago".to_owned());
    for text in ["email,reason\nnobody,\n", "email,reason\nbob@example.com,x"] {
        // Written in place.
        std::fs::write(ca.folder.path().join(blocked), text).unwrap();
        let expected = [(false, kept.to_owned()), good.clone()];
        eventually(text, async || reported(&ca).await == expected).await;
        replace(&ca, "blocked_users", blocked, &listed, 100).await;
    }
    std::fs::remove_file(ca.folder.path().join(blocked)).unwrap();
    eventually("a missing list", async || !reported(&ca).await[0].0).await;
    let (_, response) = ca.alices_response().await;
    ca.present_alices(&response).await.is("blocked");
    replace(&ca, "blocked_users", blocked, NOBODY, 90).await;
    let (_, response) = ca.alices_response().await;
    ca.present_alices(&response).await.issued();
    ca.check().await;
}

#[tokio::test]
async fn a_profile_admits_whom_its_list_names() {
    let allow = (
        "{ emails_file = \"staff.csv\" }",
        "{ devices_file = \"lab.json\" }",
    );
    let ca = with_lists(
        &[("", "staff.csv", "email\n"), ("", "lab.json", "[]")],
        Some(allow),
    )
    .await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .is("not_allowed");
    let [check] = &failed(&ca).await[..] else {
        panic!("one check fails")
    };
    assert!(
        check[1].starts_with("a user of the list staff.csv ("),
        "{check:?}"
    );
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .is("not_allowed");
    let staff = format!("email,organizational_unit\n{ALICE},/Staff\n");
    replace(&ca, "allowed_users", "staff.csv", &staff, 90).await;
    let id = chromebook.device_permanent_id();
    let lab = format!("[{{\"device_permanent_id\": \"{id}\"}}]");
    replace(&ca, "allowed_devices", "lab.json", &lab, 90).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    ca.enroll_device(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    // What stands in a list is not part of the profile.
    let hashes = "SELECT profile_hash FROM attempts WHERE profile = 'wifi-user'";
    let hashes = ca.count(sqlx::AssertSqlSafe(format!(
        "SELECT count(DISTINCT profile_hash) FROM ({hashes}) AS hashes"
    )));
    assert_eq!(hashes.await, 1);
    ca.check().await;
}

#[tokio::test]
async fn the_command_line_tells_rows_and_says_what_the_lists_say() {
    let formula = "=cmd|' /C calc'!A0";
    let users =
        format!("email,organizational_unit\n{ALICE},{formula}\nbob@example.com,\u{202e}/x\n");
    let mut ca = with_lists(
        &[
            ("users_file", "users.csv", &users),
            ("blocked_users_file", "blocked.csv", NOBODY),
        ],
        None,
    )
    .await;
    let folder = ca.folder.path().to_owned();
    let vaca = async |arguments: &[&str]| {
        let output = run(env!("CARGO_BIN_EXE_vaca"), arguments, &folder).await;
        (output.status.code(), said(&output))
    };
    let (code, checked) = vaca(&["config", "check"]).await;
    assert_eq!(code, Some(0), "{checked}");
    assert!(checked.contains("list users: 2 rows\n"), "{checked}");
    let (code, shown) = vaca(&["lists", "show"]).await;
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("blocked_users  "), "{shown}");
    let (code, shown) = vaca(&["lists", "show", "--json"]).await;
    assert_eq!(code, Some(0), "{shown}");
    let list: Value = serde_json::from_str(shown.lines().last().unwrap()).unwrap();
    assert_eq!((&list["list"], &list["rows"]), (&"users".into(), &2.into()));
    assert_eq!(list["sha256"].as_str().unwrap().len(), 64);
    // What a spreadsheet would run is data, and what would turn a terminal's text is told.
    let (code, found) = vaca(&["lists", "find", "Alice@Example.com"]).await;
    assert_eq!(code, Some(0), "{found}");
    assert!(found.contains(&format!("\"{formula}\"")), "{found}");
    let (_, found) = vaca(&["lists", "find", "bob@example.com"]).await;
    assert!(found.contains("\"\\u{202e}/x\""), "{found}");
    let (_, found) = vaca(&["lists", "find", "bob@example.com", "--json"]).await;
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["row"]["organizational_unit"], "\u{202e}/x");
    let (code, found) = vaca(&["lists", "find", "carol@example.com"]).await;
    assert_eq!(code, Some(1), "{found}");
    // A row that is wrong is named, here and at the start.
    rename_into_place(&folder, "users.csv", &format!("{users}carol,\n"), 90);
    let why = "users.csv: line 4: email is no e-mail address";
    let (code, told) = vaca(&["config", "check"]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(why), "{told}");
    let refused = ca.start_refused().await;
    assert!(refused.contains(why), "{refused}");
    ca.check().await;
}

#[tokio::test]
async fn a_new_list_is_tried_on_what_was_decided() {
    let ca = with_lists(&[], None).await;
    let mut chromebook = ca.chromebook(ALICE).await;
    ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa)
        .await
        .issued();
    let folder = ca.folder.path();
    let text = std::fs::read_to_string(ca.configuration_file()).unwrap();
    let text = text.replacen("\"all_verified\"", "{ emails_file = \"staff.csv\" }", 1);
    std::fs::write(folder.join("new.toml"), text).unwrap();
    let case = format!(
        "[[case]]\nname = \"staff\"\nprofile = \"wifi-user\"\nexpect = \"approved\"\nfacts = {{ email = \"{ALICE}\" }}\n"
    );
    std::fs::write(folder.join("cases.toml"), case).unwrap();
    for (staff, code, told) in [
        ("email\n", 1, "approved by policy, now refused  allow"),
        ("email\nalice@example.com\n", 0, "1 recorded decisions"),
    ] {
        std::fs::write(folder.join("staff.csv"), staff).unwrap();
        // The test's clock stands where it was set.
        let arguments = [
            "--config",
            "new.toml",
            "policy",
            "test",
            "cases.toml",
            "--since",
            "49000d",
        ];
        let output = run(env!("CARGO_BIN_EXE_vaca"), &arguments, folder).await;
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(said(&output).contains(told), "{}", said(&output));
    }
    ca.check().await;
}

#[test]
fn the_sample_lists_load() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/samples/lists");
    let folder = tempfile::tempdir().unwrap();
    let mut rows = 0;
    for entry in std::fs::read_dir(&samples).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        rows += 1;
    }
    let lists = "[enrichment]\ndevices_file = \"devices.csv\"\nusers_file = \"users.csv\"\n\
        blocked_devices_file = \"blocked-devices.csv\"\nblocked_users_file = \"blocked-users.csv\"\n\n";
    let configuration = CONFIGURATION
        .replace("DATABASE", "sqlite:vaca.db")
        .replace("VERIFIED_ACCESS", "http://127.0.0.1:1")
        .replacen("[[issuer]]", &format!("{lists}[[issuer]]"), 1)
        .replacen(
            "\"all_verified\"",
            "{ emails_file = \"pilot-users.csv\" }",
            1,
        );
    let device = "name = \"wifi-device\"";
    let (before, behind) = configuration.split_once(device).unwrap();
    let behind = behind.replacen(
        "\"all_verified\"",
        "{ devices_file = \"pilot-devices.csv\" }",
        1,
    );
    let file = folder.path().join("vaca.toml");
    std::fs::write(&file, format!("{before}{device}{behind}")).unwrap();
    let config = Config::load(&file).unwrap();
    let reports = Lists::load(&config.enrichment).unwrap().reports(START);
    // Each, and the inventory a second time, in JSON.
    assert_eq!(reports.len() + 1, rows);
    assert!(reports.iter().all(|report| report.rows > 0));
    let json = configuration.replace("devices.csv\"\nusers", "devices.json\"\nusers");
    std::fs::write(&file, json).unwrap();
    let config = Config::load(&file).unwrap();
    let again = Lists::load(&config.enrichment).unwrap();
    let csv = reports
        .iter()
        .find(|report| report.file.written.ends_with("/devices.csv"));
    let id = "2b3c4d5e-6f70-4b8c-9dae-1f2a3b4c5d6e";
    assert_eq!(csv.unwrap().rows, 3);
    let found = again.find(id);
    let [(file, cells)] = &found[..] else {
        panic!("one list knows it")
    };
    assert!(file.path.ends_with("devices.json"));
    assert_eq!(cells.len(), 4);
}

#[tokio::test]
async fn what_is_in_force_is_measured() {
    let users = ("users_file", "users.csv", "email,sid\nalice@example.com,\n");
    let ca = with_lists(&[users], None).await;
    let labels = "{list=\"users\",kind=\"users\"}";
    let shows = async |line: String| ca.scrape().await.text.lines().any(|seen| seen == line);
    let written = START.0 - 100 * DAY;
    for line in [
        format!("vaca_list_rows{labels} 1"),
        format!("vaca_list_failing{labels} 0"),
        format!("vaca_list_loaded_timestamp_seconds{labels} {written}"),
    ] {
        eventually(&line, || shows(line.clone())).await;
    }
    rename_into_place(ca.folder.path(), "users.csv", "email,sid\nnobody,\n", 99);
    let failing = format!("vaca_list_failing{labels} 1");
    eventually(&failing, || shows(failing.clone())).await;
    assert!(shows(format!("vaca_list_rows{labels} 1")).await);
    ca.check().await;
}
