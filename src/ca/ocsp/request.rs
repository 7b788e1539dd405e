//! An `OCSPRequest` (RFC 6960, section 4.1.1), read strictly. A signature on it says nothing to us: whoever
//! may ask may ask without one.

use const_oid::db::rfc6960::ID_PKIX_OCSP_NONCE;
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode as _, Sequence};
use x509_cert::ext::Extension;

use crate::ca::ocsp::certificate_id::CertificateId;

/// How many certificates one request may name: each costs a look at the record. Clients ask for one, or for
/// a chain.
pub const CERTIFICATES_MAX: usize = 64;
/// The longest nonce, in octets; the shortest is one (RFC 9654, section 2.1).
pub const NONCE_MAX: usize = 128;

#[derive(Sequence)]
struct OcspRequest<'a> {
    tbs_request: TbsRequest<'a>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    optional_signature: Option<AnyRef<'a>>,
}

#[derive(Sequence)]
struct TbsRequest<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", default = "v1")]
    version: u8,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    requestor_name: Option<AnyRef<'a>>,
    request_list: Vec<SingleRequest<'a>>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    request_extensions: Option<Vec<Extension>>,
}

#[derive(Sequence)]
struct SingleRequest<'a> {
    req_cert: AnyRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    single_request_extensions: Option<Vec<Extension>>,
}

fn v1() -> u8 {
    0
}

/// What a requester may send so that an old answer is not taken for the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// Its octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the content of the extension: an OCTET STRING within the bounds.
    fn read(unverified: &[u8]) -> Result<Self, Malformed> {
        let octets = <&OctetStringRef>::from_der(unverified)?.as_bytes();
        if octets.is_empty() || octets.len() > NONCE_MAX {
            return Err(Malformed("a nonce has 1 to 128 octets"));
        }
        Ok(Self(octets.to_vec()))
    }
}

/// Not a request that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

impl From<der::Error> for Malformed {
    fn from(_: der::Error) -> Self {
        Self("not an OCSPRequest in DER")
    }
}

/// A request: one certificate or more, as they are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which certificates; at least one, [`CERTIFICATES_MAX`] at the most.
    pub certificates: Vec<CertificateId>,
    /// What the answer must repeat.
    pub nonce: Option<Nonce>,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(unverified: &[u8]) -> Result<Self, Malformed> {
        let OcspRequest { tbs_request, .. } = OcspRequest::from_der(unverified)?;
        if tbs_request.version != v1() {
            return Err(Malformed("not of version 1"));
        }
        let list = &tbs_request.request_list;
        if list.is_empty() || list.len() > CERTIFICATES_MAX {
            return Err(Malformed("a request names 1 to 64 certificates"));
        }
        for single in list {
            understood(single.single_request_extensions.as_deref(), false)?;
        }
        let extensions = tbs_request.request_extensions.as_deref();
        understood(extensions, true)?;
        let of_list = list
            .iter()
            .map(|single| CertificateId::read(single.req_cert));
        Ok(Self {
            certificates: of_list.collect::<der::Result<_>>()?,
            nonce: nonce(extensions.unwrap_or_default())?,
        })
    }
}

/// What must be understood and is not is no request to us (RFC 6960, section 4.4).
fn understood(extensions: Option<&[Extension]>, may_be_nonce: bool) -> Result<(), Malformed> {
    let known = |extension: &Extension| may_be_nonce && extension.extn_id == ID_PKIX_OCSP_NONCE;
    let mut extensions = extensions.unwrap_or_default().iter();
    match extensions.find(|extension| extension.critical && !known(extension)) {
        Some(_) => Err(Malformed("a critical extension that is not known here")),
        None => Ok(()),
    }
}

fn nonce(extensions: &[Extension]) -> Result<Option<Nonce>, Malformed> {
    let mut nonces = extensions
        .iter()
        .filter(|extension| extension.extn_id == ID_PKIX_OCSP_NONCE);
    match (nonces.next(), nonces.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => Nonce::read(only.extn_value.as_bytes()).map(Some),
        (Some(_), Some(_)) => Err(Malformed("two nonces")),
    }
}
