//! Certificates instead of tokens.

use std::net::Ipv4Addr;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use reqwest::{Certificate, Client, Identity};
use vaca::model::certificate_header::CertificateHeader;
use vaca::model::fingerprint::Fingerprint;
use vaca::model::role::Role;

use super::{answer, events, is_nothing, request};
use crate::support::openssl::self_signed;
use crate::support::{START, TestCa, eventually, http_client};

/// An entry of the configuration.
pub struct Named {
    name: &'static str,
    role: Role,
    certificate_header: Option<CertificateHeader>,
}

impl Named {
    pub fn new(name: &'static str, role: Role) -> Self {
        Self {
            name,
            role,
            certificate_header: None,
        }
    }

    /// A proxy, which passes on certificates in this field.
    pub fn proxy(name: &'static str, header: CertificateHeader) -> Self {
        Self {
            certificate_header: Some(header),
            ..Self::new(name, Role::RelyingParty)
        }
    }
}

/// A CA of the operators' own.
struct OperatorsCa {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl OperatorsCa {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "operators");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// Certificate and key, PEM, and the former's fingerprint. It ends so many seconds after the start
    /// of the tests' clock.
    fn client(&self, name: &str, seconds: i64) -> (String, Fingerprint) {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.distinguished_name.push(DnType::CommonName, name);
        let end = START.plus(seconds).since_epoch();
        params.not_after = (std::time::UNIX_EPOCH + end).into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pem = certificate.pem() + &key.serialize_pem();
        (pem, Fingerprint::of(certificate.der()))
    }
}

const DAY: i64 = 24 * 60 * 60;

/// A service whose admin listener speaks TLS.
pub struct TlsCa {
    pub ca: TestCa,
    operators: OperatorsCa,
    server: Vec<u8>,
    identities: std::collections::HashMap<String, String>,
}

impl TlsCa {
    /// Beside these, `unnamed` has a certificate that is nowhere in the configuration.
    pub async fn start(named: &[Named]) -> Self {
        Self::start_with(|text| text, named).await
    }

    /// The same with a configuration of a test's own.
    pub async fn start_with(configure: impl Fn(String) -> String, named: &[Named]) -> Self {
        let mut ca = TestCa::start_with(configure, |options| options).await;
        ca.stop().await;
        let folder = ca.folder.path().to_owned();
        let (server, _) = self_signed(&folder, "admin").await;
        let operators = OperatorsCa::new();
        std::fs::write(folder.join("operators.crt"), &operators.pem).unwrap();
        let mut table = "[admin]\ntls_certificate_file = \"admin.crt\"\ntls_key_file = \"admin.key\"\nclient_ca_file = \"operators.crt\"\n\n".to_owned();
        let mut identities = std::collections::HashMap::new();
        for Named {
            name,
            role,
            certificate_header,
        } in named
        {
            let (pem, sha256) = operators.client(name, DAY);
            identities.insert((*name).to_owned(), pem);
            table += &format!(
                "[[admin.client]]\nname = \"{name}\"\nsha256 = \"{sha256}\"\nrole = \"{role}\"\n"
            );
            if let Some(header) = certificate_header {
                table += &format!("certificate_header = \"{header}\"\n");
            }
            table += "\n";
        }
        identities.insert("unnamed".to_owned(), operators.client("unnamed", DAY).0);
        ca.reconfigure("[database]", &format!("{table}[database]"));
        ca.serve().await.unwrap();
        assert!(ca.admin.starts_with("https://"));
        Self {
            ca,
            operators,
            server: std::fs::read(server).unwrap(),
            identities,
        }
    }

    /// A client that shows this certificate, or none.
    pub fn client(&self, name: Option<&str>) -> Client {
        self.client_with(name.map(|name| self.identities[name].as_str()))
    }

    fn client_with(&self, pem: Option<&str>) -> Client {
        let root = Certificate::from_pem(&self.server).unwrap();
        http_client(|builder| {
            let builder = builder.tls_certs_only([root]);
            match pem {
                Some(pem) => builder.identity(Identity::from_pem(pem.as_bytes()).unwrap()),
                None => builder,
            }
        })
    }

    pub async fn check(self) {
        self.ca.check().await;
    }
}

const DOCTOR: &str = "/v1/admin/doctor";

#[tokio::test]
async fn a_certificate_is_that_of_the_connection_and_of_no_header() {
    let tls = TlsCa::start(&[Named::new("monitor", Role::Auditor)]).await;
    let ca = &tls.ca;
    let (monitor, stranger) = (tls.client(Some("monitor")), tls.client(None));
    let nothing = answer(request(ca, &stranger, "GET", "/v1/admin/nothing")).await;
    assert_eq!(
        answer(request(ca, &monitor, "GET", DOCTOR)).await.status,
        200
    );
    let (pem, sha256) = (&tls.identities["monitor"], Fingerprint::of(&[]));
    let certificate = &pem[..pem.find("-----BEGIN PRIVATE").unwrap()];
    let certificate = certificate.replace('\n', "");
    for (name, value) in [
        ("x-client-cert", certificate.as_str()),
        ("x-ssl-client-cert", &certificate),
        ("x-forwarded-client-cert", &certificate),
        ("client-cert", &certificate),
        ("x-ssl-client-fingerprint", &sha256.to_string()),
        ("x-forwarded-user", "administrator"),
        ("x-forwarded-for", "127.0.0.1"),
    ] {
        let asked = request(ca, &stranger, "GET", DOCTOR).header(name, value);
        is_nothing(&answer(asked).await, &nothing);
    }
    // A token comes in over TLS too, and is then what counts, good or bad.
    let administrator = ca.token(Role::Administrator).await;
    for client in [&monitor, &stranger] {
        let asked = request(ca, client, "GET", "/v1/admin/tokens").bearer_auth(&administrator);
        assert_eq!(answer(asked).await.status, 200);
        let asked = request(ca, client, "GET", DOCTOR).bearer_auth("vaca_x");
        is_nothing(&answer(asked).await, &nothing);
    }
    let events = events(ca).await;
    assert!(
        events[0].starts_with("record_read certificate:"),
        "{events:?}"
    );
    assert_eq!(events.len(), 3);
    tls.check().await;
}

