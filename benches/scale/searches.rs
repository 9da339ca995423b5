//! Locate as the bench sends it, in KMIP 1.4: the answer tells how many match in all.

use ttlv::{Tag, Writer};

use crate::fill;
use crate::requests::{attribute, request_in};

const LOCATE: u32 = 0x08;
const MAXIMUM_ITEMS: Tag = Tag::new(0x42_004f);
const NAME_TYPE: Tag = Tag::new(0x42_0054);
const NAME_VALUE: Tag = Tag::new(0x42_0055);
const UNINTERPRETED_TEXT: u32 = 1;

/// The object of this number, by its Name.
pub(crate) fn by_name(number: usize) -> Vec<u8> {
    locate(None, |writer| {
        attribute(writer, "Name", |writer, tag| {
            writer.structure(tag, |writer| {
                writer.text(NAME_VALUE, &fill::name(number));
                writer.enumeration(NAME_TYPE, UNINTERPRETED_TEXT);
            });
        });
    })
}

/// The object of this number, by a tag that no other has.
pub(crate) fn by_identifier(number: usize) -> Vec<u8> {
    locate(None, |writer| {
        text(writer, "x-Identifier", &fill::identifier(number))
    })
}

/// The object of this number, by a tag that all have and one that no other has.
pub(crate) fn by_two_tags(number: usize) -> Vec<u8> {
    locate(None, |writer| {
        text(writer, "x-Component", fill::COMPONENT);
        text(writer, "x-Identifier", &fill::identifier(number));
    })
}

/// The thousand objects of a group.
pub(crate) fn by_group(number: usize) -> Vec<u8> {
    locate(None, |writer| {
        text(writer, "Object Group", &fill::group(number))
    })
}

/// One of those with a tag that all have.
pub(crate) fn by_component(_number: usize) -> Vec<u8> {
    locate(Some(1), |writer| {
        text(writer, "x-Component", fill::COMPONENT)
    })
}

/// One of all that are active.
pub(crate) fn by_state(_number: usize) -> Vec<u8> {
    locate(Some(1), |writer| enumeration(writer, "State", 2))
}

/// Those that are compromised: none is.
pub(crate) fn by_rare_state(_number: usize) -> Vec<u8> {
    locate(None, |writer| enumeration(writer, "State", 4))
}

/// By an attribute that stands in no index: none has it.
pub(crate) fn by_contact(_number: usize) -> Vec<u8> {
    locate(None, |writer| text(writer, "Contact Information", "nobody"))
}

fn locate(maximum_items: Option<i32>, criteria: impl FnOnce(&mut Writer)) -> Vec<u8> {
    request_in(4, LOCATE, |writer| {
        if let Some(items) = maximum_items {
            writer.integer(MAXIMUM_ITEMS, items);
        }
        criteria(writer);
    })
}

fn text(writer: &mut Writer, name: &str, value: &str) {
    attribute(writer, name, |writer, tag| writer.text(tag, value));
}

fn enumeration(writer: &mut Writer, name: &str, value: u32) {
    attribute(writer, name, |writer, tag| writer.enumeration(tag, value));
}
