//! Against the server that KEYLEDGER_TEST_POSTGRES_ADMIN names, as one who may make tables and roles; skipped without.

pub(in crate::store::postgres) mod wire;

use std::time::{Duration, Instant};

use super::{Answer, ServerError, Session, Step};
use crate::store::StoreError;
use crate::store::engine::Value;
use crate::store::postgres::address::Address;
use crate::store::postgres::binding::{Parameter, value};
use wire::Relay;

/// The URL of the server; none where the tests are to be skipped, which is said.
pub(in crate::store::postgres) fn url() -> Option<String> {
    let url = std::env::var_os("KEYLEDGER_TEST_POSTGRES_ADMIN");
    if url.is_none() {
        eprintln!("skipped: KEYLEDGER_TEST_POSTGRES_ADMIN names no server");
    }
    url.map(|url| url.into_string().unwrap())
}

/// A session with it.
pub(in crate::store::postgres) fn session(name: &str) -> Option<Session> {
    url().map(|url| connected(&url, name).unwrap())
}

fn connected(url: &str, name: &str) -> Result<Session, ServerError> {
    let address = Address::read(url, None, None).unwrap();
    Session::connect(&address, "pg_temp, public", name)
}

/// A session may be made by one thread and used by another.
const fn _is_sent<T: Send>() {}
const _: () = _is_sent::<Session>();

fn number(session: &Session, sql: &str) -> i64 {
    let rows = session.query(&session.prepare(sql).unwrap(), &[]).unwrap();
    match value(&rows[0], 0) {
        Some(Value::Integer(number)) => number,
        other => panic!("{other:?}"),
    }
}

fn text(session: &Session, sql: &str) -> String {
    let rows = session.query(&session.prepare(sql).unwrap(), &[]).unwrap();
    match value(&rows[0], 0) {
        Some(Value::Text(text)) => text.to_owned(),
        other => panic!("{other:?}"),
    }
}

/// A table that two sessions see, removed in the end.
struct Table<'a>(&'a Session, String);

impl<'a> Table<'a> {
    fn made(session: &'a Session, name: &str) -> Self {
        let name = format!("public.kl_{name}_{}", std::process::id());
        session
            .batch(&format!("CREATE TABLE {name} (id BIGINT PRIMARY KEY)"))
            .unwrap();
        Self(session, name)
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        self.0.reset();
        self.0.batch(&format!("DROP TABLE {}", self.1)).unwrap();
    }
}

#[test]
fn what_cells_hold_comes_back_as_it_went() {
    let Some(session) = session("cells") else {
        return;
    };
    session
        .batch("CREATE TEMP TABLE t (id BIGINT, name TEXT, hash BYTEA, live BIGINT)")
        .unwrap();
    let insert = session
        .prepare("INSERT INTO t VALUES (?1, ?2, ?3, ?4)")
        .unwrap();
    let row = [
        Value::Integer(i64::MIN),
        Value::Text("ä"),
        Value::Blob(&[0, 255]),
        Value::Null,
    ];
    assert_eq!(session.execute(&insert, &row).unwrap(), 1);
    let select = session
        .prepare("SELECT id, name, hash, live, id IS NULL, length(name) FROM t WHERE id = ?1")
        .unwrap();
    let rows = session.query(&select, &row[..1]).unwrap();
    let read: Vec<_> = (0..6)
        .map(|column| value(&rows[0], column).unwrap())
        .collect();
    assert_eq!(read[..4], row);
    assert_eq!(read[4..], [Value::Integer(0), Value::Integer(1)]);
    assert_eq!(value(&rows[0], 6), None);
    let unread = session.prepare("SELECT 1.5::double precision").unwrap();
    assert_eq!(value(&session.query(&unread, &[]).unwrap()[0], 0), None);
}

#[test]
fn what_does_not_fit_is_not_sent_and_is_not_a_lost_connection() {
    let Some(session) = session("unfit") else {
        return;
    };
    let select = session.prepare("SELECT CAST(?1 AS BIGINT)").unwrap();
    for values in [
        &[Value::Text("1")][..],
        &[Value::Blob(&[1])],
        &[],
        &[Value::Null, Value::Null],
    ] {
        let error = session.rows(&select, values).unwrap_err();
        assert!(matches!(error, ServerError::Unsent(_)), "{error}");
        assert!(!error.is_lost());
        assert!(matches!(error.sorted(), StoreError::Engine(_)));
    }
    let nul = session.prepared("SELECT '\0'").unwrap_err();
    assert!(!nul.is_lost(), "{nul}");
    assert_eq!(number(&session, "SELECT 1"), 1);
}

