//! The rules of windows and checkpoints, one after the other. What they come to together, the simulation shows.

use super::*;
use crate::flow::batch::Reason;
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::packet::TcpFlags;
use std::net::IpAddr;

const FOREVER: Duration = Duration::from_secs(1 << 40);
const LIMITS: Limits = Limits {
    window_length: Duration::from_secs(30),
    out_of_orderness: Duration::from_secs(5),
    idle_timeout: Duration::from_secs(10),
    memory_max: usize::MAX,
    checkpoint_interval: FOREVER,
    early: Early { interval: Duration::ZERO, flows_max: 1_000 },
};

fn at(seconds: i64) -> EventTime {
    EventTime::from_micros(seconds * 1_000_000).unwrap()
}

fn packet(seconds: i64) -> Packet {
    let address = |last| IpAddr::from([10, 0, 0, last]);
    Packet {
        time: at(seconds),
        key: FlowKey { source: address(1), destination: address(2), protocol: Protocol::Tcp },
        length: 60,
        source_port: 0,
        destination_port: 0,
        tcp_flags: TcpFlags::NONE,
        arp: None,
        dns: None,
    }
}

/// An aggregator and the ids that follow each other into it. All packets are of one flow.
struct Stream {
    aggregator: Aggregator,
    high: i64,
    observed: Observation,
}

impl Stream {
    fn new(limits: Limits) -> Self {
        Self::resumed(limits, Checkpoint::default())
    }

    fn resumed(limits: Limits, checkpoint: Checkpoint) -> Self {
        let high = checkpoint.position.high();
        let observed = Observation { uptime: Duration::ZERO, database_clock: EventTime::EPOCH, caught_up: true };
        Self { aggregator: Aggregator::resume(limits, checkpoint, Duration::ZERO), high, observed }
    }

    /// A batch of packets at these seconds.
    fn packets(&mut self, seconds: &[i64]) -> Option<Increment> {
        self.batch(seconds, Vec::new())
    }

    fn batch(&mut self, seconds: &[i64], rejected: Vec<Rejected>) -> Option<Increment> {
        let from = self.high;
        self.high += i64::try_from(seconds.len() + rejected.len()).unwrap();
        let progress = Progress::New { delta: Delta { from, to: self.high, ..Delta::default() }, last_row: Some(7) };
        let packets = seconds.iter().map(|&seconds| packet(seconds)).collect();
        self.aggregator
            .absorb(Batch { packets, rejected, progress, observed: self.observed, ..Batch::default() })
            .unwrap()
    }

    fn replay(&mut self, seconds: &[i64]) {
        let packets = seconds.iter().map(|&seconds| packet(seconds)).collect();
        let batch = Batch { packets, progress: Progress::Replayed, ..Batch::default() };
        assert!(self.aggregator.absorb(batch).unwrap().is_none(), "a replay stores nothing");
    }

    /// A batch without rows at this uptime, when the database's clock shows `clock`, both in seconds.
    fn quiet(&mut self, uptime: u64, clock: i64) -> Option<Increment> {
        self.observed.uptime = Duration::from_secs(uptime);
        self.observed.database_clock = at(clock);
        self.batch(&[], Vec::new())
    }
}

/// (timing, start of the window, revision, packets) of each pane.
fn panes_of(increment: Option<&Increment>) -> Vec<(Timing, i64, i64, u64)> {
    let Some(Increment { checkpoint, panes, .. }) = increment else { return Vec::new() };
    let shown = panes.iter().map(|pane| {
        let packets = pane.flows.flows.values().map(|flow| flow.volume.packets).sum();
        (pane.timing, pane.flows.window.start.whole_seconds(), pane.revision(checkpoint.number), packets)
    });
    shown.collect()
}

use Timing::{Late, OnTime, Partial};

#[test]
fn a_window_closes_when_the_watermark_that_trails_the_greatest_time_passes_its_end() {
    let mut stream = Stream::new(LIMITS);
    let mut check = |seconds: &[i64], expected: &[(Timing, i64, i64, u64)], watermark| {
        let increment = stream.packets(seconds);
        assert_eq!(panes_of(increment.as_ref()), expected, "after {seconds:?}");
        assert_eq!(stream.aggregator.open().watermark, at(watermark), "after {seconds:?}");
    };
    check(&[3, 1, 29], &[], 24);
    check(&[34], &[], 29);
    check(&[2], &[], 29);
    check(&[35], &[(OnTime, 0, 0, 4)], 30);
    check(&[31, 95, 32, 61], &[(OnTime, 30, 0, 4), (OnTime, 60, 0, 1)], 90);
    check(&[5], &[], 90);
}

