//! What a router is given besides its store: each part says where it comes from, and a router without it says so when it is asked for what
//! needs it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::backup::FilesBeside;
use super::certificates::{self, Source};
use super::metrics::Counted;
use super::targets::Standings;
use super::{Admin, Custodian, Founder};
use crate::domain::routing::RoutingLimits;
use crate::domain::{DestructionPolicy, OwnCertificates, Pending, Quantities, Scope};
use crate::ops::Signer;
use crate::ops::spans::Spans;

impl Admin {
    /// The router with what it makes instances with, or why it cannot.
    #[must_use]
    pub fn with_founder(self, founder: Result<Founder, String>) -> Self {
        Self { founder, ..self }
    }

    /// The router with the master key in use.
    #[must_use]
    pub fn with_custodian(self, custodian: Custodian) -> Self {
        Self {
            custodian: Ok(custodian),
            ..self
        }
    }

    /// The router with the account that global events belong to, or why it is not known.
    #[must_use]
    pub fn with_global_scope(self, scope: Result<Scope, String>) -> Self {
        let global_scope = scope.map(|scope| Arc::new(scope.global()));
        Self {
            global_scope,
            ..self
        }
    }

    /// The router with who signs the trail; none: the server is locked, and who does is known once it is unlocked.
    #[must_use]
    pub fn with_signer(self, signer: Option<Signer>) -> Self {
        let signer = watch::Sender::new(signer);
        Self { signer, ..self }
    }

    /// The router with the certificates that wait for approval in this server.
    #[must_use]
    pub fn with_pending(self, pending: Arc<Mutex<Pending>>) -> Self {
        Self {
            pending: Some(pending),
            ..self
        }
    }

    /// The router with what reads the files that go with the database into a backup.
    #[must_use]
    pub fn with_files_beside(self, files_beside: FilesBeside) -> Self {
        Self {
            files_beside: Ok(files_beside),
            ..self
        }
    }

    /// The router with the files and directories that are the server's own: see [`Surroundings::reserved`](crate::routing::Surroundings::reserved).
    #[must_use]
    pub fn with_reserved(self, reserved: Arc<[PathBuf]>) -> Self {
        Self { reserved, ..self }
    }

    /// The router with how many days clients' certificates count after their end.
    #[must_use]
    pub fn with_grace(self, grace_days: u32) -> Self {
        Self { grace_days, ..self }
    }

    /// The router with how administrators destroy keys, or why that is not known.
    #[must_use]
    pub fn with_destruction(self, destruction: Result<DestructionPolicy, String>) -> Self {
        Self {
            destruction,
            ..self
        }
    }

    /// The router with how many instances, clients, API keys and administrators there may be.
    #[must_use]
    pub fn with_quantities(self, quantities: Quantities) -> Self {
        Self { quantities, ..self }
    }

    /// The router with how many targets, routes and rules there may be.
    #[must_use]
    pub fn with_routing_limits(self, routing_limits: RoutingLimits) -> Self {
        Self {
            routing_limits,
            ..self
        }
    }

    /// The router with how the targets of this server stand.
    #[must_use]
    pub fn with_standings(self, standings: Standings) -> Self {
        Self {
            standings: Some(standings),
            ..self
        }
    }

    /// The router with what this server counts.
    #[must_use]
    pub fn with_counted(self, counted: Counted) -> Self {
        Self {
            counted: Some(counted),
            ..self
        }
    }

    /// The router with the place where spans of its requests go.
    #[must_use]
    pub fn with_spans(self, spans: Spans) -> Self {
        Self { spans, ..self }
    }

    /// The router with the certificates of the server's own, and where they are taken from anew.
    #[must_use]
    pub fn with_own(self, held: OwnCertificates, source: Source) -> Self {
        Self {
            own: certificates::Own::new(held, Some(source)),
            ..self
        }
    }
}
