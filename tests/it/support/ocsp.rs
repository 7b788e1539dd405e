//! A client of OCSP: asks over HTTP, verifies what comes back, and reads it by structures of its own.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_SHA_1, ID_SHA_256};
use der::asn1::{Any, BitString, GeneralizedTime, Null, OctetString};
use der::{Choice, Decode as _, Encode as _, Enumerated, Sequence};
use reqwest::header::HeaderMap;
use rustls_pki_types::CertificateDer;
use spki::AlgorithmIdentifierOwned;
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::serial_number::SerialNumber;

use super::TestCa;

const NONCE: ObjectIdentifier = const_oid::db::rfc6960::ID_PKIX_OCSP_NONCE;

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct CertId {
    pub hash_algorithm: AlgorithmIdentifierOwned,
    pub name_hash: OctetString,
    pub key_hash: OctetString,
    pub serial: SerialNumber,
}

#[derive(Sequence)]
struct Request {
    tbs: TbsRequest,
}

#[derive(Sequence)]
struct TbsRequest {
    list: Vec<Single>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Vec<Extension>>,
}

#[derive(Sequence)]
struct Single {
    id: CertId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[repr(u8)]
pub enum Outcome {
    Successful = 0,
    MalformedRequest = 1,
    InternalError = 2,
    TryLater = 3,
    SigRequired = 5,
    Unauthorized = 6,
}

#[derive(Sequence)]
struct Response {
    outcome: Outcome,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    bytes: Option<ResponseBytes>,
}

#[derive(Sequence)]
struct ResponseBytes {
    kind: ObjectIdentifier,
    response: OctetString,
}

#[derive(Sequence)]
struct Basic {
    data: ResponseData,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    certificates: Vec<Certificate>,
}

#[derive(Sequence)]
struct ResponseData {
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    by_key: OctetString,
    produced_at: GeneralizedTime,
    answers: Vec<Answered>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Vec<Extension>>,
}

#[derive(Clone, Debug, Sequence)]
pub struct Answered {
    pub id: CertId,
    pub status: Status,
    pub this_update: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub next_update: GeneralizedTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Choice)]
pub enum Status {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    Good(Null),
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true")]
    Revoked(Revoked),
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT")]
    Unknown(Null),
}

pub const GOOD: Status = Status::Good(Null);
pub const UNKNOWN: Status = Status::Unknown(Null);

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct Revoked {
    pub at: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub reason: Option<x509_cert::ext::pkix::CrlReason>,
}

/// By which digest an issuer is named.
#[derive(Clone, Copy, Debug)]
pub enum By {
    Sha1,
    Sha256,
}

impl By {
    fn parts(self) -> (&'static Algorithm, ObjectIdentifier) {
        match self {
            Self::Sha1 => (&SHA1_FOR_LEGACY_USE_ONLY, ID_SHA_1),
            Self::Sha256 => (&SHA256, ID_SHA_256),
        }
    }
}

/// How a request names a certificate of this issuer.
pub fn id(issuer: &Certificate, serial: &[u8], by: By) -> CertId {
    let tbs = issuer.tbs_certificate();
    let (algorithm, oid) = by.parts();
    let hash = |octets: &[u8]| OctetString::new(digest(algorithm, octets).as_ref()).unwrap();
    let key = &tbs.subject_public_key_info().subject_public_key;
    CertId {
        hash_algorithm: AlgorithmIdentifierOwned {
            oid,
            parameters: Some(Any::null()),
        },
        name_hash: hash(&tbs.subject().to_der().unwrap()),
        key_hash: hash(key.raw_bytes()),
        serial: SerialNumber::new(serial).unwrap(),
    }
}

/// A request for these, DER.
pub fn request(ids: &[CertId], nonce: Option<&[u8]>) -> Vec<u8> {
    let list = ids.iter().map(|id| Single { id: id.clone() }).collect();
    let extension = |nonce: &[u8]| Extension {
        extn_id: NONCE,
        critical: false,
        extn_value: OctetString::new(OctetString::new(nonce).unwrap().to_der().unwrap()).unwrap(),
    };
    let extensions = nonce.map(|nonce| vec![extension(nonce)]);
    let tbs = TbsRequest { list, extensions };
    Request { tbs }.to_der().unwrap()
}

/// What came back, verified.
#[derive(Debug)]
pub struct Reply {
    pub outcome: Outcome,
    pub headers: HeaderMap,
    pub der: Vec<u8>,
    pub answers: Vec<Answered>,
    pub nonce: Option<Vec<u8>>,
    /// The signer's certificate, DER.
    pub signer: Vec<u8>,
}

impl Reply {
    pub async fn of(answer: reqwest::Response, issuer: &Certificate) -> Self {
        assert_eq!(answer.status(), 200);
        let headers = answer.headers().clone();
        assert_eq!(headers["content-type"], "application/ocsp-response");
        let der = answer.bytes().await.unwrap().to_vec();
        Self::read(der, headers, issuer)
    }

    fn read(der: Vec<u8>, headers: HeaderMap, issuer: &Certificate) -> Self {
        let response = Response::from_der(&der).unwrap();
        let mut reply = Self {
            outcome: response.outcome,
            headers,
            der,
            answers: Vec::new(),
            nonce: None,
            signer: Vec::new(),
        };
        let Some(bytes) = response.bytes else {
            assert_ne!(reply.outcome, Outcome::Successful);
            return reply;
        };
        assert_eq!(bytes.kind, const_oid::db::rfc6960::ID_PKIX_OCSP_BASIC);
        let basic = Basic::from_der(bytes.response.as_bytes()).unwrap();
        reply.signer = verified(&basic, issuer);
        let extensions = basic.data.extensions.unwrap_or_default();
        reply.nonce = extensions.first().map(|extension| {
            assert_eq!(extension.extn_id, NONCE);
            let octets = OctetString::from_der(extension.extn_value.as_bytes());
            octets.unwrap().as_bytes().to_vec()
        });
        reply.answers = basic.data.answers;
        reply
    }

