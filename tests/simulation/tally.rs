//! How often the rare paths were taken. A simulation that never gets there proves nothing.

/// What may happen in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    Prepared,
    GapFilled,
    GapDead,
    GapWaited,
    WindowClosed,
    LatePane,
    PartialPane,
    Rejected,
    ReplayedPacket,
    ServerCrash,
    ServiceCrash,
    CleanStop,
    SessionLost,
    LeaseLost,
    TakenOver,
    TakeOver,
    CommitFailed,
    AnswerLostStored,
    AnswerLostNotStored,
    StoredAfterDeath,
    Truncated,
    ResetNoticedRunning,
    ResetNoticedAtStart,
    ResetStored,
    Restored,
    FailedOver,
    Look,
    LookKeptBack,
}

impl Seen {
    pub const ALL: [Self; 28] = [
        Self::Prepared,
        Self::GapFilled,
        Self::GapDead,
        Self::GapWaited,
        Self::WindowClosed,
        Self::LatePane,
        Self::PartialPane,
        Self::Rejected,
        Self::ReplayedPacket,
        Self::ServerCrash,
        Self::ServiceCrash,
        Self::CleanStop,
        Self::SessionLost,
        Self::LeaseLost,
        Self::TakenOver,
        Self::TakeOver,
        Self::CommitFailed,
        Self::AnswerLostStored,
        Self::AnswerLostNotStored,
        Self::StoredAfterDeath,
        Self::Truncated,
        Self::ResetNoticedRunning,
        Self::ResetNoticedAtStart,
        Self::ResetStored,
        Self::Restored,
        Self::FailedOver,
        Self::Look,
        Self::LookKeptBack,
    ];
}

#[derive(Clone, Default)]
pub struct Tally([u64; Seen::ALL.len()]);

impl Tally {
    pub fn add(&mut self, seen: Seen) {
        self.add_many(seen, 1);
    }

    pub fn add_many(&mut self, seen: Seen, times: usize) {
        self.0[seen as usize] += times as u64;
    }

    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    pub fn get(&self, seen: Seen) -> u64 {
        self.0[seen as usize]
    }
}
