//! What most transactions do, in as few round trips as there can be: one that begins and reads what is to be compared, and one that writes
//! all and commits, however many changesets there are.
//!
//! What is noted here is written when it is sent, so nothing that depends on it may be asked before. It answers for all of it or for none:
//! which changeset is at fault is not known then, and the transaction is done again without it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_postgres::types::ToSql;

use super::super::engine::{Error, Value};
use super::super::error::ApplyError;
use super::super::sql::attribute::indexed;
use super::super::sql::codes::encode_attributes;
use super::super::sql::object::Versions;
use super::{Answer, Session, Step, value};
use crate::crypto::Wrapped;
use crate::crypto::digest::sha256;
use crate::domain::lifecycle::is_destroyed;
use crate::domain::{Object, ObjectId};
use crate::store::Sequence;
use crate::store::changed::Counters;

/// Held until the transaction ends: what it goes by stays as it is. Who waits for it alone is let in before who comes later, which a lock of
/// the row would not do.
const TOGETHER: &str = "SELECT pg_advisory_xact_lock_shared(5697, 0)";
/// Waits until no transaction is under way that goes by what is to be changed, and lets none begin.
const ALONE: &str = "SELECT pg_advisory_xact_lock(5697, 0)";
/// A statement of its own: it sees what was committed by those that were waited for.
const CHANGE: &str = "SELECT clients, administrators, routing, keys FROM change WHERE id = 1";
const VERSIONS: &str =
    "SELECT id, state_version, attributes_version FROM object WHERE id = ANY(?1)";
/// In the order of identifiers, so that two transactions do not wait for each other.
const VERSIONS_HELD: &str = "SELECT id, state_version, attributes_version FROM object WHERE id = ANY(?1) ORDER BY id FOR NO KEY UPDATE";

/// What a transaction begins with.
#[derive(Debug)]
pub(in crate::store) struct Gathered {
    /// How often what nodes keep in memory was changed.
    pub(in crate::store) counters: Counters,
    /// The versions of the objects that are there.
    pub(in crate::store) versions: Vec<(ObjectId, Versions)>,
}

/// Begins a transaction: holds what is written against others, and reads what is compared. `alone`: nobody else commits until it ends.
pub(in crate::store) fn gather(
    session: &Session,
    alone: bool,
    written: &[ObjectId],
    read: &[ObjectId],
) -> Result<Gathered, Error> {
    let lock = session.prepare(if alone { ALONE } else { TOGETHER })?;
    let change = session.prepare(CHANGE)?;
    let (held, seen) = (session.prepare(VERSIONS_HELD)?, session.prepare(VERSIONS)?);
    let ids = |of: &[ObjectId]| {
        of.iter()
            .map(|id| id.as_bytes().to_vec())
            .collect::<Vec<_>>()
    };
    let (written, read) = (ids(written), ids(read));
    let (of_held, of_seen): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 1]) =
        ([&written], [&read]);
    let mut steps = vec![
        Step::Batch("BEGIN"),
        Step::Query(&lock, &[]),
        Step::Query(&change, &[]),
    ];
    if !written.is_empty() {
        steps.push(Step::Query(&held, &of_held));
    }
    if !read.is_empty() {
        steps.push(Step::Query(&seen, &of_seen));
    }
    let mut answers = session.pipeline(&steps).into_iter();
    // Where the connection is known to be gone only this answer says so: the others were never asked for.
    answers.next().ok_or(Error::NoRow)??;
    answers.next().ok_or(Error::NoRow)??;
    let counters = answers.next().ok_or(Error::NoRow)??;
    let mut gathered = Gathered {
        counters: counters_of(&counters)?,
        versions: Vec::with_capacity(written.len() + read.len()),
    };
    for answer in answers {
        if let Answer::Rows(rows) = answer? {
            for row in &rows {
                gathered.versions.push(versions_of(row)?);
            }
        }
    }
    Ok(gathered)
}

