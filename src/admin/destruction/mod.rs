//! Keys that administrators destroy: at once or after a window in which that can be undone, alone or with another's approval.
//!
//! What is asked for is one piece of work in the trail: `kmip-key.destroy` pending, and later the same with success or failure, under one
//! correlationId. Clients may change a key at the same moment: then what was decided is decided anew.

mod step;

use super::keys::{COMPONENT, NAME, custom};
use super::message::destruction::DESTROYED;
use super::message::{self, DestructionList, Destructions, KeyDestroy, KeyRevoke, Response};
use super::{Admin, AdminError};
use crate::audit::{Action, Data, Failure, Field};
use crate::domain::clock::rfc3339;
use crate::domain::destruction::{
    self, Destruction, Party, REASON_BYTES_MAX, carry_out, restore as give_back, schedule,
};
use crate::domain::lifecycle::{self, revoke as revoke_object};
use crate::domain::{DestructionPolicy, Initiator, Object, RevocationReason};
use crate::kmip::enums::RevocationReasonCode;
use crate::store::changeset::Write;
use step::{Step, TRIES};

/// The most destructions one page holds.
const PAGE_MAX: usize = 1000;

const PENDING: &str = "pending";
const SCHEDULED: &str = "scheduled";

/// Revokes a key.
pub(super) async fn revoke(
    admin: &Admin,
    initiator: Initiator,
    request: KeyRevoke,
) -> Result<Response, AdminError> {
    let code = reason_code(&request.reason)?;
    let message = request.message.as_deref();
    let message = message.map(|text| checked("message", text)).transpose()?;
    for _ in 0..TRIES {
        let mut step = Step::load(admin, &initiator, &request.id).await?;
        let mut object = Object::clone(&step.object);
        let reason = RevocationReason {
            code,
            message: message.clone(),
        };
        let mut asked = Data::new().text(Field::RevocationReason, code.name());
        if let Some(message) = &message {
            asked = asked.text(Field::Reason, message);
        }
        if let Err(refused) = revoke_object(&mut object, reason, None, admin.now()) {
            return Err(step.refused(Action::KeyRevoke, asked, refused).await);
        }
        step.change(object);
        step.succeeds(Action::KeyRevoke, asked)?;
        if step.commit(Vec::new()).await? {
            return super::keys::show(admin, &request.id).await;
        }
    }
    Err(step::restless(&request.id))
}

/// Destroys a key as the policy has it.
pub(super) async fn destroy(
    admin: &Admin,
    initiator: Initiator,
    request: KeyDestroy,
) -> Result<Response, AdminError> {
    let reason = checked("reason", &request.reason)?;
    let policy = policy(admin)?;
    let _turn = admin.changes.lock().await;
    for _ in 0..TRIES {
        let mut step = Step::load(admin, &initiator, &request.id).await?;
        step.must_be_of(request.instance.as_deref())?;
        step.none_under_way()?;
        let new = Destruction {
            object: step.object.id,
            instance: step.object.instance,
            reason: reason.clone(),
            forced: request.force,
            requested: admin.now(),
            requested_by: Party::from(&initiator),
            requested_by_makers: admin.own_makers(),
            approved_by: None,
            correlation: admin.correlation()?,
            scheduled: None,
        };
        step.correlation = new.correlation;
        if let Err(refused) = destruction::check(&step.object, request.force, admin.now()) {
            let asked = asked(&new);
            return Err(step.refused(Action::KeyDestroy, asked, refused).await);
        }
        let (word, held) = if policy.second_administrator {
            step.pends(asked(&new))?;
            (PENDING, new)
        } else {
            begin(admin, policy, &mut step, new, true)?
        };
        let write = (word != DESTROYED).then(|| Write::Destruction(Box::new(held.clone())));
        if step.commit(write.into_iter().collect()).await? {
            return step.answer(word, &held);
        }
    }
    Err(step::restless(&request.id))
}

/// How keys are destroyed; without that nothing is: a window that is not known must not become none.
pub(super) fn policy(admin: &Admin) -> Result<&DestructionPolicy, AdminError> {
    admin.destruction.as_ref().map_err(|problem| {
        AdminError::unavailable(format!(
            "no key can be destroyed by an administrator: {problem}"
        ))
    })
}

