//! Plays a transcript against a server.

use std::collections::HashMap;

use super::script::{Exchange, Item, Line, Operation, Script, What};
use crate::harness::{
    Answer, BatchItem, Connection, Content, Nodes, Request, Server, activate, add_attribute,
    create, destroy, discover, get, get_attributes, key_template, query, request_lines, revoke,
};

/// What the client library of vCenter puts before its counter in a Unique Batch Item ID.
const ID_PREFIX: &[u8] = b"QLKC";

pub(super) struct Player {
    on: On,
    /// How many connections were opened.
    opened: usize,
    connections: HashMap<String, Connection>,
    /// Identifiers by the name the transcript gives them.
    keys: HashMap<String, String>,
    /// Key material by the name of the key.
    materials: HashMap<String, Vec<u8>>,
}

/// Whom it is played against.
enum On {
    One(Box<Server>),
    Turns(Box<Nodes>),
}

impl On {
    /// The server of the connection of this number.
    fn server(&self, connection: usize) -> &Server {
        match self {
            Self::One(server) => server,
            Self::Turns(nodes) => &nodes.all[connection % nodes.all.len()],
        }
    }

    fn request_lines(&self) -> Vec<String> {
        match self {
            Self::One(server) => server.request_lines(),
            Self::Turns(nodes) => request_lines(&nodes.events()),
        }
    }
}

impl Player {
    pub(super) fn new() -> Self {
        Self::on(On::One(Box::new(Server::start())))
    }

    /// Each connection to another of these nodes than the one before.
    pub(super) fn in_turns(nodes: Nodes) -> Self {
        Self::on(On::Turns(Box::new(nodes)))
    }

    fn on(on: On) -> Self {
        let (connections, keys, materials) = Default::default();
        Self {
            on,
            opened: 0,
            connections,
            keys,
            materials,
        }
    }

    pub(super) fn play(&mut self, script: &Script) -> Result<(), String> {
        let mut current = String::new();
        for step in &script.steps {
            let at = |error: String| format!("line {}: {error}", step.line);
            match &step.what {
                What::On(name) => {
                    current.clone_from(name);
                    if !self.connections.contains_key(name) {
                        let connection = self.on.server(self.opened).connect();
                        self.opened += 1;
                        self.connections.insert(name.clone(), connection);
                    }
                }
                What::Close(name) => {
                    self.connections
                        .remove(name)
                        .ok_or_else(|| "no such connection".to_owned())
                        .map_err(at)?;
                }
                What::Credential(Some((username, password))) => {
                    self.on
                        .server(self.opened)
                        .ask_for_credential(username, password);
                }
                What::Credential(None) => {
                    let clear = ["instance", "credential", "default", "--clear"];
                    self.on.server(self.opened).cli(&clear).success();
                }
                What::Exchange(exchange) => self.exchange(&current, exchange).map_err(at)?,
                What::Events(lines) => self.events(lines)?,
            }
        }
        Ok(())
    }

    fn exchange(&mut self, on: &str, exchange: &Exchange) -> Result<(), String> {
        let items: Vec<_> = exchange.items.iter().map(|item| self.item(item)).collect();
        let mut request = Request::new(exchange.version, &items);
        if let Some((username, password)) = &exchange.credential {
            request = request.with_credential(username, password);
        }
        let connection = self.connections.get_mut(on).ok_or("no such connection")?;
        let response = connection.exchange(&request);
        if response.version != exchange.version {
            return Err(format!("answered in {:?}", response.version));
        }
        if response.items.len() != exchange.answers.len() {
            return Err(format!(
                "{} answers: {:?}",
                response.items.len(),
                response.items
            ));
        }
        for ((answer, expected), sent) in response.items.iter().zip(&exchange.answers).zip(&items) {
            let echoed = answer.id == sent.id && answer.operation == Some(sent.operation);
            let found = if echoed {
                self.answer(answer, &expected.text)
            } else {
                Err("the item's id or operation is not echoed".into())
            };
            found.map_err(|error| format!("line {}: {error}: {answer:?}", expected.number))?;
        }
        Ok(())
    }

    /// The identifier behind a name; a name that no key has stands for itself.
    fn uid<'a>(&'a self, name: &'a str) -> &'a str {
        self.keys.get(name).map_or(name, String::as_str)
    }

