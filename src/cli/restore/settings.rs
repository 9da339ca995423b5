//! The settings that a restore goes by, and what of a backup would run a program or use a file of this machine.
//!
//! Whoever has the public half of a backup key can seal a file to it. So a restore runs no program, loads no module and reads no secret that the
//! backup names: what opens a master key is named by the operator, in a file of his own or by flags. Before the restored server is started it
//! is said what that server would run.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::admin::LOCAL_TARGETS;
use crate::config::layout::write_private;
use crate::config::{Layout, Overrides, Settings};
use crate::domain::routing::Routing;
use crate::providers::{Provider, ProviderSettings};

/// The most bytes of a file of settings.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Settings, and who wrote them.
pub(super) struct Given {
    /// The settings; of those that the backup wrote without what opens a master key.
    pub(super) settings: Settings,
    /// Whether they are the operator's.
    pub(super) are_own: bool,
    /// What they would have the restored server run or read, where the backup wrote them.
    pub(super) named: Vec<String>,
}

impl Given {
    /// The settings of a restored directory; `own`: those of this file, which takes the place of what the backup brought.
    ///
    /// # Errors
    /// They cannot be read, put in their place or used.
    pub(super) fn load(layout: &Layout, own: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(file) = own {
            put(layout, file)?;
        }
        let mut settings = Settings::load(layout, &Overrides::default())?;
        let mut named = Vec::new();
        if own.is_none() {
            named = names(&settings);
            settings.master_key.passphrase_file = None;
            settings.master_key.providers = ProviderSettings::default();
        }
        Ok(Self {
            settings,
            are_own: own.is_some(),
            named,
        })
    }

    /// Whether a master key of this provider may be opened: what asks a program or a module, only where the operator has named it.
    pub(super) const fn may_open(&self, provider: Provider) -> bool {
        match provider {
            Provider::File | Provider::Passphrase => true,
            Provider::Pkcs11 | Provider::Command => self.are_own,
        }
    }
}

/// Puts the operator's settings in the place of the backup's.
fn put(layout: &Layout, file: &Path) -> anyhow::Result<()> {
    let what = || format!("the settings {} cannot be used", file.display());
    let length = fs::metadata(file).with_context(what)?.len();
    if length > FILE_BYTES_MAX {
        anyhow::bail!("{}: the file is too long", what());
    }
    let text = fs::read_to_string(file).with_context(what)?;
    drop(fs::remove_file(layout.config()));
    write_private(&layout.config(), text.as_bytes()).with_context(what)
}

/// What these settings name to open a master key.
fn names(settings: &Settings) -> Vec<String> {
    let of = &settings.master_key;
    let (pkcs11, command) = (&of.providers.pkcs11, &of.providers.command);
    let passphrase = of.passphrase_file.as_deref();
    let passphrase = passphrase.map(Path::to_string_lossy).unwrap_or_default();
    [
        ("master-key.command.program", &*command.program),
        ("master-key.pkcs11.module", &pkcs11.module),
        ("master-key.pkcs11.pin-file", &pkcs11.pin_file),
        ("master-key.passphrase-file", &passphrase),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(setting, value)| format!("{setting} = {value:?}"))
    .collect()
}

/// The targets that run a program or write a file of the server's machine.
pub(super) fn targets(routing: &Routing) -> Vec<String> {
    let targets = routing.targets.iter();
    targets
        .filter(|target| LOCAL_TARGETS.contains(&&*target.target_type))
        .map(|target| format!("target {:?}: {}", target.name, target.endpoint))
        .collect()
}
