//! The stored flows of a source, read for comparison: their sum, rows that are there twice, and what is stored of a window.

use std::net::IpAddr;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, GenericClient, Row};

use crate::flow::comparison::StoredSum;
use crate::flow::invariants::Violation;
use crate::flow::key::{FlowKey, Protocol};
use crate::flow::time::EventTime;
use crate::flow::window::Window;
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::{qualify, quote};
use crate::postgres::sink_table::SinkError;

/// What a comparison needs of `traffic_data`.
const NEEDED: [&str; 9] = [
    "source_id",
    "window_start",
    "window_end",
    "src_ip",
    "dest_ip",
    "protocol",
    "revision",
    "packet_count",
    "byte_count",
];

/// The rows of `traffic_data` that are of one source.
#[derive(Clone, Debug)]
pub struct StoredFlows {
    /// Schema-qualified and quoted.
    table: String,
    source_id: i32,
    /// Values that counts are cut to, as SQL: one that has it may have been larger.
    clamped: String,
}

/// Sums over all flows of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Σ `packet_count`.
    pub packets: u64,
    /// Rows.
    pub rows: u64,
    /// End of the last window of another length than is asked for: it was set otherwise then.
    pub other_length_until: Option<EventTime>,
}

/// What is stored of a window.
#[derive(Debug, Default)]
pub struct OfWindow {
    /// Its flows.
    pub flows: Vec<StoredSum>,
    /// Rows that name no flow.
    pub faults: Vec<Violation>,
}

impl StoredFlows {
    /// Looks the table up; `table` as written in the settings.
    pub async fn inspect(client: &Client, table: &str, source_id: i32) -> Result<Self, PostgresError> {
        let sql = "SELECT n.nspname::text, c.relname::text, a.attname::text, a.atttypid
                   FROM pg_catalog.pg_class c
                   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                   WHERE c.oid = pg_catalog.to_regclass($1)::oid";
        let doing = PostgresError::doing("look at the table of flows");
        let rows = client.query(sql, &[&qualify(client, table).await?.to_string()]).await.map_err(doing)?;
        let first = rows.first().ok_or_else(|| SinkError::NoTable { table: table.to_owned() })?;
        let table = format!("{}.{}", quote(first.get(0)), quote(first.get(1)));
        let type_of =
            |name: &str| rows.iter().find(|row| row.get::<_, &str>(2) == name).map(|row| row.get::<_, u32>(3));
        if let Some(column) = NEEDED.iter().find(|name| type_of(name).is_none()) {
            return Err(SinkError::NoColumn { table, column }.into());
        }
        let clamped = ["packet_count", "byte_count"].map(|name| {
            let most = match type_of(name).and_then(Type::from_oid) {
                Some(Type::INT2) => i64::from(i16::MAX),
                Some(Type::INT4) => i64::from(i32::MAX),
                _ => i64::MAX,
            };
            format!("{name} >= {most}")
        });
        Ok(Self { table, source_id, clamped: clamped.join(" OR ") })
    }

    /// The sums; `window_seconds` is the length of a window by the settings.
    pub async fn totals(&self, client: &impl GenericClient, window_seconds: f64) -> Result<Totals, PostgresError> {
        let sql = format!(
            "SELECT coalesce(sum(packet_count), 0)::bigint, count(*), \
                    (extract(epoch FROM max(window_end) FILTER (WHERE window_end - window_start \
                        <> $2::double precision * interval '1 second')) * 1000000)::bigint \
             FROM {} WHERE source_id = $1",
            self.table
        );
        let doing = PostgresError::doing("add up the stored flows");
        let row = client.query_one(&sql, &[&self.source_id, &window_seconds]).await.map_err(doing)?;
        Ok(Totals {
            packets: row.get::<_, i64>(0).unsigned_abs(),
            rows: row.get::<_, i64>(1).unsigned_abs(),
            other_length_until: row.get::<_, Option<i64>>(2).and_then(EventTime::from_micros),
        })
    }

