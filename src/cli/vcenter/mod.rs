//! `keyledger vcenter instructions`: the exact steps that make a vCenter and this server trust each other, for each way that vCenter offers.
//!
//! Nothing is changed. What is printed names this server's address, port and certificate as they are, and commands that exist.

mod steps;

use std::net::IpAddr;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::own;
use super::reach::{self, Reach};
use super::report::{Report, fields};
use crate::admin::message::{Instance, Status};
use crate::admin::{Request, Response};
use crate::config::Layout;
use crate::crypto::certificate::presentable::names;
use crate::domain::client::check_label;
use steps::{Refused, Step};

/// What to do about vCenter.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the steps that make a vCenter and this server trust each other
    Instructions(Asked),
}

/// Which steps.
#[derive(Debug, Args)]
pub struct Asked {
    /// How vCenter is known here, as it offers it under Establish Trust
    #[arg(long, value_enum, default_value_t = Method::Certificate)]
    method: Method,
    /// The label that the vCenter is to have as a client
    #[arg(long, default_value = "vcenter-1")]
    label: String,
    /// The instance whose keys it is to use (default: the only one)
    #[arg(long)]
    instance: Option<String>,
    /// The name or address that vCenter reaches this server by (default: the first of its certificate)
    #[arg(long)]
    address: Option<String>,
}

/// How this server knows a vCenter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// vCenter Certificate: the one vCenter makes for the provider, approved here
    Certificate,
    /// Upload certificate and private key: both are made here
    Upload,
    /// New Certificate Signing Request: vCenter keeps its key, the certificate is made here
    Csr,
    /// vCenter Root CA Certificate: the CA is trusted for one exact subject
    RootCa,
}

impl Method {
    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Upload => "upload",
            Self::Csr => "csr",
            Self::RootCa => "root-ca",
        }
    }

    /// What vCenter calls it.
    #[must_use]
    pub const fn in_vcenter(self) -> &'static str {
        match self {
            Self::Certificate => "vCenter Certificate",
            Self::Upload => "Upload certificate and private key",
            Self::Csr => "New Certificate Signing Request (CSR)",
            Self::RootCa => "vCenter Root CA Certificate",
        }
    }

    /// Where the rest is told, after a command that did its part.
    #[must_use]
    pub fn hint(self) -> String {
        format!(
            "for a vCenter, the steps there: `keyledger vcenter instructions --method {}`",
            self.as_str()
        )
    }
}

/// What is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Instructions {
    method: Method,
    /// What vCenter calls it.
    in_vcenter: &'static str,
    address: String,
    port: u16,
    /// SHA-256 of the server's certificate, in hex digits.
    server_fingerprint: String,
    label: String,
    steps: Vec<Step>,
    refused: Vec<Refused>,
    remarks: Vec<String>,
}

/// Carries out a command.
///
/// # Errors
/// The server's certificate or settings cannot be read, or the router cannot be reached.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let Command::Instructions(asked) = command;
    check_label(&asked.label)?;
    let mut reach = Reach::open(layout).await?;
    let looked = look(&mut reach, asked.instance.as_deref()).await;
    reach.close().await;
    let instructions = instructions(layout, asked, looked?)?;
    report.record(&instructions, || text(&instructions))?;
    Ok(())
}

/// What the router says: what runs, and the instance that is meant.
async fn look(
    reach: &mut Reach,
    instance: Option<&str>,
) -> anyhow::Result<(Status, Option<Instance>)> {
    let status = match reach.run(Request::Status).await? {
        Response::Status(status) => status,
        other => return Err(reach::unexpected(&other)),
    };
    let instances = match reach.run(Request::InstanceList).await? {
        Response::Instances(instances) => instances,
        other => return Err(reach::unexpected(&other)),
    };
    let meant = match (instance, instances.len()) {
        (Some(name), _) => {
            let found = instances.into_iter().find(|held| held.name == name);
            Some(found.ok_or_else(|| {
                anyhow::anyhow!(
                    "instance: there is no instance `{name}`; see `keyledger instance list`"
                )
            })?)
        }
        (None, 1) => instances.into_iter().next(),
        (None, _) => anyhow::bail!(
            "instance: several exist, name one with --instance: {}",
            status.instances.join(", ")
        ),
    };
    Ok((status, meant))
}

