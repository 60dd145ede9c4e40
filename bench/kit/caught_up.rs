//! One run of the whole path over packets that are there: how long it takes from the start of the process until a checkpoint
//! holds the last of them, and what it costs.

use std::time::Duration;

use flowsentry::telemetry::clock;

use super::{Metrics, Service, Session, psql};

const LIMIT: Duration = Duration::from_mins(2);
/// So that the end is seen when it comes.
const SETTINGS: [&str; 4] =
    ["window.idle_timeout=1h", "store.checkpoint_interval=50ms", "ingest.poll_interval=10ms", "retention.keep=0s"];

/// A run.
pub struct CaughtUp {
    pub seconds: f64,
    /// Of the service.
    pub cpu_seconds: f64,
    pub peak_mib: f64,
    pub metrics: Metrics,
}

impl CaughtUp {
    /// Catches up with `packets` from nothing, with further settings. As soon as the service can be asked, `act` is told
    /// its address; what that returns is dropped at the end.
    pub fn with<T>(url: &str, packets: u32, settings: &[&str], act: impl FnOnce(&str) -> T) -> Self {
        psql(url, "TRUNCATE traffic_data;\nTRUNCATE flowsentry.checkpoint;\nCHECKPOINT");
        let watch = Session::open(url);
        let position = watch.position();
        let settings: Vec<&str> = SETTINGS.iter().chain(settings).copied().collect();
        let began = clock::now();
        let mut service = Service::start(url, &settings);
        let mut act = Some(act);
        let mut beside = None;
        while position() < i64::from(packets) {
            service.check();
            assert!(began.elapsed() < LIMIT, "not done within {LIMIT:?}: {}", service.log());
            if let Some(address) = service.address().filter(|_| act.is_some()) {
                beside = act.take().map(|act| act(&address));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let seconds = began.elapsed().as_secs_f64();
        let (cpu_seconds, peak_mib) = (service.cpu_seconds(), service.memory_mib().1);
        let metrics = service.metrics();
        drop(service);
        drop(beside);
        Self { seconds, cpu_seconds, peak_mib, metrics }
    }
}
