//! Initiators and scopes by number, so that an event's record names each in four bytes.
//!
//! What is here is committed: the writer gives numbers in its transaction and publishes them after
//! the commit. Entries never change and never leave, as events of the past refer to them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::engine::Connection;

use super::StoreError;
use super::postgres::interning;
use super::sql::event;
use crate::audit::Event;
use crate::audit::record::{self, Resolve};
use crate::domain::{Initiator, Scope};

/// Every initiator and scope that has a number.
#[derive(Debug)]
pub(super) struct Interned {
    known: RwLock<Known>,
}

#[derive(Debug)]
struct Known {
    initiators: Table<Initiator>,
    scopes: Table<Scope>,
}

#[derive(Debug)]
struct Table<T> {
    /// Looked into for each event.
    numbers: HashMap<Arc<T>, u32, ahash::RandomState>,
    values: HashMap<u32, Arc<T>>,
    /// The highest number that was given.
    highest: u32,
}

impl<T: Hash + Eq> Table<T> {
    fn new(rows: Vec<(u32, T)>) -> Self {
        let mut table = Self {
            numbers: HashMap::default(),
            values: HashMap::new(),
            highest: 0,
        };
        rows.into_iter()
            .for_each(|(number, value)| table.insert(number, Arc::new(value)));
        table
    }

    fn insert(&mut self, number: u32, value: Arc<T>) {
        self.highest = self.highest.max(number);
        self.values.insert(number, Arc::clone(&value));
        self.numbers.insert(value, number);
    }

    /// Numbers are given from 1 on. A database that was on a server has gaps among them.
    fn next(&self) -> u32 {
        self.highest.saturating_add(1)
    }
}

impl Interned {
    /// Those the database holds.
    pub(super) fn load(db: &Connection) -> Result<Self, StoreError> {
        let initiators = Table::new(event::initiators(db)?);
        let scopes = Table::new(event::scopes(db)?);
        Ok(Self {
            known: RwLock::new(Known { initiators, scopes }),
        })
    }

    /// Learns what other nodes have given numbers.
    pub(super) fn learn(&self, db: &Connection) -> Result<(), StoreError> {
        let initiators = Table::new(event::initiators(db)?);
        let scopes = Table::new(event::scopes(db)?);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known { initiators, scopes };
        Ok(())
    }

    /// Whether a number names an initiator here.
    pub(super) fn knows_initiator(&self, number: u32) -> bool {
        self.read().initiators.values.contains_key(&number)
    }

    /// The numbers of an event's initiator and scope, if both have one.
    pub(super) fn numbers(&self, event: &Event) -> Option<(u32, u32)> {
        let known = self.read();
        let scope = *known.scopes.numbers.get(&event.scope)?;
        if record::holds_initiator(event) {
            return Some((record::HELD, scope));
        }
        let initiator = known.initiators.numbers.get(&event.initiator)?;
        Some((*initiator, scope))
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        // Nothing panics while it holds the lock, and a table is whole after each insert.
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolve for Interned {
    fn initiator(&self, number: u32) -> Option<Arc<Initiator>> {
        self.read().initiators.values.get(&number).cloned()
    }

    fn scope(&self, number: u32) -> Option<Arc<Scope>> {
        self.read().scopes.values.get(&number).cloned()
    }
}

/// The numbers given in the transaction under way.
#[derive(Debug, Default)]
pub(super) struct Pending {
    initiators: Vec<(Arc<Initiator>, u32)>,
    scopes: Vec<(Arc<Scope>, u32)>,
}

impl Pending {
    /// The numbers of an event's initiator and scope, given now if they have none.
    pub(super) fn numbers(
        &mut self,
        db: &Connection,
        interned: &Interned,
        event: &Event,
    ) -> Result<(u32, u32), StoreError> {
        let known = interned.read();
        let is_shared = matches!(db, Connection::Server(_));
        let initiator = if record::holds_initiator(event) {
            record::HELD
        } else {
            let give = |number| {
                if is_shared {
                    return interning::initiator(db, &event.initiator);
                }
                event::insert_initiator(db, number, &event.initiator).map(|()| number)
            };
            number(
                &known.initiators,
                &mut self.initiators,
                &event.initiator,
                give,
            )?
        };
        let give = |number| {
            if is_shared {
                return interning::scope(db, &event.scope);
            }
            event::insert_scope(db, number, &event.scope).map(|()| number)
        };
        let scope = number(&known.scopes, &mut self.scopes, &event.scope, give)?;
        Ok((initiator, scope))
    }

    /// Makes what was committed known to all.
    pub(super) fn publish(&mut self, interned: &Interned) {
        if self.initiators.is_empty() && self.scopes.is_empty() {
            return;
        }
        let mut known = interned
            .known
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        self.initiators
            .drain(..)
            .for_each(|(value, number)| known.initiators.insert(number, value));
        self.scopes
            .drain(..)
            .for_each(|(value, number)| known.scopes.insert(number, value));
    }

    /// Forgets what was rolled back.
    pub(super) fn clear(&mut self) {
        self.initiators.clear();
        self.scopes.clear();
    }
}

fn number<T: Hash + Eq>(
    known: &Table<T>,
    pending: &mut Vec<(Arc<T>, u32)>,
    value: &Arc<T>,
    give: impl FnOnce(u32) -> Result<u32, StoreError>,
) -> Result<u32, StoreError> {
    let given = known.numbers.get(value).copied();
    let given = given.or_else(|| {
        pending
            .iter()
            .find(|(other, _)| other == value)
            .map(|(_, number)| *number)
    });
    if let Some(number) = given {
        return Ok(number);
    }
    let more = u32::try_from(pending.len()).unwrap_or(u32::MAX);
    let number = give(known.next().saturating_add(more))?;
    pending.push((Arc::clone(value), number));
    Ok(number)
}
