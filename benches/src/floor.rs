//! The floor: what one enrolment cannot do without, called directly, without HTTP, gRPC or JSON
//! around it. Each step takes what the service gives it.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vaca::attestation::{UnverifiedAnswer, UnverifiedResponse, VerifiedDevice, judge};
use vaca::ca::{IssuedCertificate, Issuer, PreparedCertificate};
use vaca::clock::{Clock as _, SystemClock, Timestamp};
use vaca::config::Config;
use vaca::csr;
use vaca::enrichment::{self, Circumstances, Supplied};
use vaca::model::certificate_template::{CertificateSettings, CertificateTemplate};
use vaca::model::facts::{Facts, KeyTrustLevel};
use vaca::model::identity::{Email, ExpectedIdentity};
use vaca::model::profile::CertificateProfile;
use vaca::model::rule::{Rule, RuleSettings};
use vaca::model::serial::SerialNumber;
use vaca::policy::{self, Approval};
use vaca::random::{Random as _, SystemRandom};
use vaca::server::load_issuer;

use crate::response;
use crate::verified_access::CUSTOMER;

mod commits;
mod measure;
mod ocsp;

pub use commits::Commits;
pub use measure::{Measured, certificates_cpu, cpu_per_call};
pub use ocsp::Ocsp;

/// Whom it is about.
const EMAIL: &str = "alice@example.com";

fn circumstances() -> Circumstances {
    let text = |text: &str| Some(text.to_owned());
    Circumstances {
        bound_at: Timestamp(1_800_000_000),
        supplied: Supplied {
            organizational_unit: text("/Staff/Teachers"),
            sid: text("S-1-5-21-1-2-3-1001"),
            ..Supplied::default()
        },
        live_certificates: Some(1),
        blocked_by_list: None,
        allowed_by_list: None,
    }
}

/// One enrolment, stopped before each step.
#[derive(Debug)]
pub struct Floor {
    profile: CertificateProfile,
    issuer: Issuer,
    response: Vec<u8>,
    device: VerifiedDevice,
    facts: Facts,
    approval: Approval,
    clock: SystemClock,
    random: SystemRandom,
}

impl Floor {
    /// With the issuer of `config`, for this certificate request.
    ///
    /// # Errors
    /// Where the issuer does not load, or the request is not one that gets a certificate.
    pub fn new(config: &Config, spkac: &[u8]) -> anyhow::Result<Self> {
        let profile = config.profiles.first().context("no profile")?.clone();
        let settings = config.issuers.first().context("no issuer")?;
        let issuer = load_issuer(settings, &config.verified_access)?;
        let email = Email::parse(EMAIL)?;
        let answer = UnverifiedAnswer {
            customer_id: CUSTOMER.to_owned(),
            virtual_device_id: "2f5e9a5c-9d7b-4b0e-8a51-6c1d0c2f7e11".to_owned(),
            signed_public_key_and_challenge: STANDARD.encode(spkac),
            key_trust_level: Some(KeyTrustLevel::ChromeOsVerifiedMode),
            ..UnverifiedAnswer::default()
        };
        let device = judge(answer, &ExpectedIdentity::Email(email), &profile)?;
        let key = csr::prove(&device).map_err(|refusal| anyhow!("{:?}", refusal.code))?;
        let facts = enrichment::gather(&device, &key, &profile, circumstances());
        let decision = policy::evaluate(&facts, &profile);
        let approval = policy::approve(device.clone(), key, decision)?;
        let random = SystemRandom;
        let mut nonce = [0; 32];
        random.fill(&mut nonce)?;
        let clock = SystemClock::new();
        let challenge = response::challenge(nonce, clock.now_millis());
        Ok(Self {
            response: response::respond(&challenge, spkac, EMAIL)?,
            profile,
            issuer,
            device,
            facts,
            approval,
            clock,
            random,
        })
    }

    /// Reads the wrapper of a challenge response.
    ///
    /// # Errors
    /// None.
    pub fn parse_response(&self) -> anyhow::Result<()> {
        UnverifiedResponse::parse(self.response.clone())?;
        Ok(())
    }

    /// Reads the SPKAC, judges its key and verifies its signature.
    ///
    /// # Errors
    /// None.
    pub fn prove_key(&self) -> anyhow::Result<()> {
        csr::prove(&self.device).map_err(|refusal| anyhow!("{:?}", refusal.code))?;
        Ok(())
    }

    /// With so many rules in the profile, all of them true.
    ///
    /// # Errors
    /// None.
    pub fn with_rules(mut self, count: usize) -> anyhow::Result<Self> {
        let rule = |number| RuleSettings {
            name: format!("rule_{number}"),
            expression: "email.endsWith('@example.com') && key_algorithm in ['ECDSA', 'RSA']"
                .to_owned(),
            message: "None.".to_owned(),
            remedy: "none".to_owned(),
        };
        let rules = (0..count).map(|number| Rule::parse(rule(number), self.profile.scope));
        self.profile.rules = rules.collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// With everything in the certificate that a user's can have.
    ///
    /// # Errors
    /// None.
    pub fn with_names(mut self) -> anyhow::Result<Self> {
        let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
        let settings = CertificateSettings {
            subject: texts(&["O=Example", "OU={organizational_unit}", "CN={email}"]),
            subject_alternative_names: texts(&[
                "email:{email}",
                "upn:{local_part}@ad.example.com",
                "uri:https://{domain}/user/{local_part}",
            ]),
            policies: vec!["1.3.6.1.4.1.32473.1".to_owned()],
            reserved_local_parts: vec!["administrator".to_owned()],
            sid_domain: Some("S-1-5-21-1-2-3".to_owned()),
            ..CertificateSettings::default()
        };
        let profile = &mut self.profile;
        let template = CertificateTemplate::parse(
            settings,
            profile.scope,
            &profile.domains,
            &profile.key_algorithms,
        )?;
        profile.certificate = Arc::new(template);
        Ok(self)
    }

    /// Fills the templates of the names in.
    ///
    /// # Errors
    /// None.
    pub fn names(&self) -> anyhow::Result<()> {
        self.profile.certificate.names(&self.facts)?;
        Ok(())
    }

    /// Holds the facts against the profile.
    ///
    /// # Errors
    /// None.
    pub fn evaluate(&self) -> anyhow::Result<()> {
        let decision = policy::evaluate(&self.facts, &self.profile);
        anyhow::ensure!(decision.is_approved(), "denied");
        Ok(())
    }

    /// Fills in, encodes and lints the octets to be signed.
    ///
    /// # Errors
    /// None.
    pub fn prepare(&self) -> anyhow::Result<PreparedCertificate> {
        let now = self.clock.now();
        let serial = SerialNumber::draw(now, &self.random)?;
        let prepared = self
            .issuer
            .prepare(&self.approval, serial, now, &self.random)?;
        Ok(prepared)
    }

    /// Prepares, signs and re-reads.
    ///
    /// # Errors
    /// None.
    pub async fn certify(&self) -> anyhow::Result<IssuedCertificate> {
        Ok(self.issuer.sign(self.prepare()?, self.profile.hash).await?)
    }
}
