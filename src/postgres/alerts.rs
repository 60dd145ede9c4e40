//! Alerts, as they are stored and found again.

use tokio_postgres::{Client, Transaction};

use super::error::PostgresError;
use super::writer::Owner;
use crate::alert::{Alert, Changes, Exceptions};

/// The alerts of a source that are open.
pub async fn open(_client: &Client, _source_id: i32) -> Result<Vec<Alert>, PostgresError> {
    Ok(Vec::new())
}

/// All exceptions.
pub async fn exceptions(_client: &Client) -> Result<Exceptions, PostgresError> {
    Ok(Exceptions::default())
}

/// Stores changes; gives the ids of their alerts, in their order.
pub async fn store(
    _transaction: &Transaction<'_>,
    _owner: &Owner,
    _changes: &Changes,
) -> Result<Vec<i64>, PostgresError> {
    Ok(Vec::new())
}
