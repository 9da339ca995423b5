//! What ends a connection from outside: its client may no longer act, the server stops, or nothing comes for too long.
//!
//! A connection waits for these beside each message, so they stay registered from one message to the next instead of being set up for
//! each. The clock that ends a silence is moved only when it rings.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
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

/// Tells without a lock whether the signals must be looked at: something has changed, or a signal has rung. A change alone does not do. It
/// can be seen before those who wait for it are woken, and a signal that was woken and not looked at would wake nobody again.
struct News {
    clients: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    bell: Option<Arc<Bell>>,
}

/// Whom the signals wake, and whether one did since the last look.
struct Bell {
    has_rung: AtomicBool,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
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
    /// Whom the signals are to wake, if they must be looked at: something has changed, one has rung, or somebody else must be woken.
    fn look(&mut self, cx: &Context<'_>) -> Option<Waker> {
        let known = self.bell.as_ref();
        let known = known.filter(|bell| bell.task.will_wake(cx.waker()));
        let has_rung = known.is_some_and(|bell| bell.has_rung.load(Ordering::Acquire));
        if known.is_some() && !has_rung && !self.has_changed() {
            return None;
        }
        let bell = known.map_or_else(|| Arc::new(Bell::new(cx.waker())), Arc::clone);
        // Before the look at them: what comes after this is new again.
        bell.has_rung.store(false, Ordering::Release);
        self.clients.mark_unchanged();
        self.bell = Some(Arc::clone(&bell));
        Some(Waker::from(bell))
    }

    fn has_changed(&self) -> bool {
        self.clients.has_changed().unwrap_or(false) || self.stop.has_changed().unwrap_or(true)
    }
}

impl Bell {
    fn new(task: &Waker) -> Self {
        Self {
            has_rung: AtomicBool::new(false),
            task: task.clone(),
        }
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
                bell: None,
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
    fn interrupt(&mut self, cx: &Context<'_>) -> Option<Interrupt> {
        let waker = self.news.look(cx)?;
        let cx = &mut Context::from_waker(&waker);
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

    /// What a task is woken by.
    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }

    /// A change can be seen before whoever waits for it is woken. So it is looked for all the time, until it is there, and after that only
    /// where the task is woken.
    #[tokio::test]
    async fn a_change_that_is_seen_before_it_wakes_is_not_lost() {
        for _ in 0..2000 {
            let (changed, clients) = watch::channel(0);
            let (_stop, stop) = watch::channel(false);
            let (mut changes, mut stops) = (clients.clone(), stop.clone());
            let mut signals = Signals {
                cut: Signal::new(async move { assert!(changes.changed().await.is_ok()) }),
                stop: Signal::new(async move { stopped(&mut stops).await }),
                news: News {
                    clients: clients.clone(),
                    stop,
                    bell: None,
                },
                clock: Box::pin(sleep_until(Instant::now())),
            };
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let cx = &Context::from_waker(&waker);
            assert_eq!(signals.interrupt(cx), None);
            let change = std::thread::spawn(move || changed.send_replace(1));
            while !clients.has_changed().unwrap_or(true) {}
            let mut interrupt = signals.interrupt(cx);
            change.join().unwrap();
            while interrupt.is_none() {
                assert!(woken.0.swap(false, Ordering::AcqRel), "nobody was woken");
                interrupt = signals.interrupt(cx);
            }
            assert_eq!(interrupt, Some(Interrupt::Cut));
        }
    }
}
