use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;
use crate::crypto::SystemRandom;

/// Wraps by putting the value between marks: enough to see what passes.
const WRAPS: &str = r#"
read -r line
case $line in
*'"operation":"wrap"'*) printf '{"wrapped":"%s"}' "$(printf 'box' | base64)$(printf '%s' "$line" | sed 's/.*"plain":"\([^"]*\)".*/\1/')" ;;
*) printf '{"plain":"%s"}' "$(printf '%s' "$line" | sed 's/.*"wrapped":"....\([^"]*\)".*/\1/')" ;;
esac
"#;

struct Site {
    folder: tempfile::TempDir,
    config: Config,
}

impl Site {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let config = Config {
            program: program.display().to_string(),
            ..Config::default()
        };
        Self { folder, config }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    fn create(&self) -> Result<CommandMasterKey, ProviderError> {
        CommandMasterKey::create(&self.path(), &self.config, &SystemRandom)
    }

    fn refusal(&self) -> String {
        let error = self.create().unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        assert!(!self.path().exists());
        error
    }
}

#[test]
fn what_the_program_wraps_it_unwraps_and_only_in_its_place() {
    let site = Site::new(WRAPS);
    let made = site.create().unwrap();
    let plain = Secret::new(vec![7; 32]);
    let wrapped = made.wrap(&plain, b"place", &SystemRandom).unwrap();
    let opened = CommandMasterKey::open(&site.path(), &site.config).unwrap();
    assert_eq!(opened.check_value(), made.check_value());
    let unwrapped = opened.unwrap(&wrapped, b"place").unwrap();
    assert!(unwrapped.constant_time_eq(&plain));
    let moved = opened.unwrap(&wrapped, b"other");
    assert!(matches!(moved, Err(ProviderError::WrongKey)));
    let text = fs::read_to_string(site.path()).unwrap();
    assert!(text.starts_with(PREFIX));
}

#[test]
fn a_program_that_does_not_keep_the_contract_is_told_in_one_line() {
    for (script, says) in [
        (
            "cat >/dev/null; echo no such key >&2; exit 3",
            "exit status: 3: no such key",
        ),
        ("cat >/dev/null; echo hello", "one JSON object"),
        ("cat >/dev/null; echo '{}'", "`wrapped` in base64"),
        (
            "cat >/dev/null; echo '{\"wrapped\":\"AAAA\"}'",
            "`wrapped` in base64",
        ),
        ("cat >&2; exit 1", "left out"),
        (
            "echo /etc/keyledger/master.key >&2; exit 1",
            "status: 1: ….key",
        ),
        ("head -c 400000 /dev/zero", "too much"),
        ("kill -9 $$", "signal: 9"),
    ] {
        let error = Site::new(script).refusal();
        assert!(error.contains(says), "{script}: {error}");
    }
    let mut site = Site::new("sleep 600 & sleep 600");
    site.config.answer_seconds = 1;
    assert!(
        site.refusal()
            .contains("did not end within 1 s and was killed")
    );
    site.config.program = "/nowhere/program".to_owned();
    assert!(site.refusal().contains("cannot be run"));
}

#[test]
fn what_a_program_says_besides_its_answer_does_not_stop_it() {
    let much = "head -c 300000 /dev/zero | tr '\\0' 'x' >&2; echo >&2";
    let site = Site::new(&format!("{much}\n{WRAPS}"));
    site.create().unwrap();
    let failing = format!("{much}; cat >/dev/null; echo no such key >&2; exit 3");
    let error = Site::new(&failing).refusal();
    assert!(error.contains("exit status: 3: no such key"), "{error}");
}

#[test]
fn no_key_is_quoted_whether_it_was_given_or_is_the_answer() {
    let keeps = "read -r line; printf '%s' \"$line\" | sed 's/.*\"plain\":\"\\([^\"]*\\)\".*/\\1/' >\"$KEPT\"";
    let wraps = format!("{keeps}; printf '{{\"wrapped\":\"%s\"}}' \"$(cat \"$KEPT\")\"");
    for tells in [
        "cat \"$KEPT\" >&2",
        "base64 -d \"$KEPT\" | od -An -v -tx1 | tr -d ' \\n' >&2",
        "base64 -d \"$KEPT\" | od -An -v -tx1 | tail -n 1 >&2",
        "base64 -d \"$KEPT\" | tail -c 32 | base64 >&2",
        "printf '{\"plain\":\"%s\"}' \"$(cat \"$KEPT\")\"; cut -c 60-74 \"$KEPT\" >&2",
    ] {
        let both = format!("if [ -e \"$KEPT\" ]; then {tells}; exit 1; fi; {wraps}");
        let mut site = Site::new(&both);
        let kept = site.folder.path().join("kept");
        let kept_text = kept.display().to_string();
        site.config.environment = BTreeMap::from([("KEPT".to_owned(), kept_text)]);
        let error = site.refusal();
        assert!(error.contains("ended by exit status: 1"), "{error}");
        let said = error.split_once("status: 1").unwrap().1;
        let told = said == ": …" || said.contains("left out");
        assert!(told, "{tells}: {error}");
    }
}

#[test]
fn what_a_program_leaves_behind_is_killed_and_not_waited_for() {
    let mut site = Site::new(&format!("sleep 600 & echo $! >>\"$LEFT\"\n{WRAPS}"));
    let left = site.folder.path().join("left");
    let left_text = left.display().to_string();
    site.config.environment = BTreeMap::from([("LEFT".to_owned(), left_text)]);
    // Were it waited for until its output is closed, this would take as long.
    site.config.answer_seconds = 300;
    site.create().unwrap();
    let left = fs::read_to_string(left).unwrap();
    assert_eq!(left.lines().count(), 2, "one of each run");
    for number in left.lines() {
        let runs = || {
            let told = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            let state = told.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]);
            !matches!(state, None | Some(b'Z' | b'X'))
        };
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while runs() {
            assert!(std::time::Instant::now() < deadline, "{number} runs on");
            std::thread::yield_now();
        }
    }
}

#[test]
fn the_program_gets_no_environment_of_ours_and_no_key_in_its_arguments() {
    let script = "env >\"$TOLD\"; echo \"$@\" >>\"$TOLD\"; pwd >>\"$TOLD\"; exit 9";
    let mut site = Site::new(script);
    let told = site.folder.path().join("told");
    site.config.arguments = vec!["one".to_owned(), "two".to_owned()];
    let told_text = told.display().to_string();
    site.config.environment = BTreeMap::from([("TOLD".to_owned(), told_text)]);
    site.refusal();
    let text = fs::read_to_string(told).unwrap();
    let names = text
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0));
    let mut names: Vec<_> = names
        .filter(|name| !matches!(*name, "PWD" | "_" | "SHLVL" | "OLDPWD"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["PATH", "TOLD"]);
    assert!(text.ends_with("one two\n/\n"), "{text}");
}
