//! `flowsentry migrate --roles` prints the least rights: with them everything works, and without any of them that one is
//! named, with the statement that gives it.

use super::check::kit::{Report, check};
use super::kit::{Database, Service, Tables, sums, until, until_some};

/// Names that have to be quoted, of this test alone.
struct Roles {
    reader: String,
    writer: String,
    owner: String,
}

impl Roles {
    fn of(test: &str) -> Self {
        let name = |role: &str| format!("{test} \"{role}\" {}", std::process::id());
        Self { reader: name("Reads"), writer: name("Writes"), owner: name("Owns") }
    }

    /// What is printed with these settings.
    fn script(&self, database: &Database, settings: &[&str]) -> String {
        let mut command = database.command("migrate");
        for setting in settings {
            command.args(["--set", setting]);
        }
        let Self { reader, writer, owner } = self;
        let names = ["--reader", reader, "--writer", writer, "--owner", owner];
        let output = command.arg("--roles").args(names).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn drop(&self, database: &Database) {
        for role in [&self.reader, &self.writer, &self.owner] {
            let role = quoted(role);
            database
                .execute(&format!("REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"));
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn url(database: &Database, role: &str) -> String {
    let role = role.bytes().map(|octet| format!("%{octet:02X}")).collect::<Vec<_>>().concat();
    database.url.replace("//flowsentry@", &format!("//{role}@"))
}

/// Packets that are old enough to go.
fn insert(database: &Database) {
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, inserted_at)
         SELECT 1700000000 + g * 0.1, '10.0.0.1', '10.0.1.1', 'UDP', 60, now() - interval '3 days'
         FROM generate_series(1, 1000) g",
    );
}

/// The partition of the day after tomorrow.
const A_DAY: &str = "'raw_packets_' || to_char((now() AT TIME ZONE 'utc')::date + 2, 'YYYYMMDD')";

#[test]
fn the_service_works_with_exactly_these_rights() {
    let settings: [&[&str]; 2] = [&["retention.interval=1s", "retention.keep=1h"], &["retention.keep=0"]];
    for (tables, settings) in [(Tables::Adopted, settings[0]), (Tables::Ours, settings[0]), (Tables::Ours, settings[1])]
    {
        let database = Database::new(tables);
        let roles = Roles::of("works");
        let script = roles.script(&database, settings);
        database.execute(&script);
        database.execute(&script); // it may be run again
        let owns = format!("GRANT {} TO {};", quoted(&roles.owner), quoted(&roles.writer));
        let makes_days = tables == Tables::Ours && settings.len() == 2;
        assert_eq!(script.contains(&owns), makes_days, "{script}");

        let as_writer = format!("database.url={}", url(&database, &roles.writer));
        let settings: Vec<&str> = settings.iter().copied().chain([as_writer.as_str()]).collect();
        let arguments: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let report = check(&database, &arguments);
        report.has("rights", "fine", "role", "all that the service needs", "");
        if makes_days {
            database.execute(&format!("DO $$ BEGIN EXECUTE 'DROP TABLE ' || {A_DAY}; END $$"));
        }
        let service = Service::start(&database, &settings);
        insert(&database);
        if makes_days {
            let sql = format!("SELECT count(*) FROM pg_class WHERE relname = {A_DAY}");
            until("the day to be made again", || database.number(&sql), |count| *count == 1);
        }
        if makes_days || settings.len() == 3 {
            // All are old: they are folded, and then deleted.
            until("all packets", || database.number("SELECT sum(packet_count) FROM traffic_data"), |n| *n == 1000);
            until("old packets to go", || database.number("SELECT count(*) FROM raw_packets"), |n| *n == 0);
        } else {
            until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 1000);
        }
        assert!(!service.log().iter().any(|line| line["message"] == "a right is missing"), "nothing is missing");
        let (code, page) = service.get("/api/hosts/10.0.0.1/flows");
        assert_eq!(code, 200, "{page}");
        assert!(service.stop().success());

        // Whoever migrates may do so as the third role.
        let migrate = database.command("migrate").env("DATABASE_URL", url(&database, &roles.owner)).output().unwrap();
        assert!(migrate.status.success() || tables == Tables::Adopted, "{migrate:?}");
        roles.drop(&database);
    }
}

#[test]
fn people_read_and_change_nothing() {
    let database = Database::new(Tables::Ours);
    let roles = Roles::of("reads");
    database.execute(&roles.script(&database, &[]));
    let reader = Database::at(&url(&database, &roles.reader));
    for read in ["traffic_data", "flowsentry.alerts", "flowsentry.alert_windows", "flowsentry.exceptions"] {
        assert!(reader.try_execute(&format!("SELECT * FROM {read}")), "{read}");
        for change in [
            format!("DELETE FROM {read}"),
            format!("INSERT INTO {read} DEFAULT VALUES"),
            format!("TRUNCATE {read}"),
            format!("ALTER TABLE {read} ADD COLUMN x text"),
            format!("DROP TABLE {read}"),
        ] {
            assert!(!reader.try_execute(&change), "{change}");
        }
    }
    for kept in
        ["SELECT * FROM raw_packets", "SELECT * FROM flowsentry.outbox", "SELECT nextval('flowsentry.alerts_id_seq')"]
    {
        assert!(!reader.try_execute(kept), "{kept}");
    }
    // `export` reads as people do.
    let mut export = database.command("export");
    export.env("DATABASE_URL", url(&database, &roles.reader)).args(["alerts", "--format", "csv"]);
    let output = export.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    drop(reader);
    roles.drop(&database);
}

/// A right of the service that the script gives: what, on what, and the statement.
fn rights(script: &str, role: &str) -> Vec<(String, String, String)> {
    let end = format!(" TO {};", quoted(role));
    let lines = script.lines().filter_map(|line| line.strip_prefix("GRANT ")?.strip_suffix(&end)?.split_once(" ON "));
    let each = lines.flat_map(|(privileges, object)| privileges.split(", ").map(move |one| (one, object)));
    each.map(|(one, object)| (one.to_owned(), object.to_owned(), format!("GRANT {one} ON {object}{end}"))).collect()
}

#[test]
fn each_right_that_is_taken_away_is_named_by_check_and_by_the_service() {
    let database = Database::new(Tables::Adopted);
    let roles = Roles::of("misses");
    let script = roles.script(&database, &[]);
    database.execute(&script);
    let rights = rights(&script, &roles.writer);
    assert!(rights.len() > 30, "{script}");
    let as_writer = format!("database.url={}", url(&database, &roles.writer));
    for (privilege, object, grant) in &rights {
        let is_public = object.starts_with("SCHEMA \"public\"");
        if is_public {
            database.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC");
        }
        database.execute(&format!("REVOKE {privilege} ON {object} FROM {}", quoted(&roles.writer)));
        let report: Report = check(&database, &["--set", &as_writer]);
        let findings = report.all("rights");
        let [finding] = findings.as_slice() else { panic!("one finding, not {findings:?}") };
        assert_eq!(finding["found"], format!("may not {privilege} on {object}"));
        assert_eq!(finding["remedy"]["text"], *grant);

        let service = Service::start(&database, &[&as_writer]);
        let line = until_some(&format!("the service to miss {privilege} on {object}"), || {
            service.log().into_iter().find(|line| line["message"] == "a right is missing" && line["grant"] == **grant)
        });
        assert_eq!((&line["privilege"], &line["object"]), (&privilege.as_str().into(), &object.as_str().into()));
        assert!(!line["why"].as_str().unwrap().is_empty());
        let is_needed = finding["severity"] == "refused";
        assert_eq!(line["level"], if is_needed { "ERROR" } else { "WARN" }, "{line}");
        drop(service);
        database.execute(grant);
        if is_public {
            database.execute("GRANT USAGE ON SCHEMA public TO PUBLIC");
        }
    }
    let report = check(&database, &["--set", &as_writer]);
    report.has("rights", "fine", "role", "all that the service needs", "");
    roles.drop(&database);
}

#[test]
fn before_the_tables_are_there_nothing_is_printed() {
    let database = Database::new(Tables::None);
    let output = database.command("migrate").arg("--roles").output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("has no schema flowsentry yet") && said.contains("run `flowsentry migrate`"), "{said}");
    let long = "x".repeat(64);
    let output = database.command("migrate").args(["--roles", "--writer", &long]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
}
