//! What must always be true, whatever happened to the CA.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use der::{Decode as _, Encode as _};
use rustls_pki_types::{CertificateDer, UnixTime};
use sqlx::SqlSafeStr;
use vaca::ca::Issuer;
use vaca::ca::crl::ReadCrl;
use vaca::config::Config;
use vaca::model::serial::SerialNumber;
use vaca::server::load_issuer;
use vaca::store::audit::Sequence;
use vaca::store::certificates::CertificateRow;
use x509_cert::Certificate;
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::CertificateList;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::TestCa;
use super::engine::Database;

impl TestCa {
    /// A connection of the test's own to the record, as an auditor might have one.
    pub async fn database(&self) -> Database {
        self.place.connect(self.folder.path()).await
    }

    /// Every row of a query, as text.
    pub async fn rows(&self, sql: impl SqlSafeStr) -> Vec<String> {
        let database = self.database().await;
        let rows = database.column(sql).await;
        database.close().await;
        rows
    }

    /// Stops the service, then asserts every invariant of the record.
    pub async fn check(mut self) {
        if self.is_running() {
            self.check_ocsp().await;
        }
        self.stop().await;
        while self.store.write(Sequence).await.unwrap() > 0 {}
        let logged = vaca::audit::verify(&self.store).await.unwrap();
        assert_eq!(self.count("SELECT count(*) FROM events").await, logged);
        let config = Config::load(&self.configuration_file()).unwrap();
        let issuer = load_issuer(&config.issuers[0], &config.verified_access).unwrap();
        self.check_certificates(&issuer).await;
        self.check_attempts().await;
        self.check_events().await;
        self.check_pauses().await;
        self.check_crls(&issuer).await;
        self.store.close().await;
        self.place.remove().await;
    }

    /// The number that a query answers.
    pub async fn count(&self, sql: impl SqlSafeStr) -> i64 {
        let database = self.database().await;
        let counted = database.column(sql).await[0];
        database.close().await;
        counted
    }

