//! Whatever becomes visible when, each row is in one batch, and the batches' deltas lead to the position.

use super::*;
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::packet::TcpFlags;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const BOUND: Duration = Duration::from_mins(1);

fn observed(clock: i64) -> Observation {
    let database_clock = EventTime::from_micros(clock * 1_000_000).unwrap();
    Observation { uptime: Duration::from_secs(3), database_clock, caught_up: false }
}

/// A row whose length says its id. Ids that end in 9 cannot be used.
fn row(id: i64, seconds: i64) -> Row {
    let address = |last| IpAddr::from([10, 0, 0, last]);
    let packet = Packet {
        time: EventTime::from_micros(seconds * 1_000_000).unwrap(),
        key: FlowKey { source: address(1), destination: address(2), protocol: Protocol::Tcp },
        length: u32::try_from(id).unwrap(),
        source_port: 0,
        destination_port: 0,
        tcp_flags: TcpFlags::NONE,
        arp: None,
        dns: None,
    };
    let unusable = Rejected { id, reason: Reason::Address, column: "src_ip", value: None };
    Row { id, packet: if id % 10 == 9 { Err(unusable) } else { Ok(packet) } }
}

fn delta(batch: &Batch) -> (&Delta, Option<u64>) {
    match &batch.progress {
        Progress::New { delta, last_row } => (delta, *last_row),
        Progress::Replayed | Progress::Ended => panic!("no new rows"),
    }
}

fn ids(batch: &Batch) -> Vec<i64> {
    let packets = batch.packets.iter().map(|packet| i64::from(packet.length));
    packets.chain(batch.rejected.iter().map(|row| row.id)).collect()
}

#[test]
fn rows_become_batches_that_follow_each_other() {
    let mut frontier = Frontier::at(Position::up_to(1), BOUND);
    let mut advance = frontier.advance(observed(0), 2);
    for id in [2, 4, 5, 9, 12] {
        advance.push(row(id, 0)).unwrap();
    }
    let batches = advance.finish().unwrap();
    let range = |first, last| IdRange { first, last };
    let shown: Vec<_> = batches.iter().map(|batch| (ids(batch), delta(batch).0.clone())).collect();
    let delta_of = |from, to, missing| Delta { from, to, missing, resolved: Vec::new() };
    assert_eq!(shown[0], (vec![2, 4], delta_of(1, 4, vec![range(3, 3)])));
    assert_eq!(shown[1], (vec![5, 9], delta_of(4, 9, vec![range(6, 8)])));
    assert_eq!(shown[2], (vec![12], delta_of(9, 12, vec![range(10, 11)])));
    assert_eq!(frontier.position.missing().collect::<Vec<_>>(), [range(3, 3), range(6, 8), range(10, 11)]);
    assert_eq!(delta(&batches[1]).1, Some(0), "the last row cannot be used");
    assert_eq!(delta(&batches[2]).1, row(12, 0).packet.ok().map(|packet| packet.fingerprint()));
    assert!(batches.iter().all(|batch| batch.observed == observed(0)));
    let counted = batches.iter().map(|batch| batch.consumed.runs()[0].rows).collect::<Vec<_>>();
    assert_eq!(counted, [2, 2, 1], "rows that cannot be used are consumed as well");
    let waiting = frontier.gaps.observe(&["3/1".to_owned()].into(), Duration::ZERO);
    assert!(waiting.is_empty() && !frontier.gaps.is_empty(), "what is missing waits for whoever holds a lock");
}

#[test]
fn nothing_read_is_no_batch_and_a_quiet_one_moves_nothing() {
    let mut frontier = Frontier::at(Position::up_to(7), BOUND);
    assert!(frontier.advance(observed(5), 2).finish().unwrap().is_empty());
    let quiet = frontier.quiet(observed(5));
    assert_eq!(delta(&quiet), (&Delta { from: 7, to: 7, ..Delta::default() }, None));
    assert_eq!((ids(&quiet), quiet.observed), (vec![], observed(5)));
}

