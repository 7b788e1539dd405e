//! The base64 around a request.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

use crate::csr::spkac;
use crate::csr::tests::fixture;
use crate::model::problem_code::ProblemCode;

fn wrapped(text: &str, width: usize, ending: &str) -> String {
    let lines: Vec<&str> = (0..text.len())
        .step_by(width)
        .map(|start| &text[start..text.len().min(start + width)])
        .collect();
    lines.join(ending) + ending
}

#[test]
fn line_breaks_are_forgiven() {
    for name in ["rsa-2048", "p256-null-parameters"] {
        let text = STANDARD.encode(fixture(name));
        let plain = spkac::prove(&text).unwrap();
        for form in [
            wrapped(&text, 64, "\n"),
            wrapped(&text, 76, "\r\n"),
            wrapped(&text, 1, " \t"),
            format!("\n {text}"),
        ] {
            let key = spkac::prove(&form).unwrap();
            assert_eq!(key.spki_der(), plain.spki_der(), "{form:?}");
        }
    }
}

#[test]
fn nothing_is_missing_not_invalid() {
    for text in ["", " ", "\r\n\t "] {
        let refusal = spkac::prove(text).unwrap_err();
        assert_eq!(refusal.code, ProblemCode::CertificateRequestMissing);
    }
}

#[test]
fn other_text_is_invalid_and_not_repeated() {
    // 644 octets: the last group is padded with one `=` and leaves two unused bits.
    let der = fixture("rsa-2048");
    let text = STANDARD.encode(&der);
    let body = text.strip_suffix('=').unwrap();
    let (rest, last) = body.split_at(body.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let next = alphabet.find(last).unwrap() + 1;
    let other_unused_bits = format!("{rest}{}=", &alphabet[next..=next]);

    for text in [
        STANDARD_NO_PAD.encode(&der),
        URL_SAFE.encode(&der),
        other_unused_bits,
        format!("{text}="),
        format!("{text}{text}"),
        format!("SPKAC={text}"),
        format!("{text}\0"),
        format!("\u{feff}{text}"),
        "\u{202e}<script>%s\u{1b}[2J".to_owned(),
        "A".repeat(4100),
        " ".repeat(4097),
    ] {
        let refusal = spkac::prove(&text).unwrap_err();
        assert_eq!(refusal.code, ProblemCode::CertificateRequestInvalid);
        let words = format!("{refusal} {:?}", refusal.check);
        assert!(words.is_ascii() && !words.contains("script"), "{words}");
    }
}
