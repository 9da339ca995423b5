//! The program as a running server, and the directory it works in.

use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

use super::cli::{Output, in_directory, program, run_cli, run_cli_with_input};
use super::event::{Event, request_lines};
use super::message::{create, key_template};
use super::mounts::made_outside;
use super::outputs;
use super::tls::{Connection, Credentials, TlsVersion};

/// How long the program may take to start, to stop, or to do what a test waits for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server and its directory. The directory goes when this is dropped; the process, if any, before it.
#[derive(Debug)]
pub(crate) struct Server {
    process: Option<Process>,
    directory: TempDir,
}

/// A running program that announced its address.
#[derive(Debug)]
struct Process {
    child: Child,
    address: SocketAddr,
    log: Log,
}

/// What a program prints on both streams. A file: what was printed before something else happened is there to read after it.
#[derive(Debug)]
struct Log(File);

impl Log {
    fn of(command: &mut Command) -> Self {
        let file = tempfile::tempfile().expect("a temporary file");
        let stream = || Stdio::from(file.try_clone().expect("a second handle"));
        command.stdout(stream()).stderr(stream());
        Self(file)
    }

    fn text(&self) -> String {
        let length = self.0.metadata().expect("a file").len();
        let mut text = vec![0; usize::try_from(length).expect("a log fits")];
        // A process may be writing at its end, which changes nothing here.
        self.0.read_exact_at(&mut text, 0).expect("a file");
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// A directory for one server, private to the owner.
pub(crate) fn fresh_directory() -> TempDir {
    tempfile::Builder::new()
        .prefix("keyledger-")
        .tempdir()
        .expect("a temporary directory")
}

/// The directory of a server that was started in an empty one and stopped again; made once for all tests of a run.
pub(super) fn made_before() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        if let Some(path) = made_outside() {
            return path;
        }
        let runs = Path::new(env!("CARGO_TARGET_TMPDIR"));
        sweep(runs);
        let path = runs.join(format!("quickstart-{}", std::process::id()));
        let mut server = Server::start_fresh();
        assert!(server.stop().success(), "the server stops as asked");
        // Tests are many and do not fill the disk: each has a small reserve.
        fs::remove_file(server.data().join("reserve")).expect("a reserve");
        set_reserve(server.path(), 1 << 20);
        serve_api_anywhere(server.path());
        copy(server.path(), &path);
        path
    })
}

/// Sets how many bytes a server keeps for a full disk.
pub(crate) fn set_reserve(directory: &Path, bytes: u64) {
    let file = directory.join("keyledger.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    let is_set = |line: &&str| line.trim_start_matches('#').starts_with("reserve-bytes");
    let old = text.lines().find(is_set).expect("the setting");
    let text = text.replace(old, &format!("reserve-bytes = {bytes}"));
    fs::write(&file, text).expect("a configuration");
}

/// Has the administration API take a free port: many servers run at once.
fn serve_api_anywhere(directory: &Path) {
    let file = directory.join("keyledger.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    let (before, own) = text.split_once("\n[admin]\n").expect("the section");
    let own = own.replacen(
        "#listen = \"127.0.0.1:5697\"",
        "listen = \"127.0.0.1:0\"",
        1,
    );
    fs::write(&file, format!("{before}\n[admin]\n{own}")).expect("a configuration");
}

/// Removes what earlier runs left.
fn sweep(runs: &Path) {
    for path in fs::read_dir(runs)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
    {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let run = name.strip_prefix("quickstart-");
        if run.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            drop(fs::remove_dir_all(&path));
        }
    }
}

/// Copies a directory with the modes of what is in it; sockets stay behind.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    let mode = fs::metadata(from).expect("a directory").permissions();
    fs::set_permissions(to, mode).expect("a mode");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (kind, to) = (
            entry.file_type().expect("a type"),
            to.join(entry.file_name()),
        );
        if kind.is_dir() {
            copy(&entry.path(), &to);
        } else if kind.is_file() {
            fs::copy(entry.path(), &to).expect("a file");
        }
    }
}

