//! Somebody else reads our bytes: openssl and rustls.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use vaca::cli::{InitArguments, KeyKind, initialize};
use vaca::config::Config;
use vaca::random::SystemRandom;
use vaca::store::Store;
use vaca_emulator::{KeyAlgorithm, VirtualChromebook};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::support::openssl::{openssl, openssl_refuses, self_signed};
use crate::support::{ALICE, Answer, START, TestCa};

/// Writes leaf and chain of an answer, and the published bundle, beside each other.
pub async fn publish(ca: &TestCa, answer: &Answer) {
    let folder = ca.folder.path();
    let member = |text: &serde_json::Value| text.as_str().unwrap().to_owned();
    let chain = answer.json["chain"].as_array().unwrap();
    let chain: String = chain.iter().map(member).collect();
    std::fs::write(folder.join("leaf.pem"), member(&answer.json["certificate"])).unwrap();
    std::fs::write(folder.join("chain.pem"), chain).unwrap();
    let bundle = ca.get("/v1/ca/bundle.pem").await;
    assert_eq!(bundle.status, 200);
    std::fs::write(folder.join("bundle.pem"), &bundle.text).unwrap();
}

/// `openssl verify`, as strict as it can be, at the time of the test.
pub fn verify<'a>(purpose: &'a str, time: &'a str) -> [&'a str; 11] {
    [
        "verify",
        "-x509_strict",
        "-purpose",
        purpose,
        "-attime",
        time,
        "-CAfile",
        "bundle.pem",
        "-untrusted",
        "chain.pem",
        "leaf.pem",
    ]
}

/// The certified key is the Chromebook's, octet by octet.
fn holds_the_key(ca: &TestCa, chromebook: &VirtualChromebook) {
    let pem = std::fs::read(ca.folder.path().join("leaf.pem")).unwrap();
    let der = CertificateDer::from_pem_slice(&pem).unwrap();
    let certificate = Certificate::from_der(&der).unwrap();
    let spki = certificate.tbs_certificate().subject_public_key_info();
    assert_eq!(
        spki.to_der().unwrap(),
        chromebook.registered_key_spki().unwrap()
    );
}

#[tokio::test]
async fn openssl_accepts_what_is_issued_for_clients_and_for_nothing_else() {
    let ca = TestCa::start().await;
    let mut chromebook = ca.chromebook(ALICE).await;
    let folder = ca.folder.path();
    let now = START.0.to_string();
    for (user, key) in [
        (true, KeyAlgorithm::Ecdsa),
        (true, KeyAlgorithm::Rsa),
        (false, KeyAlgorithm::Ecdsa),
        (false, KeyAlgorithm::Rsa),
    ] {
        let answer = if user {
            ca.enroll_user(&mut chromebook, key).await
        } else {
            ca.enroll_device(&mut chromebook, key).await
        };
        answer.issued();
        publish(&ca, &answer).await;
        holds_the_key(&ca, &chromebook);
        openssl(&verify("sslclient", &now), folder).await;
        for purpose in ["sslserver", "smimesign", "crlsign", "timestampsign"] {
            openssl_refuses(&verify(purpose, &now), folder).await;
        }
        let before = (START.0 - 301).to_string();
        let after = (START.0 + 30 * 24 * 60 * 60 + 1).to_string();
        for outside in [&before, &after] {
            openssl_refuses(&verify("sslclient", outside), folder).await;
        }
    }
    ca.check().await;
}

