//! What is going on, at a glance: the one answer that the live page, its stream and `flowsentry top` show.
//!
//! Promise: however many watch, it is put together at most twice a second, and only while somebody does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::api::Api;
use super::api::alerts::Alert;
use super::api::state::{self, PipelineState};
use super::history::{History, Past};
use crate::exit::chain;
use crate::telemetry::clock;

/// How old an answer may be.
const AGE_MAX: Duration = Duration::from_millis(500);
/// Open alerts that are told.
const ALERTS_MAX: usize = 50;

/// What is going on.
#[derive(Serialize, ToSchema)]
pub(super) struct Overview {
    /// How the pipeline stands.
    pub state: PipelineState,
    /// The last half hour.
    pub past: Past,
    /// What needs a look.
    pub alerts: OpenAlerts,
}

/// The alerts that are open.
#[derive(Serialize, ToSchema, Default)]
pub(super) struct OpenAlerts {
    /// How many there are, by severity.
    pub open: BTreeMap<String, i64>,
    /// How many of them nobody has acknowledged.
    pub unacknowledged: i64,
    /// Those to look at first: not acknowledged, severe, seen lately; at most 50.
    pub first: Vec<Alert>,
    /// Why there are none here, if they cannot be read.
    pub problem: Option<String>,
}

struct Made {
    /// Process uptime.
    at: Duration,
    overview: Arc<Overview>,
}

/// Puts overviews together. Clones share the latest.
#[derive(Clone)]
pub(super) struct Overviews {
    api: Api,
    history: History,
    latest: Arc<Mutex<Option<Made>>>,
}

impl Overviews {
    /// None is put together before somebody asks.
    pub fn of(api: Api, history: History) -> Self {
        Self { api, history, latest: Arc::default() }
    }

    /// What is going on; half a second ago at the earliest.
    pub async fn latest(&self) -> Arc<Overview> {
        let mut latest = self.latest.lock().await;
        let now = clock::uptime();
        if let Some(made) = latest.as_ref().filter(|made| now.saturating_sub(made.at) < AGE_MAX) {
            return Arc::clone(&made.overview);
        }
        let overview = Arc::new(self.make().await);
        *latest = Some(Made { at: now, overview: Arc::clone(&overview) });
        overview
    }

    async fn make(&self) -> Overview {
        let alerts = match self.api.queries.open_alerts(ALERTS_MAX).await {
            Ok(open) => OpenAlerts {
                open: open.by_severity,
                unacknowledged: open.unacknowledged,
                first: open.first.into_iter().map(Alert::from).collect(),
                problem: None,
            },
            Err(error) => OpenAlerts { problem: Some(chain(&error)), ..OpenAlerts::default() },
        };
        Overview { state: state::of(&self.api), past: self.history.past(), alerts }
    }
}
