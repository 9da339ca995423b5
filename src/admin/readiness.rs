//! Whether keys are served: for who watches the server from outside and may know nothing else of it.

use super::Admin;
use crate::store::Room;

impl Admin {
    /// Why keys are not served now, in a line that tells a stranger nothing else; none: they are. A disk that is full while the reserve
    /// lasts does not count: keys that are there are served.
    pub(super) fn not_ready(&self) -> Option<&'static str> {
        if self.listening.is_none() {
            return Some("KMIP is not served");
        }
        if !self.store.is_open() {
            return Some("the store is closed");
        }
        if self.is_locked() {
            return Some("the server is locked");
        }
        match *self.store.room_changed().borrow() {
            Room::Enough | Room::Reserve => None,
            Room::None => Some("nothing can be recorded: the disk is full"),
        }
    }
}
