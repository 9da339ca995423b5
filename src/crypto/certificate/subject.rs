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
            let known = NAMES
                .iter()
                .find(|(known, oid)| [*known, *oid].contains(&&*name));
            let value = value.trim();
            if (known.is_some() || is_oid(&name)) && !value.is_empty() {
                let name = known.map_or(name.as_str(), |(known, _)| known).to_owned();
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

/// Whether a text is an object identifier as certificates have them: two numbers or more, the first 0 to 2, without leading
/// zeros.
fn is_oid(text: &str) -> bool {
    let is_number = |arc: &str| {
        let digits = !arc.is_empty() && arc.bytes().all(|digit| digit.is_ascii_digit());
        digits && (arc == "0" || !arc.starts_with('0'))
    };
    let root = text.split('.').next().unwrap_or_default();
    text.contains('.') && matches!(root, "0" | "1" | "2") && text.split('.').all(is_number)
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
        for wrong in [
            "",
            "vc-1",
            "CN=",
            "XX=y",
            "CN=a,,O=b",
            "*",
            ".=x",
            "2.=x",
            "2..5=x",
            "3.1=x",
            "2.05=x",
            "2=x",
        ] {
            assert_eq!(Subject::from_text(wrong), Err(SubjectError), "{wrong}");
        }
    }

    #[test]
    fn a_name_may_be_written_as_its_object_identifier() {
        let names = Subject::from_text("CN=vc,DC=example").unwrap();
        let identifiers = "2.5.4.3=vc,0.9.2342.19200300.100.1.25=example";
        assert_eq!(Subject::from_text(identifiers).unwrap(), names);
        let other = Subject::from_text("2.5.4.97=x").unwrap();
        assert_eq!(other.to_string(), "2.5.4.97=x");
    }
}
