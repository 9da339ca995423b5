//! Targets: made, changed, tested, moved and removed; what they refused, given to them again or given up.
//!
//! A target that cannot be reached is no reason to refuse a change: the test says so. Secrets come in once, are wrapped by the master key and are
//! shown as a mask from then on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::message::routing::{
    Dropped, Follow, Lag, NewTarget, Parked, ParkedFrom, ParkedSome, RoutingResponse, Target,
    TargetChange, TargetRequest, Tested,
};
use super::write_status::{Test, write_status};
use super::{Admin, AdminError, Deed, Response, gaps, kept_secrets};
use crate::audit::{Action, Data};
use crate::domain::clock::rfc3339;
use crate::domain::routing::{self, RoutingError};
use crate::domain::{Initiator, TargetId};
use crate::providers::MasterKey;
use crate::routing::roster::{endpoint, wrapped_secrets};
use crate::routing::targets::AnyEndpoint;
use crate::routing::{Batch, Content, Deliver as _, EndpointError, Record, Standing, Surroundings};
use crate::store::changeset::Write;
use crate::store::{Delivered, From, ParkedRange, Sequence};

/// Events that one answer about what is parked holds at most.
const PARKED_PER_PAGE: usize = 1000;

/// How long a test record may take, whatever the target's own limits are: the command line waits for it.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Says how the targets of a running server stand.
pub type Standings = Arc<dyn Fn(TargetId) -> Option<Standing> + Send + Sync>;

/// Carries out a request about targets.
pub(super) async fn run(
    admin: &Admin,
    initiator: Initiator,
    request: TargetRequest,
) -> Result<Response, AdminError> {
    let answer = match request {
        TargetRequest::Add(new) => add(admin, initiator, new).await?,
        TargetRequest::Update(change) => update(admin, initiator, change).await?,
        TargetRequest::List => list(admin).await?,
        TargetRequest::Remove(named) => remove(admin, initiator, &named.name).await?,
        TargetRequest::Validate(named) => validate(admin, initiator, &named.name).await?,
        TargetRequest::Parked(page) => parked(admin, &page).await?,
        TargetRequest::Retry(some) => retry(admin, initiator, &some).await?,
        TargetRequest::Drop(some) => give_up(admin, initiator, &some).await?,
        TargetRequest::Follow(follow) => go_on_at(admin, initiator, &follow).await?,
    };
    Ok(Response::Routing(answer))
}

async fn add(
    admin: &Admin,
    initiator: Initiator,
    new: NewTarget,
) -> Result<RoutingResponse, AdminError> {
    let NewTarget {
        name,
        target_type,
        region,
        rendering,
        endpoint,
        from,
    } = new;
    let made = {
        let _turn = admin.changes.lock().await;
        let routing = admin.store.routing();
        routing.check_new_target(&name, &admin.routing_limits)?;
        routing.check_region(region.as_deref())?;
        let mut endpoint = read(&target_type, &endpoint.0)?;
        check(admin, &endpoint)?;
        let id = TargetId::new(admin.clock.now_ms(), admin.random_bytes()?);
        if endpoint
            .secrets()
            .iter()
            .any(|(_, secret)| secret.is_mask())
        {
            return Err(AdminError::invalid(format!(
                "{}: a secret is the mask: write the secret itself",
                endpoint.member()
            )));
        }
        let secrets =
            wrapped_secrets(id, &mut endpoint, master(admin)?, &*admin.random).map_err(trouble)?;
        let now = admin.now();
        let made = routing::Target {
            id,
            name,
            target_type,
            region,
            rendering,
            endpoint: endpoint.to_json().to_string(),
            created: now,
            updated: now,
            version: 1,
        };
        let begins = Write::Cursor(id, begin(admin, from)?);
        let write = Write::Target(Box::new(made.clone()), secrets);
        commit(
            admin,
            initiator,
            Action::TargetCreate,
            &made,
            json!({}),
            vec![write, begins],
        )
        .await?;
        made
    };
    tested(admin, &made).await
}

