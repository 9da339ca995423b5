//! Ports for servers that a test stops and starts again: they must still be theirs when they come back.

use std::fs::{self, File};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

const LOWEST: u32 = 10_000;
/// Where Linux begins by default to take ports for who asks for none.
const DEFAULT_END: u32 = 32_768;

/// A free port on 127.0.0.1 that the system gives to nobody who asks for any port. One of those would be lost while its server is away: any
/// connection may take it, and a connection to it may even reach itself.
pub(crate) fn kept_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let end = range.split_whitespace().next();
    let end = end.and_then(|end| end.parse().ok()).unwrap_or(DEFAULT_END);
    let ports = end.clamp(LOWEST + 1000, 65_536) - LOWEST;
    // Each test program begins elsewhere, since some run at once.
    let first = std::process::id().wrapping_mul(101);
    for _ in 0..ports {
        let offset = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % ports;
        let port = u16::try_from(LOWEST + offset).expect("below the end");
        if claim(port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port below {end}");
}

/// Keeps a port from other test programs for as long as this one runs: also while its server is away, nobody listens on it.
fn claim(port: u16) -> bool {
    static CLAIMED: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join("keyledger-test-ports");
    fs::create_dir_all(&folder).expect("a folder");
    let file = File::create(folder.join(port.to_string())).expect("a file");
    let is_ours = file.try_lock().is_ok();
    if is_ours {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.push(file);
    }
    is_ours
}
