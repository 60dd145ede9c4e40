//! Stores judged increments, and counts what was committed: so the counters agree with the tables.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::{Alerting, Passed, StageError};
use crate::flow::checkpoint::Timing;
use crate::postgres::PostgresError;
use crate::postgres::writer::{Stored, Writer};
use crate::telemetry::clock;
use crate::telemetry::metrics::{
    CHECKPOINTS, EARLY_FLUSHES, FLOW_VALUES_CLAMPED, FLOWS_STORED, IDS_DEAD, PACKET_LATENESS, PACKETS_FOLDED,
    PACKETS_LATE, PACKETS_READ, PACKETS_REJECTED, PACKETS_REPLAYED, SINK_BLOCKED, STAGE_BUSY, STORE_TRANSACTION,
    WINDOW_DELAY, WINDOWS_STORED,
};
use crate::telemetry::progress::Report;
use crate::telemetry::status::Status;
use crate::verdict::judged::{JudgedIncrement, JudgedLook};

const STAGE: &str = "store";
/// How long nothing must come before the clock is asked whether alerts have been quiet for long enough.
const QUIET_INTERVAL: Duration = Duration::from_secs(5);

/// Stores until no more increments come.
pub async fn store(
    mut writer: Writer,
    mut alerts: Alerting,
    out_of_orderness: Duration,
    mut passed: Receiver<Passed<JudgedIncrement, JudgedLook>>,
    status: Status,
    report: Report,
) -> Result<(), StageError> {
    loop {
        let underway = match timeout(QUIET_INTERVAL, passed.recv()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Passed::Increment(underway))) => underway,
            Ok(Some(Passed::Look(look))) => {
                report.busy();
                let began = clock::now();
                let changes = alerts.look(&look);
                alerts.tell(&mut writer, changes, began).await.map_err(|error| refused(error, &status))?;
                report.waiting();
                continue;
            }
            Err(_) => {
                let began = clock::now();
                let changes = alerts.pass();
                alerts.tell(&mut writer, changes, began).await.map_err(|error| refused(error, &status))?;
                continue;
            }
        };
        let judged = &underway.work;
        report.busy();
        let began = clock::now();
        let changes = alerts.settle(judged);
        let stored = writer.store(judged, &changes).await.map_err(|error| refused(error, &status))?;
        alerts.stored(&changes, &stored.alerts, began);
        SINK_BLOCKED.set(0.0);
        status.update(|now| {
            now.position = judged.increment.checkpoint.position.high();
            now.sink = None;
        });
        let took = began.elapsed();
        STAGE_BUSY.record_with("stage", STAGE, took);
        if !judged.panes.is_empty() {
            STORE_TRANSACTION.record(took);
        }
        count(judged, &stored, out_of_orderness);
        report.waiting();
    }
}

/// A database that is there and does not take the flows is another state than one that is gone: a person may have to make
/// room, or to end what holds a lock.
fn refused(error: PostgresError, status: &Status) -> StageError {
    if !error.is_refusal() {
        return StageError::Postgres(error);
    }
    SINK_BLOCKED.set(1.0);
    let answer = error.answer().map_or_else(String::new, |answer| format!(": {}", answer.message()));
    status.update(|now| now.sink = Some(format!("{error}{answer}")));
    StageError::Sink(error)
}

fn count(judged: &JudgedIncrement, stored: &Stored, out_of_orderness: Duration) {
    let counts = &judged.increment.counts;
    CHECKPOINTS.add(1);
    PACKETS_READ.add(counts.read);
    PACKETS_FOLDED.add(counts.folded);
    PACKETS_LATE.add(counts.late);
    PACKET_LATENESS.add(&counts.lateness.packets, counts.lateness.sum_micros);
    PACKETS_REPLAYED.add(counts.replayed);
    IDS_DEAD.add(counts.dead);
    for (reason, count) in &counts.rejected {
        PACKETS_REJECTED.add_with("reason", reason, *count);
    }
    EARLY_FLUSHES.add(u64::from(counts.flushed_early));
    FLOW_VALUES_CLAMPED.add(stored.clamped);
    let now = clock::since_epoch();
    for pane in &judged.panes {
        for (label, flows) in pane.labels() {
            FLOWS_STORED.add_with("label", label, flows);
        }
        if pane.pane.timing == Timing::OnTime {
            WINDOWS_STORED.add(1);
            let due = pane.pane.flows.window.end.saturating_add(out_of_orderness);
            let due = Duration::from_micros(due.micros().unsigned_abs());
            WINDOW_DELAY.record(now.saturating_sub(due));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::flow::lateness::BOUNDS_MICROS;
    use crate::telemetry::metrics::ALL;

    #[test]
    fn the_buckets_of_the_metric_are_those_that_packets_are_counted_in() {
        let tally = ALL.iter().find(|metric| metric.name == "flowsentry_packet_lateness_seconds").unwrap();
        let values = tally.label.as_ref().unwrap().values;
        let (infinite, finite) = values.split_last().unwrap();
        let bounds: Vec<f64> = finite.iter().map(|bound| bound.parse().unwrap()).collect();
        assert_eq!(bounds, BOUNDS_MICROS.map(|micros| micros as f64 / 1e6));
        assert_eq!(*infinite, "+Inf");
    }
}
