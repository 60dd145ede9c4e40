//! Where an export goes. A file comes into being whole: it is written beside its name, flushed to the disk, and then takes
//! it; whatever ends the export before leaves nothing behind. Devices, pipes and standard output are written to directly.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};

const BUFFER_BYTES: usize = 64 * 1024;

/// Where rows are written to.
pub struct Target {
    /// As it was asked for.
    path: PathBuf,
    out: BufWriter<Box<dyn Write + Send>>,
    /// The file beside, where there is one.
    beside: Option<Beside>,
    force: bool,
}

/// A file that is not finished; removed when dropped.
struct Beside {
    path: PathBuf,
    file: File,
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // gone already if it took its name
    }
}

impl Target {
    /// Opens it; `-` is standard output. A file that is there already is refused unless `force`.
    pub fn open(path: &Path, force: bool) -> Result<Self, Failure> {
        let refused = |error: io::Error| failure(path, &error);
        let (out, beside): (Box<dyn Write + Send>, _) = if path == Path::new("-") {
            (Box::new(io::stdout()), None)
        } else {
            match fs::metadata(path) {
                Ok(found) if found.is_dir() => return Err(refused(io::ErrorKind::IsADirectory.into())),
                Ok(found) if !found.is_file() => {
                    (Box::new(File::options().write(true).open(path).map_err(refused)?), None)
                }
                Ok(_) if !force => return Err(exists(path)),
                _ => {
                    let beside = Beside::create(path).map_err(refused)?;
                    (Box::new(beside.file.try_clone().map_err(refused)?), Some(beside))
                }
            }
        };
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        Ok(Self { path: path.to_owned(), out, beside, force })
    }

    /// Whether it is standard output.
    pub fn is_standard_output(&self) -> bool {
        self.path == Path::new("-")
    }

    /// As it was asked for.
    pub fn shown(&self) -> PathBuf {
        self.path.clone()
    }

    /// All is written: gives the file its name.
    pub fn finish(mut self) -> Result<(), Failure> {
        let failed = |error: io::Error| failure(&self.path, &error);
        self.out.flush().map_err(failed)?;
        let Some(beside) = &self.beside else { return Ok(()) };
        beside.file.sync_all().map_err(failed)?;
        if self.force {
            return fs::rename(&beside.path, &self.path).map_err(failed);
        }
        // Unlike renaming this replaces nothing that came to be there meanwhile. Some file systems have no links.
        match fs::hard_link(&beside.path, &self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(&self.path)),
            Err(_) if !self.path.exists() => fs::rename(&beside.path, &self.path).map_err(failed),
            linked => linked.map_err(failed),
        }
    }
}

impl Write for Target {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.out.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Beside {
    fn create(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.part", std::process::id()));
        let path = path.with_file_name(hidden);
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(Self { path, file })
    }
}

fn exists(path: &Path) -> Failure {
    Failure::new(Exit::Usage, format!("{} is there already", path.display()))
        .hint("name another file with --output, or replace this one with --force")
}

/// What a refusal of the operating system means.
pub fn failure(path: &Path, error: &io::Error) -> Failure {
    let shown = if path == Path::new("-") { "standard output".to_owned() } else { path.display().to_string() };
    let (exit, hint) = match error.kind() {
        io::ErrorKind::PermissionDenied => (Exit::Permission, "name a file in a directory that you may write to"),
        io::ErrorKind::NotFound => (Exit::Output, "make its directory first, or name another file with --output"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            (Exit::Output, "make room on its disk, or ask for a shorter span; nothing was left under that name")
        }
        _ => (Exit::Output, "name another file with --output"),
    };
    let error = io::Error::new(error.kind(), format!("cannot write to {shown}: {error}"));
    Failure::new(exit, error).hint(hint)
}
