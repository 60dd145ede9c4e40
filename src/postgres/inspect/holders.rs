//! Who holds a witness lock (see `gaps`): sessions and prepared transactions, by name as far as rights allow.

use std::collections::HashSet;
use std::time::Duration;

use tokio_postgres::{Client, Row};

use crate::check::holders::Holder;
use crate::postgres::error::PostgresError;
use crate::postgres::source::Source;

/// Between two looks, where the state of a session may not be seen.
const PAUSE: Duration = Duration::from_secs(1);

/// Looks at the holders; a second time where only that can tell who stays.
pub async fn look(client: &Client, source: &Source) -> Result<Vec<Holder>, PostgresError> {
    let mut holders = holders(client, source).await?;
    let hidden = |holder: &Holder| holder.pid.is_some() && holder.state.is_none();
    if holders.iter().any(hidden) {
        tokio::time::sleep(PAUSE).await;
        let left: HashSet<String> =
            self::holders(client, source).await?.into_iter().map(|holder| holder.transaction).collect();
        for holder in &mut holders {
            holder.stays = left.contains(&holder.transaction);
        }
    }
    Ok(holders)
}

/// How long the one that has been idle or prepared for longest has been so, of those that are waited for; zero if none is, or
/// if that may not be seen.
pub async fn longest_idle(
    client: &Client,
    source: &Source,
    is_waited_for: impl Fn(&str) -> bool,
) -> Result<Duration, PostgresError> {
    let holders = holders(client, source).await?;
    let idle = holders.iter().filter(|holder| holder.is_idle() && is_waited_for(&holder.transaction));
    Ok(idle.filter_map(|holder| holder.since).max().unwrap_or_default())
}

async fn holders(client: &Client, source: &Source) -> Result<Vec<Holder>, PostgresError> {
    // A prepared transaction has no pid; its lock on its own transaction id leads to its name.
    let sql = "SELECT DISTINCT ON (l.virtualtransaction) l.virtualtransaction, l.pid, x.gid,
                      coalesce(a.usename, x.owner)::text, a.application_name, a.state,
                      extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(a.state_change, x.prepared))::double precision
               FROM pg_catalog.pg_locks l
               LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
               LEFT JOIN pg_catalog.pg_locks t ON l.pid IS NULL AND t.pid IS NULL AND t.locktype = 'transactionid'
                   AND t.virtualtransaction = l.virtualtransaction
               LEFT JOIN pg_catalog.pg_prepared_xacts x ON x.transaction = t.transactionid
               WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'
                 AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
                 AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
                 AND (l.relation IN ($1, $2)
                      OR l.relation IN (SELECT p.relid FROM pg_catalog.pg_partition_tree($1::oid::regclass) p))
               ORDER BY l.virtualtransaction, x.gid";
    let doing = PostgresError::doing("look who holds locks of inserters");
    let rows = client.query(sql, &[&source.table_oid, &source.sequence.oid]).await.map_err(doing)?;
    Ok(rows.iter().map(holder).collect())
}

fn holder(row: &Row) -> Holder {
    let seconds: Option<f64> = row.get(6);
    Holder {
        transaction: row.get(0),
        pid: row.get(1),
        gid: row.get(2),
        user: row.get(3),
        application: row.get(4),
        state: row.get(5),
        since: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok()),
        stays: false,
    }
}
