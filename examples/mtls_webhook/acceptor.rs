//! Opens TLS, writes down whom it refuses, and tells the routes which certificate the peer showed.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower_layer::Layer as _;

use crate::gate::Gate;
use crate::handshake;
use crate::refusal::Refusal;
use crate::trust::{self, Trust};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// As it was verified at the handshake, the holder's own certificate first.
    pub(crate) chain: Arc<[CertificateDer<'static>]>,
}

impl Peer {
    pub(crate) fn refused(address: SocketAddr, refusal: &Refusal) {
        let Refusal { code, cause, .. } = refusal;
        tracing::warn!("refused {address}: {code}: {cause}");
    }
}

/// Each connection begins with what is believed at that moment.
#[derive(Clone, Debug)]
pub(crate) struct Acceptor(watch::Receiver<Arc<Trust>>);

impl Acceptor {
    pub(crate) fn new(trust: watch::Receiver<Arc<Trust>>) -> Self {
        Self(trust)
    }
}

type Opened<S> = (TlsStream<TcpStream>, AddExtension<S, Peer>);

impl<S: Send + 'static> Accept<TcpStream, S> for Acceptor {
    type Stream = TlsStream<TcpStream>;
    type Service = AddExtension<S, Peer>;
    type Future = Pin<Box<dyn Future<Output = io::Result<Opened<S>>> + Send + 'static>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let trust = Arc::clone(&self.0.borrow());
        Box::pin(async move {
            let address = stream.peer_addr()?;
            let opened = open(stream, trust).await;
            let stream = opened.map_err(|refusal| {
                Peer::refused(address, &refusal);
                io::Error::other(refusal.code)
            })?;
            let (_, session) = stream.get_ref();
            let chain = session.peer_certificates().unwrap_or_default();
            let peer = Peer {
                address,
                chain: chain.iter().cloned().collect(),
            };
            Ok((stream, Extension(peer).layer(service)))
        })
    }
}

async fn open(stream: TcpStream, trust: Arc<Trust>) -> Result<TlsStream<TcpStream>, Refusal> {
    let (gate, refused) = Gate::new(Arc::clone(&trust));
    let config = configure(gate, &trust)
        .map_err(|error| Refusal::certificate("handshake_failed", error.to_string()))?;
    let accepting = TlsAcceptor::from(Arc::new(config)).accept(stream);
    match tokio::time::timeout(HANDSHAKE, accepting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            let refused = refused.get().cloned();
            Err(refused.unwrap_or_else(|| handshake::refusal(&error)))
        }
        Err(_) => {
            let cause = "the client did not end the handshake in time";
            Err(Refusal::certificate("too_slow", cause))
        }
    }
}

fn configure(gate: Gate, trust: &Trust) -> Result<ServerConfig, rustls::Error> {
    let own = SingleCertAndKey::from(Arc::clone(&trust.own));
    let mut config = ServerConfig::builder_with_provider(trust::provider())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(gate))
        .with_cert_resolver(Arc::new(own));
    // A resumed session brings its client certificate along, unverified: it would escape a new list.
    // There is no ticketer by default, and without storage there is nothing to resume either.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
