//! A TLS handshake under its limits: its turn, its time, and the peer told why where it is refused.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::knock;
use super::linger::linger;
use super::permits::ConnectionPermit;

/// Why there is no TLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotShaken {
    /// It had to make way for others.
    PushedOut,
    /// The peer was silent, slow, gone, or does not speak TLS as we do.
    Failed,
}

/// Shakes hands within `limit`, and as long again for its turn.
pub(super) async fn shake_hands(
    acceptor: &TlsAcceptor,
    socket: TcpStream,
    permit: &ConnectionPermit,
    limit: Duration,
) -> Result<TlsStream<TcpStream>, NotShaken> {
    // A peer speaks first. One that says nothing, or has gone, takes no turn.
    let turn = async {
        let begun = socket.peek(&mut [0]).await.ok()?;
        if begun == 0 {
            return None;
        }
        permit.handshake().await
    };
    let Ok(turn) = timeout(limit, turn).await else {
        tracing::debug!("A peer said nothing, or waited too long for its turn to shake hands.");
        return Err(NotShaken::Failed);
    };
    let turn = turn.ok_or(NotShaken::Failed)?;
    let accept = acceptor.accept(socket).into_fallible();
    let accepted = tokio::select! {
        accepted = timeout(limit, knock::during(permit.peer(), accept)) => accepted,
        () = turn.pushed_out() => return Err(NotShaken::PushedOut),
    };
    drop(turn);
    match accepted {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err((error, socket))) => {
            tracing::debug!(%error, "A TLS handshake failed.");
            // An error of TLS, not of the socket: the peer is told why.
            if error.kind() == std::io::ErrorKind::InvalidData {
                linger(socket).await;
            }
            Err(NotShaken::Failed)
        }
        Err(_) => {
            tracing::debug!("A TLS handshake took too long.");
            Err(NotShaken::Failed)
        }
    }
}
