//! The operating system's user: the default name in the database, and where the files in the home directory are.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::config::Environment;

/// Name and home directory of a user.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Account {
    /// Login name; `None` where the system does not know its user, as in some containers.
    pub name: Option<String>,
    /// Home directory.
    pub home: Option<PathBuf>,
}

impl Account {
    /// Of this process: the password database first, as libpq does it, then `USER` and `LOGNAME`. `HOME` goes before the
    /// password database's home.
    pub fn of_process(environment: &Environment) -> Self {
        // The directory belongs to the effective user; where there is no /proc the variables must do.
        let id = fs::metadata("/proc/self").ok().map(|process| process.uid());
        let listed = id.and_then(|id| listed(&fs::read_to_string("/etc/passwd").unwrap_or_default(), id));
        let listed = listed.unwrap_or_default();
        let variable = |name: &str| environment.get(name).map(str::to_owned);
        Self {
            name: listed.name.or_else(|| variable("USER")).or_else(|| variable("LOGNAME")),
            home: variable("HOME").map(PathBuf::from).or(listed.home),
        }
    }
}

/// The entry of a user number in passwd(5).
fn listed(passwd: &str, id: u32) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, number, _, _, home, ..] = fields[..] else { return None };
        (number.parse() == Ok(id)).then(|| Account {
            name: Some(name.to_owned()),
            home: Some(home).filter(|home| !home.is_empty()).map(PathBuf::from),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_database_is_asked_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken line\nsniffer:x:1001:100::/home/sniffer:/bin/false\nbare:x:7:7::::\n";
        let check = |id: u32, expected: Option<(&str, Option<&str>)>| {
            let expected =
                expected.map(|(name, home)| Account { name: Some(name.to_owned()), home: home.map(PathBuf::from) });
            assert_eq!(listed(passwd, id), expected, "{id}");
        };
        check(0, Some(("root", Some("/root"))));
        check(1001, Some(("sniffer", Some("/home/sniffer"))));
        check(7, Some(("bare", None)));
        check(100, None);
    }
}