    fn item(&self, item: &Item) -> BatchItem {
        let (name, rest) = item
            .arguments
            .split_once(' ')
            .unwrap_or((&item.arguments, ""));
        let uid = self.uid(name);
        let made = match item.operation {
            Operation::DiscoverVersions => discover(&[]),
            Operation::Query => query(&[3]),
            Operation::Create => create(key_template()),
            Operation::Get => get(uid),
            Operation::GetAttributes => get_attributes(uid, &[rest]),
            Operation::AddAttribute => {
                let (attribute, value) = rest.split_once(" = ").expect("NAME = VALUE");
                add_attribute(uid, attribute, Content::Text(value.to_owned()))
            }
            Operation::Activate => activate(uid),
            Operation::Revoke => revoke(uid, 1),
            Operation::Destroy => destroy(uid),
        };
        match item.id {
            Some(number) => made.with_id(&[ID_PREFIX, &[number, 0, 0, 0]].concat()),
            None => made,
        }
    }

    /// Compares one answered item with `ok ...` or `failed REASON`.
    fn answer(&mut self, answer: &Answer, expected: &str) -> Result<(), String> {
        let (word, rest) = expected.split_once(' ').unwrap_or((expected, ""));
        if word == "failed" {
            let reason = rest.parse().map_err(|_| "no reason")?;
            let is_it = answer.status == 1 && answer.reason == Some(reason);
            return if is_it {
                Ok(())
            } else {
                Err("not this failure".into())
            };
        }
        if word != "ok" || answer.status != 0 {
            return Err("not a success".into());
        }
        let (what, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let holds = match what {
            "" => true,
            "versions" => {
                let versions: Option<Vec<_>> =
                    rest.split(' ').map(super::script::version).collect();
                Some(answer.versions()) == versions
            }
            "vendor" => format!("{:?}", answer.payload).contains(rest),
            "new" => self.keys.insert(rest.to_owned(), answer.uid()).is_none(),
            "id" => self.keys.get(rest) == Some(&answer.uid()),
            "only" => answer.uid() == self.uid(rest) && answer.payload.len() == 1,
            "material" => self.is_material(rest, answer),
            "state" => answer.value("State") == state(rest),
            "text" => {
                let (name, value) = rest.split_once(" = ").ok_or("not NAME = VALUE")?;
                answer.value(name) == Some(Content::Text(value.to_owned()))
            }
            _ => return Err("no such expectation".into()),
        };
        if holds {
            Ok(())
        } else {
            Err("not this answer".into())
        }
    }

    /// The first material of a key is remembered; from then on it must be the same, and no other key's.
    fn is_material(&mut self, name: &str, answer: &Answer) -> bool {
        let material = answer.key_material();
        if answer.uid() != self.uid(name) || material.len() != 32 {
            return false;
        }
        let others = self.materials.iter().filter(|(other, _)| *other != name);
        if others.into_iter().any(|(_, other)| *other == material) {
            return false;
        }
        *self
            .materials
            .entry(name.to_owned())
            .or_insert_with(|| material.clone())
            == material
    }

    /// Compares the whole trail of requests with `VERB CODE KEY`.
    fn events(&self, expected: &[Line]) -> Result<(), String> {
        let full = |line: &Line| {
            let (verb, rest) = line.text.split_once(' ').expect("VERB CODE KEY");
            let object = match verb {
                "add" | "retrieve" => "kmip-key-attributes",
                "discover" | "query" => "kmip-protocol",
                _ => "kmip-key",
            };
            let (code, key) = rest.split_once(' ').expect("CODE KEY");
            format!("{object}.{verb} {code} {}", self.uid(key))
        };
        let expected: Vec<_> = expected.iter().map(full).collect();
        let recorded = self.on.request_lines();
        if recorded == expected {
            return Ok(());
        }
        Err(format!(
            "the trail is\n  {}\nnot\n  {}",
            recorded.join("\n  "),
            expected.join("\n  ")
        ))
    }
}

fn state(name: &str) -> Option<Content> {
    let names = [
        "Pre-Active",
        "Active",
        "Deactivated",
        "Compromised",
        "Destroyed",
    ];
    let code = names.iter().position(|known| *known == name)? + 1;
    Some(Content::Enumeration(u32::try_from(code).ok()?))
}
