//! One owner of a source: a session advisory lock, and the epoch as the fence.
//!
//! The lock says who may start; a second instance waits for it as a warm standby and takes over within seconds of the
//! owner's end. The epoch says who may store: each owner raises it, and a transaction of an earlier epoch moves no
//! checkpoint and is rolled back. So an owner that was frozen and woken stores nothing, whatever it believes.

use tokio_postgres::Client;

use crate::postgres::database::Database;
use crate::postgres::error::PostgresError;
use crate::postgres::keys::LEASE_KEY_BASE;
use crate::postgres::session::Session;

/// The right to read a source and to store its flows, for as long as the session lives.
#[derive(Debug)]
pub struct Lease {
    session: Session,
    source_name: String,
    source_id: i32,
    epoch: i64,
}

/// A claim on a source that may have another owner.
#[derive(Debug)]
pub struct Claim {
    session: Session,
    source_name: String,
    source_id: i32,
}

impl Claim {
    /// Connects and finds the source by its name; a new one begins here.
    pub async fn on(database: &Database, source_name: &str) -> Result<Self, PostgresError> {
        let session = database.session("lease").await?;
        let source_id = source_id(&session.client, source_name).await?;
        Ok(Self { session, source_name: source_name.to_owned(), source_id })
    }

    /// Whether nobody else owns the source: then it is ours, in a new epoch.
    pub async fn try_take(&self) -> Result<Option<i64>, PostgresError> {
        let doing = PostgresError::doing("take the lease of the source");
        let key = LEASE_KEY_BASE + i64::from(self.source_id);
        let row = self.session.client.query_one("SELECT pg_catalog.pg_try_advisory_lock($1)", &[&key]).await;
        if !row.map_err(&doing)?.get::<_, bool>(0) {
            return Ok(None);
        }
        let sql = "UPDATE flowsentry.checkpoint SET epoch = epoch + 1 WHERE source_id = $1 RETURNING epoch";
        let row = self.session.client.query_one(sql, &[&self.source_id]).await.map_err(&doing)?;
        Ok(Some(row.get(0)))
    }

    /// The lease, once [`Claim::try_take`] has given its epoch.
    pub fn into_lease(self, epoch: i64) -> Lease {
        let Self { session, source_name, source_id } = self;
        Lease { session, source_name, source_id, epoch }
    }
}

impl Lease {
    /// The source's key in `flowsentry.checkpoint` and in every stored flow.
    pub fn source_id(&self) -> i32 {
        self.source_id
    }

    /// The source's name.
    pub fn source_name(&self) -> &str {
        &self.source_name
    }

    /// The fence.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The session that holds the lease, for what is done under it.
    pub fn client(&self) -> &Client {
        &self.session.client
    }

    /// Waits until the lease is lost, and says why.
    pub async fn lost(&mut self) -> PostgresError {
        self.session.closed().await
    }
}

async fn source_id(client: &Client, name: &str) -> Result<i32, PostgresError> {
    let doing = PostgresError::doing("find the source in flowsentry.checkpoint");
    let insert = "INSERT INTO flowsentry.checkpoint (source_name) VALUES ($1) ON CONFLICT (source_name) DO NOTHING";
    client.execute(insert, &[&name]).await.map_err(&doing)?;
    Ok(client.query_one(FIND, &[&name]).await.map_err(&doing)?.get(0))
}

const FIND: &str = "SELECT source_id FROM flowsentry.checkpoint WHERE source_name = $1";

/// The key of the source with this name, if there is one; makes none.
pub async fn find(client: &Client, name: &str) -> Result<Option<i32>, PostgresError> {
    let doing = PostgresError::doing("find the source in flowsentry.checkpoint");
    Ok(client.query_opt(FIND, &[&name]).await.map_err(doing)?.map(|row| row.get(0)))
}
