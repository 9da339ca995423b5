//! A thread that speaks to something that may not answer: whoever asks waits for a bounded time.
//!
//! What the thread works with is opened there, and opened anew once where it failed. A thread that is stuck is left alone: until it comes
//! back, whoever asks is told at once.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::token::Trouble;
use crate::providers::{ProviderError, aside};

type Job<S> = Box<dyn FnOnce(&mut Held<S>, &Mutex<bool>) + Send>;
type Open<S> = Box<dyn Fn() -> Result<S, Trouble> + Send>;

/// What the thread holds.
struct Held<S> {
    open: Open<S>,
    session: Option<S>,
}

/// How long it is waited for the thread to end, which lets go of the session and of the module: a process that exits meanwhile takes away from under it
/// what the module works with.
const END: Duration = Duration::from_secs(2);

/// The thread, as others ask it. It ends with the last answer after this is dropped, which is waited for unless it is stuck.
pub(super) struct Worker<S> {
    /// None once this is dropped.
    jobs: Option<Sender<Job<S>>>,
    /// Disconnected once the thread has let go of everything.
    ended: Mutex<Receiver<()>>,
    /// Somebody waited in vain, and the thread has finished nothing since. Held while an answer is given, or given up.
    is_stuck: Arc<Mutex<bool>>,
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
        let is_stuck = Arc::new(Mutex::new(false));
        let mark = Arc::clone(&is_stuck);
        let thread = std::thread::Builder::new().name("master-key".to_owned());
        let (ends, ended): (SyncSender<()>, _) = sync_channel(0);
        // The session is made on the thread and does not leave it.
        let started = thread.spawn(move || {
            let held = Held {
                open,
                session: None,
            };
            run(held, &given, &mark);
            drop(ends);
        });
        started.map_err(|error| ProviderError::Token(format!("no thread for it: {error}")))?;
        let worker = Self {
            jobs: Some(jobs),
            ended: Mutex::new(ended),
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
        if *marked(&self.is_stuck) {
            return Err(late());
        }
        let (reply, answer) = sync_channel(1);
        let job = move |held: &mut Held<S>, is_stuck: &Mutex<bool>| {
            let done = held.twice(work);
            let mut is_stuck = marked(is_stuck);
            // Where nobody waits any more, that is told by the mark.
            drop(reply.send(done));
            *is_stuck = false;
        };
        self.send(Box::new(job)).map_err(|()| late())?;
        let answered = aside(|| answer.recv_timeout(self.limit).ok());
        let answered = answered.or_else(|| self.given_up(&answer));
        answered.unwrap_or_else(|| Err(late()))
    }

    /// Has something done once the thread comes to it, without waiting. `failed` is told where it is not.
    pub(super) fn leave(
        &self,
        work: impl Fn(&mut S) -> Result<(), Trouble> + Send + 'static,
        failed: impl FnOnce(ProviderError) + Send + 'static,
    ) {
        let job = move |held: &mut Held<S>, is_stuck: &Mutex<bool>| {
            let done = held.twice(work);
            *marked(is_stuck) = false;
            done.unwrap_or_else(failed);
        };
        // Where the thread has ended, so has this process's work with it.
        self.send(Box::new(job)).ok();
    }

    fn send(&self, job: Job<S>) -> Result<(), ()> {
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job));
        sent.and_then(Result::ok).ok_or(())
    }

    /// Marks the thread as stuck, unless the answer has come just now.
    fn given_up<T>(&self, answer: &Receiver<T>) -> Option<T> {
        let mut is_stuck = marked(&self.is_stuck);
        let answered = answer.try_recv().ok();
        if answered.is_none() {
            *is_stuck = true;
        }
        answered
    }
}

impl<S> Drop for Worker<S> {
    fn drop(&mut self) {
        self.jobs = None;
        if *marked(&self.is_stuck) {
            return;
        }
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        // An error is the end, or that it takes longer than it is waited for.
        ended.recv_timeout(END).ok();
    }
}

fn marked(is_stuck: &Mutex<bool>) -> MutexGuard<'_, bool> {
    is_stuck.lock().unwrap_or_else(PoisonError::into_inner)
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

fn run<S>(mut held: Held<S>, jobs: &Receiver<Job<S>>, is_stuck: &Mutex<bool>) {
    while let Ok(job) = jobs.recv() {
        job(&mut held, is_stuck);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn message<T>(done: Result<T, ProviderError>) -> String {
        done.err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    /// What is not to be late is not, however busy the machine is.
    const LIMIT: Duration = Duration::from_secs(600);

    /// Has the thread wait until what this gives is dropped.
    fn stuck(worker: &mut Worker<()>) -> Sender<()> {
        let (go_on, waits) = channel::<()>();
        let waits = Mutex::new(waits);
        worker.limit = Duration::from_millis(50);
        let late = worker.call(move |()| {
            waits.lock().unwrap().recv().unwrap_or_default();
            Ok(())
        });
        worker.limit = LIMIT;
        assert!(message(late).contains("has not answered"));
        go_on
    }

    #[test]
    fn who_does_not_answer_is_waited_for_once_and_comes_back() {
        let mut worker = Worker::start(|| Ok(()), LIMIT).unwrap();
        let go_on = stuck(&mut worker);
        // At once: nobody is asked.
        assert!(message(worker.call(|()| Ok(()))).contains("has not answered"));
        drop(go_on);
        while *marked(&worker.is_stuck) {
            std::thread::yield_now();
        }
        assert!(worker.call(|()| Ok(())).is_ok());
    }

    #[test]
    fn an_answer_that_comes_as_it_is_given_up_counts() {
        let worker = Worker::start(|| Ok(()), LIMIT).unwrap();
        let (reply, answer) = sync_channel(1);
        reply.send(7).unwrap();
        assert_eq!(worker.given_up(&answer), Some(7));
        assert!(worker.call(|()| Ok(())).is_ok(), "it is not stuck");
        assert_eq!(worker.given_up(&answer), None);
        assert!(message(worker.call(|()| Ok(()))).contains("has not answered"));
    }

    #[test]
    fn who_is_dropped_has_let_go_of_what_it_held() {
        struct Slow(Arc<AtomicU32>);
        impl Drop for Slow {
            fn drop(&mut self) {
                std::thread::sleep(Duration::from_millis(200));
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let closed = Arc::new(AtomicU32::new(0));
        let session = Arc::clone(&closed);
        let worker = Worker::start(move || Ok(Slow(Arc::clone(&session))), LIMIT).unwrap();
        assert!(worker.call(|_| Ok(())).is_ok());
        drop(worker);
        assert_eq!(closed.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_is_left_to_a_stuck_thread_is_done_when_it_comes_back() {
        let mut worker = Worker::start(|| Ok(()), LIMIT).unwrap();
        let go_on = stuck(&mut worker);
        let (done, told) = channel();
        let failed = done.clone();
        worker.leave(
            move |()| {
                done.send("done".to_owned()).unwrap();
                Err(Trouble::Refused(ProviderError::Token("no".to_owned())))
            },
            move |error| failed.send(error.to_string()).unwrap(),
        );
        drop((go_on, worker));
        assert_eq!(told.recv().unwrap(), "done");
        assert!(told.recv().unwrap().ends_with("no"));
    }

    #[test]
    fn a_session_that_failed_is_opened_anew_and_a_refusal_is_final() {
        let opened = AtomicU32::new(0);
        // Each session is the number of times that one was opened.
        let open = move || Ok(opened.fetch_add(1, Ordering::Relaxed) + 1);
        let worker = Worker::start(open, LIMIT).unwrap();
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
