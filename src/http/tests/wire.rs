//! Bodies as they come over a real connection.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::HeaderMap;

use crate::http::body;
use crate::http::limits::{BODY_BYTES, DISCARDED_BYTES};
use crate::http::problem::Problem;
use crate::http::tests::surrounded;

/// Long enough for a loaded machine, short enough to end a test that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

async fn whole(headers: HeaderMap, body: Body) -> Result<String, Problem> {
    Ok(body::read(&headers, body).await?.len().to_string())
}

async fn hurried(body: Body) -> Result<String, Problem> {
    let time = Duration::from_millis(50);
    Ok(body::within(time, body).await?.len().to_string())
}

async fn listen() -> SocketAddr {
    let routes = Router::new()
        .route("/whole", post(whole))
        .route("/hurried", post(hurried));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, surrounded(routes)).await });
    address
}

/// Sends the head of a request and then its parts; gives all that is answered.
async fn exchange(head: &str, parts: Vec<Vec<u8>>) -> String {
    let address = listen().await;
    let head = format!("{head}\r\nHost: localhost\r\n\r\n");
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        for part in parts {
            stream.write_all(&part).unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

fn chunked(length: usize) -> Vec<Vec<u8>> {
    let chunk = |data: &[u8]| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat();
    let data = vec![b'x'; length];
    let mut parts: Vec<_> = data.chunks(10_000).map(chunk).collect();
    parts.push(b"0\r\n\r\n".to_vec());
    parts
}

#[tokio::test]
async fn the_largest_body_is_taken_and_one_octet_more_is_not() {
    for (length, status) in [(BODY_BYTES, "200 OK"), (BODY_BYTES + 1, "413 ")] {
        let head = "POST /whole HTTP/1.1\r\nConnection: close\r\n";
        let declared = format!("{head}Content-Length: {length}");
        let undeclared = format!("{head}Transfer-Encoding: chunked");
        for (head, body) in [
            (declared, vec![vec![b'x'; length]]),
            (undeclared, chunked(length)),
        ] {
            let answer = exchange(&head, body).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
            assert_eq!(answer.ends_with("\r\n65536"), status == "200 OK");
        }
    }
}

#[tokio::test]
async fn a_client_that_writes_a_mebibyte_still_reads_its_answer() {
    let length = 1024 * 1024;
    assert!(length < DISCARDED_BYTES);
    let head = format!("POST /whole HTTP/1.1\r\nContent-Length: {length}");
    // That the connection lives on shows that the body was read to its end.
    let next = "POST /whole HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answers = exchange(&head, vec![vec![b'x'; length], next.into()]).await;
    assert!(answers.contains("body_too_large"), "{answers}");
    assert!(answers.contains("HTTP/1.1 200 OK"), "{answers}");
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_too_much_is_told_no() {
    let head = "POST /whole HTTP/1.1\r\nContent-Length: 1048576\r\nExpect: 100-continue";
    let answer = exchange(head, Vec::new()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let head = "POST /hurried HTTP/1.1\r\nContent-Length: 10";
    let answer = exchange(head, vec![b"x".to_vec()]).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_garbled_is_malformed() {
    let head = "POST /whole HTTP/1.1\r\nTransfer-Encoding: chunked";
    let answer = exchange(head, vec![b"not a length\r\n".to_vec()]).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}
