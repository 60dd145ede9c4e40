//! The model file is watched: a replaced one is taken over, a broken one leaves the old model in its place.
//!
//! Asked, not told: the caller says what time it is, so a test needs no clock, and nobody reads the file more often than
//! the interval allows. Replacing is noticed by modification time, size and inode; so write a new file and rename it.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::error::ModelError;
use super::mlp::Model;

/// A model file that may be replaced while the service runs.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
    bytes_max: u64,
    interval: Duration,
    /// Uptime of the next look; zero before the first.
    next_look: Duration,
    seen: Option<Seen>,
    model: Option<Arc<Model>>,
}

/// What the last look found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    Nothing,
    Unreadable(ErrorKind),
    File { modified: (i64, i64), bytes: u64, inode: u64, device: u64 },
}

/// What a look at the file changed.
#[derive(Debug)]
pub enum Change {
    /// A file was loaded and judges from now on.
    Loaded(Arc<Model>),
    /// A new file is broken; the model before it, if there is one, goes on.
    Refused(ModelError),
    /// There is no file any more, or never was; the last model, if there is one, goes on.
    Missing(PathBuf),
}

impl Watched {
    /// Watches `path`, reading at most `bytes_max` octets of it, at most once an `interval`. Nothing is read yet.
    pub fn open(path: &Path, bytes_max: u64, interval: Duration) -> Self {
        let path = path.to_owned();
        Self { path, bytes_max, interval, next_look: Duration::ZERO, seen: None, model: None }
    }

    /// Looks at the file if an interval has passed at uptime `now`, and loads it if it is not the one seen last. `None`:
    /// nothing changed. Each change is told once.
    pub fn look(&mut self, now: Duration) -> Option<Change> {
        if now < self.next_look {
            return None;
        }
        self.next_look = now.saturating_add(self.interval);
        let found = match std::fs::metadata(&self.path) {
            Ok(metadata) => Seen::file(&metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => Seen::Nothing,
            Err(error) => Seen::Unreadable(error.kind()),
        };
        if self.seen == Some(found) {
            return None;
        }
        self.seen = Some(found);
        match found {
            Seen::Nothing => Some(Change::Missing(self.path.clone())),
            // Of a file that cannot be looked at, loading says why.
            Seen::File { .. } | Seen::Unreadable(_) => Some(self.load()),
        }
    }

    fn load(&mut self) -> Change {
        match Model::load(&self.path, self.bytes_max) {
            Ok(model) => {
                let model = Arc::new(model);
                self.model = Some(Arc::clone(&model));
                Change::Loaded(model)
            }
            Err(error) => Change::Refused(error),
        }
    }

    /// The model that judges now; `None` until a good file was seen.
    pub fn current(&self) -> Option<&Arc<Model>> {
        self.model.as_ref()
    }
}

impl Seen {
    fn file(metadata: &Metadata) -> Self {
        Self::File {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            bytes: metadata.len(),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::model_file;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Replaces the file as one should: written beside it, then renamed.
    fn replace(path: &Path, content: &[u8]) {
        let beside = path.with_extension("new");
        std::fs::write(&beside, content).unwrap();
        std::fs::rename(&beside, path).unwrap();
    }

    fn content(version: &str) -> Vec<u8> {
        let mut file = model_file();
        file.description.version = version.to_owned();
        file.to_bytes().unwrap()
    }

    fn told(change: Option<Change>) -> String {
        match change {
            None => "nothing".to_owned(),
            Some(Change::Loaded(model)) => format!("loaded {}", model.version()),
            Some(Change::Refused(ModelError::File { source, .. })) => format!("refused: {source}"),
            Some(Change::Refused(error)) => format!("refused: {error}"),
            Some(Change::Missing(_)) => "missing".to_owned(),
        }
    }

    #[test]
    fn a_replaced_file_is_taken_over_and_a_broken_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.safetensors");
        let mut watched = Watched::open(&path, 1 << 20, SECOND);
        let mut uptime = Duration::ZERO;
        let mut check = |expected: &str, current: Option<&str>| {
            assert_eq!(told(watched.look(uptime)), expected);
            assert_eq!(watched.current().map(|model| model.version().to_string()).as_deref(), current, "{expected}");
            uptime += SECOND;
        };
        check("missing", None);
        check("nothing", None);
        replace(&path, &content("one"));
        check("loaded one", Some("one"));
        check("nothing", Some("one"));
        replace(&path, &content("two"));
        check("loaded two", Some("two"));
        replace(&path, &content("three")[..100]);
        check("refused: it is not an undamaged safetensors file", Some("two"));
        check("nothing", Some("two"));
        std::fs::remove_file(&path).unwrap();
        check("missing", Some("two"));
        check("nothing", Some("two"));
        std::fs::create_dir(&path).unwrap();
        check("refused: it is not a regular file", Some("two"));
        std::fs::remove_dir(&path).unwrap();
        replace(&path, &content("four"));
        check("loaded four", Some("four"));
    }

    #[test]
    fn it_looks_at_most_once_an_interval() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.safetensors");
        replace(&path, &content("one"));
        let mut watched = Watched::open(&path, 1 << 20, SECOND);
        assert_eq!(told(watched.look(SECOND * 100)), "loaded one");
        replace(&path, &content("two"));
        assert_eq!(told(watched.look(SECOND * 100 + SECOND / 2)), "nothing");
        assert_eq!(told(watched.look(SECOND * 101)), "loaded two");
    }
}
