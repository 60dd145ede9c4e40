//! Decides when to read: at once when the doorbell rings, often while rows come, hardly ever while none do.
//!
//! Awake, we hold the gate, so no inserter notifies, and ask for a read every `poll_interval`. When nothing has come for a
//! while we open the gate, go on polling until everybody who may have passed it silently is gone, and then sleep until the
//! doorbell rings or the fallback timer fires. So no wake-up is lost.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::StageError;
use crate::config::Wakeup;
use crate::postgres::doorbell::Doorbell;
use crate::postgres::gaps::Holders;
use crate::supervisor::Stop;
use crate::telemetry::clock;
use crate::telemetry::metrics::{AWAKE, NOTIFICATIONS, WAKEUPS};
use crate::telemetry::status::Status;

/// Asks for a read.
#[derive(Debug)]
pub struct Tick {
    /// Whether to read; otherwise only to look at the clock.
    pub read: bool,
    /// Where to say how many rows came.
    pub rows: oneshot::Sender<usize>,
}

/// The pace of reading.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    poll_interval: Duration,
    sleep_after: Duration,
    /// Zero: never.
    fallback_interval: Duration,
    listen_check_interval: Duration,
}

impl Pace {
    /// From the settings; `poll_interval` stands in another section.
    pub fn new(settings: &Wakeup, poll_interval: Duration) -> Self {
        Self {
            poll_interval,
            sleep_after: settings.sleep_after,
            fallback_interval: settings.fallback_interval,
            listen_check_interval: settings.listen_check_interval,
        }
    }

    /// The longest pause between two ticks, what is asked of the database in between not counted.
    pub fn longest_pause(&self) -> Duration {
        self.poll_interval.max(self.fallback_interval).max(CLOCK_INTERVAL)
    }
}

/// How often windows are looked at for idleness while the fallback timer is off.
const CLOCK_INTERVAL: Duration = Duration::from_secs(1);

struct Waker {
    ticks: mpsc::Sender<Tick>,
    pace: Pace,
    stop: Stop,
    status: Status,
}

/// Why a wait ended.
enum Woken {
    Rung,
    Timer,
    Stopped,
}

/// How falling asleep ended.
enum Falling {
    Asleep,
    RowsCame,
    Stopped,
}

/// Asks for reads until stopped, or until nobody reads any more. Without a doorbell it polls all the time.
pub async fn wakeup(
    doorbell: Option<Doorbell>,
    pace: Pace,
    stop: Stop,
    status: Status,
    ticks: mpsc::Sender<Tick>,
) -> Result<(), StageError> {
    let waker = Waker { ticks, pace, stop, status };
    WAKEUPS.add_with("cause", "start", 1);
    match doorbell {
        Some(doorbell) => waker.sleep_and_wake(doorbell).await,
        None => waker.poll().await,
    }
}

