//! Keeps web pages out: any page in a browser on this machine can send requests to loopback.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Refuses a request with an `Origin` (a page's script sent it) and one for another host (a page
/// whose name was made to resolve to loopback sent it: DNS rebinding).
pub(super) async fn local_callers_only(request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::ORIGIN) {
        return (
            StatusCode::FORBIDDEN,
            "web pages may not drive the emulator",
        )
            .into_response();
    }
    if !names_loopback(&request) {
        return (StatusCode::FORBIDDEN, "only loopback names are served").into_response();
    }
    next.run(request).await
}

fn names_loopback(request: &Request) -> bool {
    // HTTP/1 sends Host, HTTP/2 sends :authority, and a request may have both: each must be local.
    let host = request.headers().get_all(header::HOST);
    let mut named = host
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .chain(request.uri().authority().map(Authority::as_str))
        .peekable();
    named.peek().is_some() && named.all(is_loopback)
}

fn is_loopback(authority: &str) -> bool {
    let Ok(uri) = authority.parse::<Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_names_and_nothing_like_them() {
        for host in [
            "localhost",
            "localhost:8091",
            "127.0.0.1:1",
            "[::1]:8091",
            "LOCALHOST",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "127.0.0.1.example.com",
            "localhost.example.com",
            "10.0.0.1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
