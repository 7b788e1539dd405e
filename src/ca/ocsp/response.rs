//! An `OCSPResponse` (RFC 6960, section 4.2.1), encoded.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc6960::{ID_PKIX_OCSP_BASIC, ID_PKIX_OCSP_NONCE};
use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, Null, OctetString, OctetStringRef};
use der::{Choice, Decode as _, Encode as _, Enumerated, Sequence};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::CrlReason;

use crate::ca::ocsp::certificate_id::CertificateId;
use crate::ca::ocsp::request::Nonce;
use crate::ca::signer::SignatureAlgorithm;
use crate::clock::Timestamp;
use crate::model::revocation::{Revocation, RevocationReason};

/// What a requester gets instead of an answer; nothing of it is signed (RFC 6960, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not a request that can be read.
    MalformedRequest,
    /// A fault of ours.
    InternalError,
    /// Not now: the record does not answer, or our clock is not believed.
    TryLater,
    /// Nothing that is asked for is for us to say (RFC 5019, section 2.2.3).
    Unauthorized,
}

impl Failure {
    /// The word that metrics and logs use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MalformedRequest => "malformed_request",
            Self::InternalError => "internal_error",
            Self::TryLater => "try_later",
            Self::Unauthorized => "unauthorized",
        }
    }

    /// The whole response: an `OCSPResponseStatus` and nothing else.
    #[must_use]
    pub fn to_der(self) -> Vec<u8> {
        let status = match self {
            Self::MalformedRequest => 1,
            Self::InternalError => 2,
            Self::TryLater => 3,
            Self::Unauthorized => 6,
        };
        vec![0x30, 0x03, 0x0a, 0x01, status]
    }
}

/// How a certificate stands (RFC 6960, section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateStatus {
    /// Issued, and not revoked.
    Good,
    /// Not to be believed any more.
    Revoked(Revocation),
    /// None that was issued here.
    Unknown,
}

impl CertificateStatus {
    /// The word that metrics and logs use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked(_) => "revoked",
            Self::Unknown => "unknown",
        }
    }
}

/// A signed answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The `OCSPResponse`, DER.
    pub der: Vec<u8>,
    /// When it was true.
    pub this_update: Timestamp,
    /// Until when it may be believed.
    pub next_update: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[repr(u8)]
enum ResponseStatus {
    Successful = 0,
}

#[derive(Sequence)]
struct OcspResponse<'a> {
    response_status: ResponseStatus,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    response_bytes: ResponseBytes<'a>,
}

#[derive(Sequence)]
struct ResponseBytes<'a> {
    response_type: ObjectIdentifier,
    response: &'a OctetStringRef,
}

#[derive(Sequence)]
struct BasicOcspResponse<'a> {
    tbs_response_data: AnyRef<'a>,
    signature_algorithm: AnyRef<'a>,
    signature: BitStringRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    certs: Vec<AnyRef<'a>>,
}

/// Of version 1, which is not written (RFC 6960, section 4.2.1).
#[derive(Sequence)]
struct ResponseData<'a> {
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    by_key: &'a OctetStringRef,
    produced_at: GeneralizedTime,
    responses: Vec<SingleResponse<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    response_extensions: Option<Vec<Extension>>,
}

#[derive(Sequence)]
struct SingleResponse<'a> {
    cert_id: AnyRef<'a>,
    cert_status: CertStatus,
    this_update: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    next_update: GeneralizedTime,
}

#[derive(Choice)]
enum CertStatus {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    Good(Null),
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true")]
    Revoked(RevokedInfo),
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT")]
    Unknown(Null),
}

#[derive(Sequence)]
struct RevokedInfo {
    revocation_time: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    revocation_reason: Option<CrlReason>,
}

impl CertStatus {
    fn of(status: CertificateStatus) -> der::Result<Self> {
        Ok(match status {
            CertificateStatus::Good => Self::Good(Null),
            CertificateStatus::Unknown => Self::Unknown(Null),
            CertificateStatus::Revoked(revocation) => Self::Revoked(RevokedInfo {
                revocation_time: time(revocation.at)?,
                revocation_reason: reason(revocation.reason),
            }),
        })
    }
}

/// As in a CRL (RFC 5280, section 5.3.1), "unspecified" is said by saying nothing.
fn reason(reason: RevocationReason) -> Option<CrlReason> {
    match reason {
        RevocationReason::Unspecified => None,
        RevocationReason::KeyCompromise => Some(CrlReason::KeyCompromise),
        RevocationReason::CaCompromise => Some(CrlReason::CaCompromise),
        RevocationReason::AffiliationChanged => Some(CrlReason::AffiliationChanged),
        RevocationReason::Superseded => Some(CrlReason::Superseded),
        RevocationReason::CessationOfOperation => Some(CrlReason::CessationOfOperation),
        RevocationReason::PrivilegeWithdrawn => Some(CrlReason::PrivilegeWithdrawn),
    }
}

fn time(timestamp: Timestamp) -> der::Result<GeneralizedTime> {
    GeneralizedTime::from_unix_duration(timestamp.since_epoch())
}

/// The part that is signed. It names its signer by the key: each node has a signer of its own, and all of
/// them have one name.
pub(super) fn to_be_signed(
    signer_key_hash: &[u8],
    answers: &[(&CertificateId, CertificateStatus)],
    nonce: Option<&Nonce>,
    this_update: Timestamp,
    next_update: Timestamp,
) -> der::Result<Vec<u8>> {
    let (from, until) = (time(this_update)?, time(next_update)?);
    let mut responses = Vec::with_capacity(answers.len());
    for (id, status) in answers {
        responses.push(SingleResponse {
            cert_id: AnyRef::from_der(id.der())?,
            cert_status: CertStatus::of(*status)?,
            this_update: from,
            next_update: until,
        });
    }
    ResponseData {
        by_key: OctetStringRef::new(signer_key_hash)?,
        produced_at: from,
        responses,
        response_extensions: nonce.map(echo).transpose()?,
    }
    .to_der()
}

/// RFC 9654, section 2.1: the same value, under the same name.
fn echo(nonce: &Nonce) -> der::Result<Vec<Extension>> {
    Ok(vec![Extension {
        extn_id: ID_PKIX_OCSP_NONCE,
        critical: false,
        extn_value: OctetString::new(OctetStringRef::new(nonce.as_bytes())?.to_der()?)?,
    }])
}

/// Puts signature and certificates behind exactly the octets that were signed.
pub(super) fn assemble(
    tbs: &[u8],
    algorithm: SignatureAlgorithm,
    signature: &[u8],
    certificates: [&[u8]; 2],
) -> der::Result<Vec<u8>> {
    let identifier = algorithm.identifier_der()?;
    let basic = BasicOcspResponse {
        tbs_response_data: AnyRef::from_der(tbs)?,
        signature_algorithm: AnyRef::from_der(&identifier)?,
        signature: BitStringRef::from_bytes(signature)?,
        certs: certificates
            .iter()
            .map(|certificate| AnyRef::from_der(certificate))
            .collect::<der::Result<_>>()?,
    }
    .to_der()?;
    OcspResponse {
        response_status: ResponseStatus::Successful,
        response_bytes: ResponseBytes {
            response_type: ID_PKIX_OCSP_BASIC,
            response: OctetStringRef::new(&basic)?,
        },
    }
    .to_der()
}
