//! Takes the personal data out of an attempt's record and leaves keyed digests: enough to find again
//! what is already known, and to see that two attempts are one person's.
//!
//! What stays is listed, what goes is not: a fact that is added later is personal until it stands in
//! [`KEPT`].

use serde_json::{Map, Value};

use crate::secrets::DeploymentKey;
use crate::store::retention::PersonalData;

mod redaction;

use redaction::Redaction;

/// Facts that say nothing of a person or a single device.
const KEPT: [&str; 9] = [
    "version",
    "profile",
    "scope",
    "domain",
    "customer_id",
    "key_trust_level",
    "key_algorithm",
    "time",
    "live_certificates",
];

/// What a verdict calls whom it is about, beside [`KEPT`]: the rest of it is a key and the checks.
const VERDICT_NAMES: [&str; 5] = [
    "email",
    "device_permanent_id",
    "virtual_device_id",
    "device_enrollment_id",
    "attested_device_id",
];

/// The check whose `seen` is an identifier, also where the answer was refused and no fact came of it.
const IDENTIFIER_CHECK: &str = "device_permanent_id";
/// How `allow` names the one device that it admits; an e-mail is recognised anywhere.
const ALLOWED_DEVICE: &str = "the device ";
/// What a check of Google's answer shows for a field that is not there.
const ABSENT: &str = "absent";
/// Members of a check that are names or digests of ours.
const CHECK_KEPT: [&str; 2] = ["name", "rule_hash"];
/// Checks, beside those of rules, whose `seen` is made of words of ours and of values that are known
/// here. Of another one, which may show names that were made of facts, a digest is left.
const TOLD: [&str; 23] = [
    "age",
    "allow",
    "attempts_per_minute",
    "blocked",
    "certificate_request",
    "challenge_age",
    "chromeos_device",
    "customer_id",
    IDENTIFIER_CHECK,
    "expected_identity",
    "identifiers",
    "key_algorithm",
    "key_is_new",
    "key_scope",
    "key_strength",
    "key_trust_level",
    "live_certificates",
    "pause",
    "profile",
    "proof_of_possession",
    "user_answer",
    "verified_access",
    "webhook",
];

/// The same attempt without personal data. Text that is no JSON of this program's is dropped: what it
/// holds cannot be told.
pub(super) fn shorten(personal: &PersonalData, key: &DeploymentKey) -> PersonalData {
    let verdict = object(personal.unverified_verdict.as_deref());
    let facts = object(personal.facts.as_deref());
    let checks = personal.checks.as_str();
    let checks: Vec<Map<String, Value>> = serde_json::from_str(checks).unwrap_or_default();

    let mut redaction = Redaction::new(key);
    redaction.hide(&personal.unverified_email);
    redaction.hide(&personal.peer);
    let named = verdict.as_ref().map(names_of_verdict);
    for members in facts.iter().chain(&named) {
        for value in members.iter().filter(is_personal).map(|(_, value)| value) {
            each_scalar(value, &mut |text| redaction.hide(text));
        }
    }
    for value in checks.iter().filter_map(identifier_of_check) {
        redaction.hide(value);
    }

    // Where policy had not been asked, the verdict alone named the device.
    let facts = facts.or(named).map(|members| shorten_facts(members, key));
    let checks = checks
        .into_iter()
        .map(|check| Value::Object(shorten_check(check, &redaction, key)));
    PersonalData {
        row: personal.row,
        unverified_email: digest_of_some(&personal.unverified_email, key),
        peer: digest_of_some(&personal.peer, key),
        unverified_verdict: None,
        facts: facts.map(|members| Value::Object(members).to_string()),
        checks: Value::Array(checks.collect()).to_string(),
    }
}

/// What stands for a personal value. Google's identifiers are searched for in any case.
fn digest(value: &str, key: &DeploymentKey) -> String {
    key.personal(&value.to_ascii_lowercase())
}

fn digest_of_some(value: &str, key: &DeploymentKey) -> String {
    if value.is_empty() {
        String::new()
    } else {
        digest(value, key)
    }
}

fn object(json: Option<&str>) -> Option<Map<String, Value>> {
    serde_json::from_str(json?).ok()
}

fn is_personal((name, _): &(&String, &Value)) -> bool {
    !KEPT.contains(&name.as_str())
}

/// The names that a verdict gives the user or device, on one level.
fn names_of_verdict(verdict: &Map<String, Value>) -> Map<String, Value> {
    let identity = verdict.get("identity").and_then(Value::as_object);
    let identity = identity.into_iter().flat_map(Map::values);
    let inner = identity.filter_map(Value::as_object).flatten();
    let kept = |name: &str| VERDICT_NAMES.contains(&name) || KEPT.contains(&name);
    verdict
        .iter()
        .chain(inner)
        .filter(|(name, value)| kept(name) && !value.is_object() && *name != "version")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Visits each text and number. `true` and `false` stand in expressions everywhere.
fn each_scalar(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Number(number) => visit(&number.to_string()),
        Value::Array(values) => values.iter().for_each(|value| each_scalar(value, visit)),
        Value::Object(members) => members.values().for_each(|value| each_scalar(value, visit)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn shorten_facts(mut members: Map<String, Value>, key: &DeploymentKey) -> Map<String, Value> {
    for (name, value) in &mut members {
        if !KEPT.contains(&name.as_str()) {
            shorten_value(value, key);
        }
    }
    members
}

fn shorten_value(value: &mut Value, key: &DeploymentKey) {
    match value {
        Value::Null => {}
        Value::String(text) => *text = digest(text, key),
        Value::Bool(_) | Value::Number(_) => *value = digest(&value.to_string(), key).into(),
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| shorten_value(value, key)),
        // The names of members could be somebody's too.
        Value::Object(members) => {
            *members = std::mem::take(members)
                .into_iter()
                .map(|(name, mut value)| {
                    shorten_value(&mut value, key);
                    (digest(&name, key), value)
                })
                .collect();
        }
    }
}

/// The identifier that a check shows and perhaps nothing else of the record.
fn identifier_of_check(check: &Map<String, Value>) -> Option<&str> {
    let text = |member| check.get(member).and_then(Value::as_str);
    match text("name")? {
        IDENTIFIER_CHECK => text("seen").filter(|seen| *seen != ABSENT),
        "allow" => text("expected")?.strip_prefix(ALLOWED_DEVICE),
        _ => None,
    }
}

fn shorten_check(
    mut check: Map<String, Value>,
    redaction: &Redaction<'_>,
    key: &DeploymentKey,
) -> Map<String, Value> {
    let name = check.get("name").and_then(Value::as_str);
    let told = name.is_some_and(|name| name.starts_with("rule:") || TOLD.contains(&name));
    for (member, value) in &mut check {
        match value {
            Value::String(text) if member == "seen" && !told => *text = digest_of_some(text, key),
            Value::String(text) if !CHECK_KEPT.contains(&member.as_str()) => {
                *text = redaction.apply(text);
            }
            _ => {}
        }
    }
    check
}

#[cfg(test)]
mod tests;