fn instructions(
    layout: &Layout,
    asked: Asked,
    (status, instance): (Status, Option<Instance>),
) -> anyhow::Result<Instructions> {
    let settings = reach::settings(layout)?;
    let server = own::server_certificate(layout)?;
    let names = names(server.der());
    let running = status.listening.as_deref();
    let listening = running.and_then(|address| address.parse().ok());
    let listening: std::net::SocketAddr = listening.unwrap_or(settings.listen);
    let mut remarks = Vec::new();
    let address = match asked.address {
        Some(address) => address,
        None => reachable(&names).unwrap_or_else(|| listening.ip().to_string()),
    };
    if !names.contains(&address) {
        remarks.push(format!(
            "the server's certificate does not name {address}: `keyledger certificate renew-server --name {address}`"
        ));
    }
    if running.is_none() {
        remarks.push("no server runs here: `keyledger serve`".to_owned());
    }
    if listening.ip().is_loopback() {
        remarks.push(format!(
            "the server listens on {listening}, which no other machine reaches: set `listen` under [server] in keyledger.toml"
        ));
    }
    let place = steps::Place {
        program: program(layout),
        address: address.clone(),
        port: listening.port(),
        fingerprint: server.fingerprint().to_string(),
        label: asked.label.clone(),
        instance: asked.instance,
        certificate: layout.client_certificate(&asked.label),
        key: layout.client_key(&asked.label),
        asks: instance.is_some_and(|held| held.credential),
    };
    Ok(Instructions {
        method: asked.method,
        in_vcenter: asked.method.in_vcenter(),
        address,
        port: place.port,
        server_fingerprint: place.fingerprint.clone(),
        label: asked.label,
        steps: steps::steps(asked.method, &place),
        refused: steps::refused(asked.method, &place),
        remarks,
    })
}

/// The first name that another machine may reach this one by.
fn reachable(names: &[String]) -> Option<String> {
    let is_local = |name: &String| {
        let address: Option<IpAddr> = name.parse().ok();
        name == "localhost" || address.is_some_and(|address| address.is_loopback())
    };
    names.iter().find(|name| !is_local(name)).cloned()
}

/// How the program is called, so that the lines can be pasted.
fn program(layout: &Layout) -> String {
    let root = layout.root().display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match root.as_str() {
        "." => "keyledger".to_owned(),
        plain if plain.chars().all(is_plain) => format!("keyledger --dir {plain}"),
        other => format!("keyledger --dir '{}'", other.replace('\'', "'\\''")),
    }
}

fn text(told: &Instructions) -> String {
    let mut lines = vec![
        format!(
            "{}: how this server comes to know a vCenter",
            told.in_vcenter
        ),
        String::new(),
        fields(&[
            ("address", Some(told.address.clone())),
            ("port", Some(told.port.to_string())),
            ("SHA-256", Some(told.server_fingerprint.clone())),
        ]),
        String::new(),
    ];
    for (number, step) in (1..).zip(&told.steps) {
        lines.push(format!("{number}. {}: {}", step.at.as_str(), step.text));
        lines.extend(step.command.iter().map(|command| format!("     {command}")));
    }
    lines.push(String::new());
    lines.push("What is refused, and how to see it:".to_owned());
    for refused in &told.refused {
        lines.push(format!("  - {}", refused.what));
        lines.push(format!("      {}", refused.see));
    }
    let remarks = told.remarks.iter().map(|remark| format!("note: {remark}"));
    lines.extend(remarks);
    lines.join("\n")
}
