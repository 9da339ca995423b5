//! What one batch item tells its event, gathered while it is carried out.
//!
//! It is filled before anything can fail, so that a failure says as much as a success.

use crate::audit::{Data, Field, Target};
use crate::domain::{Object, lifecycle};
use crate::ops::context::Context;

/// Target, request data and response data of an event.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) target: Target,
    pub(crate) request: Data,
    pub(crate) response: Data,
}

impl Report {
    /// The report of a batch item that has not said what it is about.
    pub(crate) fn new() -> Self {
        Self {
            target: Target::Instance,
            request: Data::new(),
            response: Data::new(),
        }
    }

    /// Adds to what was asked.
    pub(crate) fn asked(&mut self, add: impl FnOnce(Data) -> Data) {
        self.request = add(std::mem::take(&mut self.request));
    }

    /// Adds to what was answered.
    pub(crate) fn answered(&mut self, add: impl FnOnce(Data) -> Data) {
        self.response = add(std::mem::take(&mut self.response));
    }

    /// Names the object a request is about, as the client wrote it or as the ID Placeholder has it.
    pub(crate) fn about(&mut self, ctx: &Context<'_>, uid: Option<&str>) {
        self.target = match (uid, ctx.resolve(uid)) {
            (_, Ok(id)) => Target::Key(id),
            (Some(text), Err(_)) => Target::named_key(text),
            (None, Err(_)) => Target::Instance,
        };
        if let Some(text) = uid {
            self.asked(|data| data.text(Field::UniqueIdentifier, text));
        }
    }

    /// Notes the state and version of an object after the operation.
    pub(crate) fn note_state(&mut self, object: &Object, now: i64) {
        let version = i64::try_from(object.state_version).unwrap_or(i64::MAX);
        let state = lifecycle::state_at(object, now).name();
        self.answered(|data| {
            data.text(Field::State, state)
                .number(Field::ObjectVersion, version)
        });
    }
}
