//! What was committed becomes visible to everyone else, before anyone is answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Writer;
use super::batch::{Batch, Kept, Outcomes};
use crate::domain::Object;
use crate::store::cache;
use crate::store::changeset::Write;
use crate::store::delivery::Delivered;
use crate::store::seal::Seal;
use crate::store::sql::object;

impl Writer {
    /// Shows what was committed to everyone else, before anyone is answered.
    pub(super) fn publish(&mut self, batch: &Batch, outcomes: &Outcomes) {
        self.pending.publish(&self.shared.interned);
        let applied = batch.submissions.iter().zip(&outcomes.applied);
        let applied = applied.filter(|(_, outcome)| outcome.is_ok());
        let mut moves_targets = false;
        for write in applied.flat_map(|(submission, _)| submission.changeset.writes()) {
            self.publish_write(write);
            moves_targets |= matches!(
                write,
                Write::Cursor(..) | Write::ParkedDropped(..) | Write::Removal(..)
            );
        }
        self.publish_snapshots(batch);
        if let Some(epochs) = self.epochs.take() {
            self.shared.epochs.store(Arc::new(epochs));
        }
        let kept = batch.kept.iter().zip(&outcomes.kept);
        for ((part, _), _) in kept.filter(|(_, outcome)| outcome.is_ok()) {
            self.publish_kept(part);
            moves_targets |= matches!(part, Kept::Delivered(_, Delivered::Due(_)));
        }
        if moves_targets {
            self.shared
                .delivery_version
                .send_modify(|version| *version += 1);
        }
        if *self.shared.head.borrow() != self.next {
            self.shared.head.send_replace(self.next);
        }
    }

    /// What was read anew since, as other nodes have changed it, stays.
    fn publish_snapshots(&mut self, batch: &Batch) {
        let added = self.added(batch);
        let now = self.side.as_ref().map(|side| side.after(added));
        let shared = Arc::clone(&self.shared);
        let mut kept = shared.kept.hold();
        let clients = now.map_or(1, |now| now.clients);
        if std::mem::take(&mut self.clients_changed) && clients > kept.clients {
            shared.clients.store(Arc::clone(&self.clients));
            shared.clients_version.send_modify(|version| *version += 1);
        }
        let administrators = now.map_or(1, |now| now.administrators);
        if std::mem::take(&mut self.administrators_changed) && administrators > kept.administrators
        {
            let administrators = Arc::clone(&self.administrators);
            shared.administrators.store(administrators);
        }
        let routing = now.map_or(1, |now| now.routing);
        if let Some(changed) = self.routing.take()
            && routing > kept.routing
        {
            shared.routing.store(Arc::new(changed));
            shared.routing_version.send_modify(|version| *version += 1);
        }
        if let Some(now) = now {
            *kept = kept.at_least(now);
        }
    }

    fn publish_write(&self, write: &Write) {
        let cache = &self.shared.cache;
        let (id, kept) = match write {
            Write::Insert(object) => return cache.insert(Arc::clone(object)),
            Write::State(from) => (
                from.id,
                cache.change(from.id, |object| cache::take_state(object, from)),
            ),
            Write::Attributes(from) => (
                from.id,
                cache.change(from.id, |object| cache::take_attributes(object, from)),
            ),
            Write::Read(id, at) => {
                let served = |object: &mut Object| {
                    (object.fresh, object.last_read) = (false, Some(*at));
                };
                (*id, cache.change(*id, served))
            }
            Write::Removal(kept_from, ..) => {
                return self.shared.kept_from.store(kept_from.0, Ordering::Release);
            }
            Write::Rewrap(rewrap) => {
                let record = Arc::new(rewrap.after.clone());
                return self.shared.master_key.store(record);
            }
            _ => return,
        };
        if kept || self.side.is_some() {
            return;
        }
        if let Ok(Some(object)) = object::load(&self.db, id) {
            cache.insert(Arc::new(object));
        }
    }

    fn publish_kept(&mut self, part: &Kept) {
        match part {
            Kept::Seal(_, Seal::Checkpoint(size, _)) => {
                self.shared.sealed.send_replace(*size);
            }
            Kept::Seal(_, Seal::Subtrees(_)) => self.load_again(),
            _ => {}
        }
    }
}
