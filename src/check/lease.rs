//! Who owns the source now, and whether it gets on.

use std::time::Duration;

use super::finding::{Finding, Remedy};

/// An owner that has stored nothing for so long although packets wait does not get on.
const STUCK: Duration = Duration::from_mins(5);

/// The source as the database knows it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ownership {
    /// `[source] name`.
    pub source: String,
    /// Whether it has a checkpoint at all.
    pub is_known: bool,
    /// Who holds the lease.
    pub owner: Option<Owner>,
    /// Highest id consumed.
    pub position: i64,
    /// Last id handed out; `None` where it may not be read.
    pub last: Option<i64>,
    /// How long ago the checkpoint moved.
    pub age: Duration,
}

/// The session that holds the lease.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Owner {
    /// Its server process.
    pub pid: i32,
    /// Its user, where it may be seen.
    pub user: Option<String>,
    /// What its program calls itself.
    pub application: Option<String>,
    /// From where it connects; `None` for a local socket, or where it may not be seen.
    pub host: Option<String>,
}

/// Judges the ownership.
pub fn judge(ownership: &Ownership) -> Finding {
    let (check, subject) = ("lease", format!("source {:?}", ownership.source));
    if !ownership.is_known {
        return Finding::fine(check, subject, "nothing was read yet");
    }
    let waiting = ownership.last.map(|last| last.saturating_sub(ownership.position).max(0));
    let place = format!(
        "the checkpoint is at id {}{}, {} s old",
        ownership.position,
        waiting.map_or_else(String::new, |waiting| format!(", {waiting} ids behind the table")),
        ownership.age.as_secs()
    );
    let Some(owner) = &ownership.owner else {
        return Finding::fine(check, subject, format!("nobody owns it now; {place}"));
    };
    let shown = |value: &Option<String>| value.as_deref().unwrap_or("unknown").to_owned();
    let found = format!(
        "owned by pid {}, user {:?}, application {:?}, from {}; {place}",
        owner.pid,
        shown(&owner.user),
        shown(&owner.application),
        owner.host.as_deref().unwrap_or("this host"),
    );
    if ownership.age >= STUCK && waiting.is_some_and(|waiting| waiting > 0) {
        let why = "the owner stores nothing although packets wait, and keeps a standby out: its log and /readyz say why; \
                   the command makes it begin anew, or the standby take over";
        return Finding::warning(check, subject, found, why)
            .mend(Remedy::Sql(format!("SELECT pg_catalog.pg_terminate_backend({});", owner.pid)));
    }
    Finding::fine(check, subject, found)
}

#[cfg(test)]
mod tests {
    use super::super::Severity::{self, Fine, Warning};
    use super::*;

    #[test]
    fn an_owner_that_does_not_get_on_is_told() {
        let check = |owner: Option<Owner>, last: Option<i64>, seconds: u64, expected: Severity| {
            let age = Duration::from_secs(seconds);
            let ownership = Ownership { is_known: true, owner, position: 10, last, age, ..Ownership::default() };
            assert_eq!(judge(&ownership).severity, expected, "{ownership:?}");
        };
        let owner = || Some(Owner { pid: 7, ..Owner::default() });
        check(owner(), Some(11), 299, Fine);
        check(owner(), Some(11), 300, Warning);
        check(owner(), Some(10), 300, Fine);
        check(owner(), None, 300, Fine);
        check(None, Some(11), 300, Fine);
    }
}
