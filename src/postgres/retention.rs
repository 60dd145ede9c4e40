//! Deleting packets that are old and in stored flows: a day's partition at once, or row by row in bounded batches.
//!
//! Promises: no packet goes that is not settled, that is younger than `keep`, or whose age is not known. Nobody waits long:
//! a batch is one short statement, for while it runs its lock on the table looks like that of an inserter, and no missing id
//! can be declared dead; a partition is made and dropped only if its lock is to be had within half a second.
//!
//! Rows without an index on their time are found by bisection: ids are handed out in order, so age falls as ids rise, but
//! for a few. The few are no harm, since a batch deletes only rows that are old themselves.

use std::time::Duration;

use tokio_postgres::{Client, Error, Row};

use super::error::PostgresError;
use super::identifier::{QualifiedName, literal, qualify, quote};
use super::partitions::{Partition, days, partitions};
use crate::config;
use crate::telemetry::clock;

/// What the time of insertion is called, in the existing system's table and in ours.
const INSERTED_AT: &str = "inserted_at";
/// Past it the round ends, and the next one goes on.
const BATCHES_MAX: u32 = 1000;
/// How many times as long as a batch took the pause after it is: four fifths of the time are others'. A batch of 10,000 rows
/// takes some 50 ms, so that tens of thousands a second go all the same.
const PAUSE_PER_BATCH: u32 = 4;
/// The longest pause between two batches.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// For locks that all inserts queue behind.
const LOCK_TIMEOUT_MS: u32 = 500;

/// What is to be kept where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retention {
    /// The table of packets.
    pub table: QualifiedName,
    /// Its id column.
    pub id_column: String,
    /// Its column of event time: what tells the age of rows without a time of insertion.
    pub time_column: String,
    /// How long packets are kept; zero for ever.
    pub keep: Duration,
    /// Rows that one statement deletes at most.
    pub rows_per_delete: u32,
}

impl Retention {
    /// As the settings want it; without a mapping the columns are called as in the existing system.
    pub async fn of(
        client: &Client,
        source: &config::Source,
        retention: &config::Retention,
    ) -> Result<Self, PostgresError> {
        let column = |name: &str| source.columns.get(name).cloned().unwrap_or_else(|| name.to_owned());
        Ok(Self {
            table: qualify(client, &source.table).await?,
            id_column: column("id"),
            time_column: column("timestamp"),
            keep: retention.keep,
            rows_per_delete: retention.rows_per_delete,
        })
    }
}

/// What a round did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Retained {
    /// Packets deleted row by row.
    pub rows_deleted: u64,
    /// Day partitions that were made ahead.
    pub partitions_made: Vec<String>,
    /// Day partitions that were dropped.
    pub partitions_dropped: Vec<String>,
    /// What could not be done now, and why. The next round tries again.
    pub postponed: Vec<String>,
    /// Whether the round ended before all was done.
    pub more: bool,
}

/// The table as it is.
struct Shape {
    oid: u32,
    /// Whether flowsentry made it and it is partitioned by the time of insertion.
    by_day: bool,
    /// SQL that is true for old rows, false for young ones, NULL where the age is unknown; `$1` is the cutoff in Unix
    /// seconds. `None` if no column tells the age.
    is_old: Option<String>,
}

/// One round. `settled_low` is the highest id up to which every packet is in stored rows whatever happens next. Not to be
/// called within a transaction.
pub async fn retain(client: &Client, retention: &Retention, settled_low: i64) -> Result<Retained, PostgresError> {
    let shape = shape(client, retention).await?;
    let cutoff = cutoff(client, retention.keep).await?;
    let mut retained = Retained::default();
    let parts = if shape.by_day { partitions(client, shape.oid, cutoff).await? } else { Vec::new() };
    if shape.by_day {
        make_ahead(client, retention, &parts, &mut retained).await?;
    }
    if retention.keep.is_zero() {
        return Ok(retained);
    }
    for part in parts.iter().filter(|part| part.is_old && !part.is_default) {
        drop_settled(client, retention, part, settled_low, &mut retained).await?;
    }
    let Some(is_old) = shape.is_old else {
        retained.postponed.push(format!("no column of {} tells the age of a packet", retention.table.shown()));
        return Ok(retained);
    };
    let rows_of = if shape.by_day {
        parts.into_iter().find(|part| part.is_default).map(|part| part.name)
    } else {
        Some(retention.table.clone())
    };
    if let Some(relation) = rows_of {
        let rows = OldRows { client, relation, id: quote(&retention.id_column), is_old, cutoff };
        rows.delete(settled_low, retention.rows_per_delete, &mut retained).await?;
    }
    Ok(retained)
}

