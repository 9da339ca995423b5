//! One connection: whole messages in, answers out, in order.
//!
//! A peer that ends, fails or idles ends its own connection, quietly: one that completes TLS and
//! sends nothing is a normal probe. Requests that arrive together are answered one after the other.
//! A client that may no longer act is cut off whatever it is doing, except that an answer under way
//! in the store is never abandoned: it ends, and is not sent.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

use crate::domain::Identity;
use crate::ops::{Answer, Budget};
use crate::server::answerer::Answerer;
use crate::server::counts::Counts;
use crate::server::frames::{FrameError, Frames};
use crate::server::identity::Gatekeeper;
use crate::server::limits::Config;
use crate::server::linger::linger;
use crate::server::pace::Pace;
use crate::server::signals::{Interrupt, Signals};
use crate::server::warnings::Warnings;

/// How long the peer may take to hear that we close.
const FAREWELL: Duration = Duration::from_secs(1);

/// What every connection shares.
pub(super) struct Surroundings<A> {
    pub(super) service: Arc<A>,
    pub(super) gatekeeper: Arc<Gatekeeper>,
    pub(super) limits: Config,
    /// Bytes of requests.
    pub(super) in_flight: Arc<Budget>,
    pub(super) pace: Pace,
    pub(super) counts: Arc<Counts>,
    pub(super) warnings: Warnings,
    pub(super) stop: watch::Receiver<bool>,
}

pub(super) struct Connection<A> {
    stream: TlsStream<TcpStream>,
    identity: Arc<Identity>,
    around: Arc<Surroundings<A>>,
    frames: Frames,
    signals: Signals,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the peer has gone")]
    Gone,
    #[error("it took too long")]
    TimedOut,
    #[error("the client sends more requests than it may")]
    Hasty,
    #[error("the client may no longer act")]
    Cut,
    #[error("the server stops")]
    Stopping,
    #[error("an answer closed it")]
    Answered,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Interrupt> for Ended {
    fn from(interrupt: Interrupt) -> Self {
        match interrupt {
            Interrupt::Cut => Self::Cut,
            Interrupt::Stop => Self::Stopping,
            Interrupt::Late => Self::TimedOut,
        }
    }
}

impl<A: Answerer> Connection<A> {
    /// A connection whose client was admitted after `clients` was subscribed to: no change is
    /// missed.
    pub(super) fn new(
        stream: TlsStream<TcpStream>,
        identity: Arc<Identity>,
        clients: watch::Receiver<u64>,
        around: Arc<Surroundings<A>>,
    ) -> Self {
        let signals = Signals::new(
            clients,
            around.stop.clone(),
            Arc::clone(&around.service),
            Arc::clone(&identity),
        );
        Self {
            frames: Frames::new(
                around.limits.message(),
                Arc::clone(&around.in_flight),
                identity.client,
            ),
            signals,
            stream,
            identity,
            around,
        }
    }

    /// Serves the connection to its end.
    pub(super) async fn run(mut self) {
        let mut answers = 0_u64;
        let ended = loop {
            let wait = match answers {
                0 => self.around.limits.first_request_timeout(),
                _ => self.around.limits.idle_timeout(),
            };
            match self.exchange(wait).await {
                Ok(()) => answers = answers.saturating_add(1),
                Err(ended) => break ended,
            }
        };
        tracing::debug!(%ended, answers, "A connection ended.");
        match ended {
            Ended::Gone if answers == 0 => self.around.counts.probes.add_one(),
            Ended::Cut => self.around.counts.cut.add_one(),
            _ => {}
        }
        self.close(&ended).await;
    }

