//! Passwords and passphrases as people give them: in a file, on standard input, or typed without echo. Never as an argument, which
//! every process of the machine could read.
//!
//! A secret is one line of UTF-8; the end of the line is not part of it. Nothing here prints one, errors included.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::admin::peer;
use crate::crypto::Secret;

/// The most bytes of a secret; more are no secret but the wrong file.
const BYTES_MAX: usize = 4096;

/// The most bytes of a secret of many lines.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// How often a secret is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// It is compared with something.
    Once,
    /// It is new, and a slip would not be noticed.
    Twice,
}

/// Reads a secret from a file that only its owner may read. `what` names it in errors.
///
/// # Errors
/// The file is missing, readable by others, or holds no such line.
pub fn from_file(path: &Path, what: &str) -> anyhow::Result<Secret> {
    let mut file = private_file(path, what)?;
    one_line(&mut file).with_context(|| unread(path, what))
}

/// Reads a secret that may have many lines, such as a private key, from a file that only its owner may read, or from standard input where the
/// file is `-`. The end of its last line is not part of it.
///
/// # Errors
/// The file is missing, readable by others, empty, too long or no text.
pub fn text_from(path: &Path, what: &str) -> anyhow::Result<Zeroizing<String>> {
    let read = if path == Path::new("-") {
        bounded(&mut io::stdin().lock(), TEXT_BYTES_MAX)
    } else {
        bounded(&mut private_file(path, what)?, TEXT_BYTES_MAX)
    };
    let bytes = read.with_context(|| unread(path, what))?;
    let text = str::from_utf8(&bytes).ok();
    let text = text.filter(|text| !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX);
    match text {
        Some(text) => Ok(Zeroizing::new(
            text.trim_end_matches(['\r', '\n']).to_owned(),
        )),
        None => bail!(
            "{}: write a text of 1 to {TEXT_BYTES_MAX} bytes",
            unread(path, what)
        ),
    }
}

fn unread(path: &Path, what: &str) -> String {
    format!("the {what} cannot be read from {}", path.display())
}

fn private_file(path: &Path, what: &str) -> anyhow::Result<File> {
    let named = || unread(path, what);
    // Looked at before it is opened: opening a named pipe would wait for a writer.
    if !fs::metadata(path).with_context(named)?.is_file() {
        bail!("{}: it is not a regular file", named());
    }
    let file = File::open(path).with_context(named)?;
    let metadata = file.metadata().with_context(named)?;
    let (mode, owner) = (metadata.mode(), metadata.uid());
    let given = is_given(mode, owner, peer::own_uid()) && is_credential(path);
    if !is_private(mode) && !given {
        bail!(
            "{0}: others may read it; run `chmod 600 {1}`",
            named(),
            path.display()
        );
    }
    Ok(file)
}

/// Reads a secret from standard input, with a prompt if that is a terminal.
///
/// # Errors
/// There is no such line, or what is typed twice differs.
pub fn from_standard_input(what: &str, prompt: &str, typed: Typed) -> anyhow::Result<Secret> {
    if !io::stdin().is_terminal() {
        let named = || format!("the {what} cannot be read from standard input");
        return one_line(&mut io::stdin().lock()).with_context(named);
    }
    let first = ask(prompt)?;
    if typed == Typed::Twice && !ask("Again: ")?.constant_time_eq(&first) {
        bail!("the {what} was not typed the same way twice; nothing was changed");
    }
    Ok(first)
}

/// Whether a mode keeps a file to its owner.
const fn is_private(mode: u32) -> bool {
    mode & 0o077 == 0
}

/// Whether a file is as the service manager gives it to a service: root's, with group bits that stand for the one user whom an access
/// list admits.
const fn is_given(mode: u32, owner: u32, own: u32) -> bool {
    owner == 0 && own != 0 && mode & 0o037 == 0
}

/// Whether a file lies where the service manager puts credentials. Elsewhere the group bits mean a group.
fn is_credential(path: &Path) -> bool {
    let given = std::env::var_os("CREDENTIALS_DIRECTORY").map(fs::canonicalize);
    match (given, fs::canonicalize(path)) {
        (Some(Ok(directory)), Ok(path)) => path.starts_with(directory),
        _ => false,
    }
}

/// A stream to its end, or one byte more than `most`. Read into a buffer of fixed size: a growing one would leave copies behind.
fn bounded(stream: &mut impl Read, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(vec![0_u8; most + 1]);
    let mut filled = 0;
    while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
        match stream.read(free) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
}

/// The one line of a stream.
fn one_line(stream: &mut impl Read) -> anyhow::Result<Secret> {
    let buffer = bounded(stream, BYTES_MAX)?;
    let text = buffer.as_slice();
    if text.len() > BYTES_MAX {
        bail!("it has more than {BYTES_MAX} bytes");
    }
    let line = text.strip_suffix(b"\n").unwrap_or(text);
    checked(line.strip_suffix(b"\r").unwrap_or(line))
}

