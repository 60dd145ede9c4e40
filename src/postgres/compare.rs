//! `compare`: the packets of a span of time, the flows that flowsentry stored of them, and what another service stored.
//!
//! Promises: all figures are of one snapshot; nothing is written and no lock taken that an insert would meet. What another
//! service's rows say is taken for no more than it is: they name the time at which they were stored and not the time of
//! their packets, so of its packets only bounds are known, and a fault is told only outside of these.

mod old;
mod select;

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;
use tokio_postgres::{GenericClient, IsolationLevel, Transaction};

pub use self::old::OldTable;
use self::select::{destinations, old_flows, oldest, our_flows, packets, untimed};
use crate::flow::time::EventTime;
use crate::flow::window::Tumbling;
use crate::postgres::error::PostgresError;
use crate::postgres::inspect::time_column::times;
use crate::postgres::session::Session;
use crate::postgres::source::Source;

/// Destinations that are named, at most.
const DESTINATIONS_MAX: i64 = 20;
/// Lines that a span is cut into, about.
const TIMES: u32 = 12;

/// What is compared with what.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The table of packets.
    pub source: &'a Source,
    /// Its key.
    pub source_id: i32,
    /// The table of flowsentry's flows: schema-qualified and quoted.
    pub flows: &'a str,
    /// The table of the other service.
    pub old: &'a OldTable,
}

/// A span of whole windows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// First moment.
    pub since: EventTime,
    /// First moment no longer.
    pub until: EventTime,
    /// How its windows are cut.
    pub windows: Tumbling,
    /// How much of it one line tells of: whole windows.
    pub step: Duration,
    /// How long after a packet the other service may store its row.
    pub lag: Duration,
}

/// Rows and the packets in them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flows {
    /// Rows.
    pub rows: u64,
    /// Σ `packet_count`.
    pub packets: u64,
}

/// What was found.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// Packets in the table.
    pub packets: u64,
    /// Packets of the table whose windows are not closed.
    pub open: u64,
    /// Packets of closed windows that flowsentry rejected.
    pub rejected: u64,
    /// Flows of closed windows.
    pub closed: Flows,
    /// When the oldest packet was on the wire that is still in the table.
    pub oldest: Option<EventTime>,
    /// What the other service can have stored in the span, if it lost and doubled nothing: at least and at most.
    pub possible: (u64, u64),
    /// Rows of the other service that do not say when they were stored.
    pub untimed: Flows,
    /// By label: flowsentry's, and the other service's.
    pub labels: BTreeMap<String, Both>,
    /// From the first moment on, a step each.
    pub times: Vec<At>,
    /// Where the most packets have different labels; those with the most packets.
    pub destinations: Vec<Destination>,
}

/// What both say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Both {
    /// Flowsentry's flows.
    pub ours: Flows,
    /// The other service's.
    pub old: Flows,
}

/// A part of the span.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct At {
    /// Its first moment.
    pub from: EventTime,
    /// Packets in the table.
    pub packets: u64,
    /// Of flowsentry, by the windows of the packets; of the other service, by when it stored them.
    pub both: Both,
}

/// A destination of which the two say something else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destination {
    /// Its address.
    pub address: String,
    /// The protocol.
    pub protocol: String,
    /// Packets and the label that most of them have, if there is a flow.
    pub ours: Option<(u64, String)>,
    /// The same of the other service.
    pub old: Option<(u64, String)>,
}

/// Why nothing could be compared.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the messages say it
pub enum CompareError {
    #[error("there is no table {0}")]
    NoTable(String),
    #[error("{table} has no column {column:?}, which the table of another service needs to be compared")]
    NoColumn { table: String, column: &'static str },
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

impl Span {
    /// The windows that lie within; `None` if there is none.
    pub fn new(since: EventTime, until: EventTime, window: Duration, lag: Duration) -> Option<Self> {
        let windows = Tumbling::new(window);
        let first = windows.window_of(since);
        let since = if first.start == since { since } else { first.end };
        let until = windows.window_of(until).start;
        if since >= until {
            return None;
        }
        let length = window.max(Duration::from_secs(1));
        let all = until.since(since).as_secs().div_ceil(length.as_secs());
        let step = u32::try_from(all.div_ceil(u64::from(TIMES))).ok().and_then(|count| length.checked_mul(count))?;
        Some(Self { since, until, windows, step, lag })
    }
}

impl Report {
    /// Packets of closed windows that are neither in a flow nor rejected; below 0, packets of flows that are not in the
    /// table any more.
    pub fn left_over(&self) -> i128 {
        let [packets, open, rejected, closed] =
            [self.packets, self.open, self.rejected, self.closed.packets].map(i128::from);
        packets - open - rejected - closed
    }

    /// All that both stored.
    pub fn sums(&self) -> Both {
        self.labels
            .values()
            .fold(Both::default(), |sum, both| Both { ours: sum.ours.and(both.ours), old: sum.old.and(both.old) })
    }

    /// What the other service lost, or counted twice, at least: below and above what is possible.
    pub fn faults_of_old(&self) -> (u64, u64) {
        let stored = self.sums().old.packets;
        let (least, most) = self.possible;
        (least.saturating_sub(stored), stored.saturating_sub(most))
    }

    fn step(&mut self, index: i64) -> Option<&mut At> {
        usize::try_from(index).ok().and_then(|index| self.times.get_mut(index))
    }
}

impl Flows {
    fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, packets: self.packets + other.packets }
    }
}