    /// The one answer.
    pub fn only(&self) -> &Answered {
        assert_eq!(self.outcome, Outcome::Successful);
        assert_eq!(self.answers.len(), 1);
        &self.answers[0]
    }
}

/// The answer is its signer's, and the signer's certificate the issuer's. Answers the latter.
fn verified(basic: &Basic, issuer: &Certificate) -> Vec<u8> {
    let [signer, chained] = basic.certificates.as_slice() else {
        panic!("{} certificates", basic.certificates.len())
    };
    assert_eq!(chained, issuer);
    let tbs = signer.tbs_certificate();
    let key = &tbs.subject_public_key_info().subject_public_key;
    let named = digest(&SHA1_FOR_LEGACY_USE_ONLY, key.raw_bytes());
    assert_eq!(basic.data.by_key.as_bytes(), named.as_ref());
    let verify = |by: &Certificate, octets: &[u8], signature: &BitString| {
        let der = by.to_der().unwrap();
        let der = CertificateDer::from(der.as_slice());
        let by = webpki::EndEntityCert::try_from(&der).unwrap();
        // The issuer's key may be of any kind.
        let mut algorithms = webpki::ALL_VERIFICATION_ALGS.iter();
        let verifies = algorithms.any(|algorithm| {
            let signature = signature.raw_bytes();
            by.verify_signature(*algorithm, octets, signature).is_ok()
        });
        assert!(verifies);
    };
    verify(signer, &basic.data.to_der().unwrap(), &basic.signature);
    verify(issuer, &tbs.to_der().unwrap(), signer.signature());
    signer.to_der().unwrap()
}

impl TestCa {
    /// The issuing certificate.
    pub fn issuing(&self) -> Certificate {
        self.certificate("issuing/issuing.crt")
    }

    /// A certificate in a file of the CA's folder.
    pub fn certificate(&self, file: &str) -> Certificate {
        use der::DecodePem as _;
        let pem = std::fs::read(self.folder.path().join(file)).unwrap();
        Certificate::from_pem(pem).unwrap()
    }

    /// Posts a request, over the listener for relying parties.
    pub async fn ask(&self, request: Vec<u8>) -> Reply {
        self.ask_at(&self.pki, request).await
    }

    pub async fn ask_at(&self, base: &str, request: Vec<u8>) -> Reply {
        let client = self.client_at(std::net::Ipv4Addr::LOCALHOST);
        let request = client
            .post(format!("{base}/ocsp"))
            .header("content-type", "application/ocsp-request")
            .body(request);
        Reply::of(request.send().await.unwrap(), &self.issuing()).await
    }

    /// How a certificate of the issuing CA stands, asked in this minute by somebody who is not content
    /// with an older answer.
    pub async fn status(&self, serial: &[u8]) -> Status {
        let ids = [id(&self.issuing(), serial, By::Sha1)];
        let reply = self.ask(request(&ids, Some(&[7; 16]))).await;
        assert_eq!(reply.nonce.as_deref(), Some(&[7; 16][..]));
        reply.only().status.clone()
    }

    /// Every certificate of the record, asked over the responder, stands as its rows say; where the
    /// responder is there and says anything.
    pub(super) async fn check_ocsp(&self) {
        let issuing = self.issuing();
        let rows = self.store.certificates(None, 100_000).await.unwrap();
        let signed_by = |row: &&vaca::store::certificates::CertificateRow| {
            row.kind != "root" && row.kind != "issuing"
        };
        let rows: Vec<_> = rows.iter().filter(signed_by).collect();
        for some in rows.chunks(50) {
            let ids = some
                .iter()
                .map(|row| id(&issuing, row.serial.as_bytes(), By::Sha256));
            let reply = self
                .ask(request(&ids.collect::<Vec<_>>(), Some(&[9])))
                .await;
            if reply.outcome != Outcome::Successful {
                // A test that ends with a record or a clock that is not to be relied on.
                assert_eq!(reply.outcome, Outcome::TryLater);
                return;
            }
            assert_eq!(reply.answers.len(), some.len());
            for (row, answer) in some.iter().zip(&reply.answers) {
                assert_eq!(answer.id.serial.as_bytes(), row.serial.as_bytes());
                let expected = match (row.revocation, row.state.as_str()) {
                    (Some(revocation), _) => Status::Revoked(Revoked {
                        at: time(revocation.at),
                        reason: reason(revocation.reason.code()),
                    }),
                    (None, "issued") => GOOD,
                    (None, _) => UNKNOWN,
                };
                assert_eq!(answer.status, expected, "{}", row.serial);
            }
        }
    }
}

pub fn time(at: vaca::clock::Timestamp) -> GeneralizedTime {
    GeneralizedTime::from_unix_duration(at.since_epoch()).unwrap()
}

/// RFC 5280's reason of this number; "unspecified" is not said.
pub fn reason(code: u8) -> Option<x509_cert::ext::pkix::CrlReason> {
    let der = [0x0a, 0x01, code];
    (code != 0).then(|| x509_cert::ext::pkix::CrlReason::from_der(&der).unwrap())
}
