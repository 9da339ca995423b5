//! A relay between a node and its database, which cuts the writer's connection at a COMMIT.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::harness::until;

/// Where the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The COMMIT does not reach the server.
    Before,
    /// The COMMIT reaches the server, and both connections end at once.
    At,
    /// The server's answer is read, and does not reach the node.
    After,
}

/// A relay. Its connections end when it is dropped.
#[derive(Debug)]
pub(super) struct Relay {
    shared: Arc<Shared>,
    port: u16,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    armed: Mutex<Option<Cut>>,
    cuts: AtomicUsize,
    ends: AtomicBool,
    sockets: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// A relay to a server on this port of 127.0.0.1.
    pub(super) fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            server,
            armed: Mutex::default(),
            cuts: AtomicUsize::new(0),
            ends: AtomicBool::new(false),
            sockets: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Self { shared, port }
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Cuts the next COMMIT of the writer, and waits until that is done.
    #[track_caller]
    pub(super) fn cut_next(&self, cut: Cut) {
        let before = self.cuts();
        self.arm(cut);
        until("a COMMIT to be cut", || {
            (self.cuts() > before).then_some(())
        });
    }

    /// Cuts the next COMMIT of the writer.
    pub(super) fn arm(&self, cut: Cut) {
        *self.shared.armed.lock().expect("not poisoned") = Some(cut);
    }

    pub(super) fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::Acquire)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        let sockets = self.shared.sockets.lock();
        for socket in &*sockets.unwrap_or_else(PoisonError::into_inner) {
            socket.shutdown(Shutdown::Both).ok();
        }
        // So that it looks.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for node in listener.incoming() {
            if self.ends.load(Ordering::Acquire) {
                return;
            }
            let (Ok(node), Ok(server)) = (node, TcpStream::connect(("127.0.0.1", self.server)))
            else {
                continue;
            };
            let own = Arc::clone(self);
            thread::spawn(move || own.relay(&node, &server).ok());
        }
    }

    fn relay(&self, node: &TcpStream, server: &TcpStream) -> io::Result<()> {
        for socket in [node, server] {
            socket.set_nodelay(true)?;
            let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
            sockets.push(socket.try_clone()?);
        }
        let is_mute = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                answers(server, node, &is_mute).ok();
                node.shutdown(Shutdown::Both).ok();
                server.shutdown(Shutdown::Both).ok();
            });
            let done = self.requests(node, server, &is_mute);
            node.shutdown(Shutdown::Both).ok();
            if !is_mute.load(Ordering::Acquire) {
                server.shutdown(Shutdown::Both).ok();
            }
            done
        })
    }

    /// Passes on what the node sends, message by message, up to a COMMIT that is cut.
    fn requests(
        &self,
        mut node: &TcpStream,
        mut server: &TcpStream,
        is_mute: &AtomicBool,
    ) -> io::Result<()> {
        // The first message has no type, and names the purpose of the connection.
        let first = message(&mut node, 0)?;
        let is_writer = first.windows(6).any(|bytes| bytes == b"writer");
        server.write_all(&first)?;
        loop {
            let message = message(&mut node, 1)?;
            let is_commit =
                is_writer && message.starts_with(b"Q") && message.ends_with(b"COMMIT\0");
            let cut = if is_commit {
                let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
                armed.take()
            } else {
                None
            };
            match cut {
                None => server.write_all(&message)?,
                Some(cut) => {
                    is_mute.store(cut == Cut::After, Ordering::Release);
                    if cut != Cut::Before {
                        server.write_all(&message)?;
                    }
                    self.cuts.fetch_add(1, Ordering::AcqRel);
                    return Ok(());
                }
            }
        }
    }
}

/// One message: `before` bytes, then its length, which counts itself, and the rest.
fn message(from: &mut impl Read, before: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; before + 4];
    from.read_exact(&mut bytes)?;
    let length = bytes[before..].try_into().expect("four bytes");
    let length = usize::try_from(u32::from_be_bytes(length)).expect("a length");
    bytes.resize(before + length, 0);
    from.read_exact(&mut bytes[before + 4..])?;
    Ok(bytes)
}

/// Passes on what the server sends. Once it is mute, what comes is read up to the answer of the COMMIT, and goes nowhere.
fn answers(mut server: &TcpStream, mut node: &TcpStream, is_mute: &AtomicBool) -> io::Result<()> {
    let mut bytes = [0; 16 * 1024];
    loop {
        let read = server.read(&mut bytes)?;
        if read == 0 || is_mute.load(Ordering::Acquire) && bytes[..read].ends_with(b"I") {
            return Ok(());
        }
        if !is_mute.load(Ordering::Acquire) {
            node.write_all(&bytes[..read])?;
        }
    }
}
