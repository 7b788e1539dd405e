//! Alternative names between their DER and what the configuration calls them.

use const_oid::ObjectIdentifier;
use der::asn1::{Any, Ia5String, OctetString, Utf8StringRef};
use der::{Decode as _, Encode as _, Sequence, Tag, Tagged as _};
use x509_cert::ext::pkix::name::{GeneralName, OtherName};

use crate::model::certificate_names::AlternativeNameKind;
use crate::model::sid::Sid;

/// Microsoft's user principal name ([MS-WCCE], section 2.2.2.7.5).
const UPN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");
/// `id-on-permanentIdentifier` (RFC 4043, section 2).
const PERMANENT_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.3");
/// The account in Microsoft's security extension ([MS-WCCE], section 2.2.2.7.7.4).
const SID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.25.2.1");

/// RFC 4043, section 2, without an assigner: the value is this CA's.
#[derive(Sequence)]
struct PermanentIdentifier<'a> {
    identifier_value: Utf8StringRef<'a>,
}

/// The name's DER form.
pub(super) fn encode(kind: AlternativeNameKind, value: &str) -> der::Result<GeneralName> {
    let ia5 = || Ia5String::new(value);
    let utf8 = || Utf8StringRef::new(value);
    Ok(match kind {
        AlternativeNameKind::Email => GeneralName::Rfc822Name(ia5()?),
        AlternativeNameKind::Uri => GeneralName::UniformResourceIdentifier(ia5()?),
        AlternativeNameKind::Dns => GeneralName::DnsName(ia5()?),
        AlternativeNameKind::Upn => other(UPN, Any::encode_from(&utf8()?)?),
        AlternativeNameKind::PermanentIdentifier => {
            let value = PermanentIdentifier {
                identifier_value: utf8()?,
            };
            other(PERMANENT_IDENTIFIER, Any::encode_from(&value)?)
        }
    })
}

/// What a name is, read back; `None` for one that no profile makes.
pub(super) fn decode(name: &GeneralName) -> Option<(AlternativeNameKind, String)> {
    match name {
        GeneralName::Rfc822Name(value) => Some((AlternativeNameKind::Email, value.to_string())),
        GeneralName::DnsName(value) => Some((AlternativeNameKind::Dns, value.to_string())),
        GeneralName::UniformResourceIdentifier(value) => {
            Some((AlternativeNameKind::Uri, value.to_string()))
        }
        GeneralName::OtherName(OtherName { type_id, value }) if *type_id == UPN => {
            let value = (value.tag() == Tag::Utf8String).then(|| value.value())?;
            let value = std::str::from_utf8(value).ok()?;
            Some((AlternativeNameKind::Upn, value.to_owned()))
        }
        GeneralName::OtherName(OtherName { type_id, value })
            if *type_id == PERMANENT_IDENTIFIER =>
        {
            let der = value.to_der().ok()?;
            let value = PermanentIdentifier::from_der(&der).ok()?.identifier_value;
            Some((AlternativeNameKind::PermanentIdentifier, value.to_string()))
        }
        _ => None,
    }
}

/// The content of Microsoft's security extension.
pub(super) fn encode_sid(sid: &Sid) -> der::Result<Vec<u8>> {
    let value = OctetString::new(sid.as_str().as_bytes())?;
    vec![other(SID, Any::encode_from(&value)?)].to_der()
}

/// The account that the content of Microsoft's security extension names.
pub(super) fn decode_sid(content: &[u8]) -> Option<String> {
    let names = Vec::<GeneralName>::from_der(content).ok()?;
    match names.as_slice() {
        [GeneralName::OtherName(OtherName { type_id, value })]
            if *type_id == SID && value.tag() == Tag::OctetString =>
        {
            String::from_utf8(value.value().to_vec()).ok()
        }
        _ => None,
    }
}

fn other(type_id: ObjectIdentifier, value: Any) -> GeneralName {
    GeneralName::OtherName(OtherName { type_id, value })
}
