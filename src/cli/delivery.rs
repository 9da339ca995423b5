//! The delivery of events as a server runs it: the supervisor over the store's targets.

use std::sync::Arc;

use crate::config::Settings;
use crate::crypto::SystemRandom;
use crate::domain::SystemClock;
use crate::providers::MasterKey;
use crate::routing::roster::StoreRoster;
use crate::routing::{Means, RuntimeTimer, Supervisor, Surroundings};
use crate::store::Store;

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
