//! No statement of the service reads a table from end to end: what is quick with ten certificates
//! must be quick with ten million.

use std::path::Path;

use crate::support::{Engine, TestCa};

/// Statements that may: what they read has one row, or they stop at the first.
const ALLOWED: [&str; 2] = [
    "SELECT 1 FROM attempts LIMIT 1",
    "SELECT version, sha256 FROM schema_migrations ORDER BY version",
];

/// What stands in front of each text in `query("..")` and in the macro of the certificates.
const OPENINGS: [(&str, &str); 2] = [
    ("query(", ""),
    (
        "select!(",
        "SELECT c.*, a.short_id AS attempt, r.reason, r.revoked_at FROM certificates c
         LEFT JOIN attempts a ON a.id = c.attempt_id
         LEFT JOIN revocations r ON r.certificate_id = c.id ",
    ),
];

/// Every statement with a fixed text in the store's sources.
fn statements() -> Vec<String> {
    let mut files = Vec::new();
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    for entry in std::fs::read_dir(store).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(std::fs::read_to_string(path).unwrap());
        }
    }
    let mut found = Vec::new();
    for text in &files {
        for (opening, before) in OPENINGS {
            for rest in text.split(opening).skip(1) {
                if let Some(literal) = rest.trim_start().strip_prefix('"') {
                    let (sql, _) = literal.split_once('"').unwrap();
                    assert!(!sql.contains('\\'), "write it without escapes: {sql}");
                    found.push(format!("{before}{sql}"));
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    // PostgreSQL chooses by what a table holds; the figures with a million rows show what it does.
    if Engine::Sqlite.is_absent("asks SQLite for its plans") {
        return;
    }
    let statements = statements();
    assert!(statements.len() > 25, "{} statements", statements.len());
    let ca = TestCa::start().await;
    let database = ca.database().await;
    for sql in statements {
        if ALLOWED.contains(&sql.as_str()) || sql.contains("current_setting") {
            continue;
        }
        for step in database.plan(&sql).await {
            // A constant, and what the statement itself listed, are no tables.
            let table = !["SCAN CONSTANT ROW", "SCAN issuers"].contains(&step.as_str());
            assert!(!(table && step.starts_with("SCAN")), "{step}: {sql}");
        }
    }
    // The sweep begins with the oldest: by time alone it would read, each time, every attempt that it
    // shortened before.
    let personal = statements_with("FROM attempts", "shortened_at IS NULL");
    let steps = database.plan(&personal).await;
    let by = "SEARCH attempts USING INDEX attempts_personal (bound_at>? AND bound_at<?)";
    assert_eq!(steps, [by], "{personal}");
    // By the holder, whose certificates are few; by number alone it would read all later ones.
    for (with, index) in [
        (
            "WHERE identity = $1",
            "certificates_identity (identity=? AND rowid>?)",
        ),
        (
            "WHERE virtual_device_id = $5",
            "certificates_virtual_device (virtual_device_id=? AND rowid>?)",
        ),
    ] {
        let successor = statements_with(with, "ORDER BY intended_at DESC");
        let steps = database.plan(&successor).await;
        let by = format!("SEARCH certificates USING INDEX {index}");
        assert_eq!(steps[0], by, "{successor}");
    }
    database.close().await;
    ca.check().await;
}

/// The one statement with all of these words.
fn statements_with(one: &str, other: &str) -> String {
    let mut found = statements();
    found.retain(|sql| sql.contains(one) && sql.contains(other));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}
