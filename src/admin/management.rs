//! Management events that other systems performed: checked against the catalogue, then recorded like our own.
//!
//! Only management actions are recorded by hand; what this server does itself, it records itself. Work that takes long is a pending event
//! and one more that ends it, which names the first one's correlationId, its action and its target. Nothing of a text is cut here: an
//! event that does not fit is refused.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::message::{EventRecord, Recorded, RecordedInitiator, RecordedTarget, Response};
use super::{Admin, AdminError};
use crate::audit::action::SERVICE;
use crate::audit::{
    Action, ActionPattern, Data, Event, EventFilter, Failure, Kind, Outcome, ReasonCode, Target,
};
use crate::crypto::certificate::is_hidden;
use crate::domain::{EventId, Initiator, InitiatorKind, RequestId};
use crate::store::Sequence;

/// The most bytes of an identifier or a name.
const NAME_BYTES_MAX: usize = 256;
/// How deep objects and lists of requestData and responseData may lie in one another.
const DEPTH_MAX: usize = 16;
/// What identifiers begin with that this server gives; nobody else may be recorded under them.
const OWN_INITIATORS: [&str; 4] = ["CertificateID-", "LocalUser-", "Server-", "ApiKey-"];
/// The member of `requestData` that says who recorded the event.
const RECORDED_BY: &str = "recordedBy";
/// How far the clock may have been set back or forward about a pending event: between which times it is looked for.
const CLOCK_SLACK_MS: i64 = 3_600_000;
/// How many events may have come since the one that work began with: the rest of the trail is looked through for its end.
const EVENTS_SINCE_MAX: u64 = 10_000_000;
/// Events read at once.
const PAGE: usize = 100;

/// An event that was found to be in order, but for what the trail says.
struct Checked {
    action: Action,
    outcome: Outcome,
    reason: ReasonCode,
    target: Target,
    initiator: Initiator,
    request: Data,
    response: Data,
    ends: Option<RequestId>,
}

/// Records an event; it is durable when this returns. `recorder` is who records it, and who did it where the request names nobody.
pub(super) async fn record(
    admin: &Admin,
    recorder: Initiator,
    request: EventRecord,
) -> Result<Response, AdminError> {
    let recorded_by = recorder.id.clone();
    let checked = check(recorder, request)?;
    // What may take long is looked for before anybody else is kept waiting.
    let before = match checked.ends {
        Some(correlation) => Some(begun(admin, checked.action, correlation).await?),
        None => None,
    };
    let _turn = admin.changes.lock().await;
    if let Some(mut work) = before {
        work.read_on(admin).await?;
        check_pending(&checked, &work)?;
    }
    let event = event(admin, checked)?;
    let (id, correlation) = (event.id, event.correlation);
    let applied = admin.store.apply(Admin::changeset(event)).await?;
    tracing::info!(event = %id, %recorded_by, "A management event was recorded.");
    Ok(Response::Recorded(Recorded {
        id: id.to_string(),
        correlation_id: correlation.to_string(),
        sequence: applied.first_sequence.0,
    }))
}

/// The event, if it fits.
fn event(admin: &Admin, checked: Checked) -> Result<Event, AdminError> {
    let scope = admin.global_scope()?;
    let time_ms = admin.clock.now_ms();
    let correlation = match checked.ends {
        Some(correlation) => correlation,
        None => admin.correlation()?,
    };
    let is_failure = checked.outcome == Outcome::Failure;
    let event = Event {
        id: EventId::new(time_ms, admin.random_bytes()?),
        time_ms,
        action: checked.action,
        outcome: checked.outcome,
        initiator: Arc::new(checked.initiator),
        scope,
        target: checked.target,
        reason: checked.reason,
        failure: is_failure.then_some(Failure::Reported),
        request: checked.request,
        response: checked.response,
        correlation,
    };
    let mut json = Vec::new();
    event.write_json(&mut json);
    if json.len() > Event::BYTES_MAX {
        let (bytes, most) = (json.len(), Event::BYTES_MAX);
        return Err(AdminError::invalid(format!(
            "the event has {bytes} bytes, and at most {most} are allowed; shorten requestData or responseData"
        )));
    }
    Ok(event)
}

fn check(recorder: Initiator, request: EventRecord) -> Result<Checked, AdminError> {
    let action = action(&request.action)?;
    let outcome = request.outcome.parse::<Outcome>();
    let outcome = outcome.map_err(|error| AdminError::invalid(format!("outcome: {error}")))?;
    let ends = request.correlation_id.as_deref().map(correlation);
    let ends = ends.transpose()?;
    if outcome == Outcome::Pending && ends.is_some() {
        return Err(AdminError::invalid(
            "correlationId: a pending event is given one; leave it out here and name it in the event that ends the work",
        ));
    }
    let recorded_by = recorder.id.clone();
    Ok(Checked {
        action,
        outcome,
        reason: reason(action, outcome, request.reason_code)?,
        target: target(request.target)?,
        initiator: match request.initiator {
            Some(given) => initiator(given)?,
            None => recorder,
        },
        request: asked_for(request.request_data, &recorded_by)?,
        response: data("responseData", request.response_data)?,
        ends,
    })
}

