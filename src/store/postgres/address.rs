//! Where the database is: servers, database, user, and how each server shows who it is.
//!
//! A URL is refused here if it would send a password, or data, to a server whose identity nobody checked. Only on this machine is TLS left
//! out. A password is read from a file of its owner alone, and shown nowhere.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use zeroize::Zeroizing;

use super::tls;
use crate::crypto::SecretText;

/// How long a server may take to let us in, if the URL does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection whose other end is gone is noticed within this time, whether something is under way or not.
const USER_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 3;
const GROUP_AND_OTHERS: u32 = 0o077;
/// More bytes are no password, and no file of CA certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::store) enum AddressError {
    /// The URL.
    #[error("the URL of the database cannot be used: {0}")]
    Url(String),
    /// A file that is named beside it.
    #[error("{field} {path}: {words}", path = .path.display())]
    File {
        /// The setting.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        words: String,
    },
    /// TLS cannot be set up.
    #[error("TLS to the database cannot be set up: {0}")]
    Tls(String),
}

fn refused(words: impl Into<String>) -> AddressError {
    AddressError::Url(words.into())
}

/// Where the database is, and as whom it is used.
#[derive(Clone)]
pub(in crate::store) struct Address {
    hosts: Vec<Place>,
    database: String,
    user: String,
    password: Option<SecretText>,
    connect_timeout: Duration,
    target: TargetSessionAttrs,
    tls: Option<Arc<ClientConfig>>,
}

/// One server.
#[derive(Debug, Clone)]
pub(super) struct Place {
    host: Host,
    port: u16,
}

impl Address {
    /// Reads a URL and the files that are named beside it.
    ///
    /// # Errors
    /// What is wrong, in one line.
    pub(in crate::store) fn read(
        url: &str,
        password_file: Option<&Path>,
        ca_file: Option<&Path>,
    ) -> Result<Self, AddressError> {
        let Url {
            config,
            mode,
            target,
        } = Url::parse(url)?;
        let hosts = places(&config)?;
        let mode = mode.unwrap_or_else(|| Mode::fitting(&hosts, ca_file.is_some()));
        mode.check(&hosts, ca_file)?;
        let user = config
            .get_user()
            .filter(|user| !user.is_empty())
            .ok_or_else(|| refused("it names no user: postgres://USER@HOST/DATABASE"))?;
        Ok(Self {
            database: config.get_dbname().unwrap_or(user).to_owned(),
            user: user.to_owned(),
            password: password_file.map(password).transpose()?,
            connect_timeout: config
                .get_connect_timeout()
                .copied()
                .unwrap_or(CONNECT_TIMEOUT),
            target,
            tls: match mode {
                Mode::VerifyFull => Some(Arc::new(trust(ca_file)?)),
                Mode::Plain => None,
            },
            hosts,
        })
    }

    /// The servers, in the order in which they are tried.
    pub(super) fn places(&self) -> &[Place] {
        &self.hosts
    }

    /// How long one server may take to let us in.
    pub(super) const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// What checks the servers' certificates.
    pub(super) fn connector(&self) -> tls::Connector {
        tls::Connector(self.tls.clone())
    }

