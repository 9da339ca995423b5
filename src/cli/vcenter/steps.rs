//! The steps themselves, for each way.

use std::path::PathBuf;

use serde::Serialize;

use super::Method;

/// Where a step is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum At {
    /// In the vSphere Client.
    Vcenter,
    /// On the machine of this server.
    Server,
}

impl At {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Vcenter => "in vCenter",
            Self::Server => "here",
        }
    }
}

/// A step.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) at: At,
    pub(super) text: String,
    /// What to type, as it is but for words in capitals and what is in quotes.
    pub(super) command: Option<String>,
}

/// Something that is refused.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    pub(super) what: &'static str,
    /// The command that shows it.
    pub(super) see: String,
}

/// What the steps name.
pub(super) struct Place {
    pub(super) program: String,
    pub(super) address: String,
    pub(super) port: u16,
    pub(super) fingerprint: String,
    pub(super) label: String,
    pub(super) instance: Option<String>,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// Whether the instance asks for a user name and a password.
    pub(super) asks: bool,
}

impl Place {
    fn here(&self, text: impl Into<String>, command: &str) -> Step {
        Step {
            at: At::Server,
            text: text.into(),
            command: Some(self.command(command)),
        }
    }

    fn command(&self, rest: &str) -> String {
        format!("{} {rest}", self.program)
    }

    /// A command that enrols, with the instance that was asked for.
    fn enrolling(&self, rest: &str) -> String {
        match &self.instance {
            Some(instance) => format!("{rest} --instance {instance}"),
            None => rest.to_owned(),
        }
    }
}

fn there(text: impl Into<String>) -> Step {
    Step {
        at: At::Vcenter,
        text: text.into(),
        command: None,
    }
}

/// What is to be done, in order.
pub(super) fn steps(method: Method, place: &Place) -> Vec<Step> {
    let mut steps = vec![provider(place), server_trust(place)];
    steps.extend(match method {
        Method::Certificate => certificate(place),
        Method::Upload => upload(place),
        Method::Csr => csr(place),
        Method::RootCa => root_ca(place),
    });
    steps.push(place.here(
        "the provider becomes Connected in vCenter, and the client is listed; its first keys are events of it",
        "client list",
    ));
    steps
}

fn provider(place: &Place) -> Step {
    let Place { address, port, .. } = place;
    let credential = if place.asks {
        "user name and password are those that were set with `instance credential`"
    } else {
        "user name and password stay empty"
    };
    there(format!(
        "Configure > Key Providers > Add > Add Standard Key Provider: a name for the provider and for the server, \
         address {address}, port {port}; {credential}"
    ))
}

fn server_trust(place: &Place) -> Step {
    there(format!(
        "vCenter shows the server's certificate; compare its SHA-256 fingerprint, {}, and press Trust",
        place.fingerprint
    ))
}

fn establish(method: Method) -> String {
    format!(
        "select the server, Establish Trust > Make KMS trust vCenter > {}",
        method.in_vcenter()
    )
}

fn certificate(place: &Place) -> Vec<Step> {
    let label = &place.label;
    let approve = format!("client approve FINGERPRINT --label {label}");
    vec![
        there(format!(
            "{} > Next; vCenter shows the certificate that it made for this provider, and tries it at once",
            establish(Method::Certificate)
        )),
        place.here(
            "the certificate waits here; compare its fingerprint with the one that vCenter shows",
            "client pending",
        ),
        place.here(
            "approve it; vCenter's next connection, within five minutes, is let in",
            &place.enrolling(&approve),
        ),
    ]
}

fn upload(place: &Place) -> Vec<Step> {
    let issue = format!("client issue {}", place.label);
    vec![
        place.here("make a key and a certificate", &place.enrolling(&issue)),
        there(format!(
            "{}: give it {} and {}, and remove the private key here afterwards",
            establish(Method::Upload),
            place.certificate.display(),
            place.key.display()
        )),
    ]
}

fn csr(place: &Place) -> Vec<Step> {
    let label = &place.label;
    let sign = format!("client sign-csr {label} {label}.csr");
    vec![
        there(format!(
            "{} > Next; download the request and bring it here as {label}.csr",
            establish(Method::Csr)
        )),
        place.here(
            "look at the request: its own signature proves that vCenter holds the key",
            &format!("client inspect {label}.csr"),
        ),
        place.here("sign it", &place.enrolling(&sign)),
        there(format!(
            "select the server, Establish Trust > Upload Signed CSR Certificate: give it {}",
            place.certificate.display()
        )),
    ]
}

fn root_ca(place: &Place) -> Vec<Step> {
    let label = &place.label;
    let trust = format!("client trust-ca {label} {label}-ca.pem --subject 'SUBJECT'");
    vec![
        there(format!(
            "{} > Next; download the CA's certificate and bring it here as {label}-ca.pem",
            establish(Method::RootCa)
        )),
        place.here(
            "look at it: it must be the certificate of the CA that signs vCenter's own itself",
            &format!("client inspect {label}-ca.pem"),
        ),
        place.here(
            "vCenter's certificate waits here, refused so far; with its FINGERPRINT this command shows its whole subject",
            "client pending",
        ),
        place.here(
            "trust the CA for exactly that subject; with `--crl FILE` for what it has revoked, too",
            &place.enrolling(&trust),
        ),
    ]
}

/// What is refused, and the command that shows it.
pub(super) fn refused(method: Method, place: &Place) -> Vec<Refused> {
    let pending = "client pending";
    let events = "events list --action kmip-client.refuse";
    let mut refused: Vec<(&'static str, String)> = match method {
        Method::Certificate => vec![
            (
                "every certificate that nobody approved: vCenter makes another one for each provider, and the list is empty after a restart until it tries again",
                pending.to_owned(),
            ),
            (
                "a label that is taken: give a renewed certificate to it with `client approve FINGERPRINT --client LABEL`",
                "client list".to_owned(),
            ),
        ],
        Method::Upload => vec![
            (
                "another certificate than the uploaded one: vCenter still presents its own",
                pending.to_owned(),
            ),
            (
                "a certificate of another CA, or one that was removed or has expired: make another with `client renew LABEL`",
                events.to_owned(),
            ),
        ],
        Method::Csr => vec![
            (
                "a request whose signature is not made with its own key, and RSA keys of fewer than 2048 bits",
                format!("client inspect {}.csr", place.label),
            ),
            (
                "vCenter's certificate of before, until the signed one is uploaded",
                pending.to_owned(),
            ),
        ],
        Method::RootCa => vec![
            (
                "a certificate with any other subject, or signed by an intermediate CA: trust that one instead",
                pending.to_owned(),
            ),
            (
                "one that expired, was removed, is not for clients, or is on its CA's revocation list",
                events.to_owned(),
            ),
        ],
    };
    refused.push((
        "a disabled client, and what it may not do",
        format!("client show {}", place.label),
    ));
    let each = refused.into_iter().map(|(what, see)| Refused {
        what,
        see: place.command(&see),
    });
    each.collect()
}
