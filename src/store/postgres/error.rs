//! Why a server did not do what it was asked, sorted by what is to be done about it.
//!
//! Each text is one line. The details that a server adds are left out, for they hold values of rows.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::{DbError, Severity};

use super::tls::HandshakeError;
use crate::store::StoreError;

/// Why a statement, or the connection, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::store) enum ServerError {
    /// No server of the URL could be reached, or none that takes writes.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The connection is gone. What was under way may have been done or not.
    #[error("the connection to the database was lost: {words}")]
    Lost {
        /// The SQL state the server said farewell with.
        state: Option<String>,
        /// Its words, or those of the system.
        words: String,
    },
    /// The server refused a statement or the connection, with its words.
    #[error("the database's server refused: {words} ({state})")]
    Said {
        /// The SQL state.
        state: String,
        /// The server's words.
        words: String,
    },
    /// The server is not the one it should be.
    #[error("the certificate of the database's server {host} is not accepted: {words}")]
    Certificate {
        /// The host of the URL.
        host: String,
        /// What is wrong with it.
        words: String,
    },
    /// The connection could not be set up as the settings say.
    #[error("{0}")]
    Settings(String),
    /// What was to be sent could not be put together, and was not sent.
    #[error("a statement could not be sent to the database: {0}")]
    Unsent(String),
    /// A statement before it in a row of statements failed.
    #[error("a statement before it failed, and nothing was committed")]
    Abandoned,
    /// Another process writes the trail of the node.
    #[error(
        "node {node} is in use by another process ({holder}): stop it, or give this one another node number"
    )]
    InUse {
        /// The node.
        node: u32,
        /// Where the process is.
        holder: String,
    },
}

/// States of a server that goes away or comes up: of class 57, what an operator does to it, and of 25, what it does to who idles.
const OF_LOSS: &[&str] = &["57P01", "57P02", "57P03", "57P05", "25P03", "25P04"];
const CUT_OFF: &str = "it was cut off by the other end";
const READ_ONLY: &str = "25006";

impl ServerError {
    /// Whether it is this SQL state.
    pub(in crate::store) fn is_state(&self, code: &str) -> bool {
        self.state() == Some(code)
    }

    /// The SQL state, where the server gave one.
    pub(in crate::store) fn state(&self) -> Option<&str> {
        match self {
            Self::Said { state, .. } => Some(state),
            Self::Lost { state, .. } => state.as_deref(),
            Self::Unreachable(_)
            | Self::Certificate { .. }
            | Self::Settings(_)
            | Self::Unsent(_)
            | Self::Abandoned
            | Self::InUse { .. } => None,
        }
    }

    /// Whether the server cannot be talked to: the outcome of what was under way is unknown.
    pub(in crate::store) const fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Unreachable(_))
    }

    /// The error of a statement on a connection that stood.
    pub(super) fn of_statement(error: &tokio_postgres::Error) -> Self {
        match Cause::of(error) {
            Cause::Said(said) => Self::said(said),
            Cause::Io(words) | Cause::Tls(words) => Self::Lost { state: None, words },
            Cause::Ours(words) => Self::Unsent(words),
        }
    }

    /// The error of one host that was to be connected to.
    pub(super) fn of_host(host: &str, error: &tokio_postgres::Error) -> Self {
        if let Some(refused) = handshake(error) {
            return match refused {
                HandshakeError::Certificate(words) => Self::Certificate {
                    host: host.to_owned(),
                    words: words.clone(),
                },
                HandshakeError::Name => Self::Certificate {
                    host: host.to_owned(),
                    words: "no certificate can be for such a name".to_owned(),
                },
                HandshakeError::Io(words) => Self::unreachable_at(host, words),
            };
        }
        match Cause::of(error) {
            Cause::Said(said) => match Self::said_to_connect(said) {
                Self::Lost { words, .. } => Self::unreachable_at(host, &words),
                other => other,
            },
            Cause::Io(words) => Self::unreachable_at(host, &words),
            Cause::Tls(_) => Self::Settings(format!(
                "the database's server {host} does not speak TLS: switch on ssl there, for without it its identity cannot be checked"
            )),
            Cause::Ours(words) => Self::Settings(not_logged_in(host, &words)),
        }
    }

    /// An answer did not come in time.
    pub(super) fn unanswered() -> Self {
        Self::Lost {
            state: None,
            words: "no answer came in time".to_owned(),
        }
    }

    /// Another session has connected again.
    pub(super) fn outdated() -> Self {
        Self::Lost {
            state: None,
            words: "the server may be the primary no more".to_owned(),
        }
    }

    /// A COMMIT was answered with a warning: somebody ended the wait for the standbys.
    pub(super) fn unconfirmed() -> Self {
        Self::Lost {
            state: None,
            words: "a commit was not confirmed by the standbys".to_owned(),
        }
    }

    /// One host did not answer, with the words of the system.
    pub(super) fn unreachable_at(host: &str, words: &str) -> Self {
        Self::Unreachable(format!("{host}: {words}"))
    }

    fn said(said: &DbError) -> Self {
        let ends = matches!(
            said.parsed_severity(),
            Some(Severity::Fatal | Severity::Panic)
        );
        Self::sort(said, ends)
    }

    /// Whatever is said before a connection stands ends it.
    fn said_to_connect(said: &DbError) -> Self {
        Self::sort(said, false)
    }

    fn sort(said: &DbError, ends: bool) -> Self {
        let (state, words) = (said.code().code().to_owned(), one_line(said.message()));
        if ends || OF_LOSS.contains(&state.as_str()) || state.starts_with("08") {
            return Self::Lost {
                state: Some(state),
                words,
            };
        }
        Self::Said { state, words }
    }

    /// The error as the store tells it, by its cause.
    pub(in crate::store) fn sorted(&self) -> StoreError {
        let text = self.to_string();
        match self {
            Self::Unreachable(_) => StoreError::Unreachable(text),
            Self::Lost { .. } => StoreError::Lost(text),
            Self::Said { state, words } => sorted_by_state(state, words),
            Self::Certificate { .. } | Self::Settings(_) | Self::InUse { .. } => {
                StoreError::Refused(text)
            }
            Self::Unsent(_) | Self::Abandoned => StoreError::Engine(text),
        }
    }
}

