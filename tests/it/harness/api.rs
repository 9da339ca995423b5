//! A client of the administration API that writes its requests by hand.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;

use super::server::until;
use super::tls::{Connection, Credentials, TlsVersion};
use super::{Output, Server};

/// Where the API of a server is, and who asks.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) ca: PathBuf,
    key: Option<String>,
    credentials: Option<Credentials>,
}

/// An answer over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Server {
    /// The API of this server, for nobody.
    #[track_caller]
    pub(crate) fn api(&self) -> Api {
        let address = until("the administration API", || {
            let status = self.cli(&["status", "--format", "json"]).success().stdout;
            let status: Value = serde_json::from_str(&status).expect("JSON");
            status["administration"].as_str()?.parse().ok()
        });
        Api {
            address,
            ca: self.path().join("certs/ca.pem"),
            key: None,
            credentials: None,
        }
    }

    /// A new API key of this role.
    #[track_caller]
    pub(crate) fn api_key(&self, name: &str, role: &str, more: &[&str]) -> String {
        let add = [&["api-key", "add", name, "--role", role], more].concat();
        let Output { stdout, .. } = self.cli(&add).success();
        let key = stdout.trim().to_owned();
        assert!(key.starts_with("kl_"), "{stdout}");
        key
    }

    /// The API for a new API key of this role.
    #[track_caller]
    pub(crate) fn api_as(&self, role: &str) -> Api {
        self.api().with_key(&self.api_key(role, role, &[]))
    }
}

impl Api {
    /// The same for who has this key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    /// The same for who has this certificate.
    pub(crate) fn with_certificate(&self, credentials: &Credentials) -> Self {
        Self {
            credentials: Some(credentials.clone()),
            ..self.clone()
        }
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Connection {
        let own = self.credentials.as_ref();
        let connected = Connection::open(self.address, &self.ca, own, TlsVersion::Any);
        connected.unwrap_or_else(|error| panic!("not connected: {error}"))
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None)
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, Some(body))
    }

    /// Sends a request on a connection of its own.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/json\r\n"
        };
        self.send_text(method, path, headers, &body)
    }

    /// Sends a request and leaves its answer to be read.
    #[track_caller]
    pub(crate) fn open(&self, method: &str, path: &str, body: &str) -> Connection {
        let key = self.key.as_deref().expect("a key");
        let (address, length) = (self.address, body.len());
        let mut connection = self.connect();
        connection.write(
            format!(
                "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\
                 Content-Type: application/json\r\nAuthorization: Bearer {key}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
        connection
    }

    /// Sends a request with these headers besides, each ended, and this body.
    #[track_caller]
    pub(crate) fn send_text(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let key = self.key.as_ref();
        let key = key.map(|key| format!("Authorization: Bearer {key}\r\n"));
        let (key, length) = (key.unwrap_or_default(), body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n{key}{headers}\r\n{body}",
            self.address
        );
        let mut connection = self.connect();
        // A server that refuses it need not read all of it.
        drop(connection.try_write(request.as_bytes()));
        let answer = connection.read_all();
        Reply::read(&answer.unwrap_or_else(|error| panic!("no answer to {method} {path}: {error}")))
    }
}

impl Reply {
    /// The answer in these bytes.
    #[track_caller]
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).expect("a status");
        Self {
            status: status.parse().expect("a status"),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (held, value) = line.split_once(": ")?;
            held.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.body);
        parsed.unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// This answer, which must have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Checks that it is a problem of this status and code, about this field if one is named, in one line that holds these words.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str, field: &str, words: &str) {
        let body = self.json();
        let error = &body["errors"][0];
        assert_eq!(self.status, status, "{body}");
        assert_eq!(error["code"], code, "{body}");
        assert_eq!(error["field"].as_str().unwrap_or_default(), field, "{body}");
        let message = error["message"].as_str().expect("a sentence");
        assert!(message.contains(words) && !message.contains('\n'), "{body}");
        assert_eq!(body["trace"].as_str(), self.header("x-correlation-id"));
    }
}
