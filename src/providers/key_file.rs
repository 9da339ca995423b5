//! The file a provider keeps beside the database: written whole or not at all, never overwritten, read by its owner only.
//!
//! What is in it is the provider's; nothing here looks at it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::ProviderError;
use crate::crypto::{Random, Secret};

const GROUP_AND_OTHERS: u32 = 0o077;

/// Writes a whole file beside `path`, then links it there: a link never replaces what exists, and a
/// crash leaves no half-written key under the final name.
pub(super) fn write_new(
    path: &Path,
    content: &Secret,
    random: &dyn Random,
) -> Result<(), ProviderError> {
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

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Reads at most `bytes_max` bytes of the file, after checking the mode of what was opened, not of the name.
pub(super) fn read_private(path: &Path, bytes_max: usize) -> Result<Secret, ProviderError> {
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
    let mut bytes = vec![0_u8; bytes_max];
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
