#![allow(clippy::unwrap_used, reason = "a test may fail")]

use const_oid::db::rfc4519::CN;
use const_oid::db::rfc5280::ID_KP_OCSP_SIGNING;
use der::Encode as _;
use der::asn1::{BitString, Ia5String, OctetString};
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;
use x509_cert::time::Validity as Dates;

use super::*;
use crate::ca::extension as make;
use crate::ca::fixtures::{
    DAY, NOW, TestAuthorities, alice, authorities, contents, contents_by, device, pki_base, serial,
    user,
};
use crate::ca::name::name;
use crate::ca::tbs::time;
use crate::random::SeededRandom;

/// RFC 5280, section 4.1, with every field open: what the builder would never write.
#[derive(Clone, der::Sequence)]
struct Broken {
    #[asn1(context_specific = "0", default = "Default::default")]
    version: Version,
    serial_number: x509_cert::serial_number::SerialNumber,
    signature: spki::AlgorithmIdentifierOwned,
    issuer: Name,
    validity: Dates,
    subject: Name,
    spki: spki::SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    issuer_unique_id: Option<BitString>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

impl Broken {
    fn extension(&mut self, with: der::Result<Extension>) {
        let with = with.unwrap();
        for extension in self.extensions.iter_mut().flatten() {
            if extension.extn_id == with.extn_id {
                *extension = with.clone();
            }
        }
    }

    fn alternative(&mut self, names: GeneralNames) {
        self.extension(make::extension(false, &SubjectAltName(names)));
    }

    fn dated(&mut self, not_before: Timestamp, not_after: Timestamp) {
        self.validity = Dates::new(time(not_before).unwrap(), time(not_after).unwrap());
    }
}

struct Case {
    authorities: TestAuthorities,
    contents: ClientContents,
    validity: Validity,
    tbs: Vec<u8>,
    pki_base: PkiBase,
}

impl Case {
    async fn new(identity: VerifiedIdentity) -> Self {
        Self::by(contents(identity)).await
    }

    async fn by(contents: ClientContents) -> Self {
        let authorities = authorities(SignatureAlgorithm::default()).await;
        let prepared = authorities
            .issuer()
            .prepare_contents(contents.clone(), serial(9), NOW, &SeededRandom::new(3))
            .unwrap();
        Self {
            tbs: prepared.tbs().to_vec(),
            validity: prepared.validity(),
            authorities,
            contents,
            pki_base: pki_base(),
        }
    }

    fn lint(&self, tbs: &[u8]) -> Result<(), LintFailure> {
        let expected = Expected {
            issuing: &self.authorities.issuing,
            algorithm: SignatureAlgorithm::default(),
            serial: serial(9),
            contents: &self.contents,
            pki_base: Some(&self.pki_base),
            validity: self.validity,
            now: NOW,
        };
        lint(tbs, &expected)
    }

    fn broken(&self, breaking: impl FnOnce(&mut Broken)) -> Vec<&'static str> {
        let mut tbs = Broken::from_der(&self.tbs).unwrap();
        breaking(&mut tbs);
        self.lint(&tbs.to_der().unwrap()).unwrap_err().findings
    }
}

fn email(address: &str) -> GeneralName {
    GeneralName::Rfc822Name(Ia5String::new(address).unwrap())
}

#[tokio::test]
async fn what_the_template_makes_passes() {
    for identity in [alice(), device("1a2b"), user("a.b'c+d_e-f@sub.example.com")] {
        let case = Case::new(identity).await;
        case.lint(&case.tbs).unwrap();
        let same = Broken::from_der(&case.tbs).unwrap().to_der().unwrap();
        assert_eq!(same, case.tbs);
    }
}

#[tokio::test]
async fn the_links_are_the_issuers() {
    let mut case = Case::new(alice()).await;
    let (issuer, root) = (
        case.authorities.issuing.issuer_id(),
        case.authorities.root.issuer_id(),
    );
    let list = ["the CRL's address is not the issuer's"];
    let base = pki_base();
    for url in [base.crl(&root), base.ocsp(), String::new()] {
        let with = || make::crl_distribution_points(&url);
        assert_eq!(case.broken(|tbs| tbs.extension(with())), list, "{url}");
    }
    let sources = ["the addresses of OCSP and of the issuer's certificate are not the issuer's"];
    let (certificate, ocsp) = (base.certificate(&issuer), base.ocsp());
    for (certificate, ocsp) in [
        (&base.certificate(&root), Some(&ocsp)),
        (&certificate, None),
        (&certificate, Some(&certificate)),
    ] {
        let ocsp = ocsp.map(String::as_str);
        let with = || make::authority_information_access(certificate, ocsp);
        assert_eq!(case.broken(|tbs| tbs.extension(with())), sources);
    }
    case.pki_base = PkiBase::parse("http://other.example.com").unwrap();
    let findings = case.lint(&case.tbs).unwrap_err().findings;
    assert_eq!(findings, [list, sources].concat());
}