/// Destroys the key of a step or schedules that. `is_new`: the trail does not know of it yet.
fn begin(
    admin: &Admin,
    policy: &DestructionPolicy,
    step: &mut Step<'_>,
    mut held: Destruction,
    is_new: bool,
) -> Result<(&'static str, Destruction), AdminError> {
    let now = admin.now();
    let mut object = Object::clone(&step.object);
    let decided = match policy.due(now) {
        Some(due) => schedule(&mut object, due, held.forced, now).map(Some),
        None => carry_out(&mut object, held.forced, now).map(|()| None),
    };
    held.scheduled = decided.map_err(|refused| step::sorry(refused, &step.object))?;
    step.change(object);
    match held.scheduled {
        None => {
            step.succeeds(Action::KeyDestroy, asked(&held))?;
            Ok((DESTROYED, held))
        }
        Some(_) => {
            if is_new {
                step.pends(asked(&held))?;
            }
            Ok((SCHEDULED, held))
        }
    }
}

/// Approves a destruction that waits for another administrator.
pub(super) async fn approve(
    admin: &Admin,
    initiator: Initiator,
    id: &str,
) -> Result<Response, AdminError> {
    let policy = policy(admin)?;
    let _turn = admin.changes.lock().await;
    for _ in 0..TRIES {
        let mut step = Step::load(admin, &initiator, id).await?;
        let mut held = step.waiting()?;
        if let Some(NotAnother { cause, kin, text }) = not_another(admin, &held, &initiator) {
            let asked = asked(&held);
            let asked = match kin {
                Some(kin) => asked.text(Field::Kin, kin),
                None => asked,
            };
            step.fails(Action::KeyApprove, asked, cause)?;
            step.commit(Vec::new()).await?;
            return Err(AdminError::conflict(format!("{id}: {text}")));
        }
        if let Err(refused) = destruction::check(&step.object, held.forced, admin.now()) {
            // A client was first, or the key is in use since.
            let cause = step::failure(refused);
            step.fails(Action::KeyDestroy, asked(&held), cause)?;
            let sorry = step::sorry(refused, &step.object);
            if step
                .commit(vec![Write::DestructionEnded(held.object)])
                .await?
            {
                return Err(sorry);
            }
            continue;
        }
        held.approved_by = Some(Party::from(&initiator));
        step.succeeds(Action::KeyApprove, asked(&held))?;
        let (word, held) = begin(admin, policy, &mut step, held, false)?;
        let write = match word {
            DESTROYED => Write::DestructionEnded(held.object),
            _ => Write::Destruction(Box::new(held.clone())),
        };
        if step.commit(vec![write]).await? {
            return step.answer(word, &held);
        }
    }
    Err(step::restless(id))
}

/// Why an initiator is not another administrator than the one who asked.
struct NotAnother {
    cause: Failure,
    /// Who is or made both, where that is the reason.
    kin: Option<String>,
    text: String,
}

/// Why this initiator is not another administrator than the one who asked, where that is so.
fn not_another(admin: &Admin, held: &Destruction, initiator: &Initiator) -> Option<NotAnother> {
    let asked = &held.requested_by;
    if asked.id == initiator.id {
        let text = format!(
            "{} asked for it; another administrator has to approve it",
            asked.name
        );
        return Some(NotAnother {
            cause: Failure::SameAdministrator,
            kin: None,
            text,
        });
    }
    let makers = admin.own_makers();
    let shared = makers.shared(&initiator.id, (&asked.id, &held.requested_by_makers))?;
    let text = format!(
        "{} asked for it, and {} counts as the same administrator: one made the other, or somebody made both; an administrator has to approve it whose credential was made \
         by others, or on the server's machine (`keyledger api-key add`, `keyledger admin add`)",
        asked.name, initiator.name
    );
    Some(NotAnother {
        cause: Failure::KinAdministrator,
        kin: Some(shared.to_owned()),
        text,
    })
}

/// Refuses a destruction that waits for an administrator; who asked for it may take it back so.
pub(super) async fn refuse(
    admin: &Admin,
    initiator: Initiator,
    id: &str,
) -> Result<Response, AdminError> {
    let _turn = admin.changes.lock().await;
    for _ in 0..TRIES {
        let mut step = Step::load(admin, &initiator, id).await?;
        let held = step.waiting()?;
        step.succeeds(Action::KeyRefuse, asked(&held))?;
        step.fails(Action::KeyDestroy, asked(&held), Failure::CalledOff)?;
        if step
            .commit(vec![Write::DestructionEnded(held.object)])
            .await?
        {
            return step.answer("refused", &held);
        }
    }
    Err(step::restless(id))
}

