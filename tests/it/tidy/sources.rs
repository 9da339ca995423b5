//! The sources as the rules see them, and the rules about one file at a time.

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of a file and of a function; tests hold tables of cases and may be longer.
const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const TEST_FILE_LINES_MAX: usize = 800;
const TEST_FUNCTION_LINES_MAX: usize = 120;

/// Files and functions that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// A Rust source of the program.
pub(super) struct Source {
    /// Relative to the root of the repository.
    pub(super) path: String,
    pub(super) text: String,
}

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust source below a folder of the repository.
pub(super) fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join(folder), &mut found);
    found.sort();
    assert!(!found.is_empty(), "sources in {folder}");
    let source = |path: PathBuf| Source {
        text: fs::read_to_string(&path).expect("a source is text"),
        path: path
            .strip_prefix(root())
            .expect("below the root")
            .display()
            .to_string(),
    };
    found.into_iter().map(source).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

impl Source {
    /// Whether the whole file is compiled for tests only: by its name, or by its parent's declaration.
    pub(super) fn is_tests(&self) -> bool {
        let path = Path::new(&self.path);
        let declared = || {
            let name = path.file_stem()?.to_str()?;
            let parent = fs::read_to_string(root().join(path.parent()?).join("mod.rs")).ok()?;
            Some(parent.contains(&format!("#[cfg(test)]\nmod {name};")))
        };
        self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || declared().unwrap_or(false)
    }

    /// The text without comments and without the tests at its end.
    pub(super) fn code(&self) -> String {
        let end = self
            .text
            .find("#[cfg(test)]\nmod ")
            .unwrap_or(self.text.len());
        let lines = self.text[..end].lines();
        let code = lines.filter(|line| !line.trim_start().starts_with("//"));
        code.flat_map(|line| [line, "\n"]).collect()
    }

    /// Name, length in lines and most lines of every function.
    fn functions(&self) -> Vec<(String, usize, usize)> {
        let tests = self
            .text
            .find("#[cfg(test)]\nmod tests")
            .filter(|_| !self.is_tests());
        let tests = tests.map(|at| self.text[..at].lines().count());
        let first_test = if self.is_tests() {
            0
        } else {
            tests.unwrap_or(usize::MAX)
        };
        let lines: Vec<&str> = self.text.lines().collect();
        let mut functions = Vec::new();
        for (start, line) in lines.iter().enumerate() {
            let Some(name) = function_name(line) else {
                continue;
            };
            let indent = line.len() - line.trim_start().len();
            let closing = format!("{}}}", " ".repeat(indent));
            let last = |line: &&str| line.starts_with(&closing);
            let length = if line.ends_with(['}', ';']) {
                1
            } else {
                lines[start..]
                    .iter()
                    .position(last)
                    .map_or(1, |end| end + 1)
            };
            let most = if start < first_test {
                FUNCTION_LINES_MAX
            } else {
                TEST_FUNCTION_LINES_MAX
            };
            functions.push((name.to_owned(), length, most));
        }
        functions
    }
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    for word in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

fn all() -> Vec<Source> {
    ["src", "crates", "tests"]
        .into_iter()
        .flat_map(sources)
        .collect()
}

/// Fails with all findings at once.
#[track_caller]
pub(super) fn none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

#[test]
fn no_source_file_is_too_long() {
    let mut findings = Vec::new();
    for source in all() {
        let lines = source.text.lines().count();
        let allowed = LONG_FILES.iter().any(|(path, _)| *path == source.path);
        let most = if source.is_tests() {
            TEST_FILE_LINES_MAX
        } else {
            FILE_LINES_MAX
        };
        if lines > most && !allowed {
            findings.push(format!("{}: {lines} lines", source.path));
        }
    }
    none("files are not too long", &findings);
}

#[test]
fn no_function_is_too_long() {
    let mut findings = Vec::new();
    for source in all() {
        for (name, lines, most) in source.functions() {
            let is_it =
                |(path, allowed, _): &(&str, &str, &str)| *path == source.path && *allowed == name;
            if lines > most && !LONG_FUNCTIONS.iter().any(is_it) {
                findings.push(format!("{}: {name} has {lines} lines", source.path));
            }
        }
    }
    none("functions are not too long", &findings);
}

#[test]
fn the_length_of_a_function_is_measured_to_its_closing_brace() {
    let text = "impl X {\n    pub(crate) async fn long(\n        a: u8,\n    ) {\n        if a {\n        }\n    }\n\n    \
                const fn short() -> u8 { 1 }\n}\n\n#[cfg(test)]\nmod tests {\n    fn x() {\n    }\n}\n";
    let source = Source {
        path: "src/x.rs".to_owned(),
        text: text.to_owned(),
    };
    let expected = [("long", 6, 70), ("short", 1, 70), ("x", 2, 120)];
    let expected = expected.map(|(name, lines, most)| (name.to_owned(), lines, most));
    assert_eq!(source.functions(), expected);
}

#[test]
fn every_module_starts_by_saying_what_it_is_for() {
    let documented = |source: &Source| source.text.starts_with("//!") || source.is_tests();
    let sources = sources("src").into_iter().chain(sources("crates/ttlv/src"));
    let findings: Vec<_> = sources
        .filter(|source| !documented(source))
        .map(|source| source.path)
        .collect();
    none("every module starts with //!", &findings);
}
