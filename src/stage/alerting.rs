//! Keeps the book of alerts beside the store: what a window confirms is stored in its transaction, what an open one shows at
//! once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Told;
use crate::alert::{Book, Changes, Exceptions};
use crate::flow::time::EventTime;
use crate::postgres::PostgresError;
use crate::postgres::alerts::StoredAlerts;
use crate::postgres::writer::Writer;
use crate::telemetry::clock;
use crate::verdict::judged::{JudgedIncrement, JudgedLook};

/// Alerts of which one look stores nothing but new figures: people see those of a second, and a storm stays cheap.
const GROWING_MAX: usize = 32;

/// The book, and the clocks that it is told.
#[derive(Debug)]
pub struct Alerting {
    book: Book,
    /// As they are now.
    exceptions: watch::Receiver<Arc<Exceptions>>,
    told: Told,
    /// The watermark, and since when it stands there.
    watermark: (EventTime, Duration),
}

impl Alerting {
    /// With the alerts that were open.
    pub fn new(book: Book, exceptions: watch::Receiver<Arc<Exceptions>>, told: Told) -> Self {
        Self { book, exceptions, told, watermark: (EventTime::EPOCH, clock::uptime()) }
    }

    /// What a look changes. Where very many alerts only grow, most of their figures wait for the closed window.
    pub fn look(&mut self, look: &JudgedLook) -> Changes {
        let exceptions = Arc::clone(&self.exceptions.borrow());
        let mut changes = self.book.look(look, &exceptions, now());
        let mut growing = 0;
        changes.alerts.retain(|change| {
            growing += usize::from(change.event.is_none());
            change.event.is_some() || growing <= GROWING_MAX
        });
        changes
    }

    /// What closed windows change.
    pub fn settle(&mut self, judged: &JudgedIncrement) -> Changes {
        self.watermark = (judged.increment.checkpoint.watermark, clock::uptime());
        let exceptions = Arc::clone(&self.exceptions.borrow());
        self.book.settle(judged, &exceptions, now())
    }

    /// What passing time changes: the watermark stands still while no packets come, and time goes on.
    pub fn pass(&mut self) -> Changes {
        let (watermark, since) = self.watermark;
        if watermark == EventTime::EPOCH || self.book.open() == 0 {
            return Changes::default();
        }
        self.book.pass(watermark.saturating_add(clock::uptime().saturating_sub(since)))
    }

    /// Stores changes, to which work led that was begun then, in a transaction of their own.
    pub async fn tell(&mut self, writer: &mut Writer, changes: Changes, began: Instant) -> Result<(), PostgresError> {
        let stored = if changes.is_empty() { StoredAlerts::default() } else { writer.tell(&changes).await? };
        self.stored(&changes, &stored, began);
        Ok(())
    }

    /// Changes were committed, to which work led that was begun then.
    pub fn stored(&mut self, changes: &Changes, stored: &StoredAlerts, began: Instant) {
        self.told.committed(changes, stored, began);
        for (change, id) in changes.alerts.iter().zip(&stored.ids) {
            self.book.stored(change.handle, *id);
        }
    }
}

fn now() -> EventTime {
    let micros = i64::try_from(clock::since_epoch().as_micros()).unwrap_or(i64::MAX);
    EventTime::from_micros(micros).unwrap_or_default()
}
