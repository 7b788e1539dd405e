//! An emulator with a clock that tests move, and a caller with credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use vaca_emulator::chromebook::Enrollment;
use vaca_emulator::protocol::verified_access_client::VerifiedAccessClient;
use vaca_emulator::protocol::{
    GenerateChallengeRequest, VerifyChallengeResponseRequest, VerifyChallengeResponseResult,
};
use vaca_emulator::{Emulator, KeyAlgorithm, Options, VirtualChromebook, system_clock};

pub(crate) const ALICE: &str = "alice@example.com";
pub(crate) const SCOPE: &str = "https://www.googleapis.com/auth/verifiedaccess";

/// A Tuesday in 2026.
const START_MS: i64 = 1_780_000_000_000;

pub(crate) struct TestBed {
    pub(crate) emulator: Emulator,
    pub(crate) caller: Caller,
    clock: Arc<AtomicI64>,
}

impl TestBed {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        let clock = Arc::new(AtomicI64::new(START_MS));
        let now = clock.clone();
        let options = Options {
            clock: Arc::new(move || now.load(Ordering::SeqCst)),
            shared_keys: true,
            ..options
        };
        let emulator = Emulator::start(options).await.unwrap();
        let token = bearer(&emulator.service_account_json(), scope_claims);
        let caller = Caller::connect(&emulator, &token).await;
        Self {
            emulator,
            caller,
            clock,
        }
    }

    pub(crate) fn advance(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Alice's Chromebook, with a machine key that is quick to make.
    pub(crate) async fn chromebook(&self) -> VirtualChromebook {
        let enrollment = Enrollment {
            machine_key: KeyAlgorithm::Ecdsa,
            ..Enrollment::default()
        };
        VirtualChromebook::enrolled_as(&self.emulator.control_url(), ALICE, enrollment)
            .await
            .unwrap()
    }

    pub(crate) async fn limited_caller(&self) -> Caller {
        let token = bearer(&self.emulator.limited_service_account_json(), scope_claims);
        Caller::connect(&self.emulator, &token).await
    }
}

/// A client with one bearer token.
pub(crate) struct Caller {
    client: VerifiedAccessClient<Channel>,
    token: String,
}

impl Caller {
    pub(crate) async fn connect(emulator: &Emulator, token: &str) -> Self {
        let mut endpoint = Endpoint::from_shared(emulator.verified_access_url()).unwrap();
        if let Some(root) = emulator.root_certificate_pem() {
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(root));
            endpoint = endpoint.tls_config(tls).unwrap();
        }
        Self {
            client: VerifiedAccessClient::new(endpoint.connect().await.unwrap()),
            token: token.to_owned(),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let authorization = format!("Bearer {}", self.token);
        request
            .metadata_mut()
            .insert("authorization", authorization.parse().unwrap());
        request
    }

    pub(crate) async fn generate(&self) -> Result<Vec<u8>, Status> {
        let request = self.request(GenerateChallengeRequest {});
        let answer = self.client.clone().generate_challenge(request).await?;
        Ok(answer.into_inner().challenge)
    }

    pub(crate) async fn verify(
        &self,
        response: &[u8],
        expected_identity: &str,
    ) -> Result<VerifyChallengeResponseResult, Status> {
        let request = self.request(VerifyChallengeResponseRequest {
            challenge_response: response.to_vec(),
            expected_identity: expected_identity.to_owned(),
        });
        let answer = self
            .client
            .clone()
            .verify_challenge_response(request)
            .await?;
        Ok(answer.into_inner())
    }
}

/// The claims that Google's library makes of scopes.
pub(crate) fn scope_claims(email: &str, now_s: i64) -> Value {
    json!({
        "iss": email, "sub": email, "scope": SCOPE, "aud": null,
        "iat": now_s - 10, "exp": now_s + 3600,
    })
}

/// A JWT signed with the key of a service account's key file.
pub(crate) fn bearer(key_file: &str, claims: impl FnOnce(&str, i64) -> Value) -> String {
    let file: Value = serde_json::from_str(key_file).unwrap();
    let pem = file["private_key"].as_str().unwrap();
    let der: String = pem
        .lines()
        .filter(|line| !line.starts_with("---"))
        .collect();
    let key = rsa::KeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap();
    let claims = claims(
        file["client_email"].as_str().unwrap(),
        system_clock()() / 1000,
    );
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": file["private_key_id"]});
    let signed = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
        .join(".");
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A plain HTTP client that installs no TLS provider for the process.
pub(crate) fn http() -> reqwest::Client {
    client(rustls::RootCertStore::empty())
}

/// The same, for a server under this root (PEM).
pub(crate) fn http_trusting(root_pem: &str) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(root_pem.as_bytes()).unwrap();
    roots.add(root).unwrap();
    client(roots)
}

fn client(roots: rustls::RootCertStore) -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .build()
        .unwrap()
}

/// Posts a form; status and JSON of the answer.
pub(crate) async fn post_form(url: &str, form: String) -> (u16, Value) {
    let answer = http()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}