fn action(text: &str) -> Result<Action, AdminError> {
    const ADVICE: &str = "name a management action, such as vcs.create; docs/events.md lists them";
    let short = text.strip_prefix(SERVICE).unwrap_or(text);
    let action = Action::from_name(&format!("{SERVICE}{short}")).ok_or_else(|| {
        AdminError::invalid(format!("action: there is no action {text:?}; {ADVICE}"))
    })?;
    if action.kind() != Kind::Management {
        return Err(AdminError::invalid(format!(
            "action: {short} is recorded by the server that performs it and by nobody else; {ADVICE}"
        )));
    }
    Ok(action)
}

/// The code of the cause, which must fit the outcome.
fn reason(action: Action, outcome: Outcome, code: Option<u16>) -> Result<ReasonCode, AdminError> {
    let Some(code) = code else {
        return match outcome {
            Outcome::Success if action.verb() == "create" => Ok(ReasonCode::Created),
            Outcome::Success => Ok(ReasonCode::Ok),
            Outcome::Pending => Ok(ReasonCode::Accepted),
            Outcome::Failure => Err(AdminError::invalid(
                "reasonCode: a failure needs the code of its cause, such as 403 or 500",
            )),
        };
    };
    let fits = |reason: &ReasonCode| (reason.code() >= 400) == (outcome == Outcome::Failure);
    ReasonCode::from_code(code).filter(fits).ok_or_else(|| {
        let fitting = ReasonCode::ALL.iter().filter(|reason| fits(reason));
        let codes: Vec<_> = fitting.map(|reason| reason.code().to_string()).collect();
        let (outcome, codes) = (outcome.as_str(), codes.join(", "));
        AdminError::invalid(format!(
            "reasonCode: {code} does not fit the outcome {outcome}; use one of {codes}"
        ))
    })
}

fn target(given: RecordedTarget) -> Result<Target, AdminError> {
    let id = text("target.id", given.id)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~');
    if !id.chars().all(is_plain) {
        return Err(AdminError::invalid(
            "target.id: only letters, digits and . _ - ~ can stand in a CRN; put other words into target.name",
        ));
    }
    Ok(match given.name {
        Some(name) if name != id => {
            let name = text("target.name", name)?;
            Target::Named { id, name }
        }
        Some(_) | None => Target::Resource(id),
    })
}

fn initiator(given: RecordedInitiator) -> Result<Initiator, AdminError> {
    let kind = match given.kind.as_str() {
        "user" => InitiatorKind::User,
        "service-id" => InitiatorKind::ServiceId,
        other => {
            let problem = format!("initiator.kind: {other:?} is none; use user or service-id");
            return Err(AdminError::invalid(problem));
        }
    };
    let id = text("initiator.id", given.id)?;
    if OWN_INITIATORS.iter().any(|own| id.starts_with(own)) {
        let problem = format!("initiator.id: `{id}` begins as those that this server gives");
        return Err(AdminError::invalid(problem));
    }
    let name = given.name.map(|name| text("initiator.name", name));
    Ok(Initiator {
        name: name.transpose()?.unwrap_or_else(|| id.clone()),
        id,
        kind,
    })
}

fn text(field: &str, text: String) -> Result<String, AdminError> {
    check_text(field, &text, NAME_BYTES_MAX)?;
    Ok(text)
}

/// Refuses a text that is empty, long, or hides something from who reads it.
pub(super) fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), AdminError> {
    let problem = if text.trim().is_empty() {
        "is missing".to_owned()
    } else if text.len() > bytes_max {
        format!("has more than {bytes_max} bytes")
    } else if text.contains(is_hidden) {
        "has a letter that cannot be seen".to_owned()
    } else {
        return Ok(());
    };
    Err(AdminError::invalid(format!("{field}: the text {problem}")))
}

/// What was asked, and who records it: whoever may record events may name anybody as their initiator.
fn asked_for(value: Option<Value>, recorded_by: &str) -> Result<Data, AdminError> {
    let mut value = match value {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(value) => value,
    };
    let field = "requestData";
    if let Value::Object(asked) = &mut value {
        let recorder = recorded_by.to_owned().into();
        if asked.insert(RECORDED_BY.to_owned(), recorder).is_some() {
            return Err(AdminError::invalid(format!(
                "{field}.{RECORDED_BY}: this server says who records an event; leave it out"
            )));
        }
    }
    data(field, Some(value))
}