/// A directory that was set up, with these settings besides: each section's go below its heading, which `init` wrote.
fn directory_set(settings: &str) -> TempDir {
    let directory = fresh_directory();
    copy(made_before(), directory.path());
    let path = directory.path().join("keyledger.toml");
    let mut text = fs::read_to_string(&path).expect("the configuration");
    for section in settings
        .split_inclusive('[')
        .skip(1)
        .map(|section| section.trim_end_matches('['))
    {
        let (name, lines) = section.split_once("]\n").expect("a section and its lines");
        let heading = format!("\n[{name}]\n");
        assert!(text.contains(&heading), "{heading:?}");
        text = text.replace(&heading, &format!("{heading}{lines}\n"));
    }
    fs::write(path, text).expect("the configuration");
    directory
}

/// Waits until `condition` gives something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    until_or_not(|| {
        found = condition();
        found.is_some()
    });
    found.unwrap_or_else(|| panic!("waited in vain for {what}"))
}

/// Waits until a condition holds; false where that took too long.
pub(crate) fn until_or_not(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}

impl Server {
    /// A quickstart server in a directory that one made before: most tests are not about making RSA keys.
    pub(crate) fn start() -> Self {
        Self::start_with(Self::directory(), &["--quickstart"])
    }

    /// A directory that was set up, with the client `demo`, for a server that others start.
    pub(crate) fn directory() -> TempDir {
        let directory = fresh_directory();
        copy(made_before(), directory.path());
        directory
    }

    /// A quickstart server with these settings, written as in `keyledger.toml`.
    pub(crate) fn start_set(settings: &str) -> Self {
        Self::start_with(directory_set(settings), &["--quickstart"])
    }

    /// A quickstart server with these settings, in a directory that `prepare` has changed before.
    pub(crate) fn start_prepared(settings: &str, prepare: impl FnOnce(&Path)) -> Self {
        let directory = directory_set(settings);
        prepare(directory.path());
        Self::start_with(directory, &["--quickstart"])
    }

    /// A quickstart server whose writes, syncs and sends strace writes to `trace`.
    pub(crate) fn start_traced(trace: &Path) -> Self {
        let directory = fresh_directory();
        copy(made_before(), directory.path());
        let mut command = Command::new("strace");
        // The tracer is the grandchild, so that our child is the server itself.
        command.args([
            "-D",
            "-f",
            "--seccomp-bpf",
            "-q",
            "-yy",
            "-xx",
            "-s",
            "8192",
            "-ttt",
        ]);
        let calls = "trace=pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg";
        command.args(["-e", calls, "-o"]).arg(trace);
        command.arg(program(directory.path()).get_program());
        let process = Process::start_by(command, directory.path(), &["--quickstart"]);
        Self {
            process: Some(process),
            directory,
        }
    }

    /// Starts the server again in its directory, on a disk that takes what is written to this file and never says that it has it.
    pub(crate) fn start_again_hung(&mut self, file: &Path) {
        assert!(self.process.is_none(), "the server is stopped first");
        let mut command = Command::new("strace");
        // The tracer is the grandchild, so that our child is the server itself.
        command.args(["-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-P"]);
        command.arg(file).args(["-e", "trace=fdatasync"]);
        command.args(["-e", "inject=fdatasync:delay_enter=3600000000"]);
        command.arg(program(self.path()).get_program());
        self.process = Some(Process::start_by(command, self.path(), &["--quickstart"]));
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process().child.id()
    }

    /// A quickstart server with these settings, started by a shell that has done `limits` before, for example `ulimit -n 64`.
    pub(crate) fn start_under(limits: &str, settings: &str) -> Self {
        let directory = directory_set(settings);
        let mut command = Command::new("sh");
        let script = format!("{limits}; exec \"$0\" \"$@\"");
        let program = program(directory.path());
        command.arg("-c").arg(script).arg(program.get_program());
        let process = Process::start_by(command, directory.path(), &["--quickstart"]);
        Self {
            process: Some(process),
            directory,
        }
    }

    /// A quickstart server in a new directory, with keys nobody else has.
    pub(crate) fn start_fresh() -> Self {
        Self::start_with(fresh_directory(), &["--quickstart"])
    }

    /// A quickstart server in this directory, with so many bytes kept for a full disk.
    pub(crate) fn start_in(directory: TempDir, reserve_bytes: u64) -> Self {
        copy(made_before(), directory.path());
        set_reserve(directory.path(), reserve_bytes);
        Self::start_with(directory, &[])
    }

