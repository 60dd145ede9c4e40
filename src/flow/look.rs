//! A look at open windows: the flows that are worth judging before their window closes.
//!
//! Nothing of a look is ever stored as a flow, and a look may be dropped: the next one, or the closed window, tells the same.
//! What is remembered of an open window to find these flows, and the rule by which they are found, is in `watch`.

mod lanes;
mod touched;
mod watch;

pub use watch::{Budget, Watch};

use crate::flow::context::Context;
use crate::flow::key::FlowKey;
use crate::flow::statistics::Statistics;
use crate::flow::time::EventTime;
use crate::flow::window::Window;

/// Flows of open windows, as they are now.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// One entry a window, the earliest first.
    pub windows: Vec<OpenFlows>,
    /// The greatest packet time folded so far.
    pub greatest: EventTime,
    /// Windows up to here are closed.
    pub watermark: EventTime,
}

/// Flows of one open window.
#[derive(Clone, Debug)]
pub struct OpenFlows {
    /// The window.
    pub window: Window,
    /// Those worth a look.
    pub flows: Vec<OpenFlow>,
}

/// A flow whose window is still open.
#[derive(Clone, Debug)]
pub struct OpenFlow {
    /// Its key.
    pub key: FlowKey,
    /// Its packets so far.
    pub statistics: Statistics,
    /// What its neighbours say so far.
    pub context: Context,
    /// Packets that it had at the look before; 0 if there was none.
    pub packets_before: u64,
    /// Octets that it had at the look before.
    pub octets_before: u64,
    /// Whether the opposite flow is in the window too, and began earlier.
    pub is_answer: bool,
}
