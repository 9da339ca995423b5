//! KMIP behaviour: one request in, one answer out, with the events of both committed in between.
//!
//! [`Service::answer`] is the only door. One file per operation: load, decide in `domain`, note the change in the message's
//! `context`; `batch` commits it. Nothing here knows a socket or SQL; clock, random source and store are passed in.

mod activate;
mod add_attribute;
mod allowance;
mod attribute_change;
mod authentication;
mod batch;
pub mod budget;
mod context;
mod create;
mod delete_attribute;
mod destroy;
mod destruction;
mod discover_versions;
mod enrolment;
pub mod epoch;
mod error;
mod event;
mod expiry;
mod get;
mod get_attribute_list;
mod get_attributes;
mod items;
pub mod keyring;
mod locate;
mod measures;
mod modify_attribute;
mod node;
mod query;
pub mod refusal;
mod report;
pub mod retention;
mod revoke;
pub mod rewrap;
pub mod room;
pub mod seal;
mod sealing;
pub mod service;
pub mod spans;
mod turns;

pub use budget::{Budget, Reservation};
pub use destruction::carry_out_destructions;
pub use expiry::{HeldOwn, warn_of_expiry};
pub use keyring::{Keyring, KeyringError};
pub use measures::{Measured, Measures};
pub use refusal::{Decision, Sighting};
pub use room::record_room;
pub use seal::{SealError, Sealer, Signer, TrailConfig, verifier_key};
pub use sealing::keep_checkpoints;
pub use service::{Answer, Config, Parts, Service};

use ttlv::Writer;

use crate::kmip::payload::{self, RequestPayload};
use crate::kmip::version::ProtocolVersion;
#[cfg(test)]
mod tests;

use context::Context;
use error::{Cause, OpError};
use report::Report;

/// The payload of a successful answer: one variant per operation.
enum ResponsePayload {
    DiscoverVersions(payload::discover_versions::Response),
    Query(payload::query::Response),
    Create(payload::create::Response),
    Get(payload::get::Response<'static>),
    GetAttributes(payload::get_attributes::Response),
    GetAttributeList(payload::get_attribute_list::Response),
    AddAttribute(payload::add_attribute::Response),
    ModifyAttribute(payload::modify_attribute::Response),
    DeleteAttribute(payload::delete_attribute::Response),
    Activate(payload::activate::Response),
    Revoke(payload::revoke::Response),
    Destroy(payload::destroy::Response),
    Locate(payload::locate::Response),
}

impl ResponsePayload {
    fn encode(&self, writer: &mut Writer, version: ProtocolVersion) {
        match self {
            Self::DiscoverVersions(response) => response.encode(writer, version),
            Self::Query(response) => response.encode(writer, version),
            Self::Create(response) => response.encode(writer, version),
            Self::Get(response) => response.encode(writer, version),
            Self::GetAttributes(response) => response.encode(writer, version),
            Self::GetAttributeList(response) => response.encode(writer, version),
            Self::AddAttribute(response)
            | Self::ModifyAttribute(response)
            | Self::DeleteAttribute(response) => response.encode(writer, version),
            Self::Activate(response) => response.encode(writer, version),
            Self::Revoke(response) => response.encode(writer, version),
            Self::Destroy(response) => response.encode(writer, version),
            Self::Locate(response) => response.encode(writer, version),
        }
    }
}

/// Carries out one operation: the table from payload to behaviour.
async fn dispatch(
    ctx: &mut Context<'_>,
    payload: &RequestPayload,
    report: &mut Report,
) -> Result<ResponsePayload, OpError> {
    use RequestPayload as Request;
    use ResponsePayload as Response;
    Ok(match payload {
        Request::DiscoverVersions(request) => {
            Response::DiscoverVersions(discover_versions::run(request))
        }
        Request::Query(request) => {
            let access = &ctx.standing.identity.access;
            Response::Query(query::run(request, ctx.version, access))
        }
        Request::Create(request) => Response::Create(create::run(ctx, request, report).await?),
        Request::Get(request) => Response::Get(get::run(ctx, request, report).await?),
        Request::GetAttributes(request) => {
            Response::GetAttributes(get_attributes::run(ctx, request, report).await?)
        }
        Request::GetAttributeList(request) => {
            Response::GetAttributeList(get_attribute_list::run(ctx, request, report).await?)
        }
        Request::AddAttribute(request) => {
            Response::AddAttribute(add_attribute::run(ctx, request, report).await?)
        }
        Request::ModifyAttribute(request) => {
            Response::ModifyAttribute(modify_attribute::run(ctx, request, report).await?)
        }
        Request::DeleteAttribute(request) => {
            Response::DeleteAttribute(delete_attribute::run(ctx, request, report).await?)
        }
        Request::Activate(request) => {
            Response::Activate(activate::run(ctx, request, report).await?)
        }
        Request::Revoke(request) => Response::Revoke(revoke::run(ctx, request, report).await?),
        Request::Destroy(request) => Response::Destroy(destroy::run(ctx, request, report).await?),
        Request::Locate(request) => Response::Locate(locate::run(ctx, request, report).await?),
        Request::Unsupported(operation, about) => {
            // Only what is named: most of them take the ID Placeholder otherwise, but not all.
            if about.is_some() {
                report.about(ctx, about.as_deref());
            }
            return Err(OpError::new(Cause::OperationNotSupported, operation.name()));
        }
    })
}
