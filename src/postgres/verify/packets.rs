//! The flows of closed windows against the packets of the source, read as the service reads them.

use std::collections::HashSet;

use tokio_postgres::Client;

use super::{Blocks, Compared, Findings, Progress, Snapshot, Subject};
use crate::flow::batch::Reason;
use crate::flow::comparison::{Comparison, Difference};
use crate::flow::invariants::Violation;
use crate::flow::packet::Packet;
use crate::flow::time::EventTime;
use crate::flow::window::Tumbling;
use crate::postgres::audit::{first_audited, next_row};
use crate::postgres::books::Books;
use crate::postgres::decode::Row;
use crate::postgres::error::PostgresError;
use crate::postgres::reader;

/// Ids of a statement. By ids and not by a limit of rows: of a table without statistics a server may take it for cheaper to
/// sort all that is left, at every statement.
const IDS_PER_READ: i64 = 50_000;
/// Ids at the edge of a table that was cut off there, whose times tell which windows the cut went through.
const IDS_OF_THE_EDGE: i64 = 4_096;
/// Flows that may differ at a time: about 100 MB.
const UNEVEN_MAX: usize = 1_000_000;

/// Reads all packets within the position and compares those of the windows asked for.
pub(super) async fn compare(
    client: &Client,
    subject: &Subject<'_>,
    (snapshot, blocks): (&Snapshot, &Blocks),
    findings: &mut Findings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Compared>, PostgresError> {
    let books = &snapshot.books;
    let Some(lowest) = blocks.lowest else {
        findings.notes.push("no packets are there to compare flows with".to_owned());
        return Ok(None);
    };
    let until = subject.request.until.map_or(books.watermark, |until| until.min(books.watermark));
    let since = match subject.request.since {
        Some(since) => since,
        None => whole_since(client, subject, (snapshot, blocks)).await?,
    };
    let mut scan = Scan {
        client,
        subject,
        books,
        comparison: Comparison::new(subject.request.window_length, since, until, UNEVEN_MAX),
        windows: Tumbling::new(subject.request.window_length),
        faults: Vec::new(),
        open: 0,
        unusable: 0,
    };
    let high = books.position.high();
    let mut from = Some(lowest);
    while let Some(first) = from {
        progress(Progress { doing: "comparing flows", done: first.abs_diff(lowest), all: high.abs_diff(lowest) });
        from = scan.read(first, high).await?;
        if scan.comparison.is_full() {
            findings.notes.push(format!("more than {UNEVEN_MAX} flows differ: the rest was not compared"));
            break;
        }
    }
    if from.is_none() {
        scan.begin_the_rest().await?;
        scan.judge_open(blocks, findings);
    }
    scan.judge((snapshot, blocks), findings);
    let (comparison, until) = (&scan.comparison, scan.comparison.until());
    let Some(since) = comparison.first_window() else {
        findings.notes.push(
            "no window is compared: none of those asked for is closed and has all its packets in the table".to_owned(),
        );
        return Ok(None);
    };
    Ok(Some(Compared { since, until, windows: comparison.window_count(), packets: comparison.packets() }))
}

/// The first moment from which on windows have their packets in the table, as far as that can be known: behind those that
/// the lowest rows of a table cut off there are of, and behind windows of another length.
async fn whole_since(
    client: &Client,
    subject: &Subject<'_>,
    (snapshot, blocks): (&Snapshot, &Blocks),
) -> Result<EventTime, PostgresError> {
    let mut since = snapshot.totals.other_length_until.unwrap_or_default();
    if blocks.is_cut
        && let Some(lowest) = blocks.lowest
    {
        let rows = reader::rows_from(client, subject.source, (lowest, lowest + IDS_OF_THE_EDGE - 1)).await?;
        let rejected = rejected_for_future(client, subject, &snapshot.books, &rows).await?;
        let times = rows.iter().filter(|row| !rejected.contains(&row.id)).filter_map(|row| row.packet.as_ref().ok());
        let latest = times.map(|packet| packet.time).max().unwrap_or_default();
        let windows = Tumbling::new(subject.request.window_length);
        since = since.max(windows.window_of(latest.saturating_add(subject.request.future_bound)).end);
    }
    Ok(since)
}

/// Of these rows, the ids of those rejected for a time in the future: a judgement that would fall out differently now.
async fn rejected_for_future(
    client: &Client,
    subject: &Subject<'_>,
    books: &Books,
    rows: &[Row],
) -> Result<HashSet<i64>, PostgresError> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(HashSet::new()) };
    let sql = "SELECT packet_id FROM flowsentry.rejected_packets
               WHERE source_id = $1 AND generation = $2 AND packet_id >= $3 AND packet_id <= $4 AND reason = $5";
    let doing = PostgresError::doing("read which packets were rejected");
    let rows = client
        .query(sql, &[&subject.source_id, &books.generation, &first.id, &last.id, &Reason::Future.name()])
        .await
        .map_err(doing)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// One pass over the packets.
