//! More than a thousand certificates of every profile, some of them revoked, before six judges who share no
//! code with us, nor with each other: all of them say the same of each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use serde_json::json;
use tempfile::TempDir;
use vaca::clock::{Clock as _, SystemClock};
use vaca::model::role::Role;
use vaca_emulator::{KeyAlgorithm, Scope, VirtualChromebook};

use super::daemon::command;
use super::world::output;
use crate::admin::post;
use crate::support::openssl::{openssl, said};
use crate::support::{ALICE, TestCa, eventually, pkilint};

/// The samples in `docs/samples/profiles`, and the profile that each has.
const SAMPLES: [(&str, &str, Scope); 7] = [
    ("wifi-user", "eap-user", Scope::User),
    ("wifi-device", "eap-device", Scope::Machine),
    ("vpn-ikev2", "ikev2-user", Scope::User),
    ("vpn-openvpn", "openvpn-user", Scope::User),
    ("intranet", "intranet-user", Scope::User),
    ("nps-user", "nps-user", Scope::User),
    ("webhook-client", "webhook-client", Scope::Machine),
];
/// Certificates of each profile; of the one for RSA alone fewer, because such keys take their time.
const EACH: usize = 160;
const OF_RSA: usize = 48;
/// One in so many has an RSA key where the profile takes either kind, and one in so many is revoked.
const RSA: usize = 20;
const REVOKED: usize = 8;

/// A configuration with the profiles of all samples, for holders who have many certificates.
fn configure(configuration: &str) -> String {
    let (before, _) = configuration.split_once("[[profile]]").unwrap();
    let mut text = format!(
        "{before}[enrichment]\nusers_file = \"users.csv\"\ndevices_file = \"devices.csv\"\n\n"
    );
    for (sample, _, _) in SAMPLES {
        let path = format!("docs/samples/profiles/{sample}.toml");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let sample = std::fs::read_to_string(path).unwrap();
        let (_, profile) = sample.split_once("[[profile]]").unwrap();
        let lines = profile.lines().map(|line| {
            let allow = line.starts_with("allow =");
            let everybody =
                "allow = \"all_verified\"\nlive_certificates = 1000\nattempts_per_minute = 1000";
            if allow { everybody } else { line }
        });
        let profile: Vec<_> = lines.collect();
        text += &format!("[[profile]]{}\n\n", profile.join("\n"));
    }
    // Where nobody listens: the judges have what they need, and fetch nothing.
    text.replace("C01abc234", "C01example").replace(
        "pki = \"127.0.0.1:0\"",
        "pki = \"127.0.0.1:0\"\npki_base_url = \"http://127.0.0.1:9\"",
    )
}

/// Every certificate, by the name of its file, and who is to be let in.
struct Population {
    folder: TempDir,
    all: BTreeSet<String>,
    good: BTreeSet<String>,
}

impl Population {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Holds what a judge says against what is expected.
    fn agrees(&self, judge: &str, takes: &BTreeSet<String>) {
        let differ: Vec<_> = takes.symmetric_difference(&self.good).collect();
        assert!(
            differ.is_empty(),
            "{judge} disagrees about {} of {}: {differ:?}",
            differ.len(),
            self.all.len()
        );
    }
}

/// Enrols; answers serial number and certificate of each.
async fn enrol(
    ca: &TestCa,
    chromebook: &mut VirtualChromebook,
    (profile, scope): (&str, Scope),
    count: usize,
) -> Vec<(String, String)> {
    let email = (scope == Scope::User).then_some(ALICE);
    let mut issued = Vec::with_capacity(count);
    for number in 0..count {
        // No more challenges in a second than are admitted.
        if number % 50 == 0 {
            ca.clock.advance(1);
        }
        let rsa = profile == "webhook-client" || profile != "openvpn-user" && number % RSA == 0;
        let key = if rsa {
            KeyAlgorithm::Rsa
        } else {
            KeyAlgorithm::Ecdsa
        };
        let response = ca.response(chromebook, profile, scope, key).await;
        let answer = ca.present(&response, profile, email).await;
        let text = |name: &str| answer.issued().json[name].as_str().unwrap().to_owned();
        issued.push((text("serial_number"), text("certificate")));
    }
    issued
}

