//! What differs from seed to seed beside the order of events: limits, traffic, and which faults there are.

use std::time::Duration;

use flowsentry::flow::aggregator::{Early, Limits};

use super::random::Random;

/// A rule that is broken on purpose, to see that the invariants notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// The reader never looks back: `id > last`.
    IdAboveLast,
    /// The look at the locks and the second look at the rows share a snapshot, older than the look.
    OneSnapshot,
    /// The witness is the lock on the table alone, which nobody holds between `nextval` and INSERT.
    TableLockOnly,
    /// A holder is a process, and PREPARE leaves none.
    HolderIsProcess,
    /// Every checkpoint says that all its packets are in stored rows.
    SettledIsPosition,
    /// The replay folds packets of windows that are stored already.
    ReplayKeepsClosedWindows,
    /// The replay judges anew which times are in the future.
    ReplayForgetsRejected,
    /// Whoever believes to be the owner stores.
    NoFence,
    /// A transaction whose answer was lost is sent again.
    SendAgain,
    /// After a crash of the server the service goes on with what it remembers.
    RememberAcrossCrash,
    /// The reader takes the sequence as its first look finds it for the one that the checkpoint was judged by.
    TrustFirstLook,
    /// The reader looks at the sequence before a read and not after it.
    OneLook,
    /// When the ids begin anew, what a replay has read is stored although no read has found the old ids since.
    StoreUnprovedReplay,
    /// A sequence with another file that has come as far as before has not begun anew, if the last row is missing.
    MissingRowIsProof,
}

/// The setting of one run.
#[derive(Clone, Debug)]
pub struct Setting {
    pub limits: Limits,
    pub future_bound: Duration,
    pub rows_per_read: usize,
    pub rows_per_batch: usize,
    pub pending_ranges_max: usize,
    /// Batches or increments that wait for the next stage.
    pub channel_capacity: usize,
    pub rejected_rows_max: usize,
    /// Ids that a sequence logs ahead (32 in PostgreSQL).
    pub logged_ahead: i64,
    pub keys: u8,
    pub writers_max: usize,
    pub steps: usize,
    pub instances: usize,
    pub faults: Faults,
    pub broken: Option<Broken>,
}

/// Which faults there are, in events of ten thousand steps.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    pub server_crash: usize,
    pub service_crash: usize,
    pub clean_stop: usize,
    pub session_lost: usize,
    pub lease_lost: usize,
    pub truncate: usize,
    /// The server is replaced by an older copy of it.
    pub server_lost: usize,
    pub clock_step: usize,
    /// Of a hundred looks, those that nobody has time for.
    pub looks_kept_back: usize,
    /// Of a hundred commits.
    pub commit_trouble: usize,
    /// Of a hundred commits of sniffers.
    pub asynchronous_commits: usize,
}

impl Setting {
    pub fn random(random: &mut Random, broken: Option<Broken>) -> Self {
        let seconds = Duration::from_secs;
        let limits = Limits {
            window_length: seconds(random.pick(&[1, 2, 5, 10, 30])),
            out_of_orderness: seconds(random.pick(&[0, 1, 5, 10])),
            idle_timeout: seconds(random.pick(&[1, 3, 10])),
            memory_max: random.pick(&[0, 2_000, 8_000, 40_000, usize::MAX, usize::MAX]),
            checkpoint_interval: Duration::from_millis(random.pick(&[0, 300, 1_000, 10_000])),
            early: Early {
                interval: Duration::from_millis(random.pick(&[0, 1, 250, 1_000])),
                flows_max: random.pick(&[1, 3, 1_000]),
            },
        };
        let rows_per_batch = random.between(1, 6);
        Self {
            limits,
            future_bound: seconds(random.pick(&[2, 10, 60])),
            rows_per_read: rows_per_batch + random.below(12),
            rows_per_batch,
            pending_ranges_max: random.pick(&[1, 2, 4, 1_000, 1_000]),
            channel_capacity: random.between(1, 4),
            rejected_rows_max: random.pick(&[0, 1, 3, 100]),
            logged_ahead: random.pick(&[0, 0, 2, 8]),
            keys: u8::try_from(random.between(1, 4)).unwrap(),
            writers_max: random.between(1, 6),
            steps: random.between(60, 400),
            instances: random.pick(&[1, 1, 2, 3]),
            faults: Faults::random(random),
            broken,
        }
    }
}

impl Faults {
    /// Some kinds of fault are absent from a run, so that the others get far.
    fn random(random: &mut Random) -> Self {
        let mut rate = |rates: &[usize]| if random.percent(50) { 0 } else { random.pick(rates) };
        Self {
            server_crash: rate(&[30, 100, 300]),
            service_crash: rate(&[50, 200, 400]),
            clean_stop: rate(&[50, 150]),
            session_lost: rate(&[50, 150]),
            lease_lost: rate(&[50, 150, 300]),
            truncate: rate(&[30, 100]),
            server_lost: rate(&[30, 100]),
            clock_step: rate(&[50, 200]),
            looks_kept_back: rate(&[10, 50, 90]),
            commit_trouble: rate(&[5, 20, 40]),
            asynchronous_commits: rate(&[20, 60, 100]),
        }
    }
}
