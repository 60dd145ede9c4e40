//! What was promised can be asked of the tables: `verify` names what is wrong, and takes nothing for wrong that is not.

use serde_json::Value;

use super::audit::{MISSING, SETTINGS, assert_no_alarm, insert, insert_by_hand, until_audited, until_stored};
use super::kit::{Database, Service, Tables, assert_verified, until, verify};

#[test]
fn flows_that_were_deleted_doubled_or_changed_are_named() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &SETTINGS);
    insert(&database, 0, 300);
    until_stored(&database, 300);
    drop(service);
    let report = assert_verified(&database);
    assert_eq!(
        (&report["compared"]["windows"], &report["compared"]["packets"]),
        (&6.into(), &300.into()),
        "{report:#}"
    );
    database.execute("ALTER TABLE traffic_data DROP CONSTRAINT traffic_data_pkey");
    let check = |change: &str, kinds: &[&str]| {
        database.execute("CREATE TABLE before AS TABLE traffic_data");
        let one = "id_num = (SELECT min(id_num) FROM traffic_data)";
        let source: String = database.query(&format!("SELECT src_ip FROM traffic_data WHERE {one}"))[0].get(0);
        database.execute(&change.replace("{one}", one));
        let (code, report) = verify(&database, &[]);
        let found: Vec<_> = report["violations"].as_array().unwrap().iter().map(|one| one["kind"].clone()).collect();
        assert_eq!((code, found), (1, kinds.iter().map(|kind| Value::from(*kind)).collect()), "{change}: {report:#}");
        assert!(report.to_string().contains(&source), "{change}: {report:#}");
        database.execute("TRUNCATE traffic_data; INSERT INTO traffic_data TABLE before; DROP TABLE before");
        assert_verified(&database);
    };
    check("DELETE FROM traffic_data WHERE {one}", &["differs", "stored"]);
    check("INSERT INTO traffic_data SELECT * FROM traffic_data WHERE {one}", &["stored_twice", "differs", "stored"]);
    check("UPDATE traffic_data SET packet_count = packet_count + 1 WHERE {one}", &["differs", "stored"]);
    check("UPDATE traffic_data SET byte_count = byte_count - 60 WHERE {one}", &["differs"]);
    check("UPDATE traffic_data SET src_ip = '10.9.9.9' WHERE {one}", &["differs", "differs"]);
    check("UPDATE traffic_data SET dest_ip = 'nobody' WHERE {one}", &["no_flow", "differs"]);
    database.execute("DELETE FROM traffic_data WHERE window_start < to_timestamp(1700000060)");
    assert_eq!(verify(&database, &["--since", "1700000060"]).0, 1, "the sum is smaller");
    assert_eq!(verify(&database, &["--since", "1700000060", "--flows-deleted"]).0, 0);
}

#[test]
fn packets_deleted_before_their_window_closed_are_told_apart_from_a_loss() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[&SETTINGS[..], &["window.idle_timeout=1h"]].concat());
    insert(&database, 0, 100);
    let open = || database.number("SELECT open FROM flowsentry.checkpoint WHERE consumed = 100");
    let open = until("a window to be open", open, |open| *open > 0);
    service.kill();
    assert_eq!(assert_verified(&database)["packets"]["open"], open);
    database.execute("DELETE FROM raw_packets WHERE id > 90");
    assert_verified(&database);

    let service = Service::start(&database, &SETTINGS);
    let gone = || database.number("SELECT gone FROM flowsentry.checkpoint WHERE open = 0");
    assert_eq!(until("the replay to miss them", gone, |gone| *gone > 0), 10);
    until_stored(&database, 90);
    until_audited(&service, &database);
    assert_no_alarm(&service);
    let report = assert_verified(&database);
    assert_eq!((&report["packets"]["gone"], &report["packets"]["stored"]), (&10.into(), &90.into()), "{report:#}");
    let output = database.command("verify").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("note: 10 packets") && text.ends_with("All is well.\n"), "{text}");
}

