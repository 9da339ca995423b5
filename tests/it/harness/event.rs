//! An event as the command line prints it.

use serde_json::Value;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event(pub(crate) Value);

impl Event {
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.0
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The action without the service, e.g. `kmip-key.create`.
    pub(crate) fn action(&self) -> &str {
        let action = self.text("/action");
        action
            .strip_prefix("vmware-solutions.")
            .unwrap_or_else(|| panic!("an action: {self:?}"))
    }

    pub(crate) fn outcome(&self) -> &str {
        self.text("/outcome")
    }

    pub(crate) fn code(&self) -> i64 {
        let code = self.0.pointer("/reason/reasonCode").and_then(Value::as_i64);
        code.unwrap_or_else(|| panic!("a reason code: {self:?}"))
    }

    /// The CRN of the target.
    pub(crate) fn target(&self) -> &str {
        self.text("/target/id")
    }

    /// The key that the target names, if it is a key.
    pub(crate) fn key(&self) -> Option<&str> {
        self.target().split_once(":kmip-key:").map(|(_, uid)| uid)
    }

    pub(crate) fn initiator(&self) -> &str {
        self.text("/initiator/id")
    }

    pub(crate) fn initiator_name(&self) -> &str {
        self.text("/initiator/name")
    }

    pub(crate) fn correlation(&self) -> &str {
        self.text("/correlationId")
    }

    pub(crate) fn id(&self) -> &str {
        self.text("/id")
    }

    /// A field of requestData or responseData.
    pub(crate) fn data(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// Whether the event is about a request of a client, not about the administration of the server.
    pub(crate) fn is_of_kmip(&self) -> bool {
        [
            "kmip-key.",
            "kmip-key-attributes.",
            "kmip-request.",
            "kmip-protocol.",
        ]
        .iter()
        .any(|prefix| self.action().starts_with(prefix))
    }

    /// Action, reason code and key in one line, for comparing.
    pub(crate) fn line(&self) -> String {
        let key = self.key().unwrap_or("-");
        format!("{} {} {key}", self.action(), self.code())
    }
}

/// The events of clients' requests among others: action, reason code and key.
pub(crate) fn request_lines(events: &[Event]) -> Vec<String> {
    let of_requests = events.iter().filter(|event| event.is_of_kmip());
    of_requests.map(Event::line).collect()
}