/// Compares, in one snapshot.
pub async fn compare(session: &mut Session, subject: &Subject<'_>, span: Span) -> Result<Report, CompareError> {
    let doing = PostgresError::doing("begin the comparison");
    let settings = "SET statement_timeout = 0; SET max_parallel_workers_per_gather = 0";
    session.client.batch_execute(settings).await.map_err(&doing)?;
    let event = times(&session.client, subject.source).await?.event;
    let transaction =
        session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = transaction.start().await.map_err(&doing)?;
    let report = in_snapshot(&transaction, subject, span, &event).await?;
    transaction.commit().await.map_err(&doing)?;
    Ok(report)
}

async fn in_snapshot(
    transaction: &Transaction<'_>,
    subject: &Subject<'_>,
    span: Span,
    event: &str,
) -> Result<Report, CompareError> {
    let mut report = Report { times: steps(span), ..Report::default() };
    let watermark = watermark(transaction, subject.source_id).await?;
    let closed_until = span.windows.window_of(watermark).start;
    packets(transaction, subject, (span, closed_until), event, &mut report).await?;
    our_flows(transaction, subject, (span, closed_until), &mut report).await?;
    if subject.old.created.is_some() {
        old_flows(transaction, subject.old, span, &mut report).await?;
    }
    report.untimed = untimed(transaction, subject.old).await?;
    report.destinations = destinations(transaction, subject, span).await?;
    report.oldest = oldest(transaction, subject.source, event).await?;
    Ok(report)
}

fn steps(span: Span) -> Vec<At> {
    let starts = std::iter::successors(Some(span.since), |from| Some(from.saturating_add(span.step)));
    starts.take_while(|from| *from < span.until).map(|from| At { from, ..At::default() }).collect()
}

/// Event time up to which flowsentry has all packets.
async fn watermark(client: &impl GenericClient, source_id: i32) -> Result<EventTime, PostgresError> {
    let sql = "SELECT watermark FROM flowsentry.checkpoint WHERE source_id = $1";
    let doing = PostgresError::doing("see which windows are closed");
    let row = client.query_one(sql, &[&source_id]).await.map_err(doing)?;
    Ok(EventTime::from_micros(row.get(0)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> EventTime {
        EventTime::from_micros(seconds * 1_000_000).unwrap()
    }

    #[test]
    fn a_span_is_of_whole_windows_and_of_a_dozen_lines() {
        let check = |since, until, expected: Option<(i64, i64, u64)>| {
            let span = Span::new(at(since), at(until), Duration::from_secs(30), Duration::ZERO);
            let found = span.map(|span| (span.since.whole_seconds(), span.until.whole_seconds(), span.step.as_secs()));
            assert_eq!(found, expected, "{since} to {until}");
            assert!(span.is_none_or(|span| steps(span).len() <= TIMES as usize));
        };
        check(0, 3600, Some((0, 3600, 300)));
        check(1, 3629, Some((30, 3600, 300)));
        check(0, 30, Some((0, 30, 30)));
        check(1, 59, None);
        check(60, 0, None);
    }

    #[test]
    fn of_the_other_service_only_what_is_certain_is_told() {
        let check = |stored, expected: (u64, u64)| {
            let old = Flows { rows: 1, packets: stored };
            let labels = BTreeMap::from([("Normal".to_owned(), Both { old, ..Both::default() })]);
            let report = Report { possible: (100, 120), labels, ..Report::default() };
            assert_eq!(report.faults_of_old(), expected, "{stored}");
        };
        check(100, (0, 0));
        check(120, (0, 0));
        check(97, (3, 0));
        check(121, (0, 1));
    }
}
