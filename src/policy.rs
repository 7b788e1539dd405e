//! May they have it? Synchronous and pure: no database, no network, no clock.
//!
//! Deciding is apart from approving: a decision can be tried on history, only `approve` turns one
//! into something that can be signed.

use crate::attestation::VerifiedDevice;
use crate::csr::ProvenKey;
use crate::enrichment::{self, Circumstances};
use crate::model::certificate_names::CertificateNames;
use crate::model::facts::{Check, Facts, KeyTrustLevel};
use crate::model::listing::BlockListing;
use crate::model::problem_code::ProblemCode;
use crate::model::profile::CertificateProfile;
use crate::model::rule::{Judgement, Rule};

/// The check of the lists of blocked ones.
const BLOCKED_BY_LIST: &str = "blocked_by_list";

/// What policy says of one set of facts, and why.
#[derive(Clone, Debug)]
pub struct Decision {
    profile: CertificateProfile,
    facts: Facts,
    checks: Vec<Check>,
    names: Option<CertificateNames>,
    refusal: Option<ProblemCode>,
}

impl Decision {
    /// Whether every check passed.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.refusal.is_none()
    }

    /// Every check in order, the passed ones too.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// What it was decided on.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// A refusal: the first failed check gives the code, the checks say the rest.
#[derive(Clone, Debug, thiserror::Error)]
#[error("policy refused: {}", code.as_str())]
pub struct Denial {
    /// What the requester is told.
    pub code: ProblemCode,
    /// Every check in order.
    pub checks: Vec<Check>,
}

/// Evidence that this identity may have a certificate for this key under this profile. Only
/// [`approve`] makes one.
#[derive(Debug)]
pub struct Approval {
    device: VerifiedDevice,
    key: ProvenKey,
    profile: CertificateProfile,
    facts: Facts,
    checks: Vec<Check>,
    names: CertificateNames,
}

impl Approval {
    /// Every check of the decision; all passed.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// What it was decided on: the verified values of this device and key.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What the certificate calls its holder.
    #[must_use]
    pub fn names(&self) -> &CertificateNames {
        &self.names
    }

    /// Whom to name.
    #[must_use]
    pub fn device(&self) -> &VerifiedDevice {
        &self.device
    }

    /// Which key to certify.
    #[must_use]
    pub fn key(&self) -> &ProvenKey {
        &self.key
    }

    /// By which recipe.
    #[must_use]
    pub fn profile(&self) -> &CertificateProfile {
        &self.profile
    }
}

/// Holds the facts against the profile: approved if and only if every check passes. Every check runs,
/// so that a denial lists all that failed, and none changes what another one says.
#[must_use]
pub fn evaluate(facts: &Facts, profile: &CertificateProfile) -> Decision {
    let mut outcomes = vec![
        (check_scope(facts, profile), ProblemCode::WrongKeyScope),
        trust_level(facts, profile),
        (check_algorithm(facts, profile), ProblemCode::UnsupportedKey),
    ];
    let listing = facts.blocked_by_list.as_ref();
    let listing = listing.map(|listing| check_block_listing(BLOCKED_BY_LIST, listing));
    outcomes.extend(listing.map(|check| (check, ProblemCode::Blocked)));
    outcomes.push((check_allow(facts, profile), ProblemCode::NotAllowed));
    let rules = profile.rules.iter().map(|rule| check_rule(rule, facts));
    outcomes.extend(rules.map(|check| (check, ProblemCode::RefusedByRule)));
    let (check, names) = check_names(facts, profile);
    outcomes.push((check, ProblemCode::IdentityNotCertifiable));
    let refusal = outcomes
        .iter()
        .find(|(check, _)| !check.passed)
        .map(|(_, code)| *code);
    Decision {
        profile: profile.clone(),
        facts: facts.clone(),
        checks: outcomes.into_iter().map(|(check, _)| check).collect(),
        names,
        refusal,
    }
}

/// Whether a recorded check of this name was made here, by any version.
#[must_use]
pub fn is_check(name: &str) -> bool {
    name.starts_with("rule:")
        || [
            "key_scope",
            "key_trust_level",
            "key_algorithm",
            BLOCKED_BY_LIST,
            "allow",
            "names",
        ]
        .contains(&name)
}

fn check_scope(facts: &Facts, profile: &CertificateProfile) -> Check {
    Check::new(
        "key_scope",
        profile.scope.as_str(),
        facts.scope.as_str(),
        facts.scope == profile.scope,
        "ask for a challenge with a profile of the right scope",
    )
}

