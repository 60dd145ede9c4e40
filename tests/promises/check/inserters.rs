//! Findings of those who keep packets back: idle and prepared transactions.

use super::kit::{check, mend};
use crate::kit::{Database, Tables};

const INSERT: &str = "INSERT INTO raw_packets (timestamp) VALUES (1)";

#[test]
fn a_session_that_is_idle_in_a_transaction_is_named_and_ended() {
    let database = Database::new(Tables::Adopted);
    let session = database.session();
    session.execute(&format!("SET application_name = 'lazy sniffer'; BEGIN; {INSERT}"));
    check(&database, &[]).has("holders", "fine", "raw_packets", "1 transactions hold a lock", "");
    let report = check(&database, &["--idle", "0s"]);
    let found = "user \"flowsentry\", application \"lazy sniffer\": idle in transaction for";
    mend(
        &database,
        &report.has("holders.idle", "warning", "session", found, "SELECT pg_catalog.pg_terminate_backend("),
    );
    let report = check(&database, &["--idle", "0s"]);
    report.has("holders", "fine", "raw_packets", "0 transactions hold a lock", "");
}

#[test]
fn a_role_without_the_right_to_see_states_is_told_how_to_get_it() {
    let database = Database::new(Tables::Adopted);
    let role = format!("blind_{}", std::process::id());
    database.execute(&format!("CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA flowsentry TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA flowsentry TO {role}"));
    let url = format!("database.url={}", database.url.replace("//flowsentry@", &format!("//{role}@")));
    let session = database.session();
    session.execute(&format!("BEGIN; {INSERT}"));
    let report = check(&database, &["--set", &url, "--idle", "0s"]);
    let grant = format!("GRANT pg_read_all_stats TO {role};");
    mend(&database, &report.has("holders.hidden", "warning", "session", "may not be seen", &grant));
    check(&database, &["--set", &url, "--idle", "0s"]).has(
        "holders.idle",
        "warning",
        "session",
        "idle in transaction",
        "",
    );
    session.execute("ROLLBACK");
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn prepared_transactions_are_named_and_the_trigger_that_they_cannot_stand() {
    let database = Database::new(Tables::Adopted);
    let gid = format!("it's {}", std::process::id());
    let report = check(&database, &[]);
    let finding =
        report.has("prepared.possible", "warning", "max_prepared", "and the wake-up trigger is on", "DROP TRIGGER");
    mend(&database, &finding);
    check(&database, &["--set", "wakeup.trigger=false"]).is_fine("prepared.possible");

    database.session().execute_each(&format!("BEGIN; {INSERT}; PREPARE TRANSACTION '{}'", gid.replace('\'', "''")));
    let report = check(&database, &[]);
    let finding = report.has(
        "holders.prepared",
        "warning",
        "prepared transaction",
        &format!("{gid:?} of user"),
        "COMMIT PREPARED 'it''s ",
    );
    mend(&database, &finding);
    check(&database, &[]).is_fine("holders.prepared");
    assert_eq!(database.number("SELECT count(*) FROM raw_packets"), 1);
}
