//! The messages of the OASIS test cases for KMIP 1.1 are decoded and encoded byte for byte.
//!
//! The file is not part of the project. `KEYLEDGER_SHARED` names the folder that holds it.
#![cfg(test)]

#[allow(dead_code, reason = "only the properties need the strategies")]
mod tree;

use std::path::PathBuf;
use tree::{Tree, VENDOR_EXTENSION};
use ttlv::{Limits, Writer, dump, frame_bytes, read};

fn messages() -> Option<Vec<Vec<u8>>> {
    #[allow(
        clippy::disallowed_methods,
        reason = "a test has no configuration to ask"
    )]
    let shared = std::env::var("KEYLEDGER_SHARED");
    let shared = shared.map_or_else(
        |_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = shared.join("oasis/kmip-testcases-v1.1.hex");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return None;
    };
    let byte = |line: &str, at: usize| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
    let message = |line: &str| {
        (0..line.len())
            .step_by(2)
            .map(|at| byte(line, at))
            .collect()
    };
    Some(text.lines().map(message).collect())
}

#[test]
fn all_official_messages_survive_decoding_and_encoding() {
    let Some(messages) = messages() else { return };
    assert_eq!(messages.len(), 520);
    let limits = Limits::default();
    let mut strict = 0;
    for bytes in &messages {
        let item = read(bytes).unwrap();
        assert_eq!(
            frame_bytes(bytes.first_chunk().unwrap(), item.tag, &limits),
            Ok(bytes.len())
        );
        item.check_with(
            limits.depth_max,
            &mut limits.items_max.clone(),
            &[VENDOR_EXTENSION],
        )
        .unwrap();
        let mut writer = Writer::default();
        writer.item(&item);
        assert_eq!(writer.as_bytes(), bytes);
        assert_eq!(&Tree::read(&item).unwrap().encode(), bytes);
        strict += usize::from(!dump(bytes, &|_| None).contains("malformed"));
    }
    // Two messages carry a vendor's tag outside both ranges, TC-71 and TC-72.
    assert_eq!(strict, 518);
}
