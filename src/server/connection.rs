//! One connection: whole messages in, answers out, in order.
//!
//! The buffer grows as bytes arrive, never by what a header claims. A peer that ends, fails or idles ends its own connection, quietly: one that
//! completes TLS and sends nothing is a normal probe. Requests that arrive together are answered one after the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::domain::Identity;
use crate::kmip::tag::Tag;
use crate::ops::{Answer, Service};
use crate::server::limits::Config;

/// How much is read at most at once, and kept for the next message.
const READ_BYTES: usize = 16 * 1024;
const FIRST_BYTES: usize = 1024;

/// What every connection shares.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) service: Arc<Service>,
    pub(crate) limits: Arc<Config>,
    /// Bytes of requests that may still be held, in KiB.
    pub(crate) in_flight: Arc<Semaphore>,
    pub(crate) stop: watch::Receiver<bool>,
}

pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    identity: Arc<Identity>,
    around: Surroundings,
    clients: watch::Receiver<u64>,
    buffer: Vec<u8>,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the peer has gone")]
    Gone,
    #[error("it took too long")]
    TimedOut,
    #[error("the client may no longer act")]
    Cut,
    #[error("the server stops")]
    Stopping,
    #[error("an answer closed it")]
    Answered,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Connection {
    pub(crate) fn new(
        stream: TlsStream<TcpStream>,
        identity: Arc<Identity>,
        around: Surroundings,
    ) -> Self {
        let clients = around.service.store().clients_changed();
        Self {
            stream,
            identity,
            around,
            clients,
            buffer: Vec::with_capacity(FIRST_BYTES),
        }
    }

    pub(crate) async fn run(mut self) {
        let mut wait = self.around.limits.first_request_timeout();
        let ended = loop {
            match self.exchange(wait).await {
                Ok(()) => wait = self.around.limits.idle_timeout(),
                Err(ended) => break ended,
            }
        };
        tracing::debug!(%ended, "A connection ended.");
        if !matches!(ended, Ended::Gone | Ended::Io(_)) {
            // A courtesy: the peer may be gone already.
            let farewell = timeout(Duration::from_secs(1), self.stream.shutdown()).await;
            tracing::trace!(?farewell, "The connection was closed.");
        }
    }

    /// Waits for a message, answers it.
    async fn exchange(&mut self, wait: Duration) -> Result<(), Ended> {
        if self.buffer.is_empty() {
            self.wait_for_request(wait).await?;
        }
        let limit = self.around.limits.request_timeout();
        let received = timeout(limit, self.receive())
            .await
            .map_err(|_| Ended::TimedOut)?;
        let answer = match received? {
            Received::Message(bytes, _permit) => {
                let message = self.buffer.get(..bytes).unwrap_or_default();
                let answer = self.around.service.answer(&self.identity, message).await;
                self.forget(bytes);
                answer
            }
            Received::Unframed(error) => {
                self.around
                    .service
                    .answer_unframed(&self.identity, &error)
                    .await
            }
        };
        self.send(answer, limit).await
    }

    /// The first bytes of a message; meanwhile the client may be cut off, or the server told to stop.
    async fn wait_for_request(&mut self, wait: Duration) -> Result<(), Ended> {
        let Self {
            stream,
            identity,
            around,
            clients,
            buffer,
        } = self;
        let store = around.service.store();
        if !store.clients().may_act(identity) {
            return Err(Ended::Cut);
        }
        let cut_off = async {
            while clients.changed().await.is_ok() {
                if !store.clients().may_act(identity) {
                    return;
                }
            }
        };
        tokio::select! {
            read = timeout(wait, stream.read_buf(buffer)) => match read {
                Err(_) => Err(Ended::TimedOut),
                Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Ended::Gone),
                Ok(Err(error)) => Err(error.into()),
                Ok(Ok(0)) => Err(Ended::Gone),
                Ok(Ok(_)) => Ok(()),
            },
            () = cut_off => Err(Ended::Cut),
            _ = around.stop.wait_for(|stop| *stop) => Err(Ended::Stopping),
        }
    }

    /// One whole message at the front of the buffer.
    async fn receive(&mut self) -> Result<Received, Ended> {
        self.fill(ttlv::HEADER_BYTES).await?;
        let header = self.buffer.first_chunk().ok_or(Ended::Gone)?;
        let limits = self.around.limits.message();
        let bytes = match ttlv::frame_bytes(header, Tag::RequestMessage.raw(), &limits) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Received::Unframed(error)),
        };
        let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let in_flight = Arc::clone(&self.around.in_flight);
        let permit = in_flight
            .acquire_many_owned(kibibytes)
            .await
            .map_err(|_| Ended::Stopping)?;
        self.fill(bytes).await?;
        Ok(Received::Message(bytes, permit))
    }

    async fn fill(&mut self, bytes: usize) -> Result<(), Ended> {
        while self.buffer.len() < bytes {
            self.buffer
                .reserve((bytes - self.buffer.len()).min(READ_BYTES));
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(Ended::Gone);
            }
        }
        Ok(())
    }

    /// Drops an answered message; a large buffer is given back.
    fn forget(&mut self, bytes: usize) {
        self.buffer.drain(..bytes.min(self.buffer.len()));
        if self.buffer.capacity() > READ_BYTES {
            self.buffer.shrink_to(FIRST_BYTES);
        }
    }

    async fn send(&mut self, answer: Answer, limit: Duration) -> Result<(), Ended> {
        let write = async {
            self.stream.write_all(&answer.bytes).await?;
            self.stream.flush().await
        };
        timeout(limit, write).await.map_err(|_| Ended::TimedOut)??;
        if answer.close {
            Err(Ended::Answered)
        } else {
            Ok(())
        }
    }
}

enum Received {
    /// A message of so many bytes; the permit counts them while they are held.
    Message(usize, OwnedSemaphorePermit),
    /// Bytes that are no message.
    Unframed(ttlv::Error),
}