fn counters_of(answer: &Answer) -> Result<Counters, Error> {
    let Answer::Rows(rows) = answer else {
        return Err(Error::NoRow);
    };
    let row = rows.first().ok_or(Error::NoRow)?;
    Ok(Counters {
        clients: number(row, 0)?,
        administrators: number(row, 1)?,
        routing: number(row, 2)?,
        keys: number(row, 3)?,
    })
}

fn versions_of(row: &tokio_postgres::Row) -> Result<(ObjectId, Versions), Error> {
    let id = value(row, 0)
        .and_then(Value::as_blob)
        .and_then(|id| id.try_into().ok());
    let id = ObjectId::from_bytes(id.ok_or(Error::Column(0))?);
    Ok((id, (number(row, 1)?, number(row, 2)?)))
}

fn number(row: &tokio_postgres::Row, column: usize) -> Result<u64, Error> {
    match value(row, column) {
        Some(Value::Integer(number)) => u64::try_from(number).map_err(|_| Error::Column(column)),
        _ => Err(Error::Column(column)),
    }
}

/// What is to be written when it is sent.
#[derive(Debug, Default)]
pub(in crate::store) struct Hot {
    sequences: Vec<i64>,
    records: Vec<Vec<u8>>,
    leaves: Vec<Vec<u8>>,
    reads: Vec<(ObjectId, i64, Option<i64>)>,
    made: Vec<Made>,
}

/// An object that is new, and who made it.
#[derive(Debug)]
struct Made {
    object: Arc<Object>,
    attributes: Vec<u8>,
    creator: Option<i64>,
}

const EVENTS: &str = "INSERT INTO event (sequence, record, leaf)
    SELECT * FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BYTEA[]), CAST(?3 AS BYTEA[]))";

const READS: &str = "UPDATE object SET fresh = 0, last_read = served.at, last_reader = served.reader
    FROM unnest(CAST(?1 AS BYTEA[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[])) AS served (id, at, reader)
    WHERE object.id = served.id";

const OBJECTS: &str = "INSERT INTO object (id, instance, object_type, state, state_version, attributes_version,
    fresh, last_read, initial, activation, process_start, protect_stop, deactivation, destroy, compromise,
    compromise_occurrence, archive, last_change, algorithm, length, usage_mask, digest, revocation_code,
    revocation_message, data_key_epoch, material, attributes, creator)
    SELECT * FROM unnest(CAST(?1 AS BYTEA[]), CAST(?2 AS BYTEA[]), CAST(?3 AS BIGINT[]), CAST(?4 AS BIGINT[]), CAST(?5 AS BIGINT[]),
    CAST(?6 AS BIGINT[]), CAST(?7 AS BIGINT[]), CAST(?8 AS BIGINT[]), CAST(?9 AS BIGINT[]), CAST(?10 AS BIGINT[]),
    CAST(?11 AS BIGINT[]), CAST(?12 AS BIGINT[]), CAST(?13 AS BIGINT[]), CAST(?14 AS BIGINT[]), CAST(?15 AS BIGINT[]),
    CAST(?16 AS BIGINT[]), CAST(?17 AS BIGINT[]), CAST(?18 AS BIGINT[]), CAST(?19 AS BIGINT[]), CAST(?20 AS BIGINT[]),
    CAST(?21 AS BIGINT[]), CAST(?22 AS BYTEA[]), CAST(?23 AS BIGINT[]), CAST(?24 AS TEXT[]), CAST(?25 AS BIGINT[]),
    CAST(?26 AS BYTEA[]), CAST(?27 AS BYTEA[]), CAST(?28 AS BIGINT[]))";

const NAMES: &str = "INSERT INTO object_name (instance, value, object, position, idx, name_type, live)
    SELECT instance, value, object, position, position, name_type, live
    FROM unnest(CAST(?1 AS BYTEA[]), CAST(?2 AS TEXT[]), CAST(?3 AS BYTEA[]), CAST(?4 AS BIGINT[]), CAST(?5 AS BIGINT[]), CAST(?6 AS BIGINT[]))
    AS given (instance, value, object, position, name_type, live)";

