//! The files that go with the database into a backup: settings, certificates, the keys of server and CA; the master key where it is asked for.
//!
//! Private keys of clients do not: they are their clients'. Nor does the master key of the provider `file` by itself: with it beside the
//! database, a backup would be every key in clear to whoever has the backup's key. What another provider keeps in its place is of no use alone
//! and goes with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::admin::backup::{FileBeside, FilesBeside};
use crate::cli::{master, own};
use crate::config::{Layout, Settings};
use crate::crypto::Secret;
use crate::providers::Provider;

/// The most bytes of one file: none of these has a hundredth of that.
const BYTES_MAX: u64 = 1024 * 1024;

/// Reads the files of a directory with these settings, each time a backup is made.
#[must_use]
pub fn reader(settings: &Settings) -> FilesBeside {
    let (layout, place) = (settings.layout.clone(), master::place(settings));
    let key_layout = layout.clone();
    FilesBeside {
        files: Arc::new(move || {
            // A pair that is being replaced is read before or after, never in between.
            let _lock = own::lock_blocking(&layout).map_err(|error| format!("{error:#}"))?;
            read(&layout)
        }),
        master_key: Arc::new(move |is_wanted, check| {
            // Looked for each time: another may have taken its place.
            let place = place.of(check);
            let is_sealed = place.provider().is_ok_and(|of| of != Provider::File);
            if !is_wanted && !is_sealed {
                return Ok(None);
            }
            let content = content(place.path())?;
            let name = name(&key_layout, &key_layout.master_key())?;
            Ok(content.map(|content| FileBeside { name, content }))
        }),
    }
}

fn read(layout: &Layout) -> Result<Vec<FileBeside>, String> {
    let mut files = Vec::new();
    let all = layout.backed_up().into_iter();
    for path in all.chain(client_certificates(layout)?) {
        if let Some(content) = content(&path)? {
            let name = name(layout, &path)?;
            files.push(FileBeside { name, content });
        }
    }
    Ok(files)
}

/// The name of a file in a backup.
fn name(layout: &Layout, path: &Path) -> Result<String, String> {
    let name = path.strip_prefix(layout.root()).unwrap_or(path);
    let name = name.to_str();
    let name = name.ok_or_else(|| format!("{} has a name that is no text", path.display()))?;
    Ok(name.to_owned())
}

/// The certificates of clients that were issued here.
fn client_certificates(layout: &Layout) -> Result<Vec<PathBuf>, String> {
    let folder = layout.client_certificates();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(&folder, &error)),
    };
    let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(|error| failed(&folder, &error))?;
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "pem"));
    paths.sort();
    Ok(paths)
}

/// What is in a file; none where there is none.
fn content(path: &Path) -> Result<Option<Secret>, String> {
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, &error)),
    };
    if length > BYTES_MAX {
        return Err(format!(
            "{} is too long to be what it should be",
            path.display()
        ));
    }
    fs::read(path)
        .map(|bytes| Some(Secret::new(bytes)))
        .map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be read for the backup: {error}", path.display())
}
