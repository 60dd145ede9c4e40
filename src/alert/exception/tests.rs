use std::net::IpAddr;

use proptest::prelude::*;

use super::proof::{PastAlert, Proof, Silenced, TooWide};
use super::*;
use crate::alert::record::{Subject, SubjectKind};
use crate::alert::severity::Severity;
use crate::flow::key::Protocol;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn flow(ports: &[u16]) -> Statistics {
    let mut flow = Statistics::default();
    for port in ports {
        flow.ports.destination.insert(*port);
    }
    flow
}

fn time(text: &str) -> EventTime {
    let time = humantime::parse_rfc3339_weak(text).unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    EventTime::from_micros(i64::try_from(time.as_micros()).unwrap()).unwrap()
}

/// An exception of `key=value` words, the value of a schedule with `_` for blanks.
fn exception(words: &str) -> Exception {
    understood(words).unwrap()
}

fn understood(words: &str) -> Result<Exception, FilterError> {
    let mut filter = Filter::default();
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let (name, value) = word.split_once('=').unwrap();
        let text = Some(value.replace('_', " "));
        match name {
            "source" => filter.source = text,
            "destination" => filter.destination = text,
            "protocol" => filter.protocol = text,
            "port" => filter.port = Some(value.parse().unwrap()),
            "label" => filter.label = text,
            "schedule" => filter.schedule = text,
            "expires" => filter.expires = Some(time(value)),
            _ => panic!("{name}"),
        }
    }
    filter.understand(7)
}

#[test]
fn an_exception_silences_what_is_all_that_it_asks() {
    let check = |words: &str, expected: bool| {
        let key = FlowKey { source: address("10.1.2.3"), destination: address("192.0.2.9"), protocol: Protocol::Tcp };
        let exceptions = Exceptions(vec![exception(words)]);
        let found = exceptions.silencing(&key, &flow(&[22]), "BruteForce", time("2026-03-04T12:00:00Z"));
        assert_eq!(found, expected.then_some(7), "{words}");
    };
    check("", true);
    check("source=10.0.0.0/8", true);
    check("source=10.1.2.3", true);
    check("source=10.1.2.4", false);
    check("source=192.0.2.0/24", false);
    check("destination=192.0.2.0/24", true);
    check("destination=10.0.0.0/8", false);
    check("source=::/0", false);
    check("source=0.0.0.0/0", true);
    check("source=::ffff:10.1.2.3", false);
    check("protocol=tcp", true);
    check("protocol=UDP", false);
    check("port=22", true);
    check("port=23", false);
    check("label=bruteforce", true);
    check("label=DDoS", false);
    check("expires=2026-03-04T12:00:01Z", true);
    check("expires=2026-03-04T12:00:00Z", false);
    check("schedule=wed_11:00-12:01", true);
    check("schedule=wed_11:00-12:00", false);
    check("source=10.0.0.0/8 destination=192.0.2.9 protocol=TCP port=22 label=BruteForce schedule=wed", true);
    check("source=10.0.0.0/8 destination=192.0.2.9 protocol=TCP port=22 label=BruteForce schedule=thu", false);
}

#[test]
fn a_scan_that_touches_the_port_is_not_silenced() {
    let key = FlowKey { source: address("10.1.2.3"), destination: address("192.0.2.9"), protocol: Protocol::Tcp };
    let exceptions = Exceptions(vec![exception("port=22")]);
    let silenced = |ports: &[u16]| exceptions.silencing(&key, &flow(ports), "PortScan", EventTime::EPOCH).is_some();
    assert!(silenced(&[22, 22]));
    assert!(!silenced(&[22, 23]));
    assert!(!silenced(&(1..=1024).collect::<Vec<_>>()));
    assert!(!silenced(&[]));
}

#[test]
fn the_first_that_silences_is_named() {
    let mut others = [exception("label=DDoS"), exception("label=PortScan"), exception("source=10.0.0.0/8")];
    (0..).zip(&mut others).for_each(|(id, other)| other.id = id);
    let key = FlowKey { source: address("10.1.2.3"), destination: address("::1"), protocol: Protocol::Udp };
    let exceptions = Exceptions(others.to_vec());
    assert_eq!(exceptions.silencing(&key, &flow(&[]), "PortScan", EventTime::EPOCH), Some(1));
    assert_eq!(exceptions.silencing(&key, &flow(&[]), "Flood", EventTime::EPOCH), Some(2));
    assert_eq!(exceptions.in_force(EventTime::EPOCH), 3);
}

