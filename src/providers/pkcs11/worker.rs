//! A thread that speaks to something that may not answer: whoever asks waits for a bounded time.
//!
//! What the thread works with is opened there, and opened anew once where it failed. A thread that is stuck is left alone: until it comes
//! back, whoever asks is told at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::time::Duration;

use super::token::Trouble;
use crate::providers::{ProviderError, aside};

type Job<S> = Box<dyn FnOnce(&mut Held<S>) + Send>;
type Open<S> = Box<dyn Fn() -> Result<S, Trouble> + Send>;

/// What the thread holds.
struct Held<S> {
    open: Open<S>,
    session: Option<S>,
}

/// The thread, as others ask it. It ends with the last answer after this is dropped.
pub(super) struct Worker<S> {
    jobs: Sender<Job<S>>,
    /// Somebody waited in vain, and the thread has finished nothing since.
    is_stuck: Arc<AtomicBool>,
    limit: Duration,
}

impl<S: 'static> Worker<S> {
    /// Starts the thread and opens what it works with.
    pub(super) fn start(
        open: impl Fn() -> Result<S, Trouble> + Send + 'static,
        limit: Duration,
    ) -> Result<Self, ProviderError> {
        let (jobs, given) = channel();
        let open: Open<S> = Box::new(open);
        let is_stuck = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&is_stuck);
        let thread = std::thread::Builder::new().name("master-key".to_owned());
        // The session is made on the thread and does not leave it.
        let started = thread.spawn(move || {
            let held = Held {
                open,
                session: None,
            };
            run(held, &given, &mark);
        });
        started.map_err(|error| ProviderError::Token(format!("no thread for it: {error}")))?;
        let worker = Self {
            jobs,
            is_stuck,
            limit,
        };
        worker.call(|_| Ok(()))?;
        Ok(worker)
    }

    /// Has something done, once more with a new session where the first failed.
    pub(super) fn call<T: Send + 'static>(
        &self,
        work: impl Fn(&mut S) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let late = || {
            let seconds = self.limit.as_secs();
            ProviderError::Token(format!("it has not answered within {seconds} s"))
        };
        if self.is_stuck.load(Ordering::Acquire) {
            return Err(late());
        }
        let (reply, answer) = sync_channel(1);
        let job = move |held: &mut Held<S>| {
            let done = held.twice(work);
            // Nobody waits any more: that is told by the mark.
            drop(reply.send(done));
        };
        self.jobs.send(Box::new(job)).map_err(|_| late())?;
        let wait = || answer.recv_timeout(self.limit);
        aside(wait).unwrap_or_else(|_| {
            self.is_stuck.store(true, Ordering::Release);
            Err(late())
        })
    }
}

impl<S> Held<S> {
    fn twice<T>(
        &mut self,
        work: impl Fn(&mut S) -> Result<T, Trouble>,
    ) -> Result<T, ProviderError> {
        let first = self.once(&work);
        let done = match first {
            Err(Trouble::Session(_)) => self.once(&work),
            done => done,
        };
        done.map_err(|trouble| match trouble {
            Trouble::Session(why) => ProviderError::Token(why),
            Trouble::Refused(error) => error,
        })
    }

    fn once<T>(&mut self, work: impl Fn(&mut S) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let session = match &mut self.session {
            Some(session) => session,
            None => self.session.insert((self.open)()?),
        };
        let done = work(session);
        if matches!(done, Err(Trouble::Session(_))) {
            self.session = None;
        }
        done
    }
}

fn run<S>(mut held: Held<S>, jobs: &Receiver<Job<S>>, is_stuck: &AtomicBool) {
    while let Ok(job) = jobs.recv() {
        job(&mut held);
        is_stuck.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T>(done: Result<T, ProviderError>) -> String {
        done.err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn who_does_not_answer_is_waited_for_once_and_comes_back() {
        let limit = Duration::from_millis(50);
        let worker = Worker::start(|| Ok(()), limit).unwrap();
        let (go_on, stuck) = channel::<()>();
        let stuck = std::sync::Mutex::new(stuck);
        let late = worker.call(move |()| {
            stuck.lock().unwrap().recv().unwrap_or_default();
            Ok(())
        });
        assert!(message(late).contains("has not answered"));
        // At once: nobody is asked.
        assert!(message(worker.call(|()| Ok(()))).contains("has not answered"));
        drop(go_on);
        while worker.is_stuck.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        assert!(worker.call(|()| Ok(())).is_ok());
    }

    #[test]
    fn a_session_that_failed_is_opened_anew_and_a_refusal_is_final() {
        let opened = std::sync::atomic::AtomicU32::new(0);
        // Each session is the number of times that one was opened.
        let open = move || Ok(opened.fetch_add(1, Ordering::Relaxed) + 1);
        let worker = Worker::start(open, Duration::from_secs(60)).unwrap();
        let gone = || Trouble::Session("gone".to_owned());
        let second =
            worker.call(move |session| (*session == 2).then_some(*session).ok_or_else(gone));
        assert_eq!(second.unwrap(), 2, "with the session that was opened anew");
        assert!(message(worker.call::<()>(move |_| Err(gone()))).contains("gone"));
        let now = worker.call(|session| Ok(*session)).unwrap();
        assert_eq!(now, 4, "tried twice, then opened for this");
        let refuse = || Trouble::Refused(ProviderError::Token("no".to_owned()));
        assert!(message(worker.call::<()>(move |_| Err(refuse()))).contains("no"));
        assert_eq!(
            worker.call(|session| Ok(*session)).unwrap(),
            4,
            "the session stays"
        );
    }
}
