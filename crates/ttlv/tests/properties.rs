//! Writing and reading are inverse to each other, and no bytes whatever make the reader panic.
#![cfg(test)]

mod tree;

use proptest::prelude::*;
use tree::Tree;
use ttlv::{DumpOptions, Error, Tag, Writer, dump_with, read};

/// Everything a reader can do with bytes; the tree if they are well formed.
fn decode(bytes: &[u8]) -> Result<Tree, Error> {
    let item = read(bytes)?;
    item.check(32, &mut 10_000)?;
    Ok(Tree::read(&item).expect("what was checked can be read"))
}

/// The bytes are refused, or they are the encoding of their tree but for the padding.
fn refused_or_canonical(bytes: &[u8]) -> Result<(), TestCaseError> {
    let tree = match decode(bytes) {
        Ok(tree) => tree,
        Err(error) => {
            prop_assert!(error.offset <= bytes.len());
            return Ok(());
        }
    };
    let canonical = tree.encode();
    let mut writer = Writer::default();
    writer.item(&read(bytes).expect("it was read before"));
    prop_assert_eq!(writer.as_bytes(), &canonical[..]);
    prop_assert_eq!(canonical.len(), bytes.len());
    let same_or_zeroed = canonical
        .iter()
        .zip(bytes)
        .all(|(new, old)| new == old || *new == 0);
    prop_assert!(same_or_zeroed);
    prop_assert_eq!(decode(&canonical), Ok(tree));
    Ok(())
}

proptest! {
    #[test]
    fn what_was_written_reads_as_the_same_tree(tree in tree::trees()) {
        let bytes = tree.encode();
        prop_assert_eq!(bytes.len() % 8, 0);
        let depth = u8::try_from(tree.depth()).unwrap();
        let mut items_left = u32::try_from(tree.count()).unwrap();
        let item = read(&bytes).unwrap();
        item.check(depth, &mut items_left).unwrap();
        prop_assert_eq!(items_left, 0);
        prop_assert_eq!(Tree::read(&item).unwrap(), tree);
        let mut writer = Writer::default();
        writer.item(&item);
        prop_assert_eq!(writer.into_bytes(), bytes);
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        refused_or_canonical(&bytes)?;
    }

    /// Random bytes almost never get past the first header; these always do.
    #[test]
    fn any_plausible_items_are_refused_or_canonical(
        items in prop::collection::vec((tree::tags(), 0_u8..13, 0_u32..20, any::<[u8; 8]>()), 0..12),
    ) {
        let mut content = Vec::new();
        for (tag, type_code, length, value) in items {
            content.extend((tag.code() << 8 | u32::from(type_code)).to_be_bytes());
            content.extend(length.to_be_bytes());
            content.extend(value);
        }
        let mut writer = Writer::default();
        writer.structure(Tag::new(0x42_0078), |writer| writer.raw(&content));
        refused_or_canonical(writer.as_bytes())?;
    }

    #[test]
    fn a_damaged_message_is_refused_or_canonical(
        tree in tree::trees(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = tree.encode();
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        refused_or_canonical(&bytes)?;
    }

    #[test]
    fn a_dump_of_anything_ends_with_a_line(
        tree in tree::trees(),
        place in any::<prop::sample::Index>(),
        value in any::<u8>(),
        show_bytes in any::<bool>(),
    ) {
        let mut bytes = tree.encode();
        let place = place.index(bytes.len());
        bytes[place] = value;
        let options = DumpOptions { show_bytes, ..DumpOptions::default() };
        let text = dump_with(&bytes, &|_| None, &options);
        prop_assert!(text.ends_with('\n'));
        prop_assert_eq!(text.contains("malformed: "), decode(&bytes).is_err());
    }

    #[test]
    fn a_big_integer_keeps_its_sign_and_digits(value in prop::collection::vec(any::<u8>(), 0..30)) {
        let mut writer = Writer::default();
        writer.big_integer(Tag::new(0x42_0020), &value);
        let item = read(writer.as_bytes()).unwrap();
        let written = item.big_integer().unwrap();
        let (extension, digits) = written.split_at(written.len() - value.len());
        prop_assert_eq!(digits, &value[..]);
        let fill = if value.first().is_some_and(|first| *first >= 0x80) { 0xff } else { 0 };
        prop_assert!(extension.len() < 8 || value.is_empty());
        prop_assert!(extension.iter().all(|byte| *byte == fill));
    }
}
