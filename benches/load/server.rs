//! The server that is measured: the `keyledger` of this build, set up by its own quick start.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::Process;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keyledger");

/// A running Keyledger with a directory of its own.
pub(crate) struct Server {
    process: Process,
    directory: PathBuf,
}

impl Server {
    /// Starts the Keyledger of this build with everything it keeps below `directory`.
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        Self::start_program(PROGRAM.as_ref(), directory, "server")
    }

    /// Starts any build of Keyledger with everything it keeps in `directory` under this name.
    pub(crate) fn start_program(program: &Path, directory: &Path, name: &str) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let directory = directory.join(name);
        std::fs::create_dir(&directory)?;
        let mut command = Command::new(program);
        command
            .args(["serve", "--quickstart", "--dir"])
            .arg(&directory)
            .args(["--listen", "127.0.0.1:0"]);
        Ok(Self {
            process: Process::start(command, &[], &log)?,
            directory,
        })
    }

    /// Starts the Keyledger of this build with its keys in the database at a URL.
    pub(crate) fn start_over(url: &str, directory: &Path, name: &str) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let directory = directory.join(name);
        std::fs::create_dir(&directory)?;
        let mut init = Command::new(PROGRAM);
        init.args(["init", "--store-url", url, "--dir"]);
        run(init.arg(&directory))?;
        let mut command = Command::new(PROGRAM);
        command
            .args(["serve", "--quickstart", "--dir"])
            .arg(&directory)
            .args(["--listen", "127.0.0.1:0"]);
        Ok(Self {
            process: Process::start(command, &[], &log)?,
            directory,
        })
    }

    /// Starts one more node over the same database.
    pub(crate) fn join(&self, directory: &Path) -> Result<Self> {
        let (prepared, joined) = (directory.join("prepared"), directory.join("joined"));
        let mut prepare = Command::new(PROGRAM);
        prepare.args(["node", "prepare"]).arg(&prepared).args([
            "--name",
            "second",
            "--server-name",
            "127.0.0.1",
            "--dir",
        ]);
        run(prepare.arg(&self.directory))?;
        let mut join = Command::new(PROGRAM);
        join.args(["node", "join", "--from"]).arg(&prepared);
        run(join.arg("--dir").arg(&joined))?;
        Self::open(&joined, &directory.join("joined.log"))
    }

    /// Moves the database of a server that does not run to this URL.
    pub(crate) fn move_to(url: &str, directory: &Path) -> Result<()> {
        let mut migrate = Command::new(PROGRAM);
        migrate.args([
            "migrate",
            "--from",
            "sqlite",
            "--to",
            "postgres",
            "--store-url",
            url,
        ]);
        run(migrate.arg("--dir").arg(directory))
    }

    /// Starts a Keyledger that was set up before in `directory`; it logs to `log`.
    pub(crate) fn open(directory: &Path, log: &Path) -> Result<Self> {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--dir"]).arg(directory);
        command.args(["--listen", "127.0.0.1:0"]);
        Ok(Self {
            process: Process::start(command, &[], log)?,
            directory: directory.to_owned(),
        })
    }

    /// Has a target of type file take every event from now on.
    pub(crate) fn follow(&self) -> Result<()> {
        let file = self.directory.join("delivered.jsonl");
        let path = format!("path={}", file.display());
        self.command(&["target", "create", "file", "--type", "file", "--set", &path])?;
        self.command(&["routing-settings", "set", "--default-target", "file"])
    }

    fn command(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(PROGRAM);
        run(command.args(arguments).arg("--dir").arg(&self.directory))
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where it listens for KMIP.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// The folder of its certificates.
    pub(crate) fn certs(&self) -> PathBuf {
        self.directory.join("certs")
    }

    /// Prints the last lines of its log.
    pub(crate) fn print_log_tail(&self) {
        self.process.print_log_tail();
    }

    /// What it calls itself, or its package's version if it does not say.
    pub(crate) fn version() -> String {
        let output = Command::new(PROGRAM).arg("--version").output().ok();
        output
            .filter(|output| output.status.success())
            .and_then(|output| String::from_utf8(output.stdout).ok())
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| format!("keyledger {}", env!("CARGO_PKG_VERSION")))
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().context("cannot run keyledger")?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        let words = command.get_args().map(|word| word.to_string_lossy());
        let words: Vec<_> = words.collect();
        bail!("keyledger {}: {}", words.join(" "), error.trim());
    }
    Ok(())
}
