//! Closing a connection so that the last words arrive.
//!
//! A socket that is closed while bytes of the peer lie unread answers them with a reset, and a
//! reset makes the peer's system throw away what it has received: the alert or the error response
//! that says what is wrong. So the rest is read and thrown away for a moment, within bounds a peer
//! cannot stretch.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LINGER: Duration = Duration::from_secs(1);
const DISCARDED_BYTES_MAX: u64 = 256 * 1024;

/// Ends our side, then waits a moment for the peer to end its own.
pub(super) async fn linger(mut socket: TcpStream) {
    let discard = async {
        socket.shutdown().await?;
        let mut rest = socket.take(DISCARDED_BYTES_MAX);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    let outcome = timeout(LINGER, discard).await;
    tracing::trace!(?outcome, "The socket is closed.");
}
