//! Which server `keyledger kmip` speaks to, as whom, and what it trusts.
//!
//! Without flags: the server that runs on this directory, as its client `demo`, trusting the very certificate the directory holds. For
//! any other server: `--server` with `--ca` or `--pin`, `--cert` and `--key`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::admin::{Request, Response};
use crate::cli::WrongUse;
use crate::cli::own;
use crate::cli::quickstart::DEMO;
use crate::cli::reach::{self, Reach};
use crate::cli::secret;
use crate::client::{ConnectOptions, ServerTrust, TlsVersions};
use crate::config::Layout;
use crate::config::file::DEFAULT_PORT;
use crate::config::layout::{read_private, read_public};
use crate::crypto::{Fingerprint, Secret};
use crate::domain::client::check_label;
use crate::kmip::message::{Credential, Password};
use crate::kmip::version::ProtocolVersion;

/// How long the handshake, and each answer, may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Flags that say which server, as whom, and what to trust.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Access {
    /// The server, HOST or HOST:PORT (default: the one that runs on this directory)
    #[arg(long, global = true, value_name = "ADDR")]
    server: Option<String>,
    /// Trust servers with a certificate of this CA (default with --server: certs/ca.pem)
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "pin")]
    ca: Option<PathBuf>,
    /// Trust the server with this certificate: its SHA-256 in hexadecimal
    #[arg(long, global = true, value_name = "FINGERPRINT")]
    pin: Option<String>,
    /// Our certificate (default: that of --client)
    #[arg(long, global = true, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of --cert
    #[arg(long, global = true, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Our client of certs/clients/
    #[arg(long, global = true, default_value = DEMO, value_name = "LABEL")]
    client: String,
    /// The user name of the instance's credential, with --password-file or --password-stdin
    #[arg(long, global = true, value_name = "NAME")]
    username: Option<String>,
    /// A file with the password in one line, which only its owner may read
    #[arg(long, global = true, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input; typed without echo at a terminal
    #[arg(long, global = true, conflicts_with = "password_file")]
    password_stdin: bool,
    /// The protocol version, 1.0 to 1.4
    #[arg(long, global = true, default_value = "1.4", value_name = "VERSION", value_parser = version)]
    kmip_version: Option<ProtocolVersion>,
}

fn version(text: &str) -> Result<ProtocolVersion, String> {
    let version = ProtocolVersion::from_text(text).filter(|version| version.is_supported());
    version.ok_or_else(|| "use 1.0, 1.1, 1.2, 1.3 or 1.4".to_owned())
}

impl Access {
    /// The user name and password to send, if they are given.
    ///
    /// # Errors
    /// The password cannot be read, or there is none for the user name.
    pub(super) fn credential(&mut self) -> anyhow::Result<Option<Credential>> {
        let password = match (self.password_file.take(), self.password_stdin) {
            (Some(file), _) => secret::from_file(&file, "password")?,
            (None, true) => {
                secret::from_standard_input("password", "Password: ", secret::Typed::Once)?
            }
            (None, false) if self.username.is_some() => {
                let text = "--username needs --password-file or --password-stdin";
                return Err(WrongUse(text.to_owned()).into());
            }
            (None, false) => return Ok(None),
        };
        let text = str::from_utf8(password.expose()).context("the password is not UTF-8")?;
        Ok(Some(Credential::UsernameAndPassword {
            username: self.username.take().unwrap_or_default(),
            password: Some(Password::new(text.to_owned())),
        }))
    }

