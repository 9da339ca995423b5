//! What a process of ours gives up before it does anything: memory dumps, files for others, being root on a directory of somebody else, and,
//! where it serves, every privilege that serving does not need.
//!
//! It is called while there is one thread, since most of this holds for a thread and those it starts.

use std::io;
use std::path::Path;

use super::report;
use crate::admin::peer;
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
    if rustix::process::geteuid().is_root() && !become_owner(directory, None)? {
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

/// Has a command that root started work as the user whom `directory` belongs to: what it makes there the server must be able to read. Root it
/// can become again, to be known as root to a server that runs.
///
/// # Errors
/// The system refused.
#[cfg(target_os = "linux")]
pub(super) fn command(directory: &Path) -> anyhow::Result<()> {
    let own = rustix::process::geteuid();
    if own.is_root() && become_owner(directory, Some(own))? {
        peer::work_for(own.as_raw());
        // A change of user has made the process readable again.
        return process();
    }
    Ok(())
}

/// Elsewhere than on Linux there is nothing of it.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub(super) fn command(_directory: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// Becomes the user a directory belongs to, with the groups that it has; false where that is root, or there is no directory yet. `kept` it can
/// become again, the programs that it starts cannot.
#[cfg(target_os = "linux")]
fn become_owner(directory: &Path, kept: Option<rustix::process::Uid>) -> anyhow::Result<bool> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    use std::os::unix::fs::MetadataExt as _;
    let Ok(found) = directory.metadata() else {
        return Ok(false);
    };
    if found.uid() == 0 {
        return Ok(false);
    }
    let advice = || {
        let (directory, owner) = (directory.display(), found.uid());
        format!("cannot work as the owner of {directory}, user {owner}; start it as that user")
    };
    let (user, group) = (Uid::from_raw(found.uid()), Gid::from_raw(found.gid()));
    set_thread_groups(&groups_of(found.uid())).with_context(advice)?;
    set_thread_res_gid(group, group, group).with_context(advice)?;
    set_thread_res_uid(user, user, kept.unwrap_or(user)).with_context(advice)?;
    Ok(true)
}

/// The groups of a user besides the first: a token may be there for one of them.
#[cfg(target_os = "linux")]
fn groups_of(uid: u32) -> Vec<rustix::process::Gid> {
    let text = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let groups = peer::groups(&text, &peer::name(uid).unwrap_or_default());
    groups
        .into_iter()
        .map(rustix::process::Gid::from_raw)
        .collect()
}

/// What is said where a command that root started may not do what its owner may not.
pub(super) fn explained(error: anyhow::Error, directory: &Path) -> anyhow::Error {
    let is_denied = |cause: &(dyn std::error::Error + 'static)| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied)
    };
    if peer::starter().is_none() || !error.chain().any(is_denied) {
        return error;
    }
    let (directory, user) = (directory.display(), peer::own_uid());
    let group = rustix::process::getegid();
    let name = peer::name(user).unwrap_or_else(|| user.to_string());
    error.context(format!(
        "root works as user {name} here, whom {directory} belongs to: all in it must be theirs (`chown -R {user}:{group} {directory}`), \
         and files elsewhere such that they may use them"
    ))
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