async fn update(
    admin: &Admin,
    initiator: Initiator,
    change: TargetChange,
) -> Result<RoutingResponse, AdminError> {
    let _turn = admin.changes.lock().await;
    let mut target = found(admin, &change.target)?;
    let routing = admin.store.routing();
    if let Some(name) = change.name.filter(|name| *name != target.name) {
        routing.check_target_name(&name)?;
        target.name = name;
    }
    if let Some(region) = change.region {
        routing.check_region(Some(&region))?;
        target.region = Some(region);
    }
    target.rendering = change.rendering.unwrap_or(target.rendering);
    let mut held = endpoint(&admin.store, &target, master(admin)?)
        .await
        .map_err(trouble)?;
    let is_elsewhere = change.endpoint.is_some();
    if let Some(new) = change.endpoint {
        let mut new = read(&target.target_type, &new.0)?;
        kept_secrets::take_over(&mut held, &mut new)?;
        // Not before: a mask is no key and no password.
        check(admin, &new)?;
        held = new;
    }
    target.endpoint = held.to_json().to_string();
    (target.updated, target.version) = (admin.now(), target.version + 1);
    let secrets =
        wrapped_secrets(target.id, &mut held, master(admin)?, &*admin.random).map_err(trouble)?;
    let write = Write::Target(Box::new(target.clone()), secrets);
    commit(
        admin,
        initiator,
        Action::TargetUpdate,
        &target,
        json!({}),
        vec![write],
    )
    .await?;
    if is_elsewhere {
        admin.tests.forget(target.id);
    }
    Ok(RoutingResponse::Target(Box::new(
        shown(admin, &target).await?,
    )))
}

async fn list(admin: &Admin) -> Result<RoutingResponse, AdminError> {
    let mut targets = Vec::new();
    for target in &admin.store.routing().targets {
        targets.push(shown(admin, target).await?);
    }
    Ok(RoutingResponse::Targets(targets))
}

async fn remove(
    admin: &Admin,
    initiator: Initiator,
    name: &str,
) -> Result<RoutingResponse, AdminError> {
    let _turn = admin.changes.lock().await;
    let target = found(admin, name)?;
    admin.store.routing().check_unused(target.id)?;
    let shown = shown(admin, &target).await?;
    let left = json!({ "undelivered": shown.lag.events, "parked": shown.parked });
    commit(
        admin,
        initiator,
        Action::TargetDelete,
        &target,
        left,
        vec![Write::TargetRemoved(target.id)],
    )
    .await?;
    admin.tests.forget(target.id);
    Ok(RoutingResponse::Target(Box::new(shown)))
}

/// Sends a test record to a target, once it is recorded that it is.
async fn validate(
    admin: &Admin,
    initiator: Initiator,
    name: &str,
) -> Result<RoutingResponse, AdminError> {
    let target = found(admin, name)?;
    let action = Action::TargetValidate;
    commit(admin, initiator, action, &target, json!({}), Vec::new()).await?;
    tested(admin, &target).await
}

/// Sends a test record, and says why it was not taken, if it was not.
async fn tested(admin: &Admin, target: &routing::Target) -> Result<RoutingResponse, AdminError> {
    let problem = test(admin, target).await.err();
    let kept = Test {
        at_ms: admin.clock.now_ms(),
        problem: problem.clone(),
    };
    admin.tests.keep(target.id, kept);
    let target = shown(admin, target).await?;
    Ok(RoutingResponse::Tested(Box::new(Tested {
        target,
        problem,
    })))
}

fn surroundings(admin: &Admin) -> Surroundings {
    Surroundings {
        origin: admin.store.origin(),
        clock: Arc::clone(&admin.clock),
        random: Arc::clone(&admin.random),
        reserved: Arc::clone(&admin.reserved),
    }
}

