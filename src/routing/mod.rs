//! Where events go once they are durable: what follows the trail and hands on what it reads.
//!
//! Nothing here can delay a request or change what is recorded. A follower reads behind the writer; one that is slow, or that nobody takes
//! anything from, only lags.

pub mod batch;
mod envelope;
pub mod follower;
pub mod hook;
mod http;
mod retry;
pub mod roster;
pub mod stand_in;
pub mod standing;
mod supervisor;
pub mod target;
pub mod targets;
pub mod telemetry;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod worker;

pub use batch::{Batch, Content, Record};
pub use follower::{FollowError, Follower};
pub use hook::{Attachment, AuditHook, HookError, Progress, attach};
pub use retry::{RuntimeTimer, Timer};
pub use standing::{Lag, Standing};
pub use supervisor::{Roster, Supervisor};
pub use target::{
    BatchLimits, Deliver, Endpoint, EndpointError, RECORDS_MAX, Surroundings, Undelivered,
};
pub use tls::TlsOptions;
pub use worker::{Assignment, Means, Worker};
