//! The server: its version, and whether it takes our settings.

use super::finding::{Finding, Remedy};

/// The first version that is read exactly once, as `server_version_num`.
const OLDEST: i32 = 130_000;
/// Earlier minor releases rename a transaction when it is prepared, and whoever waits for it takes it for gone.
const RENAMES_PREPARED: [(i32, i32); 2] = [(130_000, 130_005), (140_000, 140_001)];

/// From here on the server knows all settings by which it notices that we have vanished.
const NOTICES_ALL: i32 = 140_000;

/// What is known of the server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Server {
    /// Host, port, database and user.
    pub place: String,
    /// `server_version`, for people.
    pub version: String,
    /// `server_version_num`.
    pub version_number: i32,
    /// `max_prepared_transactions`.
    pub prepared_max: i32,
    /// Statements of ours that it refuses, with its answer: how it notices that we have vanished.
    pub refused_settings: Vec<(&'static str, String)>,
}

/// Judges the server.
pub fn judge(server: &Server) -> Vec<Finding> {
    let mut findings = vec![Finding::fine("connection", &server.place, format!("PostgreSQL {}", server.version))];
    findings.push(version(server));
    for (setting, answer) in &server.refused_settings {
        if server.version_number < NOTICES_ALL {
            findings.push(Finding::fine("server.settings", *setting, "this release does without"));
            continue;
        }
        let why = "a host of ours that vanishes may hold its locks and the source for longer than half a minute";
        let finding = Finding::warning("server.settings", *setting, format!("the server refuses it: {answer}"), why);
        findings.push(finding.mend(Remedy::Advice(
            "a server on Linux takes all of them; without, flowsentry works as long as no host vanishes".to_owned(),
        )));
    }
    findings
}

fn version(server: &Server) -> Finding {
    let (number, found) = (server.version_number, format!("PostgreSQL {}", server.version));
    let upgrade = Remedy::Advice("upgrade the server to a later release".to_owned());
    if number < OLDEST {
        let why = "flowsentry is made for and tested on 13 (from 13.5), 14 (from 14.1), 15 and later";
        return Finding::refused("server.version", "server", found, why).mend(upgrade);
    }
    if RENAMES_PREPARED.iter().any(|(first, fixed)| (*first..*fixed).contains(&number)) {
        let why = "it renames a transaction when it is prepared, so packets of prepared transactions can be lost";
        let finding = if server.prepared_max > 0 { Finding::refused } else { Finding::warning };
        return finding("server.version", "server", found, why).mend(upgrade);
    }
    Finding::fine("server.version", "server", format!("{found} is supported (13.5, 14.1, 15 and later)"))
}

#[cfg(test)]
mod tests {
    use super::super::Severity::{self, Fine, Refused, Warning};
    use super::*;

    #[test]
    fn old_versions_are_refused_and_some_only_with_prepared_transactions() {
        let check = |version_number, prepared_max, expected: Severity| {
            let server = Server { version_number, prepared_max, ..Server::default() };
            let findings = judge(&server);
            let version = findings.iter().find(|finding| finding.check == "server.version").unwrap();
            assert_eq!(version.severity, expected, "{version_number}");
        };
        check(120_022, 0, Refused);
        check(130_004, 0, Warning);
        check(130_004, 5, Refused);
        check(130_005, 5, Fine);
        check(140_000, 0, Warning);
        check(140_001, 0, Fine);
        check(150_018, 5, Fine);
        check(180_004, 0, Fine);
    }

    #[test]
    fn a_setting_that_the_server_lacks_is_a_warning() {
        let refused_settings = vec![("SET tcp_user_timeout = 15000", "unrecognized".to_owned())];
        let server = Server { version_number: 150_000, refused_settings, ..Server::default() };
        let older = Server { version_number: 130_005, ..server.clone() };
        assert_eq!(judge(&older).pop().unwrap().severity, Fine);
        let finding = judge(&server).pop().unwrap();
        assert_eq!((finding.check, finding.severity), ("server.settings", Warning));
        assert!(finding.subject.contains("tcp_user_timeout") && finding.remedy.is_some());
    }
}
