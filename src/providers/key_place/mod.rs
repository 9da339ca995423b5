//! Where the master key of a directory is kept: the file that holds it or says how to reach it, and how one takes the place of another.
//!
//! Beside `master.key` lie at most `master.key.new`, which is being made and wraps nothing yet; `master.key.<check>.next`, which the
//! database may name at any moment; and `master.key.<check>.retired`, which what was copied before may still need. `<check>` is the check
//! value of the key, as the database has it: which file is the right one is known before any is opened. No step removes a key.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command::CommandMasterKey;
use super::file::FileMasterKey;
use super::passphrase::PassphraseMasterKey;
use super::pkcs11::TokenMasterKey;
use super::{MasterKey, Provider, ProviderError, ProviderSettings, key_file};
use crate::crypto::{Cost, Random, Secret};

/// Bytes read of a file to see whose it is.
const READ_BYTES_MAX: usize = 64 * 1024;

/// Where a master key is kept, and what the providers need beside the file.
#[derive(Debug, Clone)]
pub struct KeyPlace {
    path: PathBuf,
    usual: Provider,
    settings: ProviderSettings,
    is_attended: bool,
}

/// A master key that was made to take the place of another.
pub struct NextKey {
    /// The key.
    pub key: Arc<dyn MasterKey>,
    path: PathBuf,
}

impl KeyPlace {
    /// The place of this file. What no provider knows is said to be of the usual one, which says what is wrong with it.
    #[must_use]
    pub const fn new(path: PathBuf, usual: Provider, settings: ProviderSettings) -> Self {
        Self {
            path,
            usual,
            settings,
            is_attended: false,
        }
    }

