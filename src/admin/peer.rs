//! Who is at the other end of the control socket, and who that may be.
//!
//! The kernel says which user connected; nothing the peer sends can change it. Only the user the server runs as and root may ask.
//!
//! A command that root started works as the owner of its directory, so that what it makes there is the owner's. Who acts is root still, in
//! this process and as the server sees it.

use std::io;
use std::sync::OnceLock;

use crate::domain::Initiator;

/// Who started this process, where it works as another user since.
static STARTER: OnceLock<u32> = OnceLock::new();

/// Whether a user may use the control socket of a server that runs as `own`.
#[must_use]
pub const fn may_ask(peer: u32, own: u32) -> bool {
    peer == own || peer == 0
}

/// The initiator of what this process does itself: who started it.
#[must_use]
pub fn this_user() -> Initiator {
    local_user(starter().unwrap_or_else(own_uid))
}

/// Who started this process, where it works as another user.
#[must_use]
pub fn starter() -> Option<u32> {
    STARTER.get().copied()
}

/// Notes that this process, which `uid` started, works as another user from now on, and can become `uid` again.
pub fn work_for(uid: u32) {
    // Said once, before there is a second thread.
    STARTER.get_or_init(|| uid);
}

/// Does something as who started this process. On a thread of its own: which user it works as is a thread's.
///
/// # Errors
/// The system refused.
#[cfg(target_os = "linux")]
pub fn as_starter<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    use rustix::process::{DumpableBehavior, Uid, set_dumpable_behavior};
    let Some(starter) = starter() else {
        return Ok(work());
    };
    let become_starter = || -> io::Result<()> {
        rustix::thread::set_thread_res_uid(None, Uid::from_raw(starter), None)?;
        // A change of user may have made the process readable again.
        Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| become_starter().map(|()| work()));
        let cut_off = |_| Err(io::Error::other("the thread for it was cut off"));
        thread.join().unwrap_or_else(cut_off)
    })
}

/// Elsewhere than on Linux no process works as another user.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn as_starter<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    Ok(work())
}

/// The groups of a user besides the first, in the text of `/etc/group`.
#[must_use]
pub fn groups(text: &str, name: &str) -> Vec<u32> {
    let lines = text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let number = fields.nth(2)?.parse().ok()?;
        let is_in = fields.next()?.split(',').any(|member| member == name);
        (is_in && !name.is_empty()).then_some(number)
    });
    lines.collect()
}

/// The user this process works as.
#[must_use]
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A user of this machine as events name them.
#[must_use]
pub fn local_user(uid: u32) -> Initiator {
    Initiator::local_user(uid, &name(uid).unwrap_or_default())
}

/// The login name of a user, where this machine knows one.
#[must_use]
pub fn name(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    user_name(&users, uid).map(str::to_owned)
}

/// The login name of `uid` in the text of `/etc/passwd`.
fn user_name(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number = fields.nth(1)?;
        (number.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_user_and_root_may_ask() {
        assert!(may_ask(1000, 1000));
        assert!(may_ask(0, 1000));
        assert!(!may_ask(1001, 1000));
        assert!(!may_ask(1000, 0));
    }

    #[test]
    fn users_have_names_where_the_machine_knows_them() {
        let users = "root:x:0:0:root:/root:/bin/sh\nkeys:x:1000:1000::/srv:/bin/false\nbad\n";
        assert_eq!(user_name(users, 1000), Some("keys"));
        assert_eq!(user_name(users, 7), None);
        assert_eq!(Initiator::local_user(7, "").name, "LocalUser-7");
    }

    #[test]
    fn users_have_the_groups_that_name_them() {
        let text = "root:x:0:\nsofthsm:x:117:keys,other\npkcs:x:118:keyserver\nkeys:x:1000:\ndocker:x:999:keys\nbad:x:keys\n";
        assert_eq!(groups(text, "keys"), [117, 999]);
        assert!(groups(text, "root").is_empty() && groups(text, "").is_empty());
    }
}
