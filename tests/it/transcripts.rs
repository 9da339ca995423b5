//! Plays the transcripts in `tests/transcripts`: what vCenter does, written down message by message with its answers and its events.
//!
//! tests/transcripts/README.md explains the format. Each transcript has a server of its own.

mod play;
mod script;

use std::fs;
use std::path::PathBuf;

use play::Player;
use script::Script;

use crate::harness::Nodes;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts"))
}

#[track_caller]
fn play(name: &str) {
    let path = folder().join(format!("{name}.txt"));
    let text = fs::read_to_string(&path).expect("the transcript");
    let script = Script::parse(&text).unwrap_or_else(|error| panic!("{name}.txt: {error}"));
    if let Err(error) = Player::new().play(&script) {
        panic!("{name}.txt: {error}");
    }
}

macro_rules! transcripts {
    ($($name:ident)*) => {
        $(#[test] fn $name() { play(stringify!($name)); })*

        #[test]
        fn every_transcript_is_played() {
            let played = [$(stringify!($name)),*];
            let files = fs::read_dir(folder()).expect("the folder").map(|entry| entry.unwrap().path());
            for file in files.filter(|file| file.extension().is_some_and(|kind| kind == "txt")) {
                let name = file.file_stem().and_then(|name| name.to_str()).expect("a name");
                assert!(played.contains(&name), "{name} is not played");
            }
        }
    };
}

transcripts! {
    trust_and_health_check
    new_key_with_tagging_beside_it
    fetch_and_activate
    user_tags_later
    host_reboot_burst
    vcenter_8_with_credentials
    vcenter_8_with_wrong_credentials
    rekey_and_retirement
}

#[test]
fn two_nodes_play_a_transcript_as_one() {
    for name in [
        "new_key_with_tagging_beside_it",
        "fetch_and_activate",
        "host_reboot_burst",
        "vcenter_8_with_credentials",
        "rekey_and_retirement",
    ] {
        let path = folder().join(format!("{name}.txt"));
        let text = fs::read_to_string(&path).expect("the transcript");
        let script = Script::parse(&text).expect("a transcript");
        if let Err(error) = Player::in_turns(Nodes::start(2)).play(&script) {
            panic!("{name}.txt: {error}");
        }
    }
}

#[test]
fn a_transcript_that_is_not_followed_fails() {
    for text in [
        "on a\nsend 1.1\n  DiscoverVersions\nanswer\n  ok versions 1.0\nevents\n",
        "on a\nsend 1.1\n  Create K\nanswer\n  ok id K\nevents\n",
        "on a\nsend 1.1\n  Get nobody\nanswer\n  ok\nevents\n  read 404 nobody\n",
    ] {
        let script = Script::parse(text).expect("a transcript");
        assert!(Player::new().play(&script).is_err(), "{text}");
    }
    for text in [
        "send 1.1\n",
        "on a\nsend x\n",
        "on a\nsend 1.1\n  Fly K\n",
        "nonsense\n",
    ] {
        assert!(Script::parse(text).is_err(), "{text}");
    }
}
