//! When the last alert ended.

use super::{PostgresError, Queries};
use crate::flow::time::EventTime;
use crate::postgres::moment::Moment;

impl Queries {
    /// When the last alert ended; `None` if none has. One look into an index.
    pub async fn last_alert_ended(&self) -> Result<Option<EventTime>, PostgresError> {
        let sql = "SELECT max(ended_at) FROM flowsentry.alerts WHERE state <> 'open'";
        let doing = PostgresError::doing("read when the last alert ended");
        let row = self.client().await?.query_one(sql, &[]).await.map_err(doing)?;
        Ok(row.get::<_, Option<Moment>>(0).map(Moment::clamped))
    }
}