#[test]
fn packets_of_one_batch_are_not_late_to_each_other() {
    let mut stream = Stream::new(LIMITS);
    let increment = stream.packets(&[1_000, 1, 2]).unwrap();
    assert_eq!(panes_of(Some(&increment)), [(OnTime, 0, 0, 2)]);
    assert_eq!(increment.counts.late, 0);
}

#[test]
fn late_panes_are_coalesced_and_revised_by_the_number_of_the_checkpoint_that_stores_them() {
    let mut stream = Stream::new(Limits { checkpoint_interval: Duration::from_secs(1), ..LIMITS });
    let first = stream.packets(&[1, 95]).unwrap();
    assert_eq!((first.checkpoint.number, panes_of(Some(&first))), (1, vec![(OnTime, 0, 0, 1)]));
    assert!(stream.packets(&[2, 40]).is_none());
    assert!(stream.packets(&[3, 3, 41]).is_none());
    let second = stream.quiet(1, 0).unwrap();
    assert_eq!(panes_of(Some(&second)), [(Late, 0, 2, 3), (Late, 30, 2, 2)]);
    assert_eq!(second.counts.late, 5);
    assert!(stream.packets(&[4]).is_none());
    let third = stream.packets(&[4, 130]).unwrap();
    assert_eq!(panes_of(Some(&third)), [(OnTime, 90, 0, 1), (Late, 0, 3, 2)]);
}

#[test]
fn idle_closes_to_the_end_of_the_newest_window_and_no_further() {
    let mut stream = Stream::new(LIMITS);
    stream.packets(&[10, 31]);
    assert!(stream.quiet(9, 10_000).is_none(), "not idle for long enough");
    assert!(stream.quiet(10, 59).is_none(), "the clock is not past the window");
    stream.observed.caught_up = false;
    assert!(stream.quiet(11, 10_000).is_none(), "there is more to read");
    stream.observed.caught_up = true;
    let increment = stream.quiet(11, 10_000).unwrap();
    assert_eq!(panes_of(Some(&increment)), [(OnTime, 0, 0, 1), (OnTime, 30, 0, 1)]);
    assert_eq!(increment.checkpoint.watermark, at(60), "a replayed capture must not become late");
    assert!(stream.quiet(30, 10_000).is_none(), "nothing is open any more");
    stream.packets(&[60, 64]);
    let increment = stream.quiet(60, 10_000).unwrap();
    assert_eq!(panes_of(Some(&increment)), [(OnTime, 60, 0, 2)]);
}

#[test]
fn rows_that_cannot_be_used_do_not_keep_windows_open() {
    let mut stream = Stream::new(LIMITS);
    stream.packets(&[10]);
    stream.quiet(10, 0);
    stream.observed.database_clock = at(100);
    let rejected = Rejected { id: 2, reason: Reason::Time, column: "timestamp", value: None };
    let increment = stream.batch(&[], vec![rejected]).unwrap();
    assert_eq!(panes_of(Some(&increment)), [(OnTime, 0, 0, 1)]);
    assert_eq!(increment.rejected.len(), 1);
    let counts = increment.counts;
    assert_eq!((counts.read, counts.folded, counts.rejected.get("time")), (2, 1, Some(&1)));
}

#[test]
fn many_rows_that_cannot_be_used_do_not_wait_for_the_next_checkpoint() {
    let mut stream = Stream::new(LIMITS);
    let rejected = |id: i64| Rejected { id, reason: Reason::Time, column: "timestamp", value: None };
    let rows = |count: usize| (1..).take(count).map(rejected).collect::<Vec<_>>();
    assert!(stream.batch(&[], rows(REJECTED_MAX - 1)).is_none());
    let increment = stream.batch(&[], rows(1)).unwrap();
    assert_eq!(increment.rejected.len(), REJECTED_MAX);
}

#[test]
fn settled_is_the_position_before_the_first_packet_of_the_oldest_open_window() {
    let mut stream = Stream::new(Limits { checkpoint_interval: Duration::ZERO, ..LIMITS });
    let mut check = |seconds: &[i64], settled: i64| {
        let checkpoint = stream.packets(seconds).unwrap().checkpoint;
        assert_eq!(*checkpoint.settled, Position::up_to(settled), "after {seconds:?}");
        assert_eq!(*checkpoint.position, Position::up_to(stream.high), "after {seconds:?}");
    };
    check(&[1, 2], 0);
    check(&[31, 32, 33], 0);
    check(&[20], 0);
    check(&[36], 2);
    check(&[20], 2);
    check(&[61, 62], 2);
    check(&[65], 8);
    check(&[50], 8);
}