fn sorted_by_state(state: &str, words: &str) -> StoreError {
    match state {
        "28P01" | "28000" => StoreError::Refused(format!(
            "the database's server does not let us in ({words}): check the user of the URL, password-file and the server's pg_hba.conf"
        )),
        "3D000" => StoreError::Refused(format!(
            "there is no such database ({words}): check the URL or create it"
        )),
        "42501" => StoreError::Refused(format!(
            "the user of the URL may not do this in the database ({words}): give it the rights"
        )),
        "3F000" | "42P01" => StoreError::Refused(
            "not a keyledger database: run keyledger init --store-url or node join".to_owned(),
        ),
        READ_ONLY => StoreError::Unreachable(
            "the database cannot be reached: its server became read-only, and is no longer the primary"
                .to_owned(),
        ),
        "53100" => StoreError::Full,
        "53300" => StoreError::Again(format!(
            "the database's server takes no more connections ({words}): raise max_connections there, or try again"
        )),
        "40P01" | "40001" | "55P03" => StoreError::Again(format!(
            "another node was changing the same ({words}): try again"
        )),
        _ => StoreError::Engine(format!("{words} ({state})")),
    }
}

/// What a library's error comes down to.
enum Cause<'a> {
    /// The server said it.
    Said(&'a DbError),
    /// The connection failed: the words of the system.
    Io(String),
    /// TLS was not begun.
    Tls(String),
    /// The library could not send it.
    Ours(String),
}

impl<'a> Cause<'a> {
    fn of(error: &'a tokio_postgres::Error) -> Self {
        if let Some(said) = error.as_db_error() {
            return Self::Said(said);
        }
        let words = words(error);
        // The library tells its sorts of errors apart by their texts alone; the tests of this module hold them fast.
        match error.to_string().as_str() {
            "error performing TLS handshake" => Self::Tls(words),
            "connection closed"
            | "error communicating with the server"
            | "error connecting to server"
            | "error parsing response from server"
            | "unexpected message from server"
            | "timeout waiting for server" => Self::Io(words),
            _ => Self::Ours(words),
        }
    }
}

fn handshake(error: &tokio_postgres::Error) -> Option<&HandshakeError> {
    error.source()?.downcast_ref()
}

/// The innermost words: those of the system, where it is its error.
fn words(error: &tokio_postgres::Error) -> String {
    let Some(source) = error.source() else {
        return error.to_string();
    };
    match source.downcast_ref::<io::Error>() {
        Some(source) if source.kind() == io::ErrorKind::UnexpectedEof => CUT_OFF.to_owned(),
        Some(source) => one_line(&source.to_string()),
        None => one_line(&format!("{error}: {source}")),
    }
}

fn not_logged_in(host: &str, words: &str) -> String {
    if words.ends_with("password missing") {
        return format!("the database's server {host} asks for a password: give password-file");
    }
    format!("the database's server {host} cannot be logged in to: {words}")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{ServerError, sorted_by_state};
    use crate::store::StoreError;

    #[test]
    fn each_cause_has_its_sort_and_one_line() {
        type Sort = fn(String) -> StoreError;
        let cases: [(&str, Option<Sort>); 10] = [
            ("28P01", Some(StoreError::Refused)),
            ("28000", Some(StoreError::Refused)),
            ("3D000", Some(StoreError::Refused)),
            ("42501", Some(StoreError::Refused)),
            ("42P01", Some(StoreError::Refused)),
            ("25006", Some(StoreError::Unreachable)),
            ("53300", Some(StoreError::Again)),
            ("40001", Some(StoreError::Again)),
            ("XX000", Some(StoreError::Engine)),
            ("53100", None),
        ];
        for (state, sort) in cases {
            let error = sorted_by_state(state, "words");
            let text = error.to_string();
            assert!(!text.contains('\n'), "{text}");
            match sort {
                Some(sort) => {
                    let inner = text.strip_prefix("the database failed: ").unwrap_or(&text);
                    assert_eq!(error, sort(inner.to_owned()), "{state}");
                }
                None => assert_eq!(error, StoreError::Full),
            }
        }
    }

    #[test]
    fn what_was_not_sent_or_was_refused_is_not_lost() {
        let said = ServerError::Said {
            state: "23505".to_owned(),
            words: "duplicate key".to_owned(),
        };
        assert!(said.is_state("23505") && !said.is_lost());
        assert!(!ServerError::Unsent("x".to_owned()).is_lost());
        assert!(!ServerError::Abandoned.is_lost());
        assert!(ServerError::unreachable_at("h:1", "refused").is_lost());
    }
}