#[tokio::test]
async fn the_envelope_is_exact() {
    let case = Case::new(alice()).await;
    assert_eq!(
        case.broken(|tbs| tbs.version = Version::V2),
        ["it is not version 3"]
    );
    let other = serial(10);
    assert_eq!(
        case.broken(|tbs| {
            let octets = other.as_bytes();
            tbs.serial_number = x509_cert::serial_number::SerialNumber::new(octets).unwrap();
        }),
        ["the serial number is not the one that was drawn"]
    );
    assert_eq!(
        case.broken(|tbs| tbs.signature = SignatureAlgorithm::RsaPkcs1Sha256.identifier()),
        ["the signature algorithm is not the signer's"]
    );
    assert_eq!(
        case.broken(|tbs| tbs.issuer = case.authorities.root.subject().clone()),
        ["the issuer is not the issuing certificate's subject"]
    );
    let unique = BitString::from_bytes(&[1]).unwrap();
    assert_eq!(
        case.broken(|tbs| tbs.issuer_unique_id = Some(unique)),
        ["it has unique identifiers"]
    );
    let root_key = case.authorities.root.spki_der();
    let spki = spki::SubjectPublicKeyInfoOwned::from_der(root_key).unwrap();
    assert_eq!(
        case.broken(|tbs| tbs.spki = spki),
        ["the public key is not the proven one"]
    );
}

#[tokio::test]
async fn the_lifetime_is_within_profile_and_issuer() {
    let case = Case::new(alice()).await;
    let (begin, end) = (NOW.minus(300), NOW.plus(30 * DAY));
    let recorded = "its validity is not the one that is recorded";
    for (not_before, not_after, finding) in [
        (
            begin.minus(1),
            end,
            "it does not begin within the last five minutes",
        ),
        (
            NOW.plus(1),
            end,
            "it does not begin within the last five minutes",
        ),
        (
            begin,
            end.plus(1),
            "it lives longer than its profile allows, or not at all",
        ),
        (
            begin,
            NOW,
            "it lives longer than its profile allows, or not at all",
        ),
    ] {
        let findings = case.broken(|tbs| tbs.dated(not_before, not_after));
        assert_eq!(findings, [recorded, finding]);
    }
    let shorter = case.broken(|tbs| tbs.dated(begin, end.minus(1)));
    assert_eq!(shorter, [recorded]);
    let late = case.authorities.issuing.not_after().plus(1);
    let findings = case.broken(|tbs| tbs.dated(begin, late));
    assert!(findings.contains(&"it is valid outside the issuer's validity"));
}

#[tokio::test]
async fn the_extensions_are_exact() {
    let case = Case::new(alice()).await;
    let exact = "the extensions are not the expected ones, once each, rightly critical";
    assert!(case.broken(|tbs| tbs.extensions = None).contains(&exact));
    for at in 0..expected_extensions(&case.contents, Some(&case.pki_base)).len() {
        let mut lists = vec![Broken::from_der(&case.tbs).unwrap().extensions.unwrap(); 4];
        let [missing, twice, flipped, unknown] = lists.as_mut_slice() else {
            unreachable!()
        };
        let one = missing.remove(at);
        twice.push(one);
        let mut turn = flipped.remove(at);
        turn.critical = !turn.critical;
        flipped.push(turn);
        let mut other = unknown.remove(at);
        other.extn_id = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1");
        unknown.push(other);
        for list in lists {
            let findings = case.broken(|tbs| tbs.extensions = Some(list));
            assert!(findings.contains(&exact), "{at}: {findings:?}");
        }
    }
}

#[tokio::test]
async fn usages_and_key_identifiers_are_exact() {
    let case = Case::new(alice()).await;
    let root = case.authorities.root.key_identifier();
    let fault = der::asn1::OctetString::new([]).unwrap();
    let table = [
        (make::basic_constraints(true, None), "it is a CA's"),
        (make::basic_constraints(true, Some(0)), "it is a CA's"),
        (
            make::key_usage(KeyUsages::DigitalSignature | KeyUsages::KeyCertSign),
            "key usage is not the profile's",
        ),
        (
            make::key_usage(KeyUsages::KeyEncipherment),
            "key usage is not the profile's",
        ),
        (
            make::extended_key_usage(&[ID_KP_CLIENT_AUTH, ID_KP_OCSP_SIGNING]),
            "extended key usage is not the profile's",
        ),
        (
            make::authority_key_identifier(root),
            "the authority key identifier is not the issuer's",
        ),
        (
            make::extension(false, &SubjectKeyIdentifier(fault.clone())),
            "the subject key identifier is not the key's",
        ),
        (
            Ok(Extension {
                extn_id: ID_CE_KEY_USAGE,
                critical: true,
                extn_value: OctetString::new([0x05, 0x00]).unwrap(),
            }),
            "key usage is not the profile's",
        ),
    ];
    for (wrong, finding) in table {
        assert_eq!(case.broken(|tbs| tbs.extension(wrong)), [finding]);
    }
    let none = case.broken(|tbs| tbs.extension(make::extended_key_usage(&[])));
    assert!(
        none.contains(&"extended key usage is not a client's"),
        "{none:?}"
    );
}

