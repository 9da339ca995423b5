//! What tells the lines of a target of ours from those of others: nobody else's file is ever cut.

/// How an event's line begins; `?` stands for a hexadecimal digit.
const EVENT: &[u8] = b"{\"id\":\"????????-????-????-????-????????????\",\"eventTime\":\"";
/// How the lines of checkpoints and of test records begin.
const OTHERS: [&[u8]; 2] = [b"{\"checkpoint\":{\"", b"{\"test\":{\""];

/// How many bytes at the end of a file are a line of ours that was torn, if that is sure; `is_whole` says whether `end` is all of the file. It is sure
/// where the line before is ours and this may be the beginning of another, or where there is none before and this is more than a beginning.
pub(super) fn torn_bytes(end: &[u8], is_whole: bool) -> Option<usize> {
    let mut lines = end.rsplit(|byte| *byte == b'\n');
    let torn = lines.next()?;
    let before = lines.next();
    // A power cut may leave zeros in the place of what was not written yet.
    let zeros = torn.iter().rev().take_while(|byte| **byte == 0).count();
    let text = torn.get(..torn.len() - zeros)?;
    let is_sure = match before {
        Some(line) => is_line(line) && may_be_torn(text),
        None => is_whole && begins_as_ours(text),
    };
    is_sure.then_some(torn.len())
}

/// Whether this is the line of a record, as far as its beginning and its end tell.
fn is_line(line: &[u8]) -> bool {
    begins_as_ours(line) && line.ends_with(b"}")
}

/// Whether this has the whole beginning of a record's line.
fn begins_as_ours(text: &[u8]) -> bool {
    beginnings().any(|beginning| text.len() >= beginning.len() && agree(beginning, text))
}

/// Whether this may be what is there of a record's line.
fn may_be_torn(text: &[u8]) -> bool {
    beginnings().any(|beginning| agree(beginning, text))
}

fn beginnings() -> impl Iterator<Item = &'static [u8]> {
    std::iter::once(EVENT).chain(OTHERS)
}

/// Whether a text is as the beginning says, as far as both go.
fn agree(beginning: &[u8], text: &[u8]) -> bool {
    let mut pairs = beginning.iter().zip(text);
    pairs.all(|(wanted, found)| match wanted {
        b'?' => found.is_ascii_hexdigit(),
        wanted => wanted == found,
    })
}

#[cfg(test)]
mod tests {
    use super::torn_bytes;
    use crate::routing::targets::sample::{changed, checkpoint};

    #[test]
    fn only_what_is_known_to_be_ours_counts_as_torn() {
        let line = changed(5, |_| {}).json;
        let other = checkpoint(7).json;
        let torn = |parts: &[&[u8]], is_whole| torn_bytes(&parts.concat(), is_whole);
        // A line torn anywhere after a line of ours, and alone in its file once it is plain what it is.
        for length in 1..line.len() {
            let begun = &line[..length];
            assert_eq!(torn(&[&line, b"\n", begun], false), Some(length));
            assert_eq!(
                torn(&[&other, b"\n", begun, b"\0\0"], true),
                Some(length + 2)
            );
            assert_eq!(torn(&[begun], true).is_some(), length >= 58, "{length}");
            assert_eq!(
                torn(&[begun], false),
                None,
                "what is before it is not known"
            );
        }
        assert_eq!(torn(&[&line, b"\n\0\0\0"], true), Some(3));
        // Others' lines, and lines after them.
        for foreign in [&b"half a line"[..], b"{\"id\":7", b"\0\0", b"{}"] {
            assert_eq!(torn(&[foreign], true), None);
        }
        assert_eq!(torn(&[&line, b"\nhalf a line"], true), None);
        assert_eq!(torn(&[b"a,b,c\n", &line[..70]], true), None);
        assert_eq!(torn(&[&line[..70], b"\n", &line[..70]], true), None);
    }
}
