//! A network between this machine and a namespace of a test's own, that can be cut.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::getuid;

use super::mounts::skipped;

/// A namespace, and the two ends of a cable to it. Both go when this is dropped.
#[derive(Debug)]
pub(crate) struct Network {
    name: String,
    subnet: String,
}

impl Network {
    /// Makes one. Where the machine does not permit that, it says that the test is skipped.
    pub(crate) fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = std::process::id().wrapping_mul(7) + NEXT.fetch_add(1, Ordering::Relaxed);
        let network = Self {
            name: format!("klt{number}"),
            // Of the block for tests of networks, RFC 2544.
            subnet: format!("198.18.{}.{}", number / 64 % 256, number % 64 * 4),
        };
        if !getuid().is_root() || !network.set_up() {
            skipped("this machine permits no network namespace");
            return None;
        }
        Some(network)
    }

    fn set_up(&self) -> bool {
        let (name, here, there) = (&self.name, self.here(), self.there());
        let (at_here, at_there) = (self.at(1), self.address());
        let lines = [
            format!("netns add {name}"),
            format!("link add {here} type veth peer name {there} netns {name}"),
            format!("addr add {at_here}/30 dev {here}"),
            format!("-n {name} addr add {at_there}/30 dev {there}"),
            format!("link set {here} up"),
            format!("-n {name} link set {there} up"),
            format!("-n {name} link set lo up"),
        ];
        lines.iter().all(|line| ip(line))
    }

    fn here(&self) -> String {
        format!("{}a", self.name)
    }

    fn there(&self) -> String {
        format!("{}b", self.name)
    }

    fn at(&self, host: u32) -> String {
        let (net, last) = self.subnet.rsplit_once('.').expect("an address");
        let last: u32 = last.parse().expect("a number");
        format!("{net}.{}", last + host)
    }

    /// The address inside.
    pub(crate) fn address(&self) -> String {
        self.at(2)
    }

    /// The words that run a program inside.
    pub(crate) fn inside(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Unplugs the cable at the other end: what is sent is lost, and nobody says so.
    pub(crate) fn cut(&self) {
        let (name, there) = (&self.name, self.there());
        assert!(ip(&format!("-n {name} link set {there} down")), "ip works");
    }

    /// Plugs it in again.
    pub(crate) fn mend(&self) {
        let (name, there) = (&self.name, self.there());
        assert!(ip(&format!("-n {name} link set {there} up")), "ip works");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&format!("link del {}", self.here()));
        ip(&format!("netns del {}", self.name));
    }
}

fn ip(words: &str) -> bool {
    let mut command = Command::new("ip");
    command.args(words.split(' '));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
