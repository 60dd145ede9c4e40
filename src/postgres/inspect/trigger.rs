//! The wake-up trigger as the catalogue has it, and a second of listening to it.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;

use crate::check::trigger::{Heard, Trigger};
use crate::postgres::database::Database;
use crate::postgres::doorbell::CHANNEL;
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::quote;
use crate::postgres::keys::GATE_KEY_BASE;
use crate::postgres::migrations::wake_function;
use crate::postgres::source::Source;

/// How long the channel is listened to.
const LISTENING: Duration = Duration::from_secs(1);

/// Looks at the trigger of the table.
pub async fn look(client: &Client, source: &Source) -> Result<Trigger, PostgresError> {
    // tgtype: 1 row, 2 before, 4 insert, 64 instead of.
    let sql = "SELECT t.tgname::text, t.tgenabled::text,
                      t.tgtype & 71 = 4 AND t.tgqual IS NULL AND t.tgattr::text = '',
                      p.prosrc, NOT p.prosecdef AND p.proconfig IS NULL
               FROM pg_catalog.pg_trigger t
               JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
               JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
               WHERE t.tgrelid = $1 AND n.nspname = 'flowsentry' AND p.proname = 'wake'
               ORDER BY t.tgenabled = 'D', t.tgname LIMIT 1";
    let doing = PostgresError::doing("look at the wake-up trigger");
    let ours = wake_function();
    let mut trigger =
        Trigger { table: source.table.clone(), function_sql: ours.statement.to_owned(), ..Trigger::default() };
    if let Some(row) = client.query_opt(sql, &[&source.table_oid]).await.map_err(doing)? {
        trigger.name = Some(quote(row.get(0)));
        trigger.enabled = row.get::<_, &str>(1).chars().next().unwrap_or('D');
        trigger.is_plain = row.get(2);
        trigger.is_ours = row.get(4) && row.get::<_, &str>(3).trim() == ours.body.trim();
    }
    trigger.parent = parent(client, source).await?;
    trigger.replicas = replicas(client).await?;
    Ok(trigger)
}

async fn parent(client: &Client, source: &Source) -> Result<Option<String>, PostgresError> {
    let sql = "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE c.oid = pg_catalog.pg_partition_root($1::oid::regclass)::oid AND c.oid <> $1";
    let doing = PostgresError::doing("look of what the table is a partition");
    let row = client.query_opt(sql, &[&source.table_oid]).await.map_err(doing)?;
    Ok(row.map(|row| format!("{}.{}", quote(row.get(0)), quote(row.get(1)))))
}

/// For whom triggers are off unless enabled ALWAYS.
async fn replicas(client: &Client) -> Result<Vec<String>, PostgresError> {
    let sql = "SELECT coalesce('role ' || pg_catalog.quote_ident(r.rolname), 'every role of this database')
               FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
               WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d
                                           WHERE d.datname = pg_catalog.current_database()))
                 AND 'session_replication_role=replica' = ANY (s.setconfig)
               ORDER BY 1";
    let doing = PostgresError::doing("look whose triggers are off");
    let rows = client.query(sql, &[]).await.map_err(doing)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Listens for a second whether inserts ring. The listening session is gone afterwards.
pub async fn listen(database: &Database, client: &Client, source: &Source) -> Result<Heard, PostgresError> {
    let (_session, mut rung) = database.listening_session("check", CHANNEL).await?;
    let before = (gate_is_held(client, source).await?, newest(client, source).await?);
    if let Ok(Some(())) = timeout(LISTENING, rung.recv()).await {
        return Ok(Heard::Ring);
    }
    let after = (gate_is_held(client, source).await?, newest(client, source).await?);
    Ok(match (before.0 || after.0, after.1 > before.1) {
        (true, _) => Heard::Gate,
        (false, true) => Heard::Silence,
        (false, false) => Heard::NoPackets,
    })
}

/// Whether a service holds the gate, or asks for it.
async fn gate_is_held(client: &Client, source: &Source) -> Result<bool, PostgresError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l
               WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.objsubid = 1
                 AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
                 AND l.classid = ($1::bigint >> 32)::oid AND l.objid = ($1::bigint & 4294967295)::oid)";
    let gate = GATE_KEY_BASE + i64::from(source.table_oid);
    let row = client.query_one(sql, &[&gate]).await;
    Ok(row.map_err(PostgresError::doing("look who holds the gate"))?.get(0))
}

async fn newest(client: &Client, source: &Source) -> Result<Option<i64>, PostgresError> {
    let sql = format!("SELECT max({})::bigint FROM {}", source.id(), source.table);
    Ok(client.query_one(&sql, &[]).await.map_err(PostgresError::doing("look for new packets"))?.get(0))
}
