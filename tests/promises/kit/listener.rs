//! Somebody else who listens: counts what is notified.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::{Database, until};

const PROBE: &str = "kit_probe";

/// A session that listens on a channel.
pub struct Listener {
    rings: Arc<AtomicI64>,
    probes: Arc<AtomicI64>,
    _client: Client,
}

impl Listener {
    pub async fn on(url: &str, channel: &str) -> Self {
        let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let (rings, probes) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
        let counts = (Arc::clone(&rings), Arc::clone(&probes));
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(note) = message {
                    let count = if note.channel() == PROBE { &counts.1 } else { &counts.0 };
                    count.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        client.batch_execute(&format!("LISTEN {channel}; LISTEN {PROBE}")).await.unwrap();
        Self { rings, probes, _client: client }
    }

    /// Notifications so far.
    pub fn count(&self) -> i64 {
        self.rings.load(Ordering::SeqCst)
    }

    /// Waits until everything is here that was notified before: they arrive in the order of the commits.
    #[track_caller]
    pub fn catch_up(&self, database: &Database) {
        let before = self.probes.load(Ordering::SeqCst);
        database.execute(&format!("NOTIFY {PROBE}"));
        until("the probe", || self.probes.load(Ordering::SeqCst), |probes| *probes > before);
    }
}