#[tokio::test]
async fn a_certificate_ends_with_its_last_second_on_an_open_connection_too() {
    let tls = TlsCa::start(&[Named::new("monitor", Role::Auditor)]).await;
    let ca = &tls.ca;
    let monitor = tls.client(Some("monitor"));
    ca.clock.advance(DAY);
    assert_eq!(
        answer(request(ca, &monitor, "GET", DOCTOR)).await.status,
        200
    );
    ca.clock.advance(1);
    let late = answer(request(ca, &monitor, "GET", DOCTOR)).await;
    let nothing = answer(request(ca, &monitor, "GET", "/v1/admin/nothing")).await;
    is_nothing(&late, &nothing);
    // A new connection does not come about at all.
    let again = tls.client(Some("monitor"));
    assert!(request(ca, &again, "GET", DOCTOR).send().await.is_err());
    assert!(
        request(ca, &tls.client(None), "GET", "/healthz")
            .send()
            .await
            .is_ok()
    );
    tls.check().await;
}

#[tokio::test]
async fn a_certificate_of_anybody_else_gets_no_connection() {
    let tls = TlsCa::start(&[Named::new("monitor", Role::Auditor)]).await;
    let ca = &tls.ca;
    let (elsewhere, _) = OperatorsCa::new().client("monitor", DAY);
    let (expired, _) = tls.operators.client("monitor", -1);
    for pem in [elsewhere, expired] {
        let client = tls.client_with(Some(&pem));
        assert!(
            request(ca, &client, "GET", "/healthz")
                .send()
                .await
                .is_err()
        );
    }
    // In the clear there is nothing to hear.
    let plain = ca.client_at(Ipv4Addr::LOCALHOST);
    let address = ca.admin.replace("https://", "http://");
    assert!(
        plain
            .get(format!("{address}{DOCTOR}"))
            .send()
            .await
            .is_err()
    );
    tls.check().await;
}

#[tokio::test]
async fn a_ca_of_the_fleet_vouches_for_no_operator() {
    let mut tls = TlsCa::start(&[Named::new("monitor", Role::Auditor)]).await;
    let folder = tls.ca.folder.path().to_owned();
    let operators = tls.operators.pem.clone();
    for ours in ["root.crt", "issuing/issuing.crt"] {
        let ours = std::fs::read_to_string(folder.join(ours)).unwrap();
        std::fs::write(folder.join("operators.crt"), format!("{operators}{ours}")).unwrap();
        let error = tls.ca.start_refused().await;
        assert!(
            error.contains("operators.crt holds a CA of this service"),
            "{error}"
        );
    }
    for (text, complaint) in [
        ("", "holds no certificate"),
        ("nonsense", "holds no certificate"),
    ] {
        std::fs::write(folder.join("operators.crt"), text).unwrap();
        let error = tls.ca.start_refused().await;
        assert!(error.contains(complaint), "{error}");
    }
    std::fs::remove_file(folder.join("operators.crt")).unwrap();
    let error = tls.ca.start_refused().await;
    assert!(
        error.contains("cannot read") && error.contains("operators.crt"),
        "{error}"
    );
    tls.check().await;
}

#[tokio::test]
async fn a_renewed_listener_asks_the_same_clients() {
    let mut tls = TlsCa::start(&[Named::new("monitor", Role::Auditor)]).await;
    let folder = tls.ca.folder.path().to_owned();
    let (renewed, key) = self_signed(&folder, "renewed").await;
    let before = tls.client(None);
    std::fs::copy(&renewed, folder.join("admin.crt")).unwrap();
    std::fs::copy(&key, folder.join("admin.key")).unwrap();
    tls.server = std::fs::read(&renewed).unwrap();
    let (ca, tls_now) = (&tls.ca, &tls);
    eventually("the renewed certificate is served", || async {
        let asked = request(ca, &tls_now.client(None), "GET", "/healthz");
        asked.send().await.is_ok()
    })
    .await;
    assert!(
        request(ca, &before, "GET", "/healthz")
            .send()
            .await
            .is_err()
    );
    let monitor = tls.client(Some("monitor"));
    assert_eq!(
        answer(request(ca, &monitor, "GET", DOCTOR)).await.status,
        200
    );
    let (elsewhere, _) = OperatorsCa::new().client("monitor", DAY);
    let elsewhere = tls.client_with(Some(&elsewhere));
    assert!(
        request(ca, &elsewhere, "GET", "/healthz")
            .send()
            .await
            .is_err()
    );
    tls.check().await;
}
