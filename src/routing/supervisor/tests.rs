//! Targets that come, change, go and hang while the server runs.

use std::time::Duration;

use super::*;
use crate::crypto::SystemRandom;
use crate::domain::SystemClock;
use crate::domain::routing::Rendering;
use crate::routing::tests::{record as append, store_as, store_with};
use crate::routing::{Batch, BatchLimits, RuntimeTimer, Undelivered};
use crate::store::StoreConfig;
use crate::store::tests::server::{database, drop_database};

/// Takes everything, or never answers.
struct Taking {
    taken: Arc<Mutex<Vec<String>>>,
    name: String,
}

impl Deliver for Taking {
    async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        if self.name == "silent" {
            std::future::pending::<()>().await;
        }
        let line = format!("{} {}", self.name, batch.records.len());
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.push(line);
        let is_first = taken.len() == 1;
        drop(taken);
        assert!(!(is_first && self.name == "clumsy"), "its first batch");
        Ok(())
    }
}

/// Targets by number: name and version.
#[derive(Default, Clone)]
struct Names {
    all: Arc<Mutex<BTreeMap<u8, (String, u64)>>>,
    taken: Arc<Mutex<Vec<String>>>,
    moved: Arc<watch::Sender<u64>>,
    /// How often those named `shut` cannot be opened.
    shut: Arc<Mutex<u32>>,
}

impl Names {
    fn set(&self, number: u8, name: Option<&str>) {
        let version = *self.moved.borrow() + 1;
        let mut all = self.all.lock().unwrap();
        match name {
            Some(name) => all.insert(number, (name.to_owned(), version)),
            None => all.remove(&number),
        };
        drop(all);
        self.moved.send_replace(version);
    }
}

fn is_well(supervisor: &Supervisor<Names>, number: u8) -> bool {
    let standing = supervisor.standing(id(number));
    standing.is_some_and(|standing| standing.is_well())
}

async fn until(what: &str, condition: &dyn Fn() -> bool) {
    for _ in 0..6000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain for {what}");
}

fn means() -> Means {
    Means {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        timer: Arc::new(RuntimeTimer),
    }
}

fn id(number: u8) -> TargetId {
    TargetId::from_bytes([number; 16])
}

impl Roster for Names {
    type Deliver = Taking;

