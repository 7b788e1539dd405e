//! Forward authentication: what a proxy is told, in which form it may ask, and what opens no gate. Real
//! proxies stand in `relying`.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::Decode as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use vaca::access::issue::TokenOrder;
use vaca::model::certificate_header::CertificateHeader;
use vaca::model::fingerprint::Fingerprint;
use vaca::model::role::Role;
use vaca_emulator::KeyAlgorithm;
use x509_cert::Certificate;

use crate::admin::clients::{Named, TlsCa};
use crate::support::{ALICE, Answer, Engine, TestCa, eventually};

const DAY: i64 = 24 * 60 * 60;
const KEY: KeyAlgorithm = KeyAlgorithm::Ecdsa;
const GATES: &str = r#"
[[gate]]
name = "intranet"
profiles = ["wifi-user", "vpn-user"]
attributes = ["Filter-Id"]

[[gate]]
name = "kiosks"
profiles = ["wifi-device"]
domains = ["example.com"]

[[gate]]
name = "other"
profiles = ["wifi-user"]
domains = ["example.org"]
"#;

fn configure(text: &str) -> String {
    let user = "[[profile]]\nname = \"wifi-user\"";
    let attributes = "attributes = { Filter-Id = \"staff\", Class = \"secret\" }";
    let domains = "domains = [\"example.com\"]";
    let more = "domains = [\"example.com\", \"example.org\"]";
    let text = text.replace(user, &format!("{user}\n{attributes}"));
    let at = text.find(user).unwrap();
    let (before, profile) = text.split_at(at);
    format!("{before}{}{GATES}", profile.replacen(domains, more, 1))
}

async fn ca() -> TestCa {
    TestCa::start_with(|text| configure(&text), |options| options).await
}

/// A proxy that passes on certificates in one form.
struct Proxy<'a> {
    ca: &'a TestCa,
    token: String,
    header: CertificateHeader,
}

impl<'a> Proxy<'a> {
    async fn of(ca: &'a TestCa, header: CertificateHeader) -> Self {
        let order = TokenOrder::new("proxy", Role::RelyingParty, None).unwrap();
        let issued = ca.issue_token(&order.for_proxy(header).unwrap()).await;
        let token = issued.text().to_owned();
        Self { ca, token, header }
    }

    /// Asks about a certificate in this proxy's form.
    async fn ask(&self, gate: &str, der: &[u8]) -> Answer {
        let value = in_form(self.header, der);
        self.send(Method::GET, gate, &[(self.header.as_str(), &value)])
            .await
    }

    async fn send(&self, method: Method, address: &str, fields: &[(&str, &str)]) -> Answer {
        let client = self.ca.client_at(Ipv4Addr::LOCALHOST);
        let address = format!("{}/v1/authorize/{address}", self.ca.admin);
        let mut request = client.request(method, address).bearer_auth(&self.token);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.unwrap()).await
    }
}

fn pem(der: &[u8]) -> String {
    der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, der).unwrap()
}

/// The field's value as that kind of proxy writes it.
pub fn in_form(header: CertificateHeader, der: &[u8]) -> String {
    let escaped = utf8_percent_encode(&pem(der), NON_ALPHANUMERIC).to_string();
    let base64 = STANDARD.encode(der);
    match header {
        CertificateHeader::ClientCert => format!(":{base64}:"),
        CertificateHeader::XSslClientCert => escaped,
        CertificateHeader::XForwardedTlsClientCert => format!("{base64},{base64}"),
        CertificateHeader::XForwardedClientCert => {
            format!(
                "Hash={};Cert=\"{escaped}\";Subject=\"CN=a\"",
                Fingerprint::of(der)
            )
        }
    }
}

/// The certificate that was answered.
fn der_of(answer: &Answer) -> Vec<u8> {
    let pem = answer.issued().json["certificate"].as_str().unwrap();
    let (_, der) = der::pem::decode_vec(pem.as_bytes()).unwrap();
    der
}

async fn user(ca: &TestCa) -> Vec<u8> {
    let mut chromebook = ca.chromebook(ALICE).await;
    der_of(&ca.enroll_user(&mut chromebook, KEY).await)
}