/// Undoes a scheduled destruction: the key is as it was before.
pub(super) async fn restore(
    admin: &Admin,
    initiator: Initiator,
    id: &str,
) -> Result<Response, AdminError> {
    let _turn = admin.changes.lock().await;
    for _ in 0..TRIES {
        let mut step = Step::load(admin, &initiator, id).await?;
        let (held, before) = step.scheduled()?;
        let mut object = Object::clone(&step.object);
        give_back(&mut object, before, admin.now());
        step.change(object);
        step.succeeds(Action::KeyRestore, asked(&held))?;
        step.fails(Action::KeyDestroy, asked(&held), Failure::CalledOff)?;
        if step
            .commit(vec![Write::DestructionEnded(held.object)])
            .await?
        {
            return step.answer("restored", &held);
        }
    }
    Err(step::restless(id))
}

/// A page of the destructions under way.
pub(super) async fn list(admin: &Admin, request: DestructionList) -> Result<Response, AdminError> {
    let after = request.after.as_deref().map(super::keys::parse_id);
    let limit = request.limit.clamp(1, PAGE_MAX);
    let instance = request.instance.as_deref();
    let instance = instance
        .map(|name| admin.instance(Some(name)))
        .transpose()?;
    let of = instance.map(|held| held.id);
    let page = admin.store.destructions(of, after.transpose()?, limit);
    let page = page.await?;
    let next = (page.len() == limit).then(|| page.last().map(|held| held.object.to_string()));
    let mut destructions = Vec::with_capacity(page.len());
    for held in &page {
        // A key that is gone with its instance is on its way out of this list, too.
        if let Some(object) = admin.store.object(held.object).await? {
            destructions.push(view(admin, &object, under_way(held), held));
        }
    }
    Ok(Response::Destructions(Destructions {
        destructions,
        next: next.flatten(),
    }))
}

const fn under_way(held: &Destruction) -> &'static str {
    match held.scheduled {
        Some(_) => SCHEDULED,
        None => PENDING,
    }
}

/// What events say of a destruction.
pub(super) fn asked(held: &Destruction) -> Data {
    let data = Data::new()
        .text(Field::Reason, &held.reason)
        .flag(Field::Forced, held.forced)
        .text(Field::RequestedBy, &held.requested_by.id);
    let data = match &held.approved_by {
        Some(party) => data.text(Field::ApprovedBy, &party.id),
        None => data,
    };
    match held.scheduled {
        Some(window) => data.text(Field::Due, rfc3339(window.due)),
        None => data,
    }
}

fn view(admin: &Admin, object: &Object, step: &str, held: &Destruction) -> message::Destruction {
    let clients = admin.store.clients();
    let instance = clients.instance(held.instance);
    message::Destruction {
        id: held.object.to_string(),
        instance: instance.map(|held| held.name.clone()).unwrap_or_default(),
        step: step.to_owned(),
        state: lifecycle::state_at(object, admin.now()).name().to_owned(),
        reason: held.reason.clone(),
        requested: rfc3339(held.requested),
        requested_by: held.requested_by.name.clone(),
        approved_by: held.approved_by.as_ref().map(|party| party.name.clone()),
        due: held.scheduled.map(|window| rfc3339(window.due)),
        correlation_id: held.correlation.to_string(),
        x_name: custom(object, NAME),
        x_component: custom(object, COMPONENT),
    }
}

/// A reason that can be kept: it must be given.
fn checked(field: &str, reason: &str) -> Result<String, AdminError> {
    let reason = reason.trim();
    let problem = if reason.is_empty() {
        "say why: it is recorded"
    } else if reason.len() > REASON_BYTES_MAX {
        "at most 1024 bytes"
    } else if reason.chars().any(char::is_control) {
        "one line without control characters"
    } else {
        return Ok(reason.to_owned());
    };
    Err(AdminError::invalid(format!("{field}: {problem}")))
}

const REASONS: [RevocationReasonCode; 7] = [
    RevocationReasonCode::Unspecified,
    RevocationReasonCode::KeyCompromise,
    RevocationReasonCode::CaCompromise,
    RevocationReasonCode::AffiliationChanged,
    RevocationReasonCode::Superseded,
    RevocationReasonCode::CessationOfOperation,
    RevocationReasonCode::PrivilegeWithdrawn,
];

fn reason_code(text: &str) -> Result<RevocationReasonCode, AdminError> {
    let plain = |name: &str| name.to_ascii_lowercase().replace(' ', "-");
    let found = REASONS.into_iter().find(|code| plain(code.name()) == text);
    found.ok_or_else(|| {
        let names = REASONS.map(|code| plain(code.name())).join(", ");
        let text = text.escape_debug();
        AdminError::invalid(format!("reason: `{text}` is none of {names}"))
    })
}
