//! `keyledger serve --quickstart`: a server and a client to try it with, in one step.
//!
//! The first run makes what is missing, the later ones only serve. Unless told otherwise it listens on this machine alone: a server
//! that others reach is a decision.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use super::issue::{self, Order};
use super::master::PassphraseArgs;
use super::reach::{self, Reach};
use super::{database, init, own};
use crate::admin::lock::DirectoryLock;
use crate::admin::{Admin, Request, Response, foundation};
use crate::config::{Layout, Settings, file::DEFAULT_PORT, names};
use crate::crypto::Certificate;

/// The label of the client made to try the server.
pub const DEMO: &str = "demo";

/// Where the demo client's files lie.
pub struct Demo {
    certificate: PathBuf,
    key: PathBuf,
}

/// Initialises the directory if it has no database yet; the lock is handed on then.
///
/// # Errors
/// Those of [`init::initialise`].
pub async fn prepare(
    layout: &Layout,
    passphrase: &PassphraseArgs,
) -> anyhow::Result<Option<DirectoryLock>> {
    if layout.database().exists() || is_set_up_on_server(layout)? {
        return Ok(None);
    }
    let listen = (!layout.config().exists()).then(|| format!("127.0.0.1:{DEFAULT_PORT}"));
    let instance = foundation::INSTANCE.to_owned();
    let args = init::Args {
        listen,
        instance,
        passphrase: passphrase.clone(),
        ..init::Args::default()
    };
    let (_, lock) = init::initialise(layout, &args).await?;
    Ok(Some(lock))
}

/// Whether the settings name a database on a server that was made from this directory: there is a master key, too.
fn is_set_up_on_server(layout: &Layout) -> anyhow::Result<bool> {
    if !layout.config().exists() || !layout.master_key().exists() {
        return Ok(false);
    }
    Ok(database::is_on_server(&reach::settings(layout)?)?)
}

/// The demo client, enrolled and issued a certificate if there is none.
///
/// # Errors
/// It cannot be issued.
pub async fn demo(settings: &Settings, admin: Arc<Admin>) -> anyhow::Result<Demo> {
    let layout = &settings.layout;
    let demo = Demo {
        certificate: layout.client_certificate(DEMO),
        key: layout.client_key(DEMO),
    };
    let mut reach = Reach::over(admin);
    let clients = match reach.run(Request::ClientList).await? {
        Response::Clients(clients) => clients,
        other => return Err(reach::unexpected(&other)),
    };
    // A demo client that was removed stays removed as long as there are others.
    if clients.is_empty() && !demo.certificate.exists() && !demo.key.exists() {
        let order = Order {
            label: DEMO.to_owned(),
            ..Order::default()
        };
        issue::issue(&mut reach, settings, order).await?;
    }
    Ok(demo)
}

/// What to do with the server that has just started.
#[must_use]
pub fn welcome(
    settings: &Settings,
    address: SocketAddr,
    authority: Option<&Certificate>,
    demo: &Demo,
) -> String {
    let layout = &settings.layout;
    let dir = layout.root().display();
    // As it was called, so that the lines can be pasted.
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "keyledger".to_owned());
    let fingerprint = authority
        .map(|ours| ours.fingerprint().to_string())
        .unwrap_or_default();
    format!(
        "\
Keyledger serves KMIP on {address}.

  server           {server}
                   SHA-256 {server_fingerprint}
  CA certificate   {ca}
                   SHA-256 {fingerprint}
  demo client      {certificate}
                   {key}

In vCenter: Configure > Key Providers > Add > Standard Key Provider
  name             keyledger
  address          {host}
  port             {port}
  Then: trust the server's certificate; Establish Trust > vCenter Certificate > download it to vcenter.pem, and here
  {program} --dir {dir} client add vcenter vcenter.pem
{hint}
Try it             {program} --dir {dir} kmip create --client demo
See the events     {program} --dir {dir} events tail --follow
Stop               Ctrl-C
",
        server = layout.server_certificate().display(),
        server_fingerprint = server_fingerprint(layout),
        ca = layout.ca_certificate().display(),
        certificate = demo.certificate.display(),
        key = demo.key.display(),
        host = host(address.ip()),
        port = address.port(),
        hint = hint(address.ip()),
    )
}

/// What vCenter shows before it trusts the server.
fn server_fingerprint(layout: &Layout) -> String {
    let own = own::server_certificate(layout);
    own.map_or_else(|_| String::new(), |own| own.fingerprint().to_string())
}

/// What another machine enters as this one's address.
fn host(listening: IpAddr) -> String {
    if !listening.is_unspecified() {
        return listening.to_string();
    }
    names::addresses().next().unwrap_or(listening).to_string()
}

fn hint(listening: IpAddr) -> &'static str {
    if listening.is_loopback() {
        "  It listens on this machine only; for others start it with --listen 0.0.0.0:5696\n"
    } else {
        ""
    }
}
