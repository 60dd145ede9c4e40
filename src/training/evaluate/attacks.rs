//! How soon an attack is recognised: recall of prefixes, and the time to the first right verdict.
//!
//! **Prefix.** Windows are cut as the service cuts them. In each window in which an attack's side sends, the attack begins
//! with the first such packet of that window; the prefix of t seconds is what the window holds before that moment plus t,
//! from the window's own start on, and at most to its end. Features and neighbours are computed from the prefix alone, as
//! the service computes them of an open window. Judged are the attack's flows that the prefix has; a flow that comes later
//! is missing from it, and a flow cut short is judged as it is. Recall is the share of them with the right verdict. So the
//! prefix of a whole window's length gives the recall over whole windows.
//!
//! **Time to the first right verdict.** From the attack's first packet in the capture to the first moment at which one of
//! its flows has the right verdict. Moments are the whole seconds after that packet and the ends of the windows in which the
//! attack sends; at each the window that holds it is judged as far as it has come. The first right *final* verdict is the
//! same with the ends of windows alone: a right verdict on a prefix may be gone when its window is whole.

use std::time::Duration;

use serde::Serialize;

use super::cut::{OpenWindow, before, onset, windows};
use super::scores::mean;
use crate::flow::time::EventTime;
use crate::flow::window::Window;
use crate::model::{Model, ModelError};
use crate::training::corpus::{Capture, LABELS, Label, LabelledPacket};
use crate::verdict::label::Verdict;

/// Lengths of the prefixes, in seconds.
pub const PREFIX_SECONDS: [u64; 5] = [1, 2, 5, 10, 30];

/// How often an open window is judged.
const STEP: Duration = Duration::from_secs(1);

/// One class's attack in one capture.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Attack {
    /// Id of the capture.
    pub capture: String,
    /// The class.
    pub class: String,
    /// Seconds from the attack's first packet to its first right verdict; none if there never was one.
    pub seconds_to_right_verdict: Option<f64>,
    /// Seconds from the attack's first packet to the end of the first whole window with a right verdict, if there is one.
    pub seconds_to_right_final_verdict: Option<f64>,
    /// Share of right verdicts at each of [`PREFIX_SECONDS`].
    pub prefix_recall: Vec<f64>,
}

/// A class's curve: its attacks taken together, captures weighing the same.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PrefixCurve {
    /// The class.
    pub class: String,
    /// Captures that hold it.
    pub captures: usize,
    /// Point by point.
    pub points: Vec<PrefixPoint>,
}

/// A class so many seconds into its attacks.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PrefixPoint {
    /// Length of the prefix.
    pub seconds: u64,
    /// Mean of the prefixes' recall over the captures.
    pub recall: f64,
    /// Captures whose attack has had its first right verdict by then.
    pub recognised: usize,
}

/// The attacks that a capture holds and the model has a class for. `packets` are in the order of time.
///
/// # Errors
/// [`ModelError`] if the model cannot judge.
pub fn of_capture(
    model: &Model,
    capture: &Capture,
    packets: &[LabelledPacket],
    window: Duration,
) -> Result<Vec<Attack>, ModelError> {
    let mut attacks = Vec::new();
    for (label, name) in (0u8..).map(Label).zip(LABELS).skip(1) {
        let (Some(class), Some(begin)) = (model.classes().position(name), onset(packets, label)) else { continue };
        let sought = Sought { model, label, class };
        attacks.push(Attack {
            capture: capture.id.clone(),
            class: name.to_owned(),
            seconds_to_right_verdict: sought
                .first_right_verdict(packets, begin, window, |window| moments(window, begin).collect())?,
            seconds_to_right_final_verdict: sought
                .first_right_verdict(packets, begin, window, |window| vec![window.end])?,
            prefix_recall: sought.prefix_recall(packets, window)?,
        });
    }
    Ok(attacks)
}

