//! One OCSP answer: the request read, the answer encoded and signed. What the record costs is not in it.

use anyhow::{Context as _, anyhow};
use vaca::ca::ocsp::{CertificateStatus, Request, ResponseSigner};
use vaca::clock::{Clock as _, SystemClock};
use vaca::config::Config;
use vaca::model::serial::SerialNumber;
use vaca::random::SystemRandom;
use vaca::server::load_issuer;

/// What a client of one certificate sends: digests by SHA-1, a serial number of 16 octets, a nonce of 16.
fn request() -> Vec<u8> {
    let tlv = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
        [&[tag, length], content].concat()
    };
    let sha1 = tlv(0x30, &[0x06, 5, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00]);
    let (name, key, serial) = (
        tlv(0x04, &[1; 20]),
        tlv(0x04, &[2; 20]),
        tlv(0x02, &[1; 16]),
    );
    let id = tlv(0x30, &[sha1, name, key, serial].concat());
    let oid = [0x06, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2];
    let value = tlv(0x04, &tlv(0x04, &[7; 16]));
    let nonce = tlv(0x30, &[&oid[..], &value].concat());
    let list = tlv(0x30, &tlv(0x30, &id));
    let extensions = tlv(0xa2, &tlv(0x30, &nonce));
    tlv(0x30, &tlv(0x30, &[list, extensions].concat()))
}

/// A signer, and what it is asked.
#[derive(Debug)]
pub struct Ocsp {
    signer: ResponseSigner,
    request: Vec<u8>,
    clock: SystemClock,
}

impl Ocsp {
    /// A signer of the issuer of `config`.
    ///
    /// # Errors
    /// Where the issuer does not load or certify it.
    pub async fn new(config: &Config) -> anyhow::Result<Self> {
        let settings = config.issuers.first().context("no issuer")?;
        let issuer = load_issuer(settings, &config.verified_access)?;
        let clock = SystemClock::new();
        let now = clock.now();
        let serial = SerialNumber::draw(now, &SystemRandom)?;
        let prepared = issuer.prepare_response_signer(serial, now)?;
        Ok(Self {
            signer: issuer.sign_response_signer(prepared).await?,
            request: request(),
            clock,
        })
    }

    /// Reads the request.
    ///
    /// # Errors
    /// None.
    pub fn read(&self) -> anyhow::Result<Request> {
        Ok(Request::parse(&self.request)?)
    }

    /// Reads the request and answers it.
    ///
    /// # Errors
    /// None.
    pub async fn answer(&self) -> anyhow::Result<Vec<u8>> {
        let request = self.read()?;
        let only = request
            .certificates
            .first()
            .ok_or_else(|| anyhow!("none"))?;
        let answers = [(only, CertificateStatus::Good)];
        let nonce = request.nonce.as_ref();
        let response = self.signer.respond(&answers, nonce, self.clock.now());
        Ok(response.await?.der)
    }
}
