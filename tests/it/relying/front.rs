//! What stands before the admin listener: TLS, as relying parties want it there, and everything that can
//! go wrong on the way.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::World;
use super::daemon::free_port;

/// The name in its certificate.
pub(super) const NAME: &str = "localhost";

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It reaches the service.
    Through,
    /// Nobody listens.
    Closed,
    /// Somebody else hears it, with a certificate of their own making.
    Impostor,
    /// It is never answered, and no handshake either.
    Hangs,
    /// This comes back, and nothing of it from the service.
    Answers(&'static str),
}

/// The front, until the test ends.
pub(super) struct Front {
    port: u16,
    admin: String,
    tls: TlsAcceptor,
    impostors: TlsAcceptor,
    seen: Arc<Seen>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    connections: Mutex<usize>,
    questions: Mutex<Vec<String>>,
}

impl Front {
    /// One through which everything goes.
    pub(super) async fn start(world: &World) -> Self {
        let certificates = CertificateDer::pem_file_iter(world.path("server.crt")).unwrap();
        let certificates = certificates.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(world.path("server.key")).unwrap();
        let own = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let own_key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let mut front = Self {
            port: free_port(),
            admin: world.ca.admin.strip_prefix("http://").unwrap().to_owned(),
            tls: acceptor(certificates, key),
            impostors: acceptor(vec![own.cert.into()], own_key.into()),
            seen: Arc::default(),
            tasks: JoinSet::new(),
        };
        front.goes(Way::Through).await;
        front
    }

    pub(super) fn url(&self) -> String {
        format!("https://{NAME}:{}", self.port)
    }

    /// From now on that becomes of questions; connections that are open end.
    pub(super) async fn goes(&mut self, way: Way) {
        self.tasks.shutdown().await;
        *self.seen.connections.lock().unwrap() = 0;
        self.seen.questions.lock().unwrap().clear();
        if way == Way::Closed {
            return;
        }
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.listen(bind(here, self.port).await, way);
        // Where the machine has it, the name stands for both.
        let there = IpAddr::V6(Ipv6Addr::LOCALHOST);
        if let Ok(listener) = TcpListener::bind((there, self.port)).await {
            self.listen(listener, way);
        }
    }

    fn listen(&mut self, listener: TcpListener, way: Way) {
        let tls = match way {
            Way::Impostor => self.impostors.clone(),
            _ => self.tls.clone(),
        };
        let admin = self.admin.clone();
        let seen = Arc::clone(&self.seen);
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *seen.connections.lock().unwrap() += 1;
                let (tls, admin, seen) = (tls.clone(), admin.clone(), Arc::clone(&seen));
                connections.spawn(async move {
                    // Whoever asks may go away at any time.
                    serve(stream, way, &tls, &admin, &seen).await.ok();
                });
            }
        });
    }

    /// How many connections there were since it goes this way.
    pub(super) fn connections(&self) -> usize {
        *self.seen.connections.lock().unwrap()
    }

    /// What was asked since then, as it came; the first line and the header fields.
    pub(super) fn questions(&self) -> Vec<String> {
        self.seen.questions.lock().unwrap().clone()
    }
}

/// A child that another test is starting holds, until it is its program, what was open here: the port may
/// be free a moment later.
async fn bind(address: IpAddr, port: u16) -> TcpListener {
    for _ in 0..400 {
        match TcpListener::bind((address, port)).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            bound => return bound.unwrap(),
        }
    }
    panic!("port {port} is never free");
}

fn acceptor(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth();
    let config = config.with_single_cert(chain, key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    stream: TcpStream,
    way: Way,
    tls: &TlsAcceptor,
    admin: &str,
    seen: &Seen,
) -> std::io::Result<()> {
    if way == Way::Hangs {
        tokio::time::sleep(Duration::from_secs(600)).await;
        return Ok(());
    }
    let mut stream = tls.accept(stream).await?;
    let mut question = Vec::new();
    while !question.ends_with(b"\r\n\r\n") {
        question.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&question).into_owned();
    seen.questions.lock().unwrap().push(text);
    if let Way::Answers(answer) = way {
        stream.write_all(answer.as_bytes()).await?;
        return stream.shutdown().await;
    }
    let mut service = TcpStream::connect(admin).await?;
    service.write_all(&question).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut service).await?;
    Ok(())
}
