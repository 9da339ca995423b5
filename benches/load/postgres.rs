//! A PostgreSQL server of the bench's own, from the programs that this machine has: it syncs what it commits, and is gone at the end.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, getuid, kill_process};

/// PostgreSQL refuses to be root: where the bench is, this user runs it.
const USER: &str = "postgres";
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server.
pub(crate) struct Postgres {
    child: Child,
    port: u16,
}

impl Postgres {
    /// Starts one with everything it keeps in a folder of `directory`.
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        let programs = programs()?;
        // Reachable for its user, and on the disk that the other side syncs to.
        let folder = directory.join("postgres");
        std::fs::create_dir(&folder)?;
        if getuid().is_root() {
            open_to_all(directory)?;
            run(Command::new("chown").arg(USER).arg(&folder))?;
        }
        let data = folder.join("data");
        let mut initdb = of_user(&programs.join("initdb"));
        initdb.args(["--username", "postgres", "--auth", "trust", "-D"]);
        run(initdb.arg(&data).current_dir(&folder))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = std::fs::File::create(directory.join("postgres.log"))?;
        let mut postgres = of_user(&programs.join("postgres"));
        postgres
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-B", "256MB", "-N", "50"])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = postgres.spawn().context("cannot start PostgreSQL")?;
        let server = Self { child, port };
        server.wait(&programs)?;
        Ok(server)
    }

    fn wait(&self, programs: &Path) -> Result<()> {
        let begun = Instant::now();
        let port = self.port.to_string();
        loop {
            let ready = Command::new(programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port])
                .status()?;
            if ready.success() {
                return Ok(());
            }
            if begun.elapsed() > START_TIMEOUT {
                bail!("PostgreSQL does not answer");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Makes a database, and gives its URL.
    pub(crate) fn database(&self, name: &str) -> Result<String> {
        let port = self.port.to_string();
        let mut create = Command::new(programs()?.join("createdb"));
        create.args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", name]);
        run(&mut create)?;
        Ok(format!("postgres://postgres@127.0.0.1:{port}/{name}"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let asked = kill_process(Pid::from_child(&self.child), Signal::INT);
        if asked.is_err() || self.child.wait().is_err() {
            eprintln!("PostgreSQL did not end when asked");
        }
    }
}

fn programs() -> Result<PathBuf> {
    let said = Command::new("pg_config").arg("--bindir").output();
    let said = said.ok().filter(|output| output.status.success());
    let said = said.and_then(|output| String::from_utf8(output.stdout).ok());
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let debian = debian.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let mut places = said
        .map(|path| PathBuf::from(path.trim()))
        .into_iter()
        .chain(debian);
    let found = places.find(|path| path.join("initdb").exists());
    found.context("PostgreSQL is not installed: its initdb is not found")
}

fn of_user(program: &Path) -> Command {
    if !getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"]);
    command.arg(program);
    command
}

/// Lets the server's user through to its folder.
fn open_to_all(directory: &Path) -> Result<()> {
    for folder in directory.ancestors().filter(|path| path.is_dir()) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&folder.metadata()?.permissions());
        if mode & 0o001 == 0 {
            run(Command::new("chmod").arg("o+x").arg(folder))?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().context("cannot run a program")?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{:?}: {}", command.get_program(), error.trim());
    }
    Ok(())
}
