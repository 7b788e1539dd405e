//! The way in by the certificate of a TLS client.

use std::collections::HashMap;

use crate::access::settings::ClientSettings;
use crate::access::{Authenticator, Finding, PendingFinding, Principal, UnverifiedCredentials};
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::certificate_header::CertificateHeader;
use crate::model::fingerprint::Fingerprint;
use crate::model::role::Role;

/// Certificates that the configuration names, each with a role. Their issuer vouches for nobody: a
/// certificate that is not named is a stranger's.
#[derive(Debug)]
pub struct ClientCertificates(HashMap<Fingerprint, (Role, Option<CertificateHeader>)>);

impl ClientCertificates {
    /// Of `[[admin.client]]`.
    #[must_use]
    pub fn new(clients: &[ClientSettings]) -> Self {
        let may = |client: &ClientSettings| (client.role, client.certificate_header);
        let clients = clients.iter().map(|client| (client.sha256, may(client)));
        Self(clients.collect())
    }

    fn find(&self, credentials: UnverifiedCredentials<'_>, now: Timestamp) -> Finding {
        let Some(certificate) = credentials.certificate else {
            return Finding::NotOfMine;
        };
        // TLS looked at its end when the connection began.
        if now > certificate.not_after {
            return Finding::Refused;
        }
        match self.0.get(&certificate.fingerprint) {
            Some((role, certificate_header)) => Finding::Known(Principal {
                actor: Actor::Certificate(certificate.fingerprint),
                role: *role,
                single_use: None,
                certificate_header: *certificate_header,
            }),
            None => Finding::Refused,
        }
    }
}

impl Authenticator for ClientCertificates {
    fn look_at<'a>(
        &'a self,
        credentials: UnverifiedCredentials<'a>,
        now: Timestamp,
    ) -> PendingFinding<'a> {
        let finding = self.find(credentials, now);
        Box::pin(async move { Ok(finding) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::PeerCertificate;

    #[test]
    fn a_certificate_opens_what_it_was_named_for_until_its_end() {
        let sha256 = Fingerprint([1; 32]);
        let client = ClientSettings {
            name: "inventory".to_owned(),
            sha256,
            role: Role::RelyingParty,
            certificate_header: Some(CertificateHeader::ClientCert),
        };
        let clients = ClientCertificates::new(&[client]);
        let find = |fingerprint, now| {
            let not_after = Timestamp(100);
            let certificate = PeerCertificate {
                fingerprint,
                not_after,
            };
            let credentials = UnverifiedCredentials {
                bearer: None,
                certificate: Some(certificate),
            };
            clients.find(credentials, Timestamp(now))
        };
        let known = Finding::Known(Principal {
            actor: Actor::Certificate(sha256),
            role: Role::RelyingParty,
            single_use: None,
            certificate_header: Some(CertificateHeader::ClientCert),
        });
        assert_eq!(find(sha256, 100), known);
        assert_eq!(find(sha256, 101), Finding::Refused);
        assert_eq!(find(Fingerprint([2; 32]), 1), Finding::Refused);
    }
}
