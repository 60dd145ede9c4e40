//! Memory does not grow with rows, whatever they hold, and a reader that pauses is waited for.

use std::io::Read;
use std::process::{Child, Stdio};

use super::*;

/// What an export may take at most, MiB: 42 were seen of Parquet, 21 of CSV.
const MEMORY_MAX_MIB: u64 = 80;
/// The same of long texts, of which one is held more than once while it is written.
const LONG_MAX_MIB: u64 = 160;
/// What a tenth of the rows may take less.
const GROWTH_MAX_MIB: u64 = 16;

/// The most memory that an export had, MiB, looked at whenever something of it was read.
fn peak(database: &Database, format: &str, until: &str) -> u64 {
    let export = Export::of(database);
    let arguments = ["flows", "--since", "2026-01-01T00:00:00Z", "--until", until, "--format", format];
    let mut child = export.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let (mut buffer, mut octets, mut most) = (vec![0; 1 << 20], 0u64, 0);
    loop {
        let count = out.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        octets += count as u64;
        most = most.max(living_peak(&child).unwrap_or(0));
    }
    assert!(child.wait().unwrap().success());
    println!("{format} until {until}: {octets} octets, {most} MiB");
    most
}

/// `None` once it has ended.
fn living_peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024)
}

/// Of Parquet, which holds the most, 300,000 rows; of the others, which hold a row, fewer: a debug build is slow.
#[test]
fn memory_does_not_grow_with_the_rows() {
    let database = Database::new(Tables::Ours);
    store_flows(&database, 300_000);
    // A millisecond a row: a tenth and all of 300,000, and of 100,000.
    let most = ["2026-01-01T00:00:30Z", "2026-01-02T00:00:00Z"];
    let fewer = ["2026-01-01T00:00:10Z", "2026-01-01T00:01:40Z"];
    for (format, ends) in [("parquet", most), ("csv", fewer), ("jsonl", fewer)] {
        let [few, many] = ends.map(|end| peak(&database, format, end));
        assert!(many <= MEMORY_MAX_MIB, "{format}: {many} MiB");
        assert!(many <= few + GROWTH_MAX_MIB, "{format}: {few} MiB of a tenth of the rows, {many} of all");
    }
}

#[test]
fn long_texts_do_not_add_up_in_memory() {
    let database = Database::new(Tables::Ours);
    database.execute(
        "INSERT INTO traffic_data (src_ip, dest_ip, window_start, predicted_label)
         SELECT '10.0.0.1', repeat(md5(i::text), 8192), timestamptz '2026-01-01 00:00:00Z', 'Normal'
         FROM generate_series(1, 1000) i",
    );
    // A quarter of a gigabyte.
    for format in ["csv", "parquet", "jsonl"] {
        let most = peak(&database, format, "2026-01-02T00:00:00Z");
        assert!(most <= LONG_MAX_MIB, "{format}: {most} MiB");
    }
}

/// The server makes no more rows than are taken, and the session holds no lock that anybody waits for.
#[test]
fn a_reader_that_pauses_stops_the_server_and_hinders_nobody() {
    let database = Database::new(Tables::Ours);
    store_flows(&database, 50_000);
    let export = Export::of(&database);
    let mut child = export.command(&[&["flows"][..], &SPAN].concat()).stdout(Stdio::piped()).spawn().unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                   AND application_name LIKE '%/export' AND backend_xmin IS NOT NULL
                   AND (state = 'idle in transaction' OR wait_event = 'ClientWrite')";
    until("the server to wait", || database.number(waiting), |count| *count == 1);
    database.execute("SET lock_timeout = '5s'");
    database.execute("INSERT INTO traffic_data (src_ip, dest_ip, window_start) VALUES ('10.9.9.9', '10.0.0.1', '2026-01-01 12:00:00Z')");
    database.execute("DELETE FROM traffic_data WHERE src_ip <> '10.9.9.9'");
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    // All that was there when it began, and nothing that came later.
    assert_eq!((text.lines().count(), text.contains("10.9.9.9")), (50_001, false));
    let left =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%/export'";
    until("its session to end", || database.number(left), |count| *count == 0);
}

#[test]
fn it_needs_no_right_but_to_read_and_writes_nothing() {
    let database = Database::new(Tables::Ours);
    store_flows(&database, 10);
    store_alerts(&database);
    let role = format!("reader_{}", std::process::id());
    database.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT ON traffic_data TO {role}; GRANT USAGE ON SCHEMA flowsentry TO {role};"
    ));
    let (scheme, rest) = database.url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let url = format!("{scheme}://{role}@{place}");
    let run = |what: &str| {
        let mut command = database.command("export");
        command.env("DATABASE_URL", &url).arg(what).args(SPAN).output().unwrap()
    };
    let flows = run("flows");
    assert!(flows.status.success(), "{}", said(&flows));
    let alerts = run("alerts");
    assert_eq!(alerts.status.code(), Some(77), "{}", said(&alerts));
    database.execute(&format!("GRANT SELECT ON flowsentry.alerts TO {role}"));
    assert!(run("alerts").status.success());
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