/// Everything that a profile can ask for.
const FULL: &str = "subject = ['O=Example', 'C=DE', 'CN={local_part}']\n\
    subject_alternative_names = ['email:{email}', 'upn:{local_part}@ad.example.com', 'uri:https://{domain}/user/{local_part}']\n\
    key_usages = ['digital_signature', 'key_agreement']\n\
    extended_key_usages = ['client_auth', 'eap_over_lan', 'smartcard_logon']\n\
    policies = ['1.3.6.1.4.1.32473.1']\n\
    reserved_local_parts = ['administrator']\n\
    sid_domain = 'S-1-5-21-1-2-3'\n\
    template_name = 'Chromebook'";

#[tokio::test]
async fn what_a_profile_adds_is_exact_too() {
    let case = Case::by(contents_by(alice(), FULL)).await;
    case.lint(&case.tbs).unwrap();
    let content = |oid, content: Vec<u8>| make::of_content(oid, content);
    let sid = |text| {
        let sid = crate::model::sid::Sid::parse(text).unwrap();
        alternative::encode_sid(&sid).unwrap()
    };
    let table = [
        (
            make::key_usage(KeyUsages::DigitalSignature),
            "key usage is not the profile's",
        ),
        (
            make::key_usage(
                KeyUsages::DigitalSignature | KeyUsages::KeyAgreement | KeyUsages::DecipherOnly,
            ),
            "key usage is not the profile's",
        ),
        (
            make::certificate_policies(&["1.3.6.1.4.1.32473.2".parse().unwrap()]),
            "the certificate policies are not the profile's",
        ),
        (
            content(MS_SECURITY, sid("S-1-5-21-1-2-3-1002")),
            "the SID is not the approved one",
        ),
        (
            content(MS_SECURITY, vec![0x30, 0x00]),
            "the SID is not the approved one",
        ),
        (
            content(
                MS_TEMPLATE_NAME,
                BmpString::from_utf8("Other").unwrap().to_der().unwrap(),
            ),
            "the template name is not the profile's",
        ),
    ];
    for (wrong, finding) in table {
        assert_eq!(case.broken(|tbs| tbs.extension(wrong)), [finding]);
    }
}

#[tokio::test]
async fn an_octet_of_what_a_profile_adds_may_not_be_another() {
    let case = Case::by(contents_by(alice(), FULL)).await;
    flip_each(&case);
}

#[tokio::test]
async fn the_names_are_the_verified_identitys() {
    let case = Case::new(alice()).await;
    let subject = "the subject is not the approved one";
    for attributes in [
        vec![(OU, DEVICE_UNIT), (CN, "alice@example.com")],
        vec![(OU, USER_UNIT), (CN, "bob@example.com")],
        vec![(CN, "alice@example.com"), (OU, USER_UNIT)],
        vec![(CN, "alice@example.com")],
        vec![(OU, USER_UNIT), (CN, "alice@example.com"), (CN, "root")],
        vec![],
    ] {
        let wrong = name(&attributes).unwrap();
        let findings = case.broken(|tbs| tbs.subject = wrong);
        assert_eq!(findings.first(), Some(&subject));
    }
    let alternative = "the subject alternative names are not the approved ones";
    let uri = Ia5String::new("alice@example.com").unwrap();
    for names in [
        vec![email("bob@example.com")],
        vec![email("alice@example.com"), email("bob@example.com")],
        vec![GeneralName::DnsName(uri.clone())],
        vec![GeneralName::UniformResourceIdentifier(uri)],
        vec![],
    ] {
        let findings = case.broken(|tbs| tbs.alternative(names));
        assert_eq!(findings.first(), Some(&alternative));
    }
}

#[tokio::test]
async fn a_device_is_not_a_user() {
    let case = Case::new(device("1a2b")).await;
    let wrong = vec![email("https://example.com/device/1a2b")];
    assert_eq!(
        case.broken(|tbs| tbs.alternative(wrong)),
        [
            "the subject alternative names are not the approved ones",
            "an alternative name is not of the verified identity, or not of its kind",
        ]
    );
    let wrong = name(&[(OU, USER_UNIT), (CN, "1a2b")]).unwrap();
    assert_eq!(
        case.broken(|tbs| tbs.subject = wrong),
        [
            "the subject is not the approved one",
            "the subject does not begin with the unit of a user's or a device's, as it is one",
        ]
    );
}

#[tokio::test]
async fn no_octet_may_be_another() {
    let case = Case::new(alice()).await;
    flip_each(&case);
    assert!(case.lint(&[case.tbs.as_slice(), &[0]].concat()).is_err());
    assert!(case.lint(&[]).is_err());
}

fn flip_each(case: &Case) {
    for at in 0..case.tbs.len() {
        for flip in [0x01, 0x10, 0x80] {
            let mut tbs = case.tbs.clone();
            if let Some(octet) = tbs.get_mut(at) {
                *octet ^= flip;
            }
            assert!(case.lint(&tbs).is_err(), "octet {at} may be anything");
        }
    }
}