    /// Waits for a message, answers it.
    async fn exchange(&mut self, wait: Duration) -> Result<(), Ended> {
        self.begin(wait).await?;
        self.turn().await?;
        let received = match self.receive().await {
            // For want of room it is not the peer that was late.
            Err(Ended::TimedOut) if !self.frames.wants_room() => {
                self.record_stalled().await;
                return Err(Ended::TimedOut);
            }
            received => received?,
        };
        // Its certificate may have expired since the handshake; a new one then says so.
        if !self.around.gatekeeper.is_current(&self.identity) {
            return Err(Ended::Cut);
        }
        match received {
            Ok(length) => {
                let message = self.frames.message(length);
                let answer = self.around.service.answer(&self.identity, message).await;
                self.frames.consume(length);
                self.around.pace.charge(self.identity.client, answer.items);
                self.send(answer).await
            }
            Err(error) => {
                tracing::debug!(%error, "Bytes that are no message.");
                let service = &self.around.service;
                let answer = service.answer_unframed(&self.identity, &error).await;
                self.send(answer).await?;
                // The end of these bytes is unknown: nothing after them can be read.
                Err(Ended::Answered)
            }
        }
    }

    /// The first byte of a message. A server that stops does not wait for it.
    async fn begin(&mut self, wait: Duration) -> Result<(), Ended> {
        let begin = self.frames.begin(&mut self.stream);
        match self.signals.beside(wait, begin).await? {
            Ok(true) => Ok(()),
            Ok(false) => Err(Ended::Gone),
            // No close_notify before the end: many clients end like this.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Ended::Gone),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for the turn of a message that has begun, where the client is faster than it may be. A
    /// server that stops does not hold it back.
    async fn turn(&mut self) -> Result<(), Ended> {
        let around = &self.around;
        let Some(wait) = around.pace.turn(self.identity.client) else {
            if let Some(times) = around.warnings.pace.due(Instant::now()) {
                let client = self.identity.label.as_str();
                tracing::warn!(
                    client,
                    times,
                    "A client's requests came faster than \
                    limits.requests-per-client-per-second-max for too long; its connection was closed."
                );
            }
            return Err(Ended::Hasty);
        };
        if wait.is_zero() {
            return Ok(());
        }
        around.counts.held_back.add_one();
        match self.signals.beside(wait, pending::<()>()).await {
            Err(Interrupt::Cut) => Err(Ended::Cut),
            _ => Ok(()),
        }
    }

    /// The rest of a message: its length, or what is wrong with its header.
    async fn receive(&mut self) -> Result<Result<usize, ttlv::Error>, Ended> {
        let limit = self.around.limits.request_timeout();
        let fill = self.frames.fill(&mut self.stream);
        match self.signals.within(limit, fill).await? {
            Ok(length) => Ok(Ok(length)),
            Err(FrameError::Unframed(error)) => Ok(Err(error)),
            Err(FrameError::Io(error)) => Err(error.into()),
        }
    }

    /// Records a message that has begun and does not go on, as one that ends too early. It gets no
    /// answer: its peer would have to take that in time, too.
    async fn record_stalled(&self) {
        let error = self.frames.truncated();
        let service = &self.around.service;
        drop(service.answer_unframed(&self.identity, &error).await);
    }

    async fn send(&mut self, answer: Answer) -> Result<(), Ended> {
        // It may hold a key.
        let mut bytes = Zeroizing::new(answer.bytes);
        let write = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        let limit = self.around.limits.request_timeout();
        self.signals.within(limit, write).await??;
        // Empty, it is overwritten as a whole and not byte by byte.
        bytes.clear();
        self.around.counts.answers.add_one();
        if answer.close {
            Err(Ended::Answered)
        } else {
            Ok(())
        }
    }

    async fn close(mut self, ended: &Ended) {
        if matches!(ended, Ended::Io(_)) {
            return;
        }
        // A courtesy: the peer may be gone already.
        let farewell = timeout(FAREWELL, self.stream.shutdown()).await;
        tracing::trace!(?farewell, "The connection was closed.");
        if matches!(ended, Ended::Answered) {
            linger(self.stream.into_inner().0).await;
        }
    }
}