#[test]
fn a_time_too_far_ahead_of_the_servers_clock_is_rejected() {
    let check = |seconds: i64, rejected: bool| {
        let mut frontier = Frontier::at(Position::default(), BOUND);
        let mut advance = frontier.advance(observed(1_000), 1);
        advance.push(row(1, seconds)).unwrap();
        let batch = advance.finish().unwrap().remove(0);
        let reasons: Vec<_> = batch.rejected.iter().map(|row| (row.id, row.reason)).collect();
        assert_eq!(reasons, if rejected { vec![(1, Reason::Future)] } else { vec![] }, "{seconds}");
        assert_eq!(batch.packets.len(), usize::from(!rejected));
    };
    check(0, false);
    check(1_060, false);
    check(1_061, true);
}

#[test]
fn gaps_of_a_checkpoint_count_as_first_seen_now() {
    let mut position = Position::default();
    let missing = IdRange { first: 2, last: 4 };
    position.apply(&Delta { from: 0, to: 9, missing: vec![missing], resolved: vec![] }).unwrap();
    let mut frontier = Frontier::at(position, BOUND);
    assert_eq!(frontier.gaps.observe(&["3/1".to_owned()].into(), Duration::ZERO), []);
    assert_eq!(frontier.gaps.observe(&["3/2".to_owned()].into(), Duration::ZERO), [missing]);
    let batch = frontier.resolve(observed(0), vec![missing], [row(3, 0)]).unwrap();
    assert_eq!((ids(&batch), delta(&batch).0.resolved.clone()), (vec![3], vec![missing]));
    assert_eq!(frontier.position, Position::up_to(9), "2 and 4 are dead");
    assert!(frontier.resolve(observed(0), vec![missing], []).is_err(), "nothing is missing there any more");
}

proptest! {
    /// Each id becomes visible at a step of its own, or never; gaps are read again when their turn comes.
    #[test]
    fn every_visible_row_is_in_one_batch(
        visible in prop::collection::vec(0usize..8, 0..60),
        rows_per_batch in 1usize..7,
        turns in prop::collection::vec(any::<bool>(), 8),
    ) {
        let rows: BTreeMap<i64, usize> = (1..).zip(visible.iter().copied()).filter(|(_, step)| *step < 7).collect();
        let mut frontier = Frontier::at(Position::default(), BOUND);
        let mut folded = Position::default();
        let mut seen = Vec::new();
        for (step, turn) in turns.into_iter().enumerate() {
            let there = |id: &i64| rows.get(id).is_some_and(|&since| since <= step);
            let mut advance = frontier.advance(observed(0), rows_per_batch);
            let above = advance.from + 1;
            rows.range(above..).map(|(id, _)| *id).filter(there).try_for_each(|id| advance.push(row(id, 0))).unwrap();
            let mut batches = advance.finish().unwrap();
            let last_turn = step == 7;
            let holders = if last_turn || turn { vec![] } else { vec![format!("1/{}", step / 2)] };
            let ready = frontier.gaps.observe(&holders.into_iter().collect(), Duration::ZERO);
            // A gap that is read too early is dead: here only what never comes, or has come, may be ready.
            let (ready, early): (Vec<IdRange>, Vec<IdRange>) =
                ready.into_iter().partition(|range| (range.first..=range.last).all(|id| !rows.contains_key(&id) || there(&id)));
            for range in early {
                frontier.gaps.add(range);
            }
            if !ready.is_empty() {
                let found = ready.iter().flat_map(|range| range.first..=range.last).filter(there).map(|id| row(id, 0));
                let found: Vec<Row> = found.collect();
                batches.push(frontier.resolve(observed(0), ready, found).unwrap());
            }
            for batch in &batches {
                prop_assert!(batch.packets.len() + batch.rejected.len() <= rows_per_batch.max(60));
                folded.apply(delta(batch).0).unwrap();
                let consumed: u64 = batch.consumed.runs().iter().map(|run| run.rows).sum();
                prop_assert_eq!(consumed, ids(batch).len() as u64);
                seen.extend(ids(batch));
            }
            prop_assert_eq!(&folded, &frontier.position);
        }
        let distinct: BTreeSet<i64> = seen.iter().copied().collect();
        prop_assert_eq!(distinct.len(), seen.len());
        prop_assert_eq!(distinct, rows.keys().copied().collect::<BTreeSet<_>>());
        prop_assert_eq!(frontier.position.missing_ids(), 0);
    }
}