/// Asserts a decision that keeps somebody out.
fn kept_out(answer: &Answer, code: &str, reason: &str) {
    answer.is(code);
    assert_eq!(answer.header("vaca-reason"), reason, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "private, max-age=5");
    let detail = answer.json["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("Reason: {reason}.")), "{detail}");
    let challenged = answer.headers.contains_key("www-authenticate");
    assert_eq!(challenged, answer.status == 401);
    let names_somebody = |name: &&str| answer.headers.contains_key(*name);
    let names = [
        "vaca-email",
        "vaca-device",
        "vaca-profile",
        "vaca-attribute-filter-id",
    ];
    assert!(!names.iter().any(names_somebody), "{:?}", answer.headers);
}

#[tokio::test]
async fn every_form_opens_the_gate_and_says_who_it_is() {
    let ca = ca().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let issued = ca.enroll_user(&mut chromebook, KEY).await;
    let device = der_of(&ca.enroll_device(&mut chromebook, KEY).await);
    let user = der_of(&issued);
    for header in CertificateHeader::ALL {
        let proxy = Proxy::of(&ca, header).await;
        let let_in = proxy.ask("intranet", &user).await;
        assert_eq!((let_in.status, let_in.text.as_str()), (200, ""), "{header}");
        for (name, value) in [
            ("vaca-status", "good"),
            ("vaca-email", ALICE),
            ("vaca-profile", "wifi-user"),
            ("vaca-serial", issued.serial()),
            ("vaca-attribute-filter-id", "staff"),
            ("cache-control", "private, max-age=5"),
        ] {
            assert_eq!(let_in.header(name), value, "{name}");
        }
        let vary = let_in.headers.get_all("vary").iter();
        let vary: Vec<_> = vary.map(|name| name.to_str().unwrap()).collect();
        assert!(vary.contains(&header.as_str()), "{vary:?}");
        assert!(vary.contains(&"authorization"), "{vary:?}");
        // The gate does not return it.
        assert!(!let_in.headers.contains_key("vaca-attribute-class"));
        kept_out(
            &proxy.ask("kiosks", &user).await,
            "gate_closed",
            "other_profile",
        );
        kept_out(
            &proxy.ask("other", &user).await,
            "gate_closed",
            "other_domain",
        );
        let let_in = proxy.ask("kiosks", &device).await;
        assert_eq!(
            let_in.header("vaca-device"),
            chromebook.device_permanent_id()
        );
        kept_out(
            &proxy.ask("intranet", &device).await,
            "gate_closed",
            "other_profile",
        );
        let none = proxy.send(Method::GET, "intranet", &[]).await;
        kept_out(&none, "client_certificate_required", "no_certificate");
    }
    let told = ca.scrape().await;
    let series = |gate: &str, outcome: &str| {
        told.of(&format!(
            "vaca_gate_answers_total{{gate=\"{gate}\",outcome=\"{outcome}\"}}"
        ))
    };
    assert_eq!(series("intranet", "admitted"), 4.0);
    assert_eq!(series("intranet", "no_certificate"), 4.0);
    assert_eq!(series("other", "other_domain"), 4.0);
    assert_eq!(series("other", "admitted"), 0.0);
    ca.check().await;
}

#[tokio::test]
async fn what_the_client_puts_into_the_address_changes_nothing() {
    let ca = ca().await;
    let user = user(&ca).await;
    let proxy = Proxy::of(&ca, CertificateHeader::ClientCert).await;
    let value = in_form(proxy.header, &user);
    let fields = [(proxy.header.as_str(), value.as_str())];
    for (method, address) in [
        (Method::GET, "intranet?profile=wifi-device&gate=kiosks"),
        (Method::GET, "intranet/"),
        (Method::POST, "intranet/a/b?c=d"),
        (Method::DELETE, "intranet/kiosks"),
        (Method::OPTIONS, "intranet/%ff%2e%2e/%2e%2e/kiosks"),
        (Method::HEAD, "intranet//"),
    ] {
        let answer = proxy.send(method.clone(), address, &fields).await;
        assert_eq!(answer.status, 200, "{method} {address}: {}", answer.text);
    }
    for address in ["kiosks?profile=wifi-user", "kiosks/intranet"] {
        let answer = proxy.send(Method::GET, address, &fields).await;
        kept_out(&answer, "gate_closed", "other_profile");
    }
    for address in [
        "nowhere",
        "Intranet",
        "intranet%2f",
        "%69ntranet",
        "intranet*",
    ] {
        let answer = proxy.send(Method::GET, address, &fields).await;
        assert_eq!(answer.is("unknown_gate").status, 400, "{address}");
    }
    ca.check().await;
}

#[tokio::test]
async fn a_certificate_in_another_form_than_the_credentials_is_refused() {
    let ca = ca().await;
    let user = user(&ca).await;
    for header in CertificateHeader::ALL {
        let proxy = Proxy::of(&ca, header).await;
        let good = in_form(header, &user);
        let refused = async |fields: &[(&str, &str)]| {
            let answer = proxy.send(Method::GET, "intranet", fields).await;
            assert_eq!(answer.is("certificate_header_refused").status, 400);
            assert_eq!(answer.header("cache-control"), "no-store");
            answer
        };
        for other in CertificateHeader::ALL {
            if other == header {
                continue;
            }
            let value = in_form(other, &user);
            let alone = refused(&[(other.as_str(), &value)]).await;
            assert!(alone.text.contains(other.as_str()), "{}", alone.text);
            refused(&[(header.as_str(), &good), (other.as_str(), &value)]).await;
            // The right field, in the other's form.
            if other != CertificateHeader::XForwardedTlsClientCert {
                refused(&[(header.as_str(), &value)]).await;
            }
        }
        refused(&[(header.as_str(), &good), (header.as_str(), &good)]).await;
        if header != CertificateHeader::XForwardedTlsClientCert {
            refused(&[(header.as_str(), &format!("{good},{good}"))]).await;
        }
        refused(&[(header.as_str(), "(null)")]).await;
    }
    // Whose credential names no form does not ask here.
    let token = ca.token(Role::RelyingParty).await;
    let header = CertificateHeader::ClientCert;
    let proxy = Proxy {
        ca: &ca,
        token,
        header,
    };
    let answer = proxy.ask("intranet", &user).await;
    answer.is("certificate_header_refused");
    assert!(
        answer.text.contains("names no header field"),
        "{}",
        answer.text
    );
    // A stranger is told of nothing.
    let stranger = Proxy {
        ca: &ca,
        token: "vaca_".to_owned(),
        header,
    };
    for gate in ["intranet", "nowhere", "intranet/x"] {
        stranger.ask(gate, &user).await.is("not_found");
    }
    ca.check().await;
}

/// The same certificate with another key's signature under it, and another with the same number.
#[tokio::test]
async fn what_the_ca_did_not_issue_is_unknown() {
    let ca = ca().await;
    let user = user(&ca).await;
    let proxy = Proxy::of(&ca, CertificateHeader::ClientCert).await;
    let mut flipped = user.clone();
    *flipped.last_mut().unwrap() ^= 1;
    // Issuer, number and names are a good certificate's.
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    let serial = Certificate::from_der(&user).unwrap();
    let serial = serial.tbs_certificate().serial_number().as_bytes().to_vec();
    params.serial_number = Some(serial.into());
    let self_made = params.self_signed(&key).unwrap();
    for (what, der) in [
        ("flipped", flipped.as_slice()),
        ("self-made", self_made.der()),
    ] {
        let answer = proxy.ask("intranet", der).await;
        kept_out(&answer, "client_certificate_refused", "unknown");
        assert_eq!(answer.header("vaca-status"), "unknown", "{what}");
    }
    // The CA's own certificates open nothing.
    let issuing = std::fs::read(ca.folder.path().join("issuing/issuing.crt")).unwrap();
    let (_, issuing) = der::pem::decode_vec(&issuing).unwrap();
    let answer = proxy.ask("intranet", &issuing).await;
    kept_out(&answer, "client_certificate_refused", "unknown");
    ca.check().await;
}

/// Writes this into the one client certificate's row, behind the service's back.
async fn put(ca: &TestCa, der: &[u8]) {
    let hex: String = der.iter().map(|octet| format!("{octet:02x}")).collect();
    let literal = match Engine::of_this_run() {
        Engine::Sqlite => format!("x'{hex}'"),
        Engine::Postgres => format!("'\\x{hex}'::bytea"),
    };
    let [a, b, c, d, e, f, g, h, ..] = Fingerprint::of(der).0;
    let fingerprint = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let sql = format!(
        "UPDATE certificates SET der = {literal}, fingerprint = {fingerprint} WHERE kind = 'client'"
    );
    assert_eq!(ca.execute(AssertSqlSafe(sql)).await, 1);
}

/// Whoever can write rows says of their own good certificate that it is somebody else's, of another
/// profile, still good, or another CA's.
#[tokio::test]
async fn a_row_makes_nobody_somebody_else() {
    let ca = ca().await;
    let user = user(&ca).await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let device = der_of(&ca.enroll_device(&mut chromebook, KEY).await);
    let proxy = Proxy::of(&ca, CertificateHeader::ClientCert).await;
    for (gate, der, profile, lie) in [
        ("intranet", &user, "wifi-user", "email = 'ceo@example.com'"),
        ("intranet", &user, "wifi-user", "email = 'lice@example.com'"),
        ("intranet", &user, "wifi-user", "email = NULL"),
        ("intranet", &user, "wifi-user", "not_after = not_after + 1"),
        (
            "intranet",
            &user,
            "wifi-user",
            "not_before = not_before - 1",
        ),
        ("intranet", &user, "wifi-user", "serial = '01' || serial"),
        (
            "intranet",
            &user,
            "wifi-user",
            "issuer_id = '0123456789abcdef'",
        ),
        ("kiosks", &user, "wifi-user", "profile = 'wifi-device'"),
        (
            "kiosks",
            &device,
            "wifi-device",
            "device_permanent_id = 'another'",
        ),
        (
            "intranet",
            &device,
            "wifi-device",
            "profile = 'wifi-user', email = 'alice@example.com'",
        ),
    ] {
        let answer = proxy
            .ask(
                if profile == "wifi-user" {
                    "intranet"
                } else {
                    "kiosks"
                },
                der,
            )
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let before = Row::of(&ca, profile).await;
        let sql = format!("UPDATE certificates SET {lie} WHERE id = {}", before.id);
        assert_eq!(ca.execute(AssertSqlSafe(sql)).await, 1);
        ca.clock.advance(1);
        let answer = proxy.ask(gate, der).await;
        kept_out(&answer, "client_certificate_refused", "unknown");
        before.restore(&ca).await;
        ca.clock.advance(1);
    }
    ca.check().await;
}

/// What a row said.
struct Row {
    id: i64,
    set: String,
}

impl Row {
    async fn of(ca: &TestCa, profile: &str) -> Self {
        let select =
            format!("SELECT id FROM certificates WHERE kind = 'client' AND profile = '{profile}'");
        let id = ca.count(AssertSqlSafe(select)).await;
        let text =
            |column: &str| format!("'{column} = ' || coalesce('''' || {column} || '''', 'NULL')");
        let number = |column: &str| format!("'{column} = ' || {column}");
        let columns = [
            text("email"),
            text("serial"),
            text("issuer_id"),
            text("profile"),
            text("device_permanent_id"),
            number("not_before"),
            number("not_after"),
        ];
        let select = format!(
            "SELECT {} FROM certificates WHERE id = {id}",
            columns.join(" || ', ' || ")
        );
        let set = ca.rows(AssertSqlSafe(select)).await.remove(0);
        Self { id, set }
    }

    async fn restore(self, ca: &TestCa) {
        let sql = format!(
            "UPDATE certificates SET {} WHERE id = {}",
            self.set, self.id
        );
        assert_eq!(ca.execute(AssertSqlSafe(sql)).await, 1);
    }
}

/// Whoever can write rows puts a certificate of their own making in the place of a good one.
#[tokio::test]
async fn a_row_makes_no_certificate() {
    let ca = ca().await;
    let user = user(&ca).await;
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let self_made = params.self_signed(&key).unwrap();
    put(&ca, self_made.der()).await;
    let proxy = Proxy::of(&ca, CertificateHeader::ClientCert).await;
    let answer = proxy.ask("intranet", self_made.der()).await;
    kept_out(&answer, "client_certificate_refused", "unknown");
    put(&ca, &user).await;
    assert_eq!(proxy.ask("intranet", &user).await.status, 200);
    ca.check().await;
}

#[tokio::test]
async fn a_gate_closes_at_once_when_a_certificate_is_revoked_or_ends() {
    let ca = ca().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let user = der_of(&ca.enroll_user(&mut chromebook, KEY).await);
    let device = der_of(&ca.enroll_device(&mut chromebook, KEY).await);
    let proxy = Proxy::of(&ca, CertificateHeader::XSslClientCert).await;
    assert_eq!(proxy.ask("intranet", &user).await.status, 200);
    ca.revoke_where("profile = 'wifi-user'").await;
    // It was read a moment ago.
    ca.clock.advance(1);
    let refused = proxy.ask("intranet", &user).await;
    kept_out(&refused, "client_certificate_refused", "revoked");
    assert_eq!(refused.header("vaca-status"), "revoked");
    assert_eq!(proxy.ask("kiosks", &device).await.status, 200);
    ca.clock.advance(30 * DAY + 1);
    let ended = proxy.ask("kiosks", &device).await;
    kept_out(&ended, "client_certificate_refused", "expired");
    kept_out(
        &proxy.ask("intranet", &user).await,
        "client_certificate_refused",
        "revoked",
    );
    // A clock that was set back: the certificate is of the future.
    ca.clock.jump(-60 * DAY);
    let early = proxy.ask("kiosks", &device).await;
    kept_out(&early, "client_certificate_refused", "not_yet_valid");
    ca.clock.jump(60 * DAY);
    ca.check().await;
}

#[tokio::test]
async fn a_revoked_ca_opens_nothing() {
    let ca = ca().await;
    let user = user(&ca).await;
    let proxy = Proxy::of(&ca, CertificateHeader::ClientCert).await;
    assert_eq!(proxy.ask("intranet", &user).await.status, 200);
    ca.revoke_where("kind = 'issuing'").await;
    // It was looked up some seconds ago.
    ca.clock.advance(5);
    let answer = proxy.ask("intranet", &user).await;
    kept_out(&answer, "client_certificate_refused", "revoked");
}

#[tokio::test]
async fn a_record_that_does_not_answer_opens_nothing() {
    let ca = ca().await;
    let user = user(&ca).await;
    let proxy = Proxy::of(&ca, CertificateHeader::ClientCert).await;
    ca.execute("ALTER TABLE certificates RENAME TO gone").await;
    let answer = proxy.ask("intranet", &user).await;
    assert_eq!(answer.is("storage_unavailable").status, 503);
    ca.execute("ALTER TABLE gone RENAME TO certificates").await;
    eventually("it answers", async || {
        proxy.ask("intranet", &user).await.status == 200
    })
    .await;
    ca.check().await;
}

#[tokio::test]
async fn a_token_is_for_the_form_that_it_was_made_with() {
    let ca = ca().await;
    let user = user(&ca).await;
    let proxy = Proxy::of(&ca, CertificateHeader::ClientCert).await;
    // Somebody who can write rows gives it another form.
    ca.execute("UPDATE tokens SET certificate_header = 'x-ssl-client-cert'")
        .await;
    ca.clock.advance(1);
    let other = Proxy {
        header: CertificateHeader::XSslClientCert,
        ..proxy
    };
    other.ask("intranet", &user).await.is("not_found");
    // It is shown to administrators, and is for proxies alone.
    let administrator = ca.token(Role::Administrator).await;
    let list = crate::admin::get(&ca, &administrator, "/v1/admin/tokens").await;
    let headers = list.json["items"].as_array().unwrap().iter();
    let headers: Vec<&Value> = headers.map(|item| &item["certificate_header"]).collect();
    assert_eq!(headers, [&Value::Null, &Value::from("x-ssl-client-cert")]);
    let body =
        serde_json::json!({ "name": "a", "role": "auditor", "certificate_header": "client-cert" });
    let refused = crate::admin::post(&ca, &administrator, "/v1/admin/tokens", &body).await;
    refused.is("malformed_request");
    let body = serde_json::json!({ "name": "a", "role": "relying_party", "certificate_header": "client-cert" });
    let made = crate::admin::post(&ca, &administrator, "/v1/admin/tokens", &body).await;
    let token = made.json["token"].as_str().unwrap().to_owned();
    let header = CertificateHeader::ClientCert;
    let proxy = Proxy {
        ca: &ca,
        token,
        header,
    };
    assert_eq!(proxy.ask("intranet", &user).await.status, 200);
    ca.check().await;
}

#[tokio::test]
async fn a_proxy_may_show_a_certificate_of_its_own() {
    let header = CertificateHeader::XForwardedClientCert;
    let named = [
        Named::proxy("envoy", header),
        Named::new("radius", Role::RelyingParty),
    ];
    let tls = TlsCa::start_with(|text| configure(&text), &named).await;
    let user = user(&tls.ca).await;
    let ask = async |name: Option<&str>, header: CertificateHeader| {
        let request = tls
            .client(name)
            .get(format!("{}/v1/authorize/intranet", tls.ca.admin));
        let request = request.header(header.as_str(), in_form(header, &user));
        Answer::of(request.send().await.unwrap()).await
    };
    let let_in = ask(Some("envoy"), header).await;
    assert_eq!((let_in.status, let_in.header("vaca-email")), (200, ALICE));
    let other = CertificateHeader::ClientCert;
    ask(Some("envoy"), other)
        .await
        .is("certificate_header_refused");
    ask(Some("radius"), header)
        .await
        .is("certificate_header_refused");
    ask(Some("unnamed"), header).await.is("not_found");
    ask(None, header).await.is("not_found");
    tls.check().await;
}
