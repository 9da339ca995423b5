//! The command line, as a person runs it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::outputs;

/// What a command left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program, in `directory`, with nothing of ours in its environment but what the file `environment` there says, line by line.
pub(crate) fn program(directory: &Path) -> Command {
    in_directory(Command::new(executable()), directory)
}

/// Where the program is: the one just built, or the one that `KEYLEDGER_TEST_PROGRAM` names.
pub(crate) fn executable() -> PathBuf {
    let built = env!("CARGO_BIN_EXE_keyledger");
    std::env::var_os("KEYLEDGER_TEST_PROGRAM").map_or_else(|| built.into(), PathBuf::from)
}

/// Any program, in `directory`, with nothing of ours in its environment.
pub(crate) fn in_directory(mut command: Command, directory: &Path) -> Command {
    command.current_dir(directory).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let ours = name
            .to_str()
            .is_some_and(|name| name.starts_with("KEYLEDGER_"));
        if ours || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    let more = std::fs::read_to_string(directory.join("environment")).unwrap_or_default();
    command.envs(more.lines().filter_map(|line| line.split_once('=')));
    command
}

/// Runs `keyledger ARGUMENTS --dir DIRECTORY` to its end.
pub(crate) fn run_cli(directory: &Path, arguments: &[&str]) -> Output {
    run_cli_with_input(directory, arguments, "")
}

/// Runs a command as [`run_cli`] does, with something on its standard input.
pub(crate) fn run_cli_with_input(directory: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = program(directory);
    command.args(arguments).arg("--dir").arg(directory);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut stdin = child.stdin.take().expect("piped");
    // A command that does not read its input may have ended.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    let output = Output {
        code: match output.status.code() {
            Some(code) => code,
            None => panic!("{arguments:?} ends by itself: {}", output.status),
        },
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    outputs::of_command(arguments, input, &output.stdout, &output.stderr);
    output
}

impl Output {
    /// This output, of a command that must have done its work.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert_eq!(self.code, 0, "the command succeeds: {self:?}");
        self
    }

    /// Checks that the command failed with one line on stderr that holds all of `words`.
    #[track_caller]
    pub(crate) fn refused(&self, words: &[&str]) {
        assert_ne!(self.code, 0, "the command fails: {self:?}");
        assert_eq!(
            self.stderr.lines().count(),
            1,
            "one line of cause and advice: {self:?}"
        );
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} in {self:?}");
        }
    }
}
