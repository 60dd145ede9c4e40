//! The alerts that are open: how many, and which to look at first.

use std::collections::BTreeMap;

use super::alerts::{AlertRow, COLUMNS, alert};
use super::{PostgresError, Queries};

/// The alerts that are open.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Open {
    /// How many there are, by severity.
    pub by_severity: BTreeMap<String, i64>,
    /// How many of them nobody has acknowledged.
    pub unacknowledged: i64,
    /// Those to look at first: not acknowledged, severe, seen lately.
    pub first: Vec<AlertRow>,
}

impl Queries {
    /// The alerts that are open, the first `limit` of them in full.
    pub async fn open_alerts(&self, limit: usize) -> Result<Open, PostgresError> {
        let doing = || PostgresError::doing("read the open alerts");
        let counts = "SELECT severity, count(*), count(*) FILTER (WHERE acknowledged_at IS NULL)
                      FROM flowsentry.alerts WHERE state = 'open' GROUP BY severity";
        let first = format!(
            "SELECT {COLUMNS} FROM flowsentry.alerts WHERE state = 'open'
             ORDER BY acknowledged_at IS NOT NULL, pg_catalog.array_position(ARRAY['critical', 'high', 'medium'], severity),
                 last_seen DESC, id DESC
             LIMIT $1"
        );
        let client = self.client().await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let counts = client.query(counts, &[]).await.map_err(doing())?;
        let first = client.query(&first, &[&limit]).await.map_err(doing())?;
        Ok(Open {
            by_severity: counts.iter().map(|row| (row.get(0), row.get(1))).collect(),
            unacknowledged: counts.iter().map(|row| row.get::<_, i64>(2)).sum(),
            first: first.iter().map(alert).collect(),
        })
    }
}
