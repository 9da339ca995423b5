//! The events of requests: which action an operation is, and what its event says.

use std::sync::Arc;

use crate::audit::{Action, Data, Event, Field, Outcome, ReasonCode, Target};
use crate::domain::{Identity, RequestId};
use crate::kmip::operation::Operation;
use crate::kmip::version::ProtocolVersion;
use crate::ops::error::{Cause, OpError};
use crate::ops::report::Report;
use crate::ops::service::Service;

/// What the events of one request share.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) now_ms: i64,
    pub(crate) request: RequestId,
}

/// What one batch item's event is made of.
pub(crate) struct ItemEvent<'a> {
    pub(crate) index: usize,
    pub(crate) version: ProtocolVersion,
    pub(crate) operation: Option<Operation>,
    pub(crate) report: &'a Report,
    pub(crate) failure: Option<Cause>,
}

/// The action of an operation. One that the standard knows has its own, carried out here or not; a refused request is what names none, or one
/// that is about no key and has no answer here.
const fn action(operation: Option<Operation>) -> Action {
    use Operation as Op;
    let Some(operation) = operation else {
        return Action::RequestRefuse;
    };
    match operation {
        Op::Create => Action::KeyCreate,
        Op::Get => Action::KeyRead,
        Op::GetAttributes | Op::GetAttributeList => Action::AttributesRetrieve,
        Op::AddAttribute => Action::AttributesAdd,
        Op::ModifyAttribute | Op::SetAttribute | Op::AdjustAttribute => Action::AttributesModify,
        Op::DeleteAttribute => Action::AttributesDelete,
        Op::Activate => Action::KeyActivate,
        Op::Revoke => Action::KeyRevoke,
        Op::Destroy => Action::KeyDestroy,
        Op::Locate => Action::KeyLocate,
        Op::Register => Action::KeyRegister,
        Op::ReKey => Action::KeyRekey,
        Op::ReKeyKeyPair => Action::KeyRekeyKeyPair,
        Op::CreateKeyPair => Action::KeyCreateKeyPair,
        Op::Check => Action::KeyCheck,
        Op::Archive => Action::KeyArchive,
        Op::Recover => Action::KeyRecover,
        Op::ObtainLease => Action::KeyObtainLease,
        Op::GetUsageAllocation => Action::KeyGetUsageAllocation,
        Op::DeriveKey => Action::KeyDerive,
        Op::Certify => Action::KeyCertify,
        Op::ReCertify => Action::KeyRecertify,
        Op::Validate => Action::KeyValidate,
        Op::Encrypt => Action::KeyEncrypt,
        Op::Decrypt => Action::KeyDecrypt,
        Op::Sign => Action::KeySign,
        Op::SignatureVerify => Action::KeySignatureVerify,
        Op::Mac => Action::KeyMac,
        Op::MacVerify => Action::KeyMacVerify,
        Op::Hash => Action::KeyHash,
        Op::RngRetrieve => Action::KeyRngRetrieve,
        Op::RngSeed => Action::KeyRngSeed,
        Op::Import => Action::KeyImport,
        Op::Export => Action::KeyExport,
        Op::CreateSplitKey => Action::KeyCreateSplitKey,
        Op::JoinSplitKey => Action::KeyJoinSplitKey,
        Op::Query => Action::ProtocolQuery,
        Op::DiscoverVersions => Action::ProtocolDiscover,
        Op::Ping => Action::ProtocolPing,
        Op::Cancel
        | Op::Poll
        | Op::Notify
        | Op::Put
        | Op::Log
        | Op::Login
        | Op::Logout
        | Op::DelegatedLogin
        | Op::SetEndpointRole
        | Op::Pkcs11
        | Op::Interop
        | Op::ReProvision
        | Op::SetDefaults
        | Op::SetConstraints
        | Op::GetConstraints
        | Op::QueryAsynchronousRequests
        | Op::Process => Action::RequestRefuse,
    }
}

/// Whether an event is made: always, except for what touches no key and did not fail, unless it is switched on.
fn is_recorded(action: Action, failed: bool, protocol_events: bool) -> bool {
    !action.is_protocol() || protocol_events || failed
}

/// The event of a batch item; none for Discover Versions and Query that did not fail, unless protocol events are on.
pub(crate) fn of_item(
    service: &Service,
    identity: &Arc<Identity>,
    stamp: Stamp,
    item: &ItemEvent<'_>,
) -> Result<Option<Event>, OpError> {
    let action = action(item.operation);
    if !is_recorded(
        action,
        item.failure.is_some(),
        service.config().protocol_events,
    ) {
        return Ok(None);
    }
    let target = match action {
        Action::RequestRefuse => Target::Instance,
        _ => item.report.target.clone(),
    };
    let mut event = blank(service, identity, stamp, action, target)?;
    event.request = asked(item).and(&item.report.request);
    event.response = result(item.failure).and(&item.report.response);
    conclude(&mut event, item.failure);
    Ok(Some(event))
}

/// The event of a message none of whose items could be answered.
pub(crate) fn refused(
    service: &Service,
    identity: &Arc<Identity>,
    stamp: Stamp,
    version: Option<ProtocolVersion>,
    cause: Cause,
) -> Result<Event, OpError> {
    let mut event = blank(
        service,
        identity,
        stamp,
        Action::RequestRefuse,
        Target::Instance,
    )?;
    if let Some(version) = version {
        event.request = Data::new().text(Field::ProtocolVersion, version.to_string());
    }
    event.response = result(Some(cause));
    conclude(&mut event, Some(cause));
    Ok(event)
}

fn asked(item: &ItemEvent<'_>) -> Data {
    let data = match item.operation {
        Some(operation) => Data::new().text(Field::Operation, operation.name()),
        None => Data::new(),
    };
    data.text(Field::ProtocolVersion, item.version.to_string())
        .number(
            Field::BatchItem,
            i64::try_from(item.index).unwrap_or(i64::MAX),
        )
}

fn result(failure: Option<Cause>) -> Data {
    let data = Data::new().text(Field::ResultStatus, status(failure));
    match failure {
        None | Some(Cause::Undone) => data,
        Some(cause) => data.text(Field::ResultReason, cause.result_reason().name()),
    }
}

const fn status(failure: Option<Cause>) -> &'static str {
    match failure {
        None => "Success",
        Some(Cause::Undone) => "Operation Undone",
        Some(_) => "Operation Failed",
    }
}

fn blank(
    service: &Service,
    identity: &Arc<Identity>,
    stamp: Stamp,
    action: Action,
    target: Target,
) -> Result<Event, OpError> {
    Ok(Event {
        id: service.event_id(stamp.now_ms)?,
        time_ms: stamp.now_ms,
        action,
        outcome: Outcome::Success,
        initiator: Arc::clone(&identity.initiator),
        scope: Arc::clone(&identity.scope),
        target,
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new(),
        response: Data::new(),
        correlation: stamp.request,
    })
}

fn conclude(event: &mut Event, failure: Option<Cause>) {
    match failure {
        None if event.action == Action::KeyCreate => event.reason = ReasonCode::Created,
        None => {}
        Some(cause) => {
            let failure = cause.failure();
            event.outcome = Outcome::Failure;
            event.reason = failure.reason();
            event.failure = Some(failure);
        }
    }
}