fn checked(line: &[u8]) -> anyhow::Result<Secret> {
    if line.is_empty() {
        bail!("it is empty");
    }
    let text = str::from_utf8(line).map_err(|_| anyhow::anyhow!("it is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        bail!("it is more than one line, or holds a control character");
    }
    Ok(Secret::new(line.to_vec()))
}

/// Has a line typed at the terminal, without showing it.
fn ask(prompt: &str) -> anyhow::Result<Secret> {
    let terminal = io::stdin();
    let mut errors = io::stderr();
    let typed = {
        // Before the prompt: whoever answers it at once is not shown either.
        let _quiet = Quiet::new(&terminal)?;
        write!(errors, "{prompt}")?;
        errors.flush()?;
        keys(&mut terminal.lock())
    };
    writeln!(errors)?;
    typed.and_then(|line| checked(&line))
}

/// A terminal that shows nothing and hands over each key, until this is dropped. The interrupt key is a key too: were it a signal, the
/// process would end and leave the terminal silent.
struct Quiet<'a> {
    terminal: &'a io::Stdin,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn new(terminal: &'a io::Stdin) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(terminal, OptionalActions::Drain, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(self.terminal, OptionalActions::Drain, &self.before) {
            tracing::debug!(%error, "The terminal could not be set back: it is gone.");
        }
    }
}

/// Keys up to Enter, with the usual ones for taking back.
fn keys(terminal: &mut impl Read) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    const INTERRUPT: u8 = 0x03;
    const END: u8 = 0x04;
    const ERASE_LINE: u8 = 0x15;
    let mut line = Zeroizing::new(Vec::with_capacity(BYTES_MAX));
    let mut key = [0_u8];
    loop {
        if terminal.read(&mut key)? == 0 {
            bail!("nothing was typed");
        }
        match key {
            [b'\n' | b'\r'] => return Ok(line),
            [INTERRUPT | END] => bail!("interrupted"),
            [ERASE_LINE] => line.clear(),
            [0x7f | 0x08] => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            [_] if line.len() == BYTES_MAX => bail!("it has more than {BYTES_MAX} bytes"),
            [byte] => line.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn read(text: &[u8]) -> Result<Vec<u8>, String> {
        one_line(&mut &*text)
            .map(|secret| secret.expose().to_vec())
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_secret_is_one_line_without_its_end() {
        for (text, secret) in [
            ("word", "word"),
            ("word\n", "word"),
            ("word\r\n", "word"),
            (" wörd two ", " wörd two "),
        ] {
            assert_eq!(read(text.as_bytes()), Ok(secret.as_bytes().to_vec()));
        }
        for bad in ["", "\n", "first\nnext\n", "first\n\n", "a\tb", "\u{0}"] {
            let error = read(bad.as_bytes()).unwrap_err();
            assert!(!error.contains("first"), "{error}");
        }
        assert!(read(b"\xff\xfe").unwrap_err().contains("UTF-8"));
        assert!(read(&[b'a'; BYTES_MAX + 1]).unwrap_err().contains("bytes"));
        assert_eq!(read(&[b'a'; BYTES_MAX]).unwrap().len(), BYTES_MAX);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("word");
        fs::write(&path, "hunter\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = format!("{:#}", from_file(&path, "password").unwrap_err());
        assert!(error.contains("chmod 600") && !error.contains("hunter"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(from_file(&path, "password").unwrap().expose(), b"hunter");
        let error = format!("{:#}", from_file(folder.path(), "password").unwrap_err());
        assert!(error.contains("not a regular file"), "{error}");
        assert!(from_file(&folder.path().join("none"), "password").is_err());
    }

    #[test]
    fn a_file_is_private_to_its_owner_or_given_by_the_service_manager() {
        assert!(is_private(0o100_600));
        assert!(is_private(0o100_400));
        assert!(!is_private(0o100_440));
        assert!(is_given(0o100_440, 0, 1000));
        assert!(!is_given(0o100_440, 1000, 1000));
        assert!(!is_given(0o100_440, 0, 0));
        assert!(!is_given(0o100_444, 0, 1000));
        assert!(!is_given(0o100_460, 0, 1000));
        // No service manager has put this file anywhere.
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!is_credential(file.path()));
    }

    #[test]
    fn what_is_typed_can_be_taken_back() {
        let typed = |keys_typed: &[u8]| {
            keys(&mut &*keys_typed).map(|line| String::from_utf8(line.to_vec()).unwrap())
        };
        assert_eq!(typed(b"wort\x7fd\r").unwrap(), "word");
        assert_eq!(typed("wö\u{8}ord\n".as_bytes()).unwrap(), "word");
        assert_eq!(typed(b"all wrong\x15word\n").unwrap(), "word");
        assert_eq!(typed(b"\x7f\n").unwrap(), "");
        for ended in [&b"wo\x03rd\n"[..], b"\x04", b"word"] {
            assert!(typed(ended).is_err());
        }
    }
}
