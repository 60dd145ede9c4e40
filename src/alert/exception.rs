//! Of what nobody is alerted.

use ipnet::IpNet;

use crate::flow::key::FlowKey;
use crate::flow::statistics::Statistics;
use crate::flow::time::EventTime;

/// One exception. What is `None` matches everything.
#[derive(Clone, PartialEq, Debug)]
pub struct Exception {
    /// Its id.
    pub id: i64,
    /// Where the flow comes from.
    pub source: Option<IpNet>,
    /// Where it goes to.
    pub destination: Option<IpNet>,
    /// Name of its protocol.
    pub protocol: Option<String>,
    /// Its only destination port.
    pub port: Option<u16>,
    /// Label of its verdict.
    pub label: Option<String>,
    /// From then on it does not hold.
    pub expires: Option<EventTime>,
}

/// All exceptions, in the order of their ids.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Exceptions(pub Vec<Exception>);

impl Exceptions {
    /// The id of the first exception that silences a verdict on a flow, at this time of the database's clock.
    pub fn silencing(&self, _key: &FlowKey, _flow: &Statistics, _label: &str, _now: EventTime) -> Option<i64> {
        None
    }
}