/// The curves of those classes that have attacks.
pub fn curves(classes: &[String], attacks: &[Attack]) -> Vec<PrefixCurve> {
    let mut curves = Vec::new();
    for class in classes {
        let of_class: Vec<&Attack> = attacks.iter().filter(|attack| attack.class == *class).collect();
        if of_class.is_empty() {
            continue;
        }
        let point = |(index, &seconds): (usize, &u64)| {
            let recalls: Vec<f64> =
                of_class.iter().filter_map(|attack| attack.prefix_recall.get(index)).copied().collect();
            let in_time =
                |attack: &&&Attack| attack.seconds_to_right_verdict.is_some_and(|after| after <= seconds as f64);
            PrefixPoint { seconds, recall: mean(&recalls), recognised: of_class.iter().filter(in_time).count() }
        };
        let points = PREFIX_SECONDS.iter().enumerate().map(point).collect();
        curves.push(PrefixCurve { class: class.clone(), captures: of_class.len(), points });
    }
    curves
}

/// What is looked for: flows of a label, with the verdict of its class.
struct Sought<'a> {
    model: &'a Model,
    label: Label,
    class: u16,
}

impl Sought<'_> {
    fn verdicts(&self, window: &OpenWindow) -> Result<Vec<Verdict>, ModelError> {
        let flows = window.judge(self.model, |label| label == self.label)?;
        Ok(flows.into_iter().map(|flow| flow.verdict).collect())
    }

    fn is_right(&self, verdict: Verdict) -> bool {
        verdict.class == self.class
    }

    fn prefix_recall(&self, packets: &[LabelledPacket], length: Duration) -> Result<Vec<f64>, ModelError> {
        let mut counts = [(0u64, 0u64); PREFIX_SECONDS.len()];
        for (_, packets) in windows(packets, length) {
            let Some(begin) = onset(packets, self.label) else { continue };
            let mut open = OpenWindow::default();
            let mut folded = 0;
            for (&seconds, (right, flows)) in PREFIX_SECONDS.iter().zip(&mut counts) {
                let prefix = before(packets, begin.saturating_add(Duration::from_secs(seconds)));
                open.fold(&prefix[folded..]);
                folded = prefix.len();
                let verdicts = self.verdicts(&open)?;
                *flows += verdicts.len() as u64;
                *right += verdicts.iter().filter(|verdict| self.is_right(**verdict)).count() as u64;
            }
        }
        Ok(counts.iter().map(|&(right, flows)| right as f64 / flows.max(1) as f64).collect())
    }

    fn first_right_verdict(
        &self,
        packets: &[LabelledPacket],
        begin: EventTime,
        length: Duration,
        moments_of: impl Fn(Window) -> Vec<EventTime>,
    ) -> Result<Option<f64>, ModelError> {
        for (window, packets) in windows(packets, length) {
            if onset(packets, self.label).is_none() {
                continue;
            }
            let mut open = OpenWindow::default();
            let mut folded = 0;
            for moment in moments_of(window) {
                let so_far = before(packets, moment);
                open.fold(&so_far[folded..]);
                folded = so_far.len();
                if self.verdicts(&open)?.iter().any(|verdict| self.is_right(*verdict)) {
                    return Ok(Some(moment.since(begin).as_secs_f64()));
                }
            }
        }
        Ok(None)
    }
}

/// When a window is judged: at whole seconds after `begin`, and at its end.
fn moments(window: Window, begin: EventTime) -> impl Iterator<Item = EventTime> {
    let already = window.start.since(begin).as_secs();
    let first = begin.saturating_add(Duration::from_secs(already));
    let steps = std::iter::successors(Some(first.saturating_add(STEP)), |moment| Some(moment.saturating_add(STEP)));
    steps.take_while(move |moment| *moment < window.end).chain([window.end])
}

#[cfg(test)]
mod tests {
    use super::super::Judged;
    use super::super::scores::Confusion;
    use super::super::testing::{capture, classes, model};
    use super::*;
    use crate::training::kit::packet;

    const WINDOW: Duration = Duration::from_secs(30);
    const DDOS: Label = Label(1);

