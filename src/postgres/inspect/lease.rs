//! Who holds the lease of the source, and where its checkpoint is.

use std::time::Duration;

use tokio_postgres::Client;

use crate::check::lease::{Owner, Ownership};
use crate::postgres::error::PostgresError;
use crate::postgres::keys::LEASE_KEY_BASE;
use crate::postgres::source::Source;

/// Looks at the source called `name`.
pub async fn look(client: &Client, name: &str, source: Option<&Source>) -> Result<Ownership, PostgresError> {
    let doing = PostgresError::doing("look at the checkpoint");
    let sql = "SELECT source_id, position_high, system_identifier IS NOT NULL,
                      extract(epoch FROM pg_catalog.clock_timestamp() - updated_at)::double precision
               FROM flowsentry.checkpoint WHERE source_name = $1";
    let mut ownership = Ownership { source: name.to_owned(), ..Ownership::default() };
    let Some(row) = client.query_opt(sql, &[&name]).await.map_err(&doing)? else { return Ok(ownership) };
    ownership.is_known = row.get(2);
    ownership.position = row.get(1);
    ownership.age = Duration::try_from_secs_f64(row.get::<_, f64>(3).max(0.0)).unwrap_or_default();
    ownership.owner = owner(client, row.get(0)).await?;
    ownership.is_known |= ownership.owner.is_some();
    if let Some(sequence) = source.map(|source| &source.sequence).filter(|sequence| sequence.readable) {
        let last = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}", sequence.name);
        ownership.last = Some(client.query_one(&last, &[]).await.map_err(doing)?.get(0));
    }
    Ok(ownership)
}

async fn owner(client: &Client, source_id: i32) -> Result<Option<Owner>, PostgresError> {
    // A lock on a bigint is shown as its two halves.
    let sql = "SELECT l.pid, a.usename::text, a.application_name, pg_catalog.host(a.client_addr)
               FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
               WHERE l.locktype = 'advisory' AND l.granted AND l.mode = 'ExclusiveLock' AND l.objsubid = 1
                 AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
                 AND l.classid = ($1::bigint >> 32)::oid AND l.objid = ($1::bigint & 4294967295)::oid";
    let key = LEASE_KEY_BASE + i64::from(source_id);
    let row = client.query_opt(sql, &[&key]).await.map_err(PostgresError::doing("look who owns the source"))?;
    Ok(row.map(|row| Owner { pid: row.get(0), user: row.get(1), application: row.get(2), host: row.get(3) }))
}
