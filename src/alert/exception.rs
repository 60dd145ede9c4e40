//! Of what nobody is alerted.
//!
//! An exception silences alerts and nothing else: flows keep their labels. It is judged flow by flow, so that an attack which
//! an exception covers only in part is alerted of for the rest.

mod filter;
pub mod proof;
mod schedule;

use std::net::IpAddr;

use ipnet::IpNet;

pub use filter::{Filter, FilterError};
pub use schedule::{Schedule, ScheduleError};

use crate::flow::key::FlowKey;
use crate::flow::statistics::Statistics;
use crate::flow::time::EventTime;

/// One exception. What is `None` matches everything.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Exception {
    /// Its id.
    pub id: i64,
    /// Where the flow comes from; of ARP, the sender's protocol address.
    pub source: Option<IpNet>,
    /// Where it goes to; of ARP, the target's protocol address.
    pub destination: Option<IpNet>,
    /// Name of its protocol, in any case.
    pub protocol: Option<String>,
    /// Its only destination port: a scan that touches the port among others is not silenced.
    pub port: Option<u16>,
    /// Label of its verdict, in any case.
    pub label: Option<String>,
    /// When it holds.
    pub schedule: Option<Schedule>,
    /// From then on it does not hold.
    pub expires: Option<EventTime>,
}

/// All exceptions, in the order of their ids.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Exceptions(pub Vec<Exception>);

impl Exceptions {
    /// The id of the first exception that silences a verdict on a flow, at this time of the database's clock.
    pub fn silencing(&self, key: &FlowKey, flow: &Statistics, label: &str, now: EventTime) -> Option<i64> {
        self.0.iter().find(|exception| exception.silences(key, flow, label, now)).map(|exception| exception.id)
    }

    /// How many have not expired.
    pub fn in_force(&self, now: EventTime) -> usize {
        self.0.iter().filter(|exception| !exception.is_expired(now)).count()
    }
}

impl Exception {
    fn silences(&self, key: &FlowKey, flow: &Statistics, label: &str, now: EventTime) -> bool {
        // The cheapest questions, and those that most exceptions answer with no, come first.
        holds(self.source, key.source)
            && holds(self.destination, key.destination)
            && self.is_of_label(label)
            && self.is_of_protocol(key.protocol.name())
            && self.port.is_none_or(|port| is_only_port(flow, port))
            && !self.is_expired(now)
            && self.schedule.as_ref().is_none_or(|schedule| schedule.holds(now))
    }

    fn is_of_label(&self, label: &str) -> bool {
        self.label.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(label))
    }

    fn is_of_protocol(&self, name: &str) -> bool {
        self.protocol.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(name))
    }

    fn is_expired(&self, now: EventTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether it asks nothing of a flow: it silences all of them while it holds.
    fn asks_nothing(&self) -> bool {
        let is_all = |net: Option<IpNet>| net.is_none_or(|net| net.prefix_len() == 0);
        is_all(self.source)
            && is_all(self.destination)
            && self.protocol.is_none()
            && self.port.is_none()
            && self.label.is_none()
    }
}

fn holds(net: Option<IpNet>, address: IpAddr) -> bool {
    net.is_none_or(|net| net.contains(&address))
}

fn is_only_port(flow: &Statistics, port: u16) -> bool {
    flow.ports.destination.len() == 1 && flow.ports.destination.contains(port)
}

#[cfg(test)]
mod tests;
