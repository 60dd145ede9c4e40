//! What is confirmed follows from closed windows alone: a process that dies at any time leaves the same alerts.

use std::sync::Arc;

use proptest::prelude::*;

use super::kit::{LENGTH, Says, Service};
use crate::alert::{State, SubjectKind};
use crate::flow::key::Protocol;
use crate::flow::time::EventTime;
use crate::verdict::label::NORMAL;

const SECONDS: u32 = 240;

/// One attack of the script.
#[derive(Clone, Debug)]
struct Attack {
    kind: Kind,
    source: u32,
    target: u32,
    begins: u32,
    lasts: u32,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Guesses,
    Sweep,
    /// Guesses by so many sources.
    Distributed(u32),
    Flood(u32),
    Poison,
}

impl Attack {
    fn send(&self, second: u32, service: &mut Service) {
        if second < self.begins || second >= (self.begins + self.lasts).min(SECONDS) {
            return;
        }
        let time = f64::from(second) + f64::from(self.source) / 100.0;
        match self.kind {
            Kind::Guesses => service.send_many(time, self.source, self.target, 22, 3),
            Kind::Sweep => {
                (0..6).for_each(|step| service.send(time, self.source, 100 + (second * 6 + step) % 40, 445));
            }
            Kind::Distributed(sources) => {
                (0..sources).for_each(|bot| service.send_many(time, 1_000 + bot, self.target, 22, 2));
            }
            Kind::Flood(sources) => {
                (0..sources).for_each(|bot| service.send(time, 10_000 + second * sources + bot, self.target, 80));
            }
            Kind::Poison => {
                let hardware = u8::try_from(self.source).unwrap();
                service.arp(time, 200 + self.source, self.target, hardware);
                service.arp(time, self.target, 200 + self.source, hardware);
            }
        }
    }
}

fn attack() -> impl Strategy<Value = Attack> {
    let kind = prop_oneof![
        3 => Just(Kind::Guesses),
        2 => Just(Kind::Sweep),
        1 => (2u32..8).prop_map(Kind::Distributed),
        1 => (1u32..20).prop_map(Kind::Flood),
        1 => Just(Kind::Poison),
    ];
    let parts = (kind, 1u32..8, 100u32..106, 0..SECONDS - 10, 1u32..120);
    parts.prop_map(|(kind, source, target, begins, lasts)| Attack { kind, source, target, begins, lasts })
}

/// What the model says; `noise` of a hundred verdicts are something else.
fn says(noise: u64, seed: u64) -> Says {
    Arc::new(move |key, flow, is_final| {
        let ports = &flow.ports.destination;
        let honest = match key.protocol {
            Protocol::Arp => "ARP Poisoning",
            _ if ports.contains(22) => "Brute Force",
            _ if ports.contains(445) => "Port Scanning",
            _ => "DDoS",
        };
        let moment = if is_final { flow.timing.first_seen().micros() } else { flow.timing.last_seen().micros() };
        let hash = crate::alert::sketch::mix(
            crate::alert::sketch::hash_of_address(key.source)
                ^ crate::alert::sketch::hash_of_address(key.destination).rotate_left(9)
                ^ moment.unsigned_abs().rotate_left(33)
                ^ seed,
        );
        if hash % 100 >= noise {
            return (honest, 0.9);
        }
        if key.protocol == Protocol::Arp {
            // Traffic both ways with the labels of attacks looks like answers, of which open windows may know more.
            return (NORMAL, 0.9);
        }
        let others = [NORMAL, "Brute Force", "DDoS", "Slowloris", NORMAL];
        let confidence = if hash & (1 << 40) == 0 { 0.6 } else { 0.95 };
        (others[(hash >> 20) as usize % others.len()], confidence)
    })
}

/// When the process dies, and whether what it just found is stored before.
type Crashes = Vec<(u32, bool)>;