#[test]
fn rejected_packets_that_are_no_longer_listed_raise_no_alarm() {
    let database = Database::new(Tables::Adopted);
    let own = ["store.rejected_rows_max=3", "window.future_bound=1s", "window.length=1s", "window.out_of_orderness=0s"];
    let service = Service::start(&database, &[&SETTINGS[..], &own].concat());
    let insert = |time: &str, length: i64, packets: i64| {
        database.execute(&format!(
            "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
             SELECT extract(epoch FROM {time}), '10.0.0.1', '10.0.1.1', 'UDP', {length} FROM generate_series(1, {packets})"
        ));
    };
    service.until_owner();
    // Rejected for their time, which will have come by the time that they are verified.
    insert("now() + interval '3 s'", 60, 50);
    insert("now()", -5, 50);
    let until_settled = || {
        let settled =
            "SELECT count(*) FROM flowsentry.checkpoint WHERE position = settled AND open = 0 AND position_high
                       = (SELECT max(id) FROM raw_packets)";
        until("everything to be settled", || database.number(settled), |settled| *settled == 1);
    };
    until_settled();
    let end = database.number("SELECT extract(epoch FROM now() + interval '5 s') * 1000000");
    until(
        "the window that they bear to be closed",
        || {
            insert("now()", 60, 1);
            database.number("SELECT watermark FROM flowsentry.checkpoint")
        },
        |watermark| *watermark > end,
    );
    until_settled();
    // All are listed still: each is known.
    let settings = ["--set", "window.length=1s"];
    let (code, report) = verify(&database, &settings);
    assert_eq!((code, &report["notes"]), (0, &Value::Array(Vec::new())), "{report:#}");
    insert("now()", -5, 5);
    let listed = || database.number("SELECT count(*) FROM flowsentry.rejected_packets");
    until("most to be forgotten", listed, |listed| *listed < 10);
    drop(service);
    let (code, report) = verify(&database, &settings);
    assert_eq!((code, &report["packets"]["rejected"]), (0, &105.into()), "{report:#}");
    assert!(report["notes"].to_string().contains("50 packets are in no flow"), "{report:#}");
}

#[test]
fn the_least_rights_are_enough_for_it() {
    let database = Database::new(Tables::Existing);
    let migrated =
        database.command("migrate").args(["--adopt", "--set", "sink.table=traffic_data_new"]).output().unwrap();
    assert!(migrated.status.success());
    let [role, reader] = ["writer", "reader"].map(|what| format!("{what}_{}_b", std::process::id()));
    let names = ["--roles", "--writer", &role, "--reader", &reader, "--owner", "flowsentry"];
    let settings = ["--set", "sink.table=traffic_data_new", "--set", "retention.keep=0s"];
    let rights = database.command("migrate").args(names).args(settings).output().unwrap();
    assert!(rights.status.success(), "{rights:?}");
    database.execute(&String::from_utf8(rights.stdout).unwrap());
    let url = format!("database.url={}", database.url.replace("//flowsentry@", &format!("//{role}@")));
    let settings = [url.as_str(), "sink.table=traffic_data_new", "retention.keep=0s"];
    let service = Service::start(&database, &[&SETTINGS[..], &settings].concat());
    insert(&database, 0, 100);
    database.execute("INSERT INTO raw_packets (timestamp) VALUES (NULL)");
    let stored = || database.number("SELECT sum(packet_count) FROM traffic_data_new");
    until("all packets to be stored", stored, |stored| *stored == 100);
    until_audited(&service, &database);
    insert_by_hand(&database, -1);
    until("the packet to be found", || service.metric(MISSING), |missing| *missing == 1.0);
    assert_eq!(service.metric("flowsentry_errors_total{kind=\"audit\"}"), 0.0);
    let verified = |code: i32| {
        let output = database.command("verify").args(["--set", settings[0], "--set", settings[1]]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    database.execute(&format!("REVOKE SELECT ON traffic_data_new FROM {role}"));
    verified(77);
    database.execute(&format!("GRANT SELECT ON traffic_data_new TO {role}"));
    let report = verified(1);
    assert!(report.contains("WRONG: among the ids"), "{report}");
    database.execute(&format!("DROP OWNED BY {role}, {reader}; DROP ROLE {role}, {reader}"));
}
