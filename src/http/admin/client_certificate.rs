//! The certificate that a proxy was shown, out of the one header field that its credential names.
//!
//! The fields are whatever came: a client may have sent any of them itself. What keeps it from being
//! somebody else is that its proxy replaces the one that counts; so every sign of a proxy that does not
//! is refused: a second field, a second element in it, a field of another proxy's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use crate::model::certificate_header::CertificateHeader;
use crate::model::fingerprint::Fingerprint;

/// Longest field that is read, in octets: a certificate of ours has under 2 KiB, and three times as many
/// with every octet of its PEM form escaped.
const FIELD_MAX: usize = 16 * 1024;
const LABEL: &str = "CERTIFICATE";
/// Fields in which other proxies write certificates, and which no credential names: whoever uses one and
/// was set up for another would let its clients write the one that counts.
const FOREIGN: [&str; 7] = [
    "ssl-client-cert",
    "ssl_client_cert",
    "x-client-cert",
    "x-ssl-cert",
    "x-ssl-certificate",
    "x-amzn-mtls-clientcert",
    "x-arr-clientcert",
];

/// Why the fields name no certificate; each message says what to change at the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    /// Somebody else wrote one.
    #[error(
        "{0} is there, which is not the field that the proxy's credential names: the proxy must remove it from what clients send"
    )]
    Other(&'static str),
    /// Two fields.
    #[error(
        "{0} is there twice: the proxy must replace what clients send, and not add its own to it"
    )]
    Twice(CertificateHeader),
    /// Two elements.
    #[error(
        "{0} has several elements: the proxy must replace what clients send, and not add its own to it"
    )]
    Several(CertificateHeader),
    /// Not what this proxy writes.
    #[error("{0} is not in the form of that field")]
    Form(CertificateHeader),
}

/// Which certificate the client showed; `None` where it showed none.
pub(super) fn shown(
    unverified: &HeaderMap,
    header: CertificateHeader,
) -> Result<Option<Fingerprint>, Misfit> {
    let forms = CertificateHeader::ALL.map(CertificateHeader::as_str);
    for other in forms.into_iter().chain(FOREIGN) {
        if other != header.as_str() && unverified.contains_key(other) {
            return Err(Misfit::Other(other));
        }
    }
    let mut fields = unverified.get_all(name(header)).iter();
    let Some(field) = fields.next() else {
        return Ok(None);
    };
    if fields.next().is_some() {
        return Err(Misfit::Twice(header));
    }
    let form = Misfit::Form(header);
    let unverified_text = field.to_str().map_err(|_| form)?;
    if unverified_text.len() > FIELD_MAX {
        return Err(form);
    }
    // A proxy whose client showed nothing writes a field with nothing in it.
    if unverified_text.is_empty() {
        return Ok(None);
    }
    match header {
        CertificateHeader::ClientCert => structured(unverified_text),
        CertificateHeader::XForwardedClientCert => envoy(unverified_text),
        CertificateHeader::XSslClientCert => escaped_pem(unverified_text).ok_or(form).map(Some),
        CertificateHeader::XForwardedTlsClientCert => {
            traefik(unverified_text).ok_or(form).map(Some)
        }
    }
}

fn name(header: CertificateHeader) -> HeaderName {
    HeaderName::from_static(header.as_str())
}

/// A byte sequence without parameters (RFC 8941, section 3.3.5): `:MIIB...:`. An empty one is what
/// HAProxy writes where there is no certificate.
fn structured(text: &str) -> Result<Option<Fingerprint>, Misfit> {
    let header = CertificateHeader::ClientCert;
    if text.contains(',') {
        return Err(Misfit::Several(header));
    }
    let inner = text.strip_prefix(':');
    let inner = inner.and_then(|text| text.strip_suffix(':'));
    match inner {
        Some("") => Ok(None),
        Some(base64) => der(base64).ok_or(Misfit::Form(header)).map(Some),
        None => Err(Misfit::Form(header)),
    }
}

fn der(base64: &str) -> Option<Fingerprint> {
    let der = STANDARD.decode(base64).ok();
    der.filter(|der| !der.is_empty())
        .map(|der| Fingerprint::of(&der))
}

/// PEM with percent-encoded line ends and blanks; exactly one certificate.
fn escaped_pem(text: &str) -> Option<Fingerprint> {
    let pem: Vec<u8> = percent_decode_str(text).collect();
    let (label, der) = der::pem::decode_vec(&pem).ok()?;
    (label == LABEL).then(|| Fingerprint::of(&der))
}

