//! Retention: old events go once everybody has them and it is sealed that they went; what is left is proved, and nothing else can be missing.

mod changed;
mod delivered;
mod kept;
pub(crate) mod old_trail;

use std::fs;

use serde_json::Value;

use crate::harness::{Output, Server, fresh_directory, run_cli, until};

/// A server, its verifier key, and checkpoints that somebody keeps elsewhere.
struct Site {
    server: Server,
    key: String,
    kept: Vec<String>,
}

impl Site {
    fn of(server: Server, kept: Vec<String>) -> Self {
        let key = server.cli(&["events", "public-key"]).success().stdout;
        let key = key.trim().to_owned();
        Self { server, key, kept }
    }

    /// Waits until events before this one are gone.
    #[track_caller]
    fn is_gone_until(&self, first: u64) {
        until("old events to go", || (self.first() == first).then_some(()));
    }

    /// The sequence of the first event there is.
    fn first(&self) -> u64 {
        let listed = self.server.cli(&["events", "list", "--limit", "1"]);
        let listed = listed.success().stdout;
        let first = listed.split_whitespace().next().expect("a sequence");
        first.parse().expect("a number")
    }

    fn keep_a_checkpoint(&mut self, name: &str) {
        let note = self.server.cli(&["events", "checkpoint"]).success().stdout;
        let kept = self.server.path().join(name);
        fs::write(&kept, note).expect("a file");
        self.kept.push(kept.to_str().expect("a text").to_owned());
    }

    /// Verifies the store against all that is kept elsewhere.
    fn verify(&self) -> Output {
        run_cli(self.server.path(), &self.against(&[]))
    }

    /// Verifies a file where there is neither a server nor a store.
    fn verify_alone(&self, file: &str) -> Output {
        run_cli(fresh_directory().path(), &self.against(&["--export", file]))
    }

    fn against<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut verify = vec!["events", "verify", "--public-key", &self.key];
        let kept = self.kept.iter();
        verify.extend(kept.flat_map(|kept| ["--checkpoint", kept]));
        verify.extend(more);
        verify
    }

    /// What the events of an action say.
    fn said(&self, action: &str) -> Vec<Value> {
        let list = ["events", "list", "--format", "jsonl", "--action", action];
        let listed = self.server.cli(&list).success().stdout;
        let event = |line| serde_json::from_str::<Value>(line).expect("an event as JSON");
        listed.lines().map(event).collect()
    }
}
