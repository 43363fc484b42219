//! When the authority wants a certificate renewed: ACME renewal information (RFC 9773). Asked
//! without an account, and never needed: whatever it comes to, a certificate has its
//! life.

use super::account::nobody;
use super::client::Client;
use super::failure::{Failure, bounded};
use super::schedule::Window;
use crate::edge::certificate::Authority;
use crate::types::Timestamp;
use instant_acme::{CertificateIdentifier, Error, RenewalInfo};
use rustls_pki_types::CertificateDer;
use std::time::Duration;
use url::Url;

/// For the directory and the answer.
const LONGEST: Duration = Duration::from_secs(60);
/// More of an address than this is nothing that anybody would open.
const LONGEST_ADDRESS: usize = 1024;

/// What became of the question.
#[derive(Debug)]
pub(super) enum Told {
    /// To be asked again after so long.
    Window(Window, Duration),
    /// The authority does not offer it, or the certificate has nothing to ask by.
    NotOffered,
}

/// Asks the authority for the window of a certificate.
pub(super) async fn ask(
    authority: &Authority,
    leaf: &CertificateDer<'static>,
) -> Result<Told, Failure> {
    let Some(name) = identifier(leaf) else {
        return Ok(Told::NotOffered);
    };
    let client = Client::new(authority.roots.as_deref()).map_err(Failure::other)?;
    let last = client.told();
    let question = async {
        match nobody(authority, &client).await?.renewal_info(&name).await {
            Ok((info, again)) => {
                let window = window(info).map_err(Failure::other)?;
                Ok(Told::Window(window, again))
            }
            Err(Error::Unsupported(_)) => Ok(Told::NotOffered),
            Err(fault) => Err(Failure::Other {
                why: bounded(fault.to_string()),
                retry_after: last.retry_after(),
            }),
        }
    };
    let late = || format!("no answer within {} s", LONGEST.as_secs());
    tokio::time::timeout(LONGEST, question)
        .await
        .unwrap_or_else(|_| Err(Failure::other(late())))
}

/// What a certificate is called in questions and orders (RFC 9773 section 4.1); none where it does
/// not say by which key it was signed.
pub(super) fn identifier(leaf: &CertificateDer<'_>) -> Option<CertificateIdentifier<'static>> {
    let name = CertificateIdentifier::try_from(leaf).ok()?;
    Some(name.into_owned())
}

fn window(info: RenewalInfo) -> Result<Window, String> {
    let suggested = info.suggested_window;
    let [start, end] = [suggested.start, suggested.end]
        .map(|time| Timestamp::from_millis(time.unix_timestamp().saturating_mul(1000)));
    if end <= start {
        return Err(format!(
            "its window ends at {end} and begins at {start}, which is no window"
        ));
    }
    let explanation = info.explanation_url.and_then(|text| {
        let url = Url::parse(&text).ok()?;
        let opens = matches!(url.scheme(), "http" | "https");
        (opens && url.as_str().len() <= LONGEST_ADDRESS).then_some(url)
    });
    Ok(Window {
        start,
        end,
        explanation,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    fn read(text: &str) -> Result<Window, String> {
        window(serde_json::from_str(text).map_err(|fault| fault.to_string())?)
    }

    #[test]
    fn a_window_is_read_as_the_standard_shows_it() {
        // RFC 9773 section 4.2.
        let text = r#"{"suggestedWindow":{"start":"2025-01-02T04:00:00Z","end":"2025-01-03T04:00:00Z"},
            "explanationURL":"https://acme.example.com/docs/ari"}"#;
        let window = read(text).unwrap();
        assert_eq!(window.start.to_string(), "2025-01-02T04:00:00.000Z");
        assert_eq!(window.end.to_string(), "2025-01-03T04:00:00.000Z");
        let page = window.explanation.unwrap();
        assert_eq!(page.as_str(), "https://acme.example.com/docs/ari");
    }

    #[test]
    fn a_page_that_nobody_could_open_is_left_out() {
        let long = format!("https://ca.example/{}", "a".repeat(LONGEST_ADDRESS));
        for page in ["javascript:alert(1)", "not an address", "", &long] {
            let text = format!(
                r#"{{"suggestedWindow":{{"start":"2025-01-02T04:00:00Z","end":"2025-01-03T04:00:00Z"}},
                "explanationURL":"{page}"}}"#
            );
            assert_eq!(read(&text).unwrap().explanation, None, "{page}");
        }
    }

    #[test]
    fn one_that_ends_before_it_begins_is_none() {
        for (start, end) in [
            ("2025-01-03T04:00:00Z", "2025-01-02T04:00:00Z"),
            ("2025-01-03T04:00:00Z", "2025-01-03T04:00:00Z"),
            ("2025-01-03T04:00:00+02:00", "2025-01-03T02:00:00Z"),
        ] {
            let text = format!(r#"{{"suggestedWindow":{{"start":"{start}","end":"{end}"}}}}"#);
            assert!(read(&text).unwrap_err().contains("no window"));
        }
    }

    #[test]
    fn a_certificate_is_named_by_its_authoritys_key_and_its_serial_number() {
        let key = || rcgen::KeyPair::generate().unwrap();
        let mut asked = rcgen::CertificateParams::new(vec!["a.example.com".to_owned()]).unwrap();
        let alone = asked.self_signed(&key()).unwrap();
        // It does not say who signed it.
        assert_eq!(identifier(alone.der()), None);
        let mut issuer = rcgen::CertificateParams::default();
        issuer.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        // The example of RFC 9773 section 4.1.
        let signer = vec![
            0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0,
            0xae, 0x2c, 0xde, 0x01, 0xc8, 0xd4,
        ];
        issuer.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(signer);
        let issuer = rcgen::Issuer::new(issuer, key());
        asked.use_authority_key_identifier_extension = true;
        let serial = vec![0x00, 0x87, 0x65, 0x43, 0x21];
        asked.serial_number = Some(rcgen::SerialNumber::from(serial));
        let made = asked.signed_by(&key(), &issuer).unwrap();
        let name = identifier(made.der()).unwrap().to_string();
        assert_eq!(name, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    }
}