    fn changed(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    fn targets(&self) -> Vec<(TargetId, u64)> {
        let all = self.all.lock().unwrap();
        all.iter()
            .map(|(number, (_, version))| (id(*number), *version))
            .collect()
    }

    async fn assignment(&self, target: TargetId) -> Result<Assignment<Taking>, String> {
        let (name, _) = self.all.lock().unwrap()[&target.as_bytes()[0]].clone();
        if name == "broken" {
            return Err("password: it cannot be unwrapped".to_owned());
        }
        let mut shut = self.shut.lock().unwrap();
        if name == "shut" && *shut > 0 {
            *shut -= 1;
            return Err("the database cannot be read".to_owned());
        }
        Ok(Assignment {
            target,
            name: name.clone(),
            deliver: Taking {
                taken: Arc::clone(&self.taken),
                name,
            },
            limits: BatchLimits::default(),
            linger: Duration::ZERO,
            rendering: Rendering::Sealed,
            wants: Arc::new(|_| true),
            wants_checkpoints: Arc::new(|| true),
        })
    }
}

#[tokio::test]
async fn targets_are_fed_as_they_come_change_and_go() {
    let (_directory, store) = store_with(1).await;
    let names = Names::default();
    names.set(1, Some("one"));
    let supervisor = Supervisor::new(&store, means(), names.clone());
    let (stop, stopping) = watch::channel(false);
    let run = tokio::spawn(Arc::clone(&supervisor).run(stopping));
    let has = |line: &str| {
        names
            .taken
            .lock()
            .unwrap()
            .iter()
            .any(|taken| taken == line)
    };
    // One begins at the head, and is kept there before anything is delivered.
    until("a worker", &|| is_well(&supervisor, 1)).await;
    while store.cursor(id(1)).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    append(&store, 2).await;
    until("two events", &|| has("one 2")).await;
    names.set(1, Some("changed"));
    names.set(2, Some("broken"));
    until("the broken one", &|| supervisor.standing(id(2)).is_some()).await;
    let held = supervisor.standing(id(2)).unwrap().held.unwrap();
    assert!(held.contains("cannot be unwrapped"), "{held}");
    append(&store, 3).await;
    until("three events by the new endpoint", &|| has("changed 3")).await;
    assert_eq!(names.taken.lock().unwrap().len(), 2, "nothing comes twice");
    names.set(1, None);
    until("the end of one", &|| supervisor.standing(id(1)).is_none()).await;
    while store.cursor(id(1)).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    stop.send_replace(true);
    run.await.unwrap();
    assert!(supervisor.standing(id(2)).is_none());
}

#[tokio::test]
async fn where_nodes_share_a_database_a_target_that_cannot_be_fed_begins_where_it_was_new() {
    let Some(url) = database() else {
        eprintln!("skipped: KEYLEDGER_TEST_POSTGRES names no server");
        return;
    };
    let config = StoreConfig {
        url: Some(url.clone()),
        ..StoreConfig::default()
    };
    let (_directory, store) = store_as(&config, 1).await;
    let names = Names::default();
    names.set(1, Some("broken"));
    let supervisor = Supervisor::new(&store, means(), names.clone());
    let (stop, stopping) = watch::channel(false);
    let run = tokio::spawn(Arc::clone(&supervisor).run(stopping));
    let new = store.head();
    until("it to be held", &|| supervisor.standing(id(1)).is_some()).await;
    assert_eq!(store.cursor(id(1)).await.unwrap().unwrap().next, new);
    append(&store, 2).await;
    names.set(1, Some("mended"));
    let has = || {
        names
            .taken
            .lock()
            .unwrap()
            .iter()
            .any(|taken| taken == "mended 2")
    };
    until("what came meanwhile", &has).await;
    stop.send_replace(true);
    run.await.unwrap();
    store.close().await;
    drop_database(&url);
}

#[tokio::test]
async fn a_worker_that_panics_is_started_again_and_loses_nothing() {
    let (_directory, store) = store_with(1).await;
    let names = Names::default();
    names.set(1, Some("clumsy"));
    let supervisor = Supervisor::new(&store, means(), names.clone());
    let (stop, stopping) = watch::channel(false);
    let run = tokio::spawn(Arc::clone(&supervisor).run(stopping));
    while store.cursor(id(1)).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    append(&store, 2).await;
    let head = store.head();
    while store.cursor(id(1)).await.unwrap().unwrap().next != head {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(*names.taken.lock().unwrap(), ["clumsy 2", "clumsy 2"]);
    stop.send_replace(true);
    run.await.unwrap();
}

#[tokio::test]
async fn a_target_that_could_not_be_opened_is_tried_again() {
    let (_directory, store) = store_with(1).await;
    let names = Names::default();
    *names.shut.lock().unwrap() = 3;
    names.set(1, Some("shut"));
    let supervisor = Supervisor::new(&store, means(), names.clone());
    let (stop, stopping) = watch::channel(false);
    let run = tokio::spawn(Arc::clone(&supervisor).run(stopping));
    let standing = || supervisor.standing(id(1)).unwrap_or_default();
    until("it to be held", &|| standing().held.is_some()).await;
    let held = standing().held;
    assert_eq!(held.as_deref(), Some("the database cannot be read"));
    // Nobody changes it.
    until("it to be opened", &|| is_well(&supervisor, 1)).await;
    while store.cursor(id(1)).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    append(&store, 2).await;
    let head = store.head();
    while store.cursor(id(1)).await.unwrap().unwrap().next != head {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(*names.taken.lock().unwrap(), ["shut 2"]);
    stop.send_replace(true);
    run.await.unwrap();
}
