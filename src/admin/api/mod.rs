//! The administration API: the router of administrative requests over HTTPS, behind authentication.
//!
//! One file for each resource; each handler makes a request of the router's out of what came, and an answer out of the router's: there is no
//! second way to the store. Who asks is found out in `gate`, what they may do in `admin::access`. Nothing is made before the
//! first connection comes.

mod adapter_objects;
mod adapters;
mod administrators;
mod api_keys;
mod attempts;
mod backups;
mod clients;
mod config;
mod destructions;
mod document;
mod events;
mod gate;
mod health;
mod input;
mod inspection;
mod instances;
mod key_protect;
mod metrics;
mod objects;
mod own;
mod pending;
mod problem;
mod routes;
mod seal;
mod serve;
mod status;
mod tail;
mod targets;
mod token;
mod unhurried;
mod unlock;
mod used;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::sync::{Semaphore, watch};
use utoipa_axum::router::OpenApiRouter;

pub use config::Config;
pub use serve::serve;

use super::Admin;
use attempts::Attempts;
use problem::Problem;
use tail::Followers;
use used::Used;

/// What the handlers work with.
struct Api {
    admin: Arc<Admin>,
    config: Config,
    attempts: Attempts,
    used: Used,
    followers: Followers,
    /// True once the server stops.
    stop: watch::Receiver<bool>,
    /// A password is hashed by one at a time: it takes much memory on purpose.
    hashing: Arc<Semaphore>,
    /// The key of the server's own CA is read by one at a time.
    signing: Semaphore,
}

impl Api {
    fn new(admin: Arc<Admin>, config: Config, stop: watch::Receiver<bool>) -> Arc<Self> {
        let attempts = Attempts::new(
            config.failed_logins_per_address_per_minute,
            config.failed_logins_per_minute,
        );
        Arc::new(Self {
            admin,
            config,
            attempts,
            used: Used::default(),
            followers: Followers::default(),
            stop,
            hashing: Arc::new(Semaphore::new(1)),
            signing: Semaphore::new(1),
        })
    }
}

/// Every resource, with what the document says of it.
fn resources() -> OpenApiRouter<Arc<Api>> {
    document::begun()
        .merge(health::routes())
        .merge(status::routes())
        .merge(metrics::routes())
        .merge(unlock::routes())
        .merge(instances::routes())
        .merge(clients::routes())
        .merge(pending::routes())
        .merge(inspection::routes())
        .merge(objects::routes())
        .merge(destructions::routes())
        .merge(events::routes())
        .merge(tail::routes())
        .merge(seal::routes())
        .merge(own::routes())
        .merge(backups::routes())
        .merge(api_keys::routes())
        .merge(administrators::routes())
        .merge(targets::routes())
        .merge(routes::routes())
        .merge(token::routes())
        .merge(adapters::routes())
        .merge(adapter_objects::routes())
}

/// All of it, behind the gate.
fn router(api: &Arc<Api>) -> Router {
    let (router, _) = resources().split_for_parts();
    router
        .merge(document::route())
        .fallback(async || Problem::no_such_path())
        .layer(from_fn_with_state(Arc::clone(api), gate::pass))
        .with_state(Arc::clone(api))
}
