#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;
use crate::ca::ceremony::{ISSUING_LIFETIME, Owner, ROOT_LIFETIME, prepare_issuing, prepare_root};
use crate::ca::fixtures::{
    Bench, NOW, TestAuthorities, authorities, authorities_for, request, serial,
};
use crate::ca::signer::SignatureAlgorithm;
use crate::ca::signer::software::SoftwareKey;

fn load(
    issuing: &str,
    root: &str,
    key: &Arc<SoftwareKey>,
    endpoint: Endpoint,
) -> Result<Issuer, LoadError> {
    let signer: Arc<dyn Signer> = key.clone();
    Issuer::load(
        "issuing",
        issuing.as_bytes(),
        root.as_bytes(),
        signer,
        endpoint,
    )
}

async fn pair() -> (TestAuthorities, TestAuthorities) {
    let algorithm = SignatureAlgorithm::default();
    (authorities(algorithm).await, authorities(algorithm).await)
}

#[tokio::test]
async fn an_issuer_knows_itself_by_its_key() {
    let (one, _) = pair().await;
    let issuer = one.issuer();
    assert_eq!(issuer.id(), &one.issuing.issuer_id());
    assert_eq!(issuer.id().as_str().len(), 16);
    assert_eq!(issuer.chain_pem(), [one.issuing.pem()]);
    assert_eq!(issuer.not_after(), NOW.plus(ISSUING_LIFETIME));
    let printed = format!("{issuer:?}");
    assert!(!printed.contains("PRIVATE"), "{printed}");
}