/// Revokes these, after the second look that so many take, and waits for the list.
async fn revoke(ca: &TestCa, serials: &[&str]) {
    let operator = ca.token(Role::Operator).await;
    let path = "/v1/admin/revocations";
    let mut order = json!({ "serials": serials, "reason": "superseded", "dry_run": true });
    let plan = post(ca, &operator, path, &order).await;
    order["dry_run"] = json!(false);
    order["confirm"] = plan.json["digest"].clone();
    let done = post(ca, &operator, path, &order).await;
    assert_eq!(done.json["revoked"], serials.len(), "{}", done.text);
    ca.clock.advance(6);
    let listed = "SELECT count(*) FROM crls WHERE state = 'issued' AND entries > 0";
    eventually("the list has them", || async { ca.count(listed).await > 0 }).await;
}

async fn population(ca: &TestCa, chromebook: &mut VirtualChromebook) -> Population {
    let mut issued = Vec::new();
    for (_, profile, scope) in SAMPLES {
        let count = if profile == "webhook-client" {
            OF_RSA
        } else {
            EACH
        };
        issued.extend(enrol(ca, chromebook, (profile, scope), count).await);
    }
    let revoked: Vec<_> = issued
        .iter()
        .step_by(REVOKED)
        .map(|(serial, _)| serial.as_str())
        .collect();
    revoke(ca, &revoked).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("leaves")).unwrap();
    for (serial, leaf) in &issued {
        std::fs::write(folder.path().join(format!("leaves/{serial}.pem")), leaf).unwrap();
    }
    for (name, from) in [("root", "root.crt"), ("issuing", "issuing/issuing.crt")] {
        std::fs::copy(
            ca.folder.path().join(from),
            folder.path().join(format!("{name}.pem")),
        )
        .unwrap();
    }
    let lists = ca.get("/v1/crl/all.pem").await;
    assert_eq!(lists.status, 200);
    std::fs::write(folder.path().join("all.crl"), &lists.text).unwrap();
    let all: BTreeSet<_> = issued.iter().map(|(serial, _)| serial.clone()).collect();
    let good = all
        .iter()
        .filter(|serial| !revoked.contains(&serial.as_str()));
    assert!(all.len() >= 1000, "{}", all.len());
    Population {
        good: good.cloned().collect(),
        all,
        folder,
    }
}

/// Each list of a file of several, PEM.
fn lists(population: &Population) -> Vec<String> {
    let text = std::fs::read_to_string(population.path("all.crl")).unwrap();
    let lists = text.split_inclusive("-----END X509 CRL-----\n");
    lists
        .map(ToOwned::to_owned)
        .filter(|list| list.contains("BEGIN"))
        .collect()
}

async fn openssl_takes(population: &Population) -> BTreeSet<String> {
    let folder = population.folder.path();
    let text = |name: &str| std::fs::read_to_string(population.path(name)).unwrap();
    std::fs::write(
        folder.join("trust.pem"),
        text("root.pem") + &text("all.crl"),
    )
    .unwrap();
    let mut verify = command("openssl");
    verify.current_dir(folder.join("leaves"));
    verify.args([
        "verify",
        "-x509_strict",
        "-purpose",
        "sslclient",
        "-crl_check_all",
        "-CAfile",
        "../trust.pem",
    ]);
    verify.args(["-untrusted", "../issuing.pem", "-no-CApath", "-no-CAstore"]);
    verify.args(population.all.iter().map(|serial| format!("{serial}.pem")));
    let said = said(&output(verify).await);
    let takes = said
        .lines()
        .filter_map(|line| line.strip_suffix(".pem: OK"));
    takes.map(ToOwned::to_owned).collect()
}

/// Runs a shell's word for each certificate, two at a time; answers those for which it ends well.
async fn each(population: &Population, word: &str) -> BTreeSet<String> {
    let mut shell = command("sh");
    shell.current_dir(population.folder.path()).args(["-c", &format!(
        "ls leaves | sed 's/.pem$//' | xargs -P 2 -I NAME sh -c '{word} >NAME.log 2>&1 && echo NAME'"
    )]);
    let output = output(shell).await;
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().map(ToOwned::to_owned).collect()
}

async fn gnutls_takes(population: &Population) -> BTreeSet<String> {
    let word = "cat leaves/NAME.pem issuing.pem >NAME.chain && certtool --verify --load-ca-certificate root.pem \
                --load-crl all.crl --verify-purpose 1.3.6.1.5.5.7.3.2 --infile NAME.chain";
    each(population, word).await
}

