//! Room for flows that are closed and not yet stored, in octets: a channel bounds how many increments wait, not how large they
//! are, and where the database takes nothing they would be as large as all open flows, each.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::flow::checkpoint::Increment;

/// Octets that are handed out together.
const PORTION: usize = 1024;

/// Work on its way to the store. Dropping it gives its room back.
#[derive(Debug)]
pub struct Underway<T> {
    /// The work.
    pub work: T,
    room: Option<OwnedSemaphorePermit>,
}

impl<T> Underway<T> {
    /// The same work, further on.
    pub fn map<U>(self, on: impl FnOnce(T) -> U) -> Underway<U> {
        Underway { work: on(self.work), room: self.room }
    }
}

/// Room for so many octets.
#[derive(Debug)]
pub struct Room {
    free: Arc<Semaphore>,
    portions: u32,
}

impl Room {
    /// Room for about `octets`.
    pub fn of(octets: usize) -> Self {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let portions = (octets / PORTION).clamp(1, most);
        Self { free: Arc::new(Semaphore::new(portions)), portions: u32::try_from(portions).unwrap_or(u32::MAX) }
    }

    /// Whether an increment has to wait for what is underway to be stored.
    pub fn is_full_for(&self, increment: &Increment) -> bool {
        self.free.available_permits() < self.portions_of(increment) as usize
    }

    /// Waits for room. An increment that is larger than all of it is underway alone.
    pub async fn take(&self, increment: Increment) -> Underway<Increment> {
        let portions = self.portions_of(&increment);
        // Nobody closes the semaphore; if somebody did, nothing would be bounded any more, and nothing be lost.
        let room = Arc::clone(&self.free).acquire_many_owned(portions).await.ok();
        Underway { work: increment, room }
    }

    fn portions_of(&self, increment: &Increment) -> u32 {
        let octets: usize = increment.panes.iter().map(|pane| pane.flows.flows.bytes()).sum();
        u32::try_from(octets / PORTION).unwrap_or(u32::MAX).min(self.portions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::checkpoint::{Checkpoint, Counts, Pane, Timing};
    use crate::flow::key::{FlowKey, Protocol};
    use crate::flow::map::FlowMap;
    use crate::flow::table::WindowFlows;
    use crate::flow::time::EventTime;
    use crate::flow::window::Window;
    use std::net::IpAddr;

    /// Of this many flows, which are a few hundred octets each.
    fn increment(flows: u16) -> Increment {
        let mut map = FlowMap::default();
        for number in 0..flows {
            let [high, low] = number.to_be_bytes();
            let address = IpAddr::from([10, 0, high, low]);
            map.flow(&FlowKey { source: address, destination: address, protocol: Protocol::Tcp });
        }
        let window = Window { start: EventTime::EPOCH, end: EventTime::EPOCH };
        let pane = Pane { timing: Timing::OnTime, flows: Arc::new(WindowFlows { window, flows: map }) };
        Increment {
            from: 0,
            checkpoint: Checkpoint::default(),
            panes: vec![pane],
            rejected: Vec::new(),
            counts: Counts::default(),
        }
    }

    #[tokio::test]
    async fn increments_wait_until_those_before_are_stored() {
        let room = Room::of(increment(1000).panes[0].flows.flows.bytes() * 5 / 2);
        let first = room.take(increment(1000)).await.map(|_| "labelled");
        let second = room.take(increment(1000)).await;
        assert!(room.is_full_for(&increment(1000)));
        drop(first);
        assert!(!room.is_full_for(&increment(1000)), "what is stored gives its room back");
        drop(second);
        let large = room.take(increment(50_000)).await;
        assert!(room.is_full_for(&increment(1000)), "one that is larger than all is underway alone");
        drop(large);
    }

    #[tokio::test]
    async fn an_increment_without_flows_needs_no_room() {
        let room = Room::of(0);
        let _large = room.take(increment(1000)).await;
        let empty = Increment { panes: Vec::new(), ..increment(0) };
        assert!(!room.is_full_for(&empty));
        room.take(empty).await;
    }
}