/// Traefik takes the first and last line and the line ends out of PEM, and writes the client's chain
/// behind its certificate. TLS has the client's own first (RFC 8446, section 4.4.2).
fn traefik(text: &str) -> Option<Fingerprint> {
    let own = text.split(',').next()?;
    der(own)
}

/// One element, `key=value` pairs with semicolons between them. `Hash` is SHA-256 of the certificate, and
/// always there; `Cert`, where Envoy is told to write it, is the same certificate.
fn envoy(text: &str) -> Result<Option<Fingerprint>, Misfit> {
    let form = Misfit::Form(CertificateHeader::XForwardedClientCert);
    let (mut hash, mut certificate) = (None, None);
    for pair in pairs(text)? {
        let (key, value) = pair.split_once('=').ok_or(form)?;
        let before = match key.to_ascii_lowercase().as_str() {
            "hash" => hash.replace(Fingerprint::parse(value).ok_or(form)?),
            "cert" => certificate.replace(escaped_pem(unquoted(value)).ok_or(form)?),
            _ => None,
        };
        // Which of two would count?
        if before.is_some() {
            return Err(form);
        }
    }
    let hash = hash.ok_or(form)?;
    if certificate.is_some_and(|certificate| certificate != hash) {
        return Err(form);
    }
    Ok(Some(hash))
}

/// Splits an element into its pairs. Within quotes, nothing separates.
fn pairs(text: &str) -> Result<Vec<&str>, Misfit> {
    let header = CertificateHeader::XForwardedClientCert;
    let (mut pairs, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (place, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return Err(Misfit::Several(header)),
            b';' if !quoted => {
                pairs.extend(text.get(begin..place));
                begin = place + 1;
            }
            _ => {}
        }
    }
    if quoted {
        return Err(Misfit::Form(header));
    }
    pairs.extend(text.get(begin..));
    Ok(pairs)
}

fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"');
    let inner = inner.and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )]

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const DER: &[u8] = &[0x30; 100];

    fn read(
        fields: &[(&str, &str)],
        header: CertificateHeader,
    ) -> Result<Option<Fingerprint>, Misfit> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        shown(&headers, header)
    }

    fn one(value: &str, header: CertificateHeader) -> Result<Option<Fingerprint>, Misfit> {
        read(&[(header.as_str(), value)], header)
    }

    fn escaped(der: &[u8]) -> String {
        let pem = der::pem::encode_string(LABEL, der::pem::LineEnding::LF, der).unwrap();
        let escapes: [(&str, &str); 4] = [("%", "%25"), ("\n", "%0A"), (" ", "%20"), ("+", "%2B")];
        let replace = |text: String, (from, to): (&str, &str)| text.replace(from, to);
        escapes.into_iter().fold(pem, replace)
    }

    fn hash() -> String {
        Fingerprint::of(DER).to_string()
    }

    proptest! {
        /// A name is SHA-256 of what was shown, or is written there itself.
        #[test]
        fn whatever_comes_is_read_or_refused(text in "[ -~]{0,200}", which in 0..4_usize) {
            let header = CertificateHeader::ALL[which];
            let named = one(&text, header).ok().flatten().map(|named| named.to_string());
            let is_written = |named: &String| text.to_lowercase().replace(':', "").contains(named);
            let is_shown = header != CertificateHeader::XForwardedClientCert;
            prop_assert!(named.is_none_or(|named| is_shown || is_written(&named)));
        }

        /// One character that is another names nobody, or somebody else.
        #[test]
        fn a_changed_field_is_another_certificate(place in 0..200_usize, letter in "[ -~]", which in 0..3_usize) {
            let header = [CertificateHeader::ClientCert, CertificateHeader::XSslClientCert, CertificateHeader::XForwardedTlsClientCert][which];
            let base64 = STANDARD.encode(DER);
            let good = match header {
                CertificateHeader::ClientCert => format!(":{base64}:"),
                CertificateHeader::XSslClientCert => escaped(DER),
                _ => base64,
            };
            let mut changed = good.clone();
            let place = place % good.len();
            changed.replace_range(place..=place, &letter);
            let same = Ok(Some(Fingerprint::of(DER)));
            // A blank at either end is none of the field (RFC 9110, section 5.5); the case of an escape's
            // digits says nothing; and behind a comma Traefik's chain begins.
            let is_alike = changed.eq_ignore_ascii_case(&good) || changed.trim() != changed;
            prop_assert!(changed == good || is_alike || one(&changed, header) != same, "{}", changed);
        }
    }

    #[test]
    fn each_form_names_the_certificate() {
        let base64 = STANDARD.encode(DER);
        let hash = hash();
        let pem = escaped(DER);
        for (header, value) in [
            (CertificateHeader::ClientCert, format!(":{base64}:")),
            (CertificateHeader::XSslClientCert, pem.clone()),
            (CertificateHeader::XForwardedTlsClientCert, base64.clone()),
            (
                CertificateHeader::XForwardedTlsClientCert,
                format!("{base64},MAA="),
            ),
            (
                CertificateHeader::XForwardedClientCert,
                format!("Hash={hash}"),
            ),
            (
                CertificateHeader::XForwardedClientCert,
                format!("By=spiffe://a;Hash={hash};Subject=\"CN=a\\\";Hash=00,b\";Cert=\"{pem}\""),
            ),
        ] {
            assert_eq!(
                one(&value, header),
                Ok(Some(Fingerprint::of(DER))),
                "{value}"
            );
        }
    }

    #[test]
    fn nothing_shown_is_nothing() {
        for header in CertificateHeader::ALL {
            assert_eq!(read(&[], header), Ok(None));
            assert_eq!(one("", header), Ok(None));
        }
        assert_eq!(one("::", CertificateHeader::ClientCert), Ok(None));
    }

    #[test]
    fn a_field_that_a_client_may_have_written_is_refused() {
        let base64 = format!(":{}:", STANDARD.encode(DER));
        let header = CertificateHeader::ClientCert;
        let twice = [("client-cert", base64.as_str()); 2];
        assert_eq!(read(&twice, header), Err(Misfit::Twice(header)));
        for value in [format!("{base64}, {base64}"), format!(", {base64}")] {
            assert_eq!(one(&value, header), Err(Misfit::Several(header)));
        }
        let envoy = CertificateHeader::XForwardedClientCert;
        let two = format!("Hash={hash},Hash={hash}", hash = hash());
        assert_eq!(one(&two, envoy), Err(Misfit::Several(envoy)));
        for other in CertificateHeader::ALL {
            if other == header {
                continue;
            }
            let fields = [("client-cert", base64.as_str()), (other.as_str(), "")];
            assert_eq!(read(&fields, header), Err(Misfit::Other(other.as_str())));
        }
        for other in FOREIGN {
            let fields = [("client-cert", base64.as_str()), (other, "")];
            assert_eq!(read(&fields, header), Err(Misfit::Other(other)));
        }
    }

    #[test]
    fn what_is_in_no_form_is_refused() {
        let (base64, hash) = (STANDARD.encode(DER), hash());
        let (pem, other) = (escaped(DER), escaped(&[0x31; 9]));
        let long = "A".repeat(FIELD_MAX + 4);
        for (header, value) in [
            (CertificateHeader::ClientCert, base64.clone()),
            (CertificateHeader::ClientCert, format!(":{base64}")),
            (CertificateHeader::ClientCert, format!(":{base64}:;a=1")),
            (
                CertificateHeader::ClientCert,
                format!(":{}:", base64.trim_end_matches('=')),
            ),
            (CertificateHeader::ClientCert, format!(":{pem}:")),
            (CertificateHeader::ClientCert, format!(":{long}:")),
            (CertificateHeader::XSslClientCert, base64.clone()),
            (CertificateHeader::XSslClientCert, format!("{pem}{pem}")),
            (
                CertificateHeader::XSslClientCert,
                pem.replace(LABEL, "PUBLIC%20KEY"),
            ),
            (CertificateHeader::XSslClientCert, "(null)".to_owned()),
            (CertificateHeader::XForwardedTlsClientCert, pem.clone()),
            (
                CertificateHeader::XForwardedTlsClientCert,
                format!(",{base64}"),
            ),
            (CertificateHeader::XForwardedClientCert, hash.clone()),
            (
                CertificateHeader::XForwardedClientCert,
                "Subject=\"CN=a\"".to_owned(),
            ),
            (
                CertificateHeader::XForwardedClientCert,
                format!("Cert=\"{pem}\""),
            ),
            (
                CertificateHeader::XForwardedClientCert,
                format!("Hash={hash};Hash={hash}"),
            ),
            (
                CertificateHeader::XForwardedClientCert,
                format!("Hash={hash};hash=00"),
            ),
            (
                CertificateHeader::XForwardedClientCert,
                format!("Hash={hash};Subject=\"CN=a"),
            ),
            (
                CertificateHeader::XForwardedClientCert,
                format!("Hash={hash};Cert=\"{other}\""),
            ),
        ] {
            assert_eq!(one(&value, header), Err(Misfit::Form(header)), "{value}");
        }
    }
}