#[test]
fn a_window_that_opens_out_of_order_settles_no_more_than_the_older_one() {
    let mut stream = Stream::new(Limits { checkpoint_interval: Duration::ZERO, ..LIMITS });
    stream.packets(&[33]);
    let increment = stream.packets(&[1]).unwrap();
    assert_eq!(*increment.checkpoint.settled, Position::up_to(0), "the window from 30 has its packet 1");
    let increment = stream.packets(&[36]).unwrap();
    assert_eq!(panes_of(Some(&increment)), [(OnTime, 0, 0, 1)]);
    assert_eq!(*increment.checkpoint.settled, Position::up_to(0));
}

#[test]
fn short_of_memory_all_open_flows_are_stored_as_partial_rows_and_everything_is_settled() {
    let mut stream = Stream::new(Limits { memory_max: 0, ..LIMITS });
    let first = stream.packets(&[1, 2, 31]).unwrap();
    assert_eq!(panes_of(Some(&first)), [(Partial, 0, 1, 2), (Partial, 30, 1, 1)]);
    assert_eq!(first.checkpoint.settled, first.checkpoint.position);
    assert!(first.counts.flushed_early);
    assert_eq!(first.checkpoint.watermark, at(26), "the windows stay open");
    assert_eq!(stream.aggregator.open().bytes, 0);

    // Another instance, with memory enough, goes on: the same window has partial and on-time rows.
    let mut stream = Stream::resumed(LIMITS, first.checkpoint);
    assert!(stream.packets(&[3, 4]).is_none());
    let second = stream.packets(&[36]).unwrap();
    assert_eq!(panes_of(Some(&second)), [(OnTime, 0, 0, 2)]);
    assert!(!second.counts.flushed_early);
    assert_eq!(*second.checkpoint.settled, Position::up_to(5), "3 and 4 are stored, 36 is not");
}

#[test]
fn late_panes_count_towards_the_memory_bound() {
    let mut stream = Stream::new(LIMITS);
    stream.packets(&[1_000]);
    let checkpoint = stream.aggregator.finish().unwrap().checkpoint;
    let mut stream = Stream::resumed(Limits { memory_max: 1, ..LIMITS }, checkpoint);
    let increment = stream.packets(&[1]).unwrap();
    assert_eq!(panes_of(Some(&increment)), [(Late, 0, 2, 1)], "though no window is open");
}

#[test]
fn a_replay_is_no_sign_of_idleness() {
    let checkpoint = Checkpoint { position: Arc::new(Position::up_to(9)), ..Checkpoint::default() };
    let mut stream = Stream::resumed(LIMITS, checkpoint);
    stream.aggregator = Aggregator::resume(LIMITS, stream.aggregator.last, Duration::from_secs(500));
    stream.replay(&[1, 2]);
    assert!(stream.quiet(509, 10_000).is_none(), "the process looks at the table since 9 s");
    assert_eq!(panes_of(stream.quiet(510, 10_000).as_ref()), [(OnTime, 0, 0, 2)]);
}

#[test]
fn a_replay_skips_windows_that_the_checkpoint_has_closed() {
    let settled = Arc::new(Position::up_to(3));
    let checkpoint = Checkpoint {
        number: 8,
        position: Arc::new(Position::up_to(9)),
        settled: Arc::clone(&settled),
        watermark: at(60),
        last_row: Some(5),
        open: Some(3),
    };
    let mut stream = Stream::resumed(Limits { checkpoint_interval: Duration::ZERO, ..LIMITS }, checkpoint);
    stream.replay(&[10, 59, 60, 61]);
    stream.replay(&[45, 64]);
    assert_eq!((stream.aggregator.open().windows, stream.aggregator.open().watermark), (1, at(60)));
    assert!(stream.quiet(0, 0).is_none(), "nothing changed");
    let increment = stream.packets(&[62]).unwrap();
    assert_eq!(panes_of(Some(&increment)), []);
    assert_eq!((increment.from, increment.checkpoint.number), (9, 9));
    assert_eq!(increment.checkpoint.settled, settled, "the open window is filled from there");
    assert_eq!((increment.counts.read, increment.counts.folded, increment.counts.replayed), (1, 1, 6));
    assert_eq!((increment.counts.gone, increment.checkpoint.open), (0, Some(4)), "all that was open was found");
    let increment = stream.packets(&[95]).unwrap();
    assert_eq!(panes_of(Some(&increment)), [(OnTime, 60, 0, 4)]);
}

