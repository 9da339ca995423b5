//! What the program printed in all tests of a run, and the secrets that no output may hold; `secrets.rs` compares the two at the end.
//!
//! Kept only where `tests/run` names a folder for it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Secrets that are shorter may stand anywhere by chance.
const SECRET_BYTES_MIN: usize = 12;

/// What one test program adds to.
struct Kept {
    outputs: File,
    secrets: File,
    planted: HashSet<Vec<u8>>,
}

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// The folder in which a run keeps them, if it does.
pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os("KEYLEDGER_TEST_OUTPUTS").map(PathBuf::from)
}

fn with_kept(add: impl FnOnce(&mut Kept)) {
    let Some(folder) = folder() else { return };
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    add(kept.get_or_insert_with(|| {
        let file = |kind: &str| {
            let name = folder.join(format!("{}.{kind}", std::process::id()));
            File::create(name).expect("a file in the folder of outputs")
        };
        Kept {
            outputs: file("outputs"),
            secrets: file("secrets"),
            planted: HashSet::new(),
        }
    }));
}

/// Keeps what was printed or answered.
pub(crate) fn keep(text: &str) {
    with_kept(|kept| {
        let text = text.replace('\n', "\n  ");
        writeln!(kept.outputs, "{text}").expect("room for outputs");
    });
}

/// Notes a secret: it may stand in no output, neither as it is nor as hex digits or base64.
pub(crate) fn plant(secret: &[u8]) {
    if secret.len() < SECRET_BYTES_MIN {
        return;
    }
    with_kept(|kept| {
        if kept.planted.insert(secret.to_vec()) {
            writeln!(kept.secrets, "{}", hex::encode(secret)).expect("room for secrets");
        }
    });
}

/// Keeps what a command printed, and notes the secrets it was given. What prints a secret because it was asked to is left out.
pub(super) fn of_command(arguments: &[&str], input: &str, stdout: &str, stderr: &str) {
    if arguments
        .iter()
        .any(|argument| argument.ends_with("-stdin"))
    {
        plant(input.trim_end().as_bytes());
    }
    let named = arguments
        .windows(2)
        .filter(|pair| ["--passphrase-file", "--password-file"].contains(&pair[0]));
    for secret in named.filter_map(|pair| fs::read(Path::new(pair[1])).ok()) {
        plant(secret.trim_ascii_end());
    }
    keep(stderr);
    let shows = matches!(arguments, ["kmip", ..] | ["api-key", "add", ..]);
    if !shows {
        keep(stdout);
    }
}

/// The files of a folder that end like this.
pub(crate) fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let ends = |path: &PathBuf| path.extension() == Some(OsStr::new(end));
    paths.filter(ends).collect()
}
