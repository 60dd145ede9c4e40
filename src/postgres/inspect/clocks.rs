//! The database's clock against ours, and against the times of the newest packets.

use tokio_postgres::Client;

use crate::check::clocks::Clocks;
use crate::postgres::error::PostgresError;
use crate::postgres::inspect::time_column::times;
use crate::postgres::source::Source;
use crate::telemetry::clock;

/// Packets that tell the sniffer's clock.
const PACKETS: i64 = 1_000;

/// Looks at the clocks; at the sniffer's where there is a table.
pub async fn look(client: &Client, source: Option<&Source>) -> Result<Clocks, PostgresError> {
    let doing = PostgresError::doing("ask for the database's clock");
    let sql = "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint";
    let statement = client.prepare(sql).await.map_err(&doing)?;
    let before = clock::since_epoch();
    let began = clock::now();
    let database: i64 = client.query_one(&statement, &[]).await.map_err(&doing)?.get(0);
    let half = began.elapsed() / 2;
    let ours = i64::try_from((before + half).as_micros()).unwrap_or(i64::MAX);
    let packets_ahead_micros = match source {
        Some(source) => packets_ahead(client, source).await?,
        None => Vec::new(),
    };
    Ok(Clocks {
        ours_ahead_micros: ours.saturating_sub(database),
        uncertain_micros: i64::try_from(half.as_micros()).unwrap_or(i64::MAX),
        packets_ahead_micros,
    })
}

#[allow(clippy::cast_possible_truncation)] // saturates
async fn packets_ahead(client: &Client, source: &Source) -> Result<Vec<i64>, PostgresError> {
    let times = times(client, source).await?;
    let now = "extract(epoch FROM pg_catalog.clock_timestamp())::double precision";
    let at = times.inserted.map_or_else(|| now.to_owned(), |inserted| format!("coalesce({inserted}, {now})"));
    let (table, id, event) = (&source.table, source.id(), times.event);
    let sql = format!("SELECT {event} - ({at}) FROM {table} ORDER BY {id} DESC LIMIT {PACKETS}");
    let rows =
        client.query(&sql, &[]).await.map_err(PostgresError::doing("look at the times of the newest packets"))?;
    let seconds = rows.iter().filter_map(|row| row.get::<_, Option<f64>>(0)).filter(|seconds| seconds.is_finite());
    Ok(seconds.map(|seconds| (seconds * 1e6) as i64).collect())
}