    /// A quickstart server in a new directory that logs nothing.
    pub(crate) fn start_silent() -> Self {
        Self::start_with(Self::directory(), &["--quickstart", "--log", "off"])
    }

    /// A server in a directory that was set up.
    pub(crate) fn start_plainly(directory: TempDir) -> Self {
        Self::start_with(directory, &[])
    }

    /// A server in a directory that was set up, with more arguments.
    pub(crate) fn start_plainly_with(directory: TempDir, arguments: &[&str]) -> Self {
        Self::start_with(directory, arguments)
    }

    fn start_with(directory: TempDir, arguments: &[&str]) -> Self {
        let process = Some(Process::start(directory.path(), arguments));
        Self { process, directory }
    }

    /// Starts the server again in its directory, after it was stopped or killed.
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server is stopped first");
        self.process = Some(Process::start(self.directory.path(), &["--quickstart"]));
    }

    /// A server that has not been started yet, in a directory that is set up.
    pub(crate) const fn not_started(directory: TempDir) -> Self {
        Self {
            process: None,
            directory,
        }
    }

    /// Starts the server in its directory by a command that runs the program with the arguments it gets.
    pub(crate) fn start_again_by(&mut self, command: Command, arguments: &[&str]) {
        assert!(self.process.is_none(), "the server is stopped first");
        let process = Process::start_by(in_directory(command, self.path()), self.path(), arguments);
        self.process = Some(process);
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("the server runs")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process().address
    }

    /// The process that runs now.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.process().child)
    }

    /// The most memory the process has had, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        let status = format!("/proc/{}/status", self.process().child.id());
        let status = fs::read_to_string(status).expect("a running process");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<usize>().ok())
            .expect("a number of KiB")
            * 1024
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Asks the server to stop, and waits for it.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("the server runs");
        process.signal(Signal::TERM);
        until("the server to stop", || {
            process.child.try_wait().expect("a child of ours")
        })
    }

    /// Asks the server to stop and does not wait for it.
    pub(crate) fn ask_to_stop(&self) {
        self.process().signal(Signal::TERM);
    }

    /// Waits until the server has ended by itself and has said `words`.
    pub(crate) fn ends_by_itself(&mut self, words: &str) -> ExitStatus {
        let status = until("the server to end", || {
            let process = self.process.as_mut().expect("the server runs");
            process.child.try_wait().expect("a child of ours")
        });
        assert!(self.log().contains(words), "{words:?} in {}", self.log());
        self.process = None;
        status
    }

    /// Starts the server and kills it so much later, wherever it is by then.
    pub(crate) fn start_and_kill(&self, after: Duration) {
        assert!(self.process.is_none(), "the server is stopped first");
        let mut child = Process::serving(program(self.path()), self.path(), &[])
            .spawn()
            .expect("the program starts");
        thread::sleep(after);
        child.kill().expect("a child of ours");
        child.wait().expect("a child of ours");
    }

    /// Kills the server, which leaves it no time to do anything more.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("the server runs");
        process.signal(Signal::KILL);
        process.child.wait().expect("a child of ours");
    }

    /// What the server has printed so far, on both streams.
    pub(crate) fn log(&self) -> String {
        self.process().log.text()
    }

    /// Certificate and key that the server made for a client.
    pub(crate) fn client(&self, label: &str) -> Credentials {
        let file = |kind: &str| self.path().join(format!("certs/clients/{label}.{kind}"));
        Credentials::from_files(&file("pem"), &file("key"))
    }

    /// The CA that issued the server's certificate.
    pub(crate) fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(self.path().join("certs/ca.pem"));
        roots.add(ca.expect("a CA certificate")).expect("a root");
        roots
    }

    /// Connects from one of this machine's loopback addresses, with a small or the usual receive buffer, without TLS.
    pub(crate) fn socket_from(
        &self,
        from: IpAddr,
        buffer: Option<u32>,
    ) -> std::io::Result<TcpStream> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let connect = async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            if let Some(bytes) = buffer {
                socket.set_recv_buffer_size(bytes)?;
            }
            socket.bind(SocketAddr::new(from, 0))?;
            socket.connect(self.address()).await?.into_std()
        };
        let socket = runtime.block_on(connect)?;
        socket.set_nonblocking(false)?;
        Ok(socket)
    }

    /// Connects from one of this machine's loopback addresses.
    pub(crate) fn try_connect_from(
        &self,
        from: IpAddr,
        credentials: &Credentials,
    ) -> std::io::Result<Connection> {
        self.shake_hands_on(self.socket_from(from, None)?, credentials)
    }

    /// Shakes hands on a socket that is connected to this server.
    pub(crate) fn shake_hands_on(
        &self,
        socket: TcpStream,
        credentials: &Credentials,
    ) -> std::io::Result<Connection> {
        let ca = self.path().join("certs/ca.pem");
        Connection::open_on(socket, &ca, Some(credentials), TlsVersion::Any)
    }

    pub(crate) fn try_connect(
        &self,
        credentials: Option<&Credentials>,
        version: TlsVersion,
    ) -> std::io::Result<Connection> {
        Connection::open(
            self.address(),
            &self.path().join("certs/ca.pem"),
            credentials,
            version,
        )
    }

    /// Connects as a client that must be let in.
    #[track_caller]
    pub(crate) fn connect_as(&self, credentials: &Credentials) -> Connection {
        let connected = self.try_connect(Some(credentials), TlsVersion::Any);
        connected.unwrap_or_else(|error| panic!("not connected: {error}"))
    }

    /// Connects as the client `demo`.
    #[track_caller]
    pub(crate) fn connect(&self) -> Connection {
        self.connect_as(&self.client("demo"))
    }

    /// Has `demo` make a key, and gives its identifier.
    #[track_caller]
    pub(crate) fn new_key(&self) -> String {
        self.connect().ask(create(key_template())).success().uid()
    }

    /// Runs a command on the server's directory.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        run_cli(self.path(), arguments)
    }

    /// Runs a command on the server's directory with something on its standard input.
    pub(crate) fn cli_with_input(&self, arguments: &[&str], input: &str) -> Output {
        run_cli_with_input(self.path(), arguments, input)
    }

    /// Has the first instance ask for a user name and a password.
    #[track_caller]
    pub(crate) fn ask_for_credential(&self, username: &str, password: &str) {
        let set = ["instance", "credential", "default", "--password-stdin"];
        let set = [&set[..], &["--username", username]].concat();
        self.cli_with_input(&set, password).success();
    }

    /// Every event of the trail, oldest first.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Event> {
        let output = self.cli(&["events", "list", "--format", "jsonl"]).success();
        let event = |line| Event(serde_json::from_str(line).expect("an event as JSON"));
        output.stdout.lines().map(event).collect()
    }

    /// The events of clients' requests: action, reason code and key.
    #[track_caller]
    pub(crate) fn request_lines(&self) -> Vec<String> {
        request_lines(&self.events())
    }
}