    /// One flow of three packets and one of a single one in the first window, one of two in the second.
    fn packets() -> Vec<LabelledPacket> {
        vec![
            packet(0, 1, 2, Label::NORMAL),
            packet(10_000, 9, 2, DDOS),
            packet(10_500, 9, 2, DDOS),
            packet(11_900, 9, 2, DDOS),
            packet(14_000, 8, 2, DDOS),
            packet(40_000, 9, 2, DDOS),
            packet(40_100, 9, 2, DDOS),
        ]
    }

    fn attack(model: &Model, packets: &[LabelledPacket]) -> Attack {
        let attacks = of_capture(model, &capture("one", "DDoS"), packets, WINDOW).unwrap();
        assert_eq!(attacks.len(), 1);
        attacks.into_iter().next().unwrap()
    }

    #[test]
    fn prefixes_grow_into_the_window() {
        let model = model("packet_count", 2.5);
        let found = attack(&model, &packets());
        assert_eq!(found.prefix_recall, [0.0, 1.0 / 2.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]);
        assert_eq!(found.seconds_to_right_verdict, Some(2.0));
        assert_eq!(found.seconds_to_right_final_verdict, Some(20.0));

        let whole = capture("one", "DDoS");
        let judged = Judged::of(&model, &whole, &packets(), WINDOW).unwrap();
        let scores = Confusion::of(&classes(), &judged, 0).captures(&whole, &classes());
        assert_eq!(scores[1].recall.to_bits(), found.prefix_recall[4].to_bits());
    }

    #[test]
    fn neighbours_are_of_the_prefix_too() {
        let found = attack(&model("destination_packets", 3.5), &packets());
        assert_eq!(found.prefix_recall, [0.0, 1.0 / 2.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0]);
    }

    #[test]
    fn an_attack_that_is_never_recognised_has_no_time() {
        let found = attack(&model("packet_count", 9.5), &packets());
        assert_eq!(found.seconds_to_right_verdict, None);
        let curves = curves(&classes(), &[found, attack(&model("packet_count", 2.5), &packets())]);
        let [curve] = &curves[..] else { panic!("{curves:?}") };
        assert_eq!((curve.class.as_str(), curve.captures), ("DDoS", 2));
        let points: Vec<_> = curve.points.iter().map(|point| (point.seconds, point.recall, point.recognised)).collect();
        assert_eq!(points[..2], [(1, 0.0, 0), (2, 0.25, 1)]);
    }

    #[test]
    fn a_verdict_that_does_not_last_is_not_final() {
        // One packet of its source's first two has SYN; the later ones have not.
        let mut packets = packets();
        packets[1].packet.tcp_flags = crate::flow::packet::TcpFlags::SYN;
        let found = attack(&model("source_syn_share", 0.4), &packets);
        assert_eq!((found.seconds_to_right_verdict, found.seconds_to_right_final_verdict), (Some(1.0), None));
    }

    #[test]
    fn the_end_of_a_window_is_a_moment() {
        let packets = [packet(29_500, 9, 2, DDOS), packet(29_600, 9, 2, DDOS), packet(29_700, 9, 2, DDOS)];
        assert_eq!(attack(&model("packet_count", 2.5), &packets).seconds_to_right_verdict, Some(0.5));
    }

    #[test]
    fn labels_without_a_class_and_ordinary_captures_are_no_attacks() {
        let packets = [packet(0, 1, 2, Label::NORMAL), packet(1, 9, 2, Label(5))];
        let found = of_capture(&model("packet_count", 2.5), &capture("one", "Slowloris"), &packets, WINDOW).unwrap();
        assert_eq!(found, []);
    }

    #[test]
    fn moments_are_whole_seconds_after_the_attack_began() {
        let time = |milliseconds: i64| EventTime::from_micros(milliseconds * 1_000).unwrap();
        let window = Window { start: time(30_000), end: time(33_000) };
        let check = |begin: i64, expected: &[i64]| {
            let found: Vec<i64> = moments(window, time(begin)).map(|moment| moment.micros() / 1_000).collect();
            assert_eq!(found, expected, "{begin}");
        };
        check(10_400, &[30_400, 31_400, 32_400, 33_000]);
        check(30_400, &[31_400, 32_400, 33_000]);
        check(10_000, &[31_000, 32_000, 33_000]);
    }
}