const VALUES: &str = "INSERT INTO object_custom (instance, name, value_hash, object)
    SELECT * FROM unnest(CAST(?1 AS BYTEA[]), CAST(?2 AS TEXT[]), CAST(?3 AS BYTEA[]), CAST(?4 AS BYTEA[])) ON CONFLICT DO NOTHING";

/// The parameters of one statement, owned until it is sent.
type Columns = Vec<Box<dyn ToSql + Sync + Send>>;

impl Hot {
    /// Forgets what is noted.
    pub(in crate::store) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How much is noted, to go back to.
    pub(in crate::store) fn mark(&self) -> (usize, usize) {
        (self.made.len(), self.reads.len())
    }

    /// Forgets what was noted since.
    pub(in crate::store) fn go_back(&mut self, (made, reads): (usize, usize)) {
        self.made.truncate(made);
        self.reads.truncate(reads);
    }

    /// Notes an event of the trail.
    pub(in crate::store) fn event(&mut self, sequence: Sequence, record: &[u8], leaf: &[u8; 32]) {
        self.sequences.push(sequence.0.cast_signed());
        self.records.push(record.to_vec());
        self.leaves.push(leaf.to_vec());
    }

    /// Notes that the material of an object was served at `at`, seconds since 1970, to the initiator of this number.
    pub(in crate::store) fn read(&mut self, id: ObjectId, at: i64, reader: Option<u32>) {
        self.reads.push((id, at, reader.map(i64::from)));
    }

    /// Notes a new object, made by the initiator of this number.
    ///
    /// # Errors
    /// [`ApplyError::TooLong`]: nothing was noted.
    pub(in crate::store) fn insert(
        &mut self,
        object: &Arc<Object>,
        creator: Option<u32>,
    ) -> Result<(), ApplyError> {
        self.made.push(Made {
            attributes: encode_attributes(&object.attributes)?,
            creator: creator.map(i64::from),
            object: Arc::clone(object),
        });
        Ok(())
    }

    /// Sends what is noted, and then `last`, statements without parameters. Nothing is noted after it.
    ///
    /// # Errors
    /// The first that failed: nothing was committed, or it is not known whether it was where the connection was lost.
    pub(in crate::store) fn send(&mut self, session: &Session, last: &[&str]) -> Result<(), Error> {
        let noted = std::mem::take(self).statements();
        let mut prepared = Vec::with_capacity(noted.len());
        for (sql, columns) in &noted {
            let parameters: Vec<&(dyn ToSql + Sync)> = columns
                .iter()
                .map(|column| &**column as &(dyn ToSql + Sync))
                .collect();
            prepared.push((session.prepare(sql)?, parameters));
        }
        let statements = prepared
            .iter()
            .map(|(statement, parameters)| Step::Execute(statement, parameters));
        let steps: Vec<_> = statements
            .chain(last.iter().map(|sql| Step::Batch(sql)))
            .collect();
        let mut answers = session.pipeline(&steps).into_iter();
        answers.try_for_each(|answer| answer.map(|_| ()))
    }

    fn statements(self) -> Vec<(&'static str, Columns)> {
        let mut all: Vec<(&'static str, Columns)> = Vec::new();
        if !self.made.is_empty() {
            all.push((OBJECTS, objects(&self.made)));
            if self.made.iter().any(|made| !made.object.names.is_empty()) {
                all.push((NAMES, names(&self.made)));
            }
            let values = values(&self.made);
            if let Some(values) = values {
                all.push((VALUES, values));
            }
        }
        if !self.reads.is_empty() {
            // Of several reads of one object the last one counts.
            let reads = self
                .reads
                .iter()
                .map(|(id, at, reader)| (*id, (*at, *reader)));
            let reads: BTreeMap<_, _> = reads.collect();
            let ids: Vec<_> = reads.keys().map(|id| id.as_bytes().to_vec()).collect();
            let at: Vec<_> = reads.values().map(|(at, _)| *at).collect();
            let readers: Vec<_> = reads.values().map(|(_, reader)| *reader).collect();
            all.push((READS, vec![Box::new(ids), Box::new(at), Box::new(readers)]));
        }
        if !self.sequences.is_empty() {
            let events: Columns = vec![
                Box::new(self.sequences),
                Box::new(self.records),
                Box::new(self.leaves),
            ];
            all.push((EVENTS, events));
        }
        all
    }
}

/// A column of objects, as the server takes it.
fn column<T: ToSql + Sync + Send + 'static>(
    made: &[Made],
    of: impl Fn(&Object) -> T,
) -> Box<dyn ToSql + Sync + Send> {
    Box::new(made.iter().map(|made| of(&made.object)).collect::<Vec<T>>())
}