impl Process {
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        Self::start_by(program(directory), directory, arguments)
    }

    /// The command that serves `directory`, as arguments of `command`.
    fn serving(mut command: Command, directory: &Path, arguments: &[&str]) -> Command {
        command.args(["serve", "--listen", "127.0.0.1:0", "--dir"]);
        command.arg(directory).args(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn start_by(command: Command, directory: &Path, arguments: &[&str]) -> Self {
        let mut command = Self::serving(command, directory, arguments);
        let log = Log::of(&mut command);
        let mut child = command.spawn().expect("the program starts");
        let mut ended = None;
        until_or_not(|| {
            ended = child.try_wait().expect("a child of ours");
            ended.is_some() || log.text().lines().any(|line| address(line).is_some())
        });
        if let Some(address) = log.text().lines().find_map(address) {
            return Self {
                child,
                address,
                log,
            };
        }
        drop(child.kill());
        let status = child.wait();
        panic!("the server did not start: {status:?}\n{}", log.text());
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal to a child of ours");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        outputs::keep(&self.log.text());
        if thread::panicking() {
            println!("--- the server's output ---\n{}---", self.log.text());
        }
    }
}

fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ")?;
    let word = rest.split_whitespace().next()?;
    word.trim_end_matches(['.', ',']).parse().ok()
}
