//! Who is shaking hands: what the check of a certificate cannot see of its connection by itself.
//!
//! rustls asks the verifier about a certificate within the poll of the handshake, hence in the task of the connection, where
//! this is kept for as long as the handshake lasts.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};

tokio::task_local! {
    static ADDRESS: IpAddr;
}

/// Carries out a handshake with the peer at `address`.
pub(super) async fn during<F: Future>(address: IpAddr, handshake: F) -> F::Output {
    ADDRESS.scope(address, handshake).await
}

/// Where the peer is whose handshake calls this; unspecified outside of one.
pub(super) fn address() -> IpAddr {
    ADDRESS
        .try_with(|address| *address)
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
