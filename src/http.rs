//! The HTTP edge. Every route is on this screen; a handler reads its request, calls one story and
//! writes the answer.

pub mod admin;
mod body;
mod cors;
mod date;
mod enrollment;
mod envelope;
pub mod health;
mod json;
pub mod limits;
pub mod metrics;
mod ocsp;
mod peer;
mod pem;
pub mod pki;
pub mod problem;
mod profiles;
mod segment;
pub mod settings;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
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
use crate::http::settings::HttpSettings;
use crate::model::problem_code::ProblemCode;
use crate::model::profile::CertificateProfile;
use crate::random::Random;
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
    /// The profiles, in the order of the configuration.
    pub profiles: Arc<Vec<CertificateProfile>>,
    /// The trust bundle.
    pub bundle: Bundle,
    /// The certificates of root and issuing CAs.
    pub issuer_certificates: IssuerCertificates,
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
    let work = Router::new()
        .route("/v1/challenges", post(enrollment::challenge))
        .route("/v1/certificates", post(enrollment::certificate))
        .route("/v1/profiles", get(profiles::list))
        .merge(pages());
    surround(
        bounded(work, &edge.settings)
            .merge(health())
            .with_state(edge.clone()),
        edge,
    )
}

/// What relying parties fetch in the clear (RFC 5280, section 8: a `https` address inside a
/// certificate could need itself to be checked).
pub fn pki(edge: &Edge) -> Router {
    surround(
        bounded(pages(), &edge.settings)
            .merge(health())
            .with_state(edge.clone()),
        edge,
    )
}

fn pages() -> Router<Edge> {
    Router::new()
        .route("/problems/{code}", get(page::show))
        .route("/v1/ca/bundle.pem", get(pki::bundle))
        .route("/ca/{issuer_crt}", get(pki::issuer))
        .route("/ocsp", post(ocsp::post))
        .route("/ocsp/{*request}", get(ocsp::get))
}

/// Outside the bounds: an overload must not look like a death.
fn health() -> Router<Edge> {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
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
    profiles: Arc<Vec<CertificateProfile>>,
    bundle: Bundle,
    issuer_certificates: IssuerCertificates,
    readiness: Arc<dyn Readiness>,
    metrics: Arc<Metrics>,
    readings: Arc<dyn Readings>,
    responder: Arc<Responder>,
    desk: Arc<Desk>,
    settings: Arc<HttpSettings>,
}

#[cfg(test)]
mod tests;
