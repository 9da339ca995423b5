//! The headers of Standard Webhooks 1.0, by which a receiver knows who sent a request, when, and whether it was there before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::crypto::digest::sha256;
use crate::crypto::{SecretText, message_code};
use crate::routing::EndpointError;

pub(super) const ID: HeaderName = HeaderName::from_static("webhook-id");
pub(super) const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret, as the standard has them.
const BYTES_MIN: usize = 24;
const BYTES_MAX: usize = 64;

/// The secret shared with a receiver.
pub(super) struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// Reads a secret in the form that receivers show: `whsec_` and Base64.
    pub(super) fn read(text: &SecretText) -> Result<Self, EndpointError> {
        let problem = || {
            EndpointError::new(
                "signing_secret",
                "is not whsec_ and the Base64 of 24 to 64 random bytes: take it from the receiver, or make one with \
                 echo whsec_$(openssl rand -base64 32)",
            )
        };
        let encoded = text.expose().strip_prefix(PREFIX).ok_or_else(problem)?;
        let key = Zeroizing::new(BASE64.decode(encoded).map_err(|_| problem())?);
        if (BYTES_MIN..=BYTES_MAX).contains(&key.len()) {
            Ok(Self(key))
        } else {
            Err(problem())
        }
    }

    /// `v1,` and the code over identifier, time and body in Base64.
    fn sign(&self, id: &str, seconds: &str, body: &[u8]) -> String {
        let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
        format!("v1,{}", BASE64.encode(message_code(&self.0, &parts)))
    }
}

/// Adds the headers to those of a request. The identifier is made from the body: a batch that is repeated has the same, and another
/// batch never has.
pub(super) fn add(
    headers: &mut HeaderMap,
    body: &[u8],
    seconds: i64,
    secret: Option<&SigningSecret>,
) {
    let id = format!("msg_{}", hex::encode(sha256(&[body])));
    let seconds = seconds.to_string();
    let signature = secret.map(|secret| secret.sign(&id, &seconds, body));
    let texts = [
        (ID, Some(id)),
        (TIMESTAMP, Some(seconds)),
        (SIGNATURE, signature),
    ];
    for (name, text) in texts {
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use reqwest::header::HeaderMap;

    use super::{BASE64, ID, SIGNATURE, SigningSecret, TIMESTAMP, add};
    use crate::crypto::SecretText;

    fn read(text: String) -> Result<SigningSecret, String> {
        let read = SigningSecret::read(&SecretText::new(text));
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn signatures_match_the_published_example() {
        let key = BASE64.decode("plJ3nmyCDGBKInavdOK15jsl").unwrap();
        let secret = SigningSecret(key.into());
        let body = br#"{"event_type":"ping","data":{"success":true}}"#;
        let signature = secret.sign("msg_loFOjxBNrRLzqYUf", "1731705121", body);
        assert_eq!(signature, "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=");
    }

    #[test]
    fn a_secret_is_as_long_as_the_standard_says() {
        for bytes in [24, 32, 64] {
            assert!(read(format!("whsec_{}", BASE64.encode(vec![7; bytes]))).is_ok());
        }
        let short = format!("whsec_{}", BASE64.encode([7; 23]));
        let long = format!("whsec_{}", BASE64.encode([7; 65]));
        let bare = BASE64.encode([7; 32]);
        for text in [short, long, bare, "whsec_*".to_owned(), String::new()] {
            let error = read(text.clone()).map(drop).unwrap_err();
            assert!(error.starts_with("signing_secret: is not"), "{error}");
            assert!(text.is_empty() || !error.contains(&text), "{error}");
        }
    }

    #[test]
    fn a_repeated_body_has_its_identifier_again_and_a_new_time() {
        let made = |body: &[u8], seconds| {
            let mut headers = HeaderMap::new();
            add(&mut headers, body, seconds, None);
            headers
        };
        let (first, again, other) = (made(b"a", 1), made(b"a", 2), made(b"b", 1));
        assert_eq!(first[ID], again[ID]);
        assert_ne!(first[ID], other[ID]);
        assert_eq!(again[TIMESTAMP], "2");
        assert!(first.get(SIGNATURE).is_none());
        // A full stop would let one message pass for another: what is signed is parted by full stops.
        assert!(!first[ID].to_str().unwrap().contains('.'));
    }
}
