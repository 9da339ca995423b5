//! A PostgreSQL server of a test's own, from the programs that this machine has.
//!
//! It listens on one port of 127.0.0.1 that stays its own while it is away, syncs what it commits, and is asked for a password. Its databases
//! put texts in the order of a language, which nothing may rely on.

use std::fmt;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

use keyledger::crypto::{Authority, KeyKind};

use super::network::Network;
use super::now;
use super::port::kept_port;
use super::server::{until, until_or_not};

/// Runs the server where the tests are root's: PostgreSQL refuses to be root.
pub(super) const USER: &str = "postgres";
/// The role that the program under test has, and the database that it owns.
const ROLE: &str = "keyledger";
const LOOPBACK: &str = "127.0.0.1";
/// Who may do everything.
const SUPERUSER: &str = "postgres";

/// A server and its directory. The directory goes when this is dropped; the server, if it runs, before it.
pub(crate) struct Postgres {
    server: Option<Child>,
    port: u16,
    superuser_password: String,
    programs: PathBuf,
    /// Where it is, if not on this machine.
    network: Option<Network>,
    directory: TempDir,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Postgres {
    /// A server with an empty database and the role that owns it.
    pub(crate) fn start() -> Self {
        Self::start_at(None)
    }

    /// As [`Self::start`], in a network of its own. It speaks TLS, with a certificate of the CA in [`Self::ca_file`].
    pub(crate) fn start_in(network: Network) -> Self {
        Self::start_at(Some(network))
    }

    fn start_at(network: Option<Network>) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("keyledger-postgres-")
            .tempdir()
            .expect("a temporary directory");
        if getuid().is_root() {
            let owner = format!("{USER}:");
            done(
                Command::new("chown")
                    .arg(owner)
                    .arg(directory.path())
                    .output(),
            );
        }
        let mut postgres = Self {
            server: None,
            port: kept_port(),
            superuser_password: password(),
            programs: programs(),
            network,
            directory,
        };
        postgres.initialize();
        if let Some(network) = &postgres.network {
            postgres.certify(&network.address());
        }
        postgres.start_again();
        postgres
    }

