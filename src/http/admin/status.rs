//! `GET /v1/status/..`: how a certificate stands, for relying parties. They are answered for each
//! authentication, and so without an event in the audit log: what they were told is counted.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::Principal;
use crate::authorization::{self, CertificateStatus, Question};
use crate::http::admin::desk::Desk;
use crate::http::admin::entry::RelyingParty;
use crate::http::admin::holder::{Attribute, FOR_SECONDS, STATUS, describe};
use crate::http::admin::query::{QueryParameters, UnverifiedQuery, malformed};
use crate::http::admin::views::status::{FreeRadiusView, StatusView};
use crate::http::openapi::draft::Draft;
use crate::http::openapi::signature::Reply;
use crate::http::problem::Problem;
use crate::http::segment::{UnverifiedSegment, UnverifiedSegments};
use crate::model::certificate::IssuerId;
use crate::model::fingerprint::Fingerprint;
use crate::model::serial::SerialNumber;
use crate::model::status::Status;

/// How the answer is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusQuery {
    /// `good`: 403 for anything else, for whoever reads no body.
    #[param(pattern = "^good$")]
    require: Option<String>,
    /// `json`, or `freeradius`: the attributes as its module reads them.
    #[param(pattern = "^(json|freeradius)$")]
    format: Option<String>,
}

impl QueryParameters for StatusQuery {
    const NAMES: &'static str = "require, format";
}

/// What a relying party can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The whole answer; 200 whatever it says.
    Json,
    /// The same; 403 where it does not say good.
    Decision,
    /// The attributes, for FreeRADIUS; 403 likewise, for the module reads 200 as a yes.
    FreeRadius,
}

impl StatusQuery {
    fn form(&self) -> Result<Form, Problem> {
        match (self.require.as_deref(), self.format.as_deref()) {
            (None, None | Some("json")) => Ok(Form::Json),
            (Some("good"), None | Some("json")) => Ok(Form::Decision),
            (None | Some("good"), Some("freeradius")) => Ok(Form::FreeRadius),
            (None | Some("good"), Some(_)) => {
                Err(malformed("format is json or freeradius.").into())
            }
            (Some(_), _) => Err(malformed("require is good.").into()),
        }
    }
}

/// One of the two forms.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum StatusBody {
    /// The whole answer.
    Status(Box<StatusView>),
    /// The attributes alone.
    FreeRadius(FreeRadiusView),
}

/// The answer, with the decision as status and header fields too.
#[derive(Debug)]
pub(super) struct Told(Response);

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Reply for Told {
    fn describe(draft: &mut Draft) {
        draft.answers::<StatusBody>(StatusCode::OK, "How it stands.");
        let refused = "It is not good, and that was required.";
        draft.answers::<StatusBody>(StatusCode::FORBIDDEN, refused);
    }
}

/// `GET /v1/status/{issuer}/{serial}`.
pub(super) async fn by_name(
    RelyingParty(principal): RelyingParty,
    State(desk): State<Arc<Desk>>,
    UnverifiedSegments(unverified_issuer, unverified_serial): UnverifiedSegments,
    UnverifiedQuery(query): UnverifiedQuery<StatusQuery>,
) -> Result<Told, Problem> {
    let form = query.form()?;
    let issuer = IssuerId::parse(&unverified_issuer.to_ascii_lowercase());
    let named = issuer.zip(SerialNumber::parse(&unverified_serial));
    let (issuer, serial) = named.ok_or_else(|| {
        malformed("A certificate is named by its issuer's id, 16 hexadecimal digits, and its number, two for each of its 1 to 20 octets.")
    })?;
    let question = Question::Name(issuer, serial);
    answer(&desk, &principal, &question, form).await
}

/// `GET /v1/status/sha256/{fingerprint}`.
pub(super) async fn by_fingerprint(
    RelyingParty(principal): RelyingParty,
    State(desk): State<Arc<Desk>>,
    UnverifiedSegment(unverified_fingerprint): UnverifiedSegment,
    UnverifiedQuery(query): UnverifiedQuery<StatusQuery>,
) -> Result<Told, Problem> {
    let form = query.form()?;
    let fingerprint = Fingerprint::parse(&unverified_fingerprint)
        .ok_or_else(|| malformed("A fingerprint is SHA-256: 64 hexadecimal digits."))?;
    let question = Question::Fingerprint(fingerprint);
    answer(&desk, &principal, &question, form).await
}

async fn answer(
    desk: &Desk,
    principal: &Principal,
    question: &Question,
    form: Form,
) -> Result<Told, Problem> {
    let answer = authorization::status(&desk.resources, question).await?;
    tracing::debug!(actor = %principal.actor.stored(), status = answer.status.as_str(),
        "a relying party was told how a certificate stands");
    let status = match answer.status {
        Status::Good => StatusCode::OK,
        _ if form == Form::Json => StatusCode::OK,
        _ => StatusCode::FORBIDDEN,
    };
    let fields = fields(&answer);
    let body = match form {
        Form::FreeRadius => StatusBody::FreeRadius(FreeRadiusView::of(&answer)),
        Form::Json | Form::Decision => StatusBody::Status(Box::new(StatusView::of(&answer))),
    };
    Ok(Told((status, fields, Json(body)).into_response()))
}

/// The decision once more, for what reads header fields alone. Who it is stands there only while the
/// certificate is good.
fn fields(answer: &CertificateStatus) -> HeaderMap {
    let mut fields = HeaderMap::from_iter([
        (header::CACHE_CONTROL, FOR_SECONDS),
        (STATUS, HeaderValue::from_static(answer.status.as_str())),
    ]);
    let certificate = answer.certificate.as_ref();
    let Some(known) = certificate.filter(|_| answer.status == Status::Good) else {
        return fields;
    };
    let attributes = answer.attributes.iter();
    let attributes = attributes.map(|(name, value)| Attribute(name, value));
    describe(&mut fields, known, attributes);
    fields
}