struct Scan<'a> {
    client: &'a Client,
    subject: &'a Subject<'a>,
    books: &'a Books,
    comparison: Comparison,
    windows: Tumbling,
    faults: Vec<Violation>,
    /// Packets that a start would read again into open windows.
    open: u64,
    /// Rows that cannot be used, whenever they are read.
    unusable: u64,
}

impl Scan<'_> {
    /// Compares the next rows; gives the id to go on from, unless these were the last.
    async fn read(&mut self, first: i64, high: i64) -> Result<Option<i64>, PostgresError> {
        let last = first.saturating_add(IDS_PER_READ - 1).min(high);
        let rows = reader::rows_from(self.client, self.subject.source, (first, last)).await?;
        let rejected = rejected_for_future(self.client, self.subject, self.books, &rows).await?;
        let from = first_audited(self.books);
        for Row { id, packet } in rows {
            if id < from || !self.books.position.contains(id) || rejected.contains(&id) {
                continue;
            }
            match packet {
                Ok(packet) => self.take(id, &packet).await?,
                Err(_) => self.unusable += 1,
            }
        }
        if last == high { Ok(None) } else { next_row(self.client, self.subject.source, last + 1, high).await }
    }

    async fn take(&mut self, id: i64, packet: &Packet) -> Result<(), PostgresError> {
        let is_closed =
            packet.time < self.books.watermark && self.windows.window_of(packet.time).is_over(self.books.watermark);
        if !is_closed && !self.books.settled.contains(id) {
            self.open += 1;
        }
        let Some(window) = self.comparison.window_of(packet) else { return Ok(()) };
        if !self.comparison.has_begun(window) {
            let stored = self.subject.flows.of_window(self.client, window, self.books.number).await?;
            self.faults.extend(stored.faults);
            self.comparison.begin(window, stored.flows);
        }
        self.comparison.take(window, packet);
        Ok(())
    }

    /// Puts windows on the account that have flows and not one packet.
    async fn begin_the_rest(&mut self) -> Result<(), PostgresError> {
        let Self { client, subject, books, .. } = *self;
        let mut from = subject.flows.next_window(client, self.comparison.since()).await?;
        while let Some(start) = from.filter(|&start| start < self.comparison.until() && !self.comparison.is_full()) {
            let window = self.windows.window_of(start);
            if !self.comparison.has_begun(window) {
                let stored = subject.flows.of_window(client, window, books.number).await?;
                self.faults.extend(stored.faults);
                self.comparison.begin(window, stored.flows);
            }
            from = subject.flows.next_window(client, window.end).await?;
        }
        Ok(())
    }

    /// What is in open windows has to be found again by a start, unless it was deleted.
    fn judge_open(&self, blocks: &Blocks, findings: &mut Findings) {
        let (counted, found) = (self.books.sums.open, self.open);
        let explained = counted.saturating_sub(found) <= blocks.deleted && found <= counted + blocks.never_read;
        if self.books.counted_since == 0 && !explained {
            findings.add([Violation::Open { counted, found }]);
        }
    }

    /// Which differences are faults. Flows may have more packets than the table, if so many were deleted from it; and fewer,
    /// if so many rejected packets are no longer listed.
    fn judge(&mut self, (snapshot, blocks): (&Snapshot, &Blocks), findings: &mut Findings) {
        let Snapshot { books, totals, kept, .. } = snapshot;
        let differences = self.comparison.differences();
        let sum = |which: fn(&Difference) -> bool| -> u64 {
            differences.iter().filter(|one| which(one)).map(|one| one.packets.unsigned_abs()).sum()
        };
        let (surplus, lacking) = (sum(|one| one.packets > 0), sum(|one| one.packets < 0));
        let is_whole = books.counted_since == 0 && books.sums.stored >= totals.packets;
        let deleted = if books.counted_since > 0 { u64::MAX } else { blocks.deleted };
        let surplus_is_explained = surplus <= deleted && (is_whole || books.counted_since > 0);
        // Rejected and pruned, less those of which the row itself still says that it cannot be used.
        let known = kept.future + self.unusable.max(kept.all - kept.future);
        let lacking_is_explained = lacking <= books.sums.rejected.saturating_sub(known);
        if surplus > 0 && surplus_is_explained {
            findings
                .notes
                .push(format!("{surplus} packets of the flows compared have been deleted from the table since"));
        }
        if lacking > 0 && lacking_is_explained {
            findings
                .notes
                .push(format!("{lacking} packets are in no flow; as many rejected ones are no longer listed"));
        }
        findings.add(std::mem::take(&mut self.faults));
        let faults = differences.into_iter().filter(|one| match one.packets {
            0 => true,
            1.. => !surplus_is_explained,
            _ => !lacking_is_explained,
        });
        findings.add(faults.map(Violation::from));
    }
}