#[tokio::test]
async fn each_kind_of_ca_key_gives_chains_that_openssl_accepts() {
    for (kind, signature) in [
        (KeyKind::P384, "ecdsa-with-SHA384"),
        (KeyKind::Rsa3072, "sha256WithRSAEncryption"),
    ] {
        let mut ca = TestCa::start().await;
        ca.stop().await;
        ca.store.close().await;
        let folder = ca.folder.path().to_owned();
        for name in ["issuing", "root"] {
            std::fs::remove_dir_all(folder.join(name)).unwrap();
        }
        std::fs::remove_file(folder.join("root.crt")).unwrap();
        ca.place.clear(&folder).await;
        let config = Config::load(&ca.configuration_file()).unwrap();
        vaca::store::migrate::run(&config.database).await.unwrap();
        let mut arguments = InitArguments::for_tests();
        arguments.key = kind;
        initialize(&config, &arguments, &ca.clock, &SystemRandom)
            .await
            .unwrap();
        ca.store = Store::open(&config.database).await.unwrap();
        ca.serve().await.unwrap();
        let mut chromebook = ca.chromebook(ALICE).await;
        let answer = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
        publish(&ca, answer.issued()).await;
        openssl(&verify("sslclient", &START.0.to_string()), &folder).await;
        for name in ["leaf.pem", "chain.pem", "bundle.pem"] {
            let text = openssl(&["x509", "-in", name, "-noout", "-text"], &folder).await;
            assert!(text.contains(signature), "{name}: {text}");
        }
        ca.check().await;
    }
}

/// Replaces what differs from run to run: runs of octets, and the device's random ids.
fn redacted(text: &str, ids: &[&str]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let octets = |line: &str| {
        let line = line.trim();
        line.contains(':')
            && line
                .chars()
                .all(|sign| sign.is_ascii_hexdigit() || sign == ':')
    };
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let mut line = if octets(line) {
            format!("{}<octets>", &line[..indent])
        } else {
            line.trim_end().to_owned()
        };
        for id in ids {
            line = line.replace(id, "<id>");
        }
        if !(line.trim() == "<octets>" && lines.last() == Some(&line)) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

pub async fn dump(file: &str, folder: &Path, ids: &[&str]) -> String {
    let text = openssl(&["x509", "-in", file, "-noout", "-text"], folder).await;
    redacted(&text, ids)
}

#[tokio::test]
async fn what_stands_in_each_certificate() {
    let ca = TestCa::start().await;
    let folder = ca.folder.path();
    let mut chromebook = ca.chromebook(ALICE).await;
    let id = chromebook.device_permanent_id().to_owned();
    let answer = ca.enroll_user(&mut chromebook, KeyAlgorithm::Ecdsa).await;
    publish(&ca, answer.issued()).await;
    insta::assert_snapshot!("user_certificate", dump("leaf.pem", folder, &[]).await);
    insta::assert_snapshot!("issuing_certificate", dump("chain.pem", folder, &[]).await);
    insta::assert_snapshot!("root_certificate", dump("bundle.pem", folder, &[]).await);
    let answer = ca.enroll_device(&mut chromebook, KeyAlgorithm::Rsa).await;
    publish(&ca, answer.issued()).await;
    insta::assert_snapshot!("device_certificate", dump("leaf.pem", folder, &[&id]).await);
    ca.check().await;
}

#[tokio::test]
async fn the_roots_revocation_list_is_signed_by_the_published_root() {
    let ca = TestCa::start().await;
    let folder = ca.folder.path();
    let bundle = ca.get("/v1/ca/bundle.pem").await;
    std::fs::write(folder.join("bundle.pem"), &bundle.text).unwrap();
    let root = ca
        .rows("SELECT issuer_id FROM certificates WHERE kind = 'root'")
        .await;
    let root = vaca::model::certificate::IssuerId::parse(&root[0]).unwrap();
    let newest = ca.store.newest_crl(&root, START).await.unwrap().unwrap();
    assert_eq!(newest.number, 1);
    let der = ca.store.crl_der(newest.row).await.unwrap().unwrap();
    std::fs::write(folder.join("root.crl"), &der).unwrap();
    let crl = ["crl", "-inform", "DER", "-in", "root.crl", "-noout"];
    let verified = openssl(&[&crl[..], &["-CAfile", "bundle.pem"]].concat(), folder).await;
    assert!(verified.contains("verify OK"), "{verified}");
    let text = openssl(&[&crl[..], &["-text"]].concat(), folder).await;
    insta::assert_snapshot!("root_crl", redacted(&text, &[]));
    // With it, openssl checks the issuing certificate against revocation.
    openssl(
        &[
            "crl", "-inform", "DER", "-in", "root.crl", "-out", "crl.pem",
        ],
        folder,
    )
    .await;
    openssl(
        &[
            "verify",
            "-x509_strict",
            "-crl_check",
            "-CRLfile",
            "crl.pem",
            "-attime",
            &START.0.to_string(),
            "-CAfile",
            "bundle.pem",
            "issuing/issuing.crt",
        ],
        folder,
    )
    .await;
    ca.check().await;
}

/// The time of the tests, for TLS.
#[derive(Debug)]
struct TestTime;

impl TimeProvider for TestTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(START.since_epoch()))
    }
}

