//! What relying parties fetch: CA certificates, one by one and bundled.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;

use crate::http::answer::{Medium, Octets};
use crate::http::problem::Problem;
use crate::http::segment::UnverifiedSegment;
use crate::model::certificate::IssuerId;
use crate::model::problem_code::ProblemCode;

/// An hour: a certificate at an address changes only when its issuer is renewed.
const FOR_AN_HOUR: &str = "public, max-age=3600";

/// CA certificates by their key, DER.
#[derive(Clone, Debug, Default)]
pub struct IssuerCertificates(pub Arc<HashMap<IssuerId, Vec<u8>>>);

impl FromIterator<(IssuerId, Vec<u8>)> for IssuerCertificates {
    fn from_iter<I: IntoIterator<Item = (IssuerId, Vec<u8>)>>(certificates: I) -> Self {
        Self(Arc::new(certificates.into_iter().collect()))
    }
}

/// The trust bundle, PEM.
#[derive(Clone, Debug, Default)]
pub struct Bundle(pub Arc<str>);

impl From<String> for Bundle {
    fn from(pem: String) -> Self {
        Self(pem.into())
    }
}

/// One CA certificate (RFC 2585, section 4.1).
#[derive(Debug)]
pub(super) enum CaCertificate {}

impl Medium for CaCertificate {
    const TYPE: &'static str = "application/pkix-cert";
    const KEPT: &'static str = FOR_AN_HOUR;
    const ABOUT: &'static str = "The certificate, DER.";
}

/// The bundle as a file.
#[derive(Debug)]
pub(super) enum BundleFile {}

impl Medium for BundleFile {
    const TYPE: &'static str = "application/x-pem-file";
    const KEPT: &'static str = FOR_AN_HOUR;
    const ABOUT: &'static str = "The certificates to trust, PEM.";
}

/// `GET /ca/{issuer}.crt`: one CA certificate, DER (RFC 5280, section 4.2.2.1; RFC 2585, section
/// 4.1).
///
/// # Errors
/// [`ProblemCode::NotFound`].
pub(super) async fn issuer(
    State(certificates): State<IssuerCertificates>,
    UnverifiedSegment(unverified_file): UnverifiedSegment,
) -> Result<Octets<CaCertificate>, Problem> {
    let certificate = unverified_file
        .strip_suffix(".crt")
        .and_then(IssuerId::parse)
        .and_then(|issuer| certificates.0.get(&issuer).cloned())
        .ok_or(ProblemCode::NotFound)?;
    Ok(Octets::new(certificate))
}

/// `GET /v1/ca/bundle.pem`: whom a relying party trusts.
pub(super) async fn bundle(State(bundle): State<Bundle>) -> Octets<BundleFile> {
    Octets::new(bundle.0.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test may fail")]
    use axum::Router;
    use axum::routing::get;
    use http::{Method, StatusCode, header};

    use super::*;
    use crate::http::tests::{problem, request, send, surrounded};

    fn router() -> Router {
        let id = IssuerId::of_spki_digest(&[0xab; 32]);
        let certificates: IssuerCertificates = [(id, vec![0x30, 0x00])].into_iter().collect();
        let issuers = Router::new()
            .route("/ca/{issuer_crt}", get(issuer))
            .with_state(certificates);
        let bundles = Router::new()
            .route("/v1/ca/bundle.pem", get(bundle))
            .with_state(Bundle::from("-----BEGIN".to_owned()));
        surrounded(issuers.merge(bundles))
    }

    #[tokio::test]
    async fn an_issuer_is_found_by_its_key_and_by_nothing_else() {
        let known = request(Method::GET, "/ca/abababababababab.crt");
        let (status, headers, body) = send(&router(), known).await;
        assert_eq!(
            (status, body.as_slice()),
            (StatusCode::OK, &[0x30, 0x00][..])
        );
        assert_eq!(headers[header::CONTENT_TYPE], "application/pkix-cert");
        for path in [
            "/ca/abababababababab",
            "/ca/ABABABABABABABAB.crt",
            "/ca/abababababababab.crt.crt",
            "/ca/0000000000000000.crt",
            "/ca/..%2f..%2fetc%2fpasswd.crt",
            "/ca/%ff.crt",
            "/ca/.crt",
        ] {
            let missing = problem(&router(), request(Method::GET, path)).await;
            assert_eq!(missing["code"], "not_found", "{path}");
        }
    }

    #[tokio::test]
    async fn the_bundle_is_pem_and_may_be_kept_for_a_while() {
        let bundle = request(Method::GET, "/v1/ca/bundle.pem");
        let (status, headers, body) = send(&router(), bundle).await;
        assert_eq!(
            (status, body.as_slice()),
            (StatusCode::OK, &b"-----BEGIN"[..])
        );
        assert_eq!(headers[header::CONTENT_TYPE], "application/x-pem-file");
        assert_eq!(headers[header::CACHE_CONTROL], FOR_AN_HOUR);
    }
}