    fn initialize(&self) {
        let initdb = self
            .command("initdb")
            .arg("--pgdata")
            .arg(self.data())
            .args(["--username", SUPERUSER, "--auth", "reject"])
            .args(["--no-sync", "--encoding", "UTF8", "--locale", "C.UTF-8"])
            .args(["--locale-provider", "icu", "--icu-locale", "en-US"])
            .output();
        done(initdb);
        let who =
            "host all all 127.0.0.1/32 scram-sha-256\nhostssl all all samenet scram-sha-256\n";
        fs::write(self.data().join("pg_hba.conf"), who).expect("a file");
        let password = password();
        File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.password_file())
            .and_then(|mut file| writeln!(file, "{password}"))
            .expect("a file");
        let superuser_password = &self.superuser_password;
        self.before_it_listens(&format!(
            "ALTER ROLE {SUPERUSER} PASSWORD '{superuser_password}'
            CREATE ROLE {ROLE} LOGIN PASSWORD '{password}'
            CREATE DATABASE {ROLE} OWNER {ROLE}
            ",
        ));
    }

    /// Gives it a certificate of a new CA for another name than its own, or for that again.
    pub(crate) fn certify_for(&mut self, name: &str) {
        self.stop(false);
        fs::remove_file(self.data().join("server.key")).expect("a file");
        self.certify(name);
        self.start_again();
    }

    fn certify(&self, name: &str) {
        let authority = Authority::create("CA of a test", now(), 10, KeyKind::EcdsaP256);
        let authority = authority.expect("a CA");
        let names = [name.to_owned()];
        let issued = authority.issue_server(&names, KeyKind::EcdsaP256, now(), 10);
        let issued = issued.expect("a certificate");
        fs::write(self.ca_file(), authority.certificate_pem()).expect("a file");
        let certificate = self.data().join("server.crt");
        fs::write(certificate, &issued.certificate_pem).expect("a file");
        let key = self.data().join("server.key");
        let private = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&key);
        let mut private = private.expect("a file");
        private.write_all(issued.key_pem.expose()).expect("a file");
        let owner = format!("{USER}:");
        done(Command::new("chown").arg(owner).arg(key).output());
    }

    /// Runs statements, one a line, in a server that only its standard input reaches.
    fn before_it_listens(&self, statements: &str) {
        let mut server = self
            .command("postgres")
            .args(["--single", "-D"])
            .arg(self.data())
            .arg("postgres")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut input = server.stdin.take().expect("piped");
        input
            .write_all(statements.as_bytes())
            .expect("the server reads");
        drop(input);
        done(server.wait_with_output());
    }

    /// Starts the server again, after it was stopped or killed, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        assert!(self.server.is_none(), "the server is stopped first");
        let log = File::options().create(true).append(true).open(self.log());
        let log = log.expect("a file");
        let server = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string(), "-N", "100", "-B", "2048"])
            .args(["-c", &format!("listen_addresses={}", self.addresses())])
            .args([
                "-c",
                if self.network.is_some() {
                    "ssl=on"
                } else {
                    "ssl=off"
                },
            ])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "fsync=on"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.server = Some(server);
        until("PostgreSQL to answer", || {
            let ended = self.server_mut().try_wait().expect("a child of ours");
            assert!(ended.is_none(), "it ended: {}", self.log_text());
            self.answers().then_some(())
        });
    }

    /// Stops the server and starts it again.
    pub(crate) fn restart(&mut self) {
        self.stop(false);
        self.start_again();
    }

    /// Stops the server: it ends every session first, or at once and without writing anything more.
    pub(crate) fn stop(&mut self, immediate: bool) {
        let signal = if immediate { Signal::QUIT } else { Signal::INT };
        kill_process(self.pid(), signal).expect("a child of ours");
        let mut server = self.server.take().expect("the server runs");
        until("PostgreSQL to stop", || {
            server.try_wait().expect("a child of ours")
        });
    }

    /// Kills the server with all of its processes, which leaves none of them time to do anything more.
    pub(crate) fn kill(&mut self) {
        let pid = self.pid();
        // It starts no more of them while they are looked for.
        kill_process(pid, Signal::STOP).expect("a child of ours");
        let children = children_of(pid);
        kill_process(pid, Signal::KILL).expect("a child of ours");
        // Without the server each ends by itself, sooner or later.
        for child in &children {
            kill_process(*child, Signal::KILL).ok();
        }
        let mut server = self.server.take().expect("the server runs");
        server.wait().expect("a child of ours");
        until("the processes of PostgreSQL to end", || {
            children.iter().all(|child| has_ended(*child)).then_some(())
        });
    }

    /// Where the program finds its database; its password is in [`Self::password_file`].
    pub(crate) fn url(&self) -> String {
        let host = self.network.as_ref().map(Network::address);
        let host = host.as_deref().unwrap_or(LOOPBACK);
        format!("postgres://{ROLE}@{host}:{}/{ROLE}", self.port)
    }

    /// The CA that certifies it, where it is not on this machine.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    pub(crate) const fn network(&self) -> Option<&Network> {
        self.network.as_ref()
    }

    fn addresses(&self) -> String {
        match &self.network {
            Some(network) => format!("{LOOPBACK},{}", network.address()),
            None => LOOPBACK.to_owned(),
        }
    }

    /// The file with the password of the role in [`Self::url`], private to who runs the tests.
    pub(crate) fn password_file(&self) -> PathBuf {
        self.directory.path().join("password")
    }

    /// Lets commits wait for a standby that is not there, or no more.
    pub(crate) fn wait_for_standbys(&self, waits: bool) {
        let name = if waits { "*" } else { "" };
        self.sql(&format!(
            "ALTER SYSTEM SET synchronous_standby_names = '{name}'"
        ));
        self.sql("SELECT pg_reload_conf()");
        let shown = "SHOW synchronous_standby_names";
        until("the server to know it", || {
            (self.sql(shown) == name).then_some(())
        });
    }

    /// The server's processes of the program's sessions for a purpose.
    pub(crate) fn sessions(&self, purpose: &str) -> Vec<Pid> {
        let found = self.sql(&format!(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'keyledger%{purpose}'"
        ));
        let numbers = found.lines().filter_map(|line| line.parse().ok());
        numbers.filter_map(Pid::from_raw).collect()
    }

    /// What a statement, or several, answer in the database: a row a line, `|` between columns. The superuser asks.
    #[track_caller]
    pub(crate) fn sql(&self, statements: &str) -> String {
        let options = ["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1"];
        let output = self
            .there(&self.programs.join("psql"))
            .args(options)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", SUPERUSER, "-d", ROLE, "-c", statements])
            .env("PGPASSWORD", &self.superuser_password)
            .env("PGCLIENTENCODING", "UTF8")
            .output();
        done(output).trim_end().to_owned()
    }

    /// The server's first process, which has all others.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.server.as_ref().expect("the server runs"))
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    fn server_mut(&mut self) -> &mut Child {
        self.server.as_mut().expect("the server runs")
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn answers(&self) -> bool {
        let status = self
            .there(&self.programs.join("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .status();
        status.expect("pg_isready runs").success()
    }

    /// A program where the server is.
    fn there(&self, program: &Path) -> Command {
        let Some(network) = &self.network else {
            return Command::new(program);
        };
        let [first, more @ ..] = network.inside();
        let mut command = Command::new(first);
        command.args(more).arg(program);
        command
    }

    /// One of the server's programs, as a user that is not root and in a directory that user may read.
    fn command(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if getuid().is_root() {
            let mut command = self.there(Path::new("setpriv"));
            command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.directory.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        kill_process(Pid::from_child(&server), Signal::QUIT).ok();
        if !until_or_not(|| !matches!(server.try_wait(), Ok(None))) {
            server.kill().ok();
            server.wait().ok();
        }
    }
}

/// The folder of the server's programs: none of them is among those that a shell finds.
pub(super) fn programs() -> PathBuf {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let version = |folder: &Path| -> Option<u32> {
        let name = folder.file_name()?.to_str()?;
        name.parse().ok()
    };
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut installed: Vec<_> = installed.flatten().map(|entry| entry.path()).collect();
    installed.sort_by_key(|folder| version(folder));
    let installed = installed.into_iter().rev().map(|folder| folder.join("bin"));
    told.map(PathBuf::from)
        .into_iter()
        .chain(installed)
        .find(|folder| folder.join("initdb").exists())
        .expect("PostgreSQL is installed: tests/run does that")
}

/// What a program printed, which must have done what it was asked.
#[track_caller]
pub(super) fn done(output: std::io::Result<Output>) -> String {
    let output = output.expect("the program runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

pub(super) fn password() -> String {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .expect("random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn children_of(parent: Pid) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").expect("a folder").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter_map(Pid::from_raw)
        .filter(|pid| status_of(*pid, "PPid:").as_deref() == Some(&parent.to_string()))
        .collect()
}

pub(super) fn has_ended(pid: Pid) -> bool {
    status_of(pid, "State:").is_none_or(|state| state.starts_with(['Z', 'X']))
}

fn status_of(pid: Pid, key: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(value.trim().to_owned())
}
