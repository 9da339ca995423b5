//! One case on its way: requests are built from its elements, and what earlier answers gave takes the place of the names that stand for it.

use std::collections::{HashMap, HashSet};

use super::expect::Expectation;
use super::names::Names;
use super::script::Element;
use crate::harness::{Connection, Content, Node, now};

/// What is known while a case is played.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) names: &'a Names,
    /// What stands for the names in the case.
    pub(super) bound: HashMap<String, String>,
    /// The values that requests of the case hold: where an answer has one, it is no accident.
    pub(super) fixed: HashSet<String>,
    now: i64,
}

impl<'a> Run<'a> {
    pub(super) fn new(names: &'a Names, messages: &[Element]) -> Self {
        let requests = messages
            .iter()
            .filter(|message| message.name == "RequestMessage");
        let elements = requests.flat_map(Element::all);
        Self {
            names,
            bound: HashMap::new(),
            fixed: elements.map(|element| element.value.clone()).collect(),
            now: now(),
        }
    }

    /// Sends every request and compares its answer.
    pub(super) fn play(
        mut self,
        connection: &mut Connection,
        messages: &[Element],
    ) -> Result<(), String> {
        for (index, pair) in messages.chunks(2).enumerate() {
            let [request, response] = pair else {
                return Err("a request without an answer".to_owned());
            };
            let at = |error| format!("message {}: {error}", index + 1);
            let request = self.node(request, "").map_err(at)?;
            let answer = Node::decode(&connection.send(&request.encode()));
            Expectation { run: &mut self }
                .message(response, &answer)
                .map_err(at)?;
        }
        Ok(())
    }

    /// The item of an element; `attribute` is the name of the attribute whose value it is or is in.
    fn node(&self, element: &Element, attribute: &str) -> Result<Node, String> {
        let tag = self.names.tag(&element.name);
        let tag = tag.ok_or_else(|| format!("{} is no tag", element.name))?;
        let content = match element.kind.as_str() {
            "Structure" => {
                let name = element.child("AttributeName");
                let attribute = name.map_or(attribute, |name| name.value.as_str());
                let children = element.children.iter();
                Content::Structure(
                    children
                        .map(|child| self.node(child, attribute))
                        .collect::<Result<_, _>>()?,
                )
            }
            _ => self.scalar(element, attribute)?,
        };
        Ok(Node { tag, content })
    }

    /// The value of an element that is no structure.
    pub(super) fn scalar(&self, element: &Element, attribute: &str) -> Result<Content, String> {
        let text = self.bound.get(&element.value).unwrap_or(&element.value);
        let content = match element.kind.as_str() {
            "Integer" => self.integer(element, text, attribute).map(Content::Integer),
            "LongInteger" => text.parse().ok().map(Content::LongInteger),
            "Enumeration" => {
                let list = self.list(element, attribute);
                self.names.value(list, text).map(Content::Enumeration)
            }
            "Boolean" => text.parse().ok().map(Content::Boolean),
            "TextString" => Some(Content::Text(text.clone())),
            "ByteString" => hex::decode(text).ok().map(Content::Bytes),
            "DateTime" => self.date(text).map(Content::DateTime),
            "Interval" => text.parse().ok().map(Content::Interval),
            _ => None,
        };
        content.ok_or_else(|| format!("{} cannot be read: {text}", element.name))
    }

    /// The enumeration or mask that the values of an element are of.
    fn list<'n>(&'n self, element: &'n Element, attribute: &'n str) -> &'n str {
        match element.name.as_str() {
            "AttributeValue" => attribute,
            name => self.names.canonical(name),
        }
    }

    fn integer(&self, element: &Element, text: &str, attribute: &str) -> Option<i32> {
        if let Ok(number) = text.parse() {
            return Some(number);
        }
        let list = self.list(element, attribute);
        let bits = text.split(' ').map(|name| self.names.value(list, name));
        let mask = bits
            .collect::<Option<Vec<u32>>>()?
            .into_iter()
            .fold(0, |mask, bit| mask | bit);
        Some(mask.cast_signed())
    }

    fn date(&self, text: &str) -> Option<i64> {
        let Some(offset) = text.strip_prefix("$NOW") else {
            let time: jiff::Timestamp = text.parse().ok()?;
            return Some(time.as_second());
        };
        let offset = match offset {
            "" => 0,
            signed => signed.replace(' ', "").parse::<i64>().ok()?,
        };
        Some(self.now + offset)
    }
}
