//! The only place that prints: results to standard output, one line of failure to standard error.
//!
//! Results come as text for people, as JSON, or as JSON lines. A reader that goes away (`| head`) ends the program quietly. Texts from
//! elsewhere cannot move the cursor or turn the direction of writing: letters that are not seen are shown as `?`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::{WrongUse, reach};
use crate::admin::error::BROKEN_TRAIL;
use crate::audit::Break;
use crate::crypto::certificate::is_hidden;
use crate::providers::ProviderError;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// One JSON document a line
    Jsonl,
}

/// Prints results in one format.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    format: Format,
}

impl Report {
    /// A report in this format.
    #[must_use]
    pub const fn new(format: Format) -> Self {
        Self { format }
    }

    /// The format.
    #[must_use]
    pub const fn format(self) -> Format {
        self.format
    }

    /// Prints one result.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn record<T: Serialize>(self, record: &T, text: impl FnOnce() -> String) -> io::Result<()> {
        match self.format {
            Format::Text => line(&text()),
            Format::Json => line(&serde_json::to_string_pretty(record)?),
            Format::Jsonl => line(&serde_json::to_string(record)?),
        }
    }

    /// Prints why there is no result, where programs read results; [`failure`] tells people.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn errors(self, error: &anyhow::Error) -> io::Result<()> {
        match self.format {
            Format::Text => Ok(()),
            Format::Json | Format::Jsonl => self.record(&errors(error), String::new),
        }
    }

    /// Prints a list of results.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn list<T: Serialize>(self, items: &[T], text: impl FnOnce() -> String) -> io::Result<()> {
        match self.format {
            Format::Text => line(&text()),
            Format::Json => line(&serde_json::to_string_pretty(items)?),
            Format::Jsonl => items
                .iter()
                .try_for_each(|item| line(&serde_json::to_string(item)?)),
        }
    }
}

/// Prints one line, whatever the format.
///
/// # Errors
/// Standard output cannot be written.
pub fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Prints a remark for people to standard error, where no program that reads the result meets it.
pub fn remark(text: &str) {
    // Standard error is the last resort: where it is gone, there is nobody to tell.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Prints a failure as one line and gives its exit code.
#[must_use]
pub fn failure(error: &anyhow::Error) -> u8 {
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    if error
        .chain()
        .filter_map(|cause| cause.downcast_ref())
        .any(broken)
    {
        return 0;
    }
    remark(&format!("keyledger: {}", one_line(error)));
    exit_code(error)
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let is_secret = |cause: &ProviderError| cause.is_wrong_secret();
    let mut of_providers = error.chain().filter_map(|cause| cause.downcast_ref());
    match () {
        () if is_in::<WrongUse>(error) => 2,
        () if is_in::<Break>(error) => 3,
        () if of_providers.any(is_secret) => 4,
        () => 1,
    }
}

fn is_in<E: std::error::Error + 'static>(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<E>())
}

/// A failure as the model of event routing has errors. The code is the router's where it refused the request.
fn errors(error: &anyhow::Error) -> Value {
    let code = match reach::refusal(error) {
        Some(refused) => refused.code(),
        None if is_in::<WrongUse>(error) => "invalid_value",
        None if is_in::<Break>(error) => BROKEN_TRAIL,
        None => "failed",
    };
    json!({ "errors": [{ "code": code, "message": one_line(error) }] })
}

/// The chain of causes in one line. A cause that its outer error quotes already is not repeated.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text.replace(is_hidden, " ")
}

/// Rows as text with aligned columns; the first row is the heading.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let clean = |cell: &str| cell.replace(is_hidden, "?");
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{:<width$}", clean(cell)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Names and values as text, the values aligned; absent values are left out.
#[must_use]
pub fn fields(fields: &[(&str, Option<String>)]) -> String {
    let rows = fields.iter().filter_map(|(name, value)| {
        value
            .as_ref()
            .map(|value| vec![format!("{name}:"), value.clone()])
    });
    table(&rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::AdminError;
    use crate::admin::socket::SocketError;

    #[test]
    fn columns_are_aligned_and_control_characters_shown() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let text = table(&[
            row(["LABEL", "X"]),
            row(["vcenter-01", "a\u{1b}b\u{202e}c"]),
        ]);
        assert_eq!(text, "LABEL       X\nvcenter-01  a?b?c");
    }

    #[test]
    fn a_failure_is_one_line_without_repeats() {
        let inner = anyhow::anyhow!("no space\nleft");
        let error = inner
            .context("cannot write x: no space\nleft")
            .context("init");
        assert_eq!(one_line(&error), "init: cannot write x: no space left");
    }

    #[test]
    fn a_service_manager_is_told_what_another_start_does_not_help() {
        let path = std::path::PathBuf::from("master.key");
        for (error, code) in [
            (ProviderError::WrongPin("no".to_owned()).into(), 4),
            (ProviderError::WrongPassphrase { path }.into(), 4),
            (ProviderError::Token("gone".to_owned()).into(), 1),
            (WrongUse("w".to_owned()).into(), 2),
            (anyhow::anyhow!("failed"), 1),
        ] {
            let error: anyhow::Error = error;
            assert_eq!(exit_code(&error), code, "{error}");
            assert_eq!(exit_code(&error.context("more")), code);
        }
    }

    #[test]
    fn a_failure_has_a_code_for_programs() {
        let refused = AdminError::not_found("target: there is no `a\"b`");
        let broken = || Break {
            sequence: None,
            what: "b".to_owned(),
        };
        for (error, code) in [
            (anyhow::Error::from(refused.clone()), "not_found"),
            (SocketError::Refused(refused).into(), "not_found"),
            (WrongUse("w".to_owned()).into(), "invalid_value"),
            (broken().into(), "broken_trail"),
            (anyhow::anyhow!("two\nlines"), "failed"),
        ] {
            let message = one_line(&error);
            let expected = json!({"errors": [{"code": code, "message": message}]});
            assert_eq!(errors(&error), expected);
        }
    }
}
