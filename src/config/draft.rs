//! A private file that is written part by part and gets its name when it is whole. Until then it has one beside it that nobody can
//! know before, so that it is in nobody's way.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::layout::{LayoutError, failed, sync_directory};
use crate::crypto::Random;

/// A file under way; dropped before it is finished, nothing is left of it.
#[derive(Debug)]
pub struct Draft {
    file: Option<BufWriter<File>>,
    draft: PathBuf,
    path: PathBuf,
    replace: bool,
}

impl Draft {
    /// Begins the file `path`, mode 0600. One that exists is in the way unless it may be replaced.
    ///
    /// # Errors
    /// There is one, the system refused, or the random source failed.
    pub fn begin(path: &Path, replace: bool, random: &dyn Random) -> Result<Self, LayoutError> {
        if !replace && path.symlink_metadata().is_ok() {
            return Err(LayoutError::Exists {
                path: path.to_owned(),
            });
        }
        let mut number = [0; 8];
        let drawn = random.fill(&mut number).map_err(io::Error::other);
        drawn.map_err(failed("create", path))?;
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{}.new", hex::encode(number)));
        let draft = PathBuf::from(draft);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(&draft).map_err(failed("create", path))?;
        Ok(Self {
            file: Some(BufWriter::new(file)),
            draft,
            path: path.to_owned(),
            replace,
        })
    }

    /// Gives it its name; it is durable when this returns.
    ///
    /// # Errors
    /// There is one of that name meanwhile, or the system refused; then nothing is left of it.
    pub fn finish(mut self) -> Result<(), LayoutError> {
        self.name().map_err(failed("write", &self.path))
    }

    fn name(&mut self) -> io::Result<()> {
        let Some(mut file) = self.file.take() else {
            return Ok(());
        };
        file.flush()?;
        file.get_ref().sync_all()?;
        if self.replace {
            fs::rename(&self.draft, &self.path)?;
        } else {
            fs::hard_link(&self.draft, &self.path)?;
        }
        sync_directory(&self.path)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Renamed, it is there no more.
        drop(fs::remove_file(&self.draft));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::crypto::{RandomError, SystemRandom};

    fn begin(path: &Path, replace: bool) -> Result<Draft, LayoutError> {
        Draft::begin(path, replace, &SystemRandom)
    }

    /// Draws the same each time.
    struct Zeros;

    impl Random for Zeros {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.fill(0);
            Ok(())
        }
    }

    #[test]
    fn a_file_of_others_is_not_touched_whatever_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("export");
        let theirs = ["export.new", "export.0000000000000000.new"];
        let theirs = theirs.map(|name| directory.path().join(name));
        theirs
            .iter()
            .for_each(|path| fs::write(path, b"theirs").unwrap());
        let mut draft = begin(&path, false).unwrap();
        draft.write_all(b"ours").unwrap();
        draft.finish().unwrap();
        // Should the name be taken after all, it is refused.
        assert!(Draft::begin(&path, true, &Zeros).is_err());
        for path in &theirs {
            assert_eq!(fs::read(path).unwrap(), b"theirs");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_file_is_there_when_it_is_whole_and_replaces_none_unasked() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("export");
        let names = || fs::read_dir(directory.path()).unwrap().count();
        let mut draft = begin(&path, false).unwrap();
        draft.write_all(b"half").unwrap();
        drop(draft);
        assert_eq!(names(), 0);
        let mut draft = begin(&path, false).unwrap();
        draft.write_all(b"whole").unwrap();
        assert!(!path.exists());
        draft.finish().unwrap();
        assert_eq!((names(), fs::read(&path).unwrap()), (1, b"whole".to_vec()));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(
            begin(&path, false),
            Err(LayoutError::Exists { .. })
        ));
        let mut draft = begin(&path, true).unwrap();
        draft.write_all(b"other").unwrap();
        draft.finish().unwrap();
        assert_eq!((names(), fs::read(&path).unwrap()), (1, b"other".to_vec()));
    }
}