#[test]
fn a_pipeline_with_a_failing_step_commits_nothing() {
    let Some(session) = session("pipeline") else {
        return;
    };
    let table = Table::made(&session, "pipeline");
    let insert = session
        .prepare(&format!("INSERT INTO {} VALUES (?1)", table.1))
        .unwrap();
    let count = format!("SELECT count(*) FROM {}", table.1);
    let select = session.prepare(&count).unwrap();
    let run = |numbers: &[Value<'static>; 3]| {
        let numbers = numbers.map(Parameter);
        session.pipeline(&[
            Step::Batch("BEGIN IMMEDIATE"),
            Step::Execute(&insert, &[&numbers[0]]),
            Step::Execute(&insert, &[&numbers[1]]),
            Step::Execute(&insert, &[&numbers[2]]),
            Step::Query(&select, &[]),
            Step::Batch("COMMIT"),
        ])
    };
    let (one, two, three) = (Value::Integer(1), Value::Integer(2), Value::Integer(3));

    // Refused by the server, and by the library before it is sent.
    let twice = run(&[one, one, two]);
    assert!(twice[0].is_ok() && twice[1].is_ok());
    assert!(
        matches!(&twice[2], Err(crate::store::engine::Error::Server(error)) if error.is_state("23505"))
    );
    assert!(twice[3..].iter().all(Result::is_err));
    assert!(session.is_in_transaction());
    session.reset();
    assert!(!session.is_in_transaction());
    assert_eq!(number(&session, &count), 0);
    let unfit = run(&[one, Value::Text("2"), three]);
    assert!(unfit[0].is_ok() && unfit[1].is_ok());
    assert!(unfit[2..].iter().all(Result::is_err));
    assert!(session.is_in_transaction());
    session.reset();
    assert_eq!(number(&session, &count), 0);

    let done = run(&[one, two, three]);
    assert!(matches!(done[1], Ok(Answer::Changed(1))));
    assert!(matches!(&done[4], Ok(Answer::Rows(rows)) if value(&rows[0], 0) == Some(three)));
    assert!(matches!(done[5], Ok(Answer::Done)));
    assert!(!session.is_in_transaction());
    assert_eq!(number(&session, &count), 3);
}

#[test]
fn a_failure_nobody_looked_at_is_not_committed_over() {
    let Some(session) = session("commit") else {
        return;
    };
    session.batch("BEGIN").unwrap();
    session.batch("SAVEPOINT one").unwrap();
    assert!(session.batch("SELECT 1/0").is_err());
    assert!(session.batch("COMMIT").is_err());
    assert!(session.is_in_transaction());
    session.batch("ROLLBACK TO one").unwrap();
    assert!(session.is_in_transaction());
    session.batch("COMMIT").unwrap();
    assert!(!session.is_in_transaction());
}

#[test]
fn what_fails_after_it_began_a_transaction_leaves_one_that_is_reset() {
    let Some(session) = session("begun") else {
        return;
    };
    assert!(session.batch("BEGIN; SELECT 1/0; COMMIT").is_err());
    assert!(session.is_in_transaction());
    session.reset();
    session.batch("SELECT 1").unwrap();
}

#[test]
fn a_reading_sees_one_moment() {
    let (Some(reader), Some(writer)) = (session("reader"), session("writer")) else {
        return;
    };
    let table = Table::made(&writer, "moment");
    let count = format!("SELECT count(*) FROM {}", table.1);
    let add = |id: u32| {
        writer
            .batch(&format!("INSERT INTO {} VALUES ({id})", table.1))
            .unwrap()
    };
    reader.begin_reading();
    add(1);
    // The moment is that of the first statement.
    assert_eq!(number(&reader, &count), 1);
    add(2);
    assert_eq!(number(&reader, &count), 1);
    reader.end_reading().unwrap();
    assert_eq!(number(&reader, &count), 2);

    reader.begin_reading();
    assert!(reader.batch(&format!("DELETE FROM {}", table.1)).is_err());
    assert!(reader.batch("SELECT 1").is_err());
    reader.end_reading().unwrap();
    assert_eq!(number(&reader, &count), 2);

    reader.begin_reading();
    reader.end_reading().unwrap();
    assert!(!reader.is_in_transaction());
    reader.batch(&format!("DELETE FROM {}", table.1)).unwrap();
    assert_eq!(number(&reader, &count), 0);
}