    async fn check_certificates(&self, issuer: &Issuer) {
        let rows = self.store.certificates(None, 100_000).await.unwrap();
        let mut serials = std::collections::HashSet::new();
        for row in &rows {
            assert!(
                serials.insert((row.issuer.clone(), row.serial)),
                "a serial stands twice"
            );
            assert_eq!(row.state == "issued", row.der.is_some());
            let Some(der) = &row.der else { continue };
            let certificate = Certificate::from_der(der).unwrap();
            let tbs = certificate.tbs_certificate().to_der().unwrap();
            assert_eq!(tbs, row.tbs, "what was signed is what was committed before");
            if row.kind == "client" {
                check_holder(row, &certificate);
                let roots = [
                    webpki::anchor_from_trusted_cert(&issuer.root_certificate_der())
                        .unwrap()
                        .to_owned(),
                ];
                verify(
                    der,
                    &[issuer.certificate_der().into_owned()],
                    &roots,
                    row.validity.not_before.0,
                );
                assert!(row.validity.not_after <= issuer.not_after());
            }
        }
        let twice = "SELECT count(*) FROM (SELECT attempt_id FROM certificates
            WHERE state <> 'abandoned' AND attempt_id IS NOT NULL
            GROUP BY attempt_id HAVING count(*) > 1) AS doubled";
        assert_eq!(
            self.count(twice).await,
            0,
            "an attempt has two certificates"
        );
        let shared =
            "SELECT count(*) FROM (SELECT spki_sha256 FROM certificates WHERE kind = 'client'
            GROUP BY issuer_id, spki_sha256 HAVING count(DISTINCT identity) > 1) AS shared";
        assert_eq!(self.count(shared).await, 0, "a key has two identities");
    }

    async fn check_attempts(&self) {
        let strays = "SELECT count(*) FROM attempts a WHERE (a.state = 'issued') <>
            EXISTS (SELECT 1 FROM certificates c WHERE c.attempt_id = a.id AND c.state = 'issued')";
        assert_eq!(
            self.count(strays).await,
            0,
            "an attempt and its certificate disagree"
        );
        let unverified =
            "SELECT count(*) FROM certificates c JOIN attempts a ON a.id = c.attempt_id
            WHERE (a.verdict IS NULL AND a.shortened_at IS NULL) OR a.facts IS NULL
              OR a.checks LIKE '%\"passed\":false%' AND c.state = 'issued'";
        assert_eq!(
            self.count(unverified).await,
            0,
            "a certificate without a verdict, or beside a failed check"
        );
        let bound = self.count("SELECT count(*) FROM attempts").await;
        let challenges = self
            .count("SELECT count(DISTINCT challenge_digest) FROM attempts")
            .await;
        assert_eq!(
            bound, challenges,
            "a challenge was accepted for two responses"
        );
    }

    /// Each state change has exactly one event, and no event holds a person's name. What became of an
    /// attempt that was shortened or deleted its record does not tell any more.
    async fn check_events(&self) {
        let mut expected = BTreeMap::new();
        for (kind, sql) in [
            (
                "attempt_bound",
                "SELECT count(*) FROM attempts WHERE shortened_at IS NULL",
            ),
            (
                "attempt_verified",
                "SELECT count(*) FROM attempts WHERE verdict IS NOT NULL",
            ),
            (
                "attempt_denied",
                "SELECT count(*) FROM attempts WHERE state = 'denied' AND shortened_at IS NULL",
            ),
            (
                "certificate_intended",
                "SELECT count(*) FROM certificates WHERE kind <> 'unrecorded'",
            ),
            (
                "certificate_abandoned",
                "SELECT count(*) FROM certificates WHERE state = 'abandoned'",
            ),
            (
                "certificate_issued",
                "SELECT count(*) FROM certificates WHERE state = 'issued' AND kind <> 'unrecorded'",
            ),
            ("certificate_revoked", "SELECT count(*) FROM revocations"),
            ("crl_intended", "SELECT count(*) FROM crls"),
            (
                "crl_issued",
                "SELECT count(*) FROM crls WHERE state <> 'intended'",
            ),
            ("certificate_revoked", "SELECT count(*) FROM revocations"),
            (
                "certificate_unrecorded",
                "SELECT count(*) FROM certificates WHERE kind = 'unrecorded'",
            ),
            ("renewal_ordered", "SELECT count(*) FROM renewal_orders"),
            (
                "block_added",
                "SELECT (SELECT count(*) FROM blocks)
                    + (SELECT count(*) FROM events WHERE kind = 'block_lifted')",
            ),
            ("token_created", "SELECT count(*) FROM tokens"),
            (
                "token_spent",
                "SELECT count(*) FROM tokens WHERE spent_at IS NOT NULL",
            ),
            (
                "token_revoked",
                "SELECT count(*) FROM tokens WHERE revoked_at IS NOT NULL",
            ),
        ] {
            expected.insert(kind.to_owned(), self.count(sql).await);
        }
        expected.retain(|_, number| *number > 0);
        // What a pause tells of is forgotten; see `check_pauses`. So is what retention did, and
        // whatever became of deliveries.
        let kinds = "SELECT kind FROM events
            WHERE kind NOT IN ('identity_paused', 'identity_released', 'retention_applied',
                'record_read', 'block_lifted', 'deliveries_retried', 'deliveries_dropped')
              AND (kind NOT LIKE 'attempt_%'
                  OR subject IN (SELECT short_id FROM attempts WHERE shortened_at IS NULL))";
        let kinds = self.rows(kinds).await;
        let mut seen: BTreeMap<String, i64> = BTreeMap::new();
        for kind in kinds {
            *seen.entry(kind).or_default() += 1;
        }
        assert_eq!(seen, expected);
        self.check_retention().await;
        let doubled = "SELECT count(*) FROM (SELECT subject FROM events
            WHERE kind NOT IN ('retention_applied', 'record_read', 'block_added', 'block_lifted',
                'deliveries_retried', 'deliveries_dropped')
            GROUP BY kind, subject HAVING count(*) > 1) AS doubled";
        assert_eq!(
            self.count(doubled).await,
            0,
            "a state change has two events"
        );
        let personal = "SELECT count(*) FROM events WHERE subject LIKE '%@%' OR detail LIKE '%@%'";
        assert_eq!(self.count(personal).await, 0, "an event names a person");
        let late = "SELECT count(*) FROM events i JOIN events s ON s.subject = i.subject
            WHERE i.kind = 'certificate_intended' AND s.kind = 'certificate_issued' AND s.id < i.id";
        assert_eq!(
            self.count(late).await,
            0,
            "a certificate was signed before its row"
        );
    }

    /// Whoever waits was denied and told so, and so was whoever was released.
    async fn check_pauses(&self) {
        let untold = "SELECT count(*) FROM events e
            WHERE e.kind = 'identity_paused' AND NOT EXISTS (SELECT 1 FROM attempts a
                WHERE a.short_id = e.subject AND a.state = 'denied' AND a.retry_at IS NOT NULL)";
        assert_eq!(self.count(untold).await, 0, "a pause that was not told");
        let unheard = "SELECT count(*) FROM (
                SELECT attempt FROM pauses WHERE paused_at IS NOT NULL
                UNION ALL SELECT subject FROM events WHERE kind = 'identity_released') AS told
            WHERE NOT EXISTS (SELECT 1 FROM events e
                WHERE e.kind = 'identity_paused' AND e.subject = told.attempt)";
        assert_eq!(self.count(unheard).await, 0, "a pause without its event");
        let verified = "SELECT count(*) FROM attempts
            WHERE code IN ('paused', 'too_many_attempts') AND (verdict IS NULL OR retry_at IS NULL)";
        assert_eq!(self.count(verified).await, 0, "a claim was made to wait");
    }

    /// The log counts every attempt that is gone, and every one that lost its personal data.
    async fn check_retention(&self) {
        let details = "SELECT detail FROM events WHERE kind = 'retention_applied'";
        let (mut deleted, mut shortened) = (0, 0);
        for detail in self.rows(details).await {
            let detail: serde_json::Value = serde_json::from_str(&detail).unwrap();
            deleted += detail["deleted"].as_i64().unwrap();
            shortened += detail["shortened"].as_i64().unwrap();
        }
        let gone = "SELECT count(*) FROM events WHERE kind = 'attempt_bound'
            AND subject NOT IN (SELECT short_id FROM attempts)";
        assert_eq!(self.count(gone).await, deleted, "attempts went uncounted");
        let short = "SELECT count(*) FROM attempts WHERE shortened_at IS NOT NULL";
        let short = self.count(short).await;
        assert!(
            (short..=short + deleted).contains(&shortened),
            "{shortened} counted, {short} left"
        );
    }

    /// Every CRL verifies, and lists what was revoked before it was made, and nothing else. Numbers and
    /// times only grow.
    async fn check_crls(&self, issuer: &Issuer) {
        for authority in [issuer.root(), issuer.authority()] {
            let id = authority.issuer_id();
            let Some(last) = self.store.last_crl(&id).await.unwrap() else {
                // The service was stopped within its first second.
                assert_eq!(id, *issuer.id(), "the root's CRL");
                continue;
            };
            let der = self.store.crl_der(last.row).await.unwrap().unwrap();
            let read = ReadCrl::verify(&der, authority).unwrap();
            let number = i64::try_from(read.update().number.0).unwrap();
            assert_eq!(number, last.number);
            assert_eq!(read.update().this_update, last.this_update);
            assert_eq!(read.update().next_update, last.next_update);
            let list = CertificateList::<Rfc5280>::from_der(&der).unwrap();
            let listed = list.tbs_cert_list.revoked_certificates.unwrap_or_default();
            let mut listed: Vec<_> = listed
                .iter()
                .map(|entry| {
                    let serial = SerialNumber::of_der(entry.serial_number.as_bytes()).unwrap();
                    let at = entry.revocation_date.to_unix_duration().as_secs();
                    (serial.to_string(), i64::try_from(at).unwrap())
                })
                .collect();
            let revoked = self
                .store
                .revoked_certificates(&id, last.covers, last.kept_since, None, 1_000_000)
                .await
                .unwrap();
            let mut revoked: Vec<_> = revoked
                .iter()
                .map(|line| (line.serial.to_string(), line.revocation.at.0))
                .collect();
            listed.sort();
            revoked.sort();
            assert_eq!(listed, revoked, "the CRL of {id}");
        }
        let disordered = "SELECT count(*) FROM crls earlier JOIN crls later
            ON later.issuer_id = earlier.issuer_id AND later.number > earlier.number
            WHERE earlier.state = 'issued' AND later.state = 'issued' AND later.id < earlier.id";
        assert_eq!(self.count(disordered).await, 0, "CRL numbers follow time");
        let unrevoked = "SELECT count(*) FROM events WHERE kind = 'certificate_revoked'
            AND subject NOT IN (SELECT issuer_id || '/' || serial FROM revocations)";
        assert_eq!(
            self.count(unrevoked).await,
            0,
            "a revocation was taken back"
        );
        let silent = "SELECT count(*) FROM revocations WHERE 1 <> (SELECT count(*) FROM events
            WHERE kind = 'certificate_revoked' AND subject = issuer_id || '/' || serial)";
        assert_eq!(self.count(silent).await, 0, "each revocation has one event");
    }
}

