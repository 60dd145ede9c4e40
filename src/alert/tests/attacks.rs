//! One alert an attack.

use super::kit::{Service, host};
use crate::alert::Event::{Changed, Closed, Grown, Opened, Withdrawn};
use crate::alert::State;
use crate::alert::SubjectKind::{Attacker, Identity, Victim};
use crate::flow::checkpoint::Timing;
use crate::verdict::label::NORMAL;

/// What a source says, by its number.
fn by_source(says: impl Fn(u32) -> &'static str + 'static) -> Service {
    Service::new(move |key, _, _| (said(key.source, &says), 0.95))
}

fn said(source: std::net::IpAddr, says: &impl Fn(u32) -> &'static str) -> &'static str {
    let std::net::IpAddr::V4(address) = source else { return NORMAL };
    says(address.to_bits() - 0x0a00_0000)
}

#[test]
fn an_attack_is_opened_early_confirmed_and_closed_after_two_quiet_windows() {
    let mut service = by_source(|source| if source == 7 { "Brute Force" } else { NORMAL });
    service.send_many(1.0, 7, 100, 22, 20);
    service.send_many(1.0, 8, 100, 22, 20);
    service.look();
    assert_eq!(service.alerts(), [(Attacker, 7, "Brute Force", State::Open, 0)]);
    assert_eq!((service.table[&1].packets, service.table[&1].flows), (20, 1));
    service.send_many(8.0, 7, 100, 22, 30);
    service.look();
    assert_eq!(service.table[&1].packets, 50);
    service.close(30.0);
    assert_eq!(service.alerts(), [(Attacker, 7, "Brute Force", State::Open, 1)]);
    let alert = &service.table[&1];
    assert_eq!((alert.packets, alert.octets, alert.flows, alert.peers, alert.ports), (50, 5_000, 1, 1, 1));
    assert_eq!((alert.peer_sample.as_slice(), alert.port_sample.as_slice()), ([host(100)].as_slice(), [22].as_slice()));
    assert_eq!(alert.protocols, ["TCP"]);
    assert!(alert.reasons.is_some());
    service.close(89.0);
    assert_eq!(service.alerts(), [(Attacker, 7, "Brute Force", State::Open, 1)]);
    service.close(90.0);
    assert_eq!(service.alerts(), [(Attacker, 7, "Brute Force", State::Closed, 1)]);
    assert_eq!(service.events(1), [Opened, Closed]);
    assert_eq!((service.evidence[&1], service.withdrawn), (50, 0));
}

#[test]
fn what_no_closed_window_confirms_is_withdrawn() {
    let mut service = Service::new(|_, _, is_final| if is_final { (NORMAL, 0.9) } else { ("Slowloris", 0.6) });
    service.send_many(1.0, 1, 2, 80, 20);
    service.look().close(29.0);
    assert_eq!(service.alerts(), [(Attacker, 1, "Slowloris", State::Open, 0)]);
    service.close(30.0);
    assert_eq!(service.alerts(), [(Attacker, 1, "Slowloris", State::Withdrawn, 0)]);
    assert_eq!((service.table[&1].packets, service.withdrawn), (20, 1));
    assert_eq!(service.events(1), [Opened, Withdrawn]);
}

#[test]
fn passing_time_closes_and_withdraws_as_well() {
    let mut service = by_source(|source| if source < 10 { "Brute Force" } else { NORMAL });
    service.send_many(1.0, 1, 50, 22, 20);
    service.look().close(30.0);
    service.send_many(40.0, 2, 60, 22, 20);
    service.look().pass(80.0);
    assert_eq!(service.book.open(), 2);
    service.pass(119.0);
    assert_eq!(service.alerts()[0], (Attacker, 1, "Brute Force", State::Closed, 1));
    service.pass(120.0);
    assert_eq!(service.alerts()[1], (Attacker, 2, "Brute Force", State::Withdrawn, 0));
    assert_eq!(service.book.open(), 0);
}

#[test]
fn a_flood_from_forged_sources_is_one_alert_on_the_victim_and_takes_no_memory() {
    let mut service = by_source(|source| if source > 1_000 { "DDoS" } else { NORMAL });
    let mut bytes = Vec::new();
    for second in 0..5u32 {
        for source in 0..40_000 {
            service.send(f64::from(second) + 0.5, 1_001 + second * 40_000 + source, 1, 80);
        }
        service.look();
        bytes.push(service.book.bytes());
        assert_eq!(service.table.len(), 1);
    }
    assert!(bytes.iter().all(|now| *now <= bytes[0] + 1_024), "{bytes:?}");
    let close_to = |found: u64, expected: f64| assert!((found as f64 / expected - 1.0).abs() < 0.05, "{found}");
    close_to(service.table[&1].peers, 200_000.0);
    close_to(service.table[&1].flows, 200_000.0);
    service.close(30.0);
    let alert = &service.table[&1];
    assert_eq!(service.alerts(), [(Victim, 1, "DDoS", State::Open, 1)]);
    close_to(alert.peers, 200_000.0);
    assert_eq!((alert.packets, alert.flows, alert.peer_sample.len()), (200_000, 200_000, 16));
    assert!(service.book.bytes() < 64 * 1_024, "{}", service.book.bytes());
}

#[test]
fn the_first_source_of_a_flood_becomes_the_alert_on_its_victim() {
    let mut service = by_source(|source| if source > 10 { "DDoS" } else { NORMAL });
    service.send_many(1.0, 11, 1, 80, 50);
    service.look();
    assert_eq!(service.alerts(), [(Attacker, 11, "DDoS", State::Open, 0)]);
    service.send_many(2.0, 12, 1, 80, 50);
    service.look();
    assert_eq!(service.alerts(), [(Victim, 1, "DDoS", State::Open, 0)]);
    assert_eq!((service.table[&1].peers, service.table[&1].packets), (2, 100));
    service.close(30.0);
    assert_eq!(service.alerts(), [(Victim, 1, "DDoS", State::Open, 1)]);
    assert_eq!(service.events(1), [Opened, Changed]);
}

#[test]
fn a_confirmed_attacker_becomes_a_victim_s_alert_when_a_closed_window_shows_more_of_them() {
    let mut service = by_source(|source| if source > 10 { "DDoS" } else { NORMAL });
    service.send_many(1.0, 11, 1, 80, 50);
    service.look().close(30.0);
    service.send_many(31.0, 12, 1, 80, 50);
    service.look();
    assert_eq!(service.alerts(), [(Victim, 1, "DDoS", State::Open, 1)]);
    assert_eq!((service.table[&1].peers, service.table[&1].packets), (2, 100));
    service.crash().look().close(60.0);
    assert_eq!(service.alerts(), [(Victim, 1, "DDoS", State::Open, 2)]);
    assert_eq!((service.table[&1].peers, service.table[&1].packets), (2, 100));
}

#[test]
fn distributed_guesses_are_one_alert_from_the_fifth_source_on() {
    let mut service = by_source(|source| if source > 10 { "Brute Force" } else { NORMAL });
    for source in 11..15 {
        service.send_many(f64::from(source), source, 1, 22, 20);
        service.look();
    }
    assert_eq!(service.book.open(), 4);
    service.send_many(15.0, 15, 1, 22, 20);
    service.look();
    assert_eq!(service.book.open(), 1);
    assert_eq!(service.alerts()[0], (Victim, 1, "Brute Force", State::Open, 0));
    assert_eq!((service.table[&1].peers, service.table[&1].packets), (5, 100));
    assert!(service.table.values().skip(1).all(|alert| alert.merged_into == Some(1)));
    service.close(30.0);
    assert_eq!(service.alerts()[0], (Victim, 1, "Brute Force", State::Open, 1));
    assert_eq!((service.table.len(), service.withdrawn), (4, 0));
}

#[test]
fn sweeps_of_several_scanners_over_the_same_hosts_are_an_alert_each() {
    let mut service = by_source(|source| if source > 1_000 { "Port Scanning" } else { NORMAL });
    for scanner in 1_001..1_007 {
        (1..255).for_each(|target| service.send(1.0 + f64::from(target) / 50.0, scanner, target, 445));
        service.look();
    }
    service.close(30.0);
    assert_eq!(service.table.len(), 6);
    assert!(service.table.values().all(|alert| alert.subject.kind == Attacker && alert.peers == 254));
}

#[test]
fn answers_of_the_scanned_open_nothing_even_if_they_are_alarms() {
    let mut service = by_source(|_| "Port Scanning");
    for target in 2..50 {
        service.send(1.0, 1, target, 80);
        service.send(1.1, target, 1, 40_000);
    }
    service.look();
    for target in 2..50 {
        service.send(2.0, target, 1, 40_000);
    }
    service.look().close(30.0);
    // The answers go on in the next window, where nobody sees what they answer.
    service.send(31.0, 3, 1, 40_000);
    service.look().close(60.0);
    assert_eq!(service.alerts(), [(Attacker, 1, "Port Scanning", State::Open, 1)]);
}

#[test]
fn a_flooded_host_that_answers_everybody_opens_nothing() {
    let mut service = by_source(|_| "DDoS");
    for source in 100..400 {
        service.send(1.0, source, 1, 80);
        service.send(1.1, 1, source, 40_000);
    }
    service.look();
    (400..600).for_each(|source| service.send(2.0, 1, source, 40_000));
    service.look().close(30.0);
    assert_eq!(service.alerts(), [(Victim, 1, "DDoS", State::Open, 1)]);
    assert_eq!(service.table[&1].peers, 300);
}

#[test]
fn poisoning_both_ways_is_one_alert_on_the_address_that_flips_first() {
    let mut service = by_source(|source| if source < 10 { "ARP Poisoning" } else { NORMAL });
    service.arp(0.5, 1, 2, 1);
    service.arp(1.0, 1, 2, 66);
    service.arp(1.1, 2, 1, 66);
    service.look();
    assert_eq!(service.alerts(), [(Identity, 1, "ARP Poisoning", State::Open, 0)]);
    service.arp(3.0, 3, 1, 66);
    service.look().close(30.0);
    service.arp(31.0, 4, 1, 66);
    service.look().crash().look().close(60.0);
    assert_eq!(service.alerts(), [(Identity, 1, "ARP Poisoning", State::Open, 2)]);
    assert_eq!(service.table[&1].peer_sample, [host(2), host(3), host(4)]);
}

#[test]
fn a_label_that_wavers_is_one_alert_with_the_label_that_is_said_most() {
    let mut service = Service::new(|_, flow, is_final| match (is_final, flow.volume.packets) {
        (true, _) | (_, 40..) => ("Brute Force", 0.9),
        (_, 20..) => ("Brute Force", 0.8),
        _ => ("Slowloris", 0.7),
    });
    for (time, packets) in [(1.0, 10), (2.0, 10), (3.0, 20)] {
        service.send_many(time, 1, 2, 22, packets);
        service.look();
    }
    assert_eq!(service.alerts(), [(Attacker, 1, "Brute Force", State::Open, 0)]);
    service.close(30.0);
    assert_eq!(service.alerts(), [(Attacker, 1, "Brute Force", State::Open, 1)]);
    assert_eq!(service.events(1), [Opened, Changed]);
}

#[test]
fn a_scan_and_then_guesses_by_the_same_source_are_two_alerts() {
    let mut service =
        Service::new(
            |_, flow, _| {
                if flow.ports.destination.contains(22) { ("Brute Force", 0.95) } else { ("Port Scanning", 0.95) }
            },
        );
    (100..150).for_each(|target| service.send(1.0, 1, target, 80));
    service.look().close(30.0);
    service.send_many(31.0, 1, 100, 22, 20);
    service.look();
    assert_eq!(service.table.len(), 1, "one look says it");
    service.send_many(32.0, 1, 100, 22, 20);
    service.look();
    assert_eq!(service.table.len(), 2);
    service.close(60.0);
    let expected = [(Attacker, 1, "Port Scanning", State::Open, 1), (Attacker, 1, "Brute Force", State::Open, 1)];
    assert_eq!(service.alerts(), expected);
}

#[test]
fn some_flows_of_a_sweep_with_another_label_are_no_second_attack() {
    let mut service =
        Service::new(
            |key, _, _| {
                if key.destination <= host(12) { ("Brute Force", 0.9) } else { ("Port Scanning", 0.9) }
            },
        );
    (1..250).for_each(|target| service.send(1.0, 1_000, target, 22));
    service.look().close(30.0);
    assert_eq!(service.alerts(), [(Attacker, 1_000, "Port Scanning", State::Open, 1)]);
    assert_eq!(service.table[&1].flows, 249);
}

#[test]
fn others_are_told_again_when_it_has_grown_tenfold() {
    let mut service = by_source(|source| if source == 1 { "Slowloris" } else { NORMAL });
    for (window, packets) in [(0, 20), (1, 100), (2, 100), (3, 1_000), (4, 1_000), (5, 1_000)] {
        service.send_many(f64::from(window) * 30.0 + 1.0, 1, 2, 80, packets);
        service.look().close(f64::from(window) * 30.0 + 30.0);
    }
    assert_eq!(service.events(1), [Opened, Grown, Grown]);
    assert_eq!(service.table[&1].packets, 3_220);
}

#[test]
fn past_the_bound_verdicts_are_counted_and_open_nothing() {
    let mut service = Service::bounded(3, |_, _, _| ("Brute Force", 0.9));
    (1..11).for_each(|source| service.send_many(1.0, source, 100 + source, 22, 20));
    service.look();
    assert_eq!((service.book.open(), service.unopened), (3, 7));
    service.close(30.0);
    assert_eq!((service.book.open(), service.unopened), (3, 14));
}

#[test]
fn late_and_partial_panes_count_their_flows_and_no_window_twice() {
    let mut service = by_source(|source| if source == 1 { "Brute Force" } else { NORMAL });
    service.send_many(1.0, 1, 2, 22, 20);
    service.look().settle(&[(0, Timing::Partial)], super::kit::at(10.0));
    service.send_many(11.0, 1, 2, 22, 20);
    service.look().close(30.0);
    service.send_many(12.0, 1, 2, 22, 5);
    service.settle(&[(0, Timing::Late)], super::kit::at(35.0));
    assert_eq!(service.alerts(), [(Attacker, 1, "Brute Force", State::Open, 1)]);
    assert_eq!((service.table[&1].packets, service.evidence[&1]), (45, 45));
}

#[test]
fn what_only_comes_late_is_one_alert_and_not_one_a_checkpoint() {
    let mut service = by_source(|source| if source == 1 { "Brute Force" } else { NORMAL });
    service.close(1_000.0);
    for second in 0..20u32 {
        service.send_many(f64::from(second) * 10.0, 1, 2, 22, 20);
        let start = i64::from(second) * 10 / 30 * 30;
        service.settle(&[(start, Timing::Late)], super::kit::at(1_000.0 + f64::from(second)));
    }
    assert_eq!(service.alerts(), [(Attacker, 1, "Brute Force", State::Open, 7)]);
    service.close(1_079.0);
    assert_eq!(service.alerts(), [(Attacker, 1, "Brute Force", State::Closed, 7)]);
}
