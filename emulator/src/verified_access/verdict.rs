//! From key info to a verdict: whose key is it, does the directory know them, what may the caller learn?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::response::OpenedResponse;
use super::{LocalVerifiedAccess, Refusal};
use crate::attestation::{CHALLENGE_LIFETIME_MS, KeyInfo, VerifiedAccessFlow};
use crate::chain::{self, Leaf};
use crate::directory::{BootMode, Device};
use crate::faults::{Fault, Script};
use crate::protocol::{KeyTrustLevel, VerifyChallengeResponseResult};
use crate::service_accounts::Access;
use crate::spkac;

/// A genuine answer: what may be told about it.
struct Genuine {
    device: Device,
    /// The organisation of the key's owner.
    customer_id: String,
    /// What the expected identity must be.
    identity: String,
    boot_mode: BootMode,
    spkac: Option<Vec<u8>>,
}

impl LocalVerifiedAccess {
    /// Judges a serialized response. An empty `expected_identity` skips the identity check, as
    /// Google does.
    pub fn verify(
        &self,
        access: Access,
        unverified_response: &[u8],
        expected_identity: &str,
        script: &Script,
    ) -> Result<VerifyChallengeResponseResult, Refusal> {
        if access == Access::None {
            return Err(Refusal::Denied("the service account is on no list"));
        }
        let now_ms = (self.clock)();
        // Late enough for a challenge that is stamped in the future, too.
        let late_ms = if script.has(&Fault::Stale) {
            2 * CHALLENGE_LIFETIME_MS + 1
        } else {
            0
        };
        let opened = self.open(unverified_response, now_ms.saturating_add(late_ms))?;
        let flow = flow_of(&opened.key_info)?;
        let genuine = match flow {
            VerifiedAccessFlow::EnterpriseUser => self.judge_user(&opened, now_ms)?,
            VerifiedAccessFlow::EnterpriseMachine => self.judge_machine(&opened, now_ms)?,
            _ => {
                return Err(Refusal::Invalid(
                    "only ChromeOS devices and users are emulated",
                ));
            }
        };
        if self.directory.verified_mode_required() && genuine.boot_mode == BootMode::Developer {
            return Err(Refusal::Denied("the device is not in verified mode"));
        }
        let expected = !expected_identity.is_empty() && !script.has(&Fault::IdentityUnchecked);
        if expected && !expected_identity.eq_ignore_ascii_case(&genuine.identity) {
            return Err(Refusal::Invalid("the response is about another identity"));
        }
        let full = access == Access::Full && !script.has(&Fault::LimitedAccess);
        let mut result = answer(flow, genuine, full);
        script.alter(flow, &mut result);
        Ok(result)
    }

    /// A user key: certified in the response itself, its owner named by key info.
    fn judge_user(&self, opened: &OpenedResponse, now_ms: i64) -> Result<Genuine, Refusal> {
        let leaf = self.attested(opened, now_ms)?;
        opened.check_signed_by(&leaf.spki)?;
        let spkac = check_spkac(&opened.key_info, &leaf)?;
        let user = self
            .directory
            .user(opened.key_info.domain())
            .ok_or(Refusal::Invalid("the user is not managed"))?;
        let device = self.device(&opened.key_info)?;
        if !user.affiliated || user.customer_id != device.customer_id {
            return Err(Refusal::Invalid(
                "the user is not affiliated with the device",
            ));
        }
        Ok(Genuine {
            boot_mode: weaker(device.boot_mode, leaf.boot_mode),
            device,
            customer_id: user.customer_id,
            identity: user.email,
            spkac,
        })
    }

