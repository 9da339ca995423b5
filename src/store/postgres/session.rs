//! A session with a PostgreSQL server, as a thread without a runtime uses it: it asks, and waits for the answer.
//!
//! A session says of a transaction that it was committed only if it was: a COMMIT after a failed statement is an error, and so is whatever
//! was under way when the connection went. It never connects again by itself, for what it held (locks, a transaction) went with it.

mod link;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::address::Address;
use super::binding::Parameter;
use super::dialect::{self, Control};
use super::error::ServerError;
use crate::store::engine::{Error, Value};
use link::Link;

/// Statements that are kept prepared; with more, all are prepared anew.
const STATEMENTS_MAX: usize = 512;
/// How often it is looked whether an answer is late.
const LOOK: Duration = Duration::from_millis(100);
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A session, used by one thread at a time.
pub(in crate::store) struct Session {
    link: Link,
    statements: RefCell<HashMap<String, Prepared>>,
    is_in_transaction: Cell<bool>,
    reading: Cell<Reading>,
    /// How long an answer is waited for; none: as long as it takes.
    limit: Cell<Option<Duration>>,
    /// An answer did not come in time.
    is_given_up: Cell<bool>,
    outdated: Option<Outdated>,
    /// How often an answer was waited for.
    waits: Cell<u64>,
}

/// What tells that another session has connected again since: this one may be with a server that is the primary no more.
#[derive(Debug, Clone)]
struct Outdated {
    reconnects: Arc<AtomicU64>,
    begun_at: u64,
}

impl Outdated {
    fn is_so(&self) -> bool {
        self.reconnects.load(Ordering::Acquire) != self.begun_at
    }
}

/// A statement the server has parsed.
#[derive(Debug, Clone)]
pub(in crate::store) struct Prepared(Statement);