#[tokio::test]
async fn parts_that_do_not_belong_together_are_refused() {
    let (one, other) = pair().await;
    let (issuing, root) = (one.issuing.pem(), one.root.pem());
    let test = Endpoint::Test;
    let refused = load(&issuing, &root, &other.issuing_key, test).unwrap_err();
    assert!(matches!(refused, LoadError::OtherKey), "{refused}");
    // The same names, another key: only key identifier and signature tell.
    let refused = load(&issuing, &other.root.pem(), &one.issuing_key, test).unwrap_err();
    assert!(matches!(refused, LoadError::Issuing(_)), "{refused}");
    let refused = load(&root, &root, &one.issuing_key, test).unwrap_err();
    assert!(matches!(refused, LoadError::Issuing(_)), "{refused}");
    let refused = load(&issuing, &issuing, &one.issuing_key, test).unwrap_err();
    assert!(matches!(refused, LoadError::Root(_)), "{refused}");
    for broken in ["", "-----BEGIN CERTIFICATE-----", &format!("{root}{root}")] {
        let refused = load(&issuing, broken, &one.issuing_key, test).unwrap_err();
        assert!(
            matches!(refused, LoadError::Root(AuthorityError::Pem)),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn an_issuer_serves_the_endpoint_it_was_created_for() {
    let algorithm = SignatureAlgorithm::default();
    for (created, configured) in [
        (Endpoint::Test, Endpoint::Google),
        (Endpoint::Google, Endpoint::Test),
    ] {
        let made = authorities_for(algorithm, created, ISSUING_LIFETIME).await;
        let (issuing, root) = (made.issuing.pem(), made.root.pem());
        let refused = load(&issuing, &root, &made.issuing_key, configured).unwrap_err();
        assert!(matches!(refused, LoadError::Endpoint { .. }), "{refused}");
        let loaded = load(&issuing, &root, &made.issuing_key, created).unwrap();
        assert_eq!(loaded.endpoint(), created);
    }
}

#[tokio::test]
async fn one_flipped_bit_anywhere_in_the_issuing_certificate_is_refused() {
    let (one, _) = pair().await;
    let root = one.root.pem();
    let der = one.issuing.der().to_vec();
    for at in 0..der.len() {
        let mut broken = der.clone();
        if let Some(octet) = broken.get_mut(at) {
            *octet ^= 0x10;
        }
        let pem = crate::ca::bundle::pem(&broken);
        let loaded = load(&pem, &root, &one.issuing_key, Endpoint::Test);
        assert!(loaded.is_err(), "octet {at} may be anything");
    }
}

#[tokio::test]
async fn an_issuing_ca_that_could_do_more_is_refused() {
    let bench = Bench::new();
    // `openssl x509` dates by the machine's clock: this root is good at any likely hour.
    let owner = Owner::new("Example", Endpoint::Test).unwrap();
    let root_key = SoftwareKey::generate(SignatureAlgorithm::default()).unwrap();
    let birth = NOW.minus(ROOT_LIFETIME);
    let root = prepare_root(&owner, &root_key, serial(1), birth, 4 * ROOT_LIFETIME).unwrap();
    let root = root.sign(&root_key).await.unwrap().pem();
    bench.put("root.pem", &root);
    crate::ca::signer::file::create(
        &bench.path("root.key"),
        &root_key,
        &crate::ca::signer::passphrase::Passphrase::new("tiger".to_owned()).unwrap(),
        &crate::random::SeededRandom::new(1),
    )
    .unwrap();
    bench.must("ecparam -name prime256v1 -genkey -noout -out issuing.key");
    bench.must("pkcs8 -topk8 -nocrypt -outform DER -in issuing.key -out issuing.p8");
    let pkcs8 = std::fs::read(bench.path("issuing.p8")).unwrap();
    let key = Arc::new(SoftwareKey::from_pkcs8(&pkcs8).unwrap());
    let right = [
        "basicConstraints=critical,CA:true,pathlen:0",
        "keyUsage=critical,keyCertSign,cRLSign",
        "extendedKeyUsage=clientAuth,OCSPSigning",
        "subjectKeyIdentifier=hash",
        "authorityKeyIdentifier=keyid",
    ];
    let subject = "/O=Example/OU=vaca test issuer, not for production/CN=Other";
    let sign = |extensions: &[&str]| {
        bench.put("extensions", extensions.join("\n"));
        bench.put("request.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
        let subject = subject.replace(' ', "\t");
        bench.must(&format!(
            "req -new -config request.cnf -key issuing.key -out request.pem -subj {subject}"
        ));
        bench.must("x509 -req -in request.pem -CA root.pem -CAkey root.key -passin pass:tiger -days 300 -extfile extensions -out issuing.pem");
        std::fs::read_to_string(bench.path("issuing.pem")).unwrap()
    };
    load(&sign(&right), &root, &key, Endpoint::Test).unwrap();
    for (at, wrong) in [
        (0, "basicConstraints=critical,CA:true"),
        (0, "basicConstraints=critical,CA:true,pathlen:1"),
        (0, "basicConstraints=CA:true,pathlen:0"),
        (0, "basicConstraints=critical,CA:false"),
        (1, "keyUsage=keyCertSign,cRLSign"),
        (1, "keyUsage=critical,keyCertSign"),
        (1, "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"),
        (2, "extendedKeyUsage=clientAuth,serverAuth"),
        (2, "extendedKeyUsage=clientAuth,anyExtendedKeyUsage"),
        (2, "extendedKeyUsage=OCSPSigning"),
        (2, ""),
        (3, "subjectKeyIdentifier=none"),
        (4, "authorityKeyIdentifier=none"),
    ] {
        let mut extensions = right;
        if let Some(line) = extensions.get_mut(at) {
            *line = wrong;
        }
        let refused = load(&sign(&extensions), &root, &key, Endpoint::Test);
        assert!(refused.is_err(), "accepted with {wrong:?}");
    }
}

#[tokio::test]
async fn an_issuing_ca_with_its_roots_key_is_refused() {
    let (one, _) = pair().await;
    let owner = Owner::new("Example", Endpoint::Test).unwrap();
    let (root, key) = (&one.root, &one.root_key);
    let request = request(key.spki_der(), serial(5), ISSUING_LIFETIME);
    let made = prepare_issuing(&owner, root, key, request, NOW);
    assert!(made.is_err());
}
