//! Tells receivers of alerts, beside the stream, from the outbox. A failure is told and tried again, and ends nothing.
//!
//! Each receiver has a loop of its own, and each of its messages an attempt of its own, so that a receiver, or a message that
//! it is slow with, holds up no other: but for the messages of the same alert, which wait for each other.

use std::time::Duration;

use deadpool_postgres::Pool;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rand::RngExt;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_postgres::error::DbError;

use super::StageError;
use crate::config;
use crate::postgres::PostgresError;
use crate::postgres::outbox::{self, Due, Receiver};
use crate::supervisor::Stop;
use crate::telemetry::clock;
use crate::telemetry::metrics::{DELIVERIES, ERRORS, OUTBOX_DEAD, OUTBOX_PENDING};
use crate::tell::{Alertmanager, Message, REFRESH_INTERVAL, Receivers, TellError, Webhook};

/// Attempts that one receiver has to do with at a time.
const UNDERWAY_MAX: usize = 16;
/// How often to look without being woken: for what is due again, and what a predecessor left.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How often messages are counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(5);
/// The first pause after an attempt that failed; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_mins(10);
/// Beyond its time-out, how long an attempt may take to be remembered.
const REMEMBERED_WITHIN: Duration = Duration::from_secs(5);
/// Alerts that are repeated in one request.
const REFRESHED_MAX: usize = 200;

/// Hears the [`Bell`].
pub type Rung = watch::Receiver<()>;

/// Tells whoever delivers that there is something new.
#[derive(Clone, Debug)]
pub struct Bell(watch::Sender<()>);

impl Bell {
    /// A bell, and who hears it.
    pub fn new() -> (Self, Rung) {
        let (bell, rung) = watch::channel(());
        (Self(bell), rung)
    }

    /// Rings.
    pub fn ring(&self) {
        self.0.send_replace(());
    }
}

/// On whose behalf others are told.
#[derive(Clone, Debug)]
pub struct Teller {
    /// Sessions, held for a statement at a time.
    pub pool: Pool,
    /// The source's id.
    pub source_id: i32,
    /// The source's name.
    pub source_name: String,
    /// Time-out and number of attempts.
    pub settings: config::Tell,
}

/// Delivers until stopped, or until nobody can ring any more.
pub async fn deliver(teller: Teller, receivers: Receivers, rung: Rung, stop: Stop) -> Result<(), StageError> {
    let webhook = receivers.webhook.map(To::Webhook);
    let alertmanager = receivers.alertmanager.map(To::Alertmanager);
    let told = async { tokio::join!(serve(&teller, webhook, rung.clone()), serve(&teller, alertmanager, rung)) };
    tokio::select! {
        _ = told => {}
        () = count(&teller.pool) => {}
        () = stop.requested() => {}
    }
    Ok(())
}

/// A receiver, and how it is told.
#[derive(Debug)]
enum To {
    Webhook(Webhook),
    Alertmanager(Alertmanager),
}

impl To {
    fn receiver(&self) -> Receiver {
        match self {
            Self::Webhook(_) => Receiver::Webhook,
            Self::Alertmanager(_) => Receiver::Alertmanager,
        }
    }

    async fn tell(&self, message: &Message) -> Result<(), TellError> {
        match self {
            Self::Webhook(webhook) => webhook.tell(message, clock::since_epoch()).await,
            Self::Alertmanager(alertmanager) => alertmanager.tell(message, clock::since_epoch()).await,
        }
    }
}

/// Tells one receiver, until nobody can ring any more.
async fn serve(teller: &Teller, to: Option<To>, mut rung: Rung) {
    let Some(to) = to else {
        while rung.changed().await.is_ok() {}
        return;
    };
    let mut underway = FuturesUnordered::new();
    let mut refresh = Refresh::default();
    loop {
        if refresh.is_due(&to) {
            // Nothing may be on its way that says otherwise: what has ended would be opened again.
            while underway.next().await.is_some() {}
            refresh.go_on(teller, &to).await;
        }
        match claim(teller, to.receiver(), UNDERWAY_MAX - underway.len()).await {
            Ok(due) => due.into_iter().for_each(|due| underway.push(attempt(teller, &to, due))),
            Err(error) => database_fails(&error),
        }
        tokio::select! {
            _ = underway.next(), if !underway.is_empty() => {}
            still = rung.changed() => if still.is_err() { return },
            () = sleep(LOOK_INTERVAL) => {}
        }
    }
}

async fn claim(teller: &Teller, receiver: Receiver, most: usize) -> Result<Vec<Due>, PostgresError> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let client = teller.pool.get().await?;
    outbox::claim(&client, receiver, most, teller.settings.timeout + REMEMBERED_WITHIN).await
}