async fn cutoff(client: &Client, keep: Duration) -> Result<f64, PostgresError> {
    let query = "SELECT extract(epoch FROM pg_catalog.clock_timestamp())::double precision - $1::double precision";
    let doing = PostgresError::doing("ask for the database's clock");
    Ok(client.query_one(query, &[&keep.as_secs_f64()]).await.map_err(doing)?.get(0))
}

async fn shape(client: &Client, retention: &Retention) -> Result<Shape, PostgresError> {
    let query = "SELECT c.oid, a.attname::text, pg_catalog.format_type(a.atttypid, NULL), \
                        coalesce(p.partstrat = 'r' AND p.partnatts = 1 AND k.attname = $3 AND EXISTS \
                            (SELECT FROM flowsentry.tables t WHERE t.schema_name = n.nspname \
                                AND t.table_name = c.relname AND t.origin = 'created'), false) \
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid \
                 LEFT JOIN pg_catalog.pg_attribute k ON k.attrelid = c.oid AND k.attnum = p.partattrs[0] \
                 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname IN ($3, $4) \
                 WHERE n.nspname = $1 AND c.relname = $2";
    let Retention { table, time_column, .. } = retention;
    let rows = client.query(query, &[&table.schema, &table.name, &INSERTED_AT, time_column]).await;
    let rows = rows.map_err(PostgresError::doing("look at the table of packets"))?;
    let old_by = |column: &str| rows.iter().find_map(|row| is_old(column, row));
    let is_old = match (old_by(INSERTED_AT), old_by(time_column)) {
        (Some(inserted), Some(event)) => {
            Some(format!("CASE WHEN {} IS NULL THEN {event} ELSE {inserted} END", quote(INSERTED_AT)))
        }
        (inserted, event) => inserted.or(event),
    };
    let first = rows.first();
    let oid = first.map(|row| row.get(0)).unwrap_or_default();
    Ok(Shape { oid, by_day: first.is_some_and(|row| row.get(3)), is_old })
}

/// SQL for whether a row is old by `column`, if this is its row of the catalogue and its type is one of time. Unix seconds
/// are compared as numbers: there, NaN is greater than all and so never old, where a conversion would fail.
fn is_old(column: &str, row: &Row) -> Option<String> {
    if row.get::<_, Option<&str>>(1) != Some(column) {
        return None;
    }
    let cutoff = match row.get::<_, Option<&str>>(2)? {
        "timestamp with time zone" => "pg_catalog.to_timestamp($1::double precision)",
        "timestamp without time zone" => "pg_catalog.to_timestamp($1::double precision) AT TIME ZONE 'utc'",
        "double precision" | "real" | "numeric" | "integer" | "bigint" => "$1::double precision",
        _ => return None,
    };
    Some(format!("{} < {cutoff}", quote(column)))
}

/// Makes the partitions of today and the days ahead that are not there yet.
async fn make_ahead(
    client: &Client,
    retention: &Retention,
    parts: &[Partition],
    retained: &mut Retained,
) -> Result<(), PostgresError> {
    for day in days(client).await? {
        let name = day.partition(&retention.table);
        if parts.iter().any(|part| part.name == name) {
            continue;
        }
        let made = briefly_locked(client, &day.attach(&retention.table)).await;
        match refused(made, "make a day's partition")? {
            None => retained.partitions_made.push(name.shown()),
            Some(reason) => retained.postponed.push(format!("make {}: {reason}", name.shown())),
        }
    }
    Ok(())
}

/// Drops an old partition if all its packets are settled. The lock comes first, so that no row can slip in after the look.
async fn drop_settled(
    client: &Client,
    retention: &Retention,
    part: &Partition,
    settled_low: i64,
    retained: &mut Retained,
) -> Result<(), PostgresError> {
    let name = &part.name;
    let unsettled = format!("EXISTS (SELECT FROM {name} WHERE {} > {settled_low})", quote(&retention.id_column));
    let body = format!(
        "BEGIN LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE; \
         IF {unsettled} THEN RAISE 'a packet came in that is not settled'; END IF; DROP TABLE {name}; END",
        retention.table,
    );
    let look = client.query_one(&format!("SELECT {unsettled}"), &[]).await;
    if look.map_err(PostgresError::doing("look for packets that are not settled"))?.get(0) {
        return Ok(());
    }
    let dropped = briefly_locked(client, &format!("DO {}", literal(&body))).await;
    match refused(dropped, "drop a day's partition")? {
        None => retained.partitions_dropped.push(name.shown()),
        Some(reason) => retained.postponed.push(format!("drop {}: {reason}", name.shown())),
    }
    Ok(())
}

