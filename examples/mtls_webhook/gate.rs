//! A client's certificate before the verifier: at the handshake, and again with each request.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::certificate;
use crate::refusal::Refusal;
use crate::trust::Trust;

/// One connection's verifier. What was wrong is kept, because TLS itself hands on an alert and no more.
#[derive(Debug)]
pub(crate) struct Gate {
    trust: Arc<Trust>,
    refusal: Arc<OnceLock<Refusal>>,
}

impl Gate {
    /// The verifier, and where it leaves what was wrong.
    pub(crate) fn new(trust: Arc<Trust>) -> (Self, Arc<OnceLock<Refusal>>) {
        let refusal = Arc::default();
        let gate = Self {
            trust,
            refusal: Arc::clone(&refusal),
        };
        (gate, refusal)
    }
}

/// Judges a certificate of a connection that is open by what is believed now. The key was proven at its
/// handshake; but certificates and lists end, and lists are replaced, while a connection lasts.
pub(crate) fn judge_again(
    trust: &Trust,
    chain: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), Refusal> {
    let Some((leaf, behind)) = chain.split_first() else {
        return Err(Refusal::certificate("no_certificate", "no certificate"));
    };
    let verified = trust.verifier.verify_client_cert(leaf, behind, now);
    let refused = verified.map_err(|error| certificate::refusal(&error, leaf, behind, trust, now));
    refused.map(|_| ())
}

impl ClientCertVerifier for Gate {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.trust.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        behind: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.trust.verifier.verify_client_cert(leaf, behind, now);
        verified.inspect_err(|error| {
            let refusal = certificate::refusal(error, leaf, behind, &self.trust, now);
            self.refusal.set(refusal).ok();
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verifier = &self.trust.verifier;
        verifier.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verifier = &self.trust.verifier;
        verifier.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.verifier.supported_verify_schemes()
    }
}
