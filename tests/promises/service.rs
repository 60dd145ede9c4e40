//! A service among others: health, metrics that agree with the tables, a warm standby, a clean end, a missing model.

use std::fs;

use super::kit::{Database, Service, Tables, assert_flows_equal_group_by, sums, until};

const INSERT: &str = "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
                      SELECT 1700000000 + g * 0.1, '10.0.0.' || g % 9, '10.0.1.1', 'UDP', 60 FROM generate_series(1, 1000) g";

#[test]
fn metrics_agree_with_the_tables() {
    let database = Database::new(Tables::Ours);
    let service = Service::start(&database, &[]);
    database.execute(INSERT);
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length) VALUES (1700000000, 'x', '', 'UDP', 60)",
    );
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 1001);
    let value = |name: &str| service.metric(name);
    until("the counters", || value("flowsentry_packets_read_total"), |read| *read == 1001.0);
    assert_eq!(value("flowsentry_packets_folded_total"), 1000.0);
    assert_eq!(value("flowsentry_packets_rejected_total{reason=\"address\"}"), 1.0);
    assert_eq!(value("flowsentry_lag_rows"), 0.0);
    let flows = database.number("SELECT count(*) FROM traffic_data") as f64;
    let (_, page) = service.get("/metrics");
    let stored: f64 = page
        .lines()
        .filter(|line| line.starts_with("flowsentry_flows_stored_total{"))
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
        .sum();
    assert_eq!(stored, flows);
    assert_flows_equal_group_by(&database);
}

#[test]
fn readiness_tells_owner_from_standby_and_the_standby_takes_over() {
    let database = Database::new(Tables::Ours);
    let owner = Service::start(&database, &[]);
    owner.until_owner();
    let standby = Service::start(&database, &["lease.standby_interval=50ms"]);
    standby.until_logged("another instance owns the source; standing by");
    let (status, body) = standby.get("/readyz");
    assert_eq!(status, 200);
    assert!(body.contains("\"standby\""), "{body}");
    let (status, body) = owner.get("/readyz");
    assert_eq!(status, 200);
    assert!(body.contains("\"owner\""), "{body}");
    assert_eq!(owner.get("/healthz").0, 200);

    database.execute(INSERT);
    owner.kill();
    standby.until_owner();
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 1000);
    assert_eq!(standby.metric("flowsentry_takeovers_total"), 1.0);
    assert_flows_equal_group_by(&database);
}

#[test]
fn an_owner_that_was_frozen_stores_nothing_after_its_successor_took_over() {
    let database = Database::new(Tables::Ours);
    let owner = Service::start(&database, &["store.checkpoint_interval=50ms"]);
    owner.until_owner();
    database.execute(INSERT);
    until(
        "a first checkpoint",
        || database.number("SELECT position_high FROM flowsentry.checkpoint"),
        |high| *high == 1000,
    );
    owner.signal("STOP");
    // What a vanished host looks like to the server, without waiting for its keep-alives.
    database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'flowsentry/lease' AND datname = current_database()");
    let successor = Service::start(&database, &["store.checkpoint_interval=50ms"]);
    successor.until_owner();
    database.execute(&INSERT.replace("1700000000", "1700000200"));
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 2000);
    owner.signal("CONT");
    owner.until_logged("another instance owns the source; standing by");
    assert_flows_equal_group_by(&database);
    assert_eq!(sums(&database).stored, 2000);
}

#[test]
fn a_clean_stop_finishes_what_is_in_flight() {
    let database = Database::new(Tables::Ours);
    let service = Service::start(&database, &[]);
    service.until_owner();
    database.execute(INSERT);
    until("the packets to be read", || service.metric("flowsentry_open_flows"), |open| *open > 0.0);
    assert!(service.stop().success());
    assert_eq!(database.number("SELECT position_high FROM flowsentry.checkpoint"), 1000);
    let again = Service::start(&database, &[]);
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 1000);
    assert_flows_equal_group_by(&database);
    drop(again);
}

#[test]
fn without_a_model_flows_are_unknown_and_a_new_file_is_taken_over() {
    let database = Database::new(Tables::Ours);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    let setting = format!("model.path={}", path.display());
    let service = Service::start(&database, &[&setting, "model.reload_interval=100ms"]);
    database.execute(INSERT);
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 1000);
    assert_eq!(database.number("SELECT count(*) FROM traffic_data WHERE predicted_label <> 'unknown'"), 0);
    assert_eq!(service.metric("flowsentry_model_loaded"), 0.0);

    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/models/flowsentry.safetensors"), &path).unwrap();
    database.execute(&INSERT.replace("1700000000", "1700000200"));
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 2000);
    assert!(database.number("SELECT count(*) FROM traffic_data WHERE predicted_label <> 'unknown' AND model_version IS NOT NULL AND confidence > 0") > 0);

    fs::write(&path, "no model").unwrap();
    database.execute(&INSERT.replace("1700000000", "1700000400"));
    until(
        "the broken file to be refused",
        || service.metric("flowsentry_model_reloads_total{result=\"refused\"}"),
        |refused| *refused == 1.0,
    );
    service.until_metric("flowsentry_model_loaded", 1.0);
}

#[test]
fn a_database_that_was_not_migrated_says_so() {
    let database = Database::new(Tables::None);
    let (status, log) = Service::start(&database, &[]).ended();
    assert_eq!(status.code(), Some(78), "{log}");
    assert!(log.contains("flowsentry migrate"), "{log}");
}

#[test]
fn a_table_that_cannot_be_read_exactly_once_is_refused_with_the_mend() {
    let database = Database::new(Tables::Adopted);
    database.execute("ALTER SEQUENCE raw_packets_id_seq CACHE 20");
    let (status, log) = Service::start(&database, &[]).ended();
    assert_eq!(status.code(), Some(78), "{log}");
    assert!(
        log.contains("CACHE 20") && log.contains("ALTER SEQUENCE \"public\".\"raw_packets_id_seq\" CACHE 1"),
        "{log}"
    );
}

#[test]
fn a_role_that_may_not_store_is_told_at_the_start() {
    let database = Database::new(Tables::Adopted);
    let role = format!("reader_{}", std::process::id());
    database.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA public, flowsentry TO {role};
         GRANT SELECT ON raw_packets, raw_packets_id_seq TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA flowsentry TO {role};"
    ));
    let url = format!("database.url={}", database.url.replace("//flowsentry@", &format!("//{role}@")));
    let check = |right: &str, mend: &str| {
        let (status, log) = Service::start(&database, &[&url]).ended();
        assert_eq!(status.code(), Some(77), "{log}");
        assert!(log.contains(right) && log.contains(mend), "{log}");
    };
    check("insert into", "GRANT INSERT ON");
    database.execute(&format!("GRANT INSERT ON traffic_data TO {role}"));
    check("use the sequence", "GRANT USAGE ON SEQUENCE");
    database.execute(&format!("GRANT USAGE ON SEQUENCE traffic_data_id_num_seq TO {role}"));
    let service = Service::start(&database, &[&url, "retention.keep=0s"]);
    database.execute(INSERT);
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 1000);
    drop(service);
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
