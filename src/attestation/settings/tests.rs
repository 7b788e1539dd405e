#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;

fn checked(text: &str) -> Result<(), SettingsError> {
    toml::from_str::<VerifiedAccessSettings>(text)
        .unwrap()
        .check()
}

#[test]
fn nothing_need_be_said_for_google() {
    assert_eq!(checked(""), Ok(()));
    let settings = VerifiedAccessSettings::default();
    assert_eq!(
        settings.origin().unwrap().to_string(),
        "https://verifiedaccess.googleapis.com/"
    );
    assert_eq!(settings.endpoint, Endpoint::Google);
    assert_eq!(settings.token, TokenMethod::SelfSignedJwt);
    assert_eq!(settings.trust, Trust::Public);
    assert_eq!(settings.transport, Transport::Auto);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let test = "endpoint='test'\nservice_account_file='k'\n";
    let table = [
        ("url='https://example.com'", SettingsError::TestOnly("url")),
        (
            "root_certificate_file='r'",
            SettingsError::TestOnly("root_certificate_file"),
        ),
        ("token='jwt_bearer'", SettingsError::BearerKeyMissing),
        (test, SettingsError::UrlMissing),
        (
            "endpoint='test'\nurl='http://127.0.0.1:1'",
            SettingsError::TestKeyMissing,
        ),
        (
            "endpoint='test'\nservice_account_file='k'\nurl='https://example.com'\n\
             root_certificate_file='r'\ntrust='google_trust_services'",
            SettingsError::TrustReplaced,
        ),
    ];
    for (text, error) in table {
        assert_eq!(checked(text), Err(error), "{text}");
    }
}

#[test]
fn a_test_address_is_an_origin_that_keeps_a_token_private() {
    for (url, fits) in [
        ("http://127.0.0.1:8090", true),
        ("http://[::1]:8090/", true),
        ("http://localhost:8090", true),
        ("https://emulator.example.com", true),
        ("http://emulator.example.com", false),
        ("http://192.0.2.1:8090", false),
        ("http://localhost.example.com", false),
        ("https://user@example.com", false),
        ("https://example.com/path", false),
        ("https://example.com/?query", false),
        ("ftp://127.0.0.1", false),
        ("127.0.0.1:8090", false),
        ("", false),
    ] {
        let text = format!("endpoint='test'\nservice_account_file='k'\nurl='{url}'");
        let expected = if fits {
            Ok(())
        } else {
            Err(SettingsError::Url)
        };
        assert_eq!(checked(&text), expected, "{url}");
    }
}

#[test]
fn a_transport_is_chosen_by_its_word() {
    for transport in [Transport::Auto, Transport::Grpc, Transport::Rest] {
        let text = format!("transport='{}'", transport.as_str());
        let settings: VerifiedAccessSettings = toml::from_str(&text).unwrap();
        assert_eq!(settings.transport, transport);
    }
}

#[test]
fn unknown_keys_and_words_are_refused() {
    for text in [
        "transport='http'",
        "transports='rest'",
        "endpoint='other'",
        "trust='system'",
    ] {
        assert!(
            toml::from_str::<VerifiedAccessSettings>(text).is_err(),
            "{text}"
        );
    }
}
