//! What is known when policy decides, and how a decision is written down.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::model::identity::KeyScope;
use crate::model::listing::{AllowListing, BlockListing};

/// How well an attested key is protected, and in which state the operating system booted; the names
/// are those of the Verified Access reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyTrustLevel {
    /// ChromeOS, verified boot: the only level that a user profile may admit.
    ChromeOsVerifiedMode,
    /// ChromeOS in developer mode: root can claim any name.
    ChromeOsDeveloperMode,
    /// Chrome browser, key in hardware: not a Chromebook.
    ChromeBrowserHwKey,
    /// Chrome browser, key kept by the operating system: not a Chromebook.
    ChromeBrowserOsKey,
    /// Chrome browser without a key.
    ChromeBrowserNoKey,
    /// ChromeOS without an attested key: nothing to certify.
    ChromeOsNoKey,
    /// Absent, unspecified, or a value newer than this program.
    Unspecified,
}

impl KeyTrustLevel {
    /// The name that the reference uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChromeOsVerifiedMode => "CHROME_OS_VERIFIED_MODE",
            Self::ChromeOsDeveloperMode => "CHROME_OS_DEVELOPER_MODE",
            Self::ChromeBrowserHwKey => "CHROME_BROWSER_HW_KEY",
            Self::ChromeBrowserOsKey => "CHROME_BROWSER_OS_KEY",
            Self::ChromeBrowserNoKey => "CHROME_BROWSER_NO_KEY",
            Self::ChromeOsNoKey => "CHROME_OS_NO_KEY",
            Self::Unspecified => "KEY_TRUST_LEVEL_UNSPECIFIED",
        }
    }
}

/// A key that may be certified: the two kinds that ChromeOS makes, by `registerKey`'s names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum KeyAlgorithm {
    /// RSA, 2048 bits, exponent 65537.
    #[serde(rename = "RSA")]
    Rsa,
    /// ECDSA on P-256.
    #[serde(rename = "ECDSA")]
    Ecdsa,
}

impl KeyAlgorithm {
    /// `RSA` or `ECDSA`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ecdsa => "ECDSA",
        }
    }
}

/// The shape of the stored facts; grows when a field changes its meaning.
pub const FACTS_VERSION: u32 = 3;

/// Everything policy may look at: verified values and the profile's name, never a claim. Stored
/// with the attempt, so that a policy can be run again over history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// [`FACTS_VERSION`] of the writer.
    pub version: u32,
    /// The profile asked for.
    pub profile: String,
    /// Whose key.
    pub scope: KeyScope,
    /// The user's e-mail, confirmed; `None` for a device.
    pub email: Option<String>,
    /// The confirmed domain: the device's enrolled one, or the e-mail's.
    pub domain: String,
    /// The managing organisation; a user answer may lack it.
    pub customer_id: Option<String>,
    /// Directory API device id; a machine answer only.
    pub device_permanent_id: Option<String>,
    /// Virtual device id, where the answer has one.
    pub virtual_device_id: Option<String>,
    /// ChromeOS enrollment id, where the answer has one.
    pub device_enrollment_id: Option<String>,
    /// Attested device id, where the answer has one.
    pub attested_device_id: Option<String>,
    /// Protection of the key and state of the system.
    pub key_trust_level: KeyTrustLevel,
    /// Kind of the proven key.
    pub key_algorithm: KeyAlgorithm,
    /// When the attempt was bound; version 1 did not keep it here.
    #[serde(default)]
    pub time: Option<Timestamp>,
    /// The manufacturer's number of the device, as enrichment supplied it; versions 1 and 2 had none
    /// of what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_serial_number: Option<String>,
    /// The organisation's own number of the device, as enrichment supplied it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_id: Option<String>,
    /// Where the holder stands in the organisation, as enrichment supplied it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organizational_unit: Option<String>,
    /// The user's account in an Active Directory, as enrichment supplied it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Certificates of this profile that the holder had, where a rule asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_certificates: Option<u32>,
    /// What the lists of blocked ones said, where there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by_list: Option<BlockListing>,
    /// What the list of the profile's `allow` said, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_by_list: Option<AllowListing>,
}

impl Facts {
    /// Everything that a profile of `scope` can know, about nobody: what templates and rules are tried
    /// on when they are read.
    #[must_use]
    pub fn example(scope: KeyScope) -> Self {
        let text = |text: &str| Some(text.to_owned());
        let id = || text("0123abcd-0123-4567-89ab-0123456789ab");
        let user = scope == KeyScope::User;
        let of_user = |text: Option<String>| text.filter(|_| user);
        let of_machine = |text: Option<String>| text.filter(|_| !user);
        Self {
            version: FACTS_VERSION,
            profile: "example".to_owned(),
            scope,
            email: of_user(text("first.last@example.com")),
            domain: "example.com".to_owned(),
            customer_id: text("C01example"),
            device_permanent_id: of_machine(id()),
            virtual_device_id: id(),
            device_enrollment_id: id(),
            attested_device_id: id(),
            key_trust_level: KeyTrustLevel::ChromeOsVerifiedMode,
            key_algorithm: KeyAlgorithm::Ecdsa,
            time: Some(Timestamp(1_800_000_000)),
            device_serial_number: of_machine(text("5CD1234567")),
            asset_id: of_machine(text("A-1234")),
            organizational_unit: text("/Example/Unit"),
            sid: of_user(text("S-1-5-21-1-2-3-1001")),
            live_certificates: Some(1),
            blocked_by_list: None,
            allowed_by_list: None,
        }
    }
}

/// One check of a decision: what was expected, what was seen, what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Stable snake_case name, such as `key_trust_level`.
    pub name: String,
    /// What would have passed.
    pub expected: String,
    /// What there was. May hold text that Google relayed: data, to be escaped where it is shown.
    pub seen: String,
    /// Whether it passed.
    pub passed: bool,
    /// What a person does about a failure; empty where it passed.
    pub remedy: String,
    /// What a rule of the administrator's tells the person at the Chromebook, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub message: Option<Box<str>>,
    /// Which text of a rule decided: its hash, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub rule_hash: Option<Box<str>>,
}

impl Check {
    /// A check by comparison; `remedy` is kept only where it failed.
    #[must_use]
    pub fn new(
        name: &str,
        expected: impl Into<String>,
        seen: impl Into<String>,
        passed: bool,
        remedy: &str,
    ) -> Self {
        let remedy = if passed { "" } else { remedy };
        Self {
            name: name.to_owned(),
            expected: expected.into(),
            seen: seen.into(),
            passed,
            remedy: remedy.to_owned(),
            message: None,
            rule_hash: None,
        }
    }
}
