//! What an answer must be, and what it may vary in (profiles, section on permitted test case variations).
//!
//! Free are identifiers, the material of keys and digests of it, dates that no request fixes, words of the vendor, what is said of its random
//! number generator, what an answer lists beyond what is expected, and the template that an answer to Create may hold.

use super::case::Run;
use super::script::Element;
use crate::harness::{Content, Node};

/// Compares answers while a case is played.
pub(super) struct Expectation<'r, 'a> {
    pub(super) run: &'r mut Run<'a>,
}

/// Fields that an answer may hold although the case does not, or leave out although the case has them.
const FREE: &[&str] = &[
    "ResultMessage",
    "TimeStamp",
    "LocatedItems",
    "ServerCorrelationValue",
    "TemplateAttribute",
    "AttributeIndex",
    "ServerInformation",
    "ApplicationNamespace",
    "ExtensionInformation",
];
/// Fields of which an answer may hold more than the case.
const LISTED: &[&str] = &[
    "Attribute",
    "AttributeName",
    "Operation",
    "ObjectType",
    "ProtocolVersion",
];
/// What a server without leases has no value for: the standard asks for it only where there are leases.
const LEASES: &str = "Lease Time";
/// Texts that are the vendor's.
const WORDS: &[&str] = &[
    "ResultMessage",
    "VendorIdentification",
    "ServerCorrelationValue",
];

impl Expectation<'_, '_> {
    pub(super) fn message(&mut self, expected: &Element, answer: &Node) -> Result<(), String> {
        self.structure(expected, answer, "", false)
    }

    /// Compares the children of a structure. `open` means that an answer may list more than is expected.
    fn structure(
        &mut self,
        expected: &Element,
        answer: &Node,
        attribute: &str,
        open: bool,
    ) -> Result<(), String> {
        let mut left: Vec<&Node> = answer.children().iter().collect();
        for child in &expected.children {
            let tag = self.tag(child)?;
            let alike = left.iter().enumerate().filter(|(_, node)| node.tag == tag);
            let candidates: Vec<usize> = alike.map(|(index, _)| index).collect();
            let mut error = format!("{} is missing", self.say(child));
            let mut found = None;
            for index in candidates {
                match self.item(child, left[index], attribute) {
                    Ok(()) => {
                        found = Some(index);
                        break;
                    }
                    Err(other) => error = other,
                }
                // Only what is listed may stand elsewhere.
                if !LISTED.contains(&child.name.as_str()) && child.name != "UniqueIdentifier" {
                    break;
                }
            }
            match found {
                Some(index) => drop(left.remove(index)),
                None if may_be_missing(child) => {}
                None => return Err(format!("{}: {error}", expected.name)),
            }
        }
        let free = |node: &&Node| {
            let of = |list: &[&str]| {
                list.iter()
                    .any(|name| self.run.names.tag(name) == Some(node.tag))
            };
            of(FREE) || open && of(LISTED)
        };
        match left.into_iter().find(|node| !free(node)) {
            Some(node) => Err(format!("{}: {node:?} is not expected", expected.name)),
            None => Ok(()),
        }
    }

    fn item(&mut self, expected: &Element, answer: &Node, attribute: &str) -> Result<(), String> {
        if expected.kind == "Structure" {
            let name = expected.child("AttributeName");
            let attribute = name.map_or(attribute, |name| name.value.as_str());
            if attribute == "Random Number Generator" && expected.name == "AttributeValue" {
                return Ok(());
            }
            let open = expected.name == "ResponsePayload";
            return self.structure(expected, answer, attribute, open);
        }
        if WORDS.contains(&expected.name.as_str()) {
            return Ok(());
        }
        if expected.value.starts_with("$UNIQUE_IDENTIFIER") {
            return self.identifier(expected, answer);
        }
        if expected.name != "UniqueIdentifier" && expected.value.starts_with("$KEY_MATERIAL") {
            return Ok(());
        }
        let like = |content: &Content| match (expected.name.as_str(), content) {
            ("TimeStamp", Content::DateTime(_)) => true,
            // The moment itself is fixed by nobody: the server's clock may have moved on.
            (_, Content::DateTime(_)) => {
                expected.value == "$NOW" || !self.run.fixed.contains(&expected.value)
            }
            ("KeyMaterial" | "DigestValue", Content::Bytes(bytes)) => {
                bytes.len() * 2 == expected.value.len()
            }
            _ => false,
        };
        if like(&answer.content) {
            return Ok(());
        }
        let content = self.run.scalar(expected, attribute)?;
        if content == answer.content {
            Ok(())
        } else {
            let (said, found) = (self.say(expected), &answer.content);
            Err(format!("{said} expected of {attribute:?}, found {found:?}"))
        }
    }

    /// A name that stands for an identifier is bound where it is met first.
    fn identifier(&mut self, expected: &Element, answer: &Node) -> Result<(), String> {
        let found = answer.as_text().ok_or("an identifier is no text")?;
        let taken = self.run.bound.values().any(|bound| bound == found);
        match self.run.bound.get(&expected.value) {
            Some(bound) if bound == found => Ok(()),
            None if !taken => {
                self.run
                    .bound
                    .insert(expected.value.clone(), found.to_owned());
                Ok(())
            }
            _ => Err(format!("{} is not {found}", expected.value)),
        }
    }

    fn tag(&self, element: &Element) -> Result<u32, String> {
        let tag = self.run.names.tag(&element.name);
        tag.ok_or_else(|| format!("{} is no tag", element.name))
    }

    fn say(&self, element: &Element) -> String {
        match element.child("AttributeName") {
            Some(name) => format!("{} {:?}", element.name, name.value),
            None => format!("{} {:?}", element.name, element.value),
        }
    }
}

fn may_be_missing(expected: &Element) -> bool {
    let name = expected.child("AttributeName").unwrap_or(expected);
    FREE.contains(&expected.name.as_str()) || name.value == LEASES
}
