//! The files that go with the database into a backup: settings, certificates, the keys of server and CA; the master key where it is asked for.
//!
//! Private keys of clients do not: they are their clients'. Nor does the master key of the provider `file` by itself: with it beside the
//! database, a backup would be every key in clear to whoever has the backup's key. What another provider keeps in its place is of no use alone
//! and goes with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::admin::backup::{FileBeside, FilesBeside, ReadFilesBeside};
use crate::cli::master;
use crate::config::{Layout, Settings};
use crate::crypto::Secret;
use crate::providers::Provider;

/// The most bytes of one file: none of these has a hundredth of that.
const BYTES_MAX: u64 = 1024 * 1024;

/// Reads the files of a directory with these settings, each time a backup is made.
#[must_use]
pub fn reader(settings: &Settings) -> ReadFilesBeside {
    let layout = settings.layout.clone();
    let place = master::place(settings);
    Arc::new(move |with_master_key| {
        // Looked at each time: another may have taken its place.
        let is_sealed = place.provider().is_ok_and(|of| of != Provider::File);
        let master_key = with_master_key || is_sealed;
        read(&layout, master_key).map(|files| FilesBeside { files, master_key })
    })
}

fn read(layout: &Layout, master_key: bool) -> Result<Vec<FileBeside>, String> {
    let mut files = Vec::new();
    let asked = master_key.then(|| layout.master_key());
    let all = layout.backed_up().into_iter().chain(asked);
    for path in all.chain(client_certificates(layout)?) {
        let Some(content) = content(&path)? else {
            continue;
        };
        let name = path.strip_prefix(layout.root()).unwrap_or(&path);
        let name = name
            .to_str()
            .ok_or_else(|| format!("{} has a name that is no text", path.display()))?;
        files.push(FileBeside {
            name: name.to_owned(),
            content,
        });
    }
    Ok(files)
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
