//! A Patroni cluster of a test's own: three PostgreSQL servers, of which one is the leader and one a synchronous standby, and an etcd that
//! tells them which.
//!
//! All of it is on ports of 127.0.0.1 that stay its own, in one directory. A member that is killed goes with all of its processes.

use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

use super::port::kept_port;
use super::postgres::{USER, children_of, done, has_ended, password, programs};
use super::server::until;

const MEMBERS: usize = 3;
/// The role that the program under test has, and the database that it owns.
const ROLE: &str = "keyledger";

/// The cluster. Everything of it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Patroni {
    etcd: Option<Child>,
    etcd_port: u16,
    members: Vec<Member>,
    passwords: Passwords,
    directory: TempDir,
}

/// A server and who looks after it.
#[derive(Debug)]
struct Member {
    patroni: Option<Child>,
    port: u16,
    api: u16,
    directory: PathBuf,
}

struct Passwords {
    superuser: String,
    replication: String,
    role: String,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

impl Patroni {
    /// A cluster with a leader, a synchronous standby and an empty database.
    pub(crate) fn start() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("keyledger-patroni-")
            .tempdir()
            .expect("a temporary directory");
        let members = (1..=MEMBERS).map(|number| Member {
            patroni: None,
            port: kept_port(),
            api: kept_port(),
            directory: directory.path().join(format!("m{number}")),
        });
        let mut patroni = Self {
            etcd: None,
            etcd_port: kept_port(),
            members: members.collect(),
            passwords: Passwords {
                superuser: password(),
                replication: password(),
                role: password(),
            },
            directory,
        };
        patroni.set_up();
        patroni.start_etcd();
        for member in 0..MEMBERS {
            patroni.start_member(member);
        }
        patroni.wait_until_whole();
        patroni.make_database();
        patroni
    }

