//! What goes on beside the connections of a server, from its start until it stops.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::delivery::Left;
use super::opening::Opened;
use super::serve::Signing;
use super::telemetry::Exporting;
use crate::admin::Admin;
use crate::ops::retention::{Reached, Retention, keep_retention};
use crate::ops::{
    HeldOwn, Service, Signer, carry_out_destructions, keep_checkpoints, record_room, warn_of_expiry,
};
use crate::routing::roster::StoreRoster;
use crate::routing::stand_in::stand_in;
use crate::routing::{Progress, Supervisor};

/// What the background asks and tells.
pub(super) struct Beside {
    pub(super) admin: Arc<Admin>,
    pub(super) deliveries: Arc<Supervisor<StoreRoster>>,
    pub(super) hook_at: Option<watch::Receiver<Progress>>,
    pub(super) exporting: Option<Exporting>,
}

/// What goes on beside the connections until the server stops.
pub(super) struct Background {
    calendar: JoinHandle<()>,
    observer: JoinHandle<()>,
    destroyer: JoinHandle<()>,
    sealing: JoinHandle<()>,
    keys: JoinHandle<()>,
    stand_in: JoinHandle<()>,
    retention: JoinHandle<()>,
    exporting: Option<Exporting>,
}

impl Background {
    pub(super) fn start(
        opened: &Opened,
        service: &Arc<Service>,
        beside: Beside,
        stopping: &watch::Receiver<bool>,
    ) -> Self {
        let Beside {
            admin,
            deliveries,
            hook_at,
            exporting,
        } = beside;
        let interval = opened.settings.checkpoint_interval;
        let (sealed, stop) = (Arc::clone(service), stopping.clone());
        let waiting = signing(admin.signer(), deliveries, stopping.clone());
        let own: HeldOwn = Box::new(move || admin.own_certificates());
        let sealing = async move {
            if let Some(signer) = waiting.await {
                keep_checkpoints(sealed, signer.ok(), interval, stop).await;
            }
        };
        let hook_at = hook_at.map(|at| Box::new(move || at.borrow().next) as Reached);
        let retention = Retention::new(Arc::clone(service), opened.settings.retention, hook_at);
        Self {
            calendar: tokio::spawn(warn_of_expiry(Arc::clone(service), own, stopping.clone())),
            observer: tokio::spawn(record_room(Arc::clone(service), stopping.clone())),
            destroyer: tokio::spawn(carry_out_destructions(
                Arc::clone(service),
                stopping.clone(),
            )),
            sealing: tokio::spawn(sealing),
            keys: tokio::spawn(follow_instances(opened, stopping.clone())),
            stand_in: tokio::spawn(stand_in_for_others(opened, stopping.clone())),
            retention: tokio::spawn(keep_retention(retention, stopping.clone())),
            exporting,
        }
    }

    pub(super) async fn ended(self) -> anyhow::Result<()> {
        let calendar = self.calendar.await;
        calendar.context("watching certificates' dates failed")?;
        let observer = self.observer.await;
        observer.context("recording the disk's state failed")?;
        let destroyer = self.destroyer.await;
        destroyer.context("destroying scheduled keys failed")?;
        self.sealing.await.context("sealing the trail failed")?;
        self.keys.await.context("following instances failed")?;
        let stand_in = self.stand_in.await;
        stand_in.context("delivering for other nodes failed")?;
        let retention = self.retention.await;
        retention.context("removing old events failed")?;
        if let Some(exporting) = self.exporting {
            exporting.stop().await;
        }
        Ok(())
    }
}

/// The delivery of what other nodes have left that are gone.
fn stand_in_for_others(
    opened: &Opened,
    stopping: watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<> {
    let left = Left {
        master: Arc::clone(&opened.custodian.custody) as _,
        settings: opened.settings.clone(),
    };
    let silent = Duration::from_secs(opened.settings.store.stand_in_seconds);
    stand_in(opened.store.clone(), silent, left, stopping)
}

/// The keys of instances that other nodes make and remove.
fn follow_instances(
    opened: &Opened,
    stopping: watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<> {
    let (store, keyring) = (opened.store.clone(), Arc::clone(&opened.keyring));
    let master = Arc::clone(&opened.custodian.custody);
    async move { keyring.follow(&store, &*master, stopping).await }
}

/// Who signs the trail, once that is known: at once, or when the server is unlocked. None: it stopped before. Targets with secrets can be
/// delivered to from then on, too.
async fn signing(
    mut signer: Signing,
    deliveries: Arc<Supervisor<StoreRoster>>,
    mut stopping: watch::Receiver<bool>,
) -> Option<Signer> {
    if let Some(known) = &*signer.borrow() {
        return Some(known.clone());
    }
    tokio::select! {
        // Errors mean that whoever could stop or unlock us is gone.
        _ = stopping.wait_for(|stop| *stop) => None,
        known = signer.wait_for(Option::is_some) => {
            deliveries.look_again();
            known.ok()?.clone()
        }
    }
}