    /// What the library needs for one server at one of its addresses. The password is copied into it: drop it when the connection stands.
    pub(super) fn config(&self, place: &Place, at: Option<IpAddr>, name: &str) -> Config {
        let mut config = Config::new();
        match &place.host {
            Host::Tcp(host) => config.host(host),
            Host::Unix(path) => config.host_path(path),
        };
        if let Some(at) = at {
            config.hostaddr(at);
        }
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        config
            .port(place.port)
            .user(&self.user)
            .dbname(&self.database)
            .application_name(name)
            .connect_timeout(self.connect_timeout)
            .tcp_user_timeout(USER_TIMEOUT)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .target_session_attrs(self.target)
            .ssl_mode(if self.tls.is_some() {
                SslMode::Require
            } else {
                SslMode::Disable
            });
        config
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", self.user)?;
        for (at, place) in self.hosts.iter().enumerate() {
            write!(f, "{}{place}", if at == 0 { "" } else { "," })?;
        }
        write!(f, "/{}", self.database)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl Place {
    /// The host and port to look up, if it is not a socket on this machine.
    pub(super) fn name(&self) -> Option<(&str, u16)> {
        match &self.host {
            Host::Tcp(host) => Some((host, self.port)),
            Host::Unix(_) => None,
        }
    }

    fn is_here(&self) -> bool {
        match &self.host {
            Host::Tcp(host) => {
                host.eq_ignore_ascii_case("localhost")
                    || host
                        .parse::<IpAddr>()
                        .is_ok_and(|address| address.is_loopback())
            }
            Host::Unix(_) => true,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Tcp(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Host::Tcp(host) => write!(f, "{host}:{}", self.port),
            Host::Unix(path) => write!(f, "{}:{}", path.display(), self.port),
        }
    }
}

/// How a server shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// By a certificate for its name.
    VerifyFull,
    /// It need not: it is on this machine.
    Plain,
}

impl Mode {
    /// What is done if the URL does not say: without TLS only where nothing leaves this machine and no CA is given.
    fn fitting(hosts: &[Place], has_ca: bool) -> Self {
        if !has_ca && hosts.iter().all(Place::is_here) {
            Self::Plain
        } else {
            Self::VerifyFull
        }
    }

    fn of(value: &str) -> Result<Self, AddressError> {
        match value {
            "verify-full" => Ok(Self::VerifyFull),
            "disable" | "allow" | "prefer" => Ok(Self::Plain),
            "require" => Err(refused(
                "sslmode=require does not check who the server is: use sslmode=verify-full, with ca-file if the server's CA is your own",
            )),
            "verify-ca" => Err(refused(
                "sslmode=verify-ca does not check the server's name: use sslmode=verify-full, with ca-file if the server's CA is your own",
            )),
            _ => Err(refused("its sslmode is not known: use verify-full")),
        }
    }

    fn check(self, hosts: &[Place], ca_file: Option<&Path>) -> Result<(), AddressError> {
        if self == Self::VerifyFull {
            return match hosts.iter().find(|place| place.name().is_none()) {
                Some(place) => Err(refused(format!(
                    "TLS is not spoken over the socket {place}: leave out sslmode and ca-file"
                ))),
                None => Ok(()),
            };
        }
        if let Some(far) = hosts.iter().find(|place| !place.is_here()) {
            return Err(refused(format!(
                "its sslmode leaves out TLS, and {far} is not on this machine: use sslmode=verify-full"
            )));
        }
        match ca_file {
            Some(_) => Err(refused(
                "its sslmode leaves out TLS, and ca-file is given: leave out one of them",
            )),
            None => Ok(()),
        }
    }
}

/// What a URL says.
struct Url {
    config: Config,
    mode: Option<Mode>,
    target: TargetSessionAttrs,
}

impl Url {
    fn parse(url: &str) -> Result<Self, AddressError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(refused("it does not begin with postgres://"));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut target, mut kept) = (None, TargetSessionAttrs::ReadWrite, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key {
                "sslmode" => mode = Some(Mode::of(value)?),
                "target_session_attrs" => target = wanted(value)?,
                "host" | "port" | "user" | "dbname" | "connect_timeout" => kept.push(pair),
                "password" => return Err(refused(NO_PASSWORD)),
                "sslrootcert" => return Err(refused("sslrootcert is not read: use ca-file")),
                _ => return Err(refused(OTHER_KEY)),
            }
        }
        // The library's words of what is wrong name a part of the URL and none of what stands there.
        let config: Config = format!("{base}?{}", kept.join("&"))
            .parse()
            .map_err(|error: tokio_postgres::Error| refused(reason(&error)))?;
        if config.get_password().is_some() {
            return Err(refused(NO_PASSWORD));
        }
        Ok(Self {
            config,
            mode,
            target,
        })
    }
}

const NO_PASSWORD: &str = "it holds a password, and is shown and logged: use password-file";
const OTHER_KEY: &str = "of parameters it takes sslmode, target_session_attrs, connect_timeout, host, port, user and dbname alone";

fn reason(error: &tokio_postgres::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

fn wanted(value: &str) -> Result<TargetSessionAttrs, AddressError> {
    match value {
        "read-write" | "primary" => Ok(TargetSessionAttrs::ReadWrite),
        "any" => Ok(TargetSessionAttrs::Any),
        _ => Err(refused(
            "its target_session_attrs must be read-write: the store writes",
        )),
    }
}

fn places(config: &Config) -> Result<Vec<Place>, AddressError> {
    let (hosts, ports) = (config.get_hosts(), config.get_ports());
    if hosts.is_empty() {
        return Err(refused("it names no host: postgres://USER@HOST/DATABASE"));
    }
    if ports.len() > 1 && ports.len() != hosts.len() {
        return Err(refused("it has not as many ports as hosts"));
    }
    let port = |at: usize| {
        ports
            .get(at)
            .or_else(|| ports.first())
            .copied()
            .unwrap_or(5432)
    };
    let place = |(at, host): (usize, &Host)| Place {
        host: host.clone(),
        port: port(at),
    };
    Ok(hosts.iter().enumerate().map(place).collect())
}

fn trust(ca_file: Option<&Path>) -> Result<ClientConfig, AddressError> {
    let Some(path) = ca_file else {
        return tls::client_config(None).map_err(AddressError::Tls);
    };
    let wrong = |words| of_file("ca-file", path, words);
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut pem))
        .map_err(|error| wrong(error.to_string()))?;
    tls::client_config(Some(&pem)).map_err(wrong)
}

fn of_file(field: &'static str, path: &Path, words: String) -> AddressError {
    AddressError::File {
        field,
        path: path.to_owned(),
        words,
    }
}

