//! The ids of the source: how many there are, and rows that tell how fast they go. Looks at a handful of rows by the index
//! on the id.

use tokio_postgres::{Client, Row};

use crate::check::ids::{Ids, Sample};
use crate::config;
use crate::postgres::error::PostgresError;
use crate::postgres::inspect::time_column::times;
use crate::postgres::source::{Source, survey};

/// How far from the lowest to the highest id the rows lie whose times are compared with the newest: the rate of the whole
/// stretch, of its later half, and of late.
const STRETCH: [f64; 3] = [0.0, 0.5, 0.94];

/// Looks at the ids of the table.
pub async fn look(client: &Client, source: &Source) -> Result<Ids, PostgresError> {
    let doing = PostgresError::doing("look at the ids of the packets");
    let sql = "SELECT pg_catalog.format_type(a.atttypid, NULL),
                      least(q.seqmax, CASE a.atttypid WHEN 'smallint'::regtype THEN 32767
                                      WHEN 'integer'::regtype THEN 2147483647 ELSE 9223372036854775807 END)
               FROM pg_catalog.pg_attribute a, pg_catalog.pg_sequence q
               WHERE a.attrelid = $1 AND q.seqrelid = $3
                 AND pg_catalog.concat('\"', pg_catalog.replace(a.attname::text, '\"', '\"\"'), '\"') = $2";
    let row = client.query_one(sql, &[&source.table_oid, &source.id(), &source.sequence.oid]).await.map_err(&doing)?;
    let mut ids = Ids { column: source.id().to_owned(), type_name: row.get(0), most: row.get(1), ..Ids::default() };
    let (table, id) = (&source.table, source.id());
    let ends = format!("SELECT min({id})::bigint, max({id})::bigint FROM {table}");
    let row = client.query_one(&ends, &[]).await.map_err(&doing)?;
    let ends: Option<(i64, i64)> = row.get::<_, Option<i64>>(0).zip(row.get(1));
    if let Some((lowest, highest)) = ends {
        ids.last = highest;
        ids.samples = samples(client, source, lowest, highest).await?;
    }
    if source.sequence.readable {
        let last = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}", source.sequence.name);
        ids.last = client.query_one(&last, &[]).await.map_err(&doing)?.get(0);
    }
    Ok(ids)
}

/// Days until the ids of the configured source are used up; `None` where that is unknown, or there is no such table.
pub async fn days_left(client: &Client, source: &config::Source) -> Result<Option<f64>, PostgresError> {
    match survey(client, &source.table, &source.columns).await?.source {
        Some(source) => Ok(look(client, &source).await?.days_left()),
        None => Ok(None),
    }
}

#[allow(clippy::cast_possible_truncation)] // between two ids
async fn samples(client: &Client, source: &Source, lowest: i64, highest: i64) -> Result<Vec<Sample>, PostgresError> {
    let (table, id) = (&source.table, source.id());
    let times = times(client, source).await?;
    let seconds = times.inserted.unwrap_or(times.event);
    let sql =
        format!("SELECT {id}::bigint AS found, {seconds} FROM {table} WHERE {id} >= $1::bigint ORDER BY {id} LIMIT 1");
    let mut samples = Vec::new();
    let span = highest.saturating_sub(lowest) as f64;
    for first in STRETCH.map(|share| lowest.saturating_add((span * share) as i64)).into_iter().chain([highest]) {
        let row = client.query_opt(&sql, &[&first]).await.map_err(PostgresError::doing("look how fast ids go"))?;
        samples.extend(row.as_ref().and_then(sample));
    }
    Ok(samples)
}

fn sample(row: &Row) -> Option<Sample> {
    let seconds = row.get::<_, Option<f64>>(1).filter(|seconds| seconds.is_finite())?;
    Some(Sample { id: row.get(0), seconds })
}
