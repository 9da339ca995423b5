//! What can be seen from outside while the server runs: requests, commits, targets, connections, certificates, the process.
//!
//! Everything here is counted elsewhere and only put together when somebody asks. Labels are names that operators gave and words of the
//! standard: no key, no address, no secret.

mod certificates;
mod family;
mod process;

use std::sync::Arc;

pub use family::CONTENT_TYPE;

use family::{Families, float};

use super::{Admin, AdminError, Response};
use crate::domain::ClientStatus;
use crate::kmip::operation::Operation;
use crate::ops::spans::SpanCounts;
use crate::ops::{Measures, Service};
use crate::server::Counts;
use crate::server::identity::Gatekeeper;
use crate::store::Room;

/// Microseconds of a second.
const MICROS: f64 = 1_000_000.0;

/// What a server that runs counts; a command that runs the router itself has none of it.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Requests.
    pub requests: Arc<Measures>,
    /// Connections.
    pub connections: Arc<Counts>,
}

impl Counted {
    /// What this service and the listener with this gatekeeper count.
    #[must_use]
    pub fn of(service: &Service, gatekeeper: &Gatekeeper) -> Self {
        Self {
            requests: Arc::clone(service.measures()),
            connections: Arc::clone(gatekeeper.counts()),
        }
    }
}

/// Every metric there is, as text.
pub(super) async fn text(admin: &Admin) -> Result<Response, AdminError> {
    let mut families = Families::default();
    build(&mut families);
    if let Some(counted) = &admin.counted {
        requests(&mut families, &counted.requests);
        connections(&mut families, &counted.connections);
    }
    let is_locked = f64::from(u8::from(admin.is_locked()));
    families.gauge(
        "locked",
        "1 while the server waits for the passphrase of its master key and serves no keys.",
        [(Vec::new(), is_locked)],
    );
    if let Some(counts) = admin.spans.counts() {
        spans(&mut families, counts);
    }
    commits(&mut families, admin);
    trail(&mut families, admin).await?;
    targets(&mut families, admin).await?;
    clients(&mut families, admin);
    certificates::add(&mut families, admin);
    process::add(&mut families);
    let text = families.text();
    let text = text.map_err(|error| AdminError::unavailable(error.to_string()))?;
    Ok(Response::Metrics(text))
}

fn label(name: &'static str, value: impl Into<String>) -> Vec<(&'static str, String)> {
    vec![(name, value.into())]
}

fn build(families: &mut Families) {
    let version = label("version", env!("CARGO_PKG_VERSION"));
    families.gauge("build_info", "The release that runs.", [(version, 1.0)]);
}

fn requests(families: &mut Families, requests: &Measures) {
    let name = |operation: Option<Operation>| operation.map_or("unknown", Operation::name);
    let items = requests.operations().flat_map(|held| {
        let of = |outcome: &str| {
            let operation = name(held.operation).to_owned();
            vec![("operation", operation), ("outcome", outcome.to_owned())]
        };
        [
            (of("success"), held.succeeded.total()),
            (of("failure"), held.failed.total()),
        ]
    });
    families.counter(
        "operations",
        "Batch items answered, by operation and outcome.",
        items,
    );
    let failures = requests.failures().filter(|(_, count)| *count > 0);
    families.counter(
        "failures",
        "Batch items and whole messages that failed, by the reasonCode of their event.",
        failures.map(|(reason, count)| (label("reason_code", reason.code().to_string()), count)),
    );
    families.counter(
        "messages_refused",
        "Messages that were refused as a whole.",
        [(Vec::new(), requests.refused.total())],
    );
    let singles = requests.operations().map(|held| {
        (
            label("operation", name(held.operation)),
            held.duration.read(),
        )
    });
    let batches = [(label("operation", "batch"), requests.batches.read())];
    families.histogram(
        "request_duration_seconds",
        "From a whole message to its answer, durable event included; `batch` are messages of several items.",
        MICROS,
        singles.chain(batches).filter(|(_, read)| read.total() > 0),
    );
}