fn trust_level(facts: &Facts, profile: &CertificateProfile) -> (Check, ProblemCode) {
    let seen = facts.key_trust_level;
    let expected: Vec<_> = profile
        .key_trust_levels
        .iter()
        .map(|level| level.as_str())
        .collect();
    let code = match seen {
        KeyTrustLevel::ChromeOsDeveloperMode => ProblemCode::DeveloperMode,
        KeyTrustLevel::ChromeBrowserHwKey
        | KeyTrustLevel::ChromeBrowserOsKey
        | KeyTrustLevel::ChromeBrowserNoKey => ProblemCode::NotAChromeosDevice,
        _ => ProblemCode::KeyTrustLevelRefused,
    };
    let remedy = match code {
        ProblemCode::DeveloperMode => {
            "return the device to verified mode (powerwash), then enrol again"
        }
        _ => "use a managed ChromeOS device in verified mode",
    };
    let passed = profile.key_trust_levels.contains(&seen);
    (
        Check::new(
            "key_trust_level",
            expected.join(" or "),
            seen.as_str(),
            passed,
            remedy,
        ),
        code,
    )
}

fn check_algorithm(facts: &Facts, profile: &CertificateProfile) -> Check {
    let expected: Vec<_> = profile
        .key_algorithms
        .iter()
        .map(|kind| kind.as_str())
        .collect();
    Check::new(
        "key_algorithm",
        expected.join(" or "),
        facts.key_algorithm.as_str(),
        profile.key_algorithms.contains(&facts.key_algorithm),
        "set registerKey.algorithm to one that the profile lists",
    )
}

/// Holds what the lists of blocked ones say against a holder. `name` is the check's: the lists are asked
/// more than once.
#[must_use]
pub fn check_block_listing(name: &str, listing: &BlockListing) -> Check {
    Check::new(
        name,
        format!("in none of {}", listing.lists),
        listing.seen(),
        listing.found.is_none(),
        "find out why the list of blocked ones names it; where it should not, take it out there",
    )
}

fn check_allow(facts: &Facts, profile: &CertificateProfile) -> Check {
    let who = facts.email.as_ref().or(facts.device_permanent_id.as_ref());
    let expected = match &facts.allowed_by_list {
        Some(listing) => format!("{} ({})", profile.allow, listing.digest),
        None => profile.allow.to_string(),
    };
    Check::new(
        "allow",
        expected,
        who.map_or("nobody", String::as_str),
        profile.allow.admits(facts),
        "add the user or device to the profile's allow, or use another profile",
    )
}

fn check_rule(rule: &Rule, facts: &Facts) -> Check {
    let judgement = rule.judge(facts);
    let passed = judgement == Judgement::Holds;
    let seen = match judgement {
        Judgement::Holds | Judgement::DoesNotHold => rule.seen(facts),
        Judgement::Missing(fact) => format!("{fact} is not known"),
        Judgement::Fails(error) => format!("{}: {error}", rule.seen(facts)),
    };
    let name = format!("rule:{}", rule.name);
    let mut check = Check::new(&name, rule.expression.as_str(), seen, passed, &rule.remedy);
    check.message = (!passed).then(|| rule.message.as_str().into());
    check.rule_hash = Some(rule.hash.clone());
    check
}

fn check_names(facts: &Facts, profile: &CertificateProfile) -> (Check, Option<CertificateNames>) {
    let expected = "names that fit a certificate";
    match profile.certificate.names(facts) {
        Ok(names) => {
            let check = Check::new("names", expected, names.to_string(), true, "");
            (check, Some(names))
        }
        Err(unnameable) => {
            let remedy = "supply what is not known in a list of [enrichment], rename the account or device where its name does not fit, or change [profile.certificate]";
            let check = Check::new("names", expected, unnameable.to_string(), false, remedy);
            (check, None)
        }
    }
}

/// Turns a decision into an approval.
///
/// # Errors
/// [`Denial`] where a check failed, or where the decision was made on other facts than those of
/// this device and key.
pub fn approve(
    device: VerifiedDevice,
    key: ProvenKey,
    decision: Decision,
) -> Result<Approval, Denial> {
    let again = |circumstances| enrichment::gather(&device, &key, &decision.profile, circumstances);
    let same = Circumstances::of(&decision.facts).map(again).as_ref() == Some(&decision.facts);
    match (decision.refusal, decision.names) {
        (None, Some(names)) if same => Ok(Approval {
            device,
            key,
            profile: decision.profile,
            facts: decision.facts,
            checks: decision.checks,
            names,
        }),
        (refusal, _) => Err(Denial {
            code: refusal.unwrap_or(ProblemCode::InternalError),
            checks: decision.checks,
        }),
    }
}

#[cfg(test)]
mod tests;
