//! What a client certificate says of itself.

use const_oid::ObjectIdentifier;
use der::Decode as _;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{CertificatePolicies, SubjectAltName};
use x509_cert::name::RelativeDistinguishedName;

use crate::ca::alternative;
use crate::ca::authority::timestamp;
use crate::ca::name::has_unit;
use crate::clock::Timestamp;
use crate::model::certificate_names::{DEVICE_UNIT, USER_UNIT};
use crate::model::serial::SerialNumber;

/// Read from the certificate alone; whether it was signed is the caller's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Its number, where it has a form of ours.
    pub serial: Option<SerialNumber>,
    /// Its first second.
    pub not_before: Timestamp,
    /// Its last second.
    pub not_after: Timestamp,
    /// Whether the unit in its subject is that of users.
    pub is_users: bool,
    /// Whether it is that of devices.
    pub is_devices: bool,
    /// Every value in its subject, and every alternative name of a kind that profiles make.
    pub names: Vec<String>,
    /// Its policies.
    pub policies: Vec<ObjectIdentifier>,
}

impl Claims {
    /// Reads them.
    ///
    /// # Errors
    /// Where it is no certificate in DER.
    pub fn of(der: &[u8]) -> Result<Self, der::Error> {
        let certificate = Certificate::from_der(der)?;
        let contents = certificate.tbs_certificate();
        let validity = contents.validity();
        let subject = contents.subject();
        let values = subject.iter_rdn().flat_map(RelativeDistinguishedName::iter);
        let values =
            values.filter_map(|attribute| std::str::from_utf8(attribute.value.value()).ok());
        let mut names: Vec<_> = values.map(str::to_owned).collect();
        if let Some((_, SubjectAltName(alternative))) = contents.get_extension()? {
            let read = alternative.iter().filter_map(alternative::decode);
            names.extend(read.map(|(_, value)| value));
        }
        let policies = contents.get_extension::<CertificatePolicies>()?;
        let policies = policies.map(|(_, CertificatePolicies(policies))| policies);
        let policies = policies.into_iter().flatten();
        Ok(Self {
            serial: SerialNumber::of_der(contents.serial_number().as_bytes()),
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
            is_users: has_unit(subject, USER_UNIT),
            is_devices: has_unit(subject, DEVICE_UNIT),
            names,
            policies: policies.map(|policy| policy.policy_identifier).collect(),
        })
    }
}
