//! Folds batches into windows.

use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender};

use super::{Passed, Room, StageError, Underway, hand_on};
use crate::flow::aggregator::Aggregator;
use crate::flow::batch::Batch;
use crate::flow::checkpoint::Increment;
use crate::flow::look::Look;
use crate::telemetry::clock;
use crate::telemetry::metrics::{
    FLOWS_LOOKED_AT, LOOKS, OPEN_FLOW_BYTES, OPEN_FLOWS, OPEN_WINDOWS, STAGE_BUSY, STAGE_WAIT, WATERMARK,
};
use crate::telemetry::progress::Report;

const STAGE: &str = "aggregate";
/// After a look none is taken for so many times as long as it took: where a hundred thousand flows change each second, as while
/// catching up, looking takes a thirtieth of the time at most.
const PAUSE_FACTOR: u32 = 30;
/// The pause between two looks while there is more to read at once: the windows of then close in a moment.
const PAUSE_BEHIND: Duration = Duration::from_secs(2);

/// Folds until no more batches come; then hands on what may be stored.
pub async fn aggregate(
    mut aggregator: Aggregator,
    mut batches: Receiver<Batch>,
    increments: Sender<Passed<Increment, Look>>,
    room: Room,
    report: Report,
) -> Result<(), StageError> {
    let mut looking = Looking::default();
    while let Some(batch) = batches.recv().await {
        report.busy();
        let began = clock::now();
        let caught_up = batch.observed.caught_up;
        let increment = aggregator.absorb(batch)?;
        STAGE_BUSY.record_with("stage", STAGE, began.elapsed());
        show(&aggregator);
        if let Some(increment) = increment
            && !hand_on(&report, &increments, Passed::Increment(fitted(&room, increment, &report).await)).await
        {
            return Ok(());
        }
        looking.look(&mut aggregator, &increments, caught_up);
        report.waiting();
    }
    if let Some(increment) = aggregator.finish() {
        hand_on(&report, &increments, Passed::Increment(fitted(&room, increment, &report).await)).await;
    }
    Ok(())
}

/// When to look at the open windows.
#[derive(Debug, Default)]
struct Looking {
    /// Whether a look is due that the next stage could not take yet.
    kept_back: bool,
    last: Duration,
    not_before: Duration,
}

impl Looking {
    /// Looks at the open windows if it is time to and the next stage can take a look. Otherwise nothing of it is lost: the
    /// look is kept back until that stage can, and counted as dropped once.
    fn look(&mut self, aggregator: &mut Aggregator, increments: &Sender<Passed<Increment, Look>>, caught_up: bool) {
        let uptime = clock::uptime();
        let is_too_early = uptime < self.not_before || (!caught_up && uptime < self.last + PAUSE_BEHIND);
        if is_too_early || !aggregator.is_look_due(uptime) {
            return;
        }
        let Ok(permit) = increments.try_reserve() else {
            LOOKS.add_with("result", "dropped", u64::from(!std::mem::replace(&mut self.kept_back, true)));
            return;
        };
        self.kept_back = false;
        let began = clock::now();
        if let Some(look) = aggregator.look(uptime) {
            LOOKS.add_with("result", "taken", 1);
            FLOWS_LOOKED_AT.add(look.windows.iter().map(|open| open.flows.len() as u64).sum());
            permit.send(Passed::Look(look));
        }
        let took = began.elapsed();
        (self.last, self.not_before) = (uptime, uptime + took * PAUSE_FACTOR);
        STAGE_BUSY.record_with("stage", STAGE, took);
    }
}

/// Waits until there is room for an increment, and counts how long.
async fn fitted(room: &Room, increment: Increment, report: &Report) -> Underway<Increment> {
    if !room.is_full_for(&increment) {
        return room.take(increment).await;
    }
    report.waiting();
    let began = clock::now();
    let underway = room.take(increment).await;
    STAGE_WAIT.add_with("stage", STAGE, began.elapsed());
    report.busy();
    underway
}

fn show(aggregator: &Aggregator) {
    let open = aggregator.open();
    OPEN_WINDOWS.set(open.windows as f64);
    OPEN_FLOWS.set(open.flows as f64);
    OPEN_FLOW_BYTES.set(open.bytes as f64);
    WATERMARK.set(open.watermark.unix_seconds());
}
