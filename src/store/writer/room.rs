//! What the writer does when the disk is full.
//!
//! A part of the reserve is given back and the commit is tried again. From then on only that is committed which a restart of a VM or a
//! compromise needs: reads, the records of failures, and what takes something away. When the last part is used up nothing is
//! committed, and so nothing is answered. Now and then the writer looks whether there is room again. Each change is logged once.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::checkpoints::Due;
use super::{Command, Failure, Writer};
use crate::audit::ReasonCode;
use crate::domain::ClientStatus;
use crate::kmip::enums::State;
use crate::store::changeset::{Changeset, Write};
use crate::store::error::{ApplyError, StoreError};
use crate::store::reserve::Room;
use crate::store::sqlite;

/// How long the writer waits until it looks for room again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The same while the disk is not full and only the reserve is not whole.
const LOOK_AGAIN_LATER: Duration = Duration::from_secs(60);

impl Writer {
    /// Whether there is room for this changeset while the reserve is in use.
    pub(super) fn has_room_for(&self, changeset: &Changeset) -> bool {
        if *self.shared.room.borrow() == Room::Enough {
            return true;
        }
        let refused_for_room = changeset
            .events()
            .iter()
            .all(|event| event.reason == ReasonCode::InsufficientStorage);
        if refused_for_room && !self.reserve.half_is_held() {
            // A client that creates again and again must not use up what reads need.
            return false;
        }
        changeset.writes().iter().all(only_reads_or_takes_away)
    }

    /// A commit failed: says whether that was for want of room, where the engine cannot tell.
    pub(super) fn sort(&self, failure: Failure) -> Failure {
        match failure.error {
            // To the engine, an exceeded quota is a write that failed.
            ApplyError::Store(StoreError::Unwritten(_)) if self.reserve.disk_is_full() => {
                ApplyError::StorageFull.into()
            }
            _ => failure,
        }
    }

    /// The disk is full: gives room from the reserve. Says whether it is worth trying again.
    pub(super) fn take_from_reserve(&mut self) -> bool {
        let room = *self.shared.room.borrow();
        let given = self.reserve.release();
        match room {
            Room::Enough if given => {
                tracing::error!("The disk is full. Keys are served from the reserve; make room.");
                self.enter(Room::Reserve);
            }
            Room::Enough | Room::Reserve if !given => {
                tracing::error!(
                    "The disk is full and the reserve is used up. Nothing is answered until there is room."
                );
                self.enter(Room::None);
            }
            _ => {}
        }
        given
    }

    fn enter(&mut self, room: Room) {
        self.shared.room.send_replace(room);
        self.look_again_later();
    }

    /// Sees to it that the writer looks for room soon, also if nobody asks anything of it.
    pub(super) fn look_again_later(&mut self) {
        let (commands, shared) = (self.commands.clone(), Arc::downgrade(&self.shared));
        let pause = match *self.shared.room.borrow() {
            Room::Enough => LOOK_AGAIN_LATER,
            Room::Reserve | Room::None => LOOK_AGAIN,
        };
        self.look += 1;
        let look = self.look;
        let thread = std::thread::Builder::new().name("store-room".to_owned());
        let wait = move || {
            std::thread::sleep(pause);
            // The store may have been closed meanwhile.
            if let (Some(commands), Some(shared)) = (commands.upgrade(), shared.upgrade()) {
                drop(commands.blocking_send(Command::LookForRoom(look)));
                // It may be the last: then the writer must find, once it is woken, that nobody can ask anything any more.
                drop(commands);
                shared.gather.make_due();
            }
        };
        if let Err(error) = thread.spawn(wait) {
            tracing::error!(%error, "Room on the disk is not looked for again: restart the server once there is some.");
        }
    }

    /// Goes back to work as usual once the reserve is whole again.
    pub(super) fn look_for_room(&mut self, look: u64) {
        let room = *self.shared.room.borrow();
        if look != self.look || (room == Room::Enough && self.reserve.is_whole()) {
            return;
        }
        if self.reserve.renew() {
            tracing::warn!("There is room on the disk again; the reserve is whole.");
            if room != Room::Enough {
                self.shared.room.send_replace(Room::Enough);
            }
        } else {
            self.look_again_later();
        }
    }

    /// Moves the log into the database when it has grown long.
    pub(super) fn checkpoint_when_due(&mut self) -> ControlFlow<()> {
        let full = *self.shared.room.borrow() != Room::Enough;
        let Some(log) = &mut self.log else {
            return ControlFlow::Continue(());
        };
        let Due::Rest(moved) = log.checkpoints.look(sqlite::log_pages(), full) else {
            return ControlFlow::Continue(());
        };
        let moved = moved.and_then(|()| sqlite::checkpoint(&self.db, "PASSIVE"));
        match moved.map_err(|error| self.sort(error.into())) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) if failure.error == ApplyError::StorageFull => {
                // The next one has the room this gives.
                self.take_from_reserve();
                ControlFlow::Continue(())
            }
            Err(failure) if failure.fatal => {
                (self.on_fatal)(&failure.error.to_string());
                ControlFlow::Break(())
            }
            Err(failure) => {
                tracing::warn!(error = %failure.error, "The write-ahead log could not be moved into the database.");
                ControlFlow::Continue(())
            }
        }
    }
}

/// Whether a change needs no room beyond its event's, and cannot wait: reads, and what ends the use of a key or of an access.
fn only_reads_or_takes_away(write: &Write) -> bool {
    match write {
        Write::Read(..)
        // A row of some hundred bytes, and one less: what ends the use of a key.
        | Write::Destruction(_)
        | Write::DestructionEnded(_)
        | Write::CertificateRemoved(..)
        | Write::AnchorRemoved(..)
        | Write::RevocationRemoved(_)
        | Write::ClientRemoved(_)
        | Write::InstanceRemoved(..)
        | Write::ParkedDropped(..)
        | Write::TargetRemoved(_)
        | Write::RouteRemoved(_)
        // One row: what somebody may no longer do, he may no longer do now.
        | Write::ClientPermissions(..)
        | Write::InstanceRules(..)
        | Write::ApiKeyRemoved(_)
        | Write::AdministratorRemoved(_)
        // One row of a hundred bytes: a password that got out is replaced.
        | Write::Credential(..)
        // One row: what is recorded before an epoch begins would be of the wrong one.
        | Write::Epoch(..)
        | Write::ClientStatus(_, ClientStatus::Disabled) => true,
        Write::State(object) => !matches!(object.state, State::PreActive | State::Active),
        Write::Insert(_)
        | Write::Attributes(_)
        | Write::Instance(_)
        | Write::Adapter(..)
        | Write::CertificateDer(..)
        | Write::CredentialCleared(_)
        | Write::DataKey(..)
        | Write::BackupKey(_)
        | Write::Client(_)
        | Write::Certificate(..)
        | Write::CertificateUntil(..)
        | Write::Revocation(_)
        | Write::RevocationWarned(..)
        | Write::CertificateWarned(..)
        | Write::AnchorWarned(..)
        | Write::AdministratorWarned(..)
        | Write::OwnCertificates(_)
        | Write::OwnWarned(..)
        | Write::Anchor(_)
        | Write::Leaf(..)
        | Write::Cursor(..)
        | Write::Removal(..)
        | Write::Target(..)
        | Write::Route(_)
        | Write::RoutingSettings(_)
        | Write::ApiKey(_)
        | Write::Administrator(_)
        | Write::ClientStatus(_, ClientStatus::Enabled)
        | Write::NodePrepared(..)
        | Write::Rewrap(_) => false,
    }
}
