//! What a process of ours gives up before it does anything: memory dumps, files for others, and, where it serves, every privilege
//! that serving does not need.
//!
//! It is called while there is one thread, since most of this holds for a thread and those it starts.

use std::io;
use std::path::Path;

use super::report;
use anyhow::Context as _;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

/// Keeps what this process holds in memory out of core dumps, and what it makes from other users.
///
/// # Errors
/// The system refused.
pub(super) fn process() -> anyhow::Result<()> {
    // What is secret has its own mode. The rest is for the owner's group at most, such as files of events for a log shipper.
    let asked = umask(Mode::from_raw_mode(0o027));
    umask(asked | Mode::from_raw_mode(0o027));
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("core dumps cannot be switched off")?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .context("this process cannot be kept from being read by others")?;
    Ok(())
}

/// Gives up, for good and for the programs of targets too, what a server does not need: root becomes the owner of `directory`, where that
/// is somebody else, and keeps no capability but that of ports below 1024 otherwise. Memory is locked where the limit allows all of it.
///
/// # Errors
/// The system refused.
#[cfg(target_os = "linux")]
pub(super) fn server(directory: &Path) -> anyhow::Result<()> {
    if let Err(error) = lock_memory() {
        // A site must still get its keys.
        report::remark(&format!("keyledger: memory is not locked: {error}"));
    }
    rustix::thread::set_no_new_privs(true).context("new privileges cannot be given up")?;
    if rustix::process::geteuid().is_root() && !become_owner(directory)? {
        keep_ports().context("privileges cannot be given up")?;
    }
    // A change of user has made the process readable again.
    process()
}

/// Elsewhere than on Linux there is nothing of it.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub(super) fn server(_directory: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// Locks all memory there is and will be, each page once it is used. With a limit, a part that does not fit would fail when it is needed.
#[cfg(target_os = "linux")]
fn lock_memory() -> io::Result<()> {
    use rustix::mm::{MlockAllFlags, mlockall};
    if getrlimit(Resource::Memlock).current.is_some() {
        return Ok(());
    }
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?;
    Ok(())
}

/// Becomes the user a directory belongs to; false where that is root, or there is no directory yet.
#[cfg(target_os = "linux")]
fn become_owner(directory: &Path) -> anyhow::Result<bool> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
    use std::os::unix::fs::MetadataExt as _;
    let Ok(found) = directory.metadata() else {
        return Ok(false);
    };
    if found.uid() == 0 {
        return Ok(false);
    }
    let advice = || {
        let (directory, owner) = (directory.display(), found.uid());
        format!("cannot serve as the owner of {directory}, user {owner}; start it as that user")
    };
    set_thread_groups(&[]).with_context(advice)?;
    set_thread_gid(Gid::from_raw(found.gid())).with_context(advice)?;
    set_thread_uid(Uid::from_raw(found.uid())).with_context(advice)?;
    Ok(true)
}

#[cfg(target_os = "linux")]
fn keep_ports() -> io::Result<()> {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    let mut sets = capabilities(None)?;
    let kept = sets.permitted & CapabilitySet::NET_BIND_SERVICE;
    (sets.effective, sets.permitted) = (kept, kept);
    sets.inheritable = CapabilitySet::empty();
    Ok(set_capabilities(None, sets)?)
}
