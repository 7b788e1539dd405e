//! What an extension sees of a Chromebook.

use prost::Message as _;
use vaca_emulator::attestation::{ChallengeResponse, SignedData};
use vaca_emulator::{
    ChallengeKeyError, Emulator, ImportError, KeyAlgorithm, Options, Scope, Token,
    VirtualChromebook, forge,
};

use crate::support::{ALICE, TestBed};

const REGISTER: Option<KeyAlgorithm> = Some(KeyAlgorithm::Ecdsa);

#[tokio::test]
async fn a_registered_user_key_is_gone_and_a_challenged_one_stays() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();
    chromebook
        .challenge_key(&challenge, Scope::User, REGISTER)
        .await
        .unwrap();
    let first = chromebook.registered_key_spki().unwrap().to_vec();
    chromebook
        .challenge_key(&challenge, Scope::User, REGISTER)
        .await
        .unwrap();
    assert_ne!(chromebook.registered_key_spki().unwrap(), first);

    // Without registration there is no certificate request, and nothing moves.
    let response = chromebook
        .challenge_key(&challenge, Scope::Machine, None)
        .await
        .unwrap();
    let result = bed.caller.verify(&response, "example.com").await.unwrap();
    assert_eq!(result.signed_public_key_and_challenge, "");
    assert_eq!(chromebook.registered_key_token(), Some("user"));
}

#[tokio::test]
async fn a_failed_registration_loses_the_response_and_keeps_the_key() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();
    chromebook.set_registration_works(false);
    let failed = chromebook
        .challenge_key(&challenge, Scope::User, REGISTER)
        .await;
    assert_eq!(failed, Err(ChallengeKeyError::RegistrationFailed));
    assert!(chromebook.registered_key_pkcs8().is_none());
    chromebook.set_registration_works(true);
    chromebook
        .challenge_key(&challenge, Scope::User, REGISTER)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_response_is_laid_out_as_chromeos_does() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();
    let mut seen = Vec::new();
    for scope in [Scope::User, Scope::Machine] {
        let response = chromebook
            .challenge_key_altered(&challenge, scope, REGISTER, |draft| {
                seen.push(draft.key_info.clone());
            })
            .await
            .unwrap();
        let signed = SignedData::decode(response.as_slice()).unwrap();
        let inner = ChallengeResponse::decode(signed.data()).unwrap();
        assert_eq!(inner.challenge.unwrap().encode_to_vec(), challenge);
        assert_eq!(inner.nonce.unwrap().len(), 20);
        let sealed = inner.encrypted_key_info.unwrap();
        assert_eq!(sealed.wrapped_key().len(), 256);
        assert_eq!(sealed.iv().len(), 16);
        assert_eq!(sealed.mac().len(), 64);
    }
    let [user, machine] = seen.as_slice() else {
        panic!("two")
    };
    assert_eq!(user.domain(), ALICE);
    assert_eq!(user.customer_id, None);
    assert_eq!(machine.domain.as_deref(), Some(""));
    assert_eq!(machine.customer_id(), "C01example");
    assert_eq!(machine.device_id(), chromebook.device_id().as_bytes());
    for key_info in [user, machine] {
        let request = key_info.signed_public_key_and_challenge();
        // ecdsa-with-SHA256 with the NULL parameters that RFC 5758 forbids.
        let algorithm = [
            0x30, 0x0c, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2, 5, 0,
        ];
        assert!(
            request
                .windows(algorithm.len())
                .any(|window| window == algorithm)
        );
        let hex = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
        assert!(request.windows(64).any(|window| window.iter().all(hex)));
    }
}

#[tokio::test]
async fn errors_are_those_of_chromeos() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();

    for wrong in [
        b"no challenge".to_vec(),
        forge::truncated(&challenge, challenge.len() - 1),
        forge::challenge_of_a_stranger(0).unwrap(),
    ] {
        let refused = chromebook
            .challenge_key(&wrong, Scope::User, REGISTER)
            .await
            .unwrap_err();
        assert_eq!(refused.to_string(), "Failed to sign the challenge.");
    }

    let mut mallory = bed.emulator.directory().user(ALICE).unwrap();
    mallory.affiliated = false;
    bed.emulator.directory().add_user(mallory);
    let refused = chromebook
        .challenge_key(&challenge, Scope::User, REGISTER)
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "The user account is not enterprise managed."
    );

    bed.emulator
        .directory()
        .remove_device(chromebook.device_id());
    let refused = chromebook
        .challenge_key(&challenge, Scope::User, REGISTER)
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "The device is not enterprise enrolled."
    );

    chromebook.set_extension_allowed(false);
    let refused = chromebook
        .challenge_key(&challenge, Scope::User, REGISTER)
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "The extension does not have permission to call this function."
    );
}