async fn test(admin: &Admin, target: &routing::Target) -> Result<(), String> {
    let master = master(admin).map_err(|error| error.message)?;
    let endpoint = endpoint(&admin.store, target, master)
        .await
        .map_err(|error| error.to_string())?;
    let origin = admin.store.origin();
    let mut opened = endpoint
        .open(&surroundings(admin))
        .map_err(|error| error.to_string())?;
    let time_ms = admin.clock.now_ms();
    let json = json!({ "test": { "origin": origin.name, "time": time_ms } });
    let record = Record {
        content: Content::Test(time_ms),
        json: json.to_string().into_bytes(),
    };
    let batch = Batch {
        origin,
        records: vec![record],
    };
    match tokio::time::timeout(TEST_TIMEOUT, opened.deliver(&batch)).await {
        Ok(delivered) => delivered.map_err(|error| error.to_string()),
        Err(_) => Err("the target did not answer in time".to_owned()),
    }
}

async fn parked(admin: &Admin, page: &ParkedFrom) -> Result<RoutingResponse, AdminError> {
    let target = found(admin, &page.target)?;
    let parked = admin
        .store
        .parked(target.id, Sequence(page.from), PARKED_PER_PAGE)
        .await?;
    let one = |parked: crate::store::Parked| Parked {
        sequence: parked.sequence.0,
        reason: parked.reason,
        parked_at: rfc3339(parked.parked_ms.div_euclid(1000)),
        retried: parked.is_due,
    };
    Ok(RoutingResponse::Parked(
        parked.into_iter().map(one).collect(),
    ))
}

async fn retry(
    admin: &Admin,
    initiator: Initiator,
    some: &ParkedSome,
) -> Result<RoutingResponse, AdminError> {
    let target = found(admin, &some.target)?;
    parked_page(admin, &target, some.sequence).await?;
    let again = match some.sequence {
        Some(sequence) => json!({ "sequence": sequence }),
        None => json!({ "count": admin.store.parked_count(target.id).await? }),
    };
    let action = Action::TargetRetry;
    commit(admin, initiator, action, &target, again, Vec::new()).await?;
    let range = match some.sequence {
        Some(sequence) => ParkedRange::One(Sequence(sequence)),
        None => ParkedRange::All,
    };
    admin
        .store
        .keep_delivered(target.id, Delivered::Due(range))
        .await?;
    Ok(RoutingResponse::Target(Box::new(
        shown(admin, &target).await?,
    )))
}

/// The most sequences that one event names: what is more is given up with further events.
const SEQUENCES_MAX: usize = 500;

