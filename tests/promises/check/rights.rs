//! Findings of missing rights: each is told with the GRANT that gives it, and with all of them the service works.

use super::kit::{check, mend};
use crate::kit::{Database, Service, Tables, sums, until};

/// A role of the test's own, and the setting by which it connects.
fn role(database: &Database, name: &str) -> (String, String) {
    let role = format!("{name}_{}", std::process::id());
    database.execute(&format!("CREATE ROLE {role} LOGIN"));
    let url = format!("database.url={}", database.url.replace("//flowsentry@", &format!("//{role}@")));
    (role, url)
}

#[test]
fn a_role_without_any_right_gets_what_it_needs_by_the_grants_that_are_told() {
    let database = Database::new(Tables::Adopted);
    database.execute("CREATE SCHEMA \"Net\"; ALTER TABLE raw_packets SET SCHEMA \"Net\"");
    let (role, url) = role(&database, "novice");
    let settings = [url.as_str(), "source.table=\"Net\".raw_packets"];
    let arguments: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let report = check(&database, &arguments);
    assert_eq!(report.code, Some(78));
    let missing = |severity: &str, found: &str, grant: &str| {
        report.has("rights", severity, &role, found, &format!("GRANT {grant} TO {role};"));
    };
    missing("refused", "may not USAGE on SCHEMA \"flowsentry\"", "USAGE ON SCHEMA \"flowsentry\"");
    missing("refused", "may not UPDATE on \"flowsentry\".\"checkpoint\"", "UPDATE ON \"flowsentry\".\"checkpoint\"");
    missing("refused", "may not DELETE on \"flowsentry\".\"rejected", "DELETE ON \"flowsentry\".\"rejected_packets\"");
    missing("refused", "may not USAGE on SCHEMA \"Net\"", "USAGE ON SCHEMA \"Net\"");
    missing("refused", "may not SELECT on \"Net\".\"raw_packets\"", "SELECT ON \"Net\".\"raw_packets\"");
    missing("warning", "may not SELECT on SEQUENCE", "SELECT ON SEQUENCE \"Net\".\"raw_packets_id_seq\"");
    missing("warning", "may not DELETE on \"Net\".\"raw_packets\"", "DELETE ON \"Net\".\"raw_packets\"");
    missing("refused", "may not INSERT on \"public\".\"traffic_data\"", "INSERT ON \"public\".\"traffic_data\"");
    missing("refused", "may not USAGE on SEQUENCE", "USAGE ON SEQUENCE public.traffic_data_id_num_seq");
    report.has("rights.migrate", "fine", &role, "may not TRIGGER on", "");
    // What may not be looked at is told, and ends nothing.
    report.has("lateness", "warning", "lateness", "not found out: cannot read packets: ERROR: permission denied", "");

    for finding in report.all("rights") {
        mend(&database, &finding);
    }
    let report = check(&database, &arguments);
    assert_eq!(report.code, Some(0), "{report:?}");
    report.has("rights", "fine", &role, "all that the service needs", "");
    let service = Service::start(&database, &settings);
    database.execute(
        "INSERT INTO \"Net\".raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT 1700000000 + g * 0.1, '10.0.0.1', '10.0.1.1', 'UDP', 60 FROM generate_series(1, 1000) g;
         SET search_path = public, \"Net\"",
    );
    until("all packets", || sums(&database), |sums| sums.agree() && sums.packets == 1000);
    drop(service);
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn each_right_that_is_taken_away_is_missed() {
    let database = Database::new(Tables::Ours);
    let (role, url) = role(&database, "reader");
    let arguments = ["--set", &url, "--set", "wakeup.trigger=false"];
    let grants = [
        ("refused", "USAGE", "SCHEMA \"flowsentry\""),
        ("refused", "SELECT", "\"flowsentry\".\"migrations\""),
        ("refused", "SELECT", "\"flowsentry\".\"tables\""),
        ("refused", "SELECT", "\"flowsentry\".\"checkpoint\""),
        ("refused", "INSERT", "\"flowsentry\".\"checkpoint\""),
        ("refused", "UPDATE", "\"flowsentry\".\"checkpoint\""),
        ("refused", "SELECT", "\"flowsentry\".\"rejected_packets\""),
        ("refused", "INSERT", "\"flowsentry\".\"rejected_packets\""),
        ("refused", "DELETE", "\"flowsentry\".\"rejected_packets\""),
        ("refused", "SELECT", "\"flowsentry\".\"consumed_ids\""),
        ("refused", "INSERT", "\"flowsentry\".\"consumed_ids\""),
        ("refused", "UPDATE", "\"flowsentry\".\"consumed_ids\""),
        ("refused", "DELETE", "\"flowsentry\".\"consumed_ids\""),
        ("refused", "SELECT", "\"flowsentry\".\"alerts\""),
        ("refused", "INSERT", "\"flowsentry\".\"alerts\""),
        ("refused", "UPDATE", "\"flowsentry\".\"alerts\""),
        ("refused", "SELECT", "\"flowsentry\".\"alert_windows\""),
        ("refused", "INSERT", "\"flowsentry\".\"alert_windows\""),
        ("refused", "SELECT", "\"flowsentry\".\"outbox\""),
        ("refused", "INSERT", "\"flowsentry\".\"outbox\""),
        ("refused", "UPDATE", "\"flowsentry\".\"outbox\""),
        ("refused", "SELECT", "\"flowsentry\".\"exceptions\""),
        ("refused", "UPDATE", "\"flowsentry\".\"exceptions\""),
        ("refused", "USAGE", "SEQUENCE flowsentry.alerts_id_seq"),
        ("warning", "DELETE", "\"flowsentry\".\"alerts\""),
        ("warning", "DELETE", "\"flowsentry\".\"outbox\""),
        ("refused", "SELECT", "\"public\".\"raw_packets\""),
        ("warning", "SELECT", "SEQUENCE \"public\".\"raw_packets_id_seq\""),
        ("warning", "DELETE", "\"public\".\"raw_packets\""),
        ("refused", "INSERT", "\"public\".\"traffic_data\""),
        ("warning", "SELECT", "\"public\".\"traffic_data\""),
    ];
    let change = |how: &str, privilege: &str, object: &str| {
        let to = if how == "GRANT" { "TO" } else { "FROM" };
        database.execute(&format!("{how} {privilege} ON {object} {to} {role}"));
    };
    for (_, privilege, object) in grants {
        change("GRANT", privilege, object);
    }
    // Of a table that flowsentry made, days are dropped by its owner only.
    let report = check(&database, &arguments);
    mend(&database, &report.has("rights", "warning", &role, "raw_packets\" as its owner", "GRANT flowsentry TO"));
    database.execute(&format!("REVOKE flowsentry FROM {role}"));
    for (severity, privilege, object) in grants {
        change("REVOKE", privilege, object);
        let report = check(&database, &arguments);
        let found = format!("may not {privilege} on {object}");
        mend(&database, &report.has("rights", severity, &role, &found, &format!("GRANT {privilege} ON {object} TO")));
    }
    assert_eq!(check(&database, &arguments).code, Some(0));

    // Column by column, where the whole table is too much to ask for.
    let columns = "id, timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, arp_op, arp_psrc, arp_pdst, arp_hwsrc, arp_hwdst, \
                   dns_response, dns_qname";
    database.execute(&format!(
        "REVOKE SELECT ON raw_packets FROM {role}; GRANT SELECT ({columns}) ON raw_packets TO {role}"
    ));
    let report = check(&database, &arguments);
    let finding = report.has(
        "rights",
        "refused",
        &role,
        "may not SELECT on column \"tcp_flags\"",
        "GRANT SELECT (\"tcp_flags\") ON",
    );
    mend(&database, &finding);
    assert_eq!(report.all("rights").len(), 2, "the column and the owner: {report:?}");
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn row_level_security_is_refused_on_both_tables() {
    let database = Database::new(Tables::Adopted);
    let (role, url) = role(&database, "screened");
    database.execute(&format!(
        "GRANT USAGE ON SCHEMA flowsentry TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA public, flowsentry TO {role};
         GRANT ALL ON ALL SEQUENCES IN SCHEMA public, flowsentry TO {role};
         ALTER TABLE raw_packets ENABLE ROW LEVEL SECURITY; ALTER TABLE traffic_data ENABLE ROW LEVEL SECURITY"
    ));
    let report = check(&database, &["--set", &url]);
    assert_eq!(report.code, Some(78));
    let bypass = format!("ALTER ROLE {role} BYPASSRLS;");
    report.has("sink.row_security", "refused", "traffic_data", "row-level security is on", &bypass);
    let finding = report.has("source.row_security", "refused", "raw_packets", "row-level security hides rows", &bypass);
    let (status, log) = Service::start(&database, &[&url]).ended();
    assert_eq!(status.code(), Some(78), "{log}");
    assert!(log.contains("row-level security hides rows") && log.contains(&bypass), "{log}");
    mend(&database, &finding);
    assert_eq!(check(&database, &["--set", &url]).code, Some(0));
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
