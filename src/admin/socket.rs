//! The control socket: a Unix socket in the data directory through which the command line reaches a running server.
//!
//! One JSON line per request, one per answer, any number of them on a connection. The socket is 0600 in a directory that is 0700, and the
//! kernel's word on who connected is checked besides. Lines, connections and waiting are bounded. The 108 bytes a socket's path may have
//! are no limit here: a long path is reached through the directory's open descriptor.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
#[cfg(target_os = "linux")]
use rustix::net::sockopt::socket_peercred;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::lines::{Lines, as_line};
use super::message::MasterKeyRequest;
use super::{Admin, AdminError, Request, Response, peer};
use crate::domain::{Caller, Warning};

/// The most bytes of a request's line.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// The most bytes of an answer's line.
pub const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most connections at once.
pub const CONNECTIONS_MAX: usize = 32;
/// How long a connection may be silent between requests.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an answer may take to be taken.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the command line waits for an answer: see [`answer_timeout`].
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// The most bytes of a path that every system takes as a socket's (`sun_path` has 104 or 108, with the final zero).
const PATH_BYTES_MAX: usize = 100;

/// The control socket failed.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The system refused a step.
    #[error("cannot {step} the control socket {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        step: &'static str,
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The server's answer is not one of this protocol.
    #[error(
        "the server's answer on the control socket cannot be read ({0}); is it of another release?"
    )]
    Answer(String),
    /// The server refused or could not do it.
    #[error(transparent)]
    Refused(#[from] AdminError),
}

/// One answer on the wire.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Reply {
    Done(Response),
    Refused(AdminError),
}

fn failed<'a>(step: &'static str, path: &'a Path) -> impl Fn(io::Error) -> SocketError + 'a {
    move |source| SocketError::Io {
        step,
        path: path.to_owned(),
        source,
    }
}

/// A path that fits in a socket's address, and the directory that must stay open while it is used.
struct Reachable {
    path: PathBuf,
    _directory: Option<File>,
}

fn reachable(path: &Path) -> io::Result<Reachable> {
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return Ok(Reachable {
            path: path.to_owned(),
            _directory: None,
        });
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // Whatever else has that name, such as a pipe, must not be waited for.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = File::from(rustix::fs::open(parent, flags, Mode::empty())?);
    let path = Path::new("/proc/self/fd")
        .join(directory.as_raw_fd().to_string())
        .join(name);
    Ok(Reachable {
        path,
        _directory: Some(directory),
    })
}

/// The server's end: bound, not yet served.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Binds the socket at `path`. The caller holds the directory's lock, so a socket that lies there is nobody's and is replaced.
    ///
    /// # Errors
    /// The system refused.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("replace", path)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let reachable = reachable(path).map_err(failed("reach", path))?;
        let listener = UnixListener::bind(&reachable.path).map_err(failed("bind", path))?;
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(path, private).map_err(failed("make private", path))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Serves until `stop` is ready; connections still open are then cut.
    pub async fn serve(self, admin: Arc<Admin>, stop: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        let (failed, full) = (Warning::default(), Warning::default());
        tokio::pin!(stop);
        loop {
            while connections.try_join_next().is_some() {}
            tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                            if let Some(times) = full.due(Instant::now()) {
                                tracing::warn!(times, "Control connections were closed: too many at once.");
                            }
                            continue;
                        };
                        let admin = Arc::clone(&admin);
                        connections.spawn(async move {
                            if let Err(error) = serve_connection(stream, &admin).await {
                                tracing::debug!(%error, "Control connection ended.");
                            }
                            drop(place);
                        });
                    }
                    Err(error) => {
                        if let Some(times) = failed.due(Instant::now()) {
                            tracing::warn!(%error, times, "Control socket could not accept.");
                        }
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // A socket that stays is harmless: the next server replaces it.
        drop(fs::remove_file(&self.path));
    }
}

async fn serve_connection(stream: UnixStream, admin: &Arc<Admin>) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    let (read, mut write) = stream.into_split();
    if !peer::may_ask(peer, peer::own_uid()) {
        tracing::warn!(peer, "Control connection of another user refused.");
        let message = format!("user {peer} may not administer this server");
        return answer(&mut write, &Reply::Refused(AdminError::invalid(message))).await;
    }
    let caller = Caller::local(peer::local_user(peer));
    let mut lines = Lines::new(read);
    while let Some(line) = timeout(IDLE_TIMEOUT, lines.next(REQUEST_BYTES_MAX)).await?? {
        let read = serde_json::from_slice::<Request>(line.expose());
        drop(line);
        let reply = match read {
            Ok(request) => match admin.run_as(&caller, None, request).await {
                Ok(response) => Reply::Done(response),
                Err(error) => Reply::Refused(error),
            },
            Err(error) => {
                let message = format!("the request is not understood: {error}");
                Reply::Refused(AdminError::invalid(message))
            }
        };
        answer(&mut write, &reply).await?;
    }
    Ok(())
}

async fn answer(write: &mut (impl AsyncWriteExt + Unpin), reply: &Reply) -> io::Result<()> {
    let line = as_line(reply)?;
    timeout(WRITE_TIMEOUT, write.write_all(line.expose())).await?
}

/// How long the answer to a request may take; none where it is as long as the work is. A token or a program wraps value by value, and who
/// gave up on that would not know which master key, or whose shares, count. A server that ends closes the socket, which ends the waiting too.
const fn answer_timeout(request: &Request) -> Option<Duration> {
    match request {
        Request::MasterKey(MasterKeyRequest::Rotate(_) | MasterKeyRequest::Recovery(_)) => None,
        _ => Some(ANSWER_TIMEOUT),
    }
}

