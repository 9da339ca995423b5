//! One KMIP connection of the load generator: requests and answers in turn, every answer checked.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use ttlv::{HEADER_BYTES, Limits, frame_bytes};

use crate::requests::{RESPONSE_MESSAGE, check_success};

/// After this long without an answer the server hangs, whatever the load.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Room for what most answers need; longer ones grow it.
const BUFFER_BYTES: usize = 4096;

/// A server that load is put on, or several over the same keys.
#[derive(Clone)]
pub(crate) struct Target {
    addresses: Vec<SocketAddr>,
    /// Connections that were opened: each goes to the next address.
    opened: Arc<AtomicUsize>,
    connector: TlsConnector,
}

impl Target {
    /// The server at `address`, met with this TLS configuration.
    pub(crate) fn new(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        Self {
            addresses: vec![address],
            opened: Arc::default(),
            connector: TlsConnector::from(config),
        }
    }

    /// The same with one more server, which gets its share of the connections.
    pub(crate) fn and(mut self, address: SocketAddr) -> Self {
        self.addresses.push(address);
        self
    }

    fn next_address(&self) -> Result<SocketAddr> {
        let opened = self.opened.fetch_add(1, Ordering::Relaxed);
        let next = self
            .addresses
            .iter()
            .cycle()
            .nth(opened % self.addresses.len());
        next.copied().context("there is nothing to connect to")
    }
}

/// An open connection and the last answer on it.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects and completes the TLS handshake.
    pub(crate) async fn open(target: &Target) -> Result<Self> {
        Self::open_from(target, Ipv4Addr::UNSPECIFIED).await
    }

    /// Connects from one of this machine's addresses and completes the TLS handshake.
    pub(crate) async fn open_from(target: &Target, source: Ipv4Addr) -> Result<Self> {
        let address = target.next_address()?;
        let opening = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((source, 0).into())?;
            let stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::IpAddress(address.ip().into());
            target.connector.connect(name, stream).await
        };
        let stream = tokio::time::timeout(ANSWER_TIMEOUT, opening)
            .await
            .with_context(|| format!("{address} completes no handshake within 30 s"))?
            .with_context(|| format!("cannot connect to {address}"))?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER_BYTES],
        })
    }

    /// Sends one request and answers the whole response, which says Success.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream
            .write_all(request)
            .await
            .context("cannot send")?;
        self.stream.flush().await.context("cannot send")?;
        let bytes = self.read_frame().await?;
        let answer = self.buffer.get(..bytes).unwrap_or_default();
        check_success(answer)?;
        Ok(answer)
    }

    /// Says goodbye. What the peer makes of it does not matter any more.
    pub(crate) async fn close(mut self) {
        self.stream.shutdown().await.unwrap_or_default();
    }

    /// Reads one response into the buffer and answers its length. One request is under way, so what
    /// is read beyond it would be an error of the server.
    async fn read_frame(&mut self) -> Result<usize> {
        let limits = Limits::default();
        let mut filled = 0;
        loop {
            let room = self.buffer.get_mut(filled..).unwrap_or_default();
            let read = self.stream.read(room).await.context("cannot read")?;
            if read == 0 {
                bail!("the server closed the connection before it answered");
            }
            filled += read;
            let Some(header) = self.buffer.first_chunk::<HEADER_BYTES>() else {
                bail!("the buffer is shorter than a header");
            };
            if filled < HEADER_BYTES {
                continue;
            }
            let bytes = frame_bytes(header, RESPONSE_MESSAGE, &limits)?;
            match filled.cmp(&bytes) {
                std::cmp::Ordering::Equal => return Ok(bytes),
                std::cmp::Ordering::Greater => bail!("more came than one answer"),
                std::cmp::Ordering::Less => self.buffer.resize(bytes.max(BUFFER_BYTES), 0),
            }
        }
    }
}
