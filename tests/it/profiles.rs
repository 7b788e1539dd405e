//! What a profile says stands in the certificates, and nothing that a profile must not say loads.

use std::path::Path;

use vaca::ca::ceremony::{IssuingRequest, Owner, ROOT_LIFETIME, prepare_issuing, prepare_root};
use vaca::ca::signer::software::SoftwareKey;
use vaca::ca::signer::{SignatureAlgorithm, Signer as _};
use vaca::config::Config;
use vaca::model::certificate_template::CertificateTemplate;
use vaca::model::endpoint::Endpoint;
use vaca::model::facts::{Facts, KeyAlgorithm as Certified};
use vaca::model::serial::SerialNumber;
use vaca::random::SeededRandom;
use vaca_emulator::{KeyAlgorithm, Scope, VirtualChromebook};

use crate::chain::{dump, publish, verify};
use crate::support::openssl::{openssl, openssl_refuses, run, said};
use crate::support::{ALICE, Answer, CONFIGURATION, START, TestCa, pkilint};

/// The configuration of the tests with a sample in place of its profiles.
fn with_sample(name: &str) -> impl Fn(String) -> String {
    let path = format!("docs/samples/profiles/{name}.toml");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let sample = std::fs::read_to_string(&path).unwrap();
    // The emulator's customer.
    let sample = sample.replace("C01abc234", "C01example");
    move |configuration| {
        let (before, _) = configuration.split_once("[[profile]]").unwrap();
        format!("{before}{sample}")
    }
}

/// A CA of a sample, with one Chromebook; its lists know Alice and the device.
async fn sampled(name: &str) -> (TestCa, VirtualChromebook) {
    let mut ca = TestCa::make_with(with_sample(name)).await;
    let chromebook = ca.chromebook(ALICE).await;
    let devices = format!(
        "device_permanent_id,asset_id,organizational_unit\n{},A-1042,/Schools/North\n",
        chromebook.device_permanent_id()
    );
    std::fs::write(ca.folder.path().join("devices.csv"), devices).unwrap();
    let users = format!("email,sid\n{ALICE},S-1-5-21-1004336348-1177238915-682003330-1104\n");
    std::fs::write(ca.folder.path().join("users.csv"), users).unwrap();
    ca.serve().await.unwrap();
    (ca, chromebook)
}

async fn enroll(
    ca: &TestCa,
    chromebook: &mut VirtualChromebook,
    profile: &str,
    scope: Scope,
) -> Answer {
    let email = (scope == Scope::User).then_some(ALICE);
    let response = ca
        .response(chromebook, profile, scope, KeyAlgorithm::Ecdsa)
        .await;
    ca.present(&response, profile, email).await
}

/// Issues from a sample, and asks openssl and pkilint about what comes out, the CA's own certificates
/// included.
async fn a_sample_issues(name: &str, profile: &str, scope: Scope) {
    let (ca, mut chromebook) = sampled(name).await;
    let folder = ca.folder.path();
    let answer = enroll(&ca, &mut chromebook, profile, scope).await;
    publish(&ca, answer.issued()).await;
    let time = START.0.to_string();
    openssl(&verify("sslclient", &time), folder).await;
    openssl_refuses(&verify("sslserver", &time), folder).await;
    for file in ["leaf.pem", "chain.pem", "bundle.pem"] {
        pkilint::finds_nothing(file, folder).await;
    }
    let id = chromebook.device_permanent_id().to_owned();
    insta::assert_snapshot!(
        format!("sample_{name}"),
        dump("leaf.pem", folder, &[&id]).await
    );
    ca.check().await;
}

#[tokio::test]
async fn the_sample_for_wifi_of_users_issues() {
    a_sample_issues("wifi-user", "eap-user", Scope::User).await;
}

#[tokio::test]
async fn the_sample_for_wifi_of_devices_issues() {
    a_sample_issues("wifi-device", "eap-device", Scope::Machine).await;
}

#[tokio::test]
async fn the_sample_for_ikev2_issues() {
    a_sample_issues("vpn-ikev2", "ikev2-user", Scope::User).await;
}

#[tokio::test]
async fn the_sample_for_openvpn_issues() {
    a_sample_issues("vpn-openvpn", "openvpn-user", Scope::User).await;
}

#[tokio::test]
async fn the_sample_for_the_intranet_issues() {
    a_sample_issues("intranet", "intranet-user", Scope::User).await;
}

