//! What happens inside the transaction: each changeset's preconditions and writes, then the events of all.
//!
//! All preconditions of a changeset are checked before anything of it is written. What was written
//! counts for the changesets that follow in the same transaction. It commits nothing.

use std::cell::RefCell;
use std::sync::Arc;

use super::kinds::{
    concerns_administrators, concerns_clients, concerns_routing, keeps_by, may_fail_halfway,
};
use super::{Submission, Writer};
use crate::audit::{Tree, record};
use crate::domain::lifecycle::is_destroyed;
use crate::domain::{EnrolledCertificate, ObjectId};
use crate::store::changeset::{Changeset, Precondition, Write};
use crate::store::error::{ApplyError, StoreError, Thing};
use crate::store::postgres::{self, Hot};
use crate::store::sql::provenance::{self, Doer};
use crate::store::sql::{
    self, administrator, anchor, attribute, client, delivery, destruction, event, master_key,
    object, own, revocation, routing,
};
use crate::store::{Applied, Sequence};

/// What the events of a changeset tell those who write it.
#[derive(Clone, Copy)]
struct Told {
    /// The number of whoever did it, where that is kept with what is written.
    by: Option<u32>,
    /// When it was decided, seconds since 1970.
    at: i64,
}

impl Writer {
    /// Checks and writes one changeset, and gives its events their sequences. After a refusal
    /// nothing of it is left; after another error the batch is lost.
    pub(super) fn apply(&mut self, submission: &Submission) -> Result<Applied, ApplyError> {
        let changeset = &submission.changeset;
        changeset
            .preconditions()
            .iter()
            .try_for_each(|precondition| self.check(precondition))?;
        changeset
            .writes()
            .iter()
            .try_for_each(|write| self.check_certificates(write))?;
        let told = Told {
            by: self.by(changeset)?,
            at: changeset.events().first().map_or(0, |event| event.time_ms) / 1000,
        };
        // A server gives up the whole transaction with one statement that fails outside of one.
        let is_deferred = self.deferring(changeset.writes()).is_some();
        let needs_savepoint = if self.side.is_some() {
            !is_deferred
        } else {
            may_fail_halfway(changeset.writes())
        };
        if needs_savepoint {
            self.statement("SAVEPOINT changeset")?;
            let written = self.write_all(changeset.writes(), told);
            if let Err(error) = written {
                // When the database failed, the transaction may be gone already; the whole batch is
                // rolled back.
                if error.is_refusal() {
                    self.statement("ROLLBACK TO changeset")?;
                    self.statement("RELEASE changeset")?;
                }
                return Err(error);
            }
            self.statement("RELEASE changeset")?;
        } else {
            let mark = self.side.as_ref().map(|side| side.hot().borrow().mark());
            let written = self.write_all(changeset.writes(), told);
            if let (Err(_), Some(side), Some(mark)) = (&written, &self.side, mark) {
                side.hot().borrow_mut().go_back(mark);
            }
            written?;
        }
        self.remember(changeset.writes())?;
        let first_sequence = self.next;
        let events = u64::try_from(changeset.events().len()).unwrap_or(u64::MAX);
        self.next = first_sequence.plus(events);
        Ok(Applied { first_sequence })
    }

    /// By whom it was done, where that is kept with what is written. A number is given now if there is none: before anything that may be
    /// taken back.
    fn by(&mut self, changeset: &Changeset) -> Result<Option<u32>, StoreError> {
        let (true, Some(event)) = (
            changeset.writes().iter().any(keeps_by),
            changeset.events().first(),
        ) else {
            return Ok(None);
        };
        let numbers = self
            .pending
            .numbers(&self.db, &self.shared.interned, event)?;
        Ok(Some(numbers.0))
    }