/// Statements of one query message are one transaction.
async fn briefly_locked(client: &Client, sql: &str) -> Result<(), Error> {
    client.batch_execute(&format!("SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}; {sql}")).await
}

/// The server's refusal as a reason to go on without; a lost session is an error.
fn refused(outcome: Result<(), Error>, doing: &'static str) -> Result<Option<String>, PostgresError> {
    match outcome {
        Ok(()) => Ok(None),
        Err(error) => match error.as_db_error() {
            Some(answer) => Ok(Some(answer.message().to_owned())),
            None => Err(PostgresError::doing(doing)(error)),
        },
    }
}

/// The rows of a relation that are old, by ascending ids.
struct OldRows<'a> {
    client: &'a Client,
    relation: QualifiedName,
    /// Quoted.
    id: String,
    is_old: String,
    cutoff: f64,
}

impl OldRows<'_> {
    async fn delete(&self, settled_low: i64, batch: u32, retained: &mut Retained) -> Result<(), PostgresError> {
        let Some((lowest, highest)) = self.ids().await? else { return Ok(()) };
        let bound = self.last_old(lowest, highest.min(settled_low)).await?;
        let mut after = lowest.saturating_sub(1);
        for _ in 0..BATCHES_MAX {
            if after >= bound {
                return Ok(());
            }
            let started = clock::now();
            let (end, deleted) = self.delete_batch(after, bound, batch).await?;
            retained.rows_deleted += deleted;
            after = end;
            tokio::time::sleep((started.elapsed() * PAUSE_PER_BATCH).min(PAUSE_MAX)).await;
        }
        retained.more = after < bound;
        Ok(())
    }

    /// Lowest and highest id.
    async fn ids(&self) -> Result<Option<(i64, i64)>, PostgresError> {
        let Self { relation, id, .. } = self;
        let query = format!("SELECT min({id})::bigint, max({id})::bigint FROM {relation}");
        let row = self.client.query_one(&query, &[]).await.map_err(PostgresError::doing("look for old packets"))?;
        Ok(row.get::<_, Option<i64>>(0).zip(row.get(1)))
    }

    /// By bisection, the highest id from `low` to `high` whose row is old; less than `low` if none is. A row of unknown age
    /// counts as old here, else a stretch of them would hide what is old behind it.
    async fn last_old(&self, mut low: i64, mut high: i64) -> Result<i64, PostgresError> {
        let Self { relation, id, is_old, .. } = self;
        let query = format!(
            "SELECT {id}::bigint AS found, coalesce({is_old}, true) FROM {relation} \
             WHERE {id} >= $2::bigint AND {id} <= $3::bigint ORDER BY {id} LIMIT 1"
        );
        while low <= high {
            let middle = i64::midpoint(low, high);
            let row = self.client.query_opt(&query, &[&self.cutoff, &middle, &high]).await;
            match row.map_err(PostgresError::doing("look for old packets"))? {
                Some(row) if row.get(1) => low = row.get::<_, i64>(0).saturating_add(1),
                _ => high = middle.saturating_sub(1),
            }
        }
        Ok(low.saturating_sub(1))
    }

    /// Deletes what is old among the next `batch` rows behind `after`; the id of the last one looked at, and how many went.
    async fn delete_batch(&self, after: i64, bound: i64, batch: u32) -> Result<(i64, u64), PostgresError> {
        let Self { relation, id, is_old, cutoff, .. } = self;
        let doing = PostgresError::doing("delete old packets");
        let end = format!(
            "SELECT {id}::bigint AS found FROM {relation} WHERE {id} > $1::bigint AND {id} <= $2::bigint \
             ORDER BY {id} OFFSET $3::bigint LIMIT 1"
        );
        let skip = i64::from(batch.max(1) - 1);
        let end = self.client.query_opt(&end, &[&after, &bound, &skip]).await.map_err(&doing)?;
        let end = end.map_or(bound, |row| row.get(0));
        let delete = format!("DELETE FROM {relation} WHERE {id} > $2::bigint AND {id} <= $3::bigint AND {is_old}");
        let deleted = self.client.execute(&delete, &[cutoff, &after, &end]).await.map_err(doing)?;
        Ok((end, deleted))
    }
}