#[tokio::test]
async fn the_sample_for_nps_issues() {
    a_sample_issues("nps-user", "nps-user", Scope::User).await;
}

/// Loaded and rendered; nobody attests the key of a cloud service.
#[test]
fn the_sample_of_a_webhook_client_is_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vaca.toml");
    let configuration = CONFIGURATION
        .replace("DATABASE", "sqlite:vaca.db")
        .replace("VERIFIED_ACCESS", "http://127.0.0.1:1");
    std::fs::write(&file, with_sample("webhook-client")(configuration)).unwrap();
    let config = Config::load(&file).unwrap();
    let template: &CertificateTemplate = &config.profiles[0].certificate;
    let facts = Facts {
        device_permanent_id: Some("1a2b3c4d".to_owned()),
        key_algorithm: Certified::Rsa,
        ..Facts::example(config.profiles[0].scope)
    };
    assert_eq!(
        template.names(&facts).unwrap().to_string(),
        "OU=vaca device, C=US, O=Example School District, OU=Webhooks, CN=1a2b3c4d; \
         dns:1a2b3c4d.webhooks.example.com; uri:https://example.com/device/1a2b3c4d"
    );
}

/// RFC 5280, section 6.1: the policy holds along the whole path, because the issuing CA admits any.
#[tokio::test]
async fn a_relying_party_can_ask_for_a_policy() {
    let (ca, mut chromebook) = sampled("intranet").await;
    let answer = enroll(&ca, &mut chromebook, "intranet-user", Scope::User).await;
    publish(&ca, answer.issued()).await;
    let time = START.0.to_string();
    let with_policy = |policy| {
        let mut arguments = verify("sslclient", &time).to_vec();
        arguments.splice(
            1..1,
            ["-explicit_policy", "-policy_check", "-policy", policy],
        );
        arguments
    };
    let folder = ca.folder.path();
    openssl(&with_policy("1.3.6.1.4.1.32473.1.1"), folder).await;
    openssl_refuses(&with_policy("1.3.6.1.4.1.32473.1.2"), folder).await;
    ca.check().await;
}

/// The checks of the newest decision record that failed: name and seen.
async fn failed(ca: &TestCa) -> Vec<(String, String)> {
    let rows = ca
        .rows("SELECT checks FROM attempts ORDER BY id DESC LIMIT 1")
        .await;
    let checks: Vec<serde_json::Value> = serde_json::from_str(&rows[0]).unwrap();
    let text = |check: &serde_json::Value, member: &str| check[member].as_str().unwrap().to_owned();
    checks
        .iter()
        .filter(|check| check["passed"] == false)
        .map(|check| (text(check, "name"), text(check, "seen")))
        .collect()
}

#[tokio::test]
async fn whom_no_list_knows_gets_no_certificate_and_the_record_says_why() {
    let (ca, _) = sampled("nps-user").await;
    let mut chromebook = ca.chromebook("bob@example.com").await;
    let response = ca
        .response(
            &mut chromebook,
            "nps-user",
            Scope::User,
            KeyAlgorithm::Ecdsa,
        )
        .await;
    let answer = ca
        .present(&response, "nps-user", Some("bob@example.com"))
        .await;
    answer.is("identity_not_certifiable");
    let names = ("names".to_owned(), "sid is not known".to_owned());
    assert_eq!(failed(&ca).await, [names]);
    ca.nothing_issued().await;

    // Would it help to put him in the list?
    let tried = async || {
        let file = ca.configuration_file();
        let file = file.to_str().unwrap();
        let arguments = ["--config", file, "policy", "test", "--since", "49000d"];
        let folder = ca.folder.path();
        said(&run(env!("CARGO_BIN_EXE_vaca"), &arguments, folder).await)
    };
    let same = tried().await;
    assert!(same.contains("1 recorded decisions"), "{same}");
    assert!(same.contains(", 0 would change"), "{same}");
    let list = ca.folder.path().join("users.csv");
    let users = std::fs::read_to_string(&list).unwrap();
    let bob = "bob@example.com,S-1-5-21-1004336348-1177238915-682003330-1105\n";
    std::fs::write(&list, users + bob).unwrap();
    let helped = tried().await;
    assert!(helped.contains(", 1 would change"), "{helped}");
    assert!(
        helped.contains("refused by policy, now approved  names"),
        "{helped}"
    );
    ca.check().await;
}