    fn check(&mut self, precondition: &Precondition) -> Result<(), ApplyError> {
        let holds = match precondition {
            Precondition::MayAct(identity) => {
                if !self.clients.may_act(identity) {
                    return Err(ApplyError::NotPermitted);
                }
                let held = self.clients.held(identity);
                held.is_some_and(|held| held.access == identity.access)
            }
            Precondition::MayAdminister(rights) => {
                return if self.administrators.may_act(rights) {
                    Ok(())
                } else {
                    Err(ApplyError::NotPermitted)
                };
            }
            Precondition::Credential(instance, checked) => {
                self.clients.credential(*instance) == checked.as_ref()
            }
            Precondition::State(id, version) => self
                .versions(*id)?
                .is_some_and(|(state, _)| state == *version),
            Precondition::Attributes(id, version) => self
                .versions(*id)?
                .is_some_and(|(_, attributes)| attributes == *version),
            Precondition::Destruction(id, read) => {
                destruction::load(&self.db, *id)? == read.as_deref().cloned()
            }
            Precondition::NoLiveObjects(instance) => {
                client::live_objects(&self.db, *instance)? == 0
            }
            Precondition::Next(sequence) => self.next == *sequence,
            Precondition::Behind(before, read) => self.are_behind(*before, read)?,
            Precondition::Routing(read) => match &self.routing {
                Some(changed) => changed == read.as_ref(),
                None => **self.shared.routing.load() == **read,
            },
        };
        if holds {
            Ok(())
        } else {
            Err(ApplyError::Conflict)
        }
    }

    /// A certificate is a client's or an administrator's, whichever comes first: who uses keys and who administers them stay apart.
    fn check_certificates(&self, write: &Write) -> Result<(), ApplyError> {
        let is_administrator_s = |held: &EnrolledCertificate| {
            let administrators = &self.administrators;
            administrators.certificate(&held.fingerprint).is_some()
        };
        let is_taken = match write {
            Write::Certificate(_, held) | Write::Leaf(_, _, held) => is_administrator_s(held),
            Write::Client(client) => client.certificates.iter().any(is_administrator_s),
            Write::Administrator(held) => self.clients.holder(&held.fingerprint).is_some(),
            _ => false,
        };
        if is_taken {
            Err(ApplyError::Exists(Thing::Certificate))
        } else {
            Ok(())
        }
    }

    fn versions(&mut self, id: ObjectId) -> Result<Option<object::Versions>, StoreError> {
        if let Some(versions) = self.versions.get(&id) {
            return Ok(Some(*versions));
        }
        let versions = object::versions(&self.db, id)?;
        if let Some(versions) = versions {
            self.versions.insert(id, versions);
        }
        Ok(versions)
    }

    /// What these changes wait in for the COMMIT, if they do.
    fn deferring(&self, writes: &[Write]) -> Option<&RefCell<Hot>> {
        self.side.as_ref()?.deferring(writes)
    }

    fn write_all(&self, writes: &[Write], told: Told) -> Result<(), ApplyError> {
        let hot = self.deferring(writes);
        // A name that one object gives up is free for another, in whatever order they come.
        if writes.len() > 1 {
            writes
                .iter()
                .try_for_each(|write| self.give_up_names(write))?;
        }
        writes
            .iter()
            .try_for_each(|write| self.write(write, hot, told))
    }

    fn give_up_names(&self, write: &Write) -> Result<(), ApplyError> {
        match write {
            Write::Attributes(object) => attribute::release_names(&self.db, object),
            Write::State(object) if is_destroyed(object.state) => {
                attribute::free_names(&self.db, object.id)
            }
            _ => Ok(()),
        }
    }

    fn write(
        &self,
        write: &Write,
        hot: Option<&RefCell<Hot>>,
        told: Told,
    ) -> Result<(), ApplyError> {
        match (hot, write) {
            (Some(hot), Write::Insert(object)) => {
                return hot.borrow_mut().insert(object, told.by);
            }
            (Some(hot), Write::Read(id, at)) => {
                hot.borrow_mut().read(*id, *at, told.by);
                return Ok(());
            }
            _ => {}
        }
        // The client of a certificate is still there, and a certificate already.
        let doer = told.by.map(|initiator| Doer {
            initiator,
            at: told.at,
        });
        if let Some(doer) = doer {
            provenance::certificates_change(&self.db, write, doer)?;
        }
        self.carry_out(write, told)?;
        doer.map_or(Ok(()), |doer| provenance::made(&self.db, write, doer))
    }

