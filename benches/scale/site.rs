//! A server's directory with a store of so many objects.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use crate::connection::Target;
use crate::fill;
use crate::postgres::Postgres;
use crate::server::Server;
use crate::settings::Settings;
use crate::tls::client_config;

/// The file that says that the store is filled.
const FILLED: &str = "filled";

/// A directory whose store is filled.
pub(crate) struct Site {
    /// The objects of the store.
    pub(crate) objects: usize,
    /// What `serve` is given as `--dir`.
    directory: PathBuf,
    log: PathBuf,
}

impl Site {
    /// The directory for so many objects, made and filled unless that was done before.
    pub(crate) fn prepare(runtime: &Runtime, settings: &Settings, objects: usize) -> Result<Self> {
        let root = settings.directory.join(format!("scale-{objects}"));
        let site = Self {
            objects,
            directory: root.join("server"),
            log: root.join("server.log"),
        };
        if settings.keep && root.join(FILLED).exists() {
            return Ok(site);
        }
        if root.exists() {
            // One whose filling was cut off, or that is not to be used again.
            fs::remove_dir_all(&root)
                .with_context(|| format!("cannot empty {}", root.display()))?;
        }
        fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
        drop(Server::start(&root)?);
        let filled = fill::fill(runtime, &site.directory, objects)
            .with_context(|| format!("cannot fill a store with {objects} objects"))?;
        println!(
            "filled       {objects} objects in {:.1} s",
            filled.as_secs_f64()
        );
        fs::write(root.join(FILLED), "")?;
        Ok(site)
    }

    /// The same on a PostgreSQL server.
    pub(crate) fn moved(&self, postgres: &Postgres, scratch: &Path) -> Result<Self> {
        let name = format!("moved_{}", self.objects);
        let site = Self {
            objects: self.objects,
            directory: scratch.join(&name),
            log: scratch.join(format!("{name}.log")),
        };
        copy(&self.directory, &site.directory)?;
        let begun = Instant::now();
        Server::move_to(&postgres.database(&name)?, &site.directory)?;
        println!(
            "moved        {} objects to PostgreSQL, compared and verified, in {:.1} s",
            self.objects,
            begun.elapsed().as_secs_f64()
        );
        Ok(site)
    }

    /// The folder of its certificates.
    pub(crate) fn certs(&self) -> PathBuf {
        self.directory.join("certs")
    }

    /// Starts a server on it.
    pub(crate) fn serve(&self) -> Result<Server> {
        Server::open(&self.directory, &self.log)
    }

    /// How its server is met.
    pub(crate) fn target(&self, server: &Server) -> Result<Target> {
        Ok(Target::new(server.address(), client_config(&self.certs())?))
    }

    /// The numbers of `count` objects, spread evenly over all there are.
    pub(crate) fn spread(&self, count: usize) -> Vec<usize> {
        let count = count.min(self.objects);
        (0..count).map(|n| n * self.objects / count).collect()
    }
}

/// Makes a folder with nothing in it.
pub(crate) fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Copies a folder and what is in it; sockets and other things that are no files are left out.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        let copied = to.join(entry.file_name().unwrap_or_default());
        if kind.is_dir() {
            copy(&entry, &copied)?;
        } else if kind.is_file() {
            fs::copy(&entry, &copied)?;
        }
    }
    Ok(())
}
