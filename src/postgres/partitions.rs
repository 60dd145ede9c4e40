//! The day partitions of a source table that flowsentry made: their names, bounds and statements.
//!
//! A day that has none yet is no fault: its rows go to the default partition, from where retention deletes them row by row.

use tokio_postgres::Client;

use super::error::PostgresError;
use super::identifier::{QualifiedName, literal};

/// Days for which there are partitions ahead of today's.
pub const DAYS_AHEAD: i32 = 3;

/// A day, in UTC, as the bounds of a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Day {
    /// `20260131`, for names.
    pub compact: String,
    /// `2026-01-31`.
    pub first: String,
    /// The day after.
    pub end: String,
}

/// Today by the database's clock, and the days ahead.
pub async fn days(client: &Client) -> Result<Vec<Day>, PostgresError> {
    let query = "SELECT pg_catalog.to_char(d, 'YYYYMMDD'), pg_catalog.to_char(d, 'YYYY-MM-DD'), \
                        pg_catalog.to_char(d + interval '1 day', 'YYYY-MM-DD') \
                 FROM pg_catalog.generate_series(0, $1) n, \
                      LATERAL (SELECT (pg_catalog.clock_timestamp() AT TIME ZONE 'utc')::date + n AS d) x ORDER BY n";
    let doing = PostgresError::doing("ask for the database's day");
    let rows = client.query(query, &[&DAYS_AHEAD]).await.map_err(doing)?;
    Ok(rows.iter().map(|row| Day { compact: row.get(0), first: row.get(1), end: row.get(2) }).collect())
}

impl Day {
    /// Name of this day's partition of `table`.
    pub fn partition(&self, table: &QualifiedName) -> QualifiedName {
        table.with_suffix(&format!("_{}", self.compact))
    }

    /// Makes the partition together with its table.
    pub fn create(&self, table: &QualifiedName) -> String {
        format!("CREATE TABLE {} PARTITION OF {table} {};", self.partition(table), self.bounds())
    }

    /// Makes the partition in a table that is in use, without locking out those who insert: unlike `PARTITION OF`,
    /// `ATTACH` does not lock the table against them. For one transaction.
    pub fn attach(&self, table: &QualifiedName) -> String {
        let partition = self.partition(table);
        format!(
            "CREATE TABLE {partition} (LIKE {table} INCLUDING ALL EXCLUDING IDENTITY); \
             ALTER TABLE {table} ATTACH PARTITION {partition} {};",
            self.bounds(),
        )
    }

    fn bounds(&self) -> String {
        format!("FOR VALUES FROM ({}) TO ({})", literal(&self.first), literal(&self.end))
    }
}

/// A partition that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partition {
    /// Its name.
    pub name: QualifiedName,
    /// Whether it takes what no other one takes.
    pub is_default: bool,
    /// Whether no row in it can be younger than the cutoff that was asked for.
    pub is_old: bool,
}

/// The partitions of a table by their bounds, with those marked that end at or before `cutoff` (Unix seconds).
pub async fn partitions(client: &Client, table_oid: u32, cutoff: f64) -> Result<Vec<Partition>, PostgresError> {
    let query = "SELECT n.nspname::text, c.relname::text, b.bound = 'DEFAULT', \
                        coalesce(b.until <= pg_catalog.to_timestamp($2) AT TIME ZONE 'utc', false) \
                 FROM pg_catalog.pg_inherits i \
                 JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, \
                 LATERAL (SELECT pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound, \
                     (pg_catalog.regexp_match(pg_catalog.pg_get_expr(c.relpartbound, c.oid), \
                         $$ TO \\('([^']+)'\\)$$))[1]::timestamp AS until) b \
                 WHERE i.inhparent = $1 ORDER BY b.until, c.relname";
    let doing = PostgresError::doing("look at the partitions of the packets");
    let rows = client.query(query, &[&table_oid, &cutoff]).await.map_err(doing)?;
    let partition = |row: &tokio_postgres::Row| Partition {
        name: QualifiedName { schema: row.get(0), name: row.get(1) },
        is_default: row.get(2),
        is_old: row.get(3),
    };
    Ok(rows.iter().map(partition).collect())
}
