//! HTTP as targets speak it: one request at a time, over our TLS, to the address that is configured and nowhere else.
//!
//! No redirect is followed and no proxy of the environment is asked: either would carry credentials where the operator did not send
//! them. Answers are read up to a bound, within one time limit for the whole request.
//!
//! # What becomes of a batch
//!
//! | answer | batch | why |
//! |---|---|---|
//! | 2xx | delivered | |
//! | 400, 413, 422 | parked | the receiver read the request and refuses this content; as it is, it always will |
//! | 401, 403, 404 and every other 4xx | comes again | an operator can put credentials, permissions and the address right |
//! | 408, 425, 429, 5xx | comes again | the receiver asks for time; it says by `Retry-After` how much |
//! | 3xx | comes again | not followed; an operator can give the new address |
//! | none | comes again | the receiver cannot be reached, or took too long |
//!
//! What is doubtful comes again: a lagging target is seen and mended, while what is parked waits for somebody to look.

use std::error::Error;
use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Request, Response, StatusCode, Url};

use super::target::{EndpointError, Undelivered};
use super::tls::TlsOptions;
use crate::crypto::SecretText;

/// How long to wait for a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection that is not used is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// What is read of an answer, in bytes.
pub(super) const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// What is shown of one, in characters.
const SHOWN_CHARS_MAX: usize = 200;
/// How long a whole request may take unless the endpoint says otherwise, in seconds.
pub(super) const TIMEOUT_SECONDS: u16 = 30;
/// The longest that an endpoint may say.
const TIMEOUT_SECONDS_MAX: u16 = 300;

/// A client for one target.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
}

impl Http {
    /// A client for these addresses. Where none of them is `https`, nothing is asked of TLS.
    /// `field` is the endpoint's name of the first.
    pub(super) fn new(
        field: &'static str,
        addresses: &[&Url],
        tls: &TlsOptions<'_>,
        timeout_seconds: u16,
    ) -> Result<Self, EndpointError> {
        let encrypted = addresses.iter().any(|url| url.scheme() == "https");
        let mut config = if encrypted {
            tls.client_config()?
        } else {
            TlsOptions::trusting_nobody()?
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let client = Client::builder()
            .tls_backend_preconfigured(config)
            .http1_only()
            .https_only(addresses.iter().all(|url| url.scheme() == "https"))
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(Duration::from_secs(timeout_seconds.into()))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(1)
            .user_agent(concat!("keyledger/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| EndpointError::new(field, one_line(&root_cause(&error), &[])))?;
        Ok(Self { client })
    }

    /// The client itself, for a library that makes its own requests.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Sends a POST and gives the answer to it, at most [`ANSWER_BYTES_MAX`] bytes, if it was taken. Nothing that stands in an error
    /// contains one of `secrets`, whatever the other side answers.
    pub(super) async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
        secrets: &[&SecretText],
    ) -> Result<Vec<u8>, Refused> {
        let host = url.host_str().unwrap_or_default();
        let mut request = Request::new(Method::POST, url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        let unanswered = |error: reqwest::Error| Refused {
            status: None,
            after: None,
            reason: one_line(&unanswered(host, &error), secrets),
        };
        let response = self.client.execute(request).await.map_err(unanswered)?;
        let status = response.status();
        let after = retry_after(response.headers());
        let answer = read(response).await.map_err(unanswered)?;
        if status.is_success() {
            return Ok(answer);
        }
        let said = one_line(&String::from_utf8_lossy(&answer), secrets);
        let colon = if said.is_empty() { "" } else { ": " };
        Err(Refused {
            status: Some(status),
            after,
            reason: format!("{host} answered {status}{}{colon}{said}", advice(status)),
        })
    }
}

/// Why a request was not taken, in one line.
#[derive(Debug)]
pub(super) struct Refused {
    /// What was answered, if anything.
    pub(super) status: Option<StatusCode>,
    /// How long it asks not to be asked again.
    after: Option<Duration>,
    reason: String,
}

impl Refused {
    /// It always may be taken later.
    pub(super) fn retry(self) -> Undelivered {
        Undelivered::again(self.reason, self.after)
    }

    /// What becomes of the batch: see the table of this module.
    pub(super) fn undelivered(self) -> Undelivered {
        if self.status.is_some_and(refuses_content) {
            Undelivered::Park(self.reason)
        } else {
            self.retry()
        }
    }
}

/// How long an answer asks not to be asked again (`Retry-After`, RFC 9110 section 10.2.3), if it does: seconds, or a time, which is seen from
/// that of the answer itself.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than there are numbers: as long as may be.
        return Some(Duration::from_secs(asked.parse().unwrap_or(u64::MAX)));
    }
    let time = |text| Some(rfc2822::parse(text).ok()?.timestamp());
    let wait = time(asked)?.duration_since(time(text(DATE)?)?);
    Some(Duration::try_from(wait).unwrap_or_default())
}

/// Whether the receiver understood the request and refuses its content.
fn refuses_content(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
    )
}

/// What an operator is to do, where that is not for the answer to say.
fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => " (check the credentials)",
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE => {
            " (check the address)"
        }
        status if status.is_redirection() => {
            " (redirects are not followed: give the address it leads to)"
        }
        _ => "",
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_BYTES_MAX - answer.len();
        answer.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if answer.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(answer)
}

fn unanswered(host: &str, error: &reqwest::Error) -> String {
    let cause = root_cause(error);
    if error.is_connect() {
        format!("cannot connect to {host}: {cause}")
    } else if error.is_timeout() {
        format!("{host} did not answer in time")
    } else {
        format!("{host} did not take the request: {cause}")
    }
}

