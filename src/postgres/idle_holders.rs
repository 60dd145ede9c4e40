//! Whether those whom missing packets wait for do anything. A gap that lasts is either a long insert, which ends, or a
//! session that somebody forgot in the middle of one, which does not; operators must tell them apart.
//!
//! Looked at seldom, and only while a gap lasts: it costs nothing where all is well. It decides nothing.

use std::time::Duration;

use tokio_postgres::Client;

use super::error::PostgresError;
use super::gaps::Gaps;
use super::inspect::holders::longest_idle;
use super::source::Source;

/// Gaps that are younger are what inserting is like.
const GAP_LASTS: Duration = Duration::from_secs(2);
/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(2);

/// What the last look saw.
#[derive(Debug, Default)]
pub struct IdleHolders {
    looked_at: Option<Duration>,
    longest: Duration,
}

impl IdleHolders {
    /// Looks, if there is a reason to and the last look is long enough ago at `now`, a process uptime.
    pub async fn look(
        &mut self,
        client: &Client,
        source: &Source,
        gaps: &Gaps,
        now: Duration,
    ) -> Result<(), PostgresError> {
        if gaps.oldest(now) < GAP_LASTS {
            *self = Self::default();
        } else if self.looked_at.is_none_or(|looked_at| now >= looked_at + INTERVAL) {
            self.longest = longest_idle(client, source, |transaction| gaps.wait_for(transaction)).await?;
            self.looked_at = Some(now);
        }
        Ok(())
    }

    /// How long whoever has done nothing for longest has done so; zero if nobody is idle.
    pub fn longest(&self) -> Duration {
        self.longest
    }
}
