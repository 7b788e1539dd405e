//! What a certified key may be used for, by the names that a configuration uses.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ID_KP_CLIENT_AUTH;
use serde::{Deserialize, Serialize};

use crate::model::facts::KeyAlgorithm;

/// A key usage (RFC 5280, section 4.2.1.3) that a client's key can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUsage {
    /// Signatures in a handshake: what every client does.
    DigitalSignature,
    /// RSA key transport, for servers that still speak it.
    KeyEncipherment,
    /// ECDH with the certified key itself.
    KeyAgreement,
}

impl KeyUsage {
    /// Whether a key of this kind can do it at all (RFC 3279, section 2.3.1; RFC 8813, section 3).
    #[must_use]
    pub fn suits(self, algorithm: KeyAlgorithm) -> bool {
        match self {
            Self::DigitalSignature => true,
            Self::KeyEncipherment => algorithm == KeyAlgorithm::Rsa,
            Self::KeyAgreement => algorithm == KeyAlgorithm::Ecdsa,
        }
    }
}

/// An extended key usage (RFC 5280, section 4.2.1.12) that a client's certificate can have. There is
/// no way to write another one: a server's, a code signer's and "any" are nobody's business here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtendedKeyUsage {
    /// TLS client authentication (RFC 5280).
    ClientAuth,
    /// EAP over a LAN (RFC 4334, section 2).
    EapOverLan,
    /// Smart card logon of Windows.
    SmartcardLogon,
    /// IKE (RFC 4945, section 5.1.3.12): what some IPsec peers want to see.
    IpsecIke,
    /// An IKE intermediate system: an obsolete name that some VPN clients and servers still want.
    IpsecIkeIntermediate,
}

impl ExtendedKeyUsage {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ClientAuth,
        Self::EapOverLan,
        Self::SmartcardLogon,
        Self::IpsecIke,
        Self::IpsecIkeIntermediate,
    ];

    /// Its object identifier.
    #[must_use]
    pub fn oid(self) -> ObjectIdentifier {
        match self {
            Self::ClientAuth => ID_KP_CLIENT_AUTH,
            Self::EapOverLan => ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.14"),
            Self::SmartcardLogon => ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.2"),
            Self::IpsecIke => ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.17"),
            Self::IpsecIkeIntermediate => ObjectIdentifier::new_unwrap("1.3.6.1.5.5.8.2.2"),
        }
    }

    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientAuth => "client_auth",
            Self::EapOverLan => "eap_over_lan",
            Self::SmartcardLogon => "smartcard_logon",
            Self::IpsecIke => "ipsec_ike",
            Self::IpsecIkeIntermediate => "ipsec_ike_intermediate",
        }
    }
}
