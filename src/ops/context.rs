//! What one message sees and changes: a read-your-own-writes overlay over the store.
//!
//! [`Context::object`] and [`Context::locate`] are the only ways to an object, and both keep to the client's instance: an object of
//! another instance does not exist. Changes stay in the overlay until the message ends and leave as one changeset.

use std::sync::Arc;

use crate::audit::Event;
use crate::domain::attributes::Bounds;
use crate::domain::lifecycle;
use crate::domain::locate::Search;
use crate::domain::{Identity, Object, ObjectId};
use crate::kmip::version::ProtocolVersion;
use crate::ops::authentication::Standing;
use crate::ops::error::{Cause, OpError};
use crate::ops::service::Service;
use crate::store::StoreError;
use crate::store::changeset::{Changeset, Precondition, Write};
use crate::store::query::{By, HeadPage, LocateQuery, Look};

/// How many objects one look into the store passes: a long read would hold back its log, and keep others waiting.
const HEADS_PER_PAGE: usize = 1024;
/// How often the time of a key's last read is written again, in seconds.
const LAST_READ_STEP: i64 = 3600;

/// An object this message has met.
struct Met {
    /// As the store had it; none when this message made it.
    stored: Option<Arc<Object>>,
    /// As it is now.
    current: Arc<Object>,
    /// Its material is in an answer.
    served: bool,
}

/// One message on its way through the operations.
pub(crate) struct Context<'a> {
    pub(crate) service: &'a Service,
    pub(crate) identity: &'a Arc<Identity>,
    pub(crate) version: ProtocolVersion,
    /// What the credentials of the message are worth.
    pub(crate) standing: Standing,
    /// Milliseconds since 1970; one moment for the whole message.
    pub(crate) now_ms: i64,
    /// Objects are read past the cache: the last try met a conflict.
    past_cache: bool,
    placeholder: Option<ObjectId>,
    met: Vec<Met>,
    /// Objects that searches of this message have looked at, however often it was begun.
    searched: usize,
}

impl<'a> Context<'a> {
    pub(crate) const fn new(
        service: &'a Service,
        identity: &'a Arc<Identity>,
        version: ProtocolVersion,
        standing: Standing,
        now_ms: i64,
        past_cache: bool,
        searched: usize,
    ) -> Self {
        let met = Vec::new();
        Self {
            service,
            identity,
            version,
            standing,
            now_ms,
            past_cache,
            placeholder: None,
            met,
            searched,
        }
    }

    /// The moment of this message in seconds since 1970.
    pub(crate) const fn now(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }

    /// How many objects searches have looked at.
    pub(crate) const fn searched(&self) -> usize {
        self.searched
    }

    /// Sets or empties the ID Placeholder.
    pub(crate) const fn place(&mut self, id: Option<ObjectId>) {
        self.placeholder = id;
    }

    /// The bounds on attributes that clients attach.
    pub(crate) fn bounds(&self) -> Bounds {
        let config = self.service.config();
        Bounds {
            instances_max: config.attribute_instances_max,
            attributes_max: config.attributes_per_object_max,
            bytes_max: config.attribute_text_bytes_max,
            at_creation: false,
        }
    }

    /// The identifier a request means: the one it names, or the ID Placeholder.
    pub(crate) fn resolve(&self, uid: Option<&str>) -> Result<ObjectId, OpError> {
        match uid {
            // A text that is no identifier of ours names no object.
            Some(text) => text.parse().map_err(|_| OpError::from(Cause::NotFound)),
            None => self.placeholder.ok_or_else(|| Cause::NoPlaceholder.into()),
        }
    }

    /// The object a request means, as this message sees it.
    pub(crate) async fn object(&mut self, uid: Option<&str>) -> Result<Arc<Object>, OpError> {
        let id = self.resolve(uid)?;
        if let Some(met) = self.met.iter().find(|met| met.current.id == id) {
            return Ok(Arc::clone(&met.current));
        }
        let store = self.service.store();
        let stored = match store.cached(id).filter(|_| !self.past_cache) {
            Some(object) => Some(object),
            None => store.object_fresh(id).await?,
        };
        let stored = stored.filter(|object| object.instance == self.identity.instance);
        let stored = stored.ok_or(Cause::NotFound)?;
        let current = Arc::clone(&stored);
        self.met.push(Met {
            stored: Some(stored),
            current: Arc::clone(&current),
            served: false,
        });
        Ok(current)
    }

    /// The object a request means, with whether its material was never given to anyone: what is in memory does not know what other nodes gave.
    pub(crate) async fn object_as_given(
        &mut self,
        uid: Option<&str>,
    ) -> Result<Arc<Object>, OpError> {
        let object = self.object(uid).await?;
        let store = self.service.store();
        if !object.fresh || !store.is_shared() {
            return Ok(object);
        }
        let read = store.object_fresh(object.id).await?;
        if read.is_none_or(|read| read.fresh) {
            return Ok(object);
        }
        self.serve_before(object.id);
        self.object(uid).await
    }

    /// A page of the heads of objects of the client's instance, as the store has them: what this message made or changed is in
    /// [`Context::changed`].
    pub(crate) async fn locate(
        &mut self,
        by: By,
        after: Option<ObjectId>,
    ) -> Result<HeadPage, OpError> {
        let searched_max = self.service.config().searched_objects_max;
        if self.searched >= searched_max {
            return Err(Cause::SearchTooLarge.into());
        }
        let limit = HEADS_PER_PAGE.min(searched_max - self.searched);
        let query = LocateQuery {
            instance: self.identity.instance,
            by,
            after,
            limit,
        };
        let _turn = self.service.turns().wait(self.identity.client).await;
        let page = self.service.store().locate(query).await?;
        self.searched += match page.next {
            Some(_) => limit,
            None => page.heads.len(),
        };
        Ok(page)
    }