/// Else the end of the reading would end the transaction.
#[test]
fn a_reading_inside_a_transaction_leaves_it_open() {
    let Some(session) = session("inside") else {
        return;
    };
    session.batch("BEGIN").unwrap();
    session.begin_reading();
    assert_eq!(number(&session, "SELECT 1"), 1);
    session.end_reading().unwrap();
    assert_eq!(
        text(
            &session,
            "SELECT CASE WHEN now() = statement_timestamp() THEN 'new' ELSE 'same' END"
        ),
        "same"
    );
    session.batch("ROLLBACK").unwrap();
}

#[test]
fn a_session_that_is_ended_is_lost() {
    let (Some(ended), Some(other)) = (session("ended"), session("other")) else {
        return;
    };
    ended.batch("BEGIN").unwrap();
    let end = format!("SELECT pg_terminate_backend({})", ended.backend_pid());
    assert!(!ended.is_closed());
    other.batch(&end).unwrap();
    // Which words are left depends on what is read first: the server's, or that the connection is reset.
    for _ in 0..2 {
        let error = ended.prepared("SELECT 2").unwrap_err();
        assert!(error.is_lost(), "{error}");
        assert!(matches!(error.sorted(), StoreError::Lost(_)));
    }
    assert!(ended.is_closed());
    ended.reset();
    assert!(!ended.is_in_transaction());
}