    /// The same place, opened while somebody is there who gives the secret: a token that has been given a wrong PIN takes another only then.
    #[must_use]
    pub const fn attended(mut self) -> Self {
        self.is_attended = true;
        self
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a master key.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    /// Whose key it is.
    ///
    /// # Errors
    /// There is none, or it is readable by others.
    pub fn provider(&self) -> Result<Provider, ProviderError> {
        let text = key_file::read_private(&self.path, READ_BYTES_MAX)?;
        let prefixes = [
            (super::file::PREFIX, Provider::File),
            (super::passphrase::PREFIX.as_bytes(), Provider::Passphrase),
            (super::pkcs11::PREFIX.as_bytes(), Provider::Pkcs11),
            (super::command::PREFIX.as_bytes(), Provider::Command),
        ];
        let is_of = |(prefix, _): &(&[u8], Provider)| text.expose().starts_with(prefix);
        let found = prefixes.into_iter().find(is_of);
        Ok(found.map_or(self.usual, |(_, provider)| provider))
    }

    /// Opens the key that is there. `secret` is what its provider asks for: see [`Provider::secret`].
    ///
    /// # Errors
    /// The provider's.
    pub fn open(&self, secret: Option<&Secret>) -> Result<Arc<dyn MasterKey>, ProviderError> {
        let path = &self.path;
        Ok(match (self.provider()?, secret) {
            (Provider::File, _) => Arc::new(FileMasterKey::open(path)?),
            (Provider::Passphrase, Some(secret)) => {
                Arc::new(PassphraseMasterKey::open(path, secret)?)
            }
            (Provider::Pkcs11, Some(pin)) => {
                let config = &self.settings.pkcs11;
                Arc::new(TokenMasterKey::open(path, config, pin, self.is_attended)?)
            }
            (Provider::Command, _) => {
                Arc::new(CommandMasterKey::open(path, &self.settings.command)?)
            }
            (provider, None) => return Err(ProviderError::NoSecret(provider.name())),
        })
    }

    /// Makes a key where there is none.
    ///
    /// # Errors
    /// There is one, or the provider's.
    pub fn create(
        &self,
        provider: Provider,
        secret: Option<&Secret>,
        random: &dyn Random,
    ) -> Result<Arc<dyn MasterKey>, ProviderError> {
        self.create_at(&self.path, provider, secret, random)
    }

    fn create_at(
        &self,
        path: &Path,
        provider: Provider,
        secret: Option<&Secret>,
        random: &dyn Random,
    ) -> Result<Arc<dyn MasterKey>, ProviderError> {
        Ok(match (provider, secret) {
            (Provider::File, _) => Arc::new(FileMasterKey::create(path, random)?),
            (Provider::Passphrase, Some(secret)) => {
                let cost = Cost::RECOMMENDED;
                Arc::new(PassphraseMasterKey::create(path, secret, cost, random)?)
            }
            (Provider::Pkcs11, Some(pin)) => {
                let config = &self.settings.pkcs11;
                Arc::new(TokenMasterKey::create(path, config, pin, random)?)
            }
            (Provider::Command, _) => {
                let config = &self.settings.command;
                Arc::new(CommandMasterKey::create(path, config, random)?)
            }
            (provider, None) => return Err(ProviderError::NoSecret(provider.name())),
        })
    }

    /// Makes a key that is to take the place of the one that is there. Its file is durable when this returns.
    ///
    /// # Errors
    /// The provider's.
    pub fn prepare(
        &self,
        provider: Provider,
        secret: Option<&Secret>,
        random: &dyn Random,
    ) -> Result<NextKey, ProviderError> {
        let made = self.beside("new");
        match fs::remove_file(&made) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("remove what was left of", &made)(error));
            }
            _ => {}
        }
        let key = self.create_at(&made, provider, secret, random)?;
        let path = self.beside(&format!("{}.next", hex::encode(key.check_value())));
        fs::rename(&made, &path).map_err(io_error("rename", &made))?;
        key_file::sync_folder(&path).map_err(io_error("sync the folder of", &path))?;
        Ok(NextKey { key, path })
    }

    /// Puts a prepared key, which the database names now, in its place. The one that was there is kept as retired.
    ///
    /// # Errors
    /// The system refused a step; [`KeyPlace::settle`] takes it up again.
    pub fn put(&self, next: &NextKey, retired: [u8; 16]) -> Result<(), ProviderError> {
        self.replace(&next.path, &hex::encode(retired))
    }

    fn replace(&self, next: &Path, retired: &str) -> Result<(), ProviderError> {
        let path = &self.path;
        let kept = self.beside(&format!("{retired}.retired"));
        match fs::hard_link(path, &kept).map_err(|error| (error.kind(), error)) {
            // It was lost, or kept before this was cut off.
            Ok(()) | Err((io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists, _)) => {}
            Err((_, error)) => return Err(io_error("keep a copy of", path)(error)),
        }
        fs::rename(next, path).map_err(io_error("replace", path))?;
        key_file::sync_folder(path).map_err(io_error("sync the folder of", path))
    }

    /// Finishes what was cut off: a prepared key that the database names by `check` takes its place, any other is set aside as retired. Says
    /// whether one took its place. The check value of a key that is replaced here is not known: its file is named for its successor.
    ///
    /// # Errors
    /// The system refused a step.
    pub fn settle(&self, check: [u8; 16]) -> Result<bool, ProviderError> {
        let mut replaced = false;
        for (found, path) in self.prepared()? {
            if found == hex::encode(check) {
                self.replace(&path, &format!("before-{found}"))?;
                replaced = true;
                continue;
            }
            let aside = self.beside(&format!("{found}.retired"));
            fs::rename(&path, &aside).map_err(io_error("set aside", &path))?;
            key_file::sync_folder(&aside).map_err(io_error("sync the folder of", &aside))?;
        }
        Ok(replaced)
    }

    /// Whether something was cut off.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn is_unsettled(&self) -> Result<bool, ProviderError> {
        Ok(!self.prepared()?.is_empty())
    }

    /// Prepared keys, each with its check value as text.
    fn prepared(&self) -> Result<Vec<(String, PathBuf)>, ProviderError> {
        let folder = self.path.parent();
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let failed = io_error("look beside", &self.path);
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(&failed)? {
            let entry = entry.map_err(&failed)?;
            let file = entry.file_name();
            let check = file
                .to_str()
                .and_then(|file| file.strip_prefix(&*name)?.strip_prefix('.'));
            if let Some(check) = check.and_then(|rest| rest.strip_suffix(".next")) {
                found.push((check.to_owned(), entry.path()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Where the key with this check value lies: one that the database names and that is not in its place yet, one that another took the
    /// place of, or else the one that is there. It holds as long as no key is replaced.
    #[must_use]
    pub fn of(&self, check: [u8; 16]) -> Self {
        let next = self.beside(&format!("{}.next", hex::encode(check)));
        let apart = [next, self.retired(check)];
        let path = apart.into_iter().find(|path| path.exists());
        Self {
            path: path.unwrap_or_else(|| self.path.clone()),
            ..self.clone()
        }
    }

    /// Where a key that another took the place of is kept.
    #[must_use]
    pub fn retired(&self, check: [u8; 16]) -> PathBuf {
        self.beside(&format!("{}.retired", hex::encode(check)))
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{suffix}"));
        self.path.with_file_name(name)
    }
}

fn io_error<'a>(step: &'static str, path: &'a Path) -> impl Fn(io::Error) -> ProviderError + 'a {
    move |source| ProviderError::Io {
        step,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
