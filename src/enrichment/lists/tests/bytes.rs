//! What a file may hold, and what not.

use std::fs::File;
use std::io::Write as _;

use proptest::prelude::*;

use crate::enrichment::lists::{List, ListFile, ListKind};

/// Reads one list of a kind from a file of this name.
fn read(kind: ListKind, name: &str, content: &[u8]) -> Result<List, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let file = ListFile {
        kind,
        written: name.to_owned(),
        path,
    };
    List::read(&file).map_err(|error| error.problem.to_string())
}

#[test]
fn json_says_the_same_as_csv() {
    let json = "\u{feff}[{\"sid\": null, \"email\": \"Bob@example.com\"},\r\n
        {\"email\": \"alice@example.com\", \"organizational_unit\": \" /Staff \", \"sid\": \"S-1-5-21-1-2-3-1001\"}]";
    let csv = "\u{feff}email,sid,organizational_unit\r\nBob@example.com,,\r\n\r\n\
        alice@example.com,S-1-5-21-1-2-3-1001,\" /Staff \"\r\n";
    for (name, content) in [("users.JSON", json), ("users.csv", csv)] {
        let list = read(ListKind::Users, name, content.as_bytes()).unwrap();
        assert_eq!(list.rows(), 2, "{name}");
        let cells = |key| list.row(key).map(|row| row.cells().collect::<Vec<_>>());
        assert_eq!(
            cells("bob@example.com").unwrap(),
            [("email", "bob@example.com")]
        );
        assert_eq!(
            cells("alice@example.com").unwrap(),
            [
                ("email", "alice@example.com"),
                ("sid", "S-1-5-21-1-2-3-1001"),
                ("organizational_unit", "/Staff")
            ]
        );
        assert_eq!(cells("carol@example.com"), None);
        assert_eq!(cells(""), None);
    }
    assert_eq!(read(ListKind::Users, "none.json", b"[]").unwrap().rows(), 0);
}

#[test]
fn json_that_is_not_sound_does_not_load() {
    let deep = format!("[{{\"email\": {}", "[".repeat(100_000));
    let deeper = "[".repeat(100_000);
    let object = |members: &str| format!("[{{\"email\": \"a@example.com\"}}, {{{members}}}]");
    let shape = "a list is an array of objects, their members are texts or null";
    let members = "object 2: the members of each object are email, and any of sid, organizational_unit; each once";
    for (json, why) in [
        ("", "is no JSON: EOF"),
        ("[", "is no JSON: EOF"),
        ("[{\"email\": \"a@example.com\"}", "is no JSON: EOF"),
        (
            "[{\"email\": \"a@example.com\"}] []",
            "is no JSON: trailing characters",
        ),
        ("{\"email\": \"a@example.com\"}", shape),
        ("\"a@example.com\"", shape),
        ("[\"a@example.com\"]", shape),
        ("[[]]", shape),
        (&deep, shape),
        (&deeper, shape),
        (&object("\"email\": 7"), shape),
        (&object("\"email\": {}"), shape),
        (
            &object("\"email\": \"b@example.com\", \"sid\": true"),
            shape,
        ),
        (&object(""), members),
        (&object("\"sid\": \"S-1-5-21-1-2-3-1001\""), members),
        (
            &object("\"email\": \"b@example.com\", \"name\": \"B\""),
            members,
        ),
        (
            &object("\"email\": \"b@example.com\", \"email\": \"c@example.com\""),
            members,
        ),
        (
            &object("\"email\": null"),
            "object 2: email is no e-mail address",
        ),
        (
            &object("\"email\": \"A@example.com\""),
            "object 2: email stands on object 1 too",
        ),
        (
            &object("\"email\": \"b@example.com\", \"organizational_unit\": \"\\u0000\""),
            "object 2: organizational_unit is longer than 128 characters or holds control characters",
        ),
    ] {
        let refused = read(ListKind::Users, "users.json", json.as_bytes()).unwrap_err();
        let start: String = json.chars().take(90).collect();
        assert!(refused.contains(why), "{start}: {refused}");
        assert!(
            !refused.contains("example.com"),
            "a value is shown: {refused}"
        );
    }
}

#[test]
fn octets_that_no_list_has_do_not_load() {
    let head = b"device_permanent_id,asset_id\n".as_slice();
    let endless = [head, b"1a2b,\"", &b"A,\n".repeat(40_000)].concat();
    let endless_json = [b"[{}, {\"asset_id\": \"".as_slice(), &b"A".repeat(200_000)].concat();
    let first = b"[{\"device_permanent_id\": \"1a2b\"}, {\"asset_id\": \"".as_slice();
    let second_json = [first, &b"A".repeat(200_000)].concat();
    for (name, content, why) in [
        ("a.csv", [head, b"1a2b,A\xff1\n"].concat(), "invalid utf-8"),
        ("a.csv", b"\xff\xfed\0e\0v\0\n\0".to_vec(), "utf-8"),
        (
            "a.csv",
            [head, b"1a2b,A-1042\n3c4d,A-10"].concat(),
            "the last line does not end",
        ),
        (
            "a.csv",
            [head, b"1a2b,A-1042\n3c4d"].concat(),
            "found record with 1 fields",
        ),
        (
            "a.csv",
            [head, b"1a\x002b,\n"].concat(),
            "line 2: device_permanent_id is longer",
        ),
        (
            "a.csv",
            endless,
            "the row after 0 others is longer than 64 KiB",
        ),
        (
            "a.csv",
            b"x".repeat(200_000),
            "the row after 0 others is longer than 64 KiB",
        ),
        ("a.json", endless_json, "object 1: the members"),
        (
            "a.json",
            second_json,
            "the row after 1 others is longer than 64 KiB",
        ),
        (
            "a.json",
            b"[{\"device_permanent_id\": \"\xff\"}]".to_vec(),
            "is no JSON",
        ),
    ] {
        let refused = read(ListKind::Devices, name, &content).unwrap_err();
        assert!(refused.contains(why), "{why}: {refused}");
    }
}

#[test]
fn what_is_no_file_of_bearable_length_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str| {
        let file = ListFile {
            kind: ListKind::Devices,
            written: name.to_owned(),
            path: folder.path().join(name),
        };
        List::read(&file).unwrap_err().problem.to_string()
    };
    let long = File::create(folder.path().join("long.csv")).unwrap();
    long.set_len(512 * 1024 * 1024 + 1).unwrap();
    assert_eq!(refused("long.csv"), "is larger than 512 MiB");
    assert!(refused("missing.csv").starts_with("cannot be read: "));
    assert_eq!(refused("."), "is no regular file");
}

