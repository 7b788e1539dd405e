//! One HTTP/1.1 connection that is kept open, as cheap for the client as it can be: the load tool
//! shares the machine with the service.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    /// Connects in the clear.
    ///
    /// # Errors
    /// Where nobody listens.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        Self::over(connect(address).await?, address).await
    }

    /// Connects under TLS to a server whose certificate names its IP address.
    ///
    /// # Errors
    /// Where nobody listens, or somebody else.
    pub async fn open_tls(address: SocketAddr, tls: Arc<ClientConfig>) -> anyhow::Result<Self> {
        let name = ServerName::from(address.ip());
        let stream = connect(address).await?;
        Self::over(
            TlsConnector::from(tls).connect(name, stream).await?,
            address,
        )
        .await
    }

    async fn over<S>(stream: S, address: SocketAddr) -> anyhow::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            host: address.to_string(),
        })
    }

    /// Posts JSON; answers status and body.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn post(
        &mut self,
        path: &str,
        json: impl Into<Bytes>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        self.send(Method::POST, path, json.into()).await
    }

    /// Gets; answers the status.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<StatusCode> {
        let (status, _) = self.send(Method::GET, path, Bytes::new()).await?;
        Ok(status)
    }

    /// Gets with these header fields; answers status and body.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn ask(
        &mut self,
        path: &str,
        fields: &HeaderMap,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::builder().method(Method::GET).uri(path);
        let mut request = request
            .header(header::HOST, &self.host)
            .body(Full::default())?;
        let own = fields.iter();
        let own = own.map(|(name, value)| (name.clone(), value.clone()));
        request.headers_mut().extend(own);
        self.exchange(request).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        self.exchange(request).await
    }

    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await.context("no body")?;
        Ok((status, body.to_bytes()))
    }
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// TLS that trusts the roots in this PEM file and no others, with HTTP/1.1 above it.
///
/// # Errors
/// Where the file cannot be read, or holds no certificate.
pub fn tls(roots_file: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(roots_file)
        .with_context(|| roots_file.display().to_string())?
    {
        roots.add(root?)?;
    }
    ensure!(!roots.is_empty(), "no root in {}", roots_file.display());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use rcgen::CertifiedKey;
    use rustls::ServerConfig;
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::server::TlsStream;

    use super::*;

    fn identity() -> CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap()
    }

    /// Answers `yes` to one request that ends in `{}`.
    async fn answer(mut stream: TlsStream<TcpStream>) {
        let mut request = Vec::new();
        while !request.ends_with(b"{}") {
            request.push(stream.read_u8().await.unwrap());
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes";
        stream.write_all(answer).await.unwrap();
        stream.flush().await.unwrap();
    }

    /// Serves over TLS on a port of its own; ends with the test's runtime.
    async fn serve(identity: CertifiedKey<rcgen::KeyPair>) -> SocketAddr {
        let key = PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![identity.cert.der().clone()], key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that does not trust this server breaks the handshake off.
                if let Ok(stream) = acceptor.accept(stream).await {
                    tokio::spawn(answer(stream));
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn under_tls_only_the_server_of_the_given_root_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let identity_of_server = identity();
        let (own, other) = (folder.path().join("own"), folder.path().join("other"));
        std::fs::write(&own, identity_of_server.cert.pem()).unwrap();
        std::fs::write(&other, identity().cert.pem()).unwrap();
        let address = serve(identity_of_server).await;

        let refused = Connection::open_tls(address, tls(&other).unwrap()).await;
        assert!(refused.is_err());
        let mut connection = Connection::open_tls(address, tls(&own).unwrap())
            .await
            .unwrap();
        let answer = connection.post("/", "{}").await.unwrap();
        assert_eq!(answer, (StatusCode::OK, Bytes::from_static(b"yes")));
    }

    #[test]
    fn a_file_without_roots_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("empty");
        assert!(tls(&file).is_err(), "absent");
        std::fs::write(&file, "").unwrap();
        assert!(tls(&file).is_err());
    }
}
