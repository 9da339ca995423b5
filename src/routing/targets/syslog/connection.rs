//! A connection to a receiver that never answers: what can be learned of it nevertheless.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::sockopt;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Silence after which the other side's system is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How long the runtime may take to read what the system has already.
const JUDGED: Duration = Duration::from_millis(100);
/// Bytes that a receiver may send before it is taken for something else.
const HEARD_BYTES_MAX: usize = 4096;

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// What the other side has let us know of its end.
#[derive(Debug)]
pub(super) enum Sign {
    /// It closed the connection in order: a system does that for a program that has read all it was sent.
    Closed,
    /// The connection broke: what was sent may be lost.
    Broken(io::Error),
}

/// An open connection.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    /// The socket below it, to look at.
    socket: std::net::TcpStream,
    heard: usize,
}

impl Connection {
    /// Connects to `HOST:PORT`, with TLS where it is set up. What the other side's system does not take within `patience` breaks the connection.
    pub(super) async fn open(
        address: &str,
        tls: Option<&(Arc<ClientConfig>, ServerName<'static>)>,
        patience: Duration,
    ) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        sockopt::set_socket_keepalive(&socket, true)?;
        sockopt::set_tcp_keepidle(&socket, KEEPALIVE)?;
        #[cfg(target_os = "linux")]
        {
            let patience_ms = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
            sockopt::set_tcp_user_timeout(&socket, patience_ms)?;
        }
        let socket = socket.into_std()?;
        let (below, socket) = (socket.try_clone()?, TcpStream::from_std(socket)?);
        let stream: Box<dyn Stream> = match tls {
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                Box::new(connector.connect(name.clone(), socket).await?)
            }
            None => Box::new(socket),
        };
        Ok(Self {
            stream,
            socket: below,
            heard: 0,
        })
    }

    /// Hands all of it to the system.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// What is known now. The system is asked itself: the runtime may not have heard yet.
    pub(super) async fn sign(&mut self) -> Option<Sign> {
        match self.socket.peek(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => Some(Sign::Broken(error)),
            // What has come may be a word of TLS's own, and an end without one is for TLS to judge.
            Ok(0) => Some(self.sign_within(JUDGED).await.unwrap_or(Sign::Closed)),
            Ok(_) => self.sign_within(JUDGED).await,
        }
    }

    /// What becomes known within some time.
    pub(super) async fn sign_within(&mut self, time: Duration) -> Option<Sign> {
        let sign = poll_fn(|context| self.poll_sign(context));
        tokio::time::timeout(time, sign).await.ok()
    }

    /// Reads, which is how a program learns of the other side's end. What is heard is let go.
    fn poll_sign(&mut self, context: &mut Context<'_>) -> Poll<Sign> {
        let mut bytes = [0; 256];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            let heard = buffer.filled().len();
            self.heard += heard;
            match read {
                Err(error) => return Poll::Ready(Sign::Broken(error)),
                Ok(()) if heard == 0 => return Poll::Ready(Sign::Closed),
                Ok(()) if self.heard > HEARD_BYTES_MAX => {
                    let other = io::Error::other("it answers, which syslog receivers do not");
                    return Poll::Ready(Sign::Broken(other));
                }
                Ok(()) => {}
            }
        }
    }
}
