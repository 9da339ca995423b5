//! What to measure, and how much of it: environment and arguments of the bench.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::environment::{is_smoke, variable};

/// A part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Only the filling of the stores.
    Fill,
    /// The time to the first answer.
    Start,
    /// Searches.
    Locate,
    /// Gets.
    Get,
    /// Memory of an idle server and of idle connections.
    Idle,
}

impl Part {
    const ALL: [Self; 5] = [Self::Fill, Self::Start, Self::Locate, Self::Get, Self::Idle];

    const fn name(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Start => "start",
            Self::Locate => "locate",
            Self::Get => "get",
            Self::Idle => "idle",
        }
    }
}

/// What to measure, and how much of it.
pub(crate) struct Settings {
    /// The parts, in order.
    pub(crate) parts: Vec<Part>,
    /// Objects of the small store.
    pub(crate) few: usize,
    /// Objects of the large store.
    pub(crate) many: usize,
    /// How often the server is started on each store.
    pub(crate) starts: usize,
    /// Searches of each kind.
    pub(crate) searches: usize,
    /// The length of a round of Gets.
    pub(crate) round: Duration,
    /// Rounds on each store.
    pub(crate) rounds: usize,
    /// Connections that send Gets.
    pub(crate) connections: usize,
    /// Numbers of idle connections.
    pub(crate) idle: Vec<usize>,
    /// Samples of the sync's latency.
    pub(crate) syncs: usize,
    /// Where the stores are made.
    pub(crate) directory: PathBuf,
    /// Whether the same is measured on copies of the stores on a PostgreSQL server.
    pub(crate) postgres: bool,
    /// Whether a store that was filled before is used again.
    pub(crate) keep: bool,
}

impl Settings {
    /// Reads the environment and the arguments after the program's name.
    pub(crate) fn from_arguments(arguments: &[OsString]) -> Result<Self> {
        let mut settings = if is_smoke()? {
            Self::smoke()
        } else {
            Self::full()
        };
        if let Some(text) = variable("KEYLEDGER_BENCH_OBJECTS")? {
            let problem = || format!("KEYLEDGER_BENCH_OBJECTS is `{text}`, which is no number");
            settings.many = text.parse().with_context(problem)?;
        }
        if let Some(directory) = variable("KEYLEDGER_BENCH_DIR")? {
            settings.directory = directory.into();
        }
        let words = arguments.iter().map(|argument| argument.to_string_lossy());
        // Cargo adds it to what every bench is given.
        let words: Vec<_> = words.filter(|word| word != "--bench").collect();
        let mut chosen = Vec::new();
        for word in &words {
            if word == "--postgres" {
                settings.postgres = true;
                continue;
            }
            let Some(part) = Part::ALL.into_iter().find(|part| part.name() == word) else {
                let names = Part::ALL.map(Part::name).join(", ");
                bail!("`{word}` is no part of this bench; there are {names}; and --postgres");
            };
            chosen.push(part);
        }
        if !chosen.is_empty() {
            settings.parts = chosen;
        }
        Ok(settings)
    }

    fn full() -> Self {
        Self {
            parts: Part::ALL.to_vec(),
            few: 1000,
            many: 1_000_000,
            starts: 5,
            searches: 2000,
            round: Duration::from_secs(3),
            rounds: 3,
            connections: 64,
            idle: vec![1000, 10_000],
            syncs: 500,
            directory: env!("CARGO_TARGET_TMPDIR").into(),
            postgres: false,
            keep: true,
        }
    }

    fn smoke() -> Self {
        Self {
            few: 50,
            many: 2000,
            starts: 1,
            searches: 20,
            round: Duration::from_millis(200),
            rounds: 1,
            connections: 4,
            idle: vec![20],
            syncs: 20,
            keep: false,
            ..Self::full()
        }
    }
}
