//! What ends a connection from outside: its client may no longer act, the server stops, or nothing comes for too long.
//!
//! A connection waits for these beside each message, so they stay registered from one message to the next instead of being set up for
//! each. The clock that ends a silence is moved only when it rings.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::domain::Identity;
use crate::server::answerer::Answerer;

/// Something that happens once and stays so.
struct Signal(Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>);

impl Signal {
    fn new(happens: impl Future<Output = ()> + Send + Sync + 'static) -> Self {
        // Not cut short by the task's budget: a look that sees nothing must have looked.
        Self(Some(Box::pin(unconstrained(happens))))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(happens) = &mut self.0 else {
            return Poll::Ready(());
        };
        let polled = happens.as_mut().poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

/// The signals of one connection.
pub(super) struct Signals {
    cut: Signal,
    stop: Signal,
    news: News,
    clock: Pin<Box<Sleep>>,
}

/// Tells without a lock whether the signals must be looked at.
struct News {
    clients: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    /// Whom the signals wake.
    waker: Option<Waker>,
}

/// Why waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interrupt {
    /// The client may no longer act.
    Cut,
    /// The server stops.
    Stop,
    /// It took too long.
    Late,
}

impl News {
    /// Whether something has changed since the last look, or somebody else must be woken.
    fn there_is(&mut self, cx: &Context<'_>) -> bool {
        let wakes = |waker: &Waker| waker.will_wake(cx.waker());
        let known = self.waker.as_ref().is_some_and(wakes);
        let none = !self.has_changed();
        if known && none {
            return false;
        }
        if !known {
            self.waker = Some(cx.waker().clone());
        }
        // Before the look at it: what changes after this is new again.
        self.clients.mark_unchanged();
        true
    }

    fn has_changed(&self) -> bool {
        self.clients.has_changed().unwrap_or(false) || self.stop.has_changed().unwrap_or(true)
    }
}

impl Signals {
    /// The signals of a connection whose client was admitted after `clients` was subscribed to: no change is missed.
    pub(super) fn new<A: Answerer>(
        clients: watch::Receiver<u64>,
        stop: watch::Receiver<bool>,
        service: Arc<A>,
        identity: Arc<Identity>,
    ) -> Self {
        let (mut changes, mut stops) = (clients.clone(), stop.clone());
        Self {
            cut: Signal::new(async move { cut_off(&mut changes, &*service, &identity).await }),
            stop: Signal::new(async move { stopped(&mut stops).await }),
            news: News {
                clients,
                stop,
                waker: None,
            },
            clock: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// Carries `work` on to its end, unless one of these comes first.
    pub(super) async fn beside<T>(
        &mut self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Interrupt> {
        let until = Instant::now() + limit;
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Some(interrupt) = self.interrupt(cx) {
                return Poll::Ready(Err(interrupt));
            }
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            self.poll_clock(until, cx).map(|()| Err(Interrupt::Late))
        })
        .await
    }

    /// The same for what a server that stops waits for. Mostly it is done at once.
    pub(super) async fn within<T>(
        &mut self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Interrupt> {
        let mut until = None;
        let mut work = pin!(work);
        poll_fn(|cx| {
            if self.interrupt(cx) == Some(Interrupt::Cut) {
                return Poll::Ready(Err(Interrupt::Cut));
            }
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            let until = *until.get_or_insert_with(|| Instant::now() + limit);
            self.poll_clock(until, cx).map(|()| Err(Interrupt::Late))
        })
        .await
    }

    /// What has come from outside. The task is woken when something comes.
    fn interrupt(&mut self, cx: &mut Context<'_>) -> Option<Interrupt> {
        if !self.news.there_is(cx) {
            return None;
        }
        // Both are looked at, so that both wake.
        let (cut, stop) = (self.cut.poll(cx), self.stop.poll(cx));
        if cut.is_ready() {
            Some(Interrupt::Cut)
        } else {
            stop.is_ready().then_some(Interrupt::Stop)
        }
    }

    /// Ready at `until`. The clock may ring before that, for something that was waited for earlier; then it is moved.
    fn poll_clock(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if until < self.clock.deadline() {
            self.clock.as_mut().reset(until);
        }
        while self.clock.as_mut().poll(cx).is_ready() {
            if self.clock.deadline() >= until {
                return Poll::Ready(());
            }
            self.clock.as_mut().reset(until);
        }
        Poll::Pending
    }
}

/// Ends when the client may no longer act. What has changed before it is asked counts too.
async fn cut_off<A: Answerer>(
    clients: &mut watch::Receiver<u64>,
    service: &A,
    identity: &Identity,
) {
    while clients.changed().await.is_ok() {
        if !service.clients().may_act(identity) {
            return;
        }
    }
    // Nobody changes clients any more.
    std::future::pending().await
}

/// Ends when the server is told to stop, or when whoever could tell it is gone.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("Nobody is left who could stop the server; it stops.");
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;
    use tokio::task::coop;

    use super::*;

    #[tokio::test]
    async fn a_signal_is_seen_by_a_task_that_has_used_up_its_budget() {
        let (_sender, mut stop) = watch::channel(true);
        let mut signal = Signal::new(async move { stopped(&mut stop).await });
        let seen = poll_fn(|cx| {
            while coop::has_budget_remaining() {
                let spent = pin!(coop::consume_budget()).poll(cx);
                assert!(spent.is_ready() || !coop::has_budget_remaining());
            }
            Poll::Ready(signal.poll(cx).is_ready())
        });
        assert!(seen.await);
    }
}
