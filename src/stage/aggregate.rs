//! Folds batches into windows.

use tokio::sync::mpsc::{Receiver, Sender};

use super::{StageError, hand_on};
use crate::flow::aggregator::Aggregator;
use crate::flow::batch::Batch;
use crate::flow::checkpoint::Increment;
use crate::telemetry::clock;
use crate::telemetry::metrics::{OPEN_FLOW_BYTES, OPEN_FLOWS, OPEN_WINDOWS, STAGE_BUSY, WATERMARK};
use crate::telemetry::progress::Report;

const STAGE: &str = "aggregate";

/// Folds until no more batches come; then hands on what may be stored.
pub async fn aggregate(
    mut aggregator: Aggregator,
    mut batches: Receiver<Batch>,
    increments: Sender<Increment>,
    report: Report,
) -> Result<(), StageError> {
    while let Some(batch) = batches.recv().await {
        report.busy();
        let began = clock::now();
        let increment = aggregator.absorb(batch)?;
        STAGE_BUSY.record_with("stage", STAGE, began.elapsed());
        show(&aggregator);
        if let Some(increment) = increment
            && !hand_on(&report, &increments, increment).await
        {
            return Ok(());
        }
        report.waiting();
    }
    if let Some(increment) = aggregator.finish() {
        hand_on(&report, &increments, increment).await;
    }
    Ok(())
}

fn show(aggregator: &Aggregator) {
    let open = aggregator.open();
    OPEN_WINDOWS.set(open.windows as f64);
    OPEN_FLOWS.set(open.flows as f64);
    OPEN_FLOW_BYTES.set(open.bytes as f64);
    WATERMARK.set(open.watermark.unix_seconds());
}
