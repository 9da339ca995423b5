//! A change by an administrator that came after a backup and that an event does not hold enough of to make it again.

use serde::Serialize;

use super::gained::Gain;
use crate::audit::Action;
use crate::crypto::Fingerprint;

/// What a command says that gives a client more.
const OF_MORE: &str = " --renew";

/// A change that is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::cli::restore) struct Lost {
    /// What was done.
    action: &'static str,
    /// To whom or what.
    target: String,
    /// The name of that for people, if it has another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// The command that does it again, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    /// The certificate or CA that a client gained by it.
    #[serde(skip)]
    gained: Option<Gain>,
}

impl Lost {
    /// The loss of a change of this target. `gain`: what a client gained by it.
    pub(super) fn of(
        action: Action,
        target: &str,
        label: Option<&str>,
        gain: Option<Gain>,
    ) -> Self {
        let name = label.unwrap_or(target);
        let command = match (action, gain) {
            // Who has the certificate goes on with it.
            (Action::ClientIssue, Some(gain)) if gain.is_more => command(Action::ClientAdd, name),
            _ => command(action, name),
        };
        let of_more = |command: String| match gain {
            Some(gain) if gain.is_more => command + OF_MORE,
            _ => command,
        };
        Self {
            action: action.short_name(),
            target: target.to_owned(),
            label: label.map(str::to_owned),
            command: command.map(of_more),
            gained: gain,
        }
    }

    /// Whether it is what a client gained of these.
    pub(super) fn is_of(&self, gone: &[Fingerprint]) -> bool {
        self.gained.is_some_and(|gain| gone.contains(&gain.what))
    }

    /// Whether it is a change of this target; `action`: only such a one.
    pub(super) fn is_about(&self, target: &str, action: Option<Action>) -> bool {
        self.target == target && action.is_none_or(|action| action.short_name() == self.action)
    }

    /// Whether the client was made by it.
    pub(super) fn is_first(&self) -> bool {
        self.gained.is_some_and(|gain| !gain.is_more)
    }

    /// Has it make the client, where it gave one more: what made it is gone. Whether it did.
    pub(super) fn become_first(&mut self, client: &str) -> bool {
        let Some(gain) = self.gained.as_mut().filter(|_| self.target == client) else {
            return false;
        };
        gain.is_more = false;
        if let Some(command) = &mut self.command {
            command.truncate(command.trim_end_matches(OF_MORE).len());
        }
        true
    }

    /// It in one line.
    pub(in crate::cli::restore) fn text(&self) -> String {
        let name = self.label.as_ref().unwrap_or(&self.target);
        match &self.command {
            Some(command) => format!("{} {name}: {command}", self.action),
            None => format!("{} {name}", self.action),
        }
    }
}

/// The command that makes such a change; in capitals what only who made it knows.
fn command(action: Action, name: &str) -> Option<String> {
    let command = match action {
        Action::KeyDestroy => format!("key destroy {name} --reason TEXT"),
        Action::KeyApprove => format!("key approve {name}"),
        Action::ClientAdd | Action::ClientApprove => format!("client add {name} FILE"),
        Action::ClientEnable => format!("client enable {name}"),
        Action::ClientDisable => format!("client disable {name}"),
        Action::ClientIssue => format!("client issue {name}"),
        Action::ClientTrust => format!("client trust-ca {name} FILE --subject SUBJECT"),
        Action::ClientPermit => format!("client permit {name} --operations NAMES"),
        Action::RevocationListLoad => format!("client crl {name} FILE"),
        Action::ServiceCreate => format!("instance add {name}"),
        Action::InstanceCredentialSet => {
            format!("instance credential {name} --username USER --password-file FILE")
        }
        Action::InstanceCredentialClear => format!("instance credential {name} --clear"),
        Action::InstanceRulesUpdate => format!("instance rules {name} --deny NAMES"),
        Action::AccountApikeyUpdate => format!("api-key add {name} --role ROLE"),
        Action::AdministratorAdd => format!("admin add {name} --certificate FILE --role ROLE"),
        Action::AuthorityRotate => "certificate rotate-ca".to_owned(),
        Action::AuthorityRetire => format!("certificate retire-ca {name}"),
        Action::ServerCertificateReplace => "certificate renew-server".to_owned(),
        Action::BackupKeySet => "backup-key set PUBLIC".to_owned(),
        Action::MasterKeyRotate => "master-key rotate".to_owned(),
        _ => return None,
    };
    Some(format!("keyledger {command}"))
}
