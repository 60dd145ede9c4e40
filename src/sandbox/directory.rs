//! A fresh directory of the server's own, and the user whom it belongs to: PostgreSQL refuses to run as root.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::SandboxError;

/// A path of a socket may have 107 bytes; `/.s.PGSQL.65535` follows.
const MAX_PATH_BYTES: usize = 90;

/// Removed when dropped.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Of whom programs run here, if not ourselves.
    owner: Option<(u32, u32)>,
}

impl Directory {
    /// In the system's directory for temporary files, or in `/tmp` where the path would be too long for a socket or
    /// closed to the server's user.
    pub fn create() -> Result<Self, SandboxError> {
        let name = format!("flowsentry-{:08x}", rand::random::<u32>());
        let usual = std::env::temp_dir();
        let parent = if fits(&usual, &name) && is_open_to_all(&usual) { usual } else { PathBuf::from("/tmp") };
        let path = parent.join(name);
        DirBuilder::new().mode(0o700).create(&path).map_err(SandboxError::system("create", &path))?;
        let mut this = Self { path, owner: None };
        let metadata = fs::metadata(&this.path).map_err(SandboxError::system("inspect", &this.path))?;
        if metadata.uid() == 0 {
            let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
            let (user, group) = unprivileged_user(&passwd);
            chown(&this.path, Some(user), Some(group)).map_err(SandboxError::system("give away", &this.path))?;
            this.owner = Some((user, group));
        }
        Ok(this)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command that runs here, as the directory's owner, untouched by libpq's variables and by keys pressed at our
    /// terminal.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.path).process_group(0);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "a temporary directory is left behind");
        }
    }
}

fn fits(parent: &Path, name: &str) -> bool {
    parent.as_os_str().len() + 1 + name.len() <= MAX_PATH_BYTES
}

fn is_open_to_all(path: &Path) -> bool {
    path.ancestors().all(|part| fs::metadata(part).is_ok_and(|metadata| metadata.mode() & 0o001 != 0))
}

/// User and group id of `postgres`, else of `nobody`.
fn unprivileged_user(passwd: &str) -> (u32, u32) {
    const NOBODY: (u32, u32) = (65_534, 65_534);
    let ids = |name: &str| {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            if fields.next() != Some(name) {
                return None;
            }
            Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
        })
    };
    ids("postgres").or_else(|| ids("nobody")).unwrap_or(NOBODY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_gives_way_to_postgres_or_nobody() {
        let check = |passwd: &str, expected: (u32, u32)| assert_eq!(unprivileged_user(passwd), expected, "{passwd}");
        check("root:x:0:0::/:\nnobody:x:9:8::/:\npostgres:x:101:104::/:\n", (101, 104));
        check("root:x:0:0::/:\nnobody:x:9:8::/:\npostgresql:x:1:1::/:\n", (9, 8));
        check("nobody:x:bad\n", (65_534, 65_534));
        check("", (65_534, 65_534));
    }

    #[test]
    fn a_directory_is_there_until_it_is_dropped() {
        let directory = Directory::create().unwrap();
        let path = directory.path().to_owned();
        fs::write(path.join("file"), "").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        drop(directory);
        assert!(!path.exists());
    }
}
