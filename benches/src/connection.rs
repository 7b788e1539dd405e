//! One HTTP/1.1 connection that is kept open, as cheap for the client as it can be: the load tool
//! shares the machine with the service.

use std::net::SocketAddr;

use anyhow::Context as _;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

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
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
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
    pub async fn post(&mut self, path: &str, json: String) -> anyhow::Result<(StatusCode, Bytes)> {
        self.send(Method::POST, path, json).await
    }

    /// Gets; answers the status.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<StatusCode> {
        let (status, _) = self.send(Method::GET, path, String::new()).await?;
        Ok(status)
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: String,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        self.sender.ready().await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body))?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await.context("no body")?;
        Ok((status, body.to_bytes()))
    }
}
