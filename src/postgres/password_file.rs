//! libpq's password file: `host:port:database:user:password` a line, the first match counts.
//!
//! As in libpq a field `*` matches everything, `\` takes the next character as it is, `#` starts a comment line, and
//! a file that others can read is not used.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a line must match.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// Host name; `localhost` for a socket in the default directory.
    pub host: &'a str,
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
}

/// The text of a password file, or `None` where there is none that may be used; the latter is said aloud.
pub(super) fn read(path: &Path) -> Option<String> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the password file cannot be read and is not used");
            return None;
        }
    };
    if !metadata.is_file() {
        tracing::warn!(path = %path.display(), "the password file is not a plain file and is not used");
        return None;
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others may read the password file, so it is not used: chmod 0600 it");
        return None;
    }
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the password file cannot be read and is not used");
            None
        }
    }
}

/// The password of the first line that matches.
pub(super) fn find(text: &str, wanted: Wanted<'_>) -> Option<String> {
    let port = wanted.port.to_string();
    let fields = [wanted.host, &port, wanted.database, wanted.user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut rest = line;
        for field in fields {
            let (given, after) = split_field(rest)?;
            if given != "*" && unescaped(given) != field {
                return None;
            }
            rest = after;
        }
        let password = split_field(rest).map_or(rest, |(password, _)| password);
        Some(unescaped(password)).filter(|password| !password.is_empty())
    })
}

/// Splits at the first colon that no backslash precedes.
fn split_field(line: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, character) in line.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ':' => return Some((&line[..at], &line[at + 1..])),
            _ => {}
        }
    }
    None
}

fn unescaped(field: &str) -> String {
    let mut plain = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(characters.next().unwrap_or('\\')),
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_matching_line_gives_the_password() {
        let check = |text: &str, expected: Option<&str>| {
            let wanted = Wanted { host: "db.example", port: 5433, database: "flows", user: "sentry" };
            assert_eq!(find(text, wanted).as_deref(), expected, "{text}");
        };
        check("db.example:5433:flows:sentry:pw", Some("pw"));
        check("*:*:*:*:pw", Some("pw"));
        check("*:5432:*:*:no\n*:5433:*:*:yes\n*:*:*:*:later", Some("yes"));
        check("# *:*:*:*:comment\n*:*:*:sentry:pw\n", Some("pw"));
        check("*:*:*:*:a\\:b\\\\c", Some("a:b\\c"));
        check("*:*:*:*:a:b", Some("a"));
        check("*:*:*:*:pw\r\n", Some("pw"));
        check("db.example:5433:flows:other:pw", None);
        check("*:*:*:*:", None);
        check("*:*:*", None);
        check("nonsense", None);
        check("", None);
    }

    #[test]
    fn names_may_hold_colons_and_backslashes() {
        let wanted = Wanted { host: "::1", port: 5432, database: "a\\b", user: "u:v" };
        assert_eq!(find("\\:\\:1:5432:a\\\\b:u\\:v:pw", wanted).as_deref(), Some("pw"));
        assert_eq!(find("::1:5432:a\\\\b:u\\:v:pw", wanted), None);
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in "([:*\\\\#\n a0-9]|\\PC){0,60}") {
            let wanted = Wanted { host: "a", port: 0, database: "", user: "*" };
            let found = find(&text, wanted).unwrap_or_default();
            prop_assert!(found.len() <= text.len());
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("pgpass");
        assert_eq!(read(&path), None);
        fs::write(&path, "*:*:*:*:pw")?;
        for (mode, used) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            assert_eq!(read(&path).is_some(), used, "{mode:o}");
        }
        assert_eq!(read(directory.path()), None);
        Ok(())
    }
}