impl Waker {
    async fn poll(&self) -> Result<(), StageError> {
        self.show_awake(true);
        while self.ask(true).await.is_some() {
            if self.wait(self.pace.poll_interval).await {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn sleep_and_wake(&self, mut doorbell: Doorbell) -> Result<(), StageError> {
        loop {
            self.show_awake(true);
            if !self.stay_awake(&mut doorbell).await? {
                return Ok(());
            }
            match self.fall_asleep(&doorbell).await? {
                Falling::Asleep => {}
                // What has just been read may not be stored before the next look.
                Falling::RowsCame => continue,
                Falling::Stopped => return Ok(()),
            }
            self.show_awake(false);
            if !self.sleep(&mut doorbell).await? {
                return Ok(());
            }
        }
    }

    /// Polls with the gate shut until nothing has come for a while. `false`: stop.
    async fn stay_awake(&self, doorbell: &mut Doorbell) -> Result<bool, StageError> {
        let mut quiet_since = clock::now();
        {
            let mut shutting = pin!(doorbell.shut_gate());
            let mut is_shut = false;
            let mut checked = clock::now();
            while !is_shut || quiet_since.elapsed() < self.pace.sleep_after {
                match self.ask(true).await {
                    None => return Ok(false),
                    Some(0) => {}
                    Some(_) => quiet_since = clock::now(),
                }
                tokio::select! {
                    shut = &mut shutting, if !is_shut => {
                        shut?;
                        is_shut = true;
                    }
                    stopped = self.wait(self.pace.poll_interval) => if stopped { return Ok(false) },
                }
                // The gate goes with its session, and inserts would notify again.
                if is_shut && checked.elapsed() >= self.pace.listen_check_interval {
                    doorbell.prove_listening().await?;
                    checked = clock::now();
                }
            }
        }
        // Whoever rang before the gate was shut has been read.
        doorbell.hush();
        Ok(true)
    }

    /// Opens the gate and polls until nobody is left who may have passed it while it was shut.
    async fn fall_asleep(&self, doorbell: &Doorbell) -> Result<Falling, StageError> {
        let mut silent: Holders = doorbell.open_gate().await?;
        loop {
            let present = if silent.is_empty() { Holders::new() } else { doorbell.holders().await? };
            silent.retain(|holder| present.contains(holder));
            // The read that counts starts after the last of them is gone.
            match self.ask(true).await {
                None => return Ok(Falling::Stopped),
                Some(0) => {}
                Some(_) => return Ok(Falling::RowsCame),
            }
            if silent.is_empty() {
                return Ok(Falling::Asleep);
            }
            if self.wait(self.pace.poll_interval).await {
                return Ok(Falling::Stopped);
            }
        }
    }

    /// Waits until rows come. `false`: stop.
    async fn sleep(&self, doorbell: &mut Doorbell) -> Result<bool, StageError> {
        let reads = !self.pace.fallback_interval.is_zero();
        let interval = if reads { self.pace.fallback_interval } else { CLOCK_INTERVAL };
        let mut checked = clock::now();
        loop {
            match self.rung_within(doorbell, interval).await? {
                Woken::Stopped => return Ok(false),
                Woken::Rung => {
                    NOTIFICATIONS.add(1);
                    WAKEUPS.add_with("cause", "notification", 1);
                    return Ok(true);
                }
                Woken::Timer => match self.ask(reads).await {
                    None => return Ok(false),
                    Some(0) => {}
                    Some(_) => {
                        WAKEUPS.add_with("cause", "fallback", 1);
                        return Ok(true);
                    }
                },
            }
            if checked.elapsed() >= self.pace.listen_check_interval {
                doorbell.prove_listening().await?;
                checked = clock::now();
            }
        }
    }

    async fn rung_within(&self, doorbell: &mut Doorbell, interval: Duration) -> Result<Woken, StageError> {
        tokio::select! {
            () = self.stopped() => Ok(Woken::Stopped),
            rung = timeout(interval, doorbell.rung()) => match rung {
                Ok(rung) => rung.map(|()| Woken::Rung).map_err(StageError::from),
                Err(_) => Ok(Woken::Timer),
            },
        }
    }

    /// Asks for a read and waits for it. `None`: nobody reads any more, or stop.
    async fn ask(&self, read: bool) -> Option<usize> {
        let (rows, answer) = oneshot::channel();
        let asked = async {
            self.ticks.send(Tick { read, rows }).await.ok()?;
            answer.await.ok()
        };
        tokio::select! {
            () = self.stop.requested() => None,
            rows = asked => rows,
        }
    }

    /// Waits for this long. `true`: stopped meanwhile.
    async fn wait(&self, span: Duration) -> bool {
        timeout(span, self.stopped()).await.is_ok()
    }

    /// Waits until stopped, or until nobody reads any more.
    async fn stopped(&self) {
        tokio::select! {
            () = self.stop.requested() => {}
            () = self.ticks.closed() => {}
        }
    }

    fn show_awake(&self, awake: bool) {
        AWAKE.set(f64::from(u8::from(awake)));
        self.status.update(|now| now.awake = awake);
    }
}