#[test]
fn what_was_open_and_is_not_found_again_is_told_once() {
    let limits = Limits { checkpoint_interval: Duration::ZERO, ..LIMITS };
    let check = |open: Option<u64>, found: &[i64], gone: i64, uncounted: u64| {
        let checkpoint = Checkpoint { position: Arc::new(Position::up_to(9)), open, ..Checkpoint::default() };
        let mut stream = Stream::resumed(limits, checkpoint);
        stream.replay(found);
        let counts = stream.packets(&[70]).unwrap().counts;
        assert_eq!((counts.gone, counts.uncounted), (gone, uncounted), "{open:?} {found:?}");
        let counts = stream.packets(&[71]).unwrap().counts;
        assert_eq!((counts.gone, counts.uncounted), (0, 0));
    };
    check(Some(2), &[1, 31], 0, 0);
    check(Some(3), &[1], 2, 0);
    check(Some(3), &[], 3, 0);
    check(Some(1), &[1, 2], -1, 0);
    check(None, &[1, 2], 0, 2); // a version that did not count stored this checkpoint
}

#[test]
fn an_increment_comes_when_something_changed_and_the_last_one_is_long_enough_ago() {
    let mut stream = Stream::new(Limits { checkpoint_interval: Duration::from_secs(5), ..LIMITS });
    assert!(stream.quiet(100, 0).is_none(), "nothing changed");
    let increment = stream.packets(&[1]).unwrap();
    assert_eq!((panes_of(Some(&increment)), increment.checkpoint.last_row), (vec![], Some(7)));
    assert!(stream.packets(&[2]).is_none());
    assert!(stream.quiet(104, 0).is_none());
    assert_eq!(stream.quiet(105, 0).unwrap().checkpoint.number, 2);
    assert!(stream.quiet(200, 0).is_none());
}

#[test]
fn a_clean_stop_stores_what_is_late_and_closes_nothing() {
    let mut stream = Stream::new(LIMITS);
    assert!(stream.aggregator.finish().is_none());
    stream.packets(&[1, 40]);
    stream.packets(&[2]);
    let increment = stream.aggregator.finish().unwrap();
    assert_eq!(panes_of(Some(&increment)), [(Late, 0, 2, 1)]);
    assert_eq!(*increment.checkpoint.settled, Position::up_to(0));
    assert!(stream.aggregator.finish().is_none());
}

#[test]
fn a_batch_that_does_not_follow_is_refused() {
    let mut stream = Stream::new(LIMITS);
    stream.packets(&[1]);
    stream.high = 7;
    let delta = Delta { from: 7, to: 8, ..Delta::default() };
    let batch = Batch { progress: Progress::New { delta, last_row: None }, ..Batch::default() };
    assert_eq!(stream.aggregator.absorb(batch).unwrap_err(), BrokenChain { from: 7, to: 8, high: 1 });
}

#[test]
fn at_the_end_of_the_ids_all_open_flows_are_given_as_partial_rows() {
    let mut stream = Stream::new(LIMITS);
    assert!(stream.packets(&[60, 61, 94]).is_none());
    let increment = stream.aggregator.absorb(Batch::end()).unwrap().unwrap();
    assert_eq!(increment.panes.iter().map(|pane| pane.timing).collect::<Vec<_>>(), [Timing::Partial, Timing::Partial]);
    assert_eq!(increment.checkpoint.settled, increment.checkpoint.position);
    assert_eq!(increment.checkpoint.position.high(), 3);
    assert!(stream.aggregator.absorb(Batch::end()).unwrap().is_none(), "nothing is left");
    assert!(stream.aggregator.finish().is_none());
}

const WATCHED: Limits = Limits { early: Early { interval: Duration::from_secs(1), flows_max: 1_000 }, ..LIMITS };

/// (start of the window, packets, packets at the look before) of each flow of a look at this uptime, in milliseconds.
fn looked_at(stream: &mut Stream, uptime: u64) -> Vec<(i64, u64, u64)> {
    let Some(Look { windows, .. }) = stream.aggregator.look(Duration::from_millis(uptime)) else { return Vec::new() };
    let flows = windows.iter().flat_map(|open| open.flows.iter().map(|flow| (open.window, flow)));
    let shown =
        flows.map(|(window, flow)| (window.start.whole_seconds(), flow.statistics.volume.packets, flow.packets_before));
    shown.collect()
}