    fn carry_out(&self, write: &Write, told: Told) -> Result<(), ApplyError> {
        let db = &self.db;
        match write {
            Write::Insert(object) => object::insert(db, object, told.by),
            Write::State(object) => object::update_state(db, object, told.by),
            Write::Attributes(object) => object::update_attributes(db, object, told.by),
            Write::Read(id, at) => object::update_read(db, *id, *at, told.by),
            Write::Destruction(held) => destruction::set(db, held),
            Write::DestructionEnded(id) => destruction::end(db, *id),
            Write::Instance(instance) => client::insert_instance(db, instance),
            Write::Adapter(instance, kept) => provenance::insert_adapter(db, *instance, kept),
            Write::Credential(instance, credential) => {
                client::set_credential(db, *instance, credential)
            }
            Write::CredentialCleared(instance) => client::clear_credential(db, *instance),
            Write::DataKey(instance, epoch, key) => {
                client::insert_data_key(db, *instance, *epoch, key)
            }
            Write::Client(client) => client::insert_client(db, client),
            Write::Certificate(id, certificate) => client::enrol_certificate(db, *id, certificate),
            Write::CertificateDer(fingerprint, der) => provenance::insert_der(db, fingerprint, der),
            Write::CertificateRemoved(id, fingerprint) => {
                client::remove_certificate(db, *id, fingerprint, told.at)
            }
            Write::Anchor(held) => anchor::insert(db, held),
            Write::AnchorRemoved(client, ca) => anchor::remove(db, *client, ca),
            Write::Revocation(held) => revocation::set(db, held),
            Write::RevocationRemoved(ca_key) => revocation::remove(db, ca_key),
            Write::RevocationWarned(ca_key, days) => revocation::update_warned(db, ca_key, *days),
            Write::AnchorWarned(client, ca, days) => anchor::update_warned(db, *client, ca, *days),
            Write::OwnCertificates(held) => own::set_in_use(db, held),
            Write::OwnWarned(fingerprint, days) => own::set_warned(db, fingerprint, *days),
            Write::Leaf(client, ca, leaf) => anchor::insert_leaf(db, *client, ca, leaf),
            Write::CertificateUntil(fingerprint, end) => client::update_end(db, fingerprint, *end),
            Write::CertificateWarned(held, days) => client::update_warned(db, held, *days),
            Write::ClientStatus(id, status) => client::update_status(db, *id, *status),
            Write::ClientPermissions(id, permissions) => {
                client::update_permissions(db, *id, permissions)
            }
            Write::InstanceRules(id, rules) => client::update_rules(db, *id, *rules),
            Write::InstanceRemoved(id, at) => client::remove_instance(db, *id, *at),
            Write::ClientRemoved(id) => client::remove_client(db, *id, told.at),
            Write::Target(target, secrets) => routing::set_target(db, target, secrets),
            Write::TargetRemoved(id) => routing::remove_target(db, *id),
            Write::Route(route) => routing::set_route(db, route),
            Write::RouteRemoved(id) => routing::remove_route(db, *id),
            Write::RoutingSettings(settings) => routing::set_settings(db, settings),
            Write::ApiKey(key) => administrator::insert_api_key(db, key),
            Write::ApiKeyRemoved(id) => administrator::remove_api_key(db, *id),
            Write::Administrator(held) => administrator::insert_administrator(db, held),
            Write::AdministratorRemoved(fingerprint) => {
                administrator::remove_administrator(db, fingerprint)
            }
            Write::AdministratorWarned(fingerprint, days) => {
                administrator::update_warned(db, fingerprint, *days)
            }
            Write::Cursor(target, from) => self.move_target(*target, *from),
            Write::ParkedDropped(target, sequences) => {
                delivery::drop_parked(db, *target, sequences)
            }
            Write::BackupKey(key) => sql::set_backup_key(db, key),
            Write::Epoch(number, created) => self.begin_epoch(*number, *created),
            Write::Removal(kept_from, recorded, gaps) => {
                self.remove_before(*kept_from, *recorded, gaps)
            }
            Write::NodePrepared(number, name, at) => postgres::prepare_node(db, *number, name, *at),
            Write::Rewrap(rewrap) => master_key::rewrap(db, rewrap),
        }
    }

