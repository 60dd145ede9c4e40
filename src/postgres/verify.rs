//! `verify`: whether the tables hold what was promised, asked of the database alone while the service runs.
//!
//! All counting speaks of one checkpoint, read in one snapshot. Statements that come later see other rows than that
//! snapshot, but not of the ids that it holds: these were consumed or are dead, so rows can only have been deleted since, or
//! made by hand. In the same way the windows that it has closed are stored by the checkpoint with its number; what comes
//! for them later has a higher revision. So nothing needs a long snapshot but the sum over the flows.

mod packets;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::{Client, IsolationLevel};

use crate::flow::batch::Reason;
use crate::flow::consumed::{block_of, ids_of};
use crate::flow::invariants::Violation;
use crate::flow::time::EventTime;
use crate::postgres::audit::{count, first_audited, next_row};
use crate::postgres::books::Books;
use crate::postgres::error::PostgresError;
use crate::postgres::session::Session;
use crate::postgres::source::Source;
use crate::postgres::stored_flows::{StoredFlows, Totals};

/// Of each kind of fault so many are named.
const NAMED_MAX: usize = 20;
/// Windows that are looked through for rows stored twice by one statement.
const TWICE_SPAN: Duration = Duration::from_hours(24);

/// What is to be verified.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// First moment of the windows to compare; `None`: as far back as all their packets are there.
    pub since: Option<EventTime>,
    /// Moment after them; `None`: up to the watermark.
    pub until: Option<EventTime>,
    /// Whether flows are compared with packets at all.
    pub flows: bool,
    /// Whether somebody deletes old flows, so that fewer than were stored are no fault.
    pub flows_deleted: bool,
    /// Length of a window.
    pub window_length: Duration,
    /// How far ahead of the database's clock packets may be.
    pub future_bound: Duration,
}

/// What is being done, how much of it, and how much there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What.
    pub doing: &'static str,
    /// Done so far.
    pub done: u64,
    /// All of it; 0 if that is not known.
    pub all: u64,
}

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// The checkpoint that everything speaks of.
    pub books: Books,
    /// Rows of the table within its position.
    pub rows: u64,
    /// Packets consumed whose rows have been deleted since.
    pub deleted: u64,
    /// Packets that nobody has read.
    pub never_read: u64,
    /// The stored flows.
    pub totals: Totals,
    /// The windows compared, if any.
    pub compared: Option<Compared>,
    /// Promises that do not hold; of each kind the first ones.
    pub violations: Vec<Violation>,
    /// Violations beyond those named.
    pub unnamed: u64,
    /// What a reader of the figures must know.
    pub notes: Vec<String>,
}

/// Windows whose flows were compared with their packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compared {
    /// Start of the first of them.
    pub since: EventTime,
    /// First moment no longer.
    pub until: EventTime,
    /// Windows with packets or flows.
    pub windows: usize,
    /// Packets.
    pub packets: u64,
}

/// The source, its flows, and what is asked.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The table of packets.
    pub source: &'a Source,
    /// The flows stored of it.
    pub flows: &'a StoredFlows,
    /// Its key.
    pub source_id: i32,
    /// What is asked.
    pub request: Request,
}

/// The database as one snapshot saw it.
struct Snapshot {
    books: Books,
    /// Rows consumed, by block of ids.
    blocks: BTreeMap<i64, u64>,
    totals: Totals,
    kept: Kept,
}

/// Rejected packets that are kept.
#[derive(Clone, Copy, Default)]
struct Kept {
    all: u64,
    /// Those rejected for a time in the future: a look at the row alone does not tell.
    future: u64,
}

/// What the blocks of ids say.
#[derive(Clone, Copy, Default)]
struct Blocks {
    /// Rows within the position.
    rows: u64,
    deleted: u64,
    never_read: u64,
    /// The lowest id with a row.
    lowest: Option<i64>,
    /// Whether packets of lower ids than that have been consumed, or of another generation.
    is_cut: bool,
}

/// Violations and notes, bounded.
#[derive(Default)]
struct Findings {
    violations: Vec<Violation>,
    unnamed: u64,
    notes: Vec<String>,
}

impl Findings {
    /// Takes in violations of one kind.
    fn add(&mut self, violations: impl IntoIterator<Item = Violation>) {
        for (index, violation) in violations.into_iter().enumerate() {
            if index < NAMED_MAX { self.violations.push(violation) } else { self.unnamed += 1 }
        }
    }
}