/// What came of connecting before this process became another user.
#[derive(Debug, Default)]
pub enum First {
    /// No server runs, or it cannot be reached, which the next try tells.
    #[default]
    Nothing,
    /// The server of that user, who sees on it who started this process.
    Server(StdUnixStream),
    /// Somebody else listens there, to whom nothing is kept.
    Stranger,
}

/// Connects before this process becomes `owner`: that is whom the server sees. A connection to anybody else than that user, to whom the path
/// may lead by a link, is closed again at once: what the process loads as `owner` must not find it.
#[cfg(target_os = "linux")]
#[must_use]
pub fn connect_first(path: &Path, owner: u32) -> First {
    let connect = || StdUnixStream::connect(&reachable(path)?.path);
    let Ok(stream) = connect() else {
        return First::Nothing;
    };
    match socket_peercred(&stream) {
        Ok(peer) if peer.uid.as_raw() == owner => First::Server(stream),
        Ok(_) | Err(_) => First::Stranger,
    }
}

/// The connection that was made as who started this process, where it works as another user, and the server still waits on it.
fn connected() -> io::Result<Option<UnixStream>> {
    let stream = match peer::connected() {
        First::Nothing => return Ok(None),
        First::Server(stream) => stream,
        // The owner has put a way to the socket of somebody else there, who must not be told what is meant for the owner's.
        First::Stranger => {
            let text = "who listens there is another user than the directory's owner";
            return Err(io::Error::other(text));
        }
    };
    stream.set_nonblocking(true)?;
    // A server says nothing before it is asked: what can be read is that it has closed it.
    let waits =
        matches!((&stream).read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
    if !waits {
        return Ok(None);
    }
    UnixStream::from_std(stream).map(Some)
}

async fn connect(path: &Path) -> io::Result<UnixStream> {
    let reachable = reachable(path)?;
    UnixStream::connect(&reachable.path).await
}

/// The command line's end.
#[derive(Debug)]
pub struct Connection {
    lines: Lines<UnixStream>,
    path: PathBuf,
    /// Whether the server sees on it who started this process, and not whom it works as since.
    is_of_starter: bool,
}

impl Connection {
    /// Connects to the server that runs on this directory; none when none does.
    ///
    /// # Errors
    /// There is a socket and it cannot be used.
    pub async fn open(path: &Path) -> Result<Option<Self>, SocketError> {
        match connected().map_err(failed("connect to", path))? {
            Some(stream) => Ok(Some(Self::over(stream, path, true))),
            None => Self::open_to_look(path).await,
        }
    }

    /// The same for what only reads: the connection over which the server knows who started this process is left for what comes after.
    ///
    /// # Errors
    /// There is a socket and it cannot be used.
    pub async fn open_to_look(path: &Path) -> Result<Option<Self>, SocketError> {
        use io::ErrorKind::{ConnectionRefused, NotFound};
        match connect(path).await {
            Ok(stream) => Ok(Some(Self::over(stream, path, peer::starter().is_none()))),
            Err(error) if matches!(error.kind(), ConnectionRefused | NotFound) => Ok(None),
            Err(error) => Err(failed("connect to", path)(error)),
        }
    }

    fn over(stream: UnixStream, path: &Path, is_of_starter: bool) -> Self {
        Self {
            lines: Lines::new(stream),
            path: path.to_owned(),
            is_of_starter,
        }
    }

    /// Whether a change would be recorded as somebody else's, for who changes something before it asks.
    ///
    /// # Errors
    /// It would.
    pub fn refuse_unknown(&self) -> Result<(), AdminError> {
        if self.is_of_starter {
            return Ok(());
        }
        let text = "the server would not know who gave this command: it was started since then, or was kept waiting for more than a minute; give the \
                    command again (nothing was changed)";
        Err(AdminError::conflict(text))
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// The server refused it, or would record it as somebody else's; or the connection failed: then it is not known whether a change was made.
    pub async fn run(&mut self, request: &Request) -> Result<Response, SocketError> {
        if !request.only_reads() {
            self.refuse_unknown()?;
        }
        let text = as_line(request).map_err(|error| SocketError::Answer(error.to_string()))?;
        let written = self.lines.stream().write_all(text.expose()).await;
        written.map_err(failed("write to", &self.path))?;
        drop(text);
        let answer = self.lines.next(RESPONSE_BYTES_MAX);
        let read = match answer_timeout(request) {
            Some(limit) => timeout(limit, answer)
                .await
                .unwrap_or_else(|late| Err(late.into())),
            None => answer.await,
        };
        let text = read.map_err(failed("read from", &self.path))?;
        let closed = || io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed it");
        let text = text
            .ok_or_else(closed)
            .map_err(failed("read from", &self.path))?;
        let reply = serde_json::from_slice(text.expose());
        match reply.map_err(|error| SocketError::Answer(error.to_string()))? {
            Reply::Done(response) => Ok(response),
            Reply::Refused(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::message::{NewRecovery, Rotation};

    #[test]
    fn who_changes_the_master_key_waits_for_the_end_of_it() {
        let rotation = Rotation {
            provider: None,
            secret: None,
        };
        let recovery = NewRecovery {
            public_key: String::new(),
            threshold: 2,
            shares: 3,
        };
        for long in [
            MasterKeyRequest::Rotate(rotation),
            MasterKeyRequest::Recovery(recovery),
        ] {
            assert_eq!(answer_timeout(&Request::MasterKey(long)), None);
        }
        for short in [Request::MasterKey(MasterKeyRequest::Show), Request::Status] {
            assert_eq!(answer_timeout(&short), Some(ANSWER_TIMEOUT));
        }
    }
}
