//! What must hold after every fault.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::alignment::{Settled, settle};
use super::history::{Call, Deed, History, Outcome};
use super::model::{Step, is_explained};
use super::nodes::Node;
use crate::harness::Event;

/// Asks every node for the state of every key, and checks answers, trails and the history of every key.
#[track_caller]
pub(super) fn check(nodes: &[Node], history: &History) {
    ask_for_all(nodes, history);
    let calls = history.calls();
    let trails: Vec<_> = nodes
        .iter()
        .zip(&history.firsts)
        .map(|(node, first)| node.verified_events().split_off(*first))
        .collect();
    let steps = steps(&calls, &trails);
    let unknown = calls.iter().filter(|call| is_unknown(call)).count();
    println!(
        "{} calls, {unknown} without an outcome, on {} keys",
        calls.len(),
        steps.len()
    );
    for node in 0..nodes.len() {
        let of_node = calls.iter().filter(|call| call.node == node);
        let longest = of_node.map(|call| call.ended - call.begun).max();
        println!("node {node}: the longest took {longest:?}");
    }
    for (key, steps) in &steps {
        let mut steps = steps.clone();
        steps.sort_by_key(|step| step.begun);
        assert!(
            is_explained(&steps),
            "no order explains what was answered of {key}: {steps:#?}"
        );
    }
}

fn is_unknown(call: &Call) -> bool {
    matches!(call.outcome, Outcome::Unknown(_))
}

/// Every key that was made, also where nobody was told, in the state that each node says it has: a change that was answered must be in it.
fn ask_for_all(nodes: &[Node], history: &History) {
    let mut keys: BTreeSet<_> = history
        .calls()
        .into_iter()
        .filter_map(|call| call.key)
        .collect();
    for (node, first) in nodes.iter().zip(&history.firsts) {
        let events = node.server.events();
        let made = events[*first..]
            .iter()
            .filter(|event| event.action() == "kmip-key.create" && event.outcome() == "success");
        keys.extend(made.filter_map(|event| event.key().map(str::to_owned)));
    }
    for (at, node) in nodes.iter().enumerate() {
        let client = format!("CertificateID-{}", node.last().fingerprint());
        let mut connection = node.server.connect_as(node.last());
        for key in &keys {
            let question = (Deed::State, Some(key.clone()));
            assert!(
                history.ask(&mut connection, (&client, at), question),
                "node {at} answers"
            );
        }
    }
    let calls = history.calls();
    let last: Vec<_> = calls.iter().rev().take(keys.len() * nodes.len()).collect();
    assert!(
        last.iter()
            .all(|call| matches!(call.outcome, Outcome::Done(Some(_)))),
        "every node knows every key: {last:?}"
    );
}

/// What certainly happened to each key.
#[track_caller]
fn steps(calls: &[Call], trails: &[Vec<Event>]) -> BTreeMap<String, Vec<Step>> {
    let mut of_clients = BTreeMap::<(usize, &str), Vec<&Call>>::new();
    for call in calls {
        let of_client = of_clients.entry((call.node, &call.client)).or_default();
        of_client.push(call);
    }
    let mut steps = BTreeMap::<String, Vec<Step>>::new();
    for ((node, client), calls) in of_clients {
        let events = trails[node].iter();
        let events: Vec<_> = events
            .filter(|event| event.is_of_kmip() && event.initiator() == client)
            .collect();
        let settled = settle(&calls, &events);
        let settled = settled.unwrap_or_else(|error| panic!("{client} of node {node}: {error}"));
        for (call, settled) in calls.into_iter().zip(settled) {
            if let Some((key, step)) = step(call, settled) {
                steps.entry(key).or_default().push(step);
            }
        }
    }
    steps
}

fn step(call: &Call, settled: Settled) -> Option<(String, Step)> {
    let mut step = Step {
        deed: call.deed,
        is_done: call.outcome != Outcome::Refused,
        told: None,
        begun: call.begun,
        ended: call.ended,
    };
    match (&call.outcome, settled) {
        (Outcome::Done(told), _) => step.told = *told,
        (Outcome::Unknown(_), Settled::Done(key)) => {
            // Nobody knows when.
            step.ended = Duration::MAX;
            return Some((key, step));
        }
        (Outcome::Unknown(_), _) => return None,
        (Outcome::Refused, _) => {}
    }
    Some((call.key.clone()?, step))
}