    /// What to connect with.
    ///
    /// # Errors
    /// A file is missing, a fingerprint is none, or no server runs here.
    pub(super) async fn options(self, layout: &Layout) -> anyhow::Result<ConnectOptions> {
        let (certificate, key) = match (self.cert, self.key) {
            (Some(certificate), Some(key)) => (certificate, key),
            _ => {
                check_label(&self.client)
                    .map_err(|error| WrongUse(format!("--client: {error}")))?;
                (
                    layout.client_certificate(&self.client),
                    layout.client_key(&self.client),
                )
            }
        };
        let advice = "issue it with `keyledger client issue LABEL`, or give --cert and --key";
        let certificate_pem = read_public(&certificate, advice)?;
        let key_pem = Secret::new(read_private(&key, advice)?.into_bytes());
        let trust = trust(layout, self.ca, self.pin, self.server.is_some())?;
        let address = match self.server {
            Some(server) => with_port(&server),
            None => own_address(layout).await?,
        };
        Ok(ConnectOptions {
            address,
            trust,
            certificate_pem,
            key_pem,
            tls: TlsVersions::Both,
            version: self.kmip_version.unwrap_or(ProtocolVersion::V1_4),
            timeout: TIMEOUT,
        })
    }
}

/// A certificate of the directory is trusted by itself: its names need not fit the address it is reached at.
fn trust(
    layout: &Layout,
    ca: Option<PathBuf>,
    pin: Option<String>,
    elsewhere: bool,
) -> anyhow::Result<ServerTrust> {
    match (ca, pin) {
        (_, Some(pin)) => {
            let plain = pin.replace(':', "").to_ascii_lowercase();
            let pinned = plain.parse::<Fingerprint>();
            let pinned = pinned.map_err(|error| WrongUse(format!("--pin: {error}")))?;
            Ok(ServerTrust::Pinned(pinned))
        }
        (Some(file), None) => {
            let advice = "name the file with the server's CA";
            Ok(ServerTrust::Authority(read_public(&file, advice)?))
        }
        (None, None) if elsewhere => {
            let advice = "say which server to trust with --ca FILE or --pin FINGERPRINT";
            Ok(ServerTrust::Authority(read_public(
                &layout.ca_certificate(),
                advice,
            )?))
        }
        (None, None) => {
            let own = own::server_certificate(layout)?;
            Ok(ServerTrust::Pinned(own.fingerprint()))
        }
    }
}

/// `HOST:PORT` from what may lack the port; an IPv6 address without brackets is a host alone.
fn with_port(server: &str) -> String {
    if server.parse::<std::net::Ipv6Addr>().is_ok() {
        return format!("[{server}]:{DEFAULT_PORT}");
    }
    let has_port = server
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port {
        server.to_owned()
    } else {
        format!("{server}:{DEFAULT_PORT}")
    }
}

/// Where the server of this directory is reached from this machine.
async fn own_address(layout: &Layout) -> anyhow::Result<String> {
    let mut reach = Reach::open(layout).await?;
    let answer = reach.run(Request::Status).await;
    reach.close().await;
    let listening = match answer? {
        Response::Status(status) => status.listening,
        other => return Err(reach::unexpected(&other)),
    };
    let Some(listening) = listening else {
        bail!(
            "no server runs on {}; start it with `keyledger serve`, or name one with --server",
            layout.root().display()
        );
    };
    let mut address: std::net::SocketAddr = listening.parse()?;
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr = match address.ip() {
            std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    Ok(address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_a_port_gets_kmips() {
        assert_eq!(with_port("kms"), "kms:5696");
        assert_eq!(with_port("kms:1"), "kms:1");
        assert_eq!(with_port("::1"), "[::1]:5696");
        assert_eq!(with_port("[::1]:7"), "[::1]:7");
        assert_eq!(with_port("192.0.2.1"), "192.0.2.1:5696");
    }

    #[test]
    fn a_pin_may_be_written_with_colons_and_nothing_else_is_one() {
        let layout = Layout::new("none");
        let pin = ["AB"; 32].join(":");
        let trusted = trust(&layout, None, Some(pin), true).unwrap();
        assert!(matches!(trusted, ServerTrust::Pinned(_)));
        let error = trust(&layout, None, Some("abc".into()), true).unwrap_err();
        assert!(
            error.to_string().starts_with("--pin: a fingerprint is 64"),
            "{error}"
        );
    }

    #[test]
    fn only_versions_this_client_speaks_are_taken() {
        assert_eq!(version("1.2"), Ok(ProtocolVersion::V1_2));
        assert!(version("2.1").is_err());
        assert!(version("x").is_err());
    }
}
