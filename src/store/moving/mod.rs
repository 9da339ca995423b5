//! A database moved from a file to a server, or back: copied, compared, and begun there.
//!
//! The copy is marked until it was found to be the same, and until then nobody starts it. What was cut off goes on where it was; a database
//! that has changed meanwhile is copied anew. Nothing here touches the settings that say which of the two is used.

mod comparing;
mod copying;
pub(super) mod mark;
mod tables;

use std::path::{Path, PathBuf};

use super::engine::Connection;
use super::error::StoreError;
use super::opening::abort;
use super::postgres::{self, Coming, Server};
use super::reserve::Reserve;
use super::whereabouts::Whereabouts;
use super::{InitMeta, Node, Room, Sequence, Store, StoreConfig, sql, sqlite};
pub use comparing::{Compared, Comparison};
pub use copying::Progress;
use mark::{Mark, Stage, identity};
use tables::TABLES;

/// A migration under way: both databases, which nobody else has.
#[derive(Debug)]
pub struct Migration {
    source: Connection,
    copy: Connection,
    /// Where the copy is.
    to: Whereabouts,
    mark: Mark,
    others: Vec<Node>,
}

impl Migration {
    /// Begins to copy the file at `path` to the server that `config` names, or goes on with that. The caller holds the directory's lock. `now` in
    /// seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where there is another database on the server; and what keeps either from being opened.
    pub fn to_server(path: &Path, config: &StoreConfig, now: i64) -> Result<Self, StoreError> {
        let server = server(config)?;
        let source = sqlite::open(path, now)?;
        let epochs = sql::epochs(&source)?;
        let mark = Mark {
            identity: identity(&source)?,
            head: sql::head(&source, &epochs)?.0,
            stage: Stage::Copying,
        };
        let created = "SELECT created FROM origin ORDER BY epoch LIMIT 1";
        let meta = InitMeta {
            origin_name: epochs.name,
            master_key_check: sql::master_key_check(&source)?,
            created: source.query_row(created, [], |row| row.get(0))?,
        };
        let coming = Coming {
            meta: &meta,
            identity: &mark.identity,
            head: mark.head,
        };
        let copy = postgres::begin_copy(&server, &coming)?;
        Ok(Self {
            source,
            copy,
            to: Whereabouts::Server(server),
            mark,
            others: Vec::new(),
        })
    }

    /// Begins to copy what the node of `config` has on its server into a file that is to lie at `path`, or goes on with that. The caller holds the
    /// directory's lock. `now` in seconds since 1970. `leave_trails`: whether other nodes have their trails there no matter.
    ///
    /// # Errors
    /// [`StoreError::Present`] where there is a file already, [`StoreError::Refused`] where other nodes have trails that would stay; and what keeps
    /// either from being opened.
    pub fn to_file(
        path: &Path,
        config: &StoreConfig,
        now: i64,
        leave_trails: bool,
    ) -> Result<Self, StoreError> {
        if path.symlink_metadata().is_ok() {
            return Err(StoreError::Present(path.to_owned()));
        }
        let (source, others) = postgres::open_to_leave(&server(config)?)?;
        if !leave_trails && !others.is_empty() {
            return Err(staying(&others));
        }
        let epochs = sql::epochs(&source)?;
        let mark = Mark {
            identity: identity(&source)?,
            head: sql::head(&source, &epochs)?.0,
            stage: Stage::Copying,
        };
        let draft = draft(path);
        let copy = sqlite::begin_draft(&draft, &mark, now)?;
        Ok(Self {
            source,
            copy,
            to: Whereabouts::File(draft),
            mark,
            others,
        })
    }

    /// The nodes besides this one whose trails stay where they are.
    #[must_use]
    pub fn others(&self) -> &[Node] {
        &self.others
    }

    /// Copies what is not there yet.
    ///
    /// # Errors
    /// It was cut off, and goes on where it was the next time.
    pub fn copy(&self, told: &mut dyn FnMut(Progress)) -> Result<(), StoreError> {
        for table in TABLES {
            let copied = copying::copy(&self.source, &self.copy, *table, told);
            copied.map_err(|error| in_table(table.name, error))?;
        }
        match &self.copy {
            Connection::Server(_) => postgres::set_numbers(&self.copy),
            Connection::File(_) => Ok(()),
        }
    }