/// In the order of the statement.
fn objects(made: &[Made]) -> Columns {
    vec![
        column(made, |object| object.id.as_bytes().to_vec()),
        column(made, |object| object.instance.as_bytes().to_vec()),
        column(made, |object| i64::from(object.object_type.code())),
        column(made, |object| i64::from(object.state.code())),
        column(made, |object| object.state_version.cast_signed()),
        column(made, |object| object.attributes_version.cast_signed()),
        column(made, |object| i64::from(object.fresh)),
        column(made, |object| object.last_read),
        column(made, |object| object.dates.initial),
        column(made, |object| object.dates.activation),
        column(made, |object| object.dates.process_start),
        column(made, |object| object.dates.protect_stop),
        column(made, |object| object.dates.deactivation),
        column(made, |object| object.dates.destroy),
        column(made, |object| object.dates.compromise),
        column(made, |object| object.dates.compromise_occurrence),
        column(made, |object| object.dates.archive),
        column(made, |object| object.dates.last_change),
        column(made, |object| {
            object
                .algorithm
                .map(|algorithm| i64::from(algorithm.code()))
        }),
        column(made, |object| object.length.map(i64::from)),
        column(made, |object| i64::from(object.usage_mask)),
        column(made, |object| object.digest.map(|digest| digest.to_vec())),
        column(made, |object| {
            object
                .revocation
                .as_ref()
                .map(|reason| i64::from(reason.code.code()))
        }),
        column(made, |object| {
            object
                .revocation
                .as_ref()
                .and_then(|reason| reason.message.clone())
        }),
        column(made, |object| i64::from(object.data_key_epoch)),
        column(made, |object| {
            object
                .material
                .as_ref()
                .map(|material| Wrapped::as_bytes(material).to_vec())
        }),
        Box::new(
            made.iter()
                .map(|made| made.attributes.clone())
                .collect::<Vec<_>>(),
        ),
        Box::new(made.iter().map(|made| made.creator).collect::<Vec<_>>()),
    ]
}

fn names(made: &[Made]) -> Columns {
    let (mut instances, mut values, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    let (mut positions, mut types, mut live) = (Vec::new(), Vec::new(), Vec::new());
    for Made { object, .. } in made {
        for name in &object.names {
            instances.push(object.instance.as_bytes().to_vec());
            values.push(name.value.clone());
            ids.push(object.id.as_bytes().to_vec());
            positions.push(i64::from(name.index));
            types.push(i64::from(name.name_type.code()));
            live.push(i64::from(!is_destroyed(object.state)));
        }
    }
    vec![
        Box::new(instances),
        Box::new(values),
        Box::new(ids),
        Box::new(positions),
        Box::new(types),
        Box::new(live),
    ]
}

fn values(made: &[Made]) -> Option<Columns> {
    let (mut instances, mut names, mut hashes, mut ids) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Made { object, .. } in made {
        for (name, value) in indexed(&object.attributes) {
            instances.push(object.instance.as_bytes().to_vec());
            names.push(name.to_owned());
            hashes.push(sha256(&[&value]).to_vec());
            ids.push(object.id.as_bytes().to_vec());
        }
    }
    (!ids.is_empty()).then(|| -> Columns {
        vec![
            Box::new(instances),
            Box::new(names),
            Box::new(hashes),
            Box::new(ids),
        ]
    })
}