async fn give_up(
    admin: &Admin,
    initiator: Initiator,
    some: &ParkedSome,
) -> Result<RoutingResponse, AdminError> {
    let _turn = admin.changes.lock().await;
    let target = found(admin, &some.target)?;
    let mut page = parked_page(admin, &target, some.sequence).await?;
    // What is parked meanwhile is not what was asked for, and may be without end.
    let most = match some.sequence {
        Some(_) => 1,
        None => admin.store.parked_count(target.id).await?,
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut dropped = 0;
    while let Some(last) = page.last().map(|sequence| sequence.0) {
        dropped += page.len();
        let sequences: Vec<_> = page.iter().map(|sequence| sequence.0).collect();
        let given_up = json!({ "count": sequences.len(), "sequences": sequences });
        let write = Write::ParkedDropped(target.id, page);
        let action = Action::TargetDrop;
        let initiator = initiator.clone();
        commit(admin, initiator, action, &target, given_up, vec![write]).await?;
        let next = Sequence(last).plus(1);
        let left = most.saturating_sub(dropped).min(SEQUENCES_MAX);
        page = parked_from(admin, target.id, next, left).await?;
    }
    Ok(RoutingResponse::Dropped(Box::new(Dropped {
        target: shown(admin, &target).await?,
        dropped,
    })))
}

/// The first sequences of what is parked, or the one that is asked for; at least one is there.
async fn parked_page(
    admin: &Admin,
    target: &routing::Target,
    asked: Option<u64>,
) -> Result<Vec<Sequence>, AdminError> {
    let (from, most) = asked.map_or((0, SEQUENCES_MAX), |sequence| (sequence, 1));
    let page = parked_from(admin, target.id, Sequence(from), most).await?;
    let is_there = asked.map_or(!page.is_empty(), |sequence| page == [Sequence(sequence)]);
    if is_there {
        return Ok(page);
    }
    let what = asked.map_or_else(
        || "nothing".to_owned(),
        |sequence| format!("no event {sequence}"),
    );
    let text = format!("sequence: {what} is parked for target `{}`", target.name);
    Err(AdminError::not_found(text))
}

async fn parked_from(
    admin: &Admin,
    target: TargetId,
    from: Sequence,
    most: usize,
) -> Result<Vec<Sequence>, AdminError> {
    let parked = admin.store.parked(target, from, most).await?;
    Ok(parked.into_iter().map(|parked| parked.sequence).collect())
}

async fn go_on_at(
    admin: &Admin,
    initiator: Initiator,
    follow: &Follow,
) -> Result<RoutingResponse, AdminError> {
    let _turn = admin.changes.lock().await;
    let target = found(admin, &follow.target)?;
    let was = admin
        .store
        .cursor(target.id)
        .await?
        .map(|cursor| cursor.next.0);
    let from = begin(admin, follow.from)?;
    let to = match from {
        From::Here => admin.store.head(),
        From::Event(sequence) => sequence,
    };
    let data = json!({ "from": was, "to": to });
    commit(
        admin,
        initiator,
        Action::TargetFollow,
        &target,
        data,
        vec![Write::Cursor(target.id, from)],
    )
    .await?;
    Ok(RoutingResponse::Target(Box::new(
        shown(admin, &target).await?,
    )))
}

/// Where a target begins; none: with the event of the change.
fn begin(admin: &Admin, from: Option<u64>) -> Result<From, AdminError> {
    let head = admin.store.head().0;
    match from {
        None => Ok(From::Here),
        // The start of the trail, wherever that is by now.
        Some(0) => Ok(From::Event(admin.store.kept_from())),
        Some(from) if from < admin.store.kept_from().0 => {
            let kept_from = admin.store.kept_from();
            Err(AdminError::invalid(format!(
                "from: event {from} was removed by retention: write {kept_from} at least"
            )))
        }
        Some(from) if from <= head => Ok(From::Event(Sequence(from))),
        Some(from) => Err(AdminError::invalid(format!(
            "from: event {from} is beyond the end of the trail: write {head} at most"
        ))),
    }
}

/// Checks every field, also those that only this server can judge.
fn check(admin: &Admin, endpoint: &AnyEndpoint) -> Result<(), AdminError> {
    endpoint.check().map_err(invalid)?;
    endpoint
        .open(&surroundings(admin))
        .map(drop)
        .map_err(invalid)
}

fn read(target_type: &str, fields: &Value) -> Result<AnyEndpoint, AdminError> {
    AnyEndpoint::read(target_type, fields).map_err(invalid)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "used as a function of map_err"
)]
fn invalid(error: EndpointError) -> AdminError {
    AdminError::invalid(error.to_string())
}

pub(super) fn found(admin: &Admin, name: &str) -> Result<routing::Target, AdminError> {
    let routing = admin.store.routing();
    routing.target(name).cloned().ok_or_else(|| {
        let names: Vec<_> = routing.targets.iter().map(|target| &*target.name).collect();
        AdminError::not_found(format!(
            "target: there is no target `{name}`; the targets are: {}",
            names.join(", ")
        ))
    })
}