fn run(script: &[Attack], noise: u64, seed: u64, crashes: &Crashes) -> Service {
    let says = says(noise, seed);
    let mut service = Service::new(move |key, flow, is_final| says(key, flow, is_final));
    for second in 0..SECONDS + 100 {
        for attack in script {
            attack.send(second, &mut service);
        }
        let crash = crashes.iter().find(|(at, _)| *at == second);
        service.loses = crash.is_some_and(|(_, stored)| !stored);
        if second % 30 == 5 {
            service.close(f64::from(second - 5));
        } else {
            service.look();
        }
        if crash.is_some() {
            let closes = service.loses && second % 30 == 5;
            service.loses = false;
            service.crash();
            if closes {
                service.look().close(f64::from(second - 5));
            }
        }
    }
    service
}

/// What is confirmed.
type Confirmed = (SubjectKind, std::net::IpAddr, String, State, u32, [u64; 5], [EventTime; 2], bool);

fn confirmed(service: &Service) -> Vec<Confirmed> {
    let alerts = service.table.values().filter(|alert| alert.windows > 0);
    let mut shown: Vec<Confirmed> = alerts
        .map(|alert| {
            let figures = [alert.packets, alert.octets, alert.flows, alert.peers, alert.ports];
            (
                alert.subject.kind,
                alert.subject.address,
                alert.label.clone(),
                alert.state,
                alert.windows,
                figures,
                [alert.first_seen, alert.last_seen],
                alert.merged_into.is_some(),
            )
        })
        .collect();
    shown.sort_by_key(|alert| format!("{alert:?}"));
    shown
}

/// Each attack is alerted once, all alerts end, and what windows showed is what alerts say.
fn holds(service: &Service) -> Result<(), TestCaseError> {
    let all: Vec<_> = service.table.values().collect();
    prop_assert!(all.iter().all(|alert| alert.state != State::Open));
    let whole: Vec<_> = all.iter().filter(|alert| alert.windows > 0 && alert.state != State::Withdrawn).collect();
    for (index, left) in whole.iter().enumerate() {
        for right in &whole[index + 1..] {
            let is_same = left.subject == right.subject && left.label == right.label;
            let apart = (right.first_seen - left.last_seen).max(left.first_seen - right.last_seen);
            prop_assert!(!is_same || apart >= LENGTH * 1_000_000, "{left:?} and {right:?}");
        }
    }
    let told: u64 = whole.iter().map(|alert| alert.packets).sum();
    prop_assert_eq!(told, service.evidence.values().sum::<u64>());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_leaves_the_same_confirmed_alerts(
        script in prop::collection::vec(attack(), 1..7),
        noise in prop_oneof![Just(0u64), 5u64..50],
        seed in any::<u64>(),
        crashes in prop::collection::vec((1..SECONDS, any::<bool>()), 1..6),
    ) {
        let calm = run(&script, noise, seed, &Vec::new());
        holds(&calm)?;
        let crashed = run(&script, noise, seed, &crashes);
        holds(&crashed)?;
        prop_assert_eq!(confirmed(&crashed), confirmed(&calm));
    }
}

/// Found by the property: one attacker's alert became a part of the victim's while an open window showed his next attack,
/// and ended with that counted.
#[test]
fn a_part_ends_with_what_closed_windows_said_of_it() {
    let attack = |sources, target, begins, lasts| {
        let kind = Kind::Distributed(sources);
        Attack { kind, source: 1, target, begins, lasts }
    };
    let script = [attack(5, 100, 39, 52), attack(2, 101, 120, 2)];
    let (noise, seed) = (24, 1_662_727_564_844_216_053);
    let calm = run(&script, noise, seed, &Vec::new());
    let crashed = run(&script, noise, seed, &vec![(73, true)]);
    assert!(confirmed(&calm).iter().any(|alert| alert.3 == State::Withdrawn && alert.7));
    assert_eq!(confirmed(&crashed), confirmed(&calm));
}