fn connections(families: &mut Families, counts: &Counts) {
    let total = counts.connections.total();
    let gone = counts.over_limit.total() + counts.ended.total();
    families.gauge(
        "connections_open",
        "Connections to the KMIP listener now.",
        [(Vec::new(), float(total.saturating_sub(gone)))],
    );
    for (name, help, count) in [
        ("connections", "Connections accepted.", &counts.connections),
        (
            "handshakes_failed",
            "TLS handshakes that failed, were refused or took too long.",
            &counts.handshakes_failed,
        ),
        (
            "certificates_refused",
            "Client certificates refused after they proved possession of their key.",
            &counts.refusals,
        ),
        (
            "probes",
            "Connections that completed TLS and sent nothing.",
            &counts.probes,
        ),
        ("answers", "Messages answered.", &counts.answers),
        (
            "messages_held_back",
            "Messages read later because their client was over its rate.",
            &counts.held_back,
        ),
    ] {
        families.counter(name, help, [(Vec::new(), count.total())]);
    }
    let cut = [
        ("connections_max", &counts.over_limit),
        ("stranger", &counts.strangers_cut),
        ("handshakes_max", &counts.pushed_out),
        ("client_may_not_act", &counts.cut),
    ];
    families.counter(
        "connections_cut",
        "Connections that the server ended, by the limit or the reason.",
        cut.map(|(reason, count)| (label("reason", reason), count.total())),
    );
}

fn spans(families: &mut Families, counts: &SpanCounts) {
    for (name, help, count) in [
        (
            "spans_exported",
            "Spans that the OpenTelemetry collector took.",
            &counts.exported,
        ),
        (
            "spans_dropped",
            "Spans that nobody will see: the collector was down or slow for too long, or refused them.",
            &counts.dropped,
        ),
    ] {
        families.counter(name, help, [(Vec::new(), count.total())]);
    }
}

fn commits(families: &mut Families, admin: &Admin) {
    let measures = admin.store.measures();
    families.histogram(
        "commit_changesets",
        "Messages whose changes and events one transaction made durable.",
        1.0,
        [(Vec::new(), measures.changesets.read())],
    );
    families.histogram(
        "sync_duration_seconds",
        "How long the sync of a transaction took.",
        MICROS,
        [(Vec::new(), measures.syncs.read())],
    );
    if admin.store.is_shared() {
        families.histogram(
            "commit_round_trips",
            "How often a transaction waited for the server of the database.",
            1.0,
            [(Vec::new(), measures.round_trips.read())],
        );
    }
    let room = *admin.store.room_changed().borrow();
    families.gauge(
        "disk_full",
        "1 while the disk is full and keys are served from the reserve; 2 once that is used up.",
        [(
            Vec::new(),
            match room {
                Room::Enough => 0.0,
                Room::Reserve => 1.0,
                Room::None => 2.0,
            },
        )],
    );
}

async fn trail(families: &mut Families, admin: &Admin) -> Result<(), AdminError> {
    let (head, kept_from) = (admin.store.head().0, admin.store.kept_from().0);
    families.counter("events", "Events of the trail.", [(Vec::new(), head)]);
    families.counter(
        "events_removed",
        "Events at the start of the trail that retention removed.",
        [(Vec::new(), kept_from)],
    );
    let sealed = admin.store.sealed().await?;
    families.gauge(
        "events_sealed",
        "Events that the newest checkpoint seals.",
        [(Vec::new(), float(sealed))],
    );
    Ok(())
}

async fn targets(families: &mut Families, admin: &Admin) -> Result<(), AdminError> {
    let (mut events, mut seconds, mut well, mut parked) = (vec![], vec![], vec![], vec![]);
    for target in &admin.store.routing().targets {
        let of = || label("target", target.name.clone());
        let standing = admin.standings.as_ref();
        if let Some(standing) = standing.and_then(|standings| standings(target.id)) {
            let lag = standing.lag(admin.store.head(), admin.clock.now_ms());
            events.push((of(), float(lag.events)));
            seconds.push((of(), float(lag.seconds)));
            well.push((of(), f64::from(u8::from(standing.is_well()))));
        }
        parked.push((of(), float(admin.store.parked_count(target.id).await?)));
    }
    families.gauge(
        "target_lag_events",
        "Events of the trail that a target was not given yet.",
        events,
    );
    families.gauge(
        "target_lag_seconds",
        "Seconds since the first of them happened.",
        seconds,
    );
    families.gauge(
        "target_well",
        "1 where the last delivery to a target succeeded.",
        well,
    );
    families.gauge(
        "target_parked_events",
        "Events that a target refused and that wait for an operator.",
        parked,
    );
    Ok(())
}

fn clients(families: &mut Families, admin: &Admin) {
    let snapshot = admin.store.clients();
    let all = snapshot.clients();
    let count = |status| {
        let held = all.iter().filter(|client| client.status == status).count();
        let held = float(u64::try_from(held).unwrap_or(u64::MAX));
        (label("status", status.as_str()), held)
    };
    let statuses = [ClientStatus::Enabled, ClientStatus::Disabled];
    families.gauge("clients", "Clients, by status.", statuses.map(count));
    let instances = u64::try_from(snapshot.instances().len()).unwrap_or(u64::MAX);
    families.gauge("instances", "Instances.", [(Vec::new(), float(instances))]);
}