/// A client that offers whatever it has, without a look at whether it fits.
#[derive(Debug)]
struct Offers(Arc<CertifiedKey>);

impl ResolvesClientCert for Offers {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    let found = CertificateDer::pem_file_iter(path).unwrap();
    found.map(Result::unwrap).collect()
}

fn roots(path: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path) {
        roots.add(certificate).unwrap();
    }
    roots
}

fn offers(chain: Vec<CertificateDer<'static>>, pkcs8: &[u8]) -> Option<Arc<Offers>> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8.to_vec()));
    let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    Some(Arc::new(Offers(Arc::new(CertifiedKey::new(chain, key)))))
}

/// Whether a TLS server that trusts the published bundle lets this client in.
async fn lets_in(folder: &Path, offers: Option<Arc<Offers>>) -> bool {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients = Arc::new(roots(&folder.join("bundle.pem")));
    let verifier = WebPkiClientVerifier::builder_with_provider(clients, Arc::clone(&provider))
        .build()
        .unwrap();
    let server = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(TestTime))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            certificates(&folder.join("server.crt")),
            PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap(),
        )
        .unwrap();
    let client = ClientConfig::builder_with_details(provider, Arc::new(TestTime))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(&folder.join("server.crt")));
    let client = match offers {
        Some(offers) => client.with_client_cert_resolver(offers),
        None => client.with_no_client_auth(),
    };
    let (near, far) = tokio::io::duplex(64 * 1024);
    let connector = TlsConnector::from(Arc::new(client));
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let handshake = async {
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let (accepted, _connected) =
            tokio::join!(acceptor.accept(far), connector.connect(name, near));
        accepted.is_ok()
    };
    tokio::time::timeout(Duration::from_secs(10), handshake)
        .await
        .expect("a handshake ends")
}

#[tokio::test]
async fn a_tls_server_lets_in_who_holds_certificate_chain_and_key() {
    let ca = TestCa::start().await;
    let folder = ca.folder.path();
    self_signed(folder, "server").await;
    let (stranger, stranger_key) = self_signed(folder, "stranger").await;
    let stranger_key = PrivateKeyDer::from_pem_file(stranger_key).unwrap();
    for key in [KeyAlgorithm::Ecdsa, KeyAlgorithm::Rsa] {
        let mut chromebook = ca.chromebook(ALICE).await;
        let answer = ca.enroll_device(&mut chromebook, key).await;
        publish(&ca, answer.issued()).await;
        let leaf = certificates(&folder.join("leaf.pem"));
        let chain = [leaf.clone(), certificates(&folder.join("chain.pem"))].concat();
        let own = chromebook.registered_key_pkcs8().unwrap();
        assert!(lets_in(folder, offers(chain.clone(), own)).await);
        assert!(!lets_in(folder, None).await);
        // Without the issuing certificate; with a key that is not the certificate's; of nobody.
        assert!(!lets_in(folder, offers(leaf, own)).await);
        assert!(!lets_in(folder, offers(chain, stranger_key.secret_der())).await);
        let nobody = certificates(&stranger);
        assert!(!lets_in(folder, offers(nobody, stranger_key.secret_der())).await);
    }
    ca.check().await;
}
