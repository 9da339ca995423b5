//! The hold of one process on the trail of a node, which has one writer.
//!
//! It is a lock of the session: it goes when the session's connection does, and with it whatever the writer had under way.

use std::time::{Duration, Instant};

use super::binding::value;
use super::error::ServerError;
use super::session::Session;
use crate::store::engine::Value;

/// What the first number of the lock stands for: the trail of a node. Other locks of the database have other numbers.
pub(super) const TRAIL: i64 = 5696;
const PAUSE: Duration = Duration::from_millis(50);

const TAKE: &str = "SELECT pg_try_advisory_lock(CAST(?1 AS INTEGER), CAST(?2 AS INTEGER))";
const HOLDER: &str = "SELECT lock.pid, coalesce(host(other.client_addr), 'the server''s machine') \
    FROM pg_locks AS lock LEFT JOIN pg_stat_activity AS other ON other.pid = lock.pid \
    WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 2 \
        AND CAST(lock.classid AS BIGINT) = ?1 AND CAST(lock.objid AS BIGINT) = ?2 \
        AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
/// Who holds a trail holds keys that others write, too. Where it stands still in the middle of that, as a machine that is moved does, the others
/// go on after this time, and it begins anew.
const WITHOUT_STANDING_STILL: &str =
    "SELECT set_config('idle_in_transaction_session_timeout', '5s', false)";
const END: &str = "SELECT pg_terminate_backend(CAST(?1 AS INTEGER))";

/// Takes the hold on a node's trail for this session, and waits for it until `patience` ends.
///
/// A hold of `previous_backend`, our own session whose connection was lost, is ended: the server has not noticed yet that it is gone.
///
/// # Errors
/// [`ServerError::InUse`] if another process has it.
pub(in crate::store) fn hold(
    session: &Session,
    node: u32,
    patience: Duration,
    previous_backend: Option<i32>,
) -> Result<(), ServerError> {
    let lock = [Value::Integer(TRAIL), Value::Integer(node.into())];
    let until = Instant::now() + patience;
    loop {
        if is_true(session, TAKE, &lock)? {
            session.rows(&session.prepared(WITHOUT_STANDING_STILL)?, &[])?;
            return Ok(());
        }
        let holder = holder(session, &lock)?;
        if let Some((process, _)) = &holder
            && previous_backend.map(i64::from) == Some(*process)
        {
            // It may have ended meanwhile; the next look tells.
            is_true(session, END, &[Value::Integer(*process)])?;
        }
        if Instant::now() >= until {
            let holder = holder.map_or_else(
                || "it has just gone".to_owned(),
                |(process, place)| format!("from {place}, server process {process}"),
            );
            return Err(ServerError::InUse { node, holder });
        }
        std::thread::sleep(PAUSE);
    }
}

fn is_true(session: &Session, sql: &str, values: &[Value<'_>]) -> Result<bool, ServerError> {
    let rows = session.rows(&session.prepared(sql)?, values)?;
    let first = rows.first().and_then(|row| value(row, 0));
    Ok(matches!(first, Some(Value::Integer(1))))
}

fn holder(session: &Session, lock: &[Value<'_>]) -> Result<Option<(i64, String)>, ServerError> {
    let rows = session.rows(&session.prepared(HOLDER)?, lock)?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    match (value(row, 0), value(row, 1)) {
        (Some(Value::Integer(process)), Some(Value::Text(place))) => {
            Ok(Some((process, place.to_owned())))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::session::tests::session;
    use super::hold;
    use crate::store::StoreError;

    const AT_ONCE: Duration = Duration::ZERO;
    const PATIENT: Duration = Duration::from_secs(10);

    /// A node that no other test, here or in another process, holds.
    fn node(at: u32) -> u32 {
        1_000_000 + std::process::id() % 1_000_000 * 4 + at
    }

    #[test]
    fn one_session_holds_a_node() {
        let (Some(one), Some(two)) = (session("one"), session("two")) else {
            return;
        };
        hold(&one, node(0), AT_ONCE, None).unwrap();
        let error = hold(&two, node(0), AT_ONCE, None).unwrap_err();
        let text = error.to_string();
        let start = format!("node {} is in use by another process (from ", node(0));
        assert!(text.starts_with(&start), "{text}");
        assert!(
            text.contains(&format!("server process {}", one.backend_pid())),
            "{text}"
        );
        assert!(!error.is_lost());
        assert!(matches!(error.sorted(), StoreError::Refused(_)));
        hold(&two, node(1), AT_ONCE, None).unwrap();
        drop(one);
        hold(&two, node(0), PATIENT, None).unwrap();
    }

    #[test]
    fn only_the_session_that_was_our_own_is_ended() {
        let (Some(one), Some(two)) = (session("one"), session("two")) else {
            return;
        };
        hold(&one, node(2), AT_ONCE, None).unwrap();
        let other = two.backend_pid();
        assert!(hold(&two, node(2), Duration::from_millis(120), Some(other)).is_err());
        assert!(!one.is_closed());
        hold(&two, node(2), PATIENT, Some(one.backend_pid())).unwrap();
        assert!(one.prepared("SELECT 1").unwrap_err().is_lost());
    }
}
