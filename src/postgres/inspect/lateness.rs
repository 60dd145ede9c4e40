//! How late the newest packets came, read and decoded as the service reads them.

use std::time::Duration;

use tokio_postgres::Client;

use crate::flow::lateness::behind;
use crate::flow::time::EventTime;
use crate::flow::watermark::plausible_until;
use crate::postgres::error::PostgresError;
use crate::postgres::reader::copy;
use crate::postgres::source::Source;
use crate::postgres::texts::guarded_list;

/// Packets that are looked at.
const PACKETS: usize = 100_000;

/// How far each of the newest packets was behind the greatest plausible time before it, in microseconds, and how many rows
/// were read for it, unusable ones included.
pub async fn look(
    client: &Client,
    source: &Source,
    future_bound: Duration,
) -> Result<(Vec<i64>, usize), PostgresError> {
    let sql = "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint";
    let doing = PostgresError::doing("ask for the database's clock");
    let clock = EventTime::from_micros(client.query_one(sql, &[]).await.map_err(doing)?.get(0)).unwrap_or_default();
    let bound = plausible_until(clock, future_bound);
    let sql = format!(
        "COPY (SELECT {} FROM {} ORDER BY {} DESC LIMIT {PACKETS}) TO STDOUT (FORMAT binary)",
        guarded_list(source),
        source.table,
        source.id()
    );
    let mut times = Vec::with_capacity(PACKETS);
    let copied = copy(client, source, &sql, |row| {
        times.extend(row.packet.ok().map(|packet| packet.time).filter(|time| *time <= bound));
        Ok(())
    })
    .await?;
    Ok((behind(times.into_iter().rev()), copied.rows))
}