#[test]
fn what_cannot_be_understood_says_where_and_what_to_write() {
    let check = |words: &str, place: &str, said: &str| {
        let error = understood(words).unwrap_err();
        assert!(error.place == place && error.to_string().contains(said), "{words}: {error}");
    };
    check("source=10.0.0.0/33", "source", "\"10.0.0.0/33\": write an address or a CIDR such as");
    check("source=10.1.2.3/8", "source", "write 10.0.0.0/8 for the net, or 10.1.2.3 for the host");
    check("destination=host", "destination", "write an address");
    check("protocol=123456789012", "protocol", "at most 11 bytes");
    check("port=0", "port", "from 1 to 65535");
    check("port=65536", "port", "from 1 to 65535");
    check("label=", "label", "leave it out");
    check("label=a\0b", "label", "no NUL");
    check("schedule=mon;mon-fry", "schedule", "part 2, \"fry\", names no days: write mon");
    check("schedule=mon_25:00-26:00", "schedule", "part 1, \"25:00\", names no hours");
    check("schedule=22:00", "schedule", "names no hours");
    check("schedule=22:00-22:00", "schedule", "write 00:00-24:00 for a whole day");
    check("schedule=24:00-04:00", "schedule", "names no hours");
    check("schedule=mon_22:00-23:00_x", "schedule", "is no part");
    check("schedule=mon;;tue", "schedule", "part 2, \"\", is no part");
    check("schedule=_", "schedule", "it is empty");
    check(&format!("schedule={}", "mon;".repeat(300)), "schedule", "more than 1000 bytes");
}

#[test]
fn a_schedule_holds_in_its_hours_also_over_midnight_and_the_end_of_the_week() {
    // 2026-03-02 is a Monday.
    let check = |schedule: &str, moment: &str, expected: bool| {
        assert_eq!(schedule.parse::<Schedule>().unwrap().holds(time(moment)), expected, "{schedule} {moment}");
    };
    let night = "mon-fri 22:00-04:00";
    check(night, "2026-03-02T03:59:59Z", false);
    check(night, "2026-03-02T21:59:59Z", false);
    check(night, "2026-03-02T22:00:00Z", true);
    check(night, "2026-03-03T00:00:00Z", true);
    check(night, "2026-03-03T03:59:59.999999Z", true);
    check(night, "2026-03-03T04:00:00Z", false);
    check(night, "2026-03-07T03:00:00Z", true);
    check(night, "2026-03-07T22:00:00Z", false);
    check("Sun 22:00-04:00", "2026-03-08T23:00:00Z", true);
    check("sun 22:00-04:00", "2026-03-09T03:59:00Z", true);
    check("sun 22:00-04:00", "2026-03-09T04:00:00Z", false);
    check("fri-mon", "2026-03-02T12:00:00Z", true);
    check("fri-mon", "2026-03-03T00:00:00Z", false);
    check("fri-mon", "2026-03-08T23:59:59Z", true);
    check("sat,sun 00:00-24:00; wed 9:30-10:00;", "2026-03-04T09:30:00Z", true);
    check("sat,sun; wed 09:30-10:00", "2026-03-04T10:00:00Z", false);
    check("sat,sun", "2026-03-01T00:00:00Z", true);
    check("08:00-09:00", "2026-03-05T08:30:00Z", true);
    check("22:00-04:00", "2026-03-05T02:30:00Z", true);
    check("22:00-04:00", "1970-01-01T02:30:00Z", true);
    check("thu", "1970-01-01T00:00:00Z", true);
}

