//! Directories whose trail began long ago: the store's own code appends to it, on a clock that stands still.

use std::path::Path;
use std::sync::Arc;

use keyledger::admin::foundation::{Founding, INSTANCE, found};
use keyledger::audit::{Action, Data, Event, Field, Outcome, ReasonCode, Target};
use keyledger::crypto::{Fingerprint, Random as _, SystemRandom};
use keyledger::domain::{
    Clock as _, EventId, Initiator, ManualClock, ObjectId, RequestId, Scope, SystemClock,
};
use keyledger::providers::MasterKey as _;
use keyledger::providers::file::FileMasterKey;
use keyledger::store::{Changeset, InitMeta, Store, StoreConfig};

/// The day on which old trails began, in days before today.
pub(super) const DAYS: i64 = 40;

fn then() -> ManualClock {
    ManualClock::new(SystemClock.now_ms() - DAYS * 86_400_000)
}

fn config() -> StoreConfig {
    StoreConfig {
        reserve_bytes: 0,
        ..StoreConfig::default()
    }
}

fn scope() -> Scope {
    Scope {
        crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
        account: Scope::DEFAULT_ACCOUNT.to_owned(),
        location: Scope::DEFAULT_LOCATION.to_owned(),
        instance: String::new(),
    }
}

/// Gives a directory that was set up a database that was made long ago.
pub(crate) fn begin(directory: &Path) {
    let data = directory.join("data");
    for of_another in [
        "data/keyledger.db",
        "data/checkpoint",
        "certs/clients/demo.pem",
        "certs/clients/demo.key",
    ] {
        std::fs::remove_file(directory.join(of_another)).expect("a file");
    }
    let master = FileMasterKey::open(&data.join("master.key")).expect("the master key");
    let clock = then();
    let meta = InitMeta {
        origin_name: "old".to_owned(),
        master_key_check: master.check_value(),
        created: clock.now(),
    };
    let store = Store::create(&data.join("keyledger.db"), &config(), &meta).expect("a store");
    block_on(async {
        let founding = Founding {
            name: INSTANCE,
            scope: scope(),
            profile: None,
            initiator: Initiator::local_user(1000, "ada"),
            master: &master,
            clock: &clock,
            random: &SystemRandom,
        };
        found(&store, founding).await.expect("an instance");
        store.close().await;
    });
}

/// Appends so many events of that day to a stopped server's trail.
pub(crate) fn append(directory: &Path, count: usize) {
    let path = directory.join("data/keyledger.db");
    let now_ms = then().now_ms();
    let store = Store::open(&path, &config(), now_ms).expect("the store");
    block_on(async {
        let mut left = count;
        while left > 0 {
            let some = left.min(1000);
            let mut changeset = Changeset::new(event(now_ms));
            (1..some).for_each(|_| changeset.record(event(now_ms)));
            store.apply(changeset).await.expect("events");
            left -= some;
        }
        store.close().await;
    });
}

fn event(time_ms: i64) -> Event {
    let random = || {
        let mut random = [0; 10];
        SystemRandom.fill(&mut random).expect("random bytes");
        random
    };
    let client = Fingerprint::from_bytes([0xcd; 32]);
    Event {
        id: EventId::new(time_ms, random()),
        time_ms,
        action: Action::KeyRead,
        outcome: Outcome::Success,
        initiator: Arc::new(Initiator::certificate(client, "vcenter-1")),
        scope: Arc::new(scope()),
        target: Target::Key(ObjectId::new(time_ms, random())),
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new().text(Field::Operation, "Get"),
        response: Data::new().text(Field::State, "Active"),
        correlation: RequestId::new(time_ms, random()),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}