#[test]
fn open_windows_are_looked_at_once_an_interval_and_only_when_there_is_something_new() {
    let mut stream = Stream::new(WATCHED);
    stream.packets(&[1, 31]);
    assert_eq!(looked_at(&mut stream, 999), []);
    assert_eq!(looked_at(&mut stream, 1_000), [(0, 1, 0), (30, 1, 0)]);
    stream.packets(&[2, 3, 32]);
    assert_eq!(looked_at(&mut stream, 1_999), []);
    assert_eq!(looked_at(&mut stream, 2_500), [(0, 3, 1), (30, 2, 1)]);
    assert_eq!(looked_at(&mut stream, 3_400), []);
    assert_eq!(looked_at(&mut stream, 3_600), [], "nothing came");
    stream.packets(&[4]);
    assert_eq!(looked_at(&mut stream, 4_500), [], "a look that found nothing was one");
    let look = stream.aggregator.look(Duration::from_secs(5)).unwrap();
    assert_eq!((look.greatest, look.watermark), (at(32), at(27)));
}

#[test]
fn without_an_interval_there_are_no_looks_and_they_cost_nothing() {
    let (mut stream, mut watched) = (Stream::new(LIMITS), Stream::new(WATCHED));
    for stream in [&mut stream, &mut watched] {
        stream.packets(&[1, 2]);
        stream.quiet(0, 0);
    }
    assert_eq!(looked_at(&mut stream, 1 << 40), []);
    assert!(!stream.aggregator.is_look_due(FOREVER));
    assert_eq!(stream.aggregator.open().bytes, stream.aggregator.table.bytes());
    let flows = stream.aggregator.open().bytes;
    looked_at(&mut watched, 1_000);
    assert!(watched.aggregator.open().bytes > flows, "what looks remember counts as memory");
}

#[test]
fn late_packets_and_closed_windows_are_not_looked_at_and_give_their_memory_back() {
    let mut stream = Stream::new(WATCHED);
    assert!(stream.packets(&[1, 95]).is_some());
    assert_eq!(looked_at(&mut stream, 1_000), [(90, 1, 0)]);
    stream.packets(&[2, 3]);
    assert_eq!(looked_at(&mut stream, 2_000), [], "late");
    let one = stream.aggregator.table.bytes();
    stream.packets(&[96, 121]);
    assert!(stream.aggregator.table.bytes() > one);
    assert!(stream.packets(&[500]).is_some());
    assert_eq!(looked_at(&mut stream, 3_000), [(480, 1, 0)]);
    assert!(stream.aggregator.table.bytes() <= one, "of one window");
    stream.aggregator.absorb(Batch::end()).unwrap();
    assert_eq!((looked_at(&mut stream, 4_000), stream.aggregator.table.bytes()), (vec![], 0));
}

#[test]
fn what_looks_remember_counts_towards_the_memory_bound() {
    let mut stream = Stream::new(LIMITS);
    stream.packets(&[1]);
    let mut stream = Stream::new(Limits { memory_max: stream.aggregator.open().bytes, ..WATCHED });
    let increment = stream.packets(&[1]).unwrap();
    assert_eq!(panes_of(Some(&increment)), [(Partial, 0, 1, 1)], "the flow alone would have had room");
    assert_eq!(stream.aggregator.open().bytes, 0);
    assert_eq!(looked_at(&mut stream, 1_000), [], "it is stored");
}

#[test]
fn nothing_is_looked_at_before_a_replay_is_over_and_then_all_that_it_found() {
    let checkpoint = Checkpoint { position: Arc::new(Position::up_to(9)), ..Checkpoint::default() };
    let mut stream = Stream::resumed(WATCHED, checkpoint);
    stream.replay(&[1, 2]);
    assert_eq!(looked_at(&mut stream, 5_000), []);
    stream.quiet(6, 0);
    assert_eq!(looked_at(&mut stream, 6_000), [(0, 2, 0)]);
}

#[test]
fn windows_share_a_look_and_what_did_not_fit_comes_with_the_next() {
    let mut table = FlowTable::watched(LIMITS.window_length);
    let packets = |second: i64, flows: u8| {
        (0..flows).map(move |flow| {
            let mut packet = packet(second);
            packet.key.source = IpAddr::from([10, 0, 1, flow]);
            packet
        })
    };
    table.fold(&packets(1, 50).chain(packets(31, 2)).chain(packets(61, 50)).collect::<Vec<_>>(), |_| {});
    let mut look = |flows| {
        let looks = table.look(Budget { flows, heap_bytes: usize::MAX });
        looks.iter().map(|open| (open.window.start.whole_seconds(), open.flows.len())).collect::<Vec<_>>()
    };
    assert_eq!(look(20), [(0, 9), (30, 2), (60, 9)]);
    assert_eq!(look(20), [(0, 10), (60, 10)]);
    assert_eq!(look(1000), [(0, 31), (60, 31)]);
    assert_eq!(look(1000), []);
}