/// The innermost cause: those around it say where in the libraries it passed, and may hold the address with its parameters.
pub(super) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// A text of somebody else's as one short line: without control characters, and without our secrets.
pub(super) fn one_line(text: &str, secrets: &[&SecretText]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.expose(), SecretText::MASK);
    }
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let plain: String = text.chars().map(plain).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").chars().take(SHOWN_CHARS_MAX).collect()
}

/// The address in a field: `https`, or `http` where the endpoint says `insecure`; without credentials, which have fields of their own.
pub(super) fn address(
    field: &'static str,
    text: &str,
    insecure: bool,
) -> Result<Url, EndpointError> {
    let problem = |problem: &str| Err(EndpointError::new(field, problem));
    let Ok(url) = Url::parse(text) else {
        return problem("is not an address: write one such as https://logs.example.com/events");
    };
    match url.scheme() {
        "https" => {}
        "http" if insecure => {}
        "http" => {
            return problem(
                "begins with http, where anybody on the way can read and change events: write https, or set insecure to true",
            );
        }
        _ => return problem("does not begin with https://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return problem("holds credentials, which have fields of their own");
    }
    if url.fragment().is_some() {
        return problem("holds a #, which addresses of services do not have");
    }
    Ok(url)
}

/// A base address in a field, to which paths are added: like [`address`], and nothing after its path.
pub(super) fn base(field: &'static str, text: &str, insecure: bool) -> Result<Url, EndpointError> {
    let mut url = address(field, text, insecure)?;
    if url.query().is_some() {
        return Err(EndpointError::new(
            field,
            "holds a ?, and paths are added to it",
        ));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Checks how long a request may take.
pub(super) fn check_timeout(seconds: u16) -> Result<(), EndpointError> {
    if (1..=TIMEOUT_SECONDS_MAX).contains(&seconds) {
        Ok(())
    } else {
        let problem = format!("is not between 1 and {TIMEOUT_SECONDS_MAX}");
        Err(EndpointError::new("timeout_seconds", problem))
    }
}

/// The default of `timeout_seconds`.
pub(super) const fn timeout_seconds() -> u16 {
    TIMEOUT_SECONDS
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{Refused, address, base, check_timeout, one_line, retry_after};
    use crate::crypto::SecretText;
    use crate::routing::Undelivered;

    #[test]
    fn an_answer_parks_only_where_it_refuses_the_content() {
        for code in 300..600 {
            let refused = Refused {
                status: Some(StatusCode::from_u16(code).unwrap()),
                after: None,
                reason: String::new(),
            };
            let parked = matches!(refused.undelivered(), Undelivered::Park(_));
            assert_eq!(parked, [400, 413, 422].contains(&code), "{code}");
        }
        let silent = Refused {
            status: None,
            after: None,
            reason: String::new(),
        };
        assert!(matches!(silent.undelivered(), Undelivered::Retry(_)));
    }

    #[test]
    fn how_long_to_wait_is_told_in_seconds_or_as_a_time() {
        let asked = |after: &str, date: &str| {
            let headers = [("retry-after", after), ("date", date)];
            let headers = headers.map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            });
            retry_after(&headers.into_iter().collect())
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(asked("120", ""), seconds(120));
        assert_eq!(asked(" 0 ", date), seconds(0));
        assert_eq!(asked(&"9".repeat(30), date), seconds(u64::MAX));
        assert_eq!(asked("Sun, 06 Nov 1994 08:51:07 GMT", date), seconds(90));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT", date), seconds(0));
        for other in ["", "-1", "1.5", "soon"] {
            assert_eq!(asked(other, date), None, "{other}");
        }
        assert_eq!(asked("Sun, 06 Nov 1994 08:51:07 GMT", ""), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn what_others_say_becomes_one_short_line_without_our_secrets() {
        let secret = SecretText::new("hunter2".to_owned());
        let none = SecretText::default();
        let shown = one_line("a\r\n\u{1b}[31mb\thunter2!  ", &[&secret, &none]);
        assert_eq!(shown, "a [31mb ********!");
        assert_eq!(one_line(&"é".repeat(500), &[]).chars().count(), 200);
        // Masked before it is cut: no half of a secret is left at the end.
        let long = format!("{}hunter2", "x".repeat(197));
        assert!(!one_line(&long, &[&secret]).contains('h'));
    }

    #[test]
    fn addresses_are_secure_and_hold_no_credentials() {
        let fault = |text, insecure| address("url", text, insecure).unwrap_err().to_string();
        assert!(address("url", "https://h/p?q", false).is_ok());
        assert!(address("url", "http://h/p", true).is_ok());
        for (text, part) in [
            ("http://h/", "set insecure to true"),
            ("ftp://h/", "does not begin with https://"),
            ("h/p", "is not an address"),
            ("", "is not an address"),
            ("https://", "is not an address"),
            ("https://user@h/", "holds credentials"),
            ("https://:pw@h/", "holds credentials"),
            ("https://h/#x", "holds a #"),
        ] {
            let text = fault(text, false);
            assert!(text.starts_with("url: ") && text.contains(part), "{text}");
        }
        assert!(base("url", "https://h/p?q", false).is_err());
        let joined = base("url", "https://h/p", false).unwrap().join("x/y");
        assert_eq!(joined.unwrap().as_str(), "https://h/p/x/y");
    }

    #[test]
    fn time_limits_have_limits() {
        assert!(check_timeout(1).is_ok() && check_timeout(300).is_ok());
        assert!(check_timeout(0).is_err() && check_timeout(301).is_err());
    }
}
