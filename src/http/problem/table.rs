//! One row per code: what a program sees (status, action, wait) and what a person reads.
//!
//! `docs/problems.md` shows the same table; a test compares the two.

use crate::http::problem::action::{Action, Wait};
use crate::model::problem_code::ProblemCode;

/// What the edge says of one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The HTTP status.
    pub status: u16,
    /// What a program may do next.
    pub action: Action,
    /// How long it should wait first, where no step of the request said otherwise.
    pub wait: Wait,
    /// The title (RFC 9457, section 3.1.3): the same for every occurrence.
    pub title: &'static str,
    /// What happened, to the requester.
    pub meaning: &'static str,
    /// What to do next.
    pub remedy: &'static str,
}

macro_rules! rows {
    ($($code:ident: $status:literal $action:ident $(after $low:literal $(to $high:literal)?)?;
       $title:literal; $meaning:literal; $remedy:literal.)+) => {
        /// The row of a code.
        #[must_use]
        pub fn row(code: ProblemCode) -> Row {
            match code {
                $(ProblemCode::$code => Row {
                    status: $status,
                    action: Action::$action,
                    wait: wait!($($low $($high)?)?),
                    title: $title,
                    meaning: $meaning,
                    remedy: $remedy,
                },)+
            }
        }
    };
}

macro_rules! wait {
    () => {
        Wait::Unknown
    };
    ($seconds:literal) => {
        Wait::Seconds($seconds)
    };
    ($low:literal $high:literal) => {
        Wait::Between($low, $high)
    };
}

