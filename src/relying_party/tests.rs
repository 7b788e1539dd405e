//! What is written, for a user and for a device, with a policy and without.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail, and says where"
)]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use super::*;
use crate::ca::Authority;
use crate::ca::fixtures::authorities;
use crate::ca::signer::SignatureAlgorithm;
use crate::clock::Timestamp;
use crate::model::attributes::Attributes;
use crate::model::certificate::IssuerId;
use crate::model::profile::{CertificateProfile, ProfileSettings};
use crate::random::SeededRandom;

/// A place on which nothing depends.
pub(super) fn place() -> Place {
    Place {
        folder: "/etc/vaca/example".to_owned(),
        pki_url: "http://pki.example.com".to_owned(),
        server: "host.example.com".to_owned(),
        listen: SocketAddr::from(([0, 0, 0, 0], 443)),
        application: SocketAddr::from(([127, 0, 0, 1], 3000)),
        trust: Trust::Issuing,
        revocation: Revocation::Lists,
        ssid: "Example".to_owned(),
        extension: Some("abcdefghijklmnopabcdefghijklmnop".to_owned()),
        api_url: "https://vaca.example.com".to_owned(),
        admin_url: None,
        gate: None,
    }
}

/// The same for those that ask at a gate.
fn asking_at_a_gate() -> Place {
    Place {
        revocation: Revocation::Gate,
        admin_url: Some("https://vaca.example.com:8444".to_owned()),
        gate: Some("intranet".to_owned()),
        ..place()
    }
}

fn profile(text: &str) -> CertificateProfile {
    let common = "customer_id = 'C01example'\nissuer = 'issuing'\nallow = 'all_verified'\n";
    let settings: ProfileSettings = toml::from_str(&format!("{common}{text}")).unwrap();
    CertificateProfile::try_from(settings).unwrap()
}

fn user() -> CertificateProfile {
    profile("name = 'wifi-user'\nscope = 'user'\ndomains = ['example.com', 'example.org']")
}

fn device() -> CertificateProfile {
    profile(
        "name = 'wifi-device'\nscope = 'machine'\ndomains = ['example.com']\n[certificate]\nsubject = ['O=Example', 'CN={device_permanent_id}']\npolicies = ['1.3.6.1.4.1.32473.1.2']",
    )
}

async fn site(profile: &CertificateProfile, place: Place) -> Site {
    let made = authorities(SignatureAlgorithm::default()).await;
    let of = |authority: &Authority, digit: u8| CaCertificate {
        id: IssuerId::of_spki_digest(&[digit; 32]),
        sha256: format!("{digit:02x}").repeat(32),
        pem: format!("(the certificate of {})\n", authority.name()),
        ..CaCertificate::of(authority)
    };
    let (issuing, root) = (of(&made.issuing, 0x11), of(&made.root, 0x22));
    let all = [user(), device()];
    let made = Site::new(
        profile,
        &all,
        (&made.issuing, &made.root),
        place,
        Timestamp(1_800_000_000),
    );
    Site {
        issuing,
        root,
        ..made
    }
}

fn dump(kind: Kind, site: &Site) -> String {
    let mut text = String::new();
    for file in files(kind, site, &SeededRandom::new(1)).unwrap() {
        let once = if file.once { ", once" } else { "" };
        writeln!(
            text,
            "==> {} ({:o}{once}) <==\n{}",
            file.name, file.mode, file.text
        )
        .unwrap();
    }
    text
}

#[tokio::test]
async fn every_kind_for_a_user_and_for_a_device() {
    for kind in Kind::ALL {
        for profile in [user(), device()] {
            let place = match kind.asks_gates() {
                true => asking_at_a_gate(),
                false => place(),
            };
            let text = dump(kind, &site(&profile, place).await);
            insta::assert_snapshot!(format!("{kind}-{}", profile.name), text);
        }
    }
}

#[tokio::test]
async fn the_other_ways_to_learn_of_revocation() {
    let ocsp = Place {
        revocation: Revocation::Ocsp,
        ..place()
    };
    let root = Place {
        trust: Trust::Root,
        ..place()
    };
    let configuration = |kind, site: Site, name: &'static str| {
        let files = files(kind, &site, &SeededRandom::new(1)).unwrap();
        files
            .into_iter()
            .find(|file| file.name == name)
            .unwrap()
            .text
    };
    for (kind, name, place, wanted) in [
        (Kind::Freeradius, "eap.conf", &root, "check_all_crl = yes"),
        (
            Kind::Freeradius,
            "eap.conf",
            &ocsp,
            "url = \"http://pki.example.com/ocsp\"",
        ),
        (Kind::Nginx, "vaca.conf", &ocsp, "ssl_ocsp leaf;"),
        (Kind::Apache, "vaca.conf", &ocsp, "SSLOCSPEnable leaf"),
    ] {
        let text = configuration(kind, site(&user(), place.clone()).await, name);
        assert!(text.contains(wanted), "{text}");
    }
    let told = files(
        Kind::Haproxy,
        &site(&user(), ocsp).await,
        &SeededRandom::new(1),
    );
    let told = told.unwrap_err().to_string();
    assert_eq!(
        told,
        "haproxy takes revocation lists only: leave out --revocation ocsp"
    );
}

