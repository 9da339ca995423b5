//! Who may administer a restored server: nobody whose API key or certificate was removed after the backup, as far as that is known.

use super::{Admin, AdminError};
use crate::admin::{administrators, api_keys};
use crate::audit::{Data, Field};
use crate::crypto::Fingerprint;
use crate::domain::{ApiKeyId, Initiator};

/// Why they are removed where nothing tells of the time after the backup.
const UNKNOWN: &str = "whether it was removed after the backup that was restored is not known";

impl Admin {
    pub(super) async fn remove_api_key(
        &self,
        by: &Initiator,
        told: &Data,
        id: ApiKeyId,
    ) -> Result<bool, AdminError> {
        let held = self.store.administrators();
        let Some(key) = held.keys().iter().find(|key| key.id == id) else {
            return Ok(false);
        };
        api_keys::take_away(self, by.clone(), key, told).await?;
        Ok(true)
    }

    pub(super) async fn remove_administrator(
        &self,
        by: &Initiator,
        told: &Data,
        fingerprint: &Fingerprint,
    ) -> Result<bool, AdminError> {
        let held = self.store.administrators();
        let Some(held) = held.certificate(fingerprint) else {
            return Ok(false);
        };
        administrators::take_away(self, by.clone(), held, told).await?;
        Ok(true)
    }

    /// Removes every API key and administrator; says which, by their names.
    ///
    /// # Errors
    /// One could not be removed.
    pub async fn remove_logins(&self, by: &Initiator) -> Result<Vec<String>, AdminError> {
        let told = Data::new().text(Field::Reason, UNKNOWN);
        let held = self.store.administrators();
        let mut removed = Vec::new();
        for key in held.keys() {
            self.remove_api_key(by, &told, key.id).await?;
            removed.push(format!("API key {}", key.name));
        }
        for one in held.certificates() {
            self.remove_administrator(by, &told, &one.fingerprint)
                .await?;
            removed.push(format!("administrator {}", one.label));
        }
        Ok(removed)
    }
}