fn password(path: &Path) -> Result<SecretText, AddressError> {
    let wrong = |words: &str| of_file("password-file", path, words.to_owned());
    let failed = |error: io::Error| wrong(&error.to_string());
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.mode() & GROUP_AND_OTHERS != 0 {
        return Err(wrong("others than its owner may read it: chmod 600"));
    }
    let length = about.len().min(FILE_BYTES_MAX);
    let room = usize::try_from(length).map_err(|_| wrong("it is too long"))?;
    // With its final room it is not moved while it is read, and no copy stays behind.
    let mut text = Zeroizing::new(String::with_capacity(room + 1));
    file.take(length)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    if text.is_empty() {
        return Err(wrong("it is empty"));
    }
    Ok(SecretText::new(std::mem::take(&mut text)))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::Address;

    fn read(url: &str) -> Result<Address, String> {
        Address::read(url, None, None).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_shown_without_its_parameters() {
        let cases = [
            ("postgres://u@localhost/d", "postgres://u@localhost:5432/d"),
            (
                "postgresql://u@127.0.0.1:1,[::1]:2/d?sslmode=disable",
                "postgres://u@127.0.0.1:1,[::1]:2/d",
            ),
            (
                "postgres://u@%2Frun%2Fpostgresql/d",
                "postgres://u@/run/postgresql:5432/d",
            ),
            (
                "postgres:///d?host=/run/postgresql&user=u",
                "postgres://u@/run/postgresql:5432/d",
            ),
            (
                "postgres://u@localhost?connect_timeout=2&target_session_attrs=any",
                "postgres://u@localhost:5432/u",
            ),
        ];
        for (url, shown) in cases {
            let address = read(url).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("Address({shown})"));
            assert!(address.tls.is_none(), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_in_one_line_that_shows_no_secret() {
        let cases = [
            ("mysql://u@h/d", "does not begin with postgres://"),
            ("host=h user=u", "does not begin with postgres://"),
            ("postgres://u:hunter2@localhost/d", "use password-file"),
            (
                "postgres://u@localhost/d?password=hunter2",
                "use password-file",
            ),
            (
                "postgres://u@h/d?sslmode=require",
                "use sslmode=verify-full",
            ),
            (
                "postgres://u@localhost/d?sslmode=require",
                "use sslmode=verify-full",
            ),
            (
                "postgres://u@h/d?sslmode=verify-ca",
                "use sslmode=verify-full",
            ),
            (
                "postgres://u@h/d?sslmode=disable",
                "h:5432 is not on this machine",
            ),
            (
                "postgres://u@h/d?sslmode=prefer",
                "h:5432 is not on this machine",
            ),
            (
                "postgres://u@localhost,10.0.0.1/d?sslmode=disable",
                "10.0.0.1:5432 is not on this machine",
            ),
            (
                "postgres://u@localhost/d?sslmode=hunter2",
                "its sslmode is not known",
            ),
            (
                "postgres://u@%2Frun/d?sslmode=verify-full",
                "over the socket",
            ),
            ("postgres://localhost/d", "names no user"),
            ("postgres://u@/d", "names no host"),
            ("postgres://u@localhost:hunter2/d", "port"),
            (
                "postgres://u@localhost/d?hunter2=1",
                "of parameters it takes",
            ),
            (
                "postgres://u@localhost/d?target_session_attrs=read-only",
                "the store writes",
            ),
            ("postgres://u@localhost/d?sslrootcert=x", "use ca-file"),
        ];
        for (url, words) in cases {
            let error = read(url).unwrap_err();
            assert!(error.contains(words), "{url}: {error}");
            assert!(
                !error.contains("hunter2") && !error.contains('\n'),
                "{error}"
            );
        }
    }

    /// Whether the system trusts anybody depends on the machine.
    #[test]
    fn beyond_this_machine_the_server_is_checked() {
        for url in [
            "postgres://u@db.example/d",
            "postgres://u@localhost,10.0.0.1/d",
            "postgres://u@localhost/d?sslmode=verify-full",
        ] {
            match read(url) {
                Ok(address) => assert!(address.tls.is_some(), "{url}"),
                Err(error) => assert!(error.contains("give ca-file"), "{error}"),
            }
        }
    }

    #[test]
    fn a_password_is_read_from_a_file_of_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let with = |text: &str, mode: u32| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let read = Address::read("postgres://u@localhost/d", Some(&path), None);
            read.map_err(|error| error.to_string())
        };
        let address = with("hunter2 \r\n", 0o600).unwrap();
        assert_eq!(address.password.as_ref().unwrap().expose(), "hunter2 ");
        assert!(!format!("{address:?} {address}").contains("hunter2"));
        for (text, mode, words) in [
            ("hunter2", 0o640, "others than its owner may read it"),
            ("hunter2", 0o604, "others than its owner may read it"),
            ("\n", 0o600, "it is empty"),
        ] {
            let error = with(text, mode).unwrap_err();
            assert!(
                error.starts_with("password-file ") && error.contains(words),
                "{error}"
            );
            assert!(!error.contains("hunter2"));
        }
        let missing = Address::read(
            "postgres://u@localhost/d",
            None,
            Some(&directory.path().join("ca")),
        );
        assert!(missing.unwrap_err().to_string().starts_with("ca-file "));
    }
}
