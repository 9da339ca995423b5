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