/// Sees the whole of one or of the other list, or that it sees no whole one.
#[test]
fn a_list_that_is_written_meanwhile_is_not_read_by_halves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("devices.csv");
    let list = |asset: &str| {
        let rows = (0..2_000).map(|row| format!("id-{row},{asset}\n"));
        let head = "device_permanent_id,organizational_unit\n".to_owned();
        std::iter::once(head).chain(rows).collect::<String>()
    };
    let lists = [list("A-1"), list("B-2")];
    std::fs::write(&path, &lists[0]).unwrap();
    let file = ListFile {
        kind: ListKind::Devices,
        written: "devices.csv".to_owned(),
        path: path.clone(),
    };
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for text in lists.iter().cycle() {
                // In two goes, the first of which ends within a row.
                let (first, second) = text.split_at(text.len() / 2 + 3);
                assert!(!first.ends_with('\n'));
                let mut file = File::create(&path).unwrap();
                file.write_all(first.as_bytes()).unwrap();
                file.write_all(second.as_bytes()).unwrap();
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
            }
        });
        for _ in 0..100 {
            let Ok(list) = List::read(&file) else {
                continue;
            };
            let asset = |key| {
                list.row(key)
                    .and_then(|row| row.cell("organizational_unit"))
            };
            assert_eq!(list.rows(), 2_000);
            assert_eq!(asset("id-0"), asset("id-1999"));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

proptest! {
    /// In whatever order and form it is written, each row is found, and says what was written.
    #[test]
    fn whatever_is_written_is_found(
        rows in proptest::collection::btree_map("[A-Za-z0-9._-]{1,12}", "\\PC{0,20}", 0..40),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut rows: Vec<_> = rows.into_iter().collect();
        let middle = turn.index(rows.len() + 1);
        rows.rotate_left(middle);
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["organizational_unit", "device_permanent_id"]).unwrap();
        for (id, asset) in &rows {
            csv.write_record([asset, id]).unwrap();
        }
        let objects = rows.iter().map(|(id, asset)| {
            serde_json::json!({ "device_permanent_id": id, "organizational_unit": asset })
        });
        let json = serde_json::Value::from_iter(objects).to_string();
        for (name, content) in [("a.csv", csv.into_inner().unwrap()), ("a.json", json.into())] {
            let list = read(ListKind::Devices, name, &content).unwrap();
            prop_assert_eq!(list.rows(), rows.len());
            for (id, asset) in &rows {
                let asset = Some(asset.trim()).filter(|asset| !asset.is_empty());
                prop_assert_eq!(list.row(id).unwrap().cell("organizational_unit"), asset, "{}", name);
            }
        }
    }

    /// No file makes it panic, and none that is cut off is a list.
    #[test]
    fn no_octets_are_too_strange(
        start in 0_usize..60,
        strange in proptest::collection::vec(any::<u8>(), 0..40),
        end in 0_usize..60,
    ) {
        let csv = b"device_permanent_id,asset_id\n1a2b,\"A,1\"\n3c4d,\n".as_slice();
        let json = b"[{\"device_permanent_id\": \"1a2b\", \"asset_id\": \"A\"}]".as_slice();
        for (name, whole) in [("a.csv", csv), ("a.json", json)] {
            let (before, _) = whole.split_at(start.min(whole.len() - 1));
            let (_, behind) = whole.split_at(end.min(whole.len()));
            let content = [before, &strange, behind].concat();
            read(ListKind::Devices, name, &content).ok();
            let cut = read(ListKind::Devices, name, before);
            let between_rows = before == b"device_permanent_id,asset_id\n"
                || before == b"device_permanent_id,asset_id\n1a2b,\"A,1\"\n";
            prop_assert_eq!(cut.is_ok(), between_rows, "{} {}", name, start);
        }
    }
}
