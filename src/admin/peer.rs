//! Who is at the other end of the control socket, and who that may be.
//!
//! The kernel says which user connected; nothing the peer sends can change it. Only the user the server runs as and root may ask.

use crate::domain::Initiator;

/// Whether a user may use the control socket of a server that runs as `own`.
#[must_use]
pub const fn may_ask(peer: u32, own: u32) -> bool {
    peer == own || peer == 0
}

/// The initiator of what this process does itself.
#[must_use]
pub fn this_user() -> Initiator {
    local_user(own_uid())
}

/// The user this process acts as.
#[must_use]
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A user of this machine as events name them.
#[must_use]
pub fn local_user(uid: u32) -> Initiator {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Initiator::local_user(uid, user_name(&users, uid).unwrap_or_default())
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
}
