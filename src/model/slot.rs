//! The place of the model in use: another file is put there, and the one before it put back, while the service runs.
//!
//! Promise: whatever dies when, there is a whole model at the path. What comes there was checked first, octet for octet: it
//! is written beside its place, flushed, and renamed. One model is kept, `<path>.previous`: the one that was in use before.
//! A crash between the two renames of a switch leaves it the same as the one in use, and nothing was switched; a crash
//! between those of a rollback leaves it put back, and only what was rolled back is not kept.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use super::error::{FileError, ModelError};
use super::file::{Description, ModelFile};
use super::mlp::Model;

/// A model file that was read and proved.
#[derive(Clone, PartialEq, Debug)]
pub struct Checked {
    /// What it says of itself.
    pub description: Description,
    /// All of it.
    pub content: Vec<u8>,
}

impl Checked {
    /// Reads a file of at most `bytes_max` octets, and checks it as a service does that loads it.
    ///
    /// # Errors
    /// [`ModelError::File`] that says what is wrong with it.
    pub fn read(path: &Path, bytes_max: u64) -> Result<Self, ModelError> {
        let checked = || {
            let content = ModelFile::octets(path, bytes_max)?;
            let file = ModelFile::parse(&content)?;
            Model::new(&file)?;
            Ok(Self { description: file.description, content })
        };
        checked().map_err(|source| ModelError::File { path: path.to_owned(), source })
    }
}

/// The path of the settings, and what is kept beside it.
#[derive(Clone, Debug)]
pub struct Slot {
    path: PathBuf,
    bytes_max: u64,
}

/// What was put in place of what.
#[derive(Debug)]
pub struct Switched {
    /// What was in use; an error if it could not be used, and was therefore not kept.
    pub before: Result<Checked, ModelError>,
    /// What is in use now.
    pub now: Checked,
}

impl Switched {
    /// Whether anything was changed: the model may have been in use already.
    pub fn is_change(&self) -> bool {
        self.before.as_ref().map_or(true, |before| before.content != self.now.content)
    }
}