/// While it is idle, nobody reads what the server says.
#[test]
fn an_idle_session_that_is_ended_is_seen_to_be_closed() {
    let (Some(ended), Some(other)) = (session("idle"), session("other")) else {
        return;
    };
    let started = Instant::now();
    other
        .batch(&format!(
            "SELECT pg_terminate_backend({})",
            ended.backend_pid()
        ))
        .unwrap();
    while !ended.is_closed() {
        assert!(started.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
    let error = ended.wait_for_notice(Duration::ZERO).unwrap_err();
    assert!(error.is_lost() && error.is_state("57P01"), "{error}");
    assert_eq!(ended.prepared("SELECT 1").unwrap_err(), error);
}

#[test]
fn a_server_that_goes_is_lost_and_then_unreachable() {
    let Some(url) = url() else { return };
    let relay = Relay::to(&url, None);
    let session = connected(&relay.url, "cut").unwrap();
    let select = session.prepared("SELECT 1").unwrap();
    let url = relay.cut();
    let error = session.rows(&select, &[]).unwrap_err();
    assert!(error.is_lost() && error.state().is_none(), "{error}");
    assert!(session.is_closed());
    let (base, rest) = url.rsplit_once('/').unwrap();
    let two = format!("{base},127.0.0.1:1/{rest}");
    let error = connected(&two, "cut").unwrap_err();
    assert!(error.is_lost(), "{error}");
    let text = error.to_string();
    assert_eq!(text.matches("onnection refused").count(), 2, "{text}");
    assert!(text.contains("127.0.0.1:1:"), "{text}");
    assert!(matches!(error.sorted(), StoreError::Unreachable(_)));
}

#[test]
fn a_server_that_does_not_answer_is_unreachable() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let error = connected(
        &format!("postgres://u@127.0.0.1:{port}/d?connect_timeout=1"),
        "silent",
    )
    .unwrap_err();
    assert!(
        error.to_string().ends_with("no answer within 1 s"),
        "{error}"
    );
    assert!(error.is_lost());
}

#[test]
fn the_second_server_is_used_where_the_first_is_away() {
    let Some(url) = url() else { return };
    let both = url.replace("@127.0.0.1", "@127.0.0.1:1,127.0.0.1");
    assert_eq!(number(&connected(&both, "second").unwrap(), "SELECT 1"), 1);
}

#[test]
fn an_answer_that_does_not_come_in_time_is_the_end_of_a_session() {
    let Some(session) = session("late") else {
        return;
    };
    session.batch("BEGIN").unwrap();
    session.limit(Duration::from_millis(100));
    let begun = Instant::now();
    let error = session.batch("SELECT pg_sleep(600)").unwrap_err();
    assert!(error.to_string().contains("no answer came in time"));
    // What it would say next is the answer to that.
    assert!(session.is_closed() && !session.is_in_transaction());
    assert!(session.prepared("SELECT 2").unwrap_err().is_lost());
    assert!(session.batch("SELECT 1").is_err());
    assert!(begun.elapsed() < Duration::from_secs(300));
}

#[test]
fn a_notice_is_heard_once_also_if_it_came_before() {
    let (Some(listener), Some(other)) = (session("listener"), session("other")) else {
        return;
    };
    let channel = format!("kl_{}", std::process::id());
    listener.batch(&format!("LISTEN {channel}")).unwrap();
    assert!(!listener.wait_for_notice(Duration::from_millis(10)).unwrap());
    other.batch(&format!("NOTIFY {channel}")).unwrap();
    other.batch(&format!("NOTIFY {channel}")).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(listener.wait_for_notice(Duration::from_secs(10)).unwrap());
    assert!(!listener.wait_for_notice(Duration::from_millis(10)).unwrap());
    other
        .batch(&format!(
            "SELECT pg_terminate_backend({})",
            listener.backend_pid()
        ))
        .unwrap();
    assert!(
        listener
            .wait_for_notice(Duration::from_secs(10))
            .unwrap_err()
            .is_lost()
    );
}

#[tokio::test]
async fn it_works_inside_a_runtime() {
    let Some(session) = session("inside") else {
        return;
    };
    session.begin_reading();
    assert_eq!(number(&session, "SELECT 7"), 7);
    session.end_reading().unwrap();
    assert!(!session.is_closed());
    assert!(!session.wait_for_notice(Duration::from_millis(5)).unwrap());
    drop(session);
    tokio::task::yield_now().await;
}

#[test]
fn a_session_that_is_dropped_is_gone_at_the_server() {
    let (Some(session), Some(other)) = (session("dropped"), session("other")) else {
        return;
    };
    let there = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = {}",
        session.backend_pid()
    );
    assert_eq!(number(&other, &there), 1);
    drop(session);
    let started = Instant::now();
    while number(&other, &there) == 1 {
        assert!(started.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A role of the test, removed in the end.
struct Role<'a>(&'a Session, String);

impl<'a> Role<'a> {
    fn made(session: &'a Session, name: &str, set: &str) -> Self {
        let name = format!("kl_{name}_{}", std::process::id());
        session
            .batch(&format!(
                "CREATE ROLE {name} LOGIN; ALTER ROLE {name} SET {set}"
            ))
            .unwrap();
        Self(session, name)
    }

    fn connected(&self) -> Result<Session, ServerError> {
        let url = url().unwrap();
        let (_, rest) = url.split_once('@').unwrap();
        connected(&format!("postgres://{}@{rest}", self.1), "role")
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        self.0.batch(&format!("DROP ROLE {}", self.1)).unwrap();
    }
}

#[test]
fn a_session_is_set_so_that_what_is_answered_is_on_disk() {
    let Some(session) = session("settings") else {
        return;
    };
    for (given, kept) in [
        ("off", "on"),
        ("local", "on"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        let role = Role::made(
            &session,
            "durable",
            &format!("synchronous_commit = {given}"),
        );
        let made = role.connected().unwrap();
        assert_eq!(
            text(&made, "SELECT current_setting('synchronous_commit')"),
            kept,
            "{given}"
        );
    }
    let settings = [
        ("search_path", "pg_temp, public"),
        ("application_name", "keyledger settings"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "1min"),
        ("tcp_user_timeout", "10s"),
        ("tcp_keepalives_idle", "5"),
    ];
    for (name, set) in settings {
        let found = text(&session, &format!("SELECT current_setting('{name}')"));
        assert_eq!(found.replace("10000", "10s"), set, "{name}");
    }
}

#[test]
fn who_is_refused_is_told_why() {
    let Some(session) = session("refused") else {
        return;
    };
    let url = url().unwrap();
    let (base, _) = url.rsplit_once('/').unwrap();
    let error = connected(&format!("{base}/kl_no_such"), "refused").unwrap_err();
    assert!(error.is_state("3D000") && !error.is_lost(), "{error}");
    let (_, rest) = url.split_once('@').unwrap();
    let error = connected(&format!("postgres://kl_nobody@{rest}"), "refused").unwrap_err();
    assert!(error.is_state("28000"), "{error}");
    assert!(
        error
            .sorted()
            .to_string()
            .starts_with("the database's server does not let us in")
    );
    let role = Role::made(&session, "reader", "default_transaction_read_only = on");
    let error = role.connected().unwrap_err();
    assert!(
        error.to_string().contains("does not allow writes"),
        "{error}"
    );
    assert!(matches!(error.sorted(), StoreError::Unreachable(_)));
    let error = session.prepared("SELECT * FROM kl_no_such").unwrap_err();
    assert!(
        error
            .sorted()
            .to_string()
            .starts_with("not a keyledger database")
    );
}

#[test]
fn statements_are_prepared_once_and_many_do_not_stay() {
    let Some(session) = session("many") else {
        return;
    };
    session.prepare("SELECT 1").unwrap();
    session.prepare("SELECT 1").unwrap();
    for at in 0..super::STATEMENTS_MAX + 8 {
        session.prepare(&format!("SELECT 1 /* {at} */")).unwrap();
    }
    assert!(session.statements.borrow().len() < 32);
    assert!(number(&session, "SELECT count(*) FROM pg_prepared_statements") < 32);
}
