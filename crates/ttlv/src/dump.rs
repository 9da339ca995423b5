//! A message as indented text, for logs at the finest level and for tests.
//!
//! One line per item. Byte strings and big integers are shown by their length only, because they
//! are where key material is; texts are shortened and escaped, so that a peer can neither flood
//! nor forge a log. The names of tags come from the caller. Malformed input is shown up to the
//! error, which ends the text.

use std::fmt::{self, Write};

use crate::{Error, Item, Limits, Tag, Value, read};

/// What a dump shows.
#[derive(Clone, Debug)]
pub struct DumpOptions {
    /// Shows the content of byte strings and big integers in hexadecimal. For tests only: a dump
    /// with it contains keys.
    pub show_bytes: bool,
    /// How many characters of a text are shown.
    pub text_chars_max: usize,
    /// The tags whose texts are shown by their length only, such as that of a password.
    pub hidden_texts: &'static [Tag],
    /// How deep and how many items are shown.
    pub limits: Limits,
}

impl Default for DumpOptions {
    /// No bytes, 64 characters of every text, the default limits.
    fn default() -> Self {
        Self {
            show_bytes: false,
            text_chars_max: 64,
            hidden_texts: &[],
            limits: Limits::default(),
        }
    }
}

/// The message as text, with the default [`DumpOptions`].
///
/// `name` gives the name of a tag, if it has one. Texts are shown whatever their tag is; where a
/// message may contain a password, use [`dump_with`] and name its tag in
/// [`DumpOptions::hidden_texts`].
#[must_use]
pub fn dump(bytes: &[u8], name: &dyn Fn(Tag) -> Option<&'static str>) -> String {
    dump_with(bytes, name, &DumpOptions::default())
}

/// The message as text, showing what `options` say.
#[must_use]
pub fn dump_with(
    bytes: &[u8],
    name: &dyn Fn(Tag) -> Option<&'static str>,
    options: &DumpOptions,
) -> String {
    let mut dump = Dump {
        text: String::new(),
        items_left: options.limits.items_max,
        name,
        options,
    };
    let outcome = read(bytes)
        .map_err(Stop::Malformed)
        .and_then(|item| dump.item(&item, 0));
    if let Err(stop) = outcome {
        dump.stopped(&stop);
    }
    dump.text
}

/// Why a dump ends early.
enum Stop {
    Malformed(Error),
    Limit(&'static str),
    Format,
}

impl From<fmt::Error> for Stop {
    fn from(_: fmt::Error) -> Self {
        Self::Format
    }
}

struct Dump<'b> {
    text: String,
    items_left: u32,
    name: &'b dyn Fn(Tag) -> Option<&'static str>,
    options: &'b DumpOptions,
}

impl Dump<'_> {
    fn item(&mut self, item: &Item<'_>, depth: u8) -> Result<(), Stop> {
        if depth >= self.options.limits.depth_max {
            return Err(Stop::Limit("deeper items are not shown"));
        }
        let Some(items_left) = self.items_left.checked_sub(1) else {
            return Err(Stop::Limit("further items are not shown"));
        };
        self.items_left = items_left;
        self.line(item, depth)?;
        if let Value::Structure(structure) = item.value {
            for child in structure.items() {
                let child = child.map_err(Stop::Malformed)?;
                self.item(&child, depth + 1)
                    .map_err(|stop| stop.within(item.tag))?;
            }
        }
        Ok(())
    }

    fn line(&mut self, item: &Item<'_>, depth: u8) -> fmt::Result {
        let indent = usize::from(depth) * 2;
        write!(self.text, "{:indent$}{}", "", item.tag)?;
        if let Some(name) = (self.name)(item.tag) {
            write!(self.text, " {name}")?;
        }
        write!(self.text, " ({})", item.value.item_type())?;
        self.value(item)?;
        self.text.push('\n');
        Ok(())
    }

    fn value(&mut self, item: &Item<'_>) -> fmt::Result {
        let text = &mut self.text;
        match item.value {
            Value::Structure(structure) => write!(text, " {} bytes", structure.bytes().len()),
            Value::Integer(value) => write!(text, " {value}"),
            Value::LongInteger(value) => write!(text, " {value}"),
            Value::DateTime(value) => write!(text, " {value} s"),
            Value::DateTimeExtended(value) => write!(text, " {value} us"),
            Value::Interval(value) => write!(text, " {value} s"),
            Value::Enumeration(value) => write!(text, " 0x{value:08x}"),
            Value::Boolean(value) => write!(text, " {value}"),
            Value::TextString(value) if self.options.hidden_texts.contains(&item.tag) => {
                write!(text, " <{} bytes>", value.len())
            }
            Value::TextString(value) => shortened(text, value, self.options.text_chars_max),
            Value::ByteString(value) | Value::BigInteger(value) if self.options.show_bytes => {
                text.push(' ');
                value.iter().try_for_each(|byte| write!(text, "{byte:02x}"))
            }
            Value::ByteString(value) | Value::BigInteger(value) => {
                write!(text, " <{} bytes>", value.len())
            }
        }
    }

    fn stopped(&mut self, stop: &Stop) {
        match stop {
            Stop::Malformed(error) => {
                self.text.push_str("malformed: ");
                self.text.push_str(&error.to_string());
            }
            Stop::Limit(reason) => self.text.push_str(reason),
            Stop::Format => self.text.push_str("the text could not be made"),
        }
        self.text.push('\n');
    }
}

impl Stop {
    fn within(self, tag: Tag) -> Self {
        match self {
            Self::Malformed(error) => Self::Malformed(error.within(tag)),
            Self::Limit(_) | Self::Format => self,
        }
    }
}

/// A text in quotes with control characters escaped, at most `chars_max` characters of it.
fn shortened(text: &mut String, value: &str, chars_max: usize) -> fmt::Result {
    let shown = match value.char_indices().nth(chars_max) {
        Some((end, _)) => value.get(..end).unwrap_or_default(),
        None => value,
    };
    write!(text, " \"{}\"", shown.escape_debug())?;
    if shown.len() < value.len() {
        write!(text, "... ({} bytes)", value.len())?;
    }
    Ok(())
}
