//! What happens inside the transaction: each changeset's preconditions and writes, then the events of all.
//!
//! All preconditions of a changeset are checked before anything of it is written. What was written
//! counts for the changesets that follow in the same transaction. It commits nothing.

use std::sync::Arc;

use super::{Submission, Writer};
use crate::audit::{Tree, record};
use crate::domain::lifecycle::is_destroyed;
use crate::domain::{EnrolledCertificate, ObjectId};
use crate::store::Applied;
use crate::store::changeset::{Changeset, Precondition, Write};
use crate::store::error::{ApplyError, StoreError, Thing};
use crate::store::sql::provenance::{self, Doer};
use crate::store::sql::{
    self, administrator, anchor, attribute, client, delivery, destruction, event, master_key,
    object, own, revocation, routing,
};

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
        if may_fail_halfway(changeset.writes()) {
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
            self.write_all(changeset.writes(), told)?;
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

    fn write_all(&self, writes: &[Write], told: Told) -> Result<(), ApplyError> {
        // A name that one object gives up is free for another, in whatever order they come.
        if writes.len() > 1 {
            writes
                .iter()
                .try_for_each(|write| self.give_up_names(write))?;
        }
        writes.iter().try_for_each(|write| self.write(write, told))
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

    fn write(&self, write: &Write, told: Told) -> Result<(), ApplyError> {
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
            Write::CertificateWarned(fingerprint, days) => {
                client::update_warned(db, fingerprint, *days)
            }
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
        let mut trail = event::Appender::new(&self.db)?;
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
        let applied = batch.iter().zip(outcomes);
        let applied = applied.filter(|(_, outcome)| outcome.is_ok());
        let leaves = applied.flat_map(|(submission, _)| &submission.prepared);
        Ok(self.grow(leaves.map(|(leaf, _)| *leaf))?)
    }
}

/// Whether a write can be refused after another statement of the changeset has written.
fn may_fail_halfway(writes: &[Write]) -> bool {
    let (Some(first), rest) = (writes.first(), writes.iter().skip(1)) else {
        return false;
    };
    let first = match first {
        Write::Insert(object) => !object.names.is_empty(),
        // Names are given up before the attributes turn out to be too long.
        Write::Attributes(object) => !object.names.is_empty() || rest.len() > 0,
        Write::Client(_)
        | Write::Certificate(..)
        | Write::CertificateRemoved(..)
        | Write::AnchorRemoved(..)
        | Write::InstanceRemoved(..)
        | Write::Leaf(..)
        | Write::Rewrap(_) => true,
        _ => false,
    };
    first
        || rest
            .into_iter()
            .any(|write| !matches!(write, Write::Read(..)))
}

/// Whether it is kept by whom it was done.
const fn keeps_by(write: &Write) -> bool {
    matches!(
        write,
        Write::Insert(_)
            | Write::State(_)
            | Write::Attributes(_)
            | Write::Read(..)
            | Write::Instance(_)
            | Write::Client(_)
            | Write::Certificate(..)
            | Write::Leaf(..)
            | Write::CertificateRemoved(..)
            | Write::AnchorRemoved(..)
            | Write::ClientRemoved(_)
    )
}

const fn concerns_routing(write: &Write) -> bool {
    matches!(
        write,
        Write::Target(..)
            | Write::TargetRemoved(_)
            | Write::Route(_)
            | Write::RouteRemoved(_)
            | Write::RoutingSettings(_)
    )
}

const fn concerns_administrators(write: &Write) -> bool {
    matches!(
        write,
        Write::ApiKey(_)
            | Write::ApiKeyRemoved(_)
            | Write::Administrator(_)
            | Write::AdministratorRemoved(_)
            | Write::AdministratorWarned(..)
            | Write::InstanceRemoved(..)
    )
}

const fn concerns_clients(write: &Write) -> bool {
    match write {
        Write::Insert(_)
        | Write::State(_)
        | Write::Attributes(_)
        | Write::Read(..)
        | Write::Destruction(_)
        | Write::DestructionEnded(_)
        | Write::DataKey(..)
        | Write::Adapter(..)
        | Write::CertificateDer(..)
        | Write::Target(..)
        | Write::TargetRemoved(_)
        | Write::Route(_)
        | Write::RouteRemoved(_)
        | Write::RoutingSettings(_)
        | Write::ApiKey(_)
        | Write::ApiKeyRemoved(_)
        | Write::Administrator(_)
        | Write::AdministratorRemoved(_)
        | Write::AdministratorWarned(..)
        | Write::Cursor(..)
        | Write::ParkedDropped(..)
        | Write::BackupKey(_)
        | Write::OwnCertificates(_)
        | Write::OwnWarned(..)
        | Write::Epoch(..)
        | Write::Removal(..)
        | Write::Rewrap(_) => false,
        Write::Instance(_)
        | Write::Credential(..)
        | Write::CredentialCleared(_)
        | Write::Client(_)
        | Write::Certificate(..)
        | Write::CertificateRemoved(..)
        | Write::CertificateUntil(..)
        | Write::Revocation(_)
        | Write::RevocationRemoved(_)
        | Write::RevocationWarned(..)
        | Write::CertificateWarned(..)
        | Write::Anchor(_)
        | Write::AnchorRemoved(..)
        | Write::AnchorWarned(..)
        | Write::Leaf(..)
        | Write::ClientStatus(..)
        | Write::ClientPermissions(..)
        | Write::InstanceRules(..)
        | Write::InstanceRemoved(..)
        | Write::ClientRemoved(_) => true,
    }
}
