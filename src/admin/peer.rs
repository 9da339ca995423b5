//! Who is at the other end of the control socket, and who that may be.
//!
//! The kernel says which user connected; nothing the peer sends can change it. Only the user the server runs as and root may ask.
//!
//! A command that root started works as the owner of its directory, so that what it makes there is the owner's. Who acts is root still: in
//! the events that this process records itself, and as the server sees it over the one connection that was made before root was given up.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::socket::First;
use crate::domain::Initiator;

/// Who started this process, where it works as another user since, and what was connected before that.
static STARTER: OnceLock<(u32, Mutex<First>)> = OnceLock::new();

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
    STARTER.get().map(|(uid, _)| *uid)
}

/// Notes that this process, which `uid` started, works as another user from now on. `connected`: the control socket, over which the server
/// sees `uid`.
pub fn work_for(uid: u32, connected: First) {
    // Said once, before there is a second thread.
    STARTER.get_or_init(|| (uid, Mutex::new(connected)));
}

/// What [`work_for`] was given: a connection once, that somebody else listens there each time.
pub(super) fn connected() -> First {
    let Some((_, connected)) = STARTER.get() else {
        return First::Nothing;
    };
    let mut connected = connected.lock().unwrap_or_else(PoisonError::into_inner);
    match &*connected {
        First::Stranger => First::Stranger,
        First::Nothing | First::Server(_) => std::mem::take(&mut connected),
    }
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
