//! The tables.

use std::time::Duration;

use flowsentry::alert::{State, SubjectKind};
use flowsentry::flow::time::EventTime;

use crate::kit::Spread;
use crate::live::Seen;
use crate::rehearsal::Told;
use crate::scene::{Attack, Scene};

/// What became of one attack.
struct Outcome {
    /// From its first packet to the first alert that is right.
    delay: Option<Duration>,
    attempts: Option<usize>,
    /// Alerts with its label on one of its addresses.
    right: usize,
    /// Alerts on one of its addresses with another label.
    other_label: usize,
    /// Alerts on the victim as if it attacked.
    on_victim: usize,
    /// Alerts on hosts that have nothing to do with it.
    elsewhere: usize,
}

impl Outcome {
    /// How many alerts are right, and how many others there are.
    fn alerts(&self, withdrawn: usize) -> String {
        let others = [
            (self.other_label, "by another label"),
            (self.on_victim, "on the victim"),
            (self.elsewhere, "elsewhere"),
            (withdrawn, "withdrawn"),
        ];
        let others = others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        std::iter::once(self.right.to_string()).chain(others).collect::<Vec<_>>().join(", ")
    }
}

/// Is this alert right, of another label, on the victim, or elsewhere?
fn sort(attack: &Attack, label: &str, seen: &Seen, outcome: &mut Outcome) -> bool {
    let address = seen.address;
    let is_right_role = match seen.kind {
        SubjectKind::Attacker | SubjectKind::Identity => attack.attackers.contains(&address),
        SubjectKind::Victim => attack.victims.contains(&address),
    };
    if is_right_role {
        *(if seen.label == label { &mut outcome.right } else { &mut outcome.other_label }) += 1;
        return seen.label == label;
    }
    *(if attack.victims.contains(&address) { &mut outcome.on_victim } else { &mut outcome.elsewhere }) += 1;
    false
}

fn outcome(scene: &Scene, attack: &Attack, alerts: &[Seen]) -> Outcome {
    let mut outcome = Outcome { delay: None, attempts: None, right: 0, other_label: 0, on_victim: 0, elsewhere: 0 };
    let began = attack.began.since(EventTime::EPOCH);
    for seen in alerts {
        if sort(attack, &scene.label, seen, &mut outcome)
            && outcome.delay.is_none_or(|delay| began + delay > seen.opened)
        {
            outcome.delay = Some(seen.opened.saturating_sub(began));
            outcome.attempts = Some(scene.attempts(EventTime::EPOCH.saturating_add(seen.opened)));
        }
    }
    outcome
}

/// Attacks in event time.
pub fn rehearsed(scenes: &[Scene], told: &[Vec<Told>]) {
    println!("\n## Attacks, in event time\n");
    let seen: Vec<Vec<Seen>> = told.iter().map(|told| told.iter().map(Seen::of).collect()).collect();
    table(scenes, &seen);
}

/// Attacks through the service.
pub fn live(scenes: &[Scene], seen: &[Vec<Seen>]) {
    println!("\n## Attacks, live\n");
    table(scenes, seen);
}

fn table(scenes: &[Scene], seen: &[Vec<Seen>]) {
    println!("| attack | label | known after, s | at attempt | alerts |\n|---|---|---:|---:|---:|");
    let mut fast = Vec::new();
    let (mut known, mut once, mut attacks) = (0, 0, 0);
    for (scene, seen) in scenes.iter().zip(seen) {
        let Some(attack) = &scene.attack else { continue };
        let lasting: Vec<Seen> = seen.iter().filter(|seen| seen.state != State::Withdrawn).cloned().collect();
        let outcome = outcome(scene, attack, &lasting);
        attacks += 1;
        known += usize::from(outcome.delay.is_some());
        once += usize::from(outcome.right == 1 && outcome.other_label + outcome.on_victim == 0);
        if attack.is_fast {
            fast.push(outcome.delay.map_or(f64::INFINITY, |delay| delay.as_secs_f64()));
        }
        println!(
            "| {}{} | {} | {} | {} | {} |",
            scene.id,
            if attack.is_fast { " (fast)" } else { "" },
            scene.label,
            outcome.delay.map_or("-".to_owned(), |delay| format!("{:.2}", delay.as_secs_f64())),
            outcome.attempts.map_or("-".to_owned(), |attempts| attempts.to_string()),
            outcome.alerts(seen.len() - lasting.len()),
        );
    }
    let spread = Spread::of(fast.iter().copied());
    // Of fewer than a hundred, 99 in 100 are all.
    println!(
        "\n{known} of {attacks} attacks known by label and address, {once} of them by one alert and no other; floods and \
         fast scans ({}): half within {:.2} s, the slowest after {:.2} s",
        fast.len(),
        spread.median(),
        spread.quantile(1.0),
    );
}

/// Benign captures in event time.
pub fn quiet(scenes: &[Scene], told: &[Vec<Told>]) {
    println!("## Benign captures\n\n| capture | hours | alerts | withdrawn | labels |\n|---|---:|---:|---:|---|");
    let (mut hours, mut alerts, mut withdrawn) = (0.0, 0, 0);
    for (scene, told) in scenes.iter().zip(told) {
        // A capture is judged in windows of 30 s, and a shorter one fills one.
        let span = scene.span().max(Duration::from_secs(30)).as_secs_f64() / 3600.0;
        let (gone, lasting): (Vec<&Told>, Vec<&Told>) =
            told.iter().partition(|told| told.alert.state == State::Withdrawn);
        hours += span;
        alerts += lasting.len();
        withdrawn += gone.len();
        if !told.is_empty() {
            let labels: Vec<String> =
                lasting.iter().map(|told| format!("{} {}", told.alert.label, told.alert.subject.address)).collect();
            println!("| {} | {span:.2} | {} | {} | {} |", scene.id, lasting.len(), gone.len(), labels.join(", "));
        }
    }
    println!(
        "\n{} captures, {hours:.1} hours: {alerts} alerts ({:.2} an hour), {withdrawn} withdrawn",
        scenes.len(),
        f64::from(u32::try_from(alerts).unwrap()) / hours,
    );
}
