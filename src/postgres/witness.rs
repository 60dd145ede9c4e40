//! The look at the witness locks: who may still bring a missing id. See `gaps` for the protocol.

use tokio_postgres::Client;

use crate::postgres::error::PostgresError;
use crate::postgres::gaps::Holders;
use crate::postgres::source::Source;

/// Transactions that hold `RowExclusiveLock` on the sequence, the table or one of its partitions, our own session left out.
/// Partitions are listed anew at each look, for they come and go. A statement of its own, outside any transaction.
pub async fn holders(client: &Client, source: &Source) -> Result<Holders, PostgresError> {
    let sql = "SELECT DISTINCT l.virtualtransaction
               FROM pg_catalog.pg_locks l
               WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'
                 AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
                 AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
                 AND (l.relation IN ($1, $2)
                      OR l.relation IN (SELECT p.relid FROM pg_catalog.pg_partition_tree($1::oid::regclass) p))";
    let rows = client
        .query(sql, &[&source.table_oid, &source.sequence.oid])
        .await
        .map_err(PostgresError::doing("look at the locks of inserting transactions"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
