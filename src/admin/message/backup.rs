//! What is asked about backups and what is answered. A backup passes in parts, sealed: nothing in it can be read on its way.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupRequest {
    /// The key that backups are sealed to.
    Key,
    /// Sets the key that backups are sealed to from now on: its public half, 64 hexadecimal digits.
    SetKey {
        /// The public half.
        public: String,
    },
    /// Begins a backup.
    Begin(BackupBegin),
    /// The next part of a backup that was begun.
    Next {
        /// Which.
        id: String,
    },
    /// Gives up a backup that was begun.
    End {
        /// Which.
        id: String,
    },
}

impl BackupRequest {
    /// Whether it changes and records nothing.
    #[must_use]
    pub const fn only_reads(&self) -> bool {
        match self {
            Self::Key => true,
            Self::SetKey { .. } | Self::Begin(_) | Self::Next { .. } | Self::End { .. } => false,
        }
    }
}

/// Begins a backup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupBegin {
    /// Whether the file of the master key goes with it, whatever the provider.
    pub with_master_key: bool,
    /// Whether it is sealed to the recovery key, which its shares open, in place of the backup key.
    pub to_recovery: bool,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupResponse {
    /// The key that backups are sealed to, if one was set.
    Key(Option<BackupKey>),
    /// A backup that was begun.
    Begun {
        /// What names it in what follows.
        id: String,
    },
    /// A part of a backup.
    Part(BackupPart),
    /// It was given up.
    Ended,
}

/// The key that backups are sealed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupKey {
    /// Its id, 16 hexadecimal digits.
    pub id: String,
    /// Its public half, 64 hexadecimal digits.
    pub public: String,
}

/// A part of a backup. One without data says that the next is not ready yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupPart {
    /// The bytes, in base64.
    pub data: String,
    /// What the whole is, once its last part is here.
    pub whole: Option<WholeBackup>,
}

/// A backup that was handed over as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WholeBackup {
    /// How many bytes it has.
    pub bytes: u64,
    /// How many events of the trail are in it: those with a sequence below.
    pub events: u64,
    /// The id of the key it is sealed to.
    pub recipient: String,
    /// Whether the file of the master key is in it.
    pub master_key: bool,
}
