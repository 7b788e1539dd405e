//! TLS that tells the routes which certificate the peer showed. They learn it from the connection alone:
//! no header field says it.

use std::future::Future;
use std::io;
use std::pin::Pin;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tower_layer::Layer as _;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::access::PeerCertificate;
use crate::clock::Timestamp;
use crate::model::fingerprint::Fingerprint;

/// Opens TLS, then puts the peer's certificate beside each request of the connection.
#[derive(Clone, Debug)]
pub(super) struct PeerAcceptor(RustlsAcceptor);

impl PeerAcceptor {
    pub(super) fn new(config: RustlsConfig) -> Self {
        Self(RustlsAcceptor::new(config))
    }
}

type Accepted<S> = <RustlsAcceptor as Accept<TcpStream, S>>::Stream;
type Told<S> = AddExtension<S, Option<PeerCertificate>>;

impl<S: Send + 'static> Accept<TcpStream, S> for PeerAcceptor {
    type Stream = Accepted<S>;
    type Service = Told<S>;
    type Future =
        Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send + 'static>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let opening = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = opening.await?;
            let (_, session) = stream.get_ref();
            let chain = session.peer_certificates();
            let certificate = chain.and_then(<[_]>::first).and_then(read);
            Ok((stream, Extension(certificate).layer(service)))
        })
    }
}

/// What can be told of it. TLS has verified it; one that does not parse here is none.
fn read(certificate: &CertificateDer<'_>) -> Option<PeerCertificate> {
    let parsed = Certificate::from_der(certificate).ok()?;
    let not_after = parsed.tbs_certificate().validity().not_after;
    let not_after = i64::try_from(not_after.to_unix_duration().as_secs()).ok()?;
    Some(PeerCertificate {
        fingerprint: Fingerprint::of(certificate),
        not_after: Timestamp(not_after),
    })
}
