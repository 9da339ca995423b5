//! Attribute values between the command line and KMIP: names to codes, codes to names.
//!
//! What the tables know by name is written and read by name, whatever its case and spacing; the rest as numbers, dates or text.

use crate::audit::filter::time_ms;
use crate::cli::WrongUse;
use crate::domain::{Clock as _, SystemClock};
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue, Field, StandardAttribute};
use crate::kmip::enums::{EnumerationTable, NameType, enumeration_of};
use crate::kmip::mask::CryptographicUsageMask;
use crate::kmip::tag::Tag;

fn plain(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// The value of an enumeration that `text` names.
pub(super) fn named<T: Copy>(
    all: &[T],
    text: &str,
    name: impl Fn(T) -> &'static str,
) -> Result<T, WrongUse> {
    let found = all
        .iter()
        .copied()
        .find(|value| plain(name(*value)) == plain(text));
    found.ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|value| name(*value)).collect();
        WrongUse(format!("`{text}` is none of: {}", names.join(", ")))
    })
}

/// The bits of a list such as `Encrypt,Decrypt`.
pub(super) fn usage_mask(text: &str) -> Result<i32, WrongUse> {
    let values = CryptographicUsageMask::TABLE.values;
    let mut bits = 0;
    for part in text.split([',', '|']) {
        let value = values.iter().find(|value| plain(value.name) == plain(part));
        let Some(value) = value else {
            let names: Vec<_> = values.iter().map(|value| value.name).collect();
            return Err(WrongUse(format!(
                "`{part}` is none of: {}",
                names.join(", ")
            )));
        };
        bits |= value.code;
    }
    Ok(CryptographicUsageMask::from_bits(bits).integer())
}

/// Seconds since 1970 of a time as people write it.
pub(super) fn seconds(text: &str) -> Result<i64, WrongUse> {
    let time = time_ms(text, SystemClock.now_ms());
    time.map(|ms| ms.div_euclid(1000))
        .map_err(|error| WrongUse(error.to_string()))
}

/// A Name.
pub(super) fn name(text: String) -> Attribute {
    let fields = vec![
        Field::new(Tag::NameValue, AttributeValue::Text(text)),
        Field::new(
            Tag::NameType,
            AttributeValue::Enumeration(NameType::UninterpretedTextString.code()),
        ),
    ];
    Attribute::standard(StandardAttribute::Name, AttributeValue::Structure(fields))
}

/// `NAME=VALUE`; the attribute's type decides how the value is read.
pub(super) fn attribute(text: &str) -> Result<Attribute, WrongUse> {
    let wrong = |problem: &str| WrongUse(format!("attribute {text}: {problem}"));
    let (name_text, value) = text
        .split_once('=')
        .ok_or_else(|| wrong("write NAME=VALUE, like State=Active"))?;
    let attribute_name = AttributeName::from_text(name_text);
    let standard = match &attribute_name {
        AttributeName::Custom(_) => {
            let value = AttributeValue::Text(value.to_owned());
            return Ok(Attribute {
                name: attribute_name,
                index: None,
                value,
            });
        }
        AttributeName::Unknown(_) => {
            return Err(wrong(
                "not an attribute of the standard; custom names begin with x-",
            ));
        }
        AttributeName::Standard(StandardAttribute::Name) => return Ok(name(value.to_owned())),
        AttributeName::Standard(standard) => *standard,
    };
    let value = standard_value(standard, value)
        .ok_or_else(|| wrong("the value does not fit the attribute"))?;
    Ok(Attribute::standard(standard, value))
}

fn standard_value(standard: StandardAttribute, text: &str) -> Option<AttributeValue> {
    use ttlv::ItemType;
    let spec = standard.spec();
    match spec.item_type {
        ItemType::TextString => Some(AttributeValue::Text(text.to_owned())),
        ItemType::Integer if standard == StandardAttribute::CryptographicUsageMask => {
            usage_mask(text).ok().map(AttributeValue::Integer)
        }
        ItemType::Integer => text.parse().ok().map(AttributeValue::Integer),
        ItemType::LongInteger => text.parse().ok().map(AttributeValue::LongInteger),
        ItemType::Boolean => text.parse().ok().map(AttributeValue::Boolean),
        ItemType::Interval => text.parse().ok().map(AttributeValue::Interval),
        ItemType::DateTime => seconds(text).ok().map(AttributeValue::DateTime),
        ItemType::Enumeration => {
            let table = enumeration_of(spec.tag)?;
            let value = table
                .values
                .iter()
                .find(|value| plain(value.name) == plain(text));
            value.map(|value| AttributeValue::Enumeration(value.code))
        }
        // Structures, bytes and newer types have no form a person would type.
        _ => None,
    }
}

/// An attribute's value for people.
pub(super) fn text(attribute: &Attribute) -> String {
    let tag = attribute.name.spec().map(|spec| spec.tag);
    if attribute.name == AttributeName::Standard(StandardAttribute::CryptographicUsageMask)
        && let AttributeValue::Integer(bits) = attribute.value
    {
        return CryptographicUsageMask::from_integer(bits)
            .names()
            .join(", ");
    }
    value_text(&attribute.value, tag.and_then(enumeration_of))
}

fn value_text(value: &AttributeValue, table: Option<&'static EnumerationTable>) -> String {
    match value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Integer(number) => number.to_string(),
        AttributeValue::LongInteger(number) => number.to_string(),
        AttributeValue::BigInteger(bytes) | AttributeValue::Bytes(bytes) => hex::encode(bytes),
        AttributeValue::Boolean(flag) => flag.to_string(),
        AttributeValue::Interval(seconds) => format!("{seconds} s"),
        AttributeValue::DateTime(time) => {
            jiff::Timestamp::from_second(*time).map_or_else(|_| time.to_string(), |t| t.to_string())
        }
        AttributeValue::Enumeration(code) => {
            let known = table.and_then(|table| table.value(*code));
            known.map_or_else(|| format!("0x{code:08x}"), |value| value.name.to_owned())
        }
        AttributeValue::Structure(fields) => {
            let parts = fields.iter().map(|field| {
                let tag = Tag::from_code(field.tag.code());
                let name = tag.map_or("?", Tag::name);
                format!(
                    "{name} = {}",
                    value_text(&field.value, tag.and_then(enumeration_of))
                )
            });
            parts.collect::<Vec<_>>().join(", ")
        }
    }
}
