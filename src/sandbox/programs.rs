//! Where the server's programs are.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::SandboxError;
use crate::config::Environment;

/// A directory with initdb, `pg_ctl` and postgres.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Programs(PathBuf);

impl Programs {
    /// `FLOWSENTRY_POSTGRES_BIN` if it is set; else the first of: PATH, `/usr/lib/postgresql/*/bin` newest first (Debian
    /// keeps servers out of PATH), what `pg_config` says.
    pub fn find(environment: &Environment) -> Result<Self, SandboxError> {
        if let Some(named) = environment.get("FLOWSENTRY_POSTGRES_BIN") {
            let named = PathBuf::from(named);
            return if is_complete(&named) { Ok(Self(named)) } else { Err(SandboxError::NotThere(named)) };
        }
        let path = environment.get("PATH").unwrap_or_default();
        std::env::split_paths(path)
            .chain(by_version(Path::new("/usr/lib/postgresql")))
            .chain(pg_config())
            .find(|directory| is_complete(directory))
            .map(Self)
            .ok_or(SandboxError::NotInstalled)
    }

    /// Path of one of them.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

fn is_complete(directory: &Path) -> bool {
    directory.is_absolute() && ["initdb", "pg_ctl", "postgres"].iter().all(|name| directory.join(name).is_file())
}

fn by_version(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
    let mut versions: Vec<(f64, PathBuf)> = entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    versions.into_iter().map(|(_, path)| path).collect()
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["9.6", "15", "10", "common"] {
            std::fs::create_dir_all(parent.path().join(name).join("bin")).unwrap();
        }
        let found = by_version(parent.path());
        let expected: Vec<PathBuf> =
            ["15", "10", "9.6"].iter().map(|name| parent.path().join(name).join("bin")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_named_directory_is_taken_or_refused() {
        let directory = tempfile::tempdir().unwrap();
        let named = directory.path().to_str().unwrap().to_owned();
        let environment: Environment = [("FLOWSENTRY_POSTGRES_BIN".to_owned(), named.clone())].into_iter().collect();
        let error = Programs::find(&environment).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("FLOWSENTRY_POSTGRES_BIN={named}: expected a directory with initdb, pg_ctl and postgres")
        );
        for name in ["initdb", "pg_ctl", "postgres"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(Programs::find(&environment).unwrap(), Programs(directory.path().to_owned()));
    }
}