    fn set_up(&self) {
        let root = self.directory.path();
        File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.password_file())
            .and_then(|mut file| writeln!(file, "{}", self.passwords.role))
            .expect("a file");
        for member in &self.members {
            fs::create_dir(&member.directory).expect("a directory");
            let text = member.settings(self.etcd_port, &self.passwords);
            fs::write(member.directory.join("patroni.yml"), text).expect("a file");
            let private = Permissions::from_mode(0o700);
            fs::set_permissions(&member.directory, private).expect("a mode");
        }
        if getuid().is_root() {
            let owner = format!("{USER}:");
            let mut chown = Command::new("chown");
            chown.arg("-R").arg(owner).arg(root);
            done(chown.output());
            // The password is for who runs the tests.
            let mut back = Command::new("chown");
            back.arg("root:").arg(self.password_file());
            done(back.output());
        }
    }

    fn start_etcd(&mut self) {
        let own = |port: u16| format!("http://127.0.0.1:{port}");
        let (client, peer) = (own(self.etcd_port), own(kept_port()));
        let data = self.directory.path().join("etcd");
        let mut command = as_user("etcd", self.directory.path());
        command.arg("--data-dir").arg(data).args(["--name", "one"]);
        command.args([
            "--listen-client-urls",
            &client,
            "--advertise-client-urls",
            &client,
        ]);
        command.args([
            "--listen-peer-urls",
            &peer,
            "--initial-advertise-peer-urls",
            &peer,
        ]);
        let cluster = format!("one={peer}");
        command.args(["--initial-cluster", &cluster, "--unsafe-no-fsync"]);
        self.etcd = Some(spawn(&mut command, &self.directory.path().join("etcd.log")));
        let port = self.etcd_port;
        until("etcd to answer", || {
            (status(port, "/health") == Some(200)).then_some(())
        });
    }

    /// Starts a member, new or after it was killed.
    pub(crate) fn start_member(&mut self, member: usize) {
        let member = &mut self.members[member];
        assert!(member.patroni.is_none(), "the member is killed first");
        let mut command = as_user("patroni", &member.directory);
        command.arg(member.directory.join("patroni.yml"));
        member.patroni = Some(spawn(&mut command, &member.directory.join("log")));
    }

    /// Waits until every member runs, one of them leads, and another is its synchronous standby.
    #[track_caller]
    pub(crate) fn wait_until_whole(&self) {
        let mut seen = Vec::new();
        let is_whole = super::server::until_or_not(|| {
            let answers = |path: &str| {
                let apis = self.members.iter().map(|member| status(member.api, path));
                apis.filter(|status| *status == Some(200)).count()
            };
            seen = vec![answers("/primary"), answers("/replica"), answers("/sync")];
            seen == [1, MEMBERS - 1, 1]
        });
        assert!(
            is_whole,
            "leaders, standbys, synchronous: {seen:?}\n{}",
            self.logs()
        );
    }

    /// The member that leads, as soon as there is one.
    #[track_caller]
    pub(crate) fn leader(&self) -> usize {
        until("a leader", || {
            let is_leader = |member: &Member| status(member.api, "/primary") == Some(200);
            self.members.iter().position(is_leader)
        })
    }

    /// Kills the leader with all of its processes, and tells which member it was.
    pub(crate) fn kill_leader(&mut self) -> usize {
        let leader = self.leader();
        self.members[leader].kill();
        leader
    }

    /// Where the program finds its database; its password is in [`Self::password_file`].
    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> = self
            .members
            .iter()
            .map(|member| format!("127.0.0.1:{}", member.port))
            .collect();
        let hosts = hosts.join(",");
        format!("postgres://{ROLE}@{hosts}/{ROLE}?target_session_attrs=read-write")
    }

    /// The file with the password of the role in [`Self::url`], private to who runs the tests.
    pub(crate) fn password_file(&self) -> PathBuf {
        self.directory.path().join("password")
    }

    fn make_database(&self) {
        let role = format!(
            "CREATE ROLE {ROLE} LOGIN PASSWORD '{}'",
            self.passwords.role
        );
        let database = format!("CREATE DATABASE {ROLE} OWNER {ROLE}");
        let port = self.members[self.leader()].port.to_string();
        let mut psql = Command::new(programs().join("psql"));
        psql.args(["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"]);
        psql.args(["-p", &port, "-U", "postgres", "-d", "postgres"]);
        psql.args(["-c", &role, "-c", &database]);
        psql.env("PGPASSWORD", &self.passwords.superuser);
        done(psql.output());
    }

    /// The last lines of what each member printed.
    fn logs(&self) -> String {
        let mut all = String::new();
        for member in &self.members {
            let log = fs::read_to_string(member.directory.join("log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            all.push_str(&lines[lines.len().saturating_sub(15)..].join("\n"));
            all.push_str("\n---\n");
        }
        all
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        for member in &mut self.members {
            if member.patroni.is_some() {
                member.kill();
            }
        }
        if let Some(mut etcd) = self.etcd.take() {
            etcd.kill().ok();
            etcd.wait().ok();
        }
    }
}

impl Member {
    fn settings(&self, etcd: u16, passwords: &Passwords) -> String {
        let (port, api) = (self.port, self.api);
        let name = self
            .directory
            .file_name()
            .expect("a name")
            .to_string_lossy();
        let (own, programs) = (self.directory.display(), programs());
        let programs = programs.display();
        let Passwords {
            superuser,
            replication,
            role: _,
        } = passwords;
        format!(
            "scope: keyledger
name: {name}
restapi: {{listen: '127.0.0.1:{api}', connect_address: '127.0.0.1:{api}'}}
etcd3: {{host: '127.0.0.1:{etcd}'}}
bootstrap:
  dcs:
    ttl: 8
    loop_wait: 1
    retry_timeout: 3
    maximum_lag_on_failover: 1048576
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {{max_connections: 60, shared_buffers: 16MB, wal_keep_size: 128MB, wal_log_hints: 'on'}}
  initdb: [{{encoding: UTF8}}, {{locale: C.UTF-8}}, no-sync]
postgresql:
  listen: '127.0.0.1:{port}'
  connect_address: '127.0.0.1:{port}'
  data_dir: {own}/data
  bin_dir: {programs}
  pgpass: {own}/pgpass
  pg_hba: ['host all all 127.0.0.1/32 scram-sha-256', 'host replication replicator 127.0.0.1/32 scram-sha-256']
  authentication:
    superuser: {{username: postgres, password: '{superuser}'}}
    replication: {{username: replicator, password: '{replication}'}}
  parameters: {{unix_socket_directories: '', fsync: 'on'}}
"
        )
    }

    /// Ends all processes at once: who looks after the server first, then the server, then its children.
    fn kill(&mut self) {
        let mut patroni = self.patroni.take().expect("the member runs");
        kill_process(Pid::from_child(&patroni), Signal::STOP).ok();
        let mut all = self.server().into_iter().collect::<Vec<_>>();
        if let Some(server) = all.first().copied() {
            // It starts no more of them while they are looked for.
            kill_process(server, Signal::STOP).ok();
            all.extend(children_of(server));
        }
        all.extend(children_of(Pid::from_child(&patroni)));
        patroni.kill().ok();
        for process in &all {
            kill_process(*process, Signal::KILL).ok();
        }
        patroni.wait().ok();
        until("the processes of a member to end", || {
            all.iter().all(|process| has_ended(*process)).then_some(())
        });
    }

    /// The first process of the server, if it runs.
    fn server(&self) -> Option<Pid> {
        let file = fs::read_to_string(self.directory.join("data/postmaster.pid")).ok()?;
        let pid = Pid::from_raw(file.lines().next()?.trim().parse().ok()?)?;
        (!has_ended(pid)).then_some(pid)
    }
}

/// A program of this machine, as a user that is not root.
fn as_user(program: &str, directory: &Path) -> Command {
    let mut command = if getuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"]);
        command.arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(directory).env_clear();
    command
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", directory);
    command.env("LC_ALL", "C.UTF-8");
    command
}

fn spawn(command: &mut Command, log: &Path) -> Child {
    let log = File::options().create(true).append(true).open(log);
    let log = log.expect("a file");
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("the program starts")
}

/// The status of a GET on a port of this machine; none: nobody answers.
fn status(port: u16, path: &str) -> Option<u16> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(socket, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    answer.split_whitespace().nth(1)?.parse().ok()
}
