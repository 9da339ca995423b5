//! The XML of a test case as a tree of elements (KMIP 1.4 profiles §5.4). No entity is resolved.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// One element: a KMIP item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    /// The normalised name of the tag.
    pub(super) name: String,
    /// The type of the item.
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) children: Vec<Self>,
}

impl Element {
    fn new(start: &BytesStart<'_>) -> Self {
        let attribute = |name: &str| {
            let found = start.try_get_attribute(name).expect("well-formed XML");
            // Files were wrapped, also within values: white space is one space.
            found.map(|found| found.value.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        Self {
            name: start.local_name().as_ref().to_owned(),
            kind: attribute("type").unwrap_or_else(|| "Structure".to_owned()),
            value: attribute("value").unwrap_or_default(),
            children: Vec::new(),
        }
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The operations that a message asks for; none for an answer.
    pub(super) fn operations(&self) -> impl Iterator<Item = &str> {
        let is_request = self.name == "RequestMessage";
        let items = self
            .children
            .iter()
            .filter(move |child| is_request && child.name == "BatchItem");
        items.filter_map(|item| Some(item.child("Operation")?.value.as_str()))
    }

    /// Every element below this one, and this one.
    pub(super) fn all(&self) -> Vec<&Self> {
        let below = self.children.iter().flat_map(Self::all);
        std::iter::once(self).chain(below).collect()
    }
}

/// The messages of a test case.
pub(super) fn read(text: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let closed = match reader.read_event().expect("well-formed XML") {
            Event::Start(start) => {
                open.push(Element::new(&start));
                continue;
            }
            Event::Empty(start) => Element::new(&start),
            Event::End(_) => open.pop().expect("it was opened"),
            Event::Eof => panic!("a case ends with its root"),
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None => return closed.children,
        }
    }
}