/// The certificate names the row's identity, once, and of nobody else.
fn check_holder(row: &CertificateRow, certificate: &Certificate) {
    let tbs = certificate.tbs_certificate();
    let alternative = tbs.get_extension::<SubjectAltName>().unwrap();
    let alternative = alternative.map_or_else(Vec::new, |(_, names)| names.0);
    let (kind, identity) = row.identity.split_once(':').unwrap();
    let user = kind == "user";
    let mut names = tbs.subject().to_string();
    for name in &alternative {
        match name {
            GeneralName::Rfc822Name(email) => {
                assert!(user, "a device with an address");
                assert_eq!(email.as_str(), identity);
            }
            GeneralName::DnsName(dns) => assert!(!user, "a user with a DNS name: {dns}"),
            GeneralName::UniformResourceIdentifier(uri) => names.push_str(uri.as_str()),
            GeneralName::OtherName(other) => {
                names.push_str(&String::from_utf8_lossy(other.value.value()));
            }
            other => panic!("a name of an unknown kind: {other:?}"),
        }
    }
    let unit = if user {
        "OU=vaca user"
    } else {
        "OU=vaca device"
    };
    assert_eq!(names.matches("OU=vaca ").count(), 1, "{names}");
    assert!(names.contains(unit), "{names}");
    assert!(
        names.contains(identity.split('@').next().unwrap()),
        "{names}"
    );
    let holder = if user {
        &row.holder.email
    } else {
        &row.holder.device_permanent_id
    };
    assert_eq!(holder.as_deref(), Some(identity));
    let spki = tbs.subject_public_key_info().to_der().unwrap();
    assert_eq!(digest(&SHA256, &spki).as_ref(), row.spki_sha256);
    assert_eq!(tbs.serial_number().as_bytes(), row.serial.as_bytes());
}

/// webpki's opinion: does this client certificate chain to the root?
fn verify(
    der: &[u8],
    intermediates: &[CertificateDer<'_>],
    roots: &[rustls_pki_types::TrustAnchor<'_>],
    at: i64,
) {
    let der = CertificateDer::from(der);
    let certificate = webpki::EndEntityCert::try_from(&der).unwrap();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap() + 1));
    certificate
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            roots,
            intermediates,
            time,
            webpki::KeyUsage::client_auth(),
            None,
            None,
        )
        .unwrap();
}
