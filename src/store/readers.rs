//! The threads that read: each has a connection of its own and does one short job at a time.
//!
//! The runtime is never blocked: it hands over a job and awaits the answer. Each job sees one
//! moment of the database. Searches leave a thread free for what needs one key now.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::engine::Connection;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::StoreError;
use super::whereabouts::Whereabouts;

/// Jobs that may wait; who brings more waits with them.
const JOBS_MAX: usize = 1024;

type Job = Box<dyn FnOnce(Result<&Connection, StoreError>) + Send>;

/// A connection to a server that was idle for longer is looked at before it is used.
const IDLE: Duration = Duration::from_secs(1);

/// The pool.
#[derive(Debug)]
pub(super) struct Readers {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The threads that may search at the same time; who waits for one is served in turn.
    searches: Arc<Semaphore>,
}

impl Readers {
    /// Starts so many threads.
    pub(super) fn start(whereabouts: &Whereabouts, count: usize) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel::<Job>(JOBS_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::new();
        for _ in 0..count.max(1) {
            let db = Reader::open(whereabouts)?;
            let receiver = Arc::clone(&receiver);
            let thread = std::thread::Builder::new().name("store-reader".to_owned());
            let thread = thread.spawn(move || serve(db, &receiver));
            threads.push(thread.map_err(|error| StoreError::File(error.to_string()))?);
        }
        Ok(Self {
            jobs: Mutex::new(Some(sender)),
            threads: Mutex::new(threads),
            searches: Arc::new(Semaphore::new(count.saturating_sub(1).max(1))),
        })
    }

    /// Runs a job that is one step of a long search, as [`Readers::read`] does, when it is its turn.
    pub(super) async fn search<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.searches).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::Closed)?;
        // The turn goes with the job, which is done also where nobody waits for it any more.
        let in_turn = move |db: &Connection| {
            let done = job(db);
            drop(turn);
            done
        };
        self.read(in_turn).await
    }

    /// Runs `job` on one of the threads, in one read transaction.
    pub(super) async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let jobs = jobs.ok_or(StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move |db: Result<&Connection, StoreError>| {
            let result = db.and_then(|db| db.at_one_moment(job));
            // Who asked may have gone away.
            drop(reply.send(result));
        });
        jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Ends the threads once the jobs that wait are done. Blocks until then.
    pub(super) fn stop(&self) {
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("A thread that reads the store panicked.");
            }
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(mut db: Reader, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let job = jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        match job {
            Some(job) => {
                job(db.connection());
                db.used = Instant::now();
            }
            None => return,
        }
    }
}

/// A connection that is made anew where it was lost.
struct Reader {
    whereabouts: Whereabouts,
    db: Connection,
    used: Instant,
}

impl Reader {
    fn open(whereabouts: &Whereabouts) -> Result<Self, StoreError> {
        Ok(Self {
            whereabouts: whereabouts.clone(),
            db: whereabouts.reader()?,
            used: Instant::now(),
        })
    }

    fn connection(&mut self) -> Result<&Connection, StoreError> {
        if let Connection::Server(session) = &self.db {
            let is_lost = session.is_closed()
                || (self.used.elapsed() > IDLE && session.batch("SELECT 1").is_err());
            if is_lost {
                self.db = self.whereabouts.reader()?;
            }
        }
        Ok(&self.db)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as blocking;

    use super::*;

    fn readers(directory: &tempfile::TempDir, count: usize) -> Readers {
        Readers::start(&Whereabouts::File(directory.path().join("db")), count).unwrap()
    }

    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        drop(rusqlite::Connection::open(directory.path().join("db")).unwrap());
        directory
    }

    #[tokio::test]
    async fn a_search_has_its_turn_until_it_is_done_also_where_nobody_waits_for_it() {
        let directory = directory();
        let readers = Arc::new(readers(&directory, 2));
        let (begun, begins) = oneshot::channel();
        let (go_on, goes_on) = blocking::channel::<()>();
        let searching = Arc::clone(&readers);
        let caller = tokio::spawn(async move {
            let job = move |_: &Connection| {
                begun.send(()).unwrap();
                // Until the test says so, or has failed.
                goes_on.recv().ok();
                Ok(())
            };
            searching.search(job).await
        });
        begins.await.unwrap();
        // One more waits for its turn. Both callers go away.
        let waiting = Arc::clone(&readers);
        let waiting = tokio::spawn(async move { waiting.search(|_| Ok(())).await });
        tokio::task::yield_now().await;
        for caller in [caller, waiting] {
            caller.abort();
            assert!(caller.await.unwrap_err().is_cancelled());
        }
        let turns = Arc::clone(&readers.searches);
        assert_eq!(turns.available_permits(), 0, "the thread is still at it");
        // What needs one key now is not kept waiting.
        readers.read(|_| Ok(())).await.unwrap();
        go_on.send(()).unwrap();
        readers.search(|_| Ok(())).await.unwrap();
        assert_eq!(turns.available_permits(), 1, "every turn was given back");
    }
}
