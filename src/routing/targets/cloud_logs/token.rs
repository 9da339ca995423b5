//! Access tokens: an API key is worth one for about an hour, and each request to the logs carries it.

use reqwest::Url;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;

use crate::crypto::SecretText;
use crate::routing::Undelivered;
use crate::routing::http::{Http, Refused};

const GRANT: &str = "urn:ibm:params:oauth:grant-type:apikey";
const FORM: &str = "application/x-www-form-urlencoded";
/// The longest that a token is used, whatever it says of itself, in seconds.
const LIFE_SECONDS_MAX: i64 = 24 * 60 * 60;

/// A token, and when another is asked for.
pub(super) struct Token {
    pub(super) access: SecretText,
    renewed_at: i64,
}

/// What the service answers; it says more.
#[derive(Deserialize)]
struct Answer {
    access_token: SecretText,
    expires_in: i64,
}

impl Token {
    /// Whether it can be used for another request at this time, in seconds since 1970.
    pub(super) const fn is_good(&self, now: i64) -> bool {
        now < self.renewed_at
    }

    /// Asks for one with an API key. A key that is refused can be put right: it comes again, whatever the status.
    pub(super) async fn ask(
        http: &Http,
        url: &Url,
        api_key: &SecretText,
        now: i64,
    ) -> Result<Self, Undelivered> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form = form_of(url, api_key);
        let answered = http.post(url, headers, form, &[api_key]).await;
        let answer = answered.map_err(Refused::retry)?;
        let host = url.host_str().unwrap_or_default();
        Self::of_answer(&answer, now).ok_or_else(|| {
            Undelivered::Retry(format!(
                "{host} answered without a token (check iam_endpoint)"
            ))
        })
    }

    /// A token is used for four fifths of its life, so that none lapses on its way.
    fn of_answer(answer: &[u8], now: i64) -> Option<Self> {
        let answer: Answer = serde_json::from_slice(answer).ok()?;
        let life = answer.expires_in.clamp(0, LIFE_SECONDS_MAX);
        (!answer.access_token.is_empty()).then(|| Self {
            access: answer.access_token,
            renewed_at: now.saturating_add(life * 4 / 5),
        })
    }
}

/// The form of the request, written by the rules for the query of an address, which are the same.
fn form_of(url: &Url, api_key: &SecretText) -> Vec<u8> {
    let mut form = url.clone();
    form.query_pairs_mut()
        .clear()
        .append_pair("grant_type", GRANT)
        .append_pair("apikey", api_key.expose());
    form.query().unwrap_or_default().as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::{Token, form_of};
    use crate::crypto::SecretText;

    #[test]
    fn a_token_is_renewed_before_it_expires() {
        let token = Token::of_answer(
            br#"{"access_token":"t","expires_in":3600,"token_type":"Bearer"}"#,
            100,
        );
        let token = token.unwrap();
        assert!(token.is_good(100) && token.is_good(100 + 2879) && !token.is_good(100 + 2880));
        let spent = Token::of_answer(br#"{"access_token":"t","expires_in":-5}"#, 100);
        assert!(!spent.unwrap().is_good(100));
        let eternal = format!(r#"{{"access_token":"t","expires_in":{}}}"#, i64::MAX);
        let eternal = Token::of_answer(eternal.as_bytes(), 100).unwrap();
        assert!(!eternal.is_good(100 + 24 * 60 * 60));
        for answer in ["", "{}", r#"{"access_token":"","expires_in":1}"#] {
            assert!(Token::of_answer(answer.as_bytes(), 100).is_none());
        }
    }

    #[test]
    fn the_form_is_the_one_that_the_service_reads() {
        let url = "https://iam.example.com/identity/token".parse().unwrap();
        let form = form_of(&url, &SecretText::new("a+b/c&d=".to_owned()));
        let expected =
            "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=a%2Bb%2Fc%26d%3D";
        assert_eq!(String::from_utf8(form).unwrap(), expected);
    }
}
