//! The HTTP edge. Every route is on this screen; a handler reads its request, calls one story and
//! writes the answer.

pub mod admin;
mod answer;
mod body;
mod cors;
mod crl;
mod date;
mod enrollment;
mod envelope;
pub mod health;
mod json;
pub mod limits;
pub mod metrics;
mod ocsp;
mod openapi;
mod peer;
mod pem;
pub mod pki;
pub mod problem;
mod profiles;
mod renewal;
mod routes;
mod segment;
pub mod settings;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::from_fn_with_state;
use tower_http::catch_panic::CatchPanicLayer;

use crate::admission::Admission;
use crate::clock::Clock;
use crate::enrollment::Enrollment;
use crate::http::admin::Desk;
use crate::http::envelope::Envelope;
use crate::http::health::Readiness;
use crate::http::limits::Bounds;
use crate::http::metrics::Readings;
use crate::http::pki::{Bundle, IssuerCertificates};
use crate::http::problem::{Problem, page};
use crate::http::routes::Routes;
use crate::http::settings::HttpSettings;
use crate::model::problem_code::ProblemCode;
use crate::model::profile::CertificateProfile;
use crate::publication::Publication;
use crate::random::Random;
use crate::renewal::Renewals;
use crate::responder::Responder;
use crate::telemetry::Metrics;

pub use crate::http::enrollment::read_certificate_request;

/// What the routes reach. Clones share it.
#[derive(Clone)]
pub struct Edge {
    /// Hands out challenges.
    pub admission: Arc<Admission>,
    /// Issues certificates.
    pub enrollment: Arc<Enrollment>,
    /// Tells when certificates are to be renewed.
    pub renewals: Arc<Renewals>,
    /// The profiles, in the order of the configuration.
    pub profiles: Arc<Vec<CertificateProfile>>,
    /// The trust bundle.
    pub bundle: Bundle,
    /// The certificates of root and issuing CAs.
    pub issuer_certificates: IssuerCertificates,
    /// The CRLs.
    pub publication: Arc<Publication>,
    /// Who knows whether all is well.
    pub readiness: Arc<dyn Readiness>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Who looks when somebody asks for it.
    pub readings: Arc<dyn Readings>,
    /// Says how a certificate stands.
    pub responder: Arc<Responder>,
    /// What operators reach.
    pub desk: Arc<Desk>,
    /// `[http]`.
    pub settings: Arc<HttpSettings>,
    /// For `Date` and the log.
    pub clock: Arc<dyn Clock>,
    /// For request ids and spread waits.
    pub random: Arc<dyn Random>,
}

/// The public API, the PKI's public files included. Serve it with
/// `into_make_service_with_connect_info::<SocketAddr>()`.
pub fn api(edge: &Edge) -> Router {
    let routes = public_routes().router(&edge.settings);
    surround(routes.with_state(edge.clone()), edge)
}

/// What relying parties fetch in the clear (RFC 5280, section 8: a `https` address inside a
/// certificate could need itself to be checked).
pub fn pki(edge: &Edge) -> Router {
    let routes = pages().and(health()).router(&edge.settings);
    surround(routes.with_state(edge.clone()), edge)
}

/// Everything that the public API's document describes.
fn public_routes() -> Routes {
    work().and(pages()).and(health())
}

fn work() -> Routes {
    Routes::bounded("enrolment")
        .post(
            "/v1/challenges",
            "A challenge for one device, good for a minute.",
            enrollment::challenge,
        )
        .post(
            "/v1/certificates",
            "A certificate for the answer to a challenge. The same request again gets the same octets.",
            enrollment::certificate,
        )
        .get(
            "/v1/certificates/{issuer}/{serial}/renewal-info",
            "When a certificate is to be renewed, for its holder.",
            renewal::info,
        )
        .get("/v1/profiles", "What can be asked for.", profiles::list)
        .get(
            "/v1/openapi.json",
            "This API, as an OpenAPI document.",
            openapi::public,
        )
}

fn pages() -> Routes {
    Routes::bounded("relying parties")
        .get(
            "/problems/{code}",
            "What a problem's code means, for people.",
            page::show,
        )
        .get(
            "/v1/ca/bundle.pem",
            "The certificates to trust.",
            pki::bundle,
        )
        .get(
            "/ca/{issuer_crt}",
            "The certificate of one CA; certificates name this address.",
            pki::issuer,
        )
        .get(
            "/crl/{issuer_crl}",
            "The certificates of one CA that were revoked; certificates name this address.",
            crl::one,
        )
        .post(
            "/ocsp",
            "Is this certificate revoked? An OCSP request (RFC 6960); certificates name this address.",
            ocsp::post,
        )
        .get(
            "/ocsp/{*request}",
            "The same, with the request in the address, in base64.",
            ocsp::get,
        )
        .get(
            "/v1/crl/all.pem",
            "The CRLs of all levels in one file, for servers that load files.",
            crl::all,
        )
}

fn health() -> Routes {
    Routes::always("health")
        .get("/healthz", "Is the process alive?", health::alive)
        .get("/readyz", "Can this node do its part?", health::ready)
}

fn bounded<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    settings: &Arc<HttpSettings>,
) -> Router<S> {
    let bounds = Bounds::new(settings);
    routes.route_layer(from_fn_with_state(bounds, limits::bound))
}

fn surround(routes: Router, edge: &Edge) -> Router {
    surround_with(routes, edge, &edge.settings)
}

fn surround_with(routes: Router, edge: &Edge, settings: &HttpSettings) -> Router {
    let envelope = Envelope {
        clock: Arc::clone(&edge.clock),
        random: Arc::clone(&edge.random),
        metrics: Arc::clone(&edge.metrics),
    };
    enveloped(routes, envelope, settings)
}

/// The last layer named is the outermost.
fn enveloped(routes: Router, envelope: Envelope, settings: &HttpSettings) -> Router {
    routes
        .fallback(|| async { Problem::from(ProblemCode::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::from(ProblemCode::MethodNotAllowed) })
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .layer(CatchPanicLayer::custom(envelope::panicked))
        .layer(cors::layer(settings))
        .layer(from_fn_with_state(envelope, envelope::wrap))
}

/// A handler asks for the part that it needs.
macro_rules! part {
    ($($field:ident: $part:ty,)+) => {
        $(impl FromRef<Edge> for $part {
            fn from_ref(edge: &Edge) -> Self {
                edge.$field.clone()
            }
        })+
    };
}

part! {
    admission: Arc<Admission>,
    enrollment: Arc<Enrollment>,
    renewals: Arc<Renewals>,
    profiles: Arc<Vec<CertificateProfile>>,
    bundle: Bundle,
    issuer_certificates: IssuerCertificates,
    publication: Arc<Publication>,
    readiness: Arc<dyn Readiness>,
    metrics: Arc<Metrics>,
    readings: Arc<dyn Readings>,
    responder: Arc<Responder>,
    desk: Arc<Desk>,
    clock: Arc<dyn Clock>,
    settings: Arc<HttpSettings>,
}

#[cfg(test)]
mod tests;