#[tokio::test]
async fn a_chromebook_trusts_one_verified_access() {
    let bed = TestBed::start().await;
    let other = Emulator::start(Options::default()).await.unwrap();
    let mut chromebook = VirtualChromebook::enrolled(&other.control_url(), ALICE)
        .await
        .unwrap();
    let challenge = bed.caller.generate().await.unwrap();
    let refused = chromebook
        .challenge_key(&challenge, Scope::User, REGISTER)
        .await;
    assert_eq!(refused, Err(ChallengeKeyError::SignChallengeFailed));
}

#[tokio::test]
async fn a_missing_machine_certificate_is_uploaded_again() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();
    let early = chromebook
        .challenge_key(&challenge, Scope::Machine, None)
        .await
        .unwrap();
    let directory = bed.emulator.directory();
    directory.change_device(chromebook.device_id(), |device| {
        device.machine_certificate = None;
    });
    let refused = bed.caller.verify(&early, "").await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    let response = chromebook
        .challenge_key(&challenge, Scope::Machine, REGISTER)
        .await
        .unwrap();
    bed.caller.verify(&response, "example.com").await.unwrap();
}

#[tokio::test]
async fn the_directory_spells_the_users_name() {
    let bed = TestBed::start().await;
    let url = bed.emulator.control_url();
    let typed = VirtualChromebook::enrolled(&url, "Alice@EXAMPLE.com")
        .await
        .unwrap();
    assert_eq!(typed.user_email(), ALICE);
    for wrong in ["", "alice@example.com/..", "a b@example.com"] {
        assert!(
            VirtualChromebook::enrolled(&url, wrong).await.is_err(),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_certificate_is_imported_beside_its_key_and_nowhere_else() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();
    chromebook
        .challenge_key(&challenge, Scope::User, REGISTER)
        .await
        .unwrap();
    let key = chromebook.registered_key_pkcs8().unwrap().to_vec();
    let certificate = certificate(&key, 2030);
    let now = 1_780_000_000_000;

    let elsewhere = chromebook.import_certificate(Token::System, &certificate, now);
    assert_eq!(elsewhere, Err(ImportError::KeyNotFound));
    chromebook
        .import_certificate(Token::User, &certificate, now)
        .unwrap();
    // Again changes nothing.
    chromebook
        .import_certificate(Token::User, &certificate, now)
        .unwrap();
    let held: Vec<_> = chromebook.certificates(Token::User).collect();
    assert_eq!(held, [certificate.as_slice()]);
    assert_eq!(chromebook.certificates(Token::System).count(), 0);
    assert_eq!(chromebook.registered_keys(Token::User), 1);

    assert!(!chromebook.remove_certificate(Token::System, &certificate));
    assert!(chromebook.remove_certificate(Token::User, &certificate));
    assert!(!chromebook.remove_certificate(Token::User, &certificate));
    assert_eq!(chromebook.registered_keys(Token::User), 1);
}

#[tokio::test]
async fn an_import_fails_in_the_words_of_chromeos() {
    let bed = TestBed::start().await;
    let mut chromebook = bed.chromebook().await;
    let challenge = bed.caller.generate().await.unwrap();
    chromebook
        .challenge_key(&challenge, Scope::User, REGISTER)
        .await
        .unwrap();
    let key = chromebook.registered_key_pkcs8().unwrap().to_vec();
    let now = 1_780_000_000_000;
    let mut words = |der: &[u8]| {
        let error = chromebook
            .import_certificate(Token::User, der, now)
            .unwrap_err();
        error.to_string()
    };
    assert_eq!(
        words(b"no certificate"),
        "Certificate is not a valid X.509 certificate."
    );
    assert_eq!(
        words(&certificate(&key, 2025)),
        "net::ERR_CERT_DATE_INVALID"
    );
    let other = rcgen::KeyPair::generate().unwrap();
    assert_eq!(
        words(&certificate(&other.serialize_der(), 2030)),
        "Key not found."
    );
}

/// A certificate of its own for a key (PKCS#8), good until the end of a year.
fn certificate(pkcs8: &[u8], until: i32) -> Vec<u8> {
    let key = rcgen::KeyPair::try_from(pkcs8).unwrap();
    let mut contents = rcgen::CertificateParams::new(Vec::new()).unwrap();
    contents.not_before = rcgen::date_time_ymd(2024, 1, 1);
    contents.not_after = rcgen::date_time_ymd(until, 12, 31);
    contents.self_signed(&key).unwrap().der().to_vec()
}
