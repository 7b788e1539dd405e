//! A relying party: a TLS server on loopback that lets in who has a certificate of the CA.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use der::Decode as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{AlertDescription, ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use vaca_emulator::Enrolled;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::authority::Authority;
use crate::report::ok;
use crate::state::StateFolder;

/// Longest wait for a visit; on loopback it takes milliseconds.
const VISIT: Duration = Duration::from_secs(20);

/// A server that asks every client for a certificate.
pub(crate) struct TlsServer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    /// What its visitors trust: a CA of its own, because vaca never certifies servers.
    own_ca: RootCertStore,
}

impl TlsServer {
    /// Fetches the CA's published bundle, trusts it, and listens.
    pub(crate) async fn start(state: &StateFolder, ca: &Authority) -> anyhow::Result<Self> {
        let bundle = ca.fetch("/v1/ca/bundle.pem").await?;
        state.write("bundle.pem", &bundle)?;
        ok(
            "trusts",
            &format!("{}/v1/ca/bundle.pem, kept as bundle.pem", ca.url()),
        );

        let mut trusted = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            trusted.add(root?)?;
        }
        let visitors = WebPkiClientVerifier::builder(Arc::new(trusted)).build()?;
        let (own_ca, certificate, key) = server_identity()?;
        let config = ServerConfig::builder()
            .with_client_cert_verifier(visitors)
            .with_single_cert(vec![certificate], key)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        ok("listens", &format!("on {}", listener.local_addr()?));
        Ok(Self {
            listener,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            own_ca,
        })
    }

    /// Who shows the certificate is let in; who shows none is not.
    pub(crate) async fn prove(&self, who: &str, enrolled: &Enrolled) -> anyhow::Result<()> {
        let greeting = self.visit(Some(enrolled)).await;
        let greeting = greeting.with_context(|| format!("the TLS server refused {who}"))?;
        ok("accepted", &format!("{who}, by certificate: {greeting:?}"));

        let Err(refusal) = self.visit(None).await else {
            bail!("the TLS server let a visitor without a certificate in");
        };
        ensure!(asks_for_certificate(&refusal), refusal);
        ok("refused", &format!("{who} without a certificate"));
        Ok(())
    }

    /// One connection, both ends of it; returns what the server said.
    async fn visit(&self, visitor: Option<&Enrolled>) -> anyhow::Result<String> {
        let config = self.visitor_config(visitor)?;
        let address = self.listener.local_addr()?;
        let both = async { tokio::join!(self.welcome_one(), call(address, config)) };
        let (welcomed, heard) = tokio::time::timeout(VISIT, both).await?;
        // The visitor's side first: it is the one that learns of a refusal over the wire.
        let heard = heard?;
        welcomed?;
        Ok(heard)
    }

    fn visitor_config(&self, visitor: Option<&Enrolled>) -> anyhow::Result<ClientConfig> {
        let config = ClientConfig::builder().with_root_certificates(self.own_ca.clone());
        let Some(enrolled) = visitor else {
            return Ok(config.with_no_client_auth());
        };
        // Leaf and chain: a server that trusts the root has never seen the issuing certificate.
        let shown = std::iter::once(&enrolled.certificate_pem).chain(&enrolled.chain_pem);
        let shown = shown.map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()));
        let key = PrivatePkcs8KeyDer::from(enrolled.private_key_pkcs8.clone());
        Ok(config.with_client_auth_cert(shown.collect::<Result<_, _>>()?, key.into())?)
    }

    /// Greets a visitor by the name in the certificate.
    async fn welcome_one(&self) -> anyhow::Result<()> {
        let (tcp, _) = self.listener.accept().await?;
        let mut visitor = self.acceptor.accept(tcp).await?;
        let (_, session) = visitor.get_ref();
        let shown = session.peer_certificates().and_then(<[_]>::first);
        let name = certified_name(shown.context("the visitor showed no certificate")?)?;
        visitor
            .write_all(format!("welcome, {name}").as_bytes())
            .await?;
        visitor.shutdown().await?;
        Ok(())
    }
}

async fn call(address: SocketAddr, config: ClientConfig) -> anyhow::Result<String> {
    let tcp = TcpStream::connect(address).await?;
    let connector = TlsConnector::from(Arc::new(config));
    let mut server = connector
        .connect(ServerName::try_from("localhost")?, tcp)
        .await?;
    let mut heard = String::new();
    // In TLS 1.3 (RFC 8446, section 4.4.2.4) a visitor learns of a refusal after its own handshake.
    server.read_to_string(&mut heard).await?;
    Ok(heard)
}

/// Whether the server hung up for want of a certificate, and for no other reason.
fn asks_for_certificate(refusal: &anyhow::Error) -> bool {
    let tls = refusal.downcast_ref::<std::io::Error>().and_then(|error| {
        let inner = error.get_ref()?;
        inner.downcast_ref::<rustls::Error>()
    });
    let expected = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
    tls == Some(&expected)
}

/// The name that a relying party goes by: the one subject alternative name of our certificates.
fn certified_name(certificate: &CertificateDer<'_>) -> anyhow::Result<String> {
    let certificate = Certificate::from_der(certificate)?;
    let names = certificate
        .tbs_certificate()
        .get_extension::<SubjectAltName>()?;
    match names.as_ref().map(|(_, names)| names.0.as_slice()) {
        Some([GeneralName::Rfc822Name(email)]) => Ok(email.to_string()),
        Some([GeneralName::UniformResourceIdentifier(uri)]) => Ok(uri.to_string()),
        _ => bail!("the certificate has not exactly one name"),
    }
}

/// A throw-away CA, and the certificate for `localhost` that it signs.
fn server_identity() -> anyhow::Result<(
    RootCertStore,
    CertificateDer<'static>,
    PrivateKeyDer<'static>,
)> {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
    let mut trusted = RootCertStore::empty();
    trusted.add(ca.der().clone())?;

    let key = KeyPair::generate()?;
    let server = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &ca)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((trusted, server.der().clone(), key.into()))
}
