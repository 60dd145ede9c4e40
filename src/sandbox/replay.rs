//! Replays captures through a [`Sniffer`]: a thread reads and decodes, the session inserts what is due.

use std::io::Read;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use super::row::RawRow;
use super::sniffer::{Sniffer, SnifferError};
use super::timeline::Timeline;
use crate::capture::{self, CaptureError, CapturedPacket};
use crate::telemetry::clock;

/// Packets that travel together between the threads, and how many such batches may wait: decoding is faster than
/// inserting, and need not be far ahead.
const BATCH: usize = 1024;
const BATCHES_WAITING: usize = 16;

/// A capture that is to be replayed.
pub struct Recording {
    /// For reports.
    pub name: String,
    /// Its bytes.
    pub reader: Box<dyn Read + Send>,
}

/// What came of a file.
#[derive(Debug)]
pub struct FileReport {
    /// The recording's.
    pub name: String,
    /// Packets that are in the table.
    pub packets: u64,
    /// Packets without a time, which were left out.
    pub without_time: u64,
    /// Where and how the file is damaged; all before it is in the table.
    pub damage: Option<CaptureError>,
}

/// How captures are replayed.
pub struct Replay<'a> {
    /// Whom the packets go through.
    pub sniffer: &'a Sniffer<'a>,
    /// When.
    pub timeline: Timeline,
    /// At most so many packets in a transaction.
    pub rows_per_commit: usize,
    /// Told how many packets have been committed since it was told last.
    pub on_commit: &'a mut dyn FnMut(u64),
}

impl Replay<'_> {
    /// Replays one recording after the other. A damaged one ends early and is told in its report; the next one follows.
    pub async fn run(mut self, recordings: Vec<Recording>) -> Result<Vec<FileReport>, SnifferError> {
        let begun = clock::now();
        let mut reports = Vec::new();
        for Recording { name, reader } in recordings {
            let mut report = FileReport { name, packets: 0, without_time: 0, damage: None };
            self.replay(&mut report, read_in_background(reader)?, begun).await?;
            self.timeline.next_file();
            reports.push(report);
        }
        Ok(reports)
    }

    async fn replay(
        &mut self,
        report: &mut FileReport,
        mut packets: mpsc::Receiver<Vec<Item>>,
        begun: std::time::Instant,
    ) -> Result<(), SnifferError> {
        let mut batch = Vec::new();
        let mut reached = Duration::ZERO;
        while let Some(items) = packets.recv().await {
            for item in items {
                let mut packet = match item {
                    Ok(packet) => packet,
                    Err(error) if error.skips_one_packet() => {
                        report.without_time += 1;
                        continue;
                    }
                    Err(error) => {
                        report.damage = Some(error);
                        continue;
                    }
                };
                let (given, due) = self.timeline.place(packet.timestamp);
                packet.timestamp = given;
                if batch.len() >= self.rows_per_commit {
                    self.commit(&mut batch, report).await?;
                }
                if due > reached {
                    self.commit(&mut batch, report).await?;
                    reached = due;
                    tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
                }
                batch.push(RawRow::from(packet));
            }
        }
        self.commit(&mut batch, report).await
    }

    async fn commit(&mut self, batch: &mut Vec<RawRow>, report: &mut FileReport) -> Result<(), SnifferError> {
        if batch.is_empty() {
            return Ok(());
        }
        let rows = self.sniffer.insert(batch).await?;
        report.packets += rows;
        (self.on_commit)(rows);
        batch.clear();
        Ok(())
    }
}

type Item = Result<CapturedPacket, CaptureError>;

/// Ends when the file does, or when nobody listens any more.
fn read_in_background(reader: Box<dyn Read + Send>) -> Result<mpsc::Receiver<Vec<Item>>, SnifferError> {
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
    let read = move || {
        let mut rows = capture::rows(reader);
        loop {
            let batch: Vec<Item> = rows.by_ref().take(BATCH).collect();
            if batch.is_empty() || sender.blocking_send(batch).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("capture".to_owned()).spawn(read).map_err(SnifferError::Thread)?;
    Ok(receiver)
}
