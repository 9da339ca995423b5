//! Replacing a certificate and its private key, which lie in two files, so that there is a pair at every moment.
//!
//! Both are written whole under names of their own, then take their places: the key first. Who is cut off between the two leaves the new
//! key with the old certificate, and the new certificate beside them; [`PairPaths::finish`] then completes what was begun. What was replaced of a key is
//! overwritten: whoever finds the disk finds no key that was given up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::layout::{LayoutError, failed, sync_directory, write_private, write_public};

/// A certificate's file and its key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairPaths {
    /// The certificate, and what may follow it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl PairPaths {
    /// Puts a certificate and its key in the place of what is there.
    ///
    /// # Errors
    /// The system refused a step. What was there is there still, or [`PairPaths::finish`] completes it.
    pub fn replace(&self, certificate: &[u8], key: &[u8]) -> Result<(), LayoutError> {
        let (next_key, next_certificate) = (next(&self.key), next(&self.certificate));
        for leftover in [&next_certificate, &next_key] {
            remove(leftover)?;
        }
        write_private(&next_key, key)?;
        write_public(&next_certificate, certificate)?;
        let old = OpenOptions::new().write(true).open(&self.key).ok();
        take_place(&next_key, &self.key)?;
        take_place(&next_certificate, &self.certificate)?;
        if let Some(old) = old {
            overwrite(&old).map_err(failed("overwrite the former", &self.key))?;
        }
        Ok(())
    }

    /// Completes a replacement that was cut off: where the two are no pair, and the certificate that was to come belongs to the key, it takes
    /// its place. `is_pair` is asked with the texts of a certificate's file and of the key's.
    ///
    /// # Errors
    /// The system refused a step.
    pub fn finish(&self, is_pair: impl Fn(&str, &str) -> bool) -> Result<(), LayoutError> {
        let waiting = next(&self.certificate);
        let (Ok(new), Ok(key)) = (fs::read_to_string(&waiting), fs::read_to_string(&self.key))
        else {
            return Ok(());
        };
        let old = fs::read_to_string(&self.certificate).unwrap_or_default();
        if is_pair(&old, &key) || !is_pair(&new, &key) {
            return Ok(());
        }
        take_place(&waiting, &self.certificate)
    }
}

/// Puts a text that others may read in the place of another one, whole or not at all.
///
/// # Errors
/// The system refused a step; what was there is there still.
pub fn replace_public(path: &Path, content: &[u8]) -> Result<(), LayoutError> {
    // Another name than the one that a pair is completed from.
    let mut waiting = path.as_os_str().to_owned();
    waiting.push(".changed");
    let waiting = PathBuf::from(waiting);
    remove(&waiting)?;
    write_public(&waiting, content)?;
    take_place(&waiting, path)
}

/// Where what is to come waits until it is whole.
fn next(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<(), LayoutError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

fn take_place(from: &Path, to: &Path) -> Result<(), LayoutError> {
    fs::rename(from, to)
        .and_then(|()| sync_directory(to))
        .map_err(failed("replace", to))
}

/// Overwrites a file that has no name any more.
fn overwrite(mut file: &File) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    file.write_all(&vec![0; length])?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn pair() -> (tempfile::TempDir, PairPaths) {
        let directory = tempfile::tempdir().unwrap();
        let paths = PairPaths {
            certificate: directory.path().join("server.pem"),
            key: directory.path().join("server.key"),
        };
        write_public(&paths.certificate, b"certificate 1").unwrap();
        write_private(&paths.key, b"key 1").unwrap();
        (directory, paths)
    }

    fn is_pair(certificate: &str, key: &str) -> bool {
        certificate.trim_start_matches("certificate") == key.trim_start_matches("key")
    }

    fn held(paths: &PairPaths) -> [String; 2] {
        [&paths.certificate, &paths.key].map(|path| fs::read_to_string(path).unwrap())
    }

    #[test]
    fn both_are_replaced_and_the_former_key_is_overwritten() {
        let (directory, paths) = pair();
        // Keeps what the name leads to no more.
        let link = directory.path().join("link");
        fs::hard_link(&paths.key, &link).unwrap();
        fs::write(directory.path().join("server.key.next"), "left behind").unwrap();
        paths.replace(b"certificate 2", b"key 2").unwrap();
        assert_eq!(held(&paths), ["certificate 2", "key 2"]);
        assert_eq!(fs::read(&link).unwrap(), [0; 5]);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&paths.key), 0o600);
        let names = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names, 3, "nothing else is left");
    }

    #[test]
    fn a_replacement_that_was_cut_off_is_completed_or_never_was() {
        // Before the first name changed: nothing has happened.
        let (directory, paths) = pair();
        let waiting = directory.path().join("server.pem.next");
        fs::write(&waiting, "certificate 2").unwrap();
        fs::write(directory.path().join("server.key.next"), "key 2").unwrap();
        paths.finish(is_pair).unwrap();
        assert_eq!(held(&paths), ["certificate 1", "key 1"]);
        // Between the two.
        fs::rename(directory.path().join("server.key.next"), &paths.key).unwrap();
        paths.finish(is_pair).unwrap();
        assert_eq!(held(&paths), ["certificate 2", "key 2"]);
        assert!(!waiting.exists());
        // A certificate that fits nothing is left alone.
        fs::write(&waiting, "certificate 9").unwrap();
        fs::write(&paths.key, "key 3").unwrap();
        paths.finish(is_pair).unwrap();
        assert_eq!(held(&paths), ["certificate 2", "key 3"]);
    }

    #[test]
    fn a_text_is_replaced_whole() {
        let (_directory, paths) = pair();
        replace_public(&paths.certificate, b"another").unwrap();
        assert_eq!(held(&paths), ["another", "key 1"]);
    }
}
