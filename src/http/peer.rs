//! Who is at the other end of the connection: failures count against this address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Argument;
use crate::http::problem::Problem;
use crate::http::settings::HttpSettings;
use crate::model::problem_code::ProblemCode;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client: of the connection, or, behind a configured proxy, the one that the
/// proxy saw. An IPv4 address mapped into IPv6 is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer(pub(super) IpAddr);

impl<S> FromRequestParts<S> for Peer
where
    S: Send + Sync,
    Arc<HttpSettings>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Some(ConnectInfo(address)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            // Without it every limit by address would be void.
            tracing::error!("the listener does not tell who connected");
            return Err(ProblemCode::InternalError.into());
        };
        let settings = Arc::<HttpSettings>::from_ref(state);
        Ok(Self(client(
            address.ip(),
            &parts.headers,
            &settings.trusted_proxies,
        )))
    }
}

/// Nothing that a client sends.
impl Argument for Peer {
    fn describe(_: &mut Draft) {}
}

/// Walks `X-Forwarded-For` from its end, the only part that a proxy of ours wrote, past the trusted
/// proxies to the first address that is none. What stands before that is the client's invention.
fn client(connected: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let trusts = |address: &IpAddr| trusted.iter().any(|proxy| proxy.to_canonical() == *address);
    let mut last = connected.to_canonical();
    let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    let mut hops = values
        .iter()
        .rev()
        .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    while trusts(&last) {
        // A hop that cannot be read ends the walk: the last address that is sure counts.
        let Some(hop) = hops.next().and_then(address) else {
            break;
        };
        last = hop;
    }
    last
}

/// One hop: an address, with or without a port.
fn address(unverified_hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(unverified_hop).ok()?.trim();
    let bare = text.parse::<IpAddr>();
    let address = bare.or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    Some(address.ok()?.to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    fn seen(connected: &str, forwarded: &[&'static str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted: Vec<IpAddr> = trusted.iter().map(|proxy| proxy.parse().unwrap()).collect();
        client(connected.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_name_its_own_address() {
        assert_eq!(
            seen("198.51.100.7", &["203.0.113.1"], &["192.0.2.1"]),
            "198.51.100.7"
        );
        assert_eq!(seen("198.51.100.7", &["203.0.113.1"], &[]), "198.51.100.7");
    }

    #[test]
    fn a_proxy_is_believed_for_one_hop_only() {
        let one = ["203.0.113.9, 198.51.100.7"];
        assert_eq!(seen("192.0.2.1", &one, &["192.0.2.1"]), "198.51.100.7");
        let two_lines = ["203.0.113.9", "198.51.100.7"];
        assert_eq!(
            seen("192.0.2.1", &two_lines, &["192.0.2.1"]),
            "198.51.100.7"
        );
    }

    #[test]
    fn a_chain_of_trusted_proxies_is_walked_to_its_end() {
        let chain = ["203.0.113.9, 198.51.100.7, 192.0.2.2"];
        let trusted = ["192.0.2.1", "192.0.2.2"];
        assert_eq!(seen("192.0.2.1", &chain, &trusted), "198.51.100.7");
        assert_eq!(seen("192.0.2.1", &["192.0.2.2"], &trusted), "192.0.2.2");
    }

    #[test]
    fn garbage_counts_against_whoever_sent_it() {
        for garbage in ["unknown", "198.51.100.7, x", "", ",", "198.51.100.7,"] {
            assert_eq!(seen("192.0.2.1", &[garbage], &["192.0.2.1"]), "192.0.2.1");
        }
        assert_eq!(seen("192.0.2.1", &[], &["192.0.2.1"]), "192.0.2.1");
    }

    #[test]
    fn mapped_addresses_and_ports_are_read() {
        assert_eq!(
            seen("::ffff:192.0.2.1", &["198.51.100.7:443"], &["192.0.2.1"]),
            "198.51.100.7"
        );
        assert_eq!(
            seen("192.0.2.1", &["[2001:db8::7]:443"], &["::ffff:192.0.2.1"]),
            "2001:db8::7"
        );
        assert_eq!(seen("::ffff:198.51.100.7", &[], &[]), "198.51.100.7");
    }

    proptest::proptest! {
        #[test]
        fn no_header_moves_a_client_that_is_no_proxy(header in "[ -~]{0,80}") {
            let mut headers = HeaderMap::new();
            headers.insert(FORWARDED_FOR, header.parse().unwrap());
            let connected: IpAddr = "198.51.100.7".parse().unwrap();
            let proxy: IpAddr = "192.0.2.1".parse().unwrap();
            proptest::prop_assert_eq!(client(connected, &headers, &[proxy]), connected);
        }
    }

    #[tokio::test]
    async fn a_request_whose_sender_is_unknown_is_not_served() {
        let settings = Arc::new(HttpSettings::default());
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let unknown = Peer::from_request_parts(&mut parts, &settings).await;
        assert_eq!(unknown, Err(ProblemCode::InternalError.into()));
        let sender: SocketAddr = "[::ffff:198.51.100.7]:443".parse().unwrap();
        parts.extensions.insert(ConnectInfo(sender));
        let known = Peer::from_request_parts(&mut parts, &settings).await;
        assert_eq!(known, Ok(Peer("198.51.100.7".parse().unwrap())));
    }
}
