//! Distinguished names, built attribute by attribute: no text form is ever parsed, so nothing in a
//! value can become structure.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::OU;
use der::asn1::Any;
use der::{Decode as _, Encode as _, Tag};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use crate::model::certificate_names::Attribute;

/// Longest common name, organisation and organisational unit, in characters (RFC 5280, appendix
/// A.1, `ub-common-name` and its neighbours).
pub(super) const ATTRIBUTE_MAX: usize = 64;

/// A name of one single-valued RDN per attribute, in this order, as UTF8String (RFC 5280, section
/// 4.1.2.4).
pub(super) fn name(attributes: &[(ObjectIdentifier, &str)]) -> der::Result<Name> {
    let attributes = attributes.iter();
    of_tagged(attributes.map(|(oid, value)| (*oid, Tag::Utf8String, *value)))
}

/// A client's subject, likewise; the attributes that RFC 5280, appendix A.1 wants as PrintableString are
/// that.
pub(super) fn subject(attributes: &[(Attribute, String)]) -> der::Result<Name> {
    let attributes = attributes.iter();
    of_tagged(attributes.map(|(attribute, value)| {
        let printable = attribute.is_printable_string();
        let tag = if printable {
            Tag::PrintableString
        } else {
            Tag::Utf8String
        };
        (attribute.oid(), tag, value.as_str())
    }))
}

fn of_tagged<'a>(
    attributes: impl Iterator<Item = (ObjectIdentifier, Tag, &'a str)>,
) -> der::Result<Name> {
    let rdns = attributes
        .map(|(oid, tag, value)| {
            let value = Any::new(tag, value.as_bytes())?;
            RelativeDistinguishedName::try_from(vec![AttributeTypeAndValue { oid, value }])
        })
        .collect::<der::Result<Vec<_>>>()?;
    Name::from_der(&RdnSequence::from(rdns).to_der()?)
}

/// Whether `name` has an RDN that is `OU=value` and nothing else.
pub(super) fn has_unit(name: &Name, value: &str) -> bool {
    name.iter_rdn().any(|rdn| {
        rdn.len() == 1
            && rdn
                .iter()
                .all(|attribute| attribute.oid == OU && attribute.value.value() == value.as_bytes())
    })
}
