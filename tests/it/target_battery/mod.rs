//! One battery of tests that every type of target passes, each against a real receiving end on this machine.
//!
//! A target adds a file here: its [`ReceivingEnd`], `battery!(ItsEnd);`, and what only this target has to show. The checks are in `checks`.

mod checks;
pub(crate) mod cloud_logs;
pub(crate) mod cloud_object_storage;
pub(crate) mod command;
pub(crate) mod event_streams;
pub(crate) mod file;
pub(crate) mod records;
pub(crate) mod syslog;
pub(crate) mod webhook;

use keyledger::domain::SystemClock;
use keyledger::routing::{Batch, Deliver, Endpoint, Surroundings, Undelivered};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// What receives, started for one test and stopped when it is dropped.
///
/// Its methods are called outside of any runtime, so that they may have one of their own, or block.
pub(crate) trait ReceivingEnd: Sized {
    /// How an operator describes it.
    type Endpoint: Endpoint;

    /// Whether it keeps events, checkpoints and tests apart, so that only the order within each kind can be seen.
    const KINDS_APART: bool = false;

    /// Starts it; none where this machine cannot, which it then says by [`crate::harness::skipped`].
    fn start() -> Option<Self>;

    /// How to reach it, with the shortest time limits that a busy machine still keeps. The same after it was stopped and started again.
    fn endpoint(&self) -> Self::Endpoint;

    /// All that it has received since it was first started, in the order it was received.
    fn received(&mut self) -> Vec<Received>;

    /// It goes away and keeps what it has received.
    fn stop(&mut self);

    /// It is there again, after [`Self::stop`], [`Self::fall_silent`] and [`Self::refuse`].
    fn start_again(&mut self);

    /// From now on it can be reached, and never answers. False where there is no such thing.
    fn fall_silent(&mut self) -> bool;

    /// From now on it answers that what it is given is wrong and need not come again. False where it cannot say that.
    fn refuse(&mut self) -> bool {
        false
    }

    /// Endpoints that are [`Self::endpoint`] but for one field, which cannot be used, with its name.
    fn wrong(&self) -> Vec<(&'static str, Self::Endpoint)>;

    /// An endpoint that does not get in for want of the right secret, if there is one. An operator can put that right.
    fn locked_out(&self) -> Option<Self::Endpoint> {
        None
    }

    /// Every secret that the endpoints hold.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A record as it was received: told apart by what the target's form has for that, or by its JSON where it has nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    /// `event`, `checkpoint` or `test`.
    pub(crate) kind: String,
    /// By which repeats are told.
    pub(crate) id: String,
    /// The very bytes of its JSON.
    pub(crate) json: Vec<u8>,
}

impl Received {
    /// A record that came as its JSON and nothing else.
    #[track_caller]
    pub(crate) fn of_json(json: &[u8]) -> Self {
        let value: serde_json::Value = serde_json::from_slice(json).expect("a record is JSON");
        let (kind, id) = if let Some(checkpoint) = value.get("checkpoint") {
            ("checkpoint", format!("checkpoint-{}", checkpoint["size"]))
        } else if let Some(test) = value.get("test") {
            ("test", format!("test-{}", test["time"]))
        } else {
            ("event", value["id"].as_str().expect("an id").to_owned())
        };
        Self {
            kind: kind.to_owned(),
            id,
            json: json.to_vec(),
        }
    }
}

/// The very bytes of each element of a JSON array that was written without white space.
pub(crate) fn elements(array: &[u8]) -> Vec<&[u8]> {
    let inner = array
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"));
    let mut rest = inner.expect("an array");
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let mut values =
            serde_json::Deserializer::from_slice(rest).into_iter::<serde_json::Value>();
        values.next().expect("a value").expect("JSON");
        let (element, after) = rest.split_at(values.byte_offset());
        elements.push(element);
        rest = after.strip_prefix(b",").unwrap_or(after);
    }
    elements
}

/// A receiving end and the target that delivers to it.
pub(crate) struct Site<E: ReceivingEnd> {
    pub(crate) end: E,
    target: <E::Endpoint as Endpoint>::Target,
    runtime: Runtime,
}

impl<E: ReceivingEnd> Site<E> {
    /// Starts one; none where this machine cannot.
    pub(crate) fn start() -> Option<Self> {
        Some(Self::of(E::start()?))
    }

    /// One with a receiving end that was started.
    pub(crate) fn of(end: E) -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        Self {
            target: open(&runtime, &end.endpoint()),
            end,
            runtime,
        }
    }

    /// Delivers a batch, once.
    pub(crate) fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        self.runtime.block_on(self.target.deliver(batch))
    }

    /// Delivers a batch, once, through another endpoint.
    pub(crate) fn deliver_by(
        &self,
        endpoint: &E::Endpoint,
        batch: &Batch,
    ) -> Result<(), Undelivered> {
        let mut target = open(&self.runtime, endpoint);
        self.runtime.block_on(target.deliver(batch))
    }
}

fn open<E: Endpoint>(runtime: &Runtime, endpoint: &E) -> E::Target {
    let surroundings = Surroundings {
        origin: records::origin(),
        clock: Arc::new(SystemClock),
        random: Arc::new(keyledger::crypto::SystemRandom),
        reserved: Arc::new([]),
    };
    // As in the server: connections may be tasks of the runtime.
    let _entered = runtime.enter();
    endpoint.open(&surroundings).expect("the endpoint opens")
}

/// Makes a test of each check, for one receiving end.
macro_rules! battery {
    ($end:ty) => {
        crate::target_battery::battery!(
            $end:
            a_batch_arrives_whole_in_order_and_unchanged,
            a_repeated_batch_is_told_by_its_ids,
            events_checkpoints_and_tests_are_told_apart,
            as_much_as_a_batch_may_hold_arrives_at_once,
            the_largest_event_arrives,
            a_target_that_is_down_is_tried_again_and_works_when_it_is_back,
            a_target_that_never_answers_is_given_up_in_time,
            a_delivery_that_is_broken_off_can_be_repeated,
            what_is_refused_for_good_is_parked,
            who_is_locked_out_comes_again,
            wrong_settings_are_refused_with_their_field,
            no_secret_is_shown,
        );
    };
    ($end:ty: $($check:ident),+ $(,)?) => {
        $(
            #[test]
            fn $check() {
                crate::target_battery::checks::$check::<$end>();
            }
        )+
    };
}
use battery;
