//! Provider `file`: the master key is one line in a file that only its owner may read.
//!
//! It protects a copy of the database that was taken without the file; it does not protect against
//! whoever can read both. A file is written whole or not at all and never overwritten: losing the
//! master key loses every key it protects.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{MasterKey, ProviderError};
use crate::crypto::check_value::check_value;
use crate::crypto::wrap::DATA_KEY_LEN;
use crate::crypto::{DataKey, Random, Secret, Wrapped};

// Stored state: changing this line needs a new version in its prefix.
const PREFIX: &[u8] = b"keyledger-master-key-v1:";
const LINE_LEN: usize = PREFIX.len() + 2 * DATA_KEY_LEN;
/// Bytes read of a file at most: enough to see that it is too long.
const READ_BYTES_MAX: usize = LINE_LEN + 64;
const GROUP_AND_OTHERS: u32 = 0o077;

/// A master key read from a file.
pub struct FileMasterKey {
    key: DataKey,
    check_value: [u8; 16],
}

impl FileMasterKey {
    /// Makes a new master key and writes it to `path`, which must not exist yet.
    ///
    /// # Errors
    /// The file exists, cannot be written, or the random source failed.
    pub fn create(path: &Path, random: &dyn Random) -> Result<Self, ProviderError> {
        let mut key = vec![0_u8; DATA_KEY_LEN];
        let filled = random.fill(&mut key);
        let key = Secret::new(key);
        filled?;
        write_new(path, &line(&key)?, random)?;
        Self::from_key(key)
    }

    /// Opens the master key at `path`.
    ///
    /// # Errors
    /// The file is missing, readable by others, or not a master key file.
    pub fn open(path: &Path) -> Result<Self, ProviderError> {
        let text = read_private(path)?;
        let malformed = |problem| ProviderError::Malformed {
            path: path.to_owned(),
            problem,
        };
        let line = text.expose().trim_ascii();
        if line.is_empty() {
            return Err(malformed("is empty"));
        }
        let digits = line
            .strip_prefix(PREFIX)
            .ok_or_else(|| malformed("does not start with `keyledger-master-key-v1:`"))?;
        if digits.len() != 2 * DATA_KEY_LEN {
            return Err(malformed("does not hold exactly 64 hexadecimal digits"));
        }
        let mut key = vec![0_u8; DATA_KEY_LEN];
        let decoded = hex::decode_to_slice(digits, &mut key);
        let key = Secret::new(key);
        decoded.map_err(|_| malformed("does not hold exactly 64 hexadecimal digits"))?;
        Self::from_key(key)
    }

    fn from_key(key: Secret) -> Result<Self, ProviderError> {
        let check_value = check_value(&key);
        Ok(Self {
            key: DataKey::from_secret(key)?,
            check_value,
        })
    }
}

impl MasterKey for FileMasterKey {
    fn name(&self) -> &'static str {
        "file"
    }

    fn wrap(
        &self,
        plain: &Secret,
        aad: &[u8],
        random: &dyn Random,
    ) -> Result<Wrapped, ProviderError> {
        Ok(self.key.seal(aad, plain, random)?)
    }

    fn unwrap(&self, wrapped: &Wrapped, aad: &[u8]) -> Result<Secret, ProviderError> {
        Ok(self.key.open(aad, wrapped)?)
    }

    fn check_value(&self) -> [u8; 16] {
        self.check_value
    }
}

impl fmt::Debug for FileMasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileMasterKey")
    }
}

fn line(key: &Secret) -> Result<Secret, ProviderError> {
    let mut line = vec![b'\n'; LINE_LEN + 1];
    let (prefix, rest) = line.split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX);
    let (digits, _newline) = rest.split_at_mut(2 * DATA_KEY_LEN);
    let encoded = hex::encode_to_slice(key.expose(), digits);
    let line = Secret::new(line);
    encoded.map_err(|_| crate::crypto::WrapError::KeyLength(key.len()))?;
    Ok(line)
}

/// Writes a whole file beside `path`, then links it there: a link never replaces what exists, and a
/// crash leaves no half-written key under the final name.
fn write_new(path: &Path, content: &Secret, random: &dyn Random) -> Result<(), ProviderError> {
    let failed = |step| {
        move |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => ProviderError::Exists {
                path: path.to_owned(),
            },
            _ => ProviderError::Io {
                step,
                path: path.to_owned(),
                source,
            },
        }
    };
    if path.symlink_metadata().is_ok() {
        return Err(ProviderError::Exists {
            path: path.to_owned(),
        });
    }
    let temporary = temporary_path(path, random)?;
    let written = write_private(&temporary, content)
        .map_err(failed("write"))
        .and_then(|()| fs::hard_link(&temporary, path).map_err(failed("create")));
    let removed = fs::remove_file(&temporary);
    written?;
    removed.map_err(failed("remove the temporary copy of"))?;
    sync_folder(path).map_err(failed("sync the folder of"))
}

fn temporary_path(path: &Path, random: &dyn Random) -> Result<PathBuf, ProviderError> {
    let mut suffix = [0_u8; 8];
    random.fill(&mut suffix)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", hex::encode(suffix)));
    Ok(path.with_file_name(name))
}

fn write_private(path: &Path, content: &Secret) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content.expose())?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Reads a bounded part of the file, after checking the mode of what was opened, not of the name.
fn read_private(path: &Path) -> Result<Secret, ProviderError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ProviderError::Missing {
            path: path.to_owned(),
        },
        _ => ProviderError::Io {
            step: "read",
            path: path.to_owned(),
            source,
        },
    };
    // Looked at before it is opened: opening a named pipe would wait for a writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(ProviderError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.mode() & GROUP_AND_OTHERS != 0 {
        return Err(ProviderError::ReadableByOthers {
            path: path.to_owned(),
        });
    }
    // A buffer of fixed length, since a growing one would leave copies of the key behind.
    let mut bytes = vec![0_u8; READ_BYTES_MAX];
    let mut filled = 0;
    let read = loop {
        let Some(free) = bytes.get_mut(filled..).filter(|free| !free.is_empty()) else {
            break Ok(());
        };
        match file.read(free) {
            Ok(0) => break Ok(()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    bytes.truncate(filled);
    let text = Secret::new(bytes);
    read.map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
