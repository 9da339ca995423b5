//! An item as an owned tree: what a message means, apart from how it is encoded.
//!
//! It writes itself with the typed methods of the writer only, so that it can stand as a second
//! opinion on `Writer::item`, and reads itself with the typed methods of the reader.

use proptest::prelude::*;
use ttlv::{Error, Item, ItemType, Structure, Tag, Writer};

/// The Structure whose content the standard leaves to vendors.
pub(crate) const VENDOR_EXTENSION: Tag = Tag::new(0x42_009c);

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    pub(crate) tag: Tag,
    pub(crate) content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Structure(Vec<Tree>),
    Integer(i32),
    LongInteger(i64),
    BigInteger(Vec<u8>),
    Enumeration(u32),
    Boolean(bool),
    TextString(String),
    ByteString(Vec<u8>),
    DateTime(i64),
    Interval(u32),
    DateTimeExtended(i64),
}

impl Tree {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write(&mut writer);
        writer.into_bytes()
    }

    fn write(&self, writer: &mut Writer) {
        let tag = self.tag;
        match &self.content {
            Content::Structure(children) => writer.structure(tag, |writer| {
                children.iter().for_each(|child| child.write(writer));
            }),
            Content::Integer(value) => writer.integer(tag, *value),
            Content::LongInteger(value) => writer.long_integer(tag, *value),
            Content::BigInteger(value) => writer.big_integer(tag, value),
            Content::Enumeration(value) => writer.enumeration(tag, *value),
            Content::Boolean(value) => writer.boolean(tag, *value),
            Content::TextString(value) => writer.text(tag, value),
            Content::ByteString(value) => writer.byte_string(tag, value),
            Content::DateTime(value) => writer.date_time(tag, *value),
            Content::Interval(value) => writer.interval(tag, *value),
            Content::DateTimeExtended(value) => writer.date_time_extended(tag, *value),
        }
    }

    pub(crate) fn read(item: &Item<'_>) -> Result<Self, Error> {
        let content = match item.value.item_type() {
            ItemType::Structure => Content::Structure(
                content(item)?
                    .items()
                    .map(|child| Self::read(&child?))
                    .collect::<Result<_, Error>>()?,
            ),
            ItemType::Integer => Content::Integer(item.integer()?),
            ItemType::LongInteger => Content::LongInteger(item.long_integer()?),
            ItemType::BigInteger => Content::BigInteger(item.big_integer()?.to_vec()),
            ItemType::Enumeration => Content::Enumeration(item.enumeration()?),
            ItemType::Boolean => Content::Boolean(item.boolean()?),
            ItemType::TextString => Content::TextString(item.text()?.to_owned()),
            ItemType::ByteString => Content::ByteString(item.byte_string()?.to_vec()),
            ItemType::DateTime => Content::DateTime(item.date_time()?),
            ItemType::Interval => Content::Interval(item.interval()?),
            ItemType::DateTimeExtended => Content::DateTimeExtended(item.date_time_extended()?),
        };
        Ok(Self {
            tag: item.tag,
            content,
        })
    }

    pub(crate) fn depth(&self) -> usize {
        1 + self.children().map(Self::depth).max().unwrap_or(0)
    }

    pub(crate) fn count(&self) -> usize {
        1 + self.children().map(Self::count).sum::<usize>()
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        match &self.content {
            Content::Structure(children) => children.iter(),
            _ => [].iter(),
        }
    }
}

/// The children of an item, those of the standard's Vendor Extension with any tags.
fn content<'a>(item: &Item<'a>) -> Result<Structure<'a>, Error> {
    let structure = item.structure()?;
    let is_vendor = item.tag == VENDOR_EXTENSION;
    Ok(if is_vendor {
        structure.with_any_tags()
    } else {
        structure
    })
}

/// Any tag a message may carry.
pub(crate) fn tags() -> impl Strategy<Value = Tag> {
    (
        prop_oneof![Just(0x42_0000_u32), Just(0x54_0000)],
        any::<u16>(),
    )
        .prop_map(|(range, low)| Tag::new(range | u32::from(low)))
}

/// Any well-formed tree up to a few levels deep.
pub(crate) fn trees() -> impl Strategy<Value = Tree> {
    let leaf = (tags(), leaves()).prop_map(|(tag, content)| Tree { tag, content });
    leaf.prop_recursive(6, 64, 8, |child| {
        (tags(), prop::collection::vec(child, 0..8)).prop_map(|(tag, children)| Tree {
            tag,
            content: Content::Structure(children),
        })
    })
}

fn leaves() -> impl Strategy<Value = Content> {
    prop_oneof![
        any::<i32>().prop_map(Content::Integer),
        any::<i64>().prop_map(Content::LongInteger),
        prop::collection::vec(any::<[u8; 8]>(), 1..5)
            .prop_map(|words| Content::BigInteger(words.concat())),
        any::<u32>().prop_map(Content::Enumeration),
        any::<bool>().prop_map(Content::Boolean),
        any::<String>().prop_map(Content::TextString),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Content::ByteString),
        any::<i64>().prop_map(Content::DateTime),
        any::<u32>().prop_map(Content::Interval),
        any::<i64>().prop_map(Content::DateTimeExtended),
    ]
}
