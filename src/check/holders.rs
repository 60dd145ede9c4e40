//! Who keeps missing packets waiting: transactions that hold a witness lock and do nothing.

use std::time::Duration;

use super::finding::Finding;

/// A transaction that holds a witness lock.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Holder {
    /// Its virtual transaction.
    pub transaction: String,
    /// Its server process; `None` where it is prepared.
    pub pid: Option<i32>,
    /// Global name of a prepared transaction, where it could be found.
    pub gid: Option<String>,
    /// Whose it is.
    pub user: Option<String>,
    /// What its program calls itself.
    pub application: Option<String>,
    /// As `pg_stat_activity` has it; `None` where the right to see it is missing.
    pub state: Option<String>,
    /// How long it has been in that state, or prepared.
    pub since: Option<Duration>,
    /// Whether it held the lock a second ago, too.
    pub stays: bool,
}

impl Holder {
    /// Whether it does nothing, as far as may be seen. A prepared transaction never does anything.
    pub fn is_idle(&self) -> bool {
        self.pid.is_none() || self.state.as_ref().is_some_and(|state| state.starts_with("idle in transaction"))
    }
}

/// Whether PREPARE TRANSACTION may meet our NOTIFY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prepares {
    /// `max_prepared_transactions` of the server.
    pub most: i32,
    /// Whether the wake-up trigger is on the table and enabled.
    pub rings: bool,
}

/// Judges who holds witness locks of `table`; `idle_for`: how long a transaction may do nothing.
pub fn judge(holders: &[Holder], prepares: Prepares, table: &str, role: &str, idle_for: Duration) -> Vec<Finding> {
    let mut findings = vec![possible(prepares, table)];
    let told: Vec<Finding> = holders.iter().filter_map(|holder| one(holder, role, idle_for)).collect();
    if told.is_empty() {
        let found = format!("{} transactions hold a lock of inserters now, none of them idle", holders.len());
        findings.push(Finding::fine("holders", table, found));
    }
    findings.extend(told);
    findings
}

fn possible(prepares: Prepares, table: &str) -> Finding {
    let (check, subject) = ("prepared.possible", "max_prepared_transactions");
    let found = format!("max_prepared_transactions = {}", prepares.most);
    if prepares.most == 0 {
        return Finding::fine(check, subject, found);
    }
    if !prepares.rings {
        return Finding::fine(check, subject, format!("{found}, and no trigger notifies"));
    }
    let why = "PREPARE TRANSACTION fails after NOTIFY, so a sniffer that prepares its transactions fails while flowsentry \
               sleeps; if yours never does, this is no matter. Set wakeup.trigger=false as well";
    let found = format!("{found}, and the wake-up trigger is on {table}");
    Finding::warning(check, subject, found, why).sql(format!("DROP TRIGGER flowsentry_wake ON {table};"))
}

fn one(holder: &Holder, role: &str, idle_for: Duration) -> Option<Finding> {
    let why = "packets whose ids it has taken are waited for as long as it lasts";
    let since = holder.since.map_or_else(|| "an unknown time".to_owned(), |since| format!("{} s", since.as_secs()));
    let user = holder.user.as_deref().unwrap_or("unknown");
    let Some(pid) = holder.pid else {
        let subject = format!("prepared transaction {}", holder.transaction);
        let found =
            format!("gid {:?} of user {user:?} is prepared since {since}", holder.gid.as_deref().unwrap_or("?"));
        let finding = Finding::warning("holders.prepared", subject, found, why);
        return Some(match &holder.gid {
            Some(gid) => {
                let gid = gid.replace('\'', "''");
                finding.sql(format!("COMMIT PREPARED '{gid}'; -- or: ROLLBACK PREPARED '{gid}';"))
            }
            None => finding.sql("SELECT * FROM pg_prepared_xacts;"),
        });
    };
    let subject = format!("session {pid}");
    let application = holder.application.as_deref().unwrap_or("unknown");
    let who = format!("pid {pid}, user {user:?}, application {application:?}");
    match &holder.state {
        Some(state) if holder.is_idle() && holder.since.is_none_or(|since| since >= idle_for) => {
            let found = format!("{who}: {state} for {since}");
            Some(
                Finding::warning("holders.idle", subject, found, why)
                    .sql(format!("SELECT pg_catalog.pg_terminate_backend({pid});")),
            )
        }
        None if holder.stays => {
            let found = format!("{who}: whether it is idle may not be seen");
            let finding = Finding::warning("holders.hidden", subject, found, why);
            Some(finding.sql(format!("GRANT pg_read_all_stats TO {role};")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn told(holder: &Holder) -> Option<Finding> {
        one(holder, "\"me\"", MINUTE)
    }

    #[test]
    fn a_session_is_told_when_it_has_been_idle_for_a_minute() {
        let session = |state: Option<&str>, seconds: u64, stays| Holder {
            pid: Some(7),
            state: state.map(str::to_owned),
            since: state.map(|_| Duration::from_secs(seconds)),
            stays,
            ..Holder::default()
        };
        assert_eq!(told(&session(Some("active"), 600, true)), None);
        assert_eq!(told(&session(Some("idle in transaction"), 59, true)), None);
        let idle = told(&session(Some("idle in transaction"), 60, true)).unwrap();
        assert_eq!((idle.check, idle.severity), ("holders.idle", Severity::Warning));
        assert!(idle.found.contains("pid 7") && idle.found.contains("60 s"), "{idle:?}");
        assert_eq!(idle.remedy.unwrap().text(), "SELECT pg_catalog.pg_terminate_backend(7);");
        assert_eq!(told(&session(None, 0, false)), None);
        assert_eq!(told(&session(None, 0, true)).unwrap().check, "holders.hidden");
    }

    #[test]
    fn a_prepared_transaction_is_told_at_once_by_its_gid() {
        let finding = told(&Holder { gid: Some("it's".to_owned()), ..Holder::default() }).unwrap();
        assert_eq!(finding.check, "holders.prepared");
        assert!(finding.remedy.unwrap().text().starts_with("COMMIT PREPARED 'it''s';"));
    }

    #[test]
    fn prepared_transactions_matter_where_the_trigger_notifies() {
        let check = |most, rings, expected| {
            assert_eq!(possible(Prepares { most, rings }, "t").severity, expected, "{most} {rings}");
        };
        check(0, true, Severity::Fine);
        check(10, false, Severity::Fine);
        check(10, true, Severity::Warning);
    }
}
