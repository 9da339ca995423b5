//! Nodes that share a database on a server: given a number and a name, recorded when they join, listed.
//!
//! A number is given once. As long as the node has not joined, what it needs may be prepared again under the same number. Nothing here makes
//! files: the command that prepares a node writes them once the event is durable.

use std::sync::Arc;

use super::message::{self, NodePrepare, Response};
use super::{Admin, AdminError, Deed};
use crate::audit::{Action, Data, Event, Field, Outcome, ReasonCode, Target};
use crate::crypto::{Fingerprint, Random};
use crate::domain::client::check_label;
use crate::domain::clock::rfc3339;
use crate::domain::{Clock, EventId, Initiator, RequestId, Scope};
use crate::store::changeset::Write;
use crate::store::{ApplyError, Node, Store};

/// The highest number of a node.
const NUMBER_MAX: u32 = 999;
/// How often the next number is taken by somebody else at the same moment before that is an error.
const TRIES: usize = 8;

/// Gives a node the next free number, or once more the one it has where it has not joined yet.
pub(super) async fn prepare(
    admin: &Admin,
    initiator: Initiator,
    request: NodePrepare,
) -> Result<Response, AdminError> {
    let name = &request.name;
    check_label(name).map_err(|error| AdminError::invalid(format!("name: {error}")))?;
    let fingerprint: Result<Fingerprint, _> = request.fingerprint.parse();
    fingerprint.map_err(|error| AdminError::invalid(format!("fingerprint: {error}")))?;
    let _turn = admin.changes.lock().await;
    for _ in 0..TRIES {
        let (number, is_new) = number(&admin.store.nodes().await?, name)?;
        let at = admin.now();
        let deed = deed(admin, initiator.clone(), &request, number)?;
        let mut changeset = Admin::changeset(admin.event(deed)?);
        if is_new {
            changeset.write(Write::NodePrepared(number, name.clone(), at));
        }
        match admin.store.apply(changeset).await {
            // Another node gave it away at the same moment.
            Err(ApplyError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {
                let nodes = admin.store.nodes().await?;
                let given = nodes.into_iter().find(|node| node.number == number);
                let given = given.ok_or_else(|| {
                    AdminError::unavailable(format!("node {number} is not there any more"))
                })?;
                return Ok(Response::Node(shown(given)));
            }
        }
    }
    Err(AdminError::unavailable(
        "others prepare nodes at the same time; try again",
    ))
}

/// The number for a node of this name, and whether it is a new one.
fn number(nodes: &[Node], name: &str) -> Result<(u32, bool), AdminError> {
    if nodes.is_empty() {
        return Err(AdminError::conflict(
            "the database is a file, which one server uses; nodes share one on a PostgreSQL server: see docs/scaling.md",
        ));
    }
    match nodes.iter().find(|node| node.name == name) {
        Some(node) if node.joined.is_none() => return Ok((node.number, false)),
        Some(node) => {
            return Err(AdminError::conflict(format!(
                "name: node {} has it and has joined already; choose another name",
                node.number
            )));
        }
        None => {}
    }
    let highest = nodes.iter().map(|node| node.number).max().unwrap_or(0);
    // Numbers that were left out are taken once there are no higher ones.
    let free = |number: &u32| nodes.iter().all(|node| node.number != *number);
    (highest + 1..=NUMBER_MAX)
        .chain(1..=NUMBER_MAX)
        .find(free)
        .map(|number| (number, true))
        .ok_or_else(|| {
            AdminError::conflict(format!("there are {NUMBER_MAX} nodes, as many as may be"))
        })
}

fn deed(
    admin: &Admin,
    initiator: Initiator,
    request: &NodePrepare,
    number: u32,
) -> Result<Deed, AdminError> {
    Ok(Deed {
        action: Action::NodePrepare,
        initiator,
        target: request.name.clone(),
        scope: admin.global_scope()?,
        request: Data::new()
            .number(Field::Node, number.into())
            .text(Field::Label, &request.name)
            .text(Field::Fingerprint, &request.fingerprint)
            .text(Field::NotAfter, rfc3339(request.not_after))
            .flag(Field::MasterKeyIncluded, request.with_master_key),
    })
}

/// Every node, by number.
pub(super) async fn list(admin: &Admin) -> Result<Response, AdminError> {
    let nodes = admin.store.nodes().await?;
    Ok(Response::Nodes(nodes.into_iter().map(shown).collect()))
}

fn shown(node: Node) -> message::Node {
    message::Node {
        number: node.number,
        name: node.name,
        prepared: node.prepared.map(rfc3339),
        joined: node.joined.map(rfc3339),
        seen: node.seen.map(rfc3339),
        release: node.release,
    }
}

/// What is recorded of a node that has joined.
pub struct Joined<'a> {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: &'a str,
    /// The account of the service.
    pub scope: &'a Scope,
    /// Who had it join.
    pub initiator: Initiator,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Random bytes.
    pub random: &'a dyn Random,
}

/// Records that a node has joined, as the first event of its trail.
///
/// # Errors
/// The store or the random source failed.
pub async fn record_join(store: &Store, joined: Joined<'_>) -> Result<(), AdminError> {
    let bytes = || -> Result<[u8; 10], AdminError> {
        let mut bytes = [0; 10];
        let filled = joined.random.fill(&mut bytes);
        filled.map_err(|error| AdminError::unavailable(error.to_string()))?;
        Ok(bytes)
    };
    let time_ms = joined.clock.now_ms();
    let event = Event {
        id: EventId::new(time_ms, bytes()?),
        time_ms,
        action: Action::NodeJoin,
        outcome: Outcome::Success,
        correlation: RequestId::new(time_ms, bytes()?),
        initiator: Arc::new(joined.initiator),
        scope: Arc::new(joined.scope.global()),
        target: Target::Resource(joined.name.to_owned()),
        reason: ReasonCode::Ok,
        failure: None,
        request: Data::new()
            .number(Field::Node, joined.number.into())
            .text(Field::Label, joined.name),
        response: Data::new(),
    };
    store.apply(Admin::changeset(event)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u32, name: &str, joined: Option<i64>) -> Node {
        Node {
            number,
            name: name.to_owned(),
            prepared: Some(1),
            joined,
            seen: None,
            release: None,
        }
    }

    #[test]
    fn the_next_number_is_given_and_that_of_a_node_that_has_not_joined_once_more() {
        let nodes = [node(1, "kms1", Some(2)), node(3, "kms3", None)];
        assert_eq!(number(&nodes, "kms4").unwrap(), (4, true));
        assert_eq!(number(&nodes, "kms3").unwrap(), (3, false));
        let error = number(&nodes, "kms1").unwrap_err().to_string();
        assert!(error.contains("node 1 has it"), "{error}");
        let last = [node(1, "kms1", Some(2)), node(999, "kms999", Some(2))];
        assert_eq!(number(&last, "kms2").unwrap(), (2, true));
        let all: Vec<_> = (1..=999).map(|n| node(n, &n.to_string(), None)).collect();
        let error = number(&all, "one-more").unwrap_err().to_string();
        assert!(error.contains("as many as may be"), "{error}");
    }

    #[test]
    fn a_database_in_a_file_has_one_node() {
        let error = number(&[], "kms2").unwrap_err().to_string();
        assert!(error.contains("PostgreSQL"), "{error}");
    }
}