    /// Makes what was written count for the changesets that follow in the same transaction.
    fn remember(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        for write in writes {
            match write {
                Write::Insert(object) => {
                    let versions = (object.state_version, object.attributes_version);
                    self.versions.insert(object.id, versions);
                }
                Write::State(object) => {
                    if let Some(mut versions) = self.versions.get_mut(&object.id) {
                        versions.0 = object.state_version;
                    }
                }
                Write::Attributes(object) => {
                    if let Some(mut versions) = self.versions.get_mut(&object.id) {
                        versions.1 = object.attributes_version;
                    }
                }
                _ => {}
            }
        }
        if writes.iter().any(concerns_clients) {
            self.clients = Arc::new(client::snapshot(&self.db)?);
            self.clients_changed = true;
        }
        if writes.iter().any(concerns_administrators) {
            self.administrators = Arc::new(administrator::snapshot(&self.db)?);
            self.administrators_changed = true;
        }
        if writes.iter().any(concerns_routing) {
            self.routing = Some(routing::snapshot(&self.db)?);
        }
        if writes.iter().any(|write| matches!(write, Write::Epoch(..))) {
            self.epochs = Some(sql::epochs(&self.db)?);
        }
        Ok(())
    }

    /// Appends the events of every changeset of the batch that was applied; gives the trail's tree with them.
    pub(super) fn append(
        &mut self,
        batch: &[Submission],
        outcomes: &[Result<Applied, ApplyError>],
    ) -> Result<Option<Tree>, ApplyError> {
        let mut trail = match &self.side {
            Some(side) => Trail::Noted(side.hot()),
            None => Trail::Written(event::Appender::new(&self.db)?),
        };
        for (submission, outcome) in batch.iter().zip(outcomes) {
            let Ok(applied) = outcome else { continue };
            let mut sequence = applied.first_sequence;
            let events = submission.changeset.events().iter();
            for (event, (leaf, prepared)) in events.zip(&submission.prepared) {
                let encoded;
                let record = match prepared {
                    Some(record) => record,
                    None => {
                        let (initiator, scope) =
                            self.pending
                                .numbers(&self.db, &self.shared.interned, event)?;
                        let mut record = Vec::new();
                        record::encode(event, initiator, scope, &mut record);
                        encoded = record;
                        &encoded
                    }
                };
                trail.append(sequence, record, leaf)?;
                sequence = sequence.plus(1);
            }
        }
        drop(trail);
        if self.tree.is_none() {
            // What is kept of it is read from the database.
            self.write_noted()?;
        }
        let applied = batch.iter().zip(outcomes);
        let applied = applied.filter(|(_, outcome)| outcome.is_ok());
        let leaves = applied.flat_map(|(submission, _)| &submission.prepared);
        Ok(self.grow(leaves.map(|(leaf, _)| *leaf))?)
    }
}

/// Where the events of a transaction go.
enum Trail<'a> {
    /// Into the database.
    Written(event::Appender<'a>),
    /// There with the COMMIT.
    Noted(&'a RefCell<Hot>),
}

impl Trail<'_> {
    fn append(
        &mut self,
        sequence: Sequence,
        record: &[u8],
        leaf: &[u8; 32],
    ) -> Result<(), StoreError> {
        match self {
            Self::Written(trail) => trail.append(sequence, record, leaf),
            Self::Noted(hot) => {
                hot.borrow_mut().event(sequence, record, leaf);
                Ok(())
            }
        }
    }
}
