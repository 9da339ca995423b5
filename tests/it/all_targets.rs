//! Every type of target at one server at once, while an independent client lives keys' lives and one of the targets goes away and comes back.

use std::collections::HashSet;

use keyledger::routing::Endpoint;
use serde_json::{Value, json};

use crate::harness::{Server, until, until_or_not, whole_trail};
use crate::pykmip;
use crate::target_battery::ReceivingEnd;
use crate::target_battery::cloud_logs::Logs;
use crate::target_battery::cloud_object_storage::Bucket;
use crate::target_battery::command::Program;
use crate::target_battery::event_streams::Brokers;
use crate::target_battery::file::Lines;
use crate::target_battery::syslog::Rsyslog;
use crate::target_battery::webhook::Hooks;

/// A receiving end of any type.
trait AnyEnd {
    /// Its type, and its endpoint with its secrets.
    fn described(&self) -> (&'static str, Value);
    /// Those of these events that it has received, in the order it did.
    fn events_of(&mut self, trail: &[Value]) -> Vec<Value>;
    /// The order in which these events are to be seen there, which may keep places apart.
    fn expected(&self, trail: &[Value]) -> Vec<Value>;
    fn stop(&mut self);
    fn start_again(&mut self);
}

impl<E: ReceivingEnd> AnyEnd for E {
    fn described(&self) -> (&'static str, Value) {
        let mut endpoint = self.endpoint();
        let mut json = serde_json::to_value(&endpoint).expect("JSON");
        for (name, secret) in endpoint.secrets() {
            let (field, member) = name.split_once('.').unwrap_or((&name, ""));
            let place = if member.is_empty() {
                &mut json[field]
            } else {
                &mut json[field][member]
            };
            *place = json!(secret.expose());
        }
        (E::Endpoint::TYPE, json)
    }

    fn events_of(&mut self, trail: &[Value]) -> Vec<Value> {
        let mut awaited: HashSet<_> = trail
            .iter()
            .filter_map(|event| event["id"].as_str())
            .collect();
        let mut received = self.received();
        // Of repeats the first counts, as for every receiver.
        received.retain(|record| awaited.remove(record.id.as_str()));
        let json = received
            .iter()
            .map(|record| serde_json::from_slice(&record.json).expect("JSON"));
        self.expected(&json.collect::<Vec<_>>())
    }

    fn expected(&self, trail: &[Value]) -> Vec<Value> {
        let mut events: Vec<_> = trail.to_vec();
        if E::KINDS_APART {
            events.sort_by_key(|event| event["logSourceCRN"].as_str().map(str::to_owned));
        }
        events
    }

    fn stop(&mut self) {
        ReceivingEnd::stop(self);
    }

    fn start_again(&mut self) {
        ReceivingEnd::start_again(self);
    }
}

/// Every type whose receiving end runs on this machine.
fn ends() -> Vec<Box<dyn AnyEnd>> {
    fn end<E: ReceivingEnd + 'static>() -> Option<Box<dyn AnyEnd>> {
        Some(Box::new(E::start()?))
    }
    let all = [
        end::<Lines>(),
        end::<Program>(),
        end::<Rsyslog>(),
        end::<Hooks>(),
        end::<Brokers>(),
        end::<Bucket>(),
        end::<Logs>(),
    ];
    all.into_iter().flatten().collect()
}

fn target(server: &Server, name: &str) -> Value {
    let shown = server
        .cli(&["target", "show", name, "--format", "json"])
        .success();
    serde_json::from_str(&shown.stdout).expect("a target as JSON")
}

/// A target for each end, named for its type, that gets every event from now on.
fn deliver_to(server: &Server, ends: &[Box<dyn AnyEnd>]) {
    let mut names = Vec::new();
    for end in ends {
        let (name, endpoint) = end.described();
        let add = ["target", "add", name, "--type", name, "--endpoint", "-"];
        server.cli_with_input(&add, &endpoint.to_string()).success();
        names.push(name);
    }
    // A rule names three targets at most.
    for names in names.chunks(3) {
        let rule = format!("*={}", names.join(","));
        server
            .cli(&["route", "set", names[0], "--rule", &rule])
            .success();
    }
}

#[test]
fn a_lifecycle_arrives_everywhere_while_a_target_is_stopped_and_started() {
    let Some(python) = pykmip::python() else {
        return;
    };
    let server = Server::start();
    let mut ends = ends();
    deliver_to(&server, &ends);
    server.cli(&["events", "verify"]).success();
    let before = whole_trail(&server).len();
    pykmip::live(&python, &server, "1.4");
    let stopped = ends
        .iter()
        .position(|end| end.described().0 == "syslog")
        .unwrap_or(0);
    let name = ends[stopped].described().0;
    ends[stopped].stop();
    pykmip::live(&python, &server, "1.2");
    until("the failure to show", || {
        (target(&server, name)["write_status"]["status"] == "failed").then_some(())
    });
    ends[stopped].start_again();
    pykmip::live(&python, &server, "1.0");
    let trail = whole_trail(&server).into_iter().skip(before);
    let trail: Vec<Value> = trail.map(|event| event.0).collect();
    assert_eq!(trail.len(), 3 * pykmip::EXPECTED.len(), "three lives");
    for end in &mut ends {
        let (name, _) = end.described();
        let mut received = Vec::new();
        let mut shown = Value::Null;
        // It says so only after it has arrived.
        let arrived = until_or_not(|| {
            received = end.events_of(&trail);
            shown = target(&server, name);
            received.len() == trail.len() && shown["write_status"]["status"] == "success"
        });
        assert!(
            arrived,
            "{} of {} at {name}: {shown}",
            received.len(),
            trail.len()
        );
        assert!(
            received == end.expected(&trail),
            "{name} has it unchanged and in order"
        );
    }
    server.cli(&["events", "verify"]).success();
}
