//! The delivery of events as a server runs it: the supervisor over the store's targets.

use std::sync::Arc;

use crate::config::Settings;
use crate::crypto::SystemRandom;
use crate::domain::{Clock as _, SystemClock};
use crate::providers::MasterKey;
use crate::routing::roster::StoreRoster;
use crate::routing::stand_in::Leftovers;
use crate::routing::{Means, RuntimeTimer, Supervisor, Surroundings};
use crate::store::{Store, StoreError};

/// What other nodes have left, as this one delivers it.
pub(super) struct Left {
    pub(super) master: Arc<dyn MasterKey>,
    pub(super) settings: Settings,
}

impl Leftovers for Left {
    type Roster = StoreRoster;

    async fn open(&self, node: u32) -> Result<Store, StoreError> {
        let (path, config) = (self.settings.layout.database(), self.settings.store.clone());
        let opened = move || Store::open_left(&path, &config, node, SystemClock.now_ms());
        let opened = tokio::task::spawn_blocking(opened).await;
        opened.unwrap_or_else(|error| Err(StoreError::File(error.to_string())))
    }

    fn supervisor(&self, store: &Store) -> Arc<Supervisor<StoreRoster>> {
        supervisor(store, &self.master, &self.settings)
    }
}

/// Who feeds the targets of this server.
pub(super) fn supervisor(
    store: &Store,
    master: &Arc<dyn MasterKey>,
    settings: &Settings,
) -> Arc<Supervisor<StoreRoster>> {
    let means = Means {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        timer: Arc::new(RuntimeTimer),
    };
    let surroundings = Surroundings {
        origin: store.origin(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        reserved: settings.layout.own_paths().into(),
    };
    let roster = StoreRoster {
        store: store.clone(),
        master: Arc::clone(master),
        surroundings,
        home: settings.scope.location.as_str().into(),
    };
    Supervisor::new(store, means, roster)
}