rows! {
    MalformedRequest: 400 Stop;
        "Malformed request";
        "The body is not the JSON object that this route takes.";
        "Correct the client: see the route's description in the API documentation".
    MalformedQuery: 400 Stop;
        "Malformed query";
        "A parameter in the address is not one that this route takes.";
        "Correct the client: see the route's description in the API documentation".
    BodyTooLarge: 413 Stop;
        "Body too large";
        "The body is larger than 64 KiB.";
        "Correct the client: a genuine challenge response takes about 6 KiB".
    RequestTimeout: 408 RetrySame after 1 to 3;
        "Request timed out";
        "The body did not arrive within 10 seconds.";
        "Send the same request again".
    UnsupportedMediaType: 415 Stop;
        "Unsupported media type";
        "The body is not declared as JSON.";
        "Correct the client: send Content-Type: application/json".
    NotFound: 404 Stop;
        "Not found";
        "There is nothing at this address.";
        "Correct the address that the client uses".
    MethodNotAllowed: 405 Stop;
        "Method not allowed";
        "This address exists, but not for this method.";
        "Correct the client: the Allow header lists the methods".
    UnknownProfile: 404 AskAdmin;
        "Unknown profile";
        "No certificate profile has this name.";
        "Configure the client with a profile that GET /v1/profiles lists".
    EmailRequired: 422 Stop;
        "E-mail required";
        "This profile certifies users, and the request names none.";
        "Correct the client: send the signed-in user's address as email".
    EmailNotExpected: 422 Stop;
        "E-mail not expected";
        "This profile certifies devices, and the request names a user.";
        "Correct the client: leave email out, or use a user profile".
    InvalidEmail: 422 AskAdmin;
        "Invalid e-mail";
        "The e-mail address has a form that no certificate can carry.";
        "Use an account whose address has only letters, digits and . _ ' + - before an ASCII domain".
    EmailDomainNotAllowed: 403 AskAdmin;
        "E-mail domain not allowed";
        "This profile does not serve the domain of the e-mail address.";
        "Sign in with a managed account, or have the domain added to the profile".
    MalformedChallengeResponse: 400 Restart;
        "Malformed challenge response";
        "challenge_response is not a challenge response in base64 (standard alphabet, padded, one line).";
        "Start again with a new challenge, and send what the browser returns unchanged".
    UnknownChallenge: 403 Restart;
        "Unknown challenge";
        "The response answers a challenge that this service did not make, or made too long ago.";
        "Start again with a new challenge from this service".
    ChallengeExpired: 403 Restart;
        "Challenge expired";
        "More than a minute has passed since the challenge was made.";
        "Start again with a new challenge; if this keeps happening, look at the network between device and service".
    ChallengeForOtherProfile: 409 Restart;
        "Challenge for another profile";
        "The challenge was made for another profile.";
        "Start again with a challenge for the profile that you want".
    ProfileChanged: 409 Restart;
        "Profile changed";
        "The profile was changed while this request was under way.";
        "Start again with a new challenge".
    ChallengeAlreadyAnswered: 409 Restart;
        "Challenge already answered";
        "Another response was the first to answer this challenge.";
        "Start again with a new challenge, and use each challenge once".
    ResponseAlreadyUsed: 409 Stop;
        "Response already used";
        "The same response was used before with another profile or e-mail.";
        "Correct the client: repeat a request unchanged, or ask for a new challenge".
    InProgress: 503 RetrySame after 1;
        "In progress";
        "The same request is being worked on.";
        "Send the same request again in a moment".
    Busy: 503 RetrySame after 1 to 5;
        "Busy";
        "There are more requests than can be served at once.";
        "Send the same request again after the time in Retry-After".
    TooManyFailures: 429 RetrySame after 2 to 10;
        "Too many failures";
        "Too many requests from this network address have failed of late, so it gets challenges more slowly.";
        "Ask for a challenge again after the time in Retry-After".
    ChallengeResponseRefused: 403 Restart after 60;
        "Challenge response refused";
        "Verified Access did not accept the response as that of the named user or of a device of this domain.";
        "Start again with a new challenge; if this keeps happening, check that device and user are managed by the expected organisation".
    DeviceNotPermitted: 403 Restart after 3600;
        "Device not permitted";
        "Verified Access does not permit verification for this device or user.";
        "Have the Verified Access policies for this device and user checked; try again with a new challenge in an hour".
    VerifiedAccessMisconfigured: 503 AskAdmin after 300;
        "Verified Access misconfigured";
        "This service is not set up to use Verified Access.";
        "The operator of this service must correct its credential or its permission; nothing is wrong with the device".
    VerifiedAccessUnavailable: 503 RetrySame after 2 to 10;
        "Verified Access unavailable";
        "Verified Access does not answer.";
        "Send the same request again after the time in Retry-After".
    WrongKeyScope: 403 AskAdmin;
        "Wrong key scope";
        "The profile wants the key of a user and the response is a machine's, or the reverse.";
        "Configure the client to challenge the key of the scope that the profile states".
    NotAChromeosDevice: 403 AskAdmin;
        "Not a ChromeOS device";
        "The response comes from a browser or a managed profile, not from a managed ChromeOS device.";
        "Enrol from a managed ChromeOS device".
    WrongCustomer: 403 AskAdmin;
        "Wrong customer";
        "The device or user is not managed by the organisation that this profile serves.";
        "Enrol the device in the right organisation, or have the profile's customer_id checked".
    DeviceIdMissing: 403 AskAdmin;
        "Device id missing";
        "Verified Access did not tell this service which device it is.";
        "Give the service's account full access in the Verified Access policies of the device".
    DeveloperMode: 403 AskAdmin;
        "Developer mode";
        "The device is in developer mode.";
        "Return the device to verified mode, then enrol again".
    KeyTrustLevelRefused: 403 AskAdmin;
        "Key not protected enough";
        "The key is not protected as this profile wants.";
        "Use a managed ChromeOS device in verified mode".
    CertificateRequestMissing: 403 AskAdmin;
        "Certificate request missing";
        "The response carries no key to be certified.";
        "Challenge with registerKey set, and give the service's account full access in the Verified Access policies".
    CertificateRequestInvalid: 403 Restart after 60;
        "Certificate request invalid";
        "The certificate request does not prove possession of its key.";
        "Start again with a new challenge and a new key; if this keeps happening, the device needs attention".
    UnsupportedKey: 403 AskAdmin;
        "Unsupported key";
        "This profile does not certify keys of this kind.";
        "Set registerKey.algorithm to one that GET /v1/profiles lists for the profile".
    WeakKey: 403 AskAdmin;
        "Weak key";
        "The key can be broken, although the device is genuine.";
        "Use ECDSA, or install the firmware update for the device's TPM".
    NotAllowed: 403 AskAdmin;
        "Not allowed";
        "This profile is not for this user or device.";
        "Use another profile, or have the user or device allowed in this one".
    RefusedByRule: 403 AskAdmin;
        "Refused by a rule";
        "A rule of this profile does not admit this user or device.";
        "Tell the help desk the id in this answer: it finds the rule, what it saw, and the remedy".
    RefusedByWebhook: 403 AskAdmin;
        "Refused by a webhook";
        "A service of your organisation has an objection to a certificate for this user or device.";
        "Tell the help desk the id in this answer: the service's own log has it too".
    TooManyCertificates: 403 AskAdmin after 86400;
        "Too many certificates";
        "This user or device has as many good certificates of this profile as it may have at once.";
        "Try again with a new challenge in a day, or have the number in the profile raised".
    TooManyAttempts: 429 Restart after 60;
        "Too many attempts";
        "This user or device has asked for certificates more often than it may within a minute.";
        "Start again with a new challenge after the time in Retry-After".
    Paused: 429 AskAdmin after 60;
        "Paused";
        "This user or device was denied several times in a row and has to wait.";
        "Try again with a new challenge after the time in Retry-After; tell the help desk the id in this answer: it finds why the attempts before were denied".
    KeyAlreadyCertified: 409 Restart;
        "Key already certified";
        "The key has a certificate, or it was certified for somebody else or withdrawn.";
        "Start again with a new challenge and a new key".
    ConfirmationRequired: 409 Stop;
        "Confirmation required";
        "More certificates would be revoked within a day than may be without a second look.";
        "Look at what a dry run shows, and send the request again with the digest that it names as confirm".
    OtherSelection: 409 Stop;
        "Other selection";
        "The digest that confirms the revocation is for other certificates than those that would be revoked now.";
        "Make a dry run again, look at what it shows, and confirm with its digest".
    SelectionTooLarge: 409 Stop;
        "Selection too large";
        "One request revokes 10,000 certificates at the most.";
        "Narrow the selection, or use the command line of the service, which shows its progress and can be interrupted".
    UnknownGate: 400 AskAdmin;
        "Unknown gate";
        "No gate has this name.";
        "Name one of the [[gate]] tables of the service's configuration at the proxy".
    CertificateHeaderRefused: 400 AskAdmin;
        "Certificate header refused";
        "The proxy does not pass on its client's certificate as its credential says.";
        "See docs/forward-authentication.md for what each proxy has to be told".
    ClientCertificateRequired: 401 AskAdmin;
        "Client certificate required";
        "The client showed the proxy no certificate.";
        "Have the client show its certificate: on a Chromebook, AutoSelectCertificateForUrls names the site".
    ClientCertificateRefused: 401 AskAdmin;
        "Client certificate refused";
        "The certificate that the client showed is not good.";
        "Have the device enrol again".
    GateClosed: 403 AskAdmin;
        "Gate closed";
        "The certificate is good, and this gate wants one of another profile or domain.";
        "Enrol with a profile that the gate names, or have the gate name this one".
    Blocked: 403 AskAdmin;
        "Blocked";
        "An administrator has blocked this device or user.";
        "Ask the administrator of this service to lift the block".
    IdentityNotCertifiable: 403 AskAdmin;
        "Identity not certifiable";
        "The verified name cannot stand in a certificate of this profile.";
        "Have the name changed, or use another profile".
    OutcomeExpired: 410 Restart;
        "Outcome expired";
        "This response has had its answer, which is no longer given.";
        "Start again with a new challenge and a new key".
    IssuerExpiring: 503 AskAdmin after 3600;
        "Issuer expiring";
        "The certificate authority's own certificate ends too soon to issue under it.";
        "The operator of this service must renew the issuing certificate; nothing is wrong with the device".
    ClockUntrusted: 503 AskAdmin after 300;
        "Clock untrusted";
        "This service does not trust its clock and signs nothing.";
        "The operator of this service must set its clock right; nothing is wrong with the device".
    WebhookUnavailable: 503 RetrySame after 5 to 15;
        "Webhook unavailable";
        "A service of your organisation that has a say in this does not answer.";
        "Send the same request again after the time in Retry-After; if this keeps happening, tell the operator of this service".
    StorageUnavailable: 503 RetrySame after 2 to 10;
        "Storage unavailable";
        "This service cannot write its record, so it signs nothing.";
        "Send the same request again after the time in Retry-After".
    InternalError: 500 RetrySame after 5 to 15;
        "Internal error";
        "Something failed inside this service.";
        "Send the same request again after the time in Retry-After; if this keeps happening, tell its operator the id in this answer".
}