/// Verifies; `None` if nothing has been counted yet.
pub async fn verify(
    session: &mut Session,
    subject: &Subject<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Report>, PostgresError> {
    progress(Progress { doing: "adding up flows", done: 0, all: 0 });
    let Some(snapshot) = snapshot(&mut session.client, subject).await? else { return Ok(None) };
    let client = &session.client;
    let mut findings = Findings::default();
    let blocks = blocks(client, subject, &snapshot, &mut findings, progress).await?;
    twice(client, subject, &mut findings, progress).await?;
    let compared = if subject.request.flows {
        packets::compare(client, subject, (&snapshot, &blocks), &mut findings, progress).await?
    } else {
        None
    };
    if !snapshot.books.speak_of(client, subject.source).await? {
        return Err(PostgresError::SourceReset { table: subject.source.table.clone() });
    }
    sums(&subject.request, &snapshot, &mut findings);
    let Findings { violations, unnamed, notes } = findings;
    let Snapshot { books, totals, .. } = snapshot;
    let Blocks { rows, deleted, never_read, .. } = blocks;
    Ok(Some(Report { books, rows, deleted, never_read, totals, compared, violations, unnamed, notes }))
}

async fn snapshot(client: &mut Client, subject: &Subject<'_>) -> Result<Option<Snapshot>, PostgresError> {
    let doing = PostgresError::doing("see what was consumed");
    let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let snapshot = snapshot.start().await.map_err(&doing)?;
    // Adding up all flows takes as long as it takes; a person waits for it, and the server ends it if we vanish.
    snapshot.batch_execute("SET LOCAL statement_timeout = 0").await.map_err(&doing)?;
    let Some(books) = Books::load(&snapshot, subject.source_id).await? else { return Ok(None) };
    let sql = "SELECT block, rows FROM flowsentry.consumed_ids WHERE source_id = $1 AND generation = $2";
    let rows = snapshot.query(sql, &[&subject.source_id, &books.generation]).await.map_err(&doing)?;
    let blocks = rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1).unsigned_abs())).collect();
    let sql =
        "SELECT count(*), count(*) FILTER (WHERE reason = $2) FROM flowsentry.rejected_packets WHERE source_id = $1";
    let row = snapshot.query_one(sql, &[&subject.source_id, &Reason::Future.name()]).await.map_err(&doing)?;
    let kept = Kept { all: row.get::<_, i64>(0).unsigned_abs(), future: row.get::<_, i64>(1).unsigned_abs() };
    let totals = subject.flows.totals(&snapshot, subject.request.window_length.as_secs_f64()).await?;
    snapshot.commit().await.map_err(&doing)?;
    Ok(Some(Snapshot { books, blocks, totals, kept }))
}

/// Counts the rows of every block of ids.
async fn blocks(
    client: &Client,
    subject: &Subject<'_>,
    snapshot: &Snapshot,
    findings: &mut Findings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Blocks, PostgresError> {
    let Snapshot { books, blocks: consumed, .. } = snapshot;
    let high = books.position.high();
    let first = first_audited(books);
    let mut found = Blocks::default();
    let mut never_read = Vec::new();
    let mut counted = 0;
    let mut next = next_row(client, subject.source, first, high).await?;
    while let Some(id) = next {
        let block = block_of(id);
        let rows = consumed.get(&block).copied().unwrap_or(0);
        let count = count(client, subject.source, books, block, rows).await?;
        counted += rows;
        found.rows += count.found;
        found.never_read += count.never_read();
        found.deleted += count.deleted();
        found.lowest.get_or_insert(id);
        if count.never_read() > 0 {
            never_read.push(Violation::NeverRead { ids: count.ids, packets: count.never_read() });
        }
        let lowest = found.lowest.unwrap_or(id);
        progress(Progress { doing: "counting packets", done: id.abs_diff(lowest), all: high.abs_diff(lowest) });
        next = match ids_of(block).last.checked_add(1) {
            Some(from) => next_row(client, subject.source, from, high).await?,
            None => None,
        };
    }
    findings.add(never_read);
    let all: u64 = consumed.range(block_of(first)..).map(|(_, rows)| rows).sum();
    found.deleted += all - counted.min(all);
    let before = consumed.keys().next().is_some_and(|&block| found.lowest.is_none_or(|id| block < block_of(id)));
    found.is_cut = before || books.sums.rows > all || books.audit_from > 1 || books.counted_since > 0;
    if books.counted_since == 0 {
        // Blocks that nothing is left of, and earlier generations.
        found.deleted += books.sums.rows.saturating_sub(all);
    } else {
        let since = books.counted_since;
        findings.notes.push(format!(
            "packets are counted since checkpoint {since} only: this source was read by a version before; what was stored \
             until then is not in the sums"
        ));
    }
    Ok(found)
}

/// Looks for rows that are stored twice, a stretch of windows at a time.
async fn twice(
    client: &Client,
    subject: &Subject<'_>,
    findings: &mut Findings,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), PostgresError> {
    let Request { since, until, .. } = subject.request;
    let mut found = Vec::new();
    let mut from = subject.flows.next_window(client, since.unwrap_or_default()).await?;
    while let Some(start) = from.filter(|&start| until.is_none_or(|until| start < until) && found.len() <= NAMED_MAX) {
        progress(Progress { doing: "looking for flows stored twice", done: 0, all: 0 });
        let end = start.saturating_add(TWICE_SPAN);
        let end = until.map_or(end, |until| end.min(until));
        let most = i64::try_from(NAMED_MAX).unwrap_or(i64::MAX) + 1;
        found.extend(subject.flows.twice(client, (start, end), most).await?);
        from = subject.flows.next_window(client, end).await?;
    }
    findings.add(found);
    Ok(())
}

/// The sums of the checkpoint, and those of the flows.
fn sums(request: &Request, snapshot: &Snapshot, findings: &mut Findings) {
    let Snapshot { books, totals, .. } = snapshot;
    findings.add(books.sums.check().err());
    if books.sums.gone > 0 {
        findings.notes.push(format!(
            "{} packets of open windows were gone before they were stored: the table was emptied, or rows were deleted \
             before their window closed",
            books.sums.gone
        ));
    }
    let (counted, found) = (books.sums.stored, totals.packets);
    if books.counted_since > 0 || counted == found {
        return;
    }
    if found < counted && request.flows_deleted {
        findings.notes.push(format!("flows of {} packets have been deleted since", counted - found));
        return;
    }
    findings.add([Violation::Stored { counted, found }]);
}
