//! Tokens: made, used, spent, ended.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command};

use serde_json::json;
use vaca::access::issue::{TokenOffice, TokenOrder};
use vaca::access::token::Token;
use vaca::clock::{Clock as _, Timestamp};
use vaca::model::actor::Actor;
use vaca::model::role::Role;
use vaca::model::token::Grant;
use vaca::random::SystemRandom;
use vaca::secrets::DeploymentKey;

use super::{ask, events, get, is_nothing, nothing, post};
use crate::support::openssl::{run, said};
use crate::support::service::VACA;
use crate::support::{START, TestCa, eventually};

const TOKENS: &str = "/v1/admin/tokens";

#[tokio::test]
async fn a_token_ends_by_its_age_and_by_its_revocation() {
    let ca = TestCa::start().await;
    let nothing = nothing(&ca).await;
    let administrator = ca.token(Role::Administrator).await;
    let body = json!({ "name": "inventory", "role": "auditor", "expires": "2h" });
    let made = post(&ca, &administrator, TOKENS, &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(made.json["expires_at"], START.plus(7200).rfc3339());
    let text = made.json["token"].as_str().unwrap();
    assert!(get(&ca, text, "/v1/admin/doctor").await.json["ready"].is_boolean());

    let listed = get(&ca, &administrator, TOKENS).await;
    let inventory = &listed.json["items"][0];
    assert_eq!(
        (&inventory["name"], &inventory["state"]),
        (&json!("inventory"), &json!("good"))
    );
    assert_eq!(inventory["last_used_at"], START.rfc3339());
    assert!(
        inventory["created_by"]
            .as_str()
            .unwrap()
            .starts_with("token:")
    );
    let secret = &text[14..78];
    assert!(!listed.text.contains(secret), "no list tells a secret");
    let stored = ca.rows("SELECT name FROM tokens").await;
    assert_eq!(stored.len(), 2);

    ca.clock.advance(7199);
    assert_eq!(get(&ca, text, "/v1/admin/doctor").await.status, 200);
    ca.clock.advance(1);
    is_nothing(
        &get(&ca, text, "/v1/admin/doctor").await,
        &nothing_at(&ca).await,
    );
    let listed = get(&ca, &administrator, TOKENS).await;
    assert_eq!(listed.json["items"][0]["state"], "expired");

    let body = json!({ "name": "other", "role": "auditor" });
    let other = post(&ca, &administrator, TOKENS, &body).await;
    let (text, id) = (
        other.json["token"].as_str().unwrap(),
        other.json["id"].as_str().unwrap(),
    );
    assert_eq!(get(&ca, text, "/v1/admin/doctor").await.status, 200);
    let revoke = format!("{TOKENS}/{id}/revoke");
    let revoked = ask(&ca, &administrator, "POST", &revoke).await;
    assert_eq!(revoked.json, json!({ "id": id, "revoked_now": true }));
    is_nothing(
        &get(&ca, text, "/v1/admin/doctor").await,
        &nothing_at(&ca).await,
    );
    let again = ask(&ca, &administrator, "POST", &revoke).await;
    assert_eq!(again.json["revoked_now"], false);
    let unknown = ask(
        &ca,
        &administrator,
        "POST",
        "/v1/admin/tokens/00000000/revoke",
    )
    .await;
    assert!(unknown.is("not_found").json["detail"] != nothing.json["detail"]);
    ca.check().await;
}

/// What a stranger gets now: its date has moved on.
async fn nothing_at(ca: &TestCa) -> super::Answer {
    nothing(ca).await
}

#[tokio::test]
async fn what_a_token_is_wanted_for_is_checked() {
    let ca = TestCa::start().await;
    let administrator = ca.token(Role::Administrator).await;
    for body in [
        json!({}),
        json!([]),
        json!({ "name": "a", "role": "root" }),
        json!({ "name": "", "role": "auditor" }),
        json!({ "name": "alice@example.com", "role": "auditor" }),
        json!({ "name": "\u{1b}[31m", "role": "auditor" }),
        json!({ "name": "a", "role": "auditor", "expires": "401d" }),
        json!({ "name": "a", "role": "auditor", "expires": "59s" }),
        json!({ "name": "a", "role": "auditor", "expires": "never" }),
        json!({ "name": "a", "role": "auditor", "single_use": true }),
    ] {
        let refused = post(&ca, &administrator, TOKENS, &body).await;
        assert_eq!(refused.is("malformed_request").status, 400, "{body}");
        assert!(!refused.text.contains("alice") && !refused.text.contains("never"));
    }
    let client = ca.client_at(std::net::Ipv4Addr::LOCALHOST);
    let form = client
        .post(format!("{}{TOKENS}", ca.admin))
        .header("content-type", "text/plain")
        .body(r#"{"name":"a","role":"auditor"}"#)
        .bearer_auth(&administrator);
    super::answer(form).await.is("unsupported_media_type");
    assert_eq!(ca.count("SELECT count(*) FROM tokens").await, 1);
    ca.check().await;
}

#[tokio::test]
async fn a_row_that_somebody_else_wrote_opens_nothing() {
    let ca = TestCa::start().await;
    let auditor = ca.token(Role::Auditor).await;
    let lists = "/v1/admin/tokens";
    let nothing = nothing(&ca).await;
    // More than it was.
    ca.execute("UPDATE tokens SET role = 'administrator'").await;
    is_nothing(&get(&ca, &auditor, lists).await, &nothing);
    is_nothing(&get(&ca, &auditor, "/v1/admin/doctor").await, &nothing);
    ca.execute("UPDATE tokens SET role = 'auditor'").await;
    assert_eq!(get(&ca, &auditor, "/v1/admin/doctor").await.status, 200);
    ca.execute("UPDATE tokens SET expires_at = expires_at + 1")
        .await;
    is_nothing(&get(&ca, &auditor, "/v1/admin/doctor").await, &nothing);
    ca.execute("UPDATE tokens SET expires_at = expires_at - 1")
        .await;

    // Of another deployment: whoever can write rows knows no key.
    let other = Token::draw(&SystemRandom).unwrap();
    let grant = Grant {
        certificate_header: None,
        role: Role::Administrator,
        single_use: false,
        expires_at: START.plus(1000).0,
    };
    let tag = other.tag(&DeploymentKey::new([0; 32]), &grant);
    let insert = format!(
        "INSERT INTO tokens (token_id, name, role, single_use, tag, created_at, created_by, expires_at)
         SELECT '{}', 'forged', 'administrator', 0, {}, 0, 'command_line', {} FROM tokens",
        other.id(),
        blob(&ca, &tag),
        grant.expires_at
    );
    assert_eq!(ca.execute(sqlx::AssertSqlSafe(insert)).await, 1);
    is_nothing(&get(&ca, &other.text(), lists).await, &nothing);
    // The tag of a good token beside another one's id.
    ca.execute(
        "UPDATE tokens SET tag = (SELECT tag FROM tokens WHERE name = 'auditor') WHERE name = 'forged'",
    )
    .await;
    is_nothing(&get(&ca, &other.text(), lists).await, &nothing);
    ca.execute("DELETE FROM tokens WHERE name = 'forged'").await;
    ca.check().await;
}

/// Octets, as each engine writes them.
fn blob(ca: &TestCa, octets: &[u8]) -> String {
    let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    match ca.place {
        crate::support::engine::Place::Sqlite => format!("x'{digits}'"),
        crate::support::engine::Place::Postgres(_) => format!("decode('{digits}', 'hex')"),
    }
}

#[tokio::test]
async fn a_token_for_one_use_makes_one_token() {
    let ca = TestCa::start().await;
    let nothing = nothing(&ca).await;
    let bootstrap = ca.issue_token(&TokenOrder::bootstrap()).await;
    let text = bootstrap.text();
    for path in ["/v1/admin/doctor", "/v1/admin/attempts", TOKENS] {
        is_nothing(&get(&ca, text, path).await, &nothing);
    }
    let revoke = format!("{TOKENS}/{}/revoke", bootstrap.id);
    is_nothing(&ask(&ca, text, "POST", &revoke).await, &nothing);
    // A mistake spends nothing.
    post(&ca, text, TOKENS, &json!({ "name": "first" }))
        .await
        .is("malformed_request");
    let body = json!({ "name": "first", "role": "administrator" });
    let tries = (0..4).map(|_| post(&ca, text, TOKENS, &body));
    let answers = futures_util::future::join_all(tries).await;
    let made: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .collect();
    assert_eq!(made.len(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        is_nothing(refused, &nothing);
    }
    is_nothing(&post(&ca, text, TOKENS, &body).await, &nothing);
    assert_eq!(ca.count("SELECT count(*) FROM tokens").await, 2);
    let first = made[0].json["token"].as_str().unwrap();
    assert_eq!(
        get(&ca, first, TOKENS).await.json["items"][1]["state"],
        "spent"
    );
    let actor = format!("token:{}", bootstrap.id);
    let by: Vec<_> = events(&ca).await;
    let by: Vec<_> = by.iter().filter(|event| event.contains(&actor)).collect();
    assert_eq!(by.len(), 2, "{by:?}");

    let late = ca.issue_token(&TokenOrder::bootstrap()).await;
    elsewhere_and_here(&ca).await;
    ca.clock.advance(24 * 60 * 60);
    let refused = post(&ca, late.text(), TOKENS, &body).await;
    is_nothing(&refused, &super::nothing(&ca).await);
    ca.check().await;
}

/// Another node, with a writer of its own, is asked for the one use at the same time.
async fn elsewhere_and_here(ca: &TestCa) {
    let contested = ca.issue_token(&TokenOrder::bootstrap()).await;
    let order = TokenOrder::new("elsewhere", Role::Administrator, None).unwrap();
    let key = ca.deployment_key();
    let office = TokenOffice {
        store: &ca.store,
        key: &key,
        random: &SystemRandom,
        now: ca.clock.now(),
    };
    let actor = Actor::Token(contested.id.clone());
    let body = json!({ "name": "here", "role": "administrator" });
    let (elsewhere, here) = tokio::join!(
        office.issue(&order, &actor, Some(&contested.id)),
        post(ca, contested.text(), TOKENS, &body)
    );
    assert_ne!(
        elsewhere.is_ok(),
        here.status == 201,
        "{elsewhere:?} {}",
        here.text
    );
    let spent = "SELECT count(*) FROM events WHERE kind = 'token_spent'";
    assert_eq!(ca.count(spent).await, 2);
}

#[tokio::test]
async fn the_last_use_is_written_down_once_a_minute() {
    let ca = TestCa::start().await;
    let auditor = ca.token(Role::Auditor).await;
    let used = async || ca.count("SELECT last_used_at FROM tokens").await;
    for (seconds, noted) in [(0, 0), (59, 0), (1, 60), (30, 60), (3600, 3690)] {
        ca.clock.advance(seconds);
        get(&ca, &auditor, "/v1/admin/doctor").await;
        assert_eq!(Timestamp(used().await), START.plus(noted));
    }
    ca.check().await;
}

#[tokio::test]
async fn the_command_line_makes_lists_and_revokes_tokens() {
    let ca = TestCa::start().await;
    let vaca = async |arguments: &[&str]| {
        let output = run(VACA, arguments, ca.folder.path()).await;
        (output.status.success(), output)
    };
    // Longer than the test's clock stands behind the machine's.
    let create = [
        "tokens",
        "create",
        "--role",
        "auditor",
        "--name",
        "cron",
        "--expires",
        "400d",
    ];
    let (made, output) = vaca(&create).await;
    assert!(made, "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.trim_end();
    assert_eq!(get(&ca, text, "/v1/admin/doctor").await.status, 200);
    let id = &text[5..13];
    let (_, listed) = vaca(&["tokens", "list"]).await;
    let listed = said(&listed);
    assert!(
        listed.contains(id) && listed.contains("cron") && listed.contains("good"),
        "{listed}"
    );
    assert!(!listed.contains(&text[14..30]));
    let (revoked, output) = vaca(&["tokens", "revoke", id]).await;
    assert!(revoked, "{}", said(&output));
    is_nothing(
        &get(&ca, text, "/v1/admin/doctor").await,
        &nothing(&ca).await,
    );
    let (_, again) = vaca(&["tokens", "revoke", id]).await;
    assert!(said(&again).contains("already"));
    for wrong in [
        &["tokens", "revoke", "00000000"][..],
        &["tokens", "revoke", text],
        &["tokens", "create", "--role", "root", "--name", "x"],
        &["tokens", "create", "--role", "auditor", "--name", "a b"],
        &[
            "tokens",
            "create",
            "--role",
            "auditor",
            "--name",
            "x",
            "--expires",
            "401d",
        ],
    ] {
        assert!(!vaca(wrong).await.0, "{wrong:?}");
    }

    let (made, output) = vaca(&["tokens", "bootstrap"]).await;
    assert!(made, "{}", said(&output));
    let file = ca.folder.path().join("bootstrap-token");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let token = std::fs::read_to_string(&file).unwrap();
    assert!(Token::parse(token.trim_end()).is_some());
    assert!(!said(&output).contains(token.trim_end()));
    let (again, output) = vaca(&["tokens", "bootstrap"]).await;
    assert!(
        !again && said(&output).contains("exists"),
        "{}",
        said(&output)
    );
    assert_eq!(
        ca.count("SELECT count(*) FROM tokens WHERE single_use = 1")
            .await,
        1
    );
    ca.check().await;
}

/// A process that ends with its test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn no_line_of_the_log_holds_a_token() {
    let mut ca = TestCa::start().await;
    ca.stop().await;
    let create = [
        "tokens",
        "create",
        "--role",
        "administrator",
        "--name",
        "cron",
        "--expires",
        "400d",
    ];
    let output = run(VACA, &create, ca.folder.path()).await;
    let token = String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned();
    let file = ca.folder.path().join("log");
    let log = std::fs::File::create(&file).unwrap();
    let serving = Command::new(VACA)
        .args(["--log", "trace", "serve"])
        .current_dir(ca.folder.path())
        .stderr(log.try_clone().unwrap())
        .stdout(log)
        .spawn();
    let serving = Serving(serving.unwrap());
    let said = || std::fs::read_to_string(&file).unwrap_or_default();
    eventually("it serves operators", || async {
        said().contains("serving operators on http://")
    })
    .await;
    let line = said();
    let (_, rest) = line.split_once("serving operators on ").unwrap();
    ca.admin = rest.split_whitespace().next().unwrap().to_owned();
    let body = json!({ "name": "other", "role": "auditor" });
    let made = post(&ca, &token, TOKENS, &body).await;
    let other = made.json["token"].as_str().unwrap();
    assert_eq!(get(&ca, other, "/v1/admin/doctor").await.status, 200);
    get(&ca, other, TOKENS).await.is("not_found");
    get(&ca, &token[..80], TOKENS).await.is("not_found");
    drop(serving);
    let said = said();
    for line in [
        "a credential was shown that opens nothing",
        "an operator asked for what their role does not include",
    ] {
        assert!(said.contains(line), "{line}");
    }
    for token in [&token, other] {
        assert!(!said.contains(&token[14..30]) && !said.contains(&token[62..78]));
    }
    ca.check().await;
}