async fn nss_takes(population: &Population) -> BTreeSet<String> {
    let folder = population.folder.path();
    std::fs::create_dir(folder.join("nss")).unwrap();
    let run = async |program: &str, arguments: &[&str]| {
        let mut nss = command(program);
        nss.current_dir(folder)
            .args(["-d", "sql:nss"])
            .args(arguments);
        let output = output(nss).await;
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}",
            said(&output)
        );
    };
    run("certutil", &["-N", "--empty-password"]).await;
    run(
        "certutil",
        &["-A", "-n", "root", "-t", "CT,,", "-i", "root.pem"],
    )
    .await;
    run(
        "certutil",
        &["-A", "-n", "issuing", "-t", ",,", "-i", "issuing.pem"],
    )
    .await;
    for (number, list) in lists(population).iter().enumerate() {
        let (pem, der) = (format!("{number}.list"), format!("{number}.crl"));
        std::fs::write(folder.join(&pem), list).unwrap();
        openssl(
            &["crl", "-in", &pem, "-outform", "DER", "-out", &der],
            folder,
        )
        .await;
        run("crlutil", &["-I", "-t", "1", "-i", &der]).await;
    }
    each(population, "vfychain -d sql:nss -u 0 -a leaves/NAME.pem").await
}

async fn java_takes(population: &Population) -> BTreeSet<String> {
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/relying/judges/Judge.java");
    let mut java = command("java");
    java.arg(judge).arg(population.folder.path());
    let output = output(java).await;
    assert!(output.status.success(), "{}", said(&output));
    let takes = String::from_utf8(output.stdout).unwrap();
    takes.lines().map(ToOwned::to_owned).collect()
}

/// webpki, which rustls uses.
fn webpki_takes(population: &Population) -> BTreeSet<String> {
    let certificate = |path: PathBuf| CertificateDer::from_pem_file(path).unwrap();
    let (root, issuing) = (
        certificate(population.path("root.pem")),
        certificate(population.path("issuing.pem")),
    );
    let anchors = [webpki::anchor_from_trusted_cert(&root).unwrap()];
    let lists: Vec<_> = CertificateRevocationListDer::pem_file_iter(population.path("all.crl"))
        .unwrap()
        .map(|list| {
            webpki::OwnedCertRevocationList::from_der(&list.unwrap())
                .unwrap()
                .into()
        })
        .collect();
    let lists: Vec<&webpki::CertRevocationList<'_>> = lists.iter().collect();
    let now = SystemClock::new().now().since_epoch();
    let takes = population.all.iter().filter(|serial| {
        let der = certificate(population.path(&format!("leaves/{serial}.pem")));
        let leaf = webpki::EndEntityCert::try_from(&der).unwrap();
        let revocation = webpki::RevocationOptionsBuilder::new(&lists)
            .unwrap()
            .build();
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            std::slice::from_ref(&issuing),
            UnixTime::since_unix_epoch(now + Duration::ZERO),
            webpki::KeyUsage::client_auth(),
            Some(revocation),
            None,
        )
        .is_ok()
    });
    takes.cloned().collect()
}

/// Every certificate, the CA's own and the lists.
async fn pkilint_finds_nothing(population: &Population) {
    for name in ["root", "issuing"] {
        std::fs::copy(
            population.path(&format!("{name}.pem")),
            population.path(&format!("leaves/{name}.pem")),
        )
        .unwrap();
    }
    for (number, list) in lists(population).iter().enumerate() {
        std::fs::write(population.path(&format!("leaves/list-{number}.pem")), list).unwrap();
    }
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/relying/judges/lint.py");
    let mut lint = command(pkilint::python().await.to_str().unwrap());
    lint.arg(judge).arg(population.path("leaves"));
    let output = output(lint).await;
    let wanted = format!("{} linted\n", population.all.len() + 4);
    assert_eq!(said(&output), wanted);
}

#[tokio::test]
async fn six_judges_agree_about_a_thousand_certificates() {
    let then = SystemClock::new().now().minus(600);
    let mut ca = TestCa::make_at(then, |text| configure(&text)).await;
    let folder = ca.folder.path();
    let mut chromebook = ca.chromebook(ALICE).await;
    let id = chromebook.device_permanent_id();
    let devices =
        format!("device_permanent_id,asset_id,organizational_unit\n{id},A-1,/Schools/North\n");
    std::fs::write(folder.join("devices.csv"), devices).unwrap();
    let users = format!("email,sid\n{ALICE},S-1-5-21-1004336348-1177238915-682003330-1104\n");
    std::fs::write(folder.join("users.csv"), users).unwrap();
    ca.serve().await.unwrap();
    let population = population(&ca, &mut chromebook).await;
    population.agrees("openssl", &openssl_takes(&population).await);
    population.agrees("webpki", &webpki_takes(&population));
    population.agrees("Java", &java_takes(&population).await);
    population.agrees("GnuTLS", &gnutls_takes(&population).await);
    population.agrees("NSS", &nss_takes(&population).await);
    pkilint_finds_nothing(&population).await;
    ca.check().await;
}
