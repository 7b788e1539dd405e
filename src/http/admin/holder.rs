//! Who holds a certificate, in header fields, for proxies that see no bodies.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::store::status::KnownCertificate;

/// Long enough for the requests of one page, short enough for "at once".
pub(super) const FOR_SECONDS: HeaderValue = HeaderValue::from_static("private, max-age=5");
/// How the certificate stands.
pub(super) const STATUS: HeaderName = HeaderName::from_static("vaca-status");

const PROFILE: HeaderName = HeaderName::from_static("vaca-profile");
const EMAIL: HeaderName = HeaderName::from_static("vaca-email");
const DEVICE: HeaderName = HeaderName::from_static("vaca-device");
const ISSUER: HeaderName = HeaderName::from_static("vaca-issuer");
const SERIAL: HeaderName = HeaderName::from_static("vaca-serial");
/// In front of each attribute's name.
const ATTRIBUTE: &str = "vaca-attribute-";

/// An attribute's name and value.
pub(super) struct Attribute<'a>(pub(super) &'a str, pub(super) &'a str);

/// Says of a certificate that is good who holds it.
pub(super) fn describe<'a>(
    fields: &mut HeaderMap,
    known: &KnownCertificate,
    attributes: impl Iterator<Item = Attribute<'a>>,
) {
    let mut field = |name: HeaderName, value: &str| {
        // What we write down of names and attributes always fits.
        if let Ok(value) = value.parse() {
            fields.insert(name, value);
        }
    };
    field(PROFILE, &known.profile);
    field(ISSUER, known.issuer.as_str());
    field(SERIAL, &known.serial.to_string());
    if let Some(email) = &known.email {
        field(EMAIL, email);
    }
    if let Some(device) = &known.device_permanent_id {
        field(DEVICE, device);
    }
    for Attribute(name, value) in attributes {
        let name = format!("{ATTRIBUTE}{}", name.to_ascii_lowercase());
        if let Ok(name) = name.parse() {
            field(name, value);
        }
    }
}
