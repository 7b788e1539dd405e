//! Distinguished names, built attribute by attribute: no text form is ever parsed, so nothing in a
//! value can become structure.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::OU;
use der::asn1::Any;
use der::{Decode as _, Encode as _, Tag};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

/// Longest common name, organisation and organisational unit, in characters (RFC 5280, appendix
/// A.1, `ub-common-name` and its neighbours).
pub(super) const ATTRIBUTE_MAX: usize = 64;

/// A name of one single-valued RDN per attribute, in this order, as UTF8String (RFC 5280, section
/// 4.1.2.4).
pub(super) fn name(attributes: &[(ObjectIdentifier, &str)]) -> der::Result<Name> {
    let rdns = attributes
        .iter()
        .map(|(oid, value)| {
            let value = Any::new(Tag::Utf8String, value.as_bytes())?;
            RelativeDistinguishedName::try_from(vec![AttributeTypeAndValue { oid: *oid, value }])
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
