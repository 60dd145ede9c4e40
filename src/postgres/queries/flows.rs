//! Stored flows of a host, newest first. An adopted table may lack most of our columns: what it does not have is left out.

use std::net::IpAddr;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::{PostgresError, Queries};
use crate::flow::time::EventTime;
use crate::postgres::identifier::quote;
use crate::postgres::moment::Moment;
use crate::postgres::sink_table::{Format, SinkError, SinkTable};

/// On which side of a flow the host is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// It sends.
    Source,
    /// It receives.
    Destination,
    /// Either.
    Both,
}

/// A row of the table of flows. Fields are named and explained as its columns; `None` where it has no such column.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)] // each is the column of its name
pub struct FlowRow {
    pub window_start: EventTime,
    pub window_end: Option<EventTime>,
    pub src_ip: Option<String>,
    pub dest_ip: Option<String>,
    pub protocol: Option<String>,
    pub packet_count: Option<i64>,
    pub byte_count: Option<i64>,
    pub connection_attempts: Option<i64>,
    pub unique_ports: Option<i64>,
    pub destination_ports: Option<i64>,
    pub predicted_label: Option<String>,
    pub confidence: Option<f64>,
    pub model_version: Option<String>,
    pub revision: Option<i64>,
}

/// Columns as they are read, by our names, with the types that they are read as.
const READ: [(&str, &str); 14] = [
    ("window_start", "timestamptz"),
    ("window_end", "timestamptz"),
    ("src_ip", "text"),
    ("dest_ip", "text"),
    ("protocol", "text"),
    ("packet_count", "bigint"),
    ("byte_count", "bigint"),
    ("connection_attempts", "bigint"),
    ("unique_ports", "bigint"),
    ("destination_ports", "bigint"),
    ("predicted_label", "text"),
    ("confidence", "double precision"),
    ("model_version", "text"),
    ("revision", "bigint"),
];

impl Queries {
    /// Flows whose windows begin from a time up to, not including, another; the newest first, `limit` of them at most.
    pub async fn flows(
        &self,
        host: IpAddr,
        side: Side,
        (since, until): (EventTime, EventTime),
        limit: usize,
    ) -> Result<Vec<FlowRow>, PostgresError> {
        let client = self.client().await?;
        let table = SinkTable::inspect(&client, &self.sink).await?;
        let format_of = |name: &str| table.columns.iter().find(|column| column.name == quote(name)).map(|c| c.format);
        let needed = match side {
            Side::Source => &["window_start", "src_ip"][..],
            Side::Destination => &["window_start", "dest_ip"],
            Side::Both => &["window_start", "src_ip", "dest_ip"],
        };
        if let Some(column) = needed.iter().find(|name| format_of(name).is_none()) {
            return Err(SinkError::NoColumn { table: table.table, column }.into());
        }
        let columns = READ.map(|(name, as_type)| match (format_of(name), as_type) {
            (None, _) => format!("NULL::{as_type}"),
            (Some(Format::Inet), _) => format!("pg_catalog.host({})", quote(name)),
            // Without a zone it is UTC, which is the zone of our sessions.
            (Some(_), "text") => format!("pg_catalog.\"left\"({}::text, 1000)", quote(name)),
            (Some(_), _) => format!("{}::{as_type}", quote(name)),
        });
        let is_host = |name: &str| match format_of(name) {
            Some(Format::Inet) => format!("{} = $1::text::inet", quote(name)),
            _ => format!("{} = $1::text", quote(name)),
        };
        let condition = match side {
            Side::Source => is_host("src_ip"),
            Side::Destination => is_host("dest_ip"),
            Side::Both => format!("({} OR {})", is_host("src_ip"), is_host("dest_ip")),
        };
        let sql = format!(
            "SELECT {} FROM {} WHERE {condition} AND window_start >= $2::timestamptz AND window_start < $3::timestamptz
             ORDER BY window_start DESC LIMIT $4",
            columns.join(", "),
            table.table
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (host, since, until) = (host.to_string(), Moment::from(since), Moment::from(until));
        let values: [&(dyn ToSql + Sync); 4] = [&host, &since, &until, &limit];
        let rows = client.query(&sql, &values).await.map_err(PostgresError::doing("read the flows"))?;
        Ok(rows.iter().map(flow).collect())
    }
}

fn flow(row: &Row) -> FlowRow {
    FlowRow {
        window_start: row.get::<_, Moment>(0).clamped(),
        window_end: row.get::<_, Option<Moment>>(1).map(Moment::clamped),
        src_ip: row.get(2),
        dest_ip: row.get(3),
        protocol: row.get(4),
        packet_count: row.get(5),
        byte_count: row.get(6),
        connection_attempts: row.get(7),
        unique_ports: row.get(8),
        destination_ports: row.get(9),
        predicted_label: row.get(10),
        confidence: row.get(11),
        model_version: row.get(12),
        revision: row.get(13),
    }
}
