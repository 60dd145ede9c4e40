//! Findings of the table of flows.

use super::kit::{check, mend};
use crate::kit::{Database, Tables};

const TABLE: &str = "\"public\".\"traffic_data\"";

#[test]
fn what_could_make_storing_fail_or_lose_is_mended_one_by_one() {
    let database = Database::new(Tables::Adopted);
    database.execute(
        "ALTER TABLE traffic_data ALTER protocol TYPE varchar(5), ALTER packet_count TYPE smallint,
             ADD CONSTRAINT \"Few\" CHECK (packet_count < 100);
         CREATE UNIQUE INDEX \"Once\" ON traffic_data (dest_ip, protocol);
         ALTER TABLE traffic_data ADD CONSTRAINT also UNIQUE (window_start, src_ip);
         CREATE TABLE log (flow text);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql
             AS 'BEGIN INSERT INTO log VALUES (NEW.dest_ip); RETURN NULL; END';
         CREATE TRIGGER \"Note\" AFTER INSERT ON traffic_data FOR EACH ROW EXECUTE FUNCTION note();
         ALTER TABLE traffic_data SET UNLOGGED",
    );
    let report = check(&database, &[]);
    assert_eq!(report.code, Some(78));
    let mended = |name: &str, severity: &str, found: &str, remedy: &str| {
        mend(&database, &report.has(name, severity, TABLE, found, remedy));
    };
    mended("sink.unlogged", "refused", "it is UNLOGGED", "SET LOGGED;");
    mended(
        "sink.constraint",
        "warning",
        "constraint \"Few\": CHECK ((packet_count < 100))",
        "DROP CONSTRAINT \"Few\";",
    );
    mended("sink.narrow", "warning", "\"packet_count\" smallint", "ALTER COLUMN \"packet_count\" TYPE bigint");
    mended("sink.short", "warning", "\"protocol\" varchar(5)", "ALTER COLUMN \"protocol\" TYPE text");
    mended("sink.unique", "warning", "unique index \"Once\"", "DROP INDEX CONCURRENTLY public.\"Once\";");
    mended("sink.unique", "warning", "unique index also", "DROP CONSTRAINT also;");
    let path = "ALTER FUNCTION public.note() SET search_path = public, pg_temp;";
    mended("sink.trigger_search_path", "warning", "\"Note\" runs public.note()", path);

    let report = check(&database, &[]);
    let finding =
        report.has("sink.trigger", "warning", TABLE, "\"Note\" runs public.note()", "DISABLE TRIGGER \"Note\";");
    report.has_no_others(&["sink.trigger", "prepared.possible"]);
    mend(&database, &finding);
    check(&database, &[]).has("sink", "fine", TABLE, "takes every flow as it is", "");
}

#[test]
fn a_column_that_cannot_be_written_is_refused() {
    let database = Database::new(Tables::Adopted);
    database.execute("ALTER TABLE traffic_data ADD \"Site\" text NOT NULL, ALTER packet_per_sec TYPE json USING NULL");
    let report = check(&database, &[]);
    assert_eq!(report.code, Some(78));
    report.has(
        "sink.columns",
        "refused",
        "\"packet_per_sec\"",
        "has type json, which flowsentry cannot write",
        "migrate --print-sql",
    );
    let finding =
        report.has("sink.columns", "refused", "\"Site\"", "may not be NULL", "ALTER COLUMN \"Site\" DROP NOT NULL;");
    mend(&database, &finding);
    assert_eq!(check(&database, &[]).all("sink.columns").len(), 1);
}