    /// The start of the first window at or after a time.
    pub async fn next_window(&self, client: &Client, from: EventTime) -> Result<Option<EventTime>, PostgresError> {
        let sql = format!(
            "SELECT (extract(epoch FROM min(window_start)) * 1000000)::bigint FROM {} \
             WHERE source_id = $1 AND window_start >= pg_catalog.to_timestamp($2::double precision)",
            self.table
        );
        let doing = PostgresError::doing("find the next window");
        let row = client.query_one(&sql, &[&self.source_id, &from.unix_seconds()]).await.map_err(doing)?;
        Ok(row.get::<_, Option<i64>>(0).and_then(EventTime::from_micros))
    }

    /// Rows that are there more than once, `most` of them at most, of the windows that begin from `from` to before `to`.
    pub async fn twice(
        &self,
        client: &Client,
        (from, to): (EventTime, EventTime),
        most: i64,
    ) -> Result<Vec<Violation>, PostgresError> {
        let sql = format!(
            "SELECT (extract(epoch FROM window_start) * 1000000)::bigint, (extract(epoch FROM window_end) * 1000000)::bigint, \
                    src_ip::text, dest_ip::text, protocol::text, revision::bigint \
             FROM {} WHERE source_id = $1 AND window_start >= pg_catalog.to_timestamp($2::double precision) \
                 AND window_start < pg_catalog.to_timestamp($3::double precision) \
             GROUP BY window_start, window_end, src_ip, dest_ip, protocol, revision HAVING count(*) > 1 \
             ORDER BY window_start LIMIT $4",
            self.table
        );
        let doing = PostgresError::doing("look for flows that are stored twice");
        let (from, to) = (from.unix_seconds(), to.unix_seconds());
        let rows = client.query(&sql, &[&self.source_id, &from, &to, &most]).await.map_err(doing)?;
        Ok(rows.iter().map(twice).collect())
    }

    /// What is stored of a window, up to the checkpoint with this number.
    pub async fn of_window(&self, client: &Client, window: Window, number: i64) -> Result<OfWindow, PostgresError> {
        let sql = format!(
            "SELECT src_ip::text, dest_ip::text, protocol::text, sum(packet_count)::bigint, sum(byte_count)::bigint, \
                    bool_or({}) \
             FROM {} WHERE source_id = $1 AND window_start = pg_catalog.to_timestamp($2::double precision) \
                 AND revision <= $3::bigint GROUP BY 1, 2, 3",
            self.clamped, self.table
        );
        let doing = PostgresError::doing("read the flows of a window");
        let rows =
            client.query(&sql, &[&self.source_id, &window.start.unix_seconds(), &number]).await.map_err(doing)?;
        let mut found = OfWindow::default();
        for row in &rows {
            let count = |column| row.get::<_, Option<i64>>(column).unwrap_or(0);
            let (packets, octets) = (count(3), count(4));
            match key(row, 0) {
                Ok(key) => found.flows.push(StoredSum {
                    key,
                    packets,
                    octets,
                    clamped: row.get::<_, Option<bool>>(5) == Some(true),
                }),
                Err(row) => found.faults.push(Violation::NoFlow { window, row }),
            }
        }
        Ok(found)
    }
}

fn twice(row: &Row) -> Violation {
    let time = |column| row.get::<_, Option<i64>>(column).and_then(EventTime::from_micros).unwrap_or_default();
    let window = Window { start: time(0), end: time(1) };
    match key(row, 2) {
        Ok(key) => Violation::StoredTwice { window, key, revision: row.get::<_, Option<i64>>(5).unwrap_or(0) },
        Err(row) => Violation::NoFlow { window, row },
    }
}

/// The flow key of three columns, or what stands there instead.
fn key(row: &Row, first: usize) -> Result<FlowKey, String> {
    let text = |column: usize| row.get::<_, Option<&str>>(first + column);
    let address = |column| -> Option<IpAddr> {
        let text = text(column)?;
        text.split_once('/').map_or(text, |(address, _)| address).parse().ok()
    };
    let parsed = || {
        let protocol = Protocol::from_name(text(2)?)?;
        Some(FlowKey { source: address(0)?, destination: address(1)?, protocol })
    };
    parsed().ok_or_else(|| [0, 1, 2].map(|column| text(column).unwrap_or("NULL")).join(", "))
}