    /// A machine key: its certificate was uploaded before; a certificate in the response belongs to
    /// the second key, for which the SPKAC asks.
    fn judge_machine(&self, opened: &OpenedResponse, now_ms: i64) -> Result<Genuine, Refusal> {
        let device = self.device(&opened.key_info)?;
        if opened.key_info.customer_id() != device.customer_id {
            return Err(Refusal::Invalid("the device belongs to another customer"));
        }
        let uploaded = device.machine_certificate.as_deref();
        let uploaded =
            uploaded.ok_or(Refusal::Invalid("the device has uploaded no machine key"))?;
        let machine = chain::verify(uploaded.as_bytes(), self.privacy_ca.root(), now_ms)
            .map_err(|_| Refusal::Invalid("the machine key is not certified"))?;
        opened.check_signed_by(&machine.spki)?;
        let spkac = match opened.key_info.signed_public_key_and_challenge {
            Some(_) => check_spkac(&opened.key_info, &self.attested(opened, now_ms)?)?,
            None => None,
        };
        Ok(Genuine {
            boot_mode: weaker(device.boot_mode, machine.boot_mode),
            customer_id: device.customer_id.clone(),
            identity: device.domain.clone(),
            device,
            spkac,
        })
    }

    /// The leaf of the chain in key info, certified by our Privacy CA.
    fn attested(&self, opened: &OpenedResponse, now_ms: i64) -> Result<Leaf, Refusal> {
        let unverified_chain = opened.key_info.certificate();
        if opened.captured {
            chain::unchecked_leaf(unverified_chain)
        } else {
            chain::verify(unverified_chain, self.privacy_ca.root(), now_ms)
        }
        .map_err(|_| Refusal::Invalid("the key is not certified by the Privacy CA"))
    }

    fn device(&self, key_info: &KeyInfo) -> Result<Device, Refusal> {
        std::str::from_utf8(key_info.device_id())
            .ok()
            .and_then(|device_id| self.directory.device(device_id))
            .ok_or(Refusal::Invalid("the device is not enrolled"))
    }
}

fn flow_of(key_info: &KeyInfo) -> Result<VerifiedAccessFlow, Refusal> {
    key_info
        .flow_type
        .and_then(|number| VerifiedAccessFlow::try_from(number).ok())
        .ok_or(Refusal::Invalid("the key info names no known flow"))
}

/// The SPKAC must ask for the attested key, or any key at all could borrow the attestation.
fn check_spkac(key_info: &KeyInfo, attested: &Leaf) -> Result<Option<Vec<u8>>, Refusal> {
    let Some(unverified_spkac) = &key_info.signed_public_key_and_challenge else {
        return Ok(None);
    };
    let spki = spkac::verify(unverified_spkac)
        .map_err(|_| Refusal::Invalid("the certificate request is not signed by its key"))?;
    if spki != attested.spki {
        return Err(Refusal::Invalid(
            "the certificate request is for another key",
        ));
    }
    Ok(Some(unverified_spkac.clone()))
}

fn weaker(directory: BootMode, certificate: Option<BootMode>) -> BootMode {
    if certificate == Some(BootMode::Developer) {
        BootMode::Developer
    } else {
        directory
    }
}

/// The result as Google fills it; `full` is the caller's access.
fn answer(flow: VerifiedAccessFlow, genuine: Genuine, full: bool) -> VerifyChallengeResponseResult {
    let key_trust_level = match genuine.boot_mode {
        BootMode::Verified => KeyTrustLevel::ChromeOsVerifiedMode,
        BootMode::Developer => KeyTrustLevel::ChromeOsDeveloperMode,
    };
    let mut result = VerifyChallengeResponseResult {
        customer_id: genuine.customer_id,
        key_trust_level: key_trust_level as i32,
        ..Default::default()
    };
    if full {
        let spkac = genuine.spkac.unwrap_or_default();
        result.signed_public_key_and_challenge = STANDARD.encode(spkac);
        result.virtual_device_id = genuine.device.device_id;
        if flow == VerifiedAccessFlow::EnterpriseMachine {
            result.device_permanent_id = genuine.device.device_permanent_id;
            result.device_enrollment_id = genuine.device.device_enrollment_id;
        }
    }
    result
}