#[test]
fn a_schedule_covers_a_span_that_never_leaves_it() {
    let check = |schedule: &str, from: &str, until: &str, expected: bool| {
        let found = schedule.parse::<Schedule>().unwrap().covers(time(from), time(until));
        assert_eq!(found, expected, "{schedule} {from} {until}");
    };
    check("22:00-04:00", "2026-03-02T23:00:00Z", "2026-03-03T03:59:59Z", true);
    check("22:00-04:00", "2026-03-02T23:00:00Z", "2026-03-03T04:00:00Z", false);
    check("22:00-04:00", "2026-03-02T23:00:00Z", "2026-03-03T23:00:00Z", false);
    check("sun 22:00-04:00", "2026-03-08T23:00:00Z", "2026-03-09T01:00:00Z", true);
    check("sat,sun,mon", "2026-03-07T00:00:00Z", "2026-03-09T23:00:00Z", true);
    check("sat,sun", "2026-03-07T00:00:00Z", "2026-03-14T12:00:00Z", false);
    check("mon-sun", "2026-03-07T00:00:00Z", "2026-05-14T12:00:00Z", true);
}

proptest! {
    /// Against minute by minute.
    #[test]
    fn a_schedule_is_its_minutes(from in 0_u32..1440, until in 0_u32..=1440, first in 0_usize..7, last in 0_usize..7,
                                 minute in 0_u32..(7 * 1440)) {
        prop_assume!(from != until);
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let text = format!("{}-{} {}-{}", days[first], days[last], clock(from), clock(until));
        let mut expected = false;
        let mut day = first;
        loop {
            let mut at = u32::try_from(day).unwrap() * 1440 + from;
            while at % 1440 != until % 1440 || at == u32::try_from(day).unwrap() * 1440 + from {
                expected |= at % (7 * 1440) == minute;
                at += 1;
            }
            if day == last { break; }
            day = (day + 1) % 7;
        }
        let monday = time("2026-03-02T00:00:00Z");
        let now = monday.saturating_add(std::time::Duration::from_mins(u64::from(minute)));
        let schedule: Schedule = text.parse().unwrap();
        prop_assert_eq!(schedule.holds(now), expected, "{} minute {}", text, minute);
        prop_assert_eq!(schedule.covers(now, now), expected);
    }

    /// What any text does is say what is wrong with it.
    #[test]
    fn no_text_is_too_strange(text in "\\PC*", odd in "[a-z0-9:;,\\- ]{0,40}") {
        for text in [text, odd] {
            if let Ok(schedule) = text.parse::<Schedule>() {
                schedule.covers(EventTime::EPOCH, time("2026-03-02T00:00:00Z"));
            }
            let filter = Filter { source: Some(text.clone()), ..Filter::default() };
            filter.understand(0).ok(); // refused or not: what is shown here is that nothing panics
        }
    }

    /// Bits by hand.
    #[test]
    fn a_net_holds_the_addresses_that_begin_as_it_does(net: u32, length in 0_u8..=32, address: u32) {
        let mask = u32::MAX.checked_shl(u32::from(32 - length)).unwrap_or(0);
        let text = format!("{}/{length}", std::net::Ipv4Addr::from_bits(net & mask));
        let source = IpAddr::V4(std::net::Ipv4Addr::from_bits(address));
        let key = FlowKey { source, destination: source, protocol: Protocol::Tcp };
        let exceptions = Exceptions(vec![exception(&format!("source={text}"))]);
        let silenced = exceptions.silencing(&key, &Statistics::default(), "DDoS", EventTime::EPOCH).is_some();
        prop_assert_eq!(silenced, net & mask == address & mask);
    }
}

/// A scan by 10.1.2.3 of two hosts.
fn alert() -> PastAlert {
    PastAlert {
        id: 1,
        subject: Subject { kind: SubjectKind::Attacker, address: address("10.1.2.3") },
        label: "PortScan".to_owned(),
        severity: Severity::High,
        first_seen: time("2026-03-02T22:00:00Z"),
        last_seen: time("2026-03-02T23:00:00Z"),
        peers: 2,
        peer_sample: vec![address("192.0.2.1"), address("192.0.2.2")],
        ports: 1,
        port_sample: vec![22],
        protocols: vec!["TCP".to_owned()],
    }
}

