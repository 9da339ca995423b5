//! What a process of ours gives up before it does anything: memory dumps, files for others, being root on a directory of somebody else, and,
//! where it serves, every privilege that serving does not need.
//!
//! It is called while there is one thread, since most of this holds for a thread and those it starts.

use std::io;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use super::reach::PATIENCE;
use super::report;
#[cfg(target_os = "linux")]
use crate::admin::lock;
use crate::admin::peer;
use crate::admin::socket::First;
#[cfg(target_os = "linux")]
use crate::admin::socket::connect_first;
use crate::config::Layout;
use anyhow::Context as _;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
#[cfg(target_os = "linux")]
use rustix::thread::CapabilitySet;

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
    if rustix::process::geteuid().is_root() {
        match other_owner(directory) {
            Some(owner) => become_owner(directory, owner)?,
            None => {
                keep(CapabilitySet::NET_BIND_SERVICE).context("privileges cannot be given up")?
            }
        }
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

/// Has a command that root started work as the user whom the directory belongs to: what it makes there the server must be able to read, and
/// the settings there name modules that are loaded into this process. So nothing of root is kept but a connection to the owner's server, where
/// the command `asks` one and one runs, made before any file of the owner is read.
///
/// # Errors
/// The system refused.
#[cfg(target_os = "linux")]
pub(super) fn command(layout: &Layout, asks: bool) -> anyhow::Result<()> {
    let own = rustix::process::geteuid();
    let Some(owner) = other_owner(layout.root()).filter(|_| own.is_root()) else {
        return Ok(());
    };
    let connected = if asks {
        connected(layout, owner.0)
    } else {
        First::Nothing
    };
    become_owner(layout.root(), owner)?;
    peer::work_for(own.as_raw(), connected);
    // A change of user has made the process readable again.
    process()
}

/// Elsewhere than on Linux there is nothing of it.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub(super) fn command(_layout: &Layout, _asks: bool) -> anyhow::Result<()> {
    Ok(())
}

/// The connection to the owner's server. One that is just starting, which has the directory and does not listen yet, is waited for: later it
/// would not know who asks.
#[cfg(target_os = "linux")]
fn connected(layout: &Layout, owner: u32) -> First {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let connected = connect_first(&layout.socket(), owner);
        let may_come = matches!(connected, First::Nothing)
            && lock::is_held(&layout.lock(), owner)
            && Instant::now() < deadline;
        if !may_come {
            return connected;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The user and the group that a directory belongs to; none where that is root, or there is no directory yet.
#[cfg(target_os = "linux")]
fn other_owner(directory: &Path) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    let found = directory.metadata().ok()?;
    (found.uid() != 0).then_some((found.uid(), found.gid()))
}

/// Becomes the user and the group that a directory belongs to, with the groups that the user has, for good.
#[cfg(target_os = "linux")]
fn become_owner(directory: &Path, (user, group): (u32, u32)) -> anyhow::Result<()> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let advice = || {
        let directory = directory.display();
        format!("cannot work as the owner of {directory}, user {user}; start it as that user")
    };
    set_thread_groups(&groups_of(user)).with_context(advice)?;
    let (owner, group) = (Uid::from_raw(user), Gid::from_raw(group));
    set_thread_res_gid(group, group, group).with_context(advice)?;
    set_thread_res_uid(owner, owner, owner).with_context(advice)?;
    // They are gone with that, unless who started this process had the system keep them.
    keep(CapabilitySet::empty()).with_context(advice)
}

/// Whether root works in the directory of another user and has not become that user: there was nothing in it when this process started.
#[cfg(target_os = "linux")]
pub(super) fn is_missed(layout: &Layout) -> bool {
    rustix::process::geteuid().is_root() && other_owner(layout.root()).is_some()
}

/// Elsewhere than on Linux there is nothing of it.
#[cfg(not(target_os = "linux"))]
pub(super) const fn is_missed(_layout: &Layout) -> bool {
    false
}

/// Refuses root such a directory, before anything in it is gone by.
///
/// # Errors
/// It is one.
pub(super) fn refuse_missed(layout: &Layout) -> anyhow::Result<()> {
    if is_missed(layout) {
        anyhow::bail!(
            "{} was set up while this command started: give the command again (nothing was changed)",
            layout.root().display()
        );
    }
    Ok(())
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

/// Gives up every capability but these, for good.
#[cfg(target_os = "linux")]
fn keep(these: CapabilitySet) -> io::Result<()> {
    use rustix::thread::{capabilities, set_capabilities};
    let mut sets = capabilities(None)?;
    let kept = sets.permitted & these;
    (sets.effective, sets.permitted) = (kept, kept);
    sets.inheritable = CapabilitySet::empty();
    Ok(set_capabilities(None, sets)?)
}
