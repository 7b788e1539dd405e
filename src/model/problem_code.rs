//! The stable codes of every problem (RFC 9457). Their status, action and words stand in one table,
//! in the `http` module and in `docs/problems.md`.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// A stable, public code: clients act on it. Add, never rename.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ProblemCode {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)+
        }

        impl ProblemCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The snake_case word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// Reads the word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == word)
            }
        }
    };
}

codes! {
    /// The body is not the JSON that the route takes.
    MalformedRequest = "malformed_request",
    /// A parameter in the address is not one that the route takes.
    MalformedQuery = "malformed_query",
    /// The body is larger than 64 KiB.
    BodyTooLarge = "body_too_large",
    /// The body did not arrive in time.
    RequestTimeout = "request_timeout",
    /// The body is not declared as JSON.
    UnsupportedMediaType = "unsupported_media_type",
    /// No such route, or no entry.
    NotFound = "not_found",
    /// The route exists, the method does not.
    MethodNotAllowed = "method_not_allowed",
    /// No profile has this name.
    UnknownProfile = "unknown_profile",
    /// A user profile needs an e-mail.
    EmailRequired = "email_required",
    /// A device profile takes no e-mail.
    EmailNotExpected = "email_not_expected",
    /// The e-mail is not one that a certificate can carry.
    InvalidEmail = "invalid_email",
    /// The e-mail is of a domain that the profile does not serve.
    EmailDomainNotAllowed = "email_domain_not_allowed",
    /// The response is not a challenge response.
    MalformedChallengeResponse = "malformed_challenge_response",
    /// The response answers a challenge that we did not make.
    UnknownChallenge = "unknown_challenge",
    /// The challenge is older than a minute.
    ChallengeExpired = "challenge_expired",
    /// The challenge was made for another profile.
    ChallengeForOtherProfile = "challenge_for_other_profile",
    /// The profile was changed while the attempt was open.
    ProfileChanged = "profile_changed",
    /// Other bytes were the first to answer this challenge.
    ChallengeAlreadyAnswered = "challenge_already_answered",
    /// These bytes were already used with another profile or e-mail.
    ResponseAlreadyUsed = "response_already_used",
    /// The same bytes are being worked on.
    InProgress = "in_progress",
    /// Too many requests at once.
    Busy = "busy",
    /// Too many failures from this network.
    TooManyFailures = "too_many_failures",
    /// Verified Access refused the response.
    ChallengeResponseRefused = "challenge_response_refused",
    /// Verified Access does not permit it for this device.
    DeviceNotPermitted = "device_not_permitted",
    /// Our own credential or allow-listing is wrong.
    VerifiedAccessMisconfigured = "verified_access_misconfigured",
    /// Verified Access does not answer.
    VerifiedAccessUnavailable = "verified_access_unavailable",
    /// A machine's answer for a user profile, or the reverse.
    WrongKeyScope = "wrong_key_scope",
    /// Not a ChromeOS device: a browser, or a profile on an unmanaged one.
    NotAChromeosDevice = "not_a_chromeos_device",
    /// The answer names another customer, or none where one is required.
    WrongCustomer = "wrong_customer",
    /// The answer lacks the device's id.
    DeviceIdMissing = "device_id_missing",
    /// The device is in developer mode.
    DeveloperMode = "developer_mode",
    /// The key is not protected as the profile wants.
    KeyTrustLevelRefused = "key_trust_level_refused",
    /// The answer holds no certificate request.
    CertificateRequestMissing = "certificate_request_missing",
    /// The certificate request does not parse, or does not prove possession of its key.
    CertificateRequestInvalid = "certificate_request_invalid",
    /// A kind of key that we, or this profile, do not certify.
    UnsupportedKey = "unsupported_key",
    /// A key that can be broken, although it is genuinely attested.
    WeakKey = "weak_key",
    /// The profile's `allow` does not name this user or device.
    NotAllowed = "not_allowed",
    /// A rule of the profile is not true for this user or device.
    RefusedByRule = "refused_by_rule",
    /// A webhook of the organisation's had an objection.
    RefusedByWebhook = "refused_by_webhook",
    /// The user or device has as many certificates of this profile as it may.
    TooManyCertificates = "too_many_certificates",
    /// The user or device started too many attempts in a minute.
    TooManyAttempts = "too_many_attempts",
    /// The user or device was denied too often in a row, and has to wait.
    Paused = "paused",
    /// The key is certified already, or belongs to somebody else.
    KeyAlreadyCertified = "key_already_certified",
    /// More certificates would be revoked than may be without a second look.
    ConfirmationRequired = "confirmation_required",
    /// What was confirmed is not what would be revoked.
    OtherSelection = "other_selection",
    /// More certificates than one request revokes.
    SelectionTooLarge = "selection_too_large",
    /// No gate has this name.
    UnknownGate = "unknown_gate",
    /// A proxy does not pass on certificates as its credential says.
    CertificateHeaderRefused = "certificate_header_refused",
    /// A proxy's client showed no certificate.
    ClientCertificateRequired = "client_certificate_required",
    /// A proxy's client showed a certificate that is not good.
    ClientCertificateRefused = "client_certificate_refused",
    /// A proxy's client showed a good certificate, and the gate wants another.
    GateClosed = "gate_closed",
    /// The device or user is blocked.
    Blocked = "blocked",
    /// The verified name cannot stand in a certificate.
    IdentityNotCertifiable = "identity_not_certifiable",
    /// What these bytes once gave is no longer given.
    OutcomeExpired = "outcome_expired",
    /// The issuer's own certificate ends too soon.
    IssuerExpiring = "issuer_expiring",
    /// Our clock is not to be trusted.
    ClockUntrusted = "clock_untrusted",
    /// A webhook of the organisation's gave no answer that counts.
    WebhookUnavailable = "webhook_unavailable",
    /// The record cannot be written; nothing is signed.
    StorageUnavailable = "storage_unavailable",
    /// A fault of ours.
    InternalError = "internal_error",
}