fn master(admin: &Admin) -> Result<&dyn MasterKey, AdminError> {
    admin.unlocked()?;
    let founder = admin.founder.as_ref();
    let founder = founder.map_err(|reason| {
        AdminError::unavailable(format!("secrets of targets cannot be used: {reason}"))
    })?;
    if founder.master.check_value() != admin.store.master_key_check() {
        let text = "secrets of targets cannot be used: the master key is not the database's";
        return Err(AdminError::unavailable(text));
    }
    Ok(&*founder.master)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "used as a function of map_err"
)]
fn trouble(error: crate::routing::roster::EndpointTrouble) -> AdminError {
    AdminError::unavailable(error.to_string())
}

async fn commit(
    admin: &Admin,
    initiator: Initiator,
    action: Action,
    target: &routing::Target,
    more: Value,
    writes: Vec<Write>,
) -> Result<(), AdminError> {
    let mut data = Map::new();
    data.insert("id".to_owned(), target.id.to_string().into());
    data.insert("name".to_owned(), target.name.clone().into());
    data.insert("targetType".to_owned(), target.target_type.clone().into());
    data.insert("rendering".to_owned(), target.rendering.as_str().into());
    data.extend(more.as_object().cloned().unwrap_or_default());
    let deed = Deed {
        action,
        initiator,
        target: target.id.to_string(),
        scope: admin.global_scope()?,
        request: Data::object(&data),
    };
    admin.commit(deed, writes).await
}

async fn shown(admin: &Admin, target: &routing::Target) -> Result<Target, AdminError> {
    let standing = admin
        .standings
        .as_ref()
        .and_then(|standings| standings(target.id));
    let member = AnyEndpoint::TYPES
        .iter()
        .find(|(name, _)| *name == target.target_type);
    let member = member.map_or("endpoint", |(_, member)| *member);
    let mut endpoint = Map::new();
    endpoint.insert(
        member.to_owned(),
        serde_json::from_str(&target.endpoint).unwrap_or_default(),
    );
    Ok(Target {
        id: target.id.to_string(),
        name: target.name.clone(),
        crn: admin
            .global_scope()?
            .resource_crn(Action::TargetCreate.object_type(), &target.id.to_string()),
        target_type: target.target_type.clone(),
        region: target.region.clone(),
        rendering: target.rendering,
        endpoint,
        write_status: write_status(standing.as_ref(), admin.tests.last(target.id).as_ref()),
        lag: lag(admin, target.id, standing.as_ref()).await?,
        parked: admin.store.parked_count(target.id).await?,
        gaps: gaps::of(admin, target.id).await?,
        created_at: rfc3339(target.created),
        updated_at: rfc3339(target.updated),
        api_version: 2,
    })
}

async fn lag(
    admin: &Admin,
    target: TargetId,
    standing: Option<&Standing>,
) -> Result<Lag, AdminError> {
    let head = admin.store.head();
    if let Some(standing) = standing {
        let lag = standing.lag(head, admin.clock.now_ms());
        let (events, seconds) = (lag.events, Some(lag.seconds));
        return Ok(Lag {
            next: standing.next.0,
            events,
            seconds,
        });
    }
    let next = admin
        .store
        .cursor(target)
        .await?
        .map_or(head, |cursor| cursor.next);
    Ok(Lag {
        next: next.0,
        events: head.0.saturating_sub(next.0),
        seconds: None,
    })
}

impl std::convert::From<RoutingError> for AdminError {
    fn from(error: RoutingError) -> Self {
        let text = error.to_string();
        let refused = match error {
            RoutingError::Invalid { .. } => Self::invalid(text),
            RoutingError::NotFound(_) => Self::not_found(text),
            RoutingError::NameTaken { .. }
            | RoutingError::InUse { .. }
            | RoutingError::Limit { .. } => Self::conflict(text),
        };
        Self {
            code: Some(error.code().to_owned()),
            ..refused
        }
    }
}