#[test]
fn an_alert_is_silenced_if_all_of_its_flows_are() {
    let check = |words: &str, alert: &PastAlert, expected: Silenced| {
        assert_eq!(exception(words).would_have_silenced(alert), expected, "{words}: {alert:?}");
    };
    let scan = alert();
    check("source=10.0.0.0/8", &scan, Silenced::Yes);
    check("destination=10.0.0.0/8", &scan, Silenced::No);
    check("destination=192.0.2.0/24", &scan, Silenced::Yes);
    check("destination=192.0.2.1", &scan, Silenced::No);
    check("port=22 label=portscan protocol=tcp", &scan, Silenced::Yes);
    check("label=DDoS", &scan, Silenced::No);
    check("schedule=mon_22:00-04:00", &scan, Silenced::Yes);
    check("schedule=mon_22:30-04:00", &scan, Silenced::No);
    check("expires=2000-01-01T00:00:00Z", &scan, Silenced::Yes);

    let many = PastAlert { peers: 2000, ports: 1024, port_sample: vec![22, 80], ..scan.clone() };
    check("destination=192.0.2.0/24", &many, Silenced::BySample);
    check("source=10.0.0.0/8", &many, Silenced::Yes);
    check("port=22", &many, Silenced::No);
    check("port=22", &PastAlert { ports: 2, ..scan.clone() }, Silenced::No);
    check(
        "protocol=TCP",
        &PastAlert { protocols: vec!["TCP".to_owned(), "UDP".to_owned()], ..scan.clone() },
        Silenced::No,
    );
    check("protocol=TCP", &PastAlert { protocols: vec![], ..scan.clone() }, Silenced::No);

    let flooded = Subject { kind: SubjectKind::Victim, address: address("192.0.2.1") };
    let flood = PastAlert { subject: flooded, peer_sample: vec![address("10.9.9.9")], peers: 1, ..scan.clone() };
    check("source=10.0.0.0/8", &flood, Silenced::Yes);
    check("source=192.0.2.1", &flood, Silenced::No);
    check("destination=192.0.2.1", &flood, Silenced::Yes);
    check("source=10.0.0.0/8", &PastAlert { peers: 200_000, ..flood.clone() }, Silenced::BySample);
    check("source=10.0.0.0/8", &PastAlert { peers: 0, peer_sample: vec![], ..flood }, Silenced::No);

    let claimed = Subject { kind: SubjectKind::Identity, address: address("10.1.2.3") };
    check("source=10.1.2.3", &PastAlert { subject: claimed, ..scan }, Silenced::Yes);
}

#[test]
fn a_proof_counts_by_label_and_severity_and_names_the_urgent() {
    let exception = exception("destination=192.0.2.0/24");
    let mut proof = Proof::default();
    let severities = [Severity::Low, Severity::High, Severity::High, Severity::Critical];
    for (id, severity) in (1..).zip(severities) {
        proof.look(&exception, PastAlert { id, severity, peers: if id == 4 { 2000 } else { 2 }, ..alert() });
    }
    assert!(matches!(proof.objection(&exception), Some(TooWide::AllOfThePast { alerts: 4 })));
    proof.look(&exception, PastAlert { peer_sample: vec![address("::1")], ..alert() });
    assert_eq!(proof.objection(&exception), None);
    assert_eq!((proof.alerts, proof.silenced(), proof.by_sample), (5, 4, 1));
    assert_eq!(proof.silenced[&("PortScan".to_owned(), Severity::High)], 2);
    let named: Vec<_> = proof.urgent.iter().map(|urgent| (urgent.alert.id, urgent.by.as_deref())).collect();
    assert_eq!(named, [(2, None), (3, None), (4, Some("a sample of 2 of 2000 peers"))]);
}

#[test]
fn what_would_silence_everything_is_objected_to() {
    let check = |words: &str, alerts: u64, expected: bool| {
        let exception = exception(words);
        let mut proof = Proof::default();
        (0..alerts).for_each(|_| proof.look(&exception, alert()));
        assert_eq!(proof.objection(&exception).is_some(), expected, "{words} after {alerts}");
    };
    check("", 0, true);
    check("source=0.0.0.0/0", 0, true);
    check("source=::/0 destination=0.0.0.0/0", 0, true);
    check("schedule=sat", 0, true);
    check("expires=2030-01-01T00:00:00Z", 0, true);
    check("source=10.0.0.0/8", 0, false);
    check("source=10.0.0.0/8", 2, false);
    check("source=10.0.0.0/8", 3, true);
    check("source=11.0.0.0/8", 3, false);
    check("label=PortScan", 0, false);
}
