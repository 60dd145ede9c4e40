//! Named tasks, each on a thread of its own: the first failure stops the rest, and the whole is tried again from the
//! checkpoint. Restarting one stage alone does not exist: there is one recovery path, and it is used every day.
//!
//! A thread of its own means a single-threaded runtime of its own. A COPY hands over one message a row; driven by the
//! thread that uses it, that costs no task switch, which alone raised throughput by half in a prototype.

use std::future::Future;
use std::time::Duration;

use rand::RngExt;
use tokio::sync::{mpsc, watch};

/// Tells when to stop. Clones share it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// Says stop to all clones of its [`Stop`].
#[derive(Debug)]
pub struct StopSignal(watch::Sender<bool>);

impl Stop {
    /// A signal and what hears it.
    pub fn channel() -> (StopSignal, Self) {
        let (sender, receiver) = watch::channel(false);
        (StopSignal(sender), Self(receiver))
    }

    /// Waits until stop is said, or nobody is left who could say it.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        // An error means that the signal is gone, which says the same.
        if receiver.wait_for(|stopped| *stopped).await.is_err() {
            tracing::trace!("the stop signal is gone");
        }
    }

    /// Whether stop has been said.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

impl StopSignal {
    /// Says stop. Saying it twice is saying it once.
    pub fn send(&self) {
        self.0.send_replace(true);
    }
}

/// Tasks of one attempt.
pub struct Tasks<E> {
    abort: StopSignal,
    aborted: Stop,
    /// Said once the attempt comes to its end.
    end: StopSignal,
    ended: Stop,
    running: usize,
    done: mpsc::Sender<(&'static str, Result<(), E>)>,
    results: mpsc::Receiver<(&'static str, Result<(), E>)>,
}

/// More tasks than any attempt has.
const TASKS_MAX: usize = 32;

impl<E: From<std::io::Error> + Send + 'static> Tasks<E> {
    /// No tasks yet.
    pub fn new() -> Self {
        let (abort, aborted) = Stop::channel();
        let (end, ended) = Stop::channel();
        let (done, results) = mpsc::channel(TASKS_MAX);
        Self { abort, aborted, end, ended, running: 0, done, results }
    }

    /// Starts a task on a thread of its own; `task` makes the future there.
    pub fn spawn<F, T>(&mut self, name: &'static str, task: F) -> Result<(), E>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = Result<(), E>>,
    {
        self.start(name, self.aborted.clone(), task)
    }

    /// As [`spawn`](Self::spawn), but for what has nothing in flight: it is cut off as soon as the attempt ends.
    pub fn spawn_beside<F, T>(&mut self, name: &'static str, task: F) -> Result<(), E>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = Result<(), E>>,
    {
        self.start(name, self.ended.clone(), task)
    }

    fn start<F, T>(&mut self, name: &'static str, aborted: Stop, task: F) -> Result<(), E>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = Result<(), E>>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let done = self.done.clone();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let result = runtime.block_on(async {
                tokio::select! {
                    result = task() => result,
                    () = aborted.requested() => Ok(()),
                }
            });
            // Nobody listens any more only when the attempt was dropped.
            if done.try_send((name, result)).is_err() {
                tracing::debug!(name, "a task ended after its attempt");
            }
        })?;
        self.running += 1;
        Ok(())
    }

    /// Waits until all tasks have ended. Once one has failed, or stop was said, the others get `grace` to finish what they
    /// have; then they are cut off. Gives the first failure.
    pub async fn finish(mut self, stop: &Stop, grace: Duration) -> Result<(), E> {
        let mut first = Ok(());
        let mut ending = false;
        let mut deadline = Box::pin(tokio::time::sleep(Duration::MAX));
        drop(self.done);
        while self.running > 0 {
            tokio::select! {
                ended = self.results.recv() => {
                    let Some((name, result)) = ended else {
                        // A task that panicked took its sender with it.
                        return first.and_then(|()| Err(std::io::Error::other("a stage has panicked").into()));
                    };
                    self.running -= 1;
                    tracing::debug!(name, failed = result.is_err(), "a task has ended");
                    if first.is_ok() { first = result; }
                    // The stages end one after the other; any of them ending is the end of all.
                    if !ending { ending = true; self.end.send(); deadline = Box::pin(tokio::time::sleep(grace)); }
                }
                () = stop.requested(), if !ending => {
                    ending = true;
                    self.end.send();
                    deadline = Box::pin(tokio::time::sleep(grace));
                }
                () = &mut deadline => {
                    self.abort.send();
                    deadline = Box::pin(tokio::time::sleep(Duration::MAX));
                }
            }
        }
        first
    }
}

impl<E: From<std::io::Error> + Send + 'static> Default for Tasks<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// Pauses between attempts: doubling from `min` to `max`, each between half and whole, so that instances which failed
/// together do not come back together.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `min`.
    pub fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, next: min }
    }

    /// The pause before the next attempt.
    pub fn pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = (self.next * 2).min(self.max);
        whole.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// The last attempt worked: start over.
    pub fn reset(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Failed(String);

    impl From<std::io::Error> for Failed {
        fn from(error: std::io::Error) -> Self {
            Self(error.to_string())
        }
    }

    #[tokio::test]
    async fn the_first_failure_ends_the_others_within_the_grace_period() {
        let (_signal, stop) = Stop::channel();
        let mut tasks: Tasks<Failed> = Tasks::new();
        tasks.spawn("waits", std::future::pending).unwrap();
        tasks.spawn("fails", || async { Err(Failed("first".to_owned())) }).unwrap();
        let result = tasks.finish(&stop, Duration::from_millis(20)).await;
        assert_eq!(result.unwrap_err().0, "first");
    }

    #[tokio::test]
    async fn a_failure_ends_at_once_what_has_nothing_in_flight() {
        let (_signal, stop) = Stop::channel();
        let mut tasks: Tasks<Failed> = Tasks::new();
        tasks.spawn_beside("waits", std::future::pending).unwrap();
        tasks.spawn("fails", || async { Err(Failed("first".to_owned())) }).unwrap();
        let result = tokio::time::timeout(Duration::from_mins(1), tasks.finish(&stop, Duration::MAX)).await;
        assert_eq!(result.unwrap().unwrap_err().0, "first");
    }

    #[tokio::test]
    async fn a_task_that_panics_is_a_failure() {
        let (_signal, stop) = Stop::channel();
        let mut tasks: Tasks<Failed> = Tasks::new();
        tasks.spawn("ends", || async { Ok(()) }).unwrap();
        tasks.spawn("panics", || async { panic!("on purpose") }).unwrap();
        let result = tasks.finish(&stop, Duration::from_mins(1)).await;
        assert_eq!(result.unwrap_err().0, "a stage has panicked");
    }

    #[tokio::test]
    async fn stop_lets_tasks_finish() {
        let (signal, stop) = Stop::channel();
        let mut tasks: Tasks<Failed> = Tasks::new();
        let heard = stop.clone();
        tasks
            .spawn("drains", move || async move {
                heard.requested().await;
                Ok(())
            })
            .unwrap();
        signal.send();
        tasks.finish(&stop, Duration::from_mins(1)).await.unwrap();
    }

    #[test]
    fn pauses_double_up_to_the_most() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(300));
        let mut check = |most: u64| {
            let pause = backoff.pause();
            assert!(pause <= Duration::from_millis(most) && pause >= Duration::from_millis(most / 2), "{pause:?}");
        };
        check(100);
        check(200);
        check(300);
        check(300);
    }
}
