#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::enrichment::ListKind;
use crate::model::identity::{Email, VerifiedIdentity};

/// Lists of users, one of blocked ones, in a folder of their own.
struct Fixture {
    folder: TempDir,
    live: LiveLists,
}

const BEFORE: &str = "email,organizational_unit\nalice@example.com,/Staff\n";
const AFTER: &str = "email,organizational_unit\nalice@example.com,/Students\n";

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| Some(folder.path().join(name));
        let settings = EnrichmentSettings {
            users_file: path("users.csv"),
            blocked_users_file: path("blocked.csv"),
            ..EnrichmentSettings::default()
        };
        std::fs::write(folder.path().join("users.csv"), BEFORE).unwrap();
        std::fs::write(folder.path().join("blocked.csv"), "email\n").unwrap();
        let live = LiveLists::load(&settings).unwrap();
        Self { folder, live }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As those should who write a list.
    fn rename_into_place(&self, text: &str) {
        std::fs::write(self.path("users.new"), text).unwrap();
        std::fs::rename(self.path("users.new"), self.path("users.csv")).unwrap();
    }

    /// Twice: a change counts once it was seen twice.
    fn look(&self) {
        self.live.look();
        self.live.look();
    }

    fn problem(&self) -> Option<Arc<str>> {
        let reports = self.live.reports(Timestamp(0)).into_iter();
        let mut users = reports.filter(|report| report.file.kind == ListKind::Users);
        users.next().unwrap().problem
    }
}

fn unit(lists: &Lists) -> Option<String> {
    let email = Email::parse("alice@example.com").unwrap();
    lists
        .look_up(&VerifiedIdentity::User { email })
        .organizational_unit
}

#[test]
fn a_list_is_replaced_as_a_whole_and_whoever_holds_it_keeps_it() {
    let fixture = Fixture::new();
    let held = fixture.live.current();
    fixture.look();
    assert!(
        Arc::ptr_eq(&held, &fixture.live.current()),
        "nothing changed"
    );
    fixture.rename_into_place(AFTER);
    fixture.live.look();
    assert_eq!(unit(&fixture.live.current()).unwrap(), "/Staff");
    fixture.live.look();
    assert_eq!(unit(&fixture.live.current()).unwrap(), "/Students");
    assert_eq!(unit(&held).unwrap(), "/Staff");
    // The other list is the same value, not read again.
    let list = |lists: &Lists| Arc::clone(&lists.held.first().unwrap().list);
    assert!(Arc::ptr_eq(&list(&held), &list(&fixture.live.current())));
}

#[test]
fn whatever_is_not_sound_leaves_the_last_good_list_in_force() {
    let fixture = Fixture::new();
    let users = fixture.path("users.csv");
    let kept = |why: &str| {
        fixture.look();
        assert_eq!(unit(&fixture.live.current()).unwrap(), "/Staff");
        let problem = fixture.problem().unwrap();
        assert!(problem.contains(why), "{problem}");
        // Told once: what is the same is not read again.
        let before = fixture.live.current();
        fixture.look();
        assert!(Arc::ptr_eq(&before, &fixture.live.current()));
    };
    std::fs::write(&users, format!("{AFTER}nobody,\n")).unwrap();
    kept("users.csv: line 3: email is no e-mail address");
    std::fs::write(&users, AFTER.trim_end()).unwrap();
    kept("the last line does not end");
    std::fs::write(&users, "").unwrap();
    kept("the first line names the columns");
    std::fs::remove_file(&users).unwrap();
    kept("cannot be read");
    std::fs::create_dir(&users).unwrap();
    kept("is no regular file");
    std::fs::remove_dir(&users).unwrap();
    fixture.rename_into_place(AFTER);
    fixture.look();
    assert_eq!(unit(&fixture.live.current()).unwrap(), "/Students");
    assert_eq!(fixture.problem(), None);
}

#[test]
fn a_file_that_never_stands_still_is_told_and_read_when_it_does() {
    let fixture = Fixture::new();
    let write = |row: u32| {
        let text = format!(
            "{AFTER}user-{row}@example.com,/{}\n",
            "x".repeat(row as usize)
        );
        std::fs::write(fixture.path("users.csv"), text).unwrap();
    };
    for row in 0..PATIENCE {
        assert_eq!(fixture.problem(), None, "{row}");
        write(row);
        fixture.live.look();
    }
    assert!(
        fixture
            .problem()
            .unwrap()
            .contains("is written to all the time")
    );
    assert_eq!(unit(&fixture.live.current()).unwrap(), "/Staff");
    fixture.live.look();
    assert_eq!(unit(&fixture.live.current()).unwrap(), "/Students");
    assert_eq!(fixture.problem(), None);
}

#[test]
fn a_list_is_as_old_as_its_file() {
    let fixture = Fixture::new();
    let written = fixture
        .live
        .reports(Timestamp(0))
        .pop()
        .unwrap()
        .modified_at;
    let last = |now| {
        let report = fixture.live.reports(now).pop().unwrap();
        (report.file.to_string(), report.age)
    };
    assert_eq!(last(written.plus(90)), ("users".to_owned(), 90));
    assert_eq!(last(written.minus(90)).1, 0);
    assert!(!fixture.live.is_empty());
}

#[test]
fn a_list_that_is_not_sound_stops_the_start() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path("users.csv"), "email\nnobody\n").unwrap();
    let settings = EnrichmentSettings {
        users_file: Some(fixture.path("users.csv")),
        ..EnrichmentSettings::default()
    };
    let refused = LiveLists::load(&settings).unwrap_err().to_string();
    assert!(
        refused.ends_with("users.csv: line 2: email is no e-mail address"),
        "{refused}"
    );
}