#[tokio::test]
async fn a_rule_sees_the_lists_and_the_count_of_certificates() {
    let (mut ca, mut chromebook) = sampled("wifi-device").await;
    let rule = "[[profile.rule]]\nname = \"one\"\nexpression = 'live_certificates < 1 && asset_id == \"A-1042\"'\nmessage = \"One.\"\nremedy = \"wait\"\n";
    ca.stop().await;
    let file = ca.configuration_file();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + rule).unwrap();
    ca.serve().await.unwrap();
    let first = enroll(&ca, &mut chromebook, "eap-device", Scope::Machine).await;
    first.issued();
    let second = enroll(&ca, &mut chromebook, "eap-device", Scope::Machine).await;
    second.is("refused_by_rule");
    let seen = "live_certificates = 1, asset_id = \"A-1042\"".to_owned();
    assert_eq!(failed(&ca).await, [("rule:one".to_owned(), seen)]);
    ca.check().await;
}

#[tokio::test]
async fn a_profile_that_its_issuer_cannot_serve_does_not_start() {
    let mut ca = TestCa::start().await;
    ca.stop().await;
    let allow = "allow = \"all_verified\"\nkey_algorithms = [\"ECDSA\"]\n";
    let rest = "require_customer_id = true\n";
    let usage =
        "[profile.certificate]\nextended_key_usages = [\"client_auth\", \"smartcard_logon\"]\n";
    ca.reconfigure(&format!("{allow}{rest}"), &format!("{allow}{rest}{usage}"));
    let text = std::fs::read_to_string(ca.configuration_file()).unwrap();
    let line = text
        .lines()
        .position(|line| line.starts_with("extended_key_usages"));
    let place = format!("vaca.toml:{}: [[profile]] vpn-user: ", line.unwrap() + 1);
    let why = ca.start_refused().await;
    assert!(why.contains(&place), "{why}");
    let told = "the certificate of issuer issuing does not admit smartcard_logon";
    assert!(why.contains(told), "{why}");
    ca.reconfigure(usage, "");
    ca.serve().await.unwrap();
    ca.check().await;
}

#[tokio::test]
async fn a_certificate_that_would_outlive_any_issuer_is_a_mistake() {
    let owner = Owner::new("Example", Endpoint::Test).unwrap();
    let key = || SoftwareKey::generate(SignatureAlgorithm::default()).unwrap();
    let (root_key, issuing_key) = (key(), key());
    let serial = |seed| SerialNumber::draw(START, &SeededRandom::new(seed)).unwrap();
    let root = prepare_root(&owner, &root_key, serial(1), START, ROOT_LIFETIME).unwrap();
    let root = root.sign(&root_key).await.unwrap();
    let ca = TestCa::start().await;
    let config = Config::load(&ca.configuration_file()).unwrap();
    let usages = std::collections::BTreeSet::new();
    for (days, fits) in [(29, false), (30, true)] {
        let request = IssuingRequest {
            spki_der: issuing_key.spki_der(),
            usages: &usages,
            serial: serial(2),
            lifetime: (days - 1) * 24 * 60 * 60,
            pki_base: None,
        };
        let issuing = prepare_issuing(&owner, &root, &root_key, request, START).unwrap();
        let issuing = issuing.sign(&root_key).await.unwrap();
        let checked = config.check_issuer(&config.issuers[0], &issuing);
        let told = checked.map_or_else(|error| error.to_string(), |()| "fits".to_owned());
        let wrong = "[[profile]] wifi-user: validity_days is more than the 29 days for which issuer issuing is good altogether";
        assert!(told.contains(if fits { "fits" } else { wrong }), "{told}");
    }
    ca.check().await;
}

#[tokio::test]
async fn a_list_that_is_not_sound_stops_the_start() {
    let (mut ca, _) = sampled("wifi-device").await;
    let list = ca.folder.path().join("devices.csv");
    std::fs::write(&list, "device_permanent_id,asset_id\n1a2b,A-1\n1a2b,A-2\n").unwrap();
    let why = ca.start_refused().await;
    assert!(
        why.contains("devices.csv: line 3: device_permanent_id stands on line 2 too"),
        "{why}"
    );
    std::fs::remove_file(&list).unwrap();
    let why = ca.start_refused().await;
    assert!(why.contains("devices.csv"), "{why}");
    ca.check().await;
}