    /// Which of the objects whose heads [`Context::locate`] found the search matches, as the store has them. It is decided where they
    /// are read: that may take long, and nothing else waits for it there.
    pub(crate) async fn look_through(
        &self,
        ids: Vec<ObjectId>,
        search: &Arc<Search>,
    ) -> Result<Look, OpError> {
        let _turn = self.service.turns().wait(self.identity.client).await;
        let (instance, search) = (self.identity.instance, Arc::clone(search));
        let matches = move |object: &Object| object.instance == instance && search.matches(object);
        Ok(self.service.store().look_through(ids, matches).await?)
    }

    /// The objects this message made or changed, as it sees them.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &Arc<Object>> {
        let same = |met: &&Met| {
            met.stored
                .as_ref()
                .is_some_and(|s| Arc::ptr_eq(s, &met.current))
        };
        self.met
            .iter()
            .filter(move |met| !same(met))
            .map(|met| &met.current)
    }

    /// Whether a Name is in use in the client's instance, by an object other than `except`.
    pub(crate) async fn name_in_use(
        &self,
        name: &str,
        except: Option<ObjectId>,
    ) -> Result<bool, OpError> {
        let gone = |object: &Arc<Object>| lifecycle::is_destroyed(object.state);
        let holds = |object: &Arc<Object>| {
            !gone(object) && object.names.iter().any(|held| held.value == name)
        };
        let met = || self.met.iter().map(|met| &met.current);
        if met().filter(|object| Some(object.id) != except).any(holds) {
            return Ok(true);
        }
        let holder = self
            .service
            .store()
            .name_holder(self.identity.instance, name)
            .await?;
        // One that this message has met holds what it holds in this message: it would have been found above.
        let freed = |id| met().any(|object| object.id == id);
        Ok(holder.is_some_and(|id| Some(id) != except && !freed(id)))
    }

    /// Adds a new object; the ID Placeholder is set to it.
    pub(crate) fn create(&mut self, object: Object) {
        self.placeholder = Some(object.id);
        self.met.push(Met {
            stored: None,
            current: Arc::new(object),
            served: false,
        });
    }

    /// Replaces an object this message has met.
    pub(crate) fn update(&mut self, object: Object) {
        if let Some(met) = self.met.iter_mut().find(|met| met.current.id == object.id) {
            met.current = Arc::new(object);
        }
    }

    /// Notes that an answer holds the object's material: it is fresh no longer.
    pub(crate) fn serve(&mut self, id: ObjectId) {
        let Some(met) = self.met.iter_mut().find(|met| met.current.id == id) else {
            return;
        };
        met.served = true;
        self.serve_before(id);
    }

    /// Notes that an object is fresh no longer, whoever it was given to.
    fn serve_before(&mut self, id: ObjectId) {
        let met = self.met.iter_mut().find(|met| met.current.id == id);
        if let Some(met) = met.filter(|met| met.current.fresh) {
            let mut object = Object::clone(&met.current);
            object.fresh = false;
            met.current = Arc::new(object);
        }
    }

    /// Forgets every change: what Undo does.
    pub(crate) fn discard(&mut self) {
        self.met.retain_mut(|met| match &met.stored {
            Some(stored) => {
                met.current = Arc::clone(stored);
                met.served = false;
                true
            }
            None => false,
        });
    }

    /// The changeset of the message: its events, what it changed, and what must still hold. None without events.
    pub(crate) fn into_changeset(self, events: Vec<Event>) -> Option<Changeset> {
        let now = self.now();
        let mut events = events.into_iter();
        let mut changeset = Changeset::new(events.next()?);
        events.for_each(|event| changeset.record(event));
        let Standing {
            identity,
            credential,
            ..
        } = self.standing;
        changeset.require(Precondition::Credential(identity.instance, credential));
        changeset.require(Precondition::MayAct(identity));
        // What was there first: a Name that is given up is free for what is made.
        let (there, made): (Vec<_>, Vec<_>) =
            self.met.into_iter().partition(|met| met.stored.is_some());
        // What is in memory may be behind what another node wrote.
        let is_shared = self.service.store().is_shared();
        for met in there.into_iter().chain(made) {
            if is_shared && let Some(stored) = &met.stored {
                changeset.require(Precondition::Attributes(
                    stored.id,
                    stored.attributes_version,
                ));
            }
            met.write_into(&mut changeset, now);
        }
        Some(changeset)
    }
}

impl Met {
    fn write_into(self, changeset: &mut Changeset, now: i64) {
        let Self {
            stored,
            current,
            served,
        } = self;
        let id = current.id;
        // One that was just made has never been read.
        let fresh = stored.as_ref().is_some_and(|stored| stored.fresh);
        match stored {
            None => changeset.write(Write::Insert(Arc::clone(&current))),
            Some(stored) => {
                changeset.require(Precondition::State(id, stored.state_version));
                if current.state_version != stored.state_version {
                    changeset.write(Write::State(Arc::clone(&current)));
                }
                if current.attributes_version != stored.attributes_version {
                    changeset.require(Precondition::Attributes(id, stored.attributes_version));
                    changeset.write(Write::Attributes(Arc::clone(&current)));
                }
            }
        }
        let noted = current
            .last_read
            .is_some_and(|read| now - read < LAST_READ_STEP);
        if served && (fresh || !noted) {
            changeset.write(Write::Read(id, now));
        }
    }
}

impl From<StoreError> for OpError {
    fn from(error: StoreError) -> Self {
        Self::new(Cause::StoreUnavailable, error.to_string())
    }
}
