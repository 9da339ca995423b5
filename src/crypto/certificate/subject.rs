//! The subject of a certificate as parts that are compared exactly.
//!
//! Two subjects are the same when they have the same parts, each as often, whatever their order: programs write them from either
//! end. Values are compared letter by letter. A subject with a part that is no text has no such form and equals none.

use std::fmt;

use super::parse;

/// Names of parts as people write them, and their object identifiers.
const NAMES: [(&str, &str); 9] = [
    ("CN", "2.5.4.3"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
];

/// A subject, its parts sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(Vec<(String, String)>);

/// A text that is no subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write the whole subject, every part of it, like `CN=vcenter-1,O=Example,C=US`; a comma within a part as `\\,`"
)]
pub struct SubjectError;

impl Subject {
    /// The subject of a certificate; none where it is empty or has a part that is no text.
    #[must_use]
    pub fn of(der: &[u8]) -> Option<Self> {
        let certificate = parse(der).ok()?;
        let mut parts = Vec::new();
        for part in certificate.subject().iter_attributes() {
            let oid = part.attr_type().to_id_string();
            let known = NAMES.iter().find(|(_, known)| *known == oid);
            let name = known.map_or(oid.as_str(), |(name, _)| name).to_owned();
            parts.push((name, part.as_str().ok()?.to_owned()));
        }
        Self::sorted(parts).ok()
    }

    /// Reads a subject as people write it.
    ///
    /// # Errors
    /// A part has no known name or no value, or there is none.
    pub fn from_text(text: &str) -> Result<Self, SubjectError> {
        let parts = split(text).into_iter().map(|part| {
            let (name, value) = part.split_once('=').ok_or(SubjectError)?;
            let name = name.trim().to_ascii_uppercase();
            let is_oid = name.contains('.') && name.chars().all(|c| c.is_ascii_digit() || c == '.');
            let is_known = NAMES.iter().any(|(known, _)| *known == name);
            let value = value.trim();
            if (is_known || is_oid) && !value.is_empty() {
                Ok((name, value.to_owned()))
            } else {
                Err(SubjectError)
            }
        });
        Self::sorted(parts.collect::<Result<_, _>>()?)
    }

    fn sorted(mut parts: Vec<(String, String)>) -> Result<Self, SubjectError> {
        parts.sort_unstable();
        if parts.is_empty() {
            Err(SubjectError)
        } else {
            Ok(Self(parts))
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let value = value.replace('\\', "\\\\").replace(',', "\\,");
            write!(f, "{comma}{name}={value}")?;
        }
        Ok(())
    }
}

/// The parts between commas; a backslash takes the letter after it as it is.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, parts.last_mut()) {
            (',', _) => parts.push(String::new()),
            ('\\', Some(part)) => part.extend(letters.next()),
            (letter, Some(part)) => part.push(letter),
            (_, None) => {}
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_the_same_in_any_order_and_differ_in_any_letter() {
        let one = Subject::from_text("CN=vc-1, O=Example\\, Inc. ,C=US").unwrap();
        assert_eq!(
            one,
            Subject::from_text("c=US,o=Example\\, Inc.,cn=vc-1").unwrap()
        );
        assert_eq!(Subject::from_text(&one.to_string()).unwrap(), one);
        for other in [
            "CN=vc-1,C=US",
            "CN=vc-1,O=Example\\, Inc.,C=US,OU=x",
            "CN=VC-1,O=Example\\, Inc.,C=US",
            "CN=vc-1,CN=vc-1,O=Example\\, Inc.,C=US",
        ] {
            assert_ne!(Subject::from_text(other).unwrap(), one, "{other}");
        }
        for wrong in ["", "vc-1", "CN=", "XX=y", "CN=a,,O=b", "*"] {
            assert_eq!(Subject::from_text(wrong), Err(SubjectError), "{wrong}");
        }
    }
}