    /// Compares every row of the copy with what it was made of. A copy that differs is made anew the next time.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn compare(&self, told: &mut dyn FnMut(Progress)) -> Result<Comparison, StoreError> {
        let compared = comparing::compare(&self.source, &self.copy, told)?;
        if let Comparison::Differs(_) = compared {
            self.make_anew()?;
        }
        Ok(compared)
    }

    /// Has the next migration make the copy anew.
    ///
    /// # Errors
    /// That could not be kept.
    pub fn make_anew(&self) -> Result<(), StoreError> {
        Mark::set(&self.copy, Stage::Differs)
    }

    /// Opens the copy, which is marked still. `path` is where the file of a database in a file is to lie. Nothing beside it is touched.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn open(
        &self,
        path: &Path,
        config: &StoreConfig,
        now_ms: i64,
    ) -> Result<Store, StoreError> {
        match &self.to {
            Whereabouts::Server(server) => {
                open_marked((path, Reserve::none(path)), server, config, now_ms)
            }
            Whereabouts::File(draft) => {
                let config = StoreConfig {
                    url: None,
                    ..config.clone()
                };
                Store::open(draft, &config, now_ms)
            }
        }
    }

    /// The copy on a server was found to be the same: what is left to be done needs the file no more.
    ///
    /// # Errors
    /// That could not be kept.
    pub fn verified(self) -> Result<Unfinished, StoreError> {
        let Whereabouts::Server(server) = self.to else {
            return Err(StoreError::NotAFile);
        };
        Mark::set(&self.copy, Stage::Verified)?;
        let mark = Mark {
            stage: Stage::Verified,
            ..self.mark
        };
        drop(self.source);
        Ok(Unfinished {
            db: self.copy,
            server,
            mark,
        })
    }

    /// The copy in a file was found to be the same, and is closed: what it was made of is started no more, and the file gets its name.
    ///
    /// # Errors
    /// It did not get it; the next migration goes on.
    pub fn leave(self, path: &Path) -> Result<(), StoreError> {
        let draft = self.to.file()?.to_owned();
        let Self {
            source, copy, mark, ..
        } = self;
        // While another connection has it, what is in its log would be left there.
        drop(copy);
        sqlite::check_whole(&draft)?;
        if Mark::of(&source)?.is_none() {
            let left = Mark {
                stage: Stage::Left,
                ..mark
            };
            source.control("BEGIN")?;
            Mark::take_off(&source)?;
            left.put(&source)?;
            source.control("COMMIT")?;
        }
        sqlite::finish_draft(&draft, path)
    }
}

/// A database on a server that is marked: a migration into it or out of it is not finished.
#[derive(Debug)]
pub struct Unfinished {
    db: Connection,
    server: Server,
    mark: Mark,
}

impl Unfinished {
    /// What is not finished in the database that `config` names; none: it can be started.
    ///
    /// # Errors
    /// There is no such database, or it cannot be reached.
    pub fn of(config: &StoreConfig) -> Result<Option<Self>, StoreError> {
        let server = server(config)?;
        let (db, mark) = postgres::marked(&server)?;
        Ok(mark.map(|mark| Self { db, server, mark }))
    }

    /// Whether the copy was found to be the same: what is left needs the file no more.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.mark.stage == Stage::Verified
    }

    /// Whether this database was copied into the file at `path`, which is used instead.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn went_to(&self, path: &Path) -> Result<bool, StoreError> {
        if self.mark.stage != Stage::Left || !path.exists() {
            return Ok(false);
        }
        let file = sqlite::open_reader(path)?;
        let head = sql::head(&file, &sql::epochs(&file)?)?;
        Ok(identity(&file)? == self.mark.identity && head.0 >= self.mark.head)
    }

    /// Whether the file at `path` is what was copied, and nothing was done there since.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_of(&self, path: &Path) -> Result<bool, StoreError> {
        let file = sqlite::open_reader(path)?;
        let head = sql::head(&file, &sql::epochs(&file)?)?;
        Ok(identity(&file)? == self.mark.identity && head.0 == self.mark.head)
    }

    /// Where the trail ended in what was copied.
    #[must_use]
    pub const fn head(&self) -> Sequence {
        Sequence(self.mark.head)
    }

    /// Opens the database.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn open(
        &self,
        path: &Path,
        config: &StoreConfig,
        now_ms: i64,
    ) -> Result<Store, StoreError> {
        // A server keeps no room on this disk.
        open_marked((path, Reserve::open(path, 0)), &self.server, config, now_ms)
    }

    /// Takes the mark off: it can be started.
    ///
    /// # Errors
    /// It is still there.
    pub fn finish(self) -> Result<(), StoreError> {
        Mark::take_off(&self.db)
    }
}

/// Puts the file of a database aside as `aside`, with all that is in its log. The caller holds the directory's lock. `now` in seconds since 1970.
///
/// # Errors
/// It could not be renamed.
pub fn set_aside(path: &Path, aside: &Path, now: i64) -> Result<(), StoreError> {
    sqlite::set_aside(path, aside, now)
}

fn staying(others: &[Node]) -> StoreError {
    let others: Vec<_> = others
        .iter()
        .map(|node| format!("{} ({})", node.number, node.name))
        .collect();
    StoreError::Refused(format!(
        "other nodes have trails in the database, and they do not fit into one file: export the events of node {} on their machines, then give \
         --leave-trails; no node is started there again (nothing was changed)",
        others.join(", ")
    ))
}

/// Where a database file lies until it is whole.
fn draft(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".moving");
    PathBuf::from(name)
}

/// The server of these settings, whatever its mark says.
fn server(config: &StoreConfig) -> Result<Server, StoreError> {
    let server = Server::of(config)?.ok_or_else(|| {
        StoreError::Refused("the settings name no server: there is no store.url".to_owned())
    })?;
    Ok(server.despite_mark())
}

fn open_marked(
    (path, reserve): (&Path, Reserve),
    server: &Server,
    config: &StoreConfig,
    now_ms: i64,
) -> Result<Store, StoreError> {
    let whereabouts = Whereabouts::Server(server.clone());
    let db = whereabouts.open(now_ms.div_euclid(1000))?;
    Store::start(
        (db, whereabouts, reserve, Room::Enough),
        path,
        config,
        Box::new(abort),
    )
}

/// What failed, with the table it failed in where the words do not say it.
fn in_table(table: &str, error: StoreError) -> StoreError {
    match error {
        StoreError::Engine(words) => StoreError::Engine(format!("table {table}: {words}")),
        StoreError::Damaged(words) => StoreError::Damaged(format!("table {table}: {words}")),
        error => error,
    }
}
