//! Reads when asked: first what a replay needs, then whatever is new.
//!
//! Where the table is emptied or altered, what was read before is handed on as complete, and this attempt ends.

use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender};

use super::{StageError, Tick, hand_on};
use crate::flow::batch::Batch;
use crate::postgres::PostgresError;
use crate::postgres::reader::{Read, Reader};
use crate::postgres::replay::Replay;
use crate::telemetry::clock;
use crate::telemetry::metrics::{
    HOLDER_IDLE, LAG, LAG_ROWS, PENDING_IDS, PENDING_OLDEST, PENDING_RANGES, POLLS, STAGE_BUSY,
};
use crate::telemetry::progress::Report;
use crate::telemetry::status::Status;

const STAGE: &str = "ingest";

/// Reads until nobody asks any more, or nobody takes the batches. It is asked `at_least_every` so often, unless whoever asks is
/// stuck.
pub async fn ingest(
    mut reader: Reader,
    replay: Replay,
    (mut ticks, at_least_every): (Receiver<Tick>, Duration),
    batches: Sender<Batch>,
    status: Status,
    report: Report,
) -> Result<(), StageError> {
    if !again(&reader, &replay, &ticks, &batches, &report).await? {
        return Ok(());
    }
    let mut is_proved = false;
    loop {
        report.waiting_for(at_least_every);
        let Some(tick) = ticks.recv().await else { return Ok(()) };
        let mut rows = 0;
        let mut more = true;
        while more && !ticks.is_closed() {
            report.busy();
            let read = if tick.read { read(&mut reader, &status, &report).await } else { observed(&reader).await };
            // Until a read has found the ids of the checkpoint, the replay may have been of other packets.
            if is_proved && read.as_ref().is_err_and(source_changed) {
                hand_on(&report, &batches, Batch::end()).await;
            }
            let read = read?;
            is_proved |= tick.read;
            rows += read.rows;
            more = read.full;
            for batch in read.batches {
                if !hand_on(&report, &batches, batch).await {
                    return Ok(());
                }
            }
        }
        if tick.rows.send(rows).is_err() {
            tracing::debug!("nobody waits for this read any more");
        }
    }
}

/// Whether the table was emptied or altered under way, so that a replay may not find what was read.
fn source_changed(error: &StageError) -> bool {
    matches!(error, StageError::Postgres(PostgresError::SourceReset { .. } | PostgresError::SourceAltered { .. }))
}

/// Reads again what the checkpoint has consumed and not settled. `false`: the batches are not wanted any more. Told to stop
/// in the middle it stops at once: nothing of a replay is stored before it is complete.
async fn again(
    reader: &Reader,
    replay: &Replay,
    ticks: &Receiver<Tick>,
    batches: &Sender<Batch>,
    report: &Report,
) -> Result<bool, StageError> {
    for chunk in reader.replayed_ranges(replay) {
        let mut next = Some(chunk.first());
        while let Some(from) = next {
            if ticks.is_closed() {
                return Ok(false);
            }
            report.busy();
            let batch;
            (batch, next) = reader.replay(replay, &chunk, from).await?;
            if !hand_on(report, batches, batch).await {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

async fn read(reader: &mut Reader, status: &Status, report: &Report) -> Result<Read, StageError> {
    let began = clock::now();
    let read = reader.read(|| report.busy()).await?;
    POLLS.add(1);
    STAGE_BUSY.record_with("stage", STAGE, began.elapsed());
    show(&read);
    status.update(|now| now.lag_rows = read.lag.ids);
    Ok(read)
}

async fn observed(reader: &Reader) -> Result<Read, StageError> {
    Ok(Read { batches: vec![reader.observe().await?], ..Read::default() })
}

fn show(read: &Read) {
    let lag = read.lag;
    LAG_ROWS.set(lag.ids.unwrap_or(0) as f64);
    PENDING_RANGES.set(lag.pending_ranges as f64);
    PENDING_IDS.set(lag.pending_ids as f64);
    PENDING_OLDEST.set(lag.pending_oldest.as_secs_f64());
    HOLDER_IDLE.set(lag.holder_idle.as_secs_f64());
    let latest = read.batches.last().filter(|_| read.full);
    LAG.set(latest.map_or(0.0, |batch| {
        let packet = batch.packets.iter().map(|packet| packet.time).max();
        packet.map_or(0.0, |time| batch.observed.database_clock.since(time).as_secs_f64())
    }));
}