#[tokio::test]
async fn those_that_ask_how_a_certificate_stands() {
    let status = Place {
        revocation: Revocation::Status,
        admin_url: Some("https://vaca.example.com:8444".to_owned()),
        ..place()
    };
    for kind in Kind::ALL {
        let attributes = [("Filter-Id", "staff"), ("Tunnel-Private-Group-Id", "20")];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let site = Site {
            attributes: Arc::new(Attributes::new(attributes.into()).unwrap()),
            ..site(&user(), status.clone()).await
        };
        if kind.asks_for_status() {
            let text = dump(kind, &site);
            insta::assert_snapshot!(format!("{kind}-asking"), text);
            continue;
        }
        let told = files(kind, &site, &SeededRandom::new(1)).unwrap_err();
        let wanted = "cannot ask how a certificate stands: leave out --revocation status";
        assert!(told.to_string().contains(wanted), "{told}");
    }
}

/// No cluster is at hand: this is all that is proven of it.
#[tokio::test]
async fn what_a_cluster_is_told_is_yaml() {
    let site = site(&user(), place()).await;
    let files = files(Kind::IngressNginx, &site, &SeededRandom::new(1)).unwrap();
    let ingress = files.iter().find(|file| file.name == "ingress.yaml");
    let read: serde_json::Value = serde_saphyr::from_str(&ingress.unwrap().text).unwrap();
    let at = |path: &str| read.pointer(path).unwrap();
    assert_eq!(at("/apiVersion"), "networking.k8s.io/v1");
    let annotations = at("/metadata/annotations");
    for (name, value) in [
        ("auth-tls-secret", "default/vaca-wifi-user"),
        ("auth-tls-verify-client", "on"),
        ("auth-tls-verify-depth", "2"),
        ("auth-tls-pass-certificate-to-upstream", "true"),
    ] {
        let name = format!("nginx.ingress.kubernetes.io/{name}");
        assert_eq!(annotations.get(&name).unwrap(), value, "{name}");
    }
    assert_eq!(annotations.as_object().unwrap().len(), 4);
    assert_eq!(at("/spec/rules/0/host"), "host.example.com");
    let service = "/spec/rules/0/http/paths/0/backend/service/port/number";
    assert_eq!(at(service), 3000);
}

#[tokio::test]
async fn a_local_part_is_no_identity() {
    let profile = profile(
        "name = 'vpn'\nscope = 'user'\ndomains = ['example.com']\n[certificate]\nsubject = ['CN={local_part}']\nreserved_local_parts = ['root']",
    );
    let site = site(&profile, place()).await;
    for kind in [
        Kind::Nginx,
        Kind::Haproxy,
        Kind::Postgresql,
        Kind::Mosquitto,
    ] {
        let told = files(kind, &site, &SeededRandom::new(1))
            .unwrap_err()
            .to_string();
        let wanted = "an attribute of the subject such as CN={email}";
        assert!(told.contains(wanted), "{told}");
    }
    // The address stands in the alternative name.
    for kind in [
        Kind::Freeradius,
        Kind::Apache,
        Kind::Envoy,
        Kind::Openvpn,
        Kind::Strongswan,
        Kind::Node,
    ] {
        let text = dump(kind, &site);
        assert!(text.contains("example"), "{text}");
    }
}

#[tokio::test]
async fn of_several_uris_envoy_cannot_say_which() {
    let profile = profile(
        "name = 'lab'\nscope = 'machine'\ndomains = ['example.com']\n[certificate]\nsubject_alternative_names = ['uri:https://{domain}/device/{device_permanent_id}', 'uri:https://example.com/lab']",
    );
    let site = site(&profile, place()).await;
    let told = files(Kind::Envoy, &site, &SeededRandom::new(1)).unwrap_err();
    let wanted = "a subject alternative name with one URI alone";
    assert!(told.to_string().contains(wanted), "{told}");
}
