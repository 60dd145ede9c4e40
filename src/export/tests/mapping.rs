//! Names and meanings.

use std::fmt::Write;

use super::*;

/// Names are what others build on: a change is seen here.
#[test]
fn fields_keep_their_names() {
    for what in [What::Flows, What::Alerts] {
        let mut shown = String::new();
        for field in &Table::of(what).fields {
            writeln!(shown, "{:38} {}", field.name, field.kind.name()).unwrap();
        }
        insta::assert_snapshot!(format!("fields_of_{}", what.plural()), shown);
    }
}

/// Otherwise a field would be an object as well as a value.
#[test]
fn no_name_is_twice_or_the_beginning_of_another() {
    for what in [What::Flows, What::Alerts] {
        let table = Table::of(what);
        for (index, field) in table.fields.iter().enumerate() {
            for other in &table.fields[index + 1..] {
                let begins =
                    |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'));
                assert_ne!(field.name, other.name);
                assert!(!begins(&field.name, &other.name) && !begins(&other.name, &field.name), "{}", field.name);
            }
        }
    }
}

#[test]
fn every_value_is_of_the_kind_of_its_field() {
    let strategy = (rows(What::Flows), rows(What::Alerts));
    proptest!(|((flows, alerts) in strategy)| {
        for (what, rows) in [(What::Flows, flows), (What::Alerts, alerts)] {
            let table = Table::of(what);
            for values in &rows {
                let row = Row { columns: &table.columns, values };
                for (field, value) in table.fields.iter().zip(table.values(row)) {
                    let is_of_kind = match value.as_ref() {
                        Value::Absent => true,
                        Value::Text(_) => field.kind == Kind::Text,
                        Value::Count(_) => field.kind == Kind::Count,
                        Value::Real(_) => field.kind == Kind::Real,
                        Value::Time(_) => field.kind == Kind::Time,
                        Value::Texts(_) => field.kind == Kind::Texts,
                        Value::Counts(_) => field.kind == Kind::Counts,
                        Value::Json(_) => field.kind == Kind::Json,
                    };
                    prop_assert!(is_of_kind, "{}: {:?}", field.name, value);
                }
            }
        }
    });
}

/// The fields that are there, as text.
#[track_caller]
fn check(what: What, values: &[(&str, Value)], expected: &[(&str, &str)]) {
    let table = Table::of(what);
    let values = row(&table, values);
    let line = written(what, Format::JsonLines, &[values]);
    let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
    for (name, expected) in expected {
        let found = name.split('.').fold(&json, |json, part| &json[part]);
        let found = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        assert_eq!(found, *expected, "{name}");
    }
}

#[test]
fn protocols_are_said_where_the_schema_has_them() {
    let of = |protocol: &'static str, expected: [&str; 4]| {
        let values = [("protocol", Value::fixed(protocol)), ("src_ip", Value::fixed("2001:DB8::1"))];
        let names = ["network.type", "network.transport", "network.iana_number", "network.protocol"];
        let expected: Vec<_> = names.into_iter().zip(expected).collect();
        check(What::Flows, &values, &expected);
    };
    of("TCP", ["ipv6", "tcp", "6", "null"]);
    of("udp", ["ipv6", "udp", "17", "null"]);
    of("ICMPv6", ["ipv6", "ipv6-icmp", "58", "null"]);
    of("ARP", ["arp", "null", "null", "null"]);
    of("OTHER", ["ipv6", "null", "null", "null"]);
    of("47", ["ipv6", "null", "47", "null"]);
    of("DNS", ["ipv6", "null", "null", "dns"]);
}

#[test]
fn addresses_are_addresses_and_all_else_stays_as_it_is() {
    let values = [
        ("src_ip", Value::fixed("2001:DB8::1")),
        ("dest_ip", Value::fixed("<script>")),
        ("source_mac", Value::fixed("02:00:00:00:00:af")),
        ("dest_mac", Value::fixed("no address")),
    ];
    let expected = [
        ("source.address", "2001:DB8::1"),
        ("source.ip", "2001:db8::1"),
        ("source.mac", "02-00-00-00-00-AF"),
        ("destination.address", "<script>"),
        ("destination.ip", "null"),
        ("destination.mac", "no address"),
    ];
    check(What::Flows, &values, &expected);
}

#[test]
fn a_flow_has_the_times_of_its_packets_or_else_of_its_window_or_else_of_its_row() {
    let window = [("window_start", seconds(30)), ("window_end", seconds(60)), ("created_at", seconds(70))];
    let [start, end] = ["event.start", "event.end"];
    let nothing = ("event.duration", "null");
    check(
        What::Flows,
        &window,
        &[(start, "1970-01-01T00:00:30.000000Z"), (end, "1970-01-01T00:01:00.000000Z"), nothing],
    );
    let created = [(start, "1970-01-01T00:01:10.000000Z"), (end, "1970-01-01T00:01:10.000000Z"), nothing];
    check(What::Flows, &window[2..], &created);
    let packets: Vec<_> = window.into_iter().chain([("first_seen", seconds(31)), ("last_seen", seconds(33))]).collect();
    let expected = [
        ("@timestamp", "1970-01-01T00:00:31.000000Z"),
        (end, "1970-01-01T00:00:33.000000Z"),
        ("event.duration", "2000000000"),
    ];
    check(What::Flows, &packets, &expected);
}

#[test]
fn source_and_destination_of_an_alert_follow_from_whom_it_is_about() {
    let of = |kind: &'static str, peers: &[&'static str], expected: [&str; 2]| {
        let count = i64::try_from(peers.len()).unwrap();
        let values = [
            ("subject", Value::fixed("10.0.0.1")),
            ("subject_kind", Value::fixed(kind)),
            ("peers", Value::Count(count)),
            ("peer_sample", texts(peers)),
        ];
        let [source, destination] = expected;
        check(What::Alerts, &values, &[("source.ip", source), ("destination.ip", destination)]);
    };
    of("attacker", &["10.0.0.2"], ["10.0.0.1", "10.0.0.2"]);
    of("attacker", &["10.0.0.2", "10.0.0.3"], ["10.0.0.1", "null"]);
    of("victim", &["10.0.0.2"], ["10.0.0.2", "10.0.0.1"]);
    of("victim", &["10.0.0.2", "10.0.0.3"], ["null", "10.0.0.1"]);
    of("identity", &[], ["10.0.0.1", "null"]);
}
