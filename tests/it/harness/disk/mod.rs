//! A disk of the test's own, mounted by FUSE: it can lose power, and fail.

mod contents;
mod kernel;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fuser::{BackgroundSession, Config};

use super::dice::Dice;
use super::mounts::skipped;
use contents::Contents;
pub(crate) use contents::Left;
pub(crate) use kernel::Faults;
use kernel::{Answering, State};

/// A mounted disk. Only inside [`super::in_own_mounts`].
#[derive(Debug)]
pub(crate) struct Disk {
    at: PathBuf,
    answering: Answering,
    session: Option<BackgroundSession>,
}

impl Disk {
    /// Mounts an empty disk; nothing, and a word about that, where the machine permits none.
    pub(crate) fn mount(at: &Path) -> Option<Self> {
        let state = State {
            contents: Contents::new(),
            faults: Faults::default(),
            off: false,
        };
        let mut disk = Self {
            at: at.to_owned(),
            answering: Answering(Arc::new(Mutex::new(state))),
            session: None,
        };
        match disk.plug_in() {
            Ok(()) => Some(disk),
            Err(error) => {
                skipped(&format!("this machine permits no FUSE: {error}"));
                None
            }
        }
    }

    fn plug_in(&mut self) -> std::io::Result<()> {
        let session = fuser::spawn_mount(self.answering.clone(), &self.at, &Config::default())?;
        self.session = Some(session);
        Ok(())
    }

    fn unplug(&mut self) {
        // What is open on it keeps it mounted; the test has ended its programs by then.
        if let Some(session) = self.session.take() {
            session.umount_and_join().expect("the disk is unmounted");
        }
    }

    /// Makes everything durable, as after a quiet while.
    pub(crate) fn settle(&self) {
        self.answering.lock().contents.sync_all();
    }

    /// From now on nothing is written and nothing synced any more; what was not synced is lost, or some of it.
    pub(crate) fn cut_power(&self, left: Left, dice: &mut Dice) {
        let mut state = self.answering.lock();
        state.off = true;
        state.contents.cut(left, dice);
    }

    /// Power again, after every program that used the disk has ended: it is mounted anew and has no faults.
    pub(crate) fn restore_power(&mut self) {
        self.unplug();
        {
            let mut state = self.answering.lock();
            (state.off, state.faults) = (false, Faults::default());
        }
        self.plug_in().expect("a disk that was mounted before");
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.answering.lock().faults = faults;
    }

    /// Bytes of all files together.
    pub(crate) fn length(&self) -> usize {
        self.answering.lock().contents.length()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.answering.lock().off = true;
        self.unplug();
    }
}
