//! Reads when asked: first what a replay needs, then whatever is new.
//!
//! Where the table is emptied and its ids begin anew, what was read before is handed on as complete, and this attempt ends.

use tokio::sync::mpsc::{Receiver, Sender};

use super::{StageError, Tick, hand_on};
use crate::flow::batch::Batch;
use crate::postgres::PostgresError;
use crate::postgres::reader::{Read, Reader};
use crate::postgres::replay::Replay;
use crate::telemetry::clock;
use crate::telemetry::metrics::{LAG, LAG_ROWS, PENDING_IDS, PENDING_OLDEST, PENDING_RANGES, POLLS, STAGE_BUSY};

const STAGE: &str = "ingest";

/// Reads until nobody asks any more, or nobody takes the batches.
pub async fn ingest(
    mut reader: Reader,
    replay: Replay,
    mut ticks: Receiver<Tick>,
    batches: Sender<Batch>,
) -> Result<(), StageError> {
    if !again(&reader, &replay, &batches).await? {
        return Ok(());
    }
    let mut is_proved = false;
    while let Some(tick) = ticks.recv().await {
        let mut rows = 0;
        let mut more = true;
        while more && !ticks.is_closed() {
            let read = if tick.read { read(&mut reader).await } else { observed(&reader).await };
            // Until a read has found the ids of the checkpoint, the replay may have been of other packets.
            if let Err(StageError::Postgres(PostgresError::SourceReset { .. })) = read
                && is_proved
            {
                hand_on(STAGE, &batches, Batch::end()).await;
            }
            let read = read?;
            is_proved |= tick.read;
            rows += read.rows;
            more = read.full;
            for batch in read.batches {
                if !hand_on(STAGE, &batches, batch).await {
                    return Ok(());
                }
            }
        }
        if tick.rows.send(rows).is_err() {
            tracing::debug!("nobody waits for this read any more");
        }
    }
    Ok(())
}

/// Reads again what the checkpoint has consumed and not settled.
async fn again(reader: &Reader, replay: &Replay, batches: &Sender<Batch>) -> Result<bool, StageError> {
    for chunk in reader.replayed_ranges(replay) {
        let mut next = Some(chunk.first());
        while let Some(from) = next {
            let batch;
            (batch, next) = reader.replay(replay, &chunk, from).await?;
            if !hand_on(STAGE, batches, batch).await {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

async fn read(reader: &mut Reader) -> Result<Read, StageError> {
    let began = clock::now();
    let read = reader.read().await?;
    POLLS.add(1);
    STAGE_BUSY.record_with("stage", STAGE, began.elapsed());
    show(&read);
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
    let latest = read.batches.last().filter(|_| read.full);
    LAG.set(latest.map_or(0.0, |batch| {
        let packet = batch.packets.iter().map(|packet| packet.time).max();
        packet.map_or(0.0, |time| batch.observed.database_clock.since(time).as_secs_f64())
    }));
}
