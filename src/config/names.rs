//! The names a server certificate gets when none are configured.
//!
//! What the machine says of itself, cheaply: its host name and the addresses it would use to reach others. No packet is sent and no
//! name is resolved. Operators whose clients use other names give them in the configuration.

use std::net::{IpAddr, UdpSocket};

/// Documentation addresses (RFC 5737, RFC 3849): a route to them is looked up, nothing is sent.
const PROBES: [(&str, &str); 2] = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];

/// `localhost`, the loopback addresses, the host name and the machine's main addresses, without repeats.
#[must_use]
pub fn of_this_machine() -> Vec<String> {
    let mut names: Vec<String> = host_name().into_iter().collect();
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    for address in addresses() {
        let address = address.to_string();
        if !names.contains(&address) {
            names.push(address);
        }
    }
    names
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let fits = !name.is_empty() && name != "localhost" && name.chars().all(usable);
    fits.then_some(name)
}

/// The addresses this machine speaks from, as far as its routes tell.
pub fn addresses() -> impl Iterator<Item = IpAddr> {
    PROBES.iter().filter_map(|(from, to)| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        let address = socket.local_addr().ok()?.ip();
        let usable = !address.is_unspecified() && !address.is_loopback();
        usable.then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_names_are_always_there_and_none_twice() {
        let names = of_this_machine();
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert_eq!(
                names.iter().filter(|held| *held == name).count(),
                1,
                "{names:?}"
            );
        }
    }
}