/// Why nothing was switched.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// The file that should come into use, or come back, is no model.
    #[error("nothing was changed")]
    Unusable(#[from] ModelError),
    /// No model was kept.
    #[error("there is no model before the one in use: {} does not exist", previous.display())]
    NoPrevious {
        /// Where it would be.
        previous: PathBuf,
    },
    /// What was kept is what is in use.
    #[error("the model before the one in use is the same: {version:?}")]
    SamePrevious {
        /// Its version.
        version: String,
    },
    /// Somebody else is at it.
    #[error("another command is changing models in {}", directory.display())]
    Busy {
        /// Where.
        directory: PathBuf,
    },
    /// A step failed; there is a whole model at the path.
    #[error("{} cannot be written", file.display())]
    Write {
        /// The file or directory.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Slot {
    /// Of the model at `path`; files larger than `bytes_max` octets are refused.
    pub fn at(path: &Path, bytes_max: u64) -> Self {
        Self { path: path.to_owned(), bytes_max }
    }

    /// Where the model in use is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the model is that was in use before.
    pub fn previous(&self) -> PathBuf {
        beside(&self.path, ".previous")
    }

    /// Puts a copy of `file` in use, once it has proved to be a model, and keeps the one that was in use.
    ///
    /// # Errors
    /// [`SlotError`]: the model in use is the same as before.
    pub fn switch(&self, file: &Path) -> Result<Switched, SlotError> {
        let now = Checked::read(file, self.bytes_max)?;
        let directory = self.lock()?;
        let switched = Switched { before: Checked::read(&self.path, self.bytes_max), now };
        if switched.is_change() {
            self.take(&self.steps_of_switch(&switched), &directory)?;
        }
        Ok(switched)
    }

    /// Puts the model back that was in use before, and keeps the one that is in use now: rolling back again undoes it.
    ///
    /// # Errors
    /// [`SlotError`]: the model in use is the same as before, unless what failed is [`SlotError::Write`] of the one kept.
    pub fn rollback(&self) -> Result<Switched, SlotError> {
        let directory = self.lock()?;
        let previous = self.previous();
        let now = Checked::read(&previous, self.bytes_max).map_err(|error| match &error {
            ModelError::File { source: FileError::Read(cause), .. } if cause.kind() == io::ErrorKind::NotFound => {
                SlotError::NoPrevious { previous }
            }
            _ => SlotError::Unusable(error),
        })?;
        let switched = Switched { before: Checked::read(&self.path, self.bytes_max), now };
        if !switched.is_change() {
            return Err(SlotError::SamePrevious { version: switched.now.description.version });
        }
        self.take(&self.steps_of_rollback(&switched), &directory)?;
        Ok(switched)
    }

    /// The kept model first: until the last step nothing is switched.
    fn steps_of_switch<'a>(&self, switched: &'a Switched) -> Vec<Step<'a>> {
        let [written, placed] = replace(&self.path, &switched.now.content);
        match self.keep(switched) {
            Some([kept, kept_placed]) => vec![kept, written, kept_placed, placed],
            None => vec![written, placed],
        }
    }

    /// The kept model last: until then it is still there to be put back.
    fn steps_of_rollback<'a>(&self, switched: &'a Switched) -> Vec<Step<'a>> {
        let [written, placed] = replace(&self.path, &switched.now.content);
        match self.keep(switched) {
            Some([kept, kept_placed]) => vec![kept, written, placed, kept_placed],
            None => vec![written, placed],
        }
    }

    /// Keeps what was in use, if it was of use.
    fn keep<'a>(&self, switched: &'a Switched) -> Option<[Step<'a>; 2]> {
        switched.before.as_ref().ok().map(|before| replace(&self.previous(), &before.content))
    }

    fn take(&self, steps: &[Step<'_>], directory: &File) -> Result<(), SlotError> {
        let like = fs::metadata(&self.path).ok(); // without one, the new file is as any that this user makes
        let taken = steps.iter().try_for_each(|step| step.take(like.as_ref(), directory));
        if taken.is_err() {
            for step in steps {
                let _ = fs::remove_file(step.file_beside()); // gone already, or as little writable as what failed
            }
        }
        taken
    }

    /// The directory, held for one command at a time; the lock ends with the handle.
    fn lock(&self) -> Result<File, SlotError> {
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let failed = |source| SlotError::Write { file: directory.clone(), source };
        let handle = File::open(&directory).map_err(failed)?;
        match handle.try_lock() {
            Ok(()) => Ok(handle),
            Err(fs::TryLockError::WouldBlock) => Err(SlotError::Busy { directory }),
            Err(fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// One change of the directory. A crash may come before, within and after each.
#[derive(Debug)]
enum Step<'a> {
    /// Writes a file of that name anew, and flushes it.
    Write { file: PathBuf, content: &'a [u8] },
    /// Renames it, and flushes the directory.
    Rename { from: PathBuf, to: PathBuf },
}

/// The two steps that put `content` at `path`, whole at every moment.
fn replace<'a>(path: &Path, content: &'a [u8]) -> [Step<'a>; 2] {
    let file = beside(path, ".switching");
    [Step::Write { file: file.clone(), content }, Step::Rename { from: file, to: path.to_owned() }]
}

impl Step<'_> {
    fn take(&self, like: Option<&Metadata>, directory: &File) -> Result<(), SlotError> {
        let (file, done) = match self {
            Self::Write { file, content } => (file, write(file, content, like)),
            Self::Rename { from, to } => (to, fs::rename(from, to).and_then(|()| directory.sync_all())),
        };
        done.map_err(|source| SlotError::Write { file: file.clone(), source })
    }

    fn file_beside(&self) -> &Path {
        match self {
            Self::Write { file, .. } | Self::Rename { from: file, .. } => file,
        }
    }
}

/// Writes a file that the same users may read as the one it stands for: the service may run as another.
fn write(path: &Path, content: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let mut file = File::create(path)?;
    if let Some(like) = like {
        let own = file.metadata()?.uid();
        if own != like.uid() && own == 0 {
            fchown(&file, Some(like.uid()), Some(like.gid()))?;
        }
        file.set_permissions(like.permissions())?;
    }
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