fn data(field: &str, value: Option<Value>) -> Result<Data, AdminError> {
    match value {
        None | Some(Value::Null) => Ok(Data::new()),
        Some(value) if depth(&value) > DEPTH_MAX => Err(AdminError::invalid(format!(
            "{field}: objects and lists lie in one another more than {DEPTH_MAX} deep"
        ))),
        Some(Value::Object(object)) => Ok(Data::object(&object)),
        Some(_) => Err(AdminError::invalid(format!(
            "{field}: it must be a JSON object, such as {{\"plan\": \"large\"}}"
        ))),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn correlation(text: &str) -> Result<RequestId, AdminError> {
    text.parse().map_err(|_| {
        let problem = format!("correlationId: {text:?} is not a UUID in lower case");
        AdminError::invalid(problem)
    })
}

/// Whether the trail has a pending event of this work, and none that ended it.
fn check_pending(ending: &Checked, work: &Work) -> Result<(), AdminError> {
    let (name, correlation) = (ending.action.short_name(), work.correlation);
    let begun = &work.begun;
    if let Some(end) = &work.ended {
        let outcome = end.outcome.as_str();
        return Err(AdminError::conflict(format!(
            "correlationId: the {name} of {correlation} has ended already, with {outcome}"
        )));
    }
    if begun.target != ending.target {
        let begun_on = begun.target_name().unwrap_or_default();
        return Err(AdminError::conflict(format!(
            "target: the {name} of {correlation} was begun on `{begun_on}`; give the same id and name"
        )));
    }
    Ok(())
}

/// A piece of work that the trail knows.
struct Work {
    correlation: RequestId,
    filter: EventFilter,
    /// The event that it began with.
    begun: Arc<Event>,
    /// The event that ended it, if there is one before `next`.
    ended: Option<Arc<Event>>,
    /// The first event that was not looked at.
    next: Sequence,
}

impl Work {
    /// Looks for its end in what has come since.
    async fn read_on(&mut self, admin: &Admin) -> Result<(), AdminError> {
        while self.ended.is_none() && self.next < admin.store.head() {
            let page = admin.store.events(self.next, PAGE, &self.filter).await?;
            let mut events = page.events.into_iter().map(|stored| stored.event);
            let correlation = self.correlation;
            self.ended = events.find(|event| {
                event.correlation == correlation && event.outcome != Outcome::Pending
            });
            self.next = page.next;
        }
        Ok(())
    }
}

/// The work that began with the pending event of this action and correlationId, and its end as far as the trail goes now. The correlationId
/// holds the time at which it began: what is older or newer is not looked at, so that one that was made up costs little.
async fn begun(admin: &Admin, action: Action, correlation: RequestId) -> Result<Work, AdminError> {
    let name = action.short_name();
    let absent = || {
        AdminError::not_found(format!(
            "correlationId: no pending {name} has {correlation}; leave it out for work that was not recorded as pending"
        ))
    };
    let filter = EventFilter {
        action: Some(ActionPattern::Exact(action)),
        ..EventFilter::default()
    };
    let [a, b, c, d, e, f, ..] = *correlation.as_bytes();
    let begun_ms = i64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let mut next = first_since(admin, begun_ms.saturating_sub(CLOCK_SLACK_MS)).await?;
    let end = first_since(admin, begun_ms.saturating_add(CLOCK_SLACK_MS)).await?;
    while next < end {
        let page = admin.store.events(next, PAGE, &filter).await?;
        let mut events = page.events.into_iter();
        let found = events.find(|stored| stored.event.correlation == correlation);
        next = page.next;
        let Some(found) = found else { continue };
        let since = admin.store.head().0.saturating_sub(found.sequence.0);
        if since > EVENTS_SINCE_MAX {
            return Err(AdminError::conflict(format!(
                "correlationId: the {name} of {correlation} began {since} events ago; record its end without it"
            )));
        }
        let mut work = Work {
            correlation,
            filter,
            begun: found.event,
            ended: None,
            next: found.sequence.plus(1),
        };
        work.read_on(admin).await?;
        return Ok(work);
    }
    Err(absent())
}

/// The first event that is not before a time, found by halves.
pub(super) async fn first_since(admin: &Admin, time_ms: i64) -> Result<Sequence, AdminError> {
    let everything = EventFilter::default();
    let (mut low, mut high) = (0, admin.store.head().0);
    while low < high {
        let middle = low + (high - low) / 2;
        let page = admin.store.events(Sequence(middle), 1, &everything).await?;
        let is_before = |event: &Event| event.time_ms < time_ms;
        match page.events.first() {
            Some(stored) if is_before(&stored.event) => low = middle + 1,
            Some(_) | None => high = middle,
        }
    }
    Ok(Sequence(low))
}
