#![allow(
    clippy::unwrap_used,
    reason = "tests: a failed expectation is the message"
)]

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

use super::*;

/// In the spring of 2026.
const NOW: Timestamp = Timestamp(1_775_000_000);

struct Chain {
    leaf: String,
    issuing: String,
    root: String,
}

fn ca(name: &str) -> CertificateParams {
    let mut contents = named(name, 2035);
    contents.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    contents
}

fn named(name: &str, until: i32) -> CertificateParams {
    let mut contents = CertificateParams::new(Vec::new()).unwrap();
    contents.distinguished_name = rcgen::DistinguishedName::new();
    contents
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    contents.not_before = date_time_ymd(2025, 1, 1);
    contents.not_after = date_time_ymd(until, 1, 1);
    contents
}

/// A private CA's server certificate for these hosts.
fn chain(hosts: &[&str], until: i32) -> Chain {
    let [root_key, issuing_key, leaf_key] = [(); 3].map(|()| KeyPair::generate().unwrap());
    let root = ca("root").self_signed(&root_key).unwrap();
    let above = Issuer::new(ca("root"), root_key);
    let issuing = ca("issuing").signed_by(&issuing_key, &above).unwrap();
    let above = Issuer::new(ca("issuing"), issuing_key);
    let mut contents = named("server", until);
    for host in hosts {
        let name = rcgen::SanType::DnsName((*host).try_into().unwrap());
        contents.subject_alt_names.push(name);
    }
    contents
        .extended_key_usages
        .push(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    Chain {
        leaf: contents.signed_by(&leaf_key, &above).unwrap().pem(),
        issuing: issuing.pem(),
        root: root.pem(),
    }
}

fn said(parts: &[&str]) -> Result<String, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), parts.concat()).unwrap();
    look(file.path(), NOW)
}

#[test]
fn a_private_chain_tells_what_chromebooks_must_trust() {
    let Chain {
        leaf,
        issuing,
        root,
    } = chain(&["vaca.example.com", "vaca.example.net"], 2027);
    let whole = said(&[&leaf, &issuing, &root]).unwrap();
    assert!(
        whole.starts_with(
            "for vaca.example.com, vaca.example.net, until 2027-01-01T00:00:00Z (275 days)"
        ),
        "{whole}"
    );
    let der = CertificateDer::from_pem_slice(root.as_bytes()).unwrap();
    assert!(
        whole.contains(&Fingerprint::of(&der).to_string()),
        "{whole}"
    );
    // The root may be missing: then the last one is what must be trusted, or what leads there.
    let below = said(&[&leaf, &issuing]).unwrap();
    assert!(below.contains("not a public one"), "{below}");
}

#[test]
fn a_chain_that_a_browser_refuses_is_refused() {
    let Chain {
        leaf,
        issuing,
        root,
    } = chain(&["vaca.example.com"], 2027);
    let ended = chain(&["vaca.example.com"], 2026);
    let nameless = chain(&[], 2027);
    for (parts, why) in [
        (vec![&leaf], "it stands alone"),
        (vec![&leaf, &root], "does not hold"),
        (vec![&root, &issuing], "names no host"),
        (
            vec![&ended.leaf, &ended.issuing, &ended.root],
            "does not hold",
        ),
        (vec![&nameless.leaf, &nameless.issuing], "names no host"),
        (vec![], "holds no certificate"),
    ] {
        let parts: Vec<_> = parts.into_iter().map(String::as_str).collect();
        let refused = said(&parts).unwrap_err();
        assert!(refused.contains(why), "{why}: {refused}");
    }
    let missing = look(Path::new("no/such/file"), NOW).unwrap_err();
    assert!(missing.contains("cannot read no/such/file"), "{missing}");
}