/// One attempt at one message, and what became of it.
async fn attempt(teller: &Teller, to: &To, mut due: Due) {
    let message = Message { id: due.id, body: due.body.take(), previous: due.previous.take() };
    let outcome = to.tell(&message).await;
    let remembered = async {
        let client = teller.pool.get().await?;
        match &outcome {
            Ok(()) => outbox::delivered(&client, due.id).await?,
            Err(error) => outbox::failed(&client, &due, &error.to_string(), teller.pause(&due)).await?,
        }
        Ok(())
    };
    // What is not remembered is tried again: it may be told twice.
    if let Err(error) = remembered.await {
        database_fails(&error);
    }
    let (receiver, delivery, alert, attempts) = (to.receiver().name(), due.id, due.alert_id, due.attempts);
    let result = match (outcome, teller.pause(&due)) {
        (Ok(()), _) => "delivered",
        (Err(error), Some(_)) => {
            tracing::warn!(%error, receiver, delivery, alert, attempts, "a message about an alert was not taken; again later");
            "failed"
        }
        (Err(error), None) => {
            tracing::error!(%error, receiver, delivery, alert, attempts, "a message about an alert is given up");
            "dead"
        }
    };
    DELIVERIES.add_with("result", result, 1);
}

impl Teller {
    /// How long to wait after an attempt that failed; `None` if it was the last one. Between half and whole of what doubles
    /// with each attempt, so that what failed together does not come back together.
    fn pause(&self, due: &Due) -> Option<Duration> {
        let attempts = u32::try_from(due.attempts).unwrap_or(0);
        if attempts >= self.settings.attempts_max {
            return None;
        }
        let whole = PAUSE_MIN.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(PAUSE_MAX);
        Some(whole.mul_f64(rand::rng().random_range(0.5..=1.0)))
    }
}

/// Where repeating the open alerts stands, for a receiver that forgets.
#[derive(Default)]
struct Refresh {
    /// When the last round began, by the uptime.
    began: Option<Duration>,
    /// The last alert that was repeated in this round; `None` between rounds.
    behind: Option<i64>,
    /// Whether messages are to have a turn first.
    yields: bool,
}

impl Refresh {
    fn is_due(&mut self, to: &To) -> bool {
        if !matches!(to, To::Alertmanager(_)) || std::mem::take(&mut self.yields) {
            return false;
        }
        self.behind.is_some() || self.began.is_none_or(|began| clock::uptime() >= began + REFRESH_INTERVAL)
    }

    /// One request of a round. A failure ends the round: the next one repeats all.
    async fn go_on(&mut self, teller: &Teller, to: &To) {
        let To::Alertmanager(alertmanager) = to else { return };
        let behind = self.behind.unwrap_or_else(|| {
            self.began = Some(clock::uptime());
            0
        });
        self.yields = true;
        self.behind = None;
        let open = async {
            let client = teller.pool.get().await?;
            let source = (teller.source_id, teller.source_name.as_str());
            outbox::open(&client, source, to.receiver(), behind, REFRESHED_MAX).await
        };
        let (ids, bodies): (Vec<_>, Vec<_>) = match open.await {
            Ok(open) => open.into_iter().unzip(),
            Err(error) => return database_fails(&error),
        };
        if bodies.is_empty() {
            return;
        }
        match alertmanager.refresh(&bodies, clock::since_epoch()).await {
            Ok(()) if ids.len() == REFRESHED_MAX => self.behind = ids.last().copied(),
            Ok(()) => {}
            Err(error) => {
                let receiver = to.receiver().name();
                tracing::warn!(%error, receiver, alerts = ids.len(), "open alerts could not be repeated");
            }
        }
    }
}

fn database_fails(error: &PostgresError) {
    ERRORS.add_with("kind", "tell", 1);
    tracing::warn!(%error, cause = error.answer().map(DbError::message), "receivers are not told of alerts");
}

/// Shows how many messages wait, or were given up.
async fn count(pool: &Pool) {
    let mut shown: Vec<String> = Vec::new();
    loop {
        let depths = async { outbox::depth(&*pool.get().await?).await };
        match depths.await {
            Ok(depths) => {
                // Of whom there is nothing any more, nothing waits.
                for gone in shown.iter().filter(|name| !depths.iter().any(|depth| depth.receiver == **name)) {
                    OUTBOX_PENDING.set_with("receiver", gone, 0.0);
                    OUTBOX_DEAD.set_with("receiver", gone, 0.0);
                }
                for depth in &depths {
                    OUTBOX_PENDING.set_with("receiver", &depth.receiver, depth.pending as f64);
                    OUTBOX_DEAD.set_with("receiver", &depth.receiver, depth.dead as f64);
                }
                shown = depths.into_iter().map(|depth| depth.receiver).collect();
            }
            Err(error) => database_fails(&error),
        }
        sleep(COUNT_INTERVAL).await;
    }
}
