//! When API keys were last used, kept to the hour: an operator sees which are dead, and a busy one does not cost a write each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::admin::Admin;
use crate::domain::ApiKeyId;

const HOUR: i64 = 3600;
/// The most keys that are remembered.
const KEYS_MAX: usize = 100_000;

/// The hour each API key was last used in, as far as this server has kept it.
#[derive(Default)]
pub(super) struct Used(Mutex<HashMap<ApiKeyId, i64>>);

impl Used {
    /// Notes that a key was used at `now`, seconds since 1970. Never waits.
    pub(super) fn note(&self, admin: &Arc<Admin>, key: ApiKeyId, now: i64) {
        let hour = now.div_euclid(HOUR);
        {
            let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if used.get(&key) == Some(&hour) {
                return;
            }
            // Keys that were removed stay in it: it is begun anew before they are many.
            if used.len() >= KEYS_MAX {
                used.clear();
            }
            used.insert(key, hour);
        }
        let store = admin.store().clone();
        tokio::spawn(async move {
            if let Err(error) = store.keep_used(key, hour * HOUR).await {
                tracing::debug!(%error, "When an API key was used could not be kept.");
            }
        });
    }
}