/// One of several statements that are sent together.
pub(in crate::store) enum Step<'a> {
    /// Statements without parameters.
    Batch(&'a str),
    /// A statement that changes rows.
    Execute(&'a Prepared, &'a [&'a (dyn ToSql + Sync)]),
    /// A statement that answers with rows.
    Query(&'a Prepared, &'a [&'a (dyn ToSql + Sync)]),
}

/// What one of them answered.
#[derive(Debug)]
pub(in crate::store) enum Answer {
    /// The rows.
    Rows(Vec<Row>),
    /// How many rows it changed.
    Changed(u64),
    /// It was done; a COMMIT has committed.
    Done,
}

/// Where a reading at one moment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// There is none.
    Not,
    /// It begins with the next statement.
    Asked,
    /// Its moment is fixed.
    Open,
}

impl Session {
    /// Connects to the first server of an address that lets us in and takes writes.
    pub(in crate::store) fn connect(
        address: &Address,
        search_path: &str,
        use_name: &str,
    ) -> Result<Self, ServerError> {
        Ok(Self {
            link: Link::open(address, search_path, &format!("keyledger {use_name}"))?,
            statements: RefCell::default(),
            is_in_transaction: Cell::new(false),
            reading: Cell::new(Reading::Not),
            limit: Cell::new(None),
            is_given_up: Cell::new(false),
            outdated: None,
            waits: Cell::new(0),
        })
    }

    /// A statement with parameters `?1`, `?2` and so on, prepared once for this session.
    pub(in crate::store) fn prepare(&self, sql: &str) -> Result<Prepared, Error> {
        Ok(self.prepared(sql)?)
    }

    /// Runs a statement, and gives its rows.
    pub(in crate::store) fn query(
        &self,
        statement: &Prepared,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, Error> {
        Ok(self.rows(statement, values)?)
    }

    /// Runs a statement, and tells how many rows it changed.
    pub(in crate::store) fn execute(
        &self,
        statement: &Prepared,
        values: &[Value<'_>],
    ) -> Result<usize, Error> {
        let parameters: Vec<_> = values.iter().copied().map(Parameter).collect();
        let parameters: Vec<_> = parameters.iter().map(as_sql).collect();
        match self.one(Step::Execute(statement, &parameters))? {
            Answer::Changed(rows) => Ok(usize::try_from(rows).unwrap_or(usize::MAX)),
            Answer::Rows(_) | Answer::Done => Ok(0),
        }
    }

    /// Runs statements without parameters, one after the other.
    pub(in crate::store) fn batch(&self, sql: &str) -> Result<(), Error> {
        self.one(Step::Batch(sql))?;
        Ok(())
    }

    /// Whether a transaction is under way. One in which a statement failed is, until it is rolled back.
    pub(in crate::store) const fn is_in_transaction(&self) -> bool {
        self.is_in_transaction.get()
    }

    /// Lets all that follows see one moment of the database, that of the first statement that follows. Inside a transaction it does nothing.
    pub(in crate::store) fn begin_reading(&self) {
        if !self.is_in_transaction() && self.reading.get() == Reading::Not {
            self.reading.set(Reading::Asked);
        }
    }

    /// Ends what [`Session::begin_reading`] began. The answer is not waited for: there is nothing to be lost.
    pub(in crate::store) fn end_reading(&self) -> Result<(), Error> {
        if self.reading.replace(Reading::Not) != Reading::Open {
            return Ok(());
        }
        self.is_in_transaction.set(false);
        let client = self.link.client();
        // After a failed statement it rolls back, which is as good.
        let ended = self.link.run(async {
            let sent = poll_once(&mut Box::pin(client.batch_execute("COMMIT"))).await;
            tokio::task::yield_now().await;
            sent
        });
        match ended {
            Poll::Ready(Err(error)) => Err(self.link.error(&error).into()),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// Sends all statements without waiting in between, and gives the answer of each.
    ///
    /// A COMMIT counts as failed if any statement before it failed, so a pipeline must not roll back to a savepoint and go on. After a failure
    /// a transaction is still open: [`Session::reset`] ends it.
    pub(in crate::store) fn pipeline(&self, steps: &[Step<'_>]) -> Vec<Result<Answer, Error>> {
        self.all(steps)
            .into_iter()
            .map(|answer| answer.map_err(Error::from))
            .collect()
    }

    /// Has it count as closed once this number is another than `begun_at`.
    pub(super) fn outdated_by(mut self, reconnects: &Arc<AtomicU64>, begun_at: u64) -> Self {
        self.outdated = Some(Outdated {
            reconnects: Arc::clone(reconnects),
            begun_at,
        });
        self
    }

    /// Whether the connection is gone, as far as this machine knows, or was given up.
    pub(in crate::store) fn is_closed(&self) -> bool {
        self.is_given_up() || self.link.is_closed()
    }

    fn is_given_up(&self) -> bool {
        self.is_given_up.get() || self.outdated.as_ref().is_some_and(Outdated::is_so)
    }

    /// How often an answer was waited for.
    pub(in crate::store) const fn waits(&self) -> u64 {
        self.waits.get()
    }

    /// The server's process for this session.
    pub(in crate::store) const fn backend_pid(&self) -> i32 {
        self.link.backend_pid()
    }

    /// Waits for no answer longer than this. Where one does not come in time the session counts as lost, and is of no use any more: what was
    /// asked may be done later.
    pub(in crate::store) fn limit(&self, limit: Duration) {
        self.limit.set(Some(limit));
    }

    /// Waits for answers as long as they take: tables are made, or read from end to end.
    pub(super) fn unlimited(&self) {
        self.limit.set(None);
    }

    /// Makes the session fit for use after an error: a transaction that is open is rolled back.
    pub(in crate::store) fn reset(&self) {
        self.reading.set(Reading::Not);
        if !self.is_in_transaction() {
            return;
        }
        if let Err(error) = self.one(Step::Batch("ROLLBACK")) {
            tracing::debug!(%error, "A transaction could not be rolled back.");
        }
        // If that failed the connection is gone, and the transaction with it.
        self.is_in_transaction.set(false);
    }

    /// Waits for a notification on a channel that is listened to. True if there was one since the last time.
    pub(in crate::store) fn wait_for_notice(&self, timeout: Duration) -> Result<bool, ServerError> {
        self.link.wait_for_notice(timeout)
    }

    pub(super) fn prepared(&self, sql: &str) -> Result<Prepared, ServerError> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let (client, text) = (self.link.client(), dialect::translated(sql));
        let made = self.in_time(client.prepare(&text))?;
        let prepared = Prepared(made.map_err(|error| self.link.error(&error))?);
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= STATEMENTS_MAX {
            statements.clear();
        }
        statements.insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    pub(super) fn rows(
        &self,
        statement: &Prepared,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, ServerError> {
        let parameters: Vec<_> = values.iter().copied().map(Parameter).collect();
        let parameters: Vec<_> = parameters.iter().map(as_sql).collect();
        match self.one(Step::Query(statement, &parameters))? {
            Answer::Rows(rows) => Ok(rows),
            Answer::Changed(_) | Answer::Done => Ok(Vec::new()),
        }
    }

    fn one(&self, step: Step<'_>) -> Result<Answer, ServerError> {
        self.all(&[step])
            .pop()
            .unwrap_or(Err(ServerError::Abandoned))
    }

    fn all(&self, steps: &[Step<'_>]) -> Vec<Result<Answer, ServerError>> {
        let begin = (self.reading.get() == Reading::Asked).then_some(Step::Batch(BEGIN_READING));
        let sent: Vec<_> = begin.iter().chain(steps).collect();
        self.link.begin_confirming();
        let client = self.link.client();
        let answers = match self.in_time(send_all(client, &sent)) {
            Ok(answers) => answers,
            Err(error) => return steps.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut answers = self.settled(&sent, answers).into_iter();
        if begin.is_some()
            && let Some(begun) = answers.next()
        {
            match begun {
                Ok(_) => self.reading.set(Reading::Open),
                // Without it nothing was seen at one moment.
                Err(error) => return steps.iter().map(|_| Err(error.clone())).collect(),
            }
        }
        answers.collect()
    }

    /// Waits for what the server answers, but not for ever.
    fn in_time<T: Send>(&self, asked: impl Future<Output = T> + Send) -> Result<T, ServerError> {
        if self.is_given_up() {
            return Err(self.late());
        }
        self.waits.set(self.waits.get() + 1);
        let too_late = too_late(self.limit.get(), self.outdated.clone());
        let answered = self.link.run(async {
            tokio::select! {
                biased;
                answered = asked => Some(answered),
                () = too_late => None,
            }
        });
        answered.ok_or_else(|| {
            self.is_in_transaction.set(false);
            self.is_given_up.set(true);
            self.late()
        })
    }

    fn late(&self) -> ServerError {
        match &self.outdated {
            Some(outdated) if outdated.is_so() => ServerError::outdated(),
            _ => ServerError::unanswered(),
        }
    }

    /// Notes what the answers mean for the transaction, and lets no COMMIT count after an error.
    fn settled(&self, steps: &[&Step<'_>], answers: Vec<Sent>) -> Vec<Result<Answer, ServerError>> {
        let mut has_failed = false;
        let mut settled = Vec::with_capacity(answers.len());
        for (step, answer) in steps.iter().zip(answers) {
            let control = match step {
                Step::Batch(sql) => Control::last_of(sql),
                Step::Execute(..) | Step::Query(..) => None,
            };
            let answer = match answer {
                Sent::Answered(Ok(answer)) => {
                    self.is_in_transaction.set(match control {
                        Some(control) => control == Control::Begin,
                        None => self.is_in_transaction(),
                    });
                    if control == Some(Control::Commit) && has_failed {
                        Err(ServerError::Abandoned)
                    } else if control == Some(Control::Commit) && self.link.is_unconfirmed() {
                        Err(ServerError::unconfirmed())
                    } else {
                        Ok(answer)
                    }
                }
                Sent::Answered(Err(error)) => Err(self.failed(step, &error)),
                Sent::Never => Err(ServerError::Abandoned),
            };
            has_failed |= answer.is_err();
            settled.push(answer);
        }
        settled
    }

    fn failed(&self, step: &Step<'_>, error: &tokio_postgres::Error) -> ServerError {
        let error = self.link.error(error);
        if error.is_lost() {
            self.is_in_transaction.set(false);
        } else if matches!(step, Step::Batch(sql) if Control::is_begun_by(sql)) {
            // It may have failed after that; to roll back once too often does no harm.
            self.is_in_transaction.set(true);
        }
        // A statement was parsed for tables that are others now, or is not known any more.
        if error.is_state("0A000") || error.is_state("26000") {
            self.statements.borrow_mut().clear();
        }
        error
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.backend_pid())
    }
}

/// Returns when an answer is waited for no more.
async fn too_late(limit: Option<Duration>, outdated: Option<Outdated>) {
    let until = limit.map(|limit| Instant::now() + limit);
    loop {
        tokio::time::sleep(LOOK).await;
        let is_over = until.is_some_and(|until| Instant::now() >= until);
        if is_over || outdated.as_ref().is_some_and(Outdated::is_so) {
            return;
        }
    }
}

fn as_sql<'a>(parameter: &'a Parameter<'_>) -> &'a (dyn ToSql + Sync) {
    parameter
}

/// What became of a step.
enum Sent {
    Answered(Result<Answer, tokio_postgres::Error>),
    /// One before it could not be sent, so it was not either: a COMMIT among them would have kept half of the work.
    Never,
}

type Asked<'a> = Pin<Box<dyn Future<Output = Result<Answer, tokio_postgres::Error>> + Send + 'a>>;

/// Sends all steps, then waits for the answers in order.
async fn send_all(client: &Client, steps: &[&Step<'_>]) -> Vec<Sent> {
    let mut under_way = Vec::with_capacity(steps.len());
    let mut unsent = None;
    for step in steps {
        let mut asked = ask(client, step);
        // The library sends when it is polled first, and fails then if it cannot.
        match poll_once(&mut asked).await {
            Poll::Pending => under_way.push(asked),
            Poll::Ready(done) => {
                unsent = Some(done);
                break;
            }
        }
    }
    let mut answers = Vec::with_capacity(steps.len());
    for asked in under_way {
        answers.push(Sent::Answered(asked.await));
    }
    answers.extend(unsent.map(Sent::Answered));
    answers.resize_with(steps.len(), || Sent::Never);
    answers
}

fn ask<'a>(client: &'a Client, step: &'a Step<'_>) -> Asked<'a> {
    match step {
        Step::Batch(sql) => Box::pin(async move {
            let done = client.batch_execute(dialect::control(sql)).await;
            done.map(|()| Answer::Done)
        }),
        Step::Execute(statement, parameters) => Box::pin(async move {
            let changed = client.execute(&statement.0, parameters).await;
            changed.map(Answer::Changed)
        }),
        Step::Query(statement, parameters) => Box::pin(async move {
            let rows = client.query(&statement.0, parameters).await;
            rows.map(Answer::Rows)
        }),
    }
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
}

#[cfg(test)]
pub(super) mod tests;
