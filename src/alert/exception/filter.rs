//! An exception as people and tables write it: texts, which may be wrong.

use ipnet::IpNet;

use super::{Exception, Schedule};
use crate::flow::key::Protocol;
use crate::flow::time::EventTime;

/// Longest label and protocol that is read.
const NAME_CHARS_MAX: usize = 200;

/// What an exception asks of a flow, as written. What is `None` matches everything.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Filter {
    /// Address or CIDR of the sender.
    pub source: Option<String>,
    /// Address or CIDR of the receiver.
    pub destination: Option<String>,
    /// Name of the protocol.
    pub protocol: Option<String>,
    /// The only destination port.
    pub port: Option<i32>,
    /// The label.
    pub label: Option<String>,
    /// When it holds, in UTC.
    pub schedule: Option<String>,
    /// From then on it does not hold.
    pub expires: Option<EventTime>,
}

/// A part of an exception that cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place} = {value:?}: {remedy}")]
pub struct FilterError {
    /// The part.
    pub place: &'static str,
    /// What is written there.
    pub value: String,
    /// What to write instead.
    pub remedy: String,
}

impl Filter {
    /// What is meant by it.
    pub fn understand(&self, id: i64) -> Result<Exception, FilterError> {
        Ok(Exception {
            id,
            source: net("source", self.source.as_deref())?,
            destination: net("destination", self.destination.as_deref())?,
            protocol: protocol(self.protocol.as_deref())?,
            port: port(self.port)?,
            label: name("label", self.label.as_deref())?,
            schedule: schedule(self.schedule.as_deref())?,
            expires: self.expires,
        })
    }
}

fn error(place: &'static str, value: &str, remedy: impl Into<String>) -> FilterError {
    FilterError { place, value: value.chars().take(NAME_CHARS_MAX).collect(), remedy: remedy.into() }
}

/// Bits behind the prefix are refused: whoever writes 10.1.2.3/8 means either one host or the net, and we do not guess.
fn net(place: &'static str, text: Option<&str>) -> Result<Option<IpNet>, FilterError> {
    let Some(text) = text else { return Ok(None) };
    let net = text.parse::<IpNet>().or_else(|_| text.parse().map(|address: std::net::IpAddr| IpNet::from(address)));
    let net =
        net.map_err(|_| error(place, text, "write an address or a CIDR such as 192.0.2.0/24 or 2001:db8::/32"))?;
    if net.trunc() == net {
        return Ok(Some(net));
    }
    Err(error(place, text, format!("write {} for the net, or {} for the host", net.trunc(), net.addr())))
}

fn protocol(text: Option<&str>) -> Result<Option<String>, FilterError> {
    let Some(text) = name("protocol", text)? else { return Ok(None) };
    match Protocol::from_name(&text) {
        Some(protocol) => Ok(Some(protocol.name().to_owned())),
        None => Err(error("protocol", &text, "write a name of at most 11 bytes, such as TCP, UDP, ICMP or ARP")),
    }
}

fn port(number: Option<i32>) -> Result<Option<u16>, FilterError> {
    let Some(number) = number else { return Ok(None) };
    match u16::try_from(number) {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(error("port", &number.to_string(), "write a port from 1 to 65535")),
    }
}

fn name(place: &'static str, text: Option<&str>) -> Result<Option<String>, FilterError> {
    match text {
        Some(text) if text.trim().is_empty() => {
            Err(error(place, text, "leave it out where every one is meant; an empty one matches nothing"))
        }
        Some(text) if text.contains('\0') || text.chars().count() > NAME_CHARS_MAX => {
            Err(error(place, text, format!("write at most {NAME_CHARS_MAX} characters and no NUL")))
        }
        other => Ok(other.map(str::to_owned)),
    }
}

fn schedule(text: Option<&str>) -> Result<Option<Schedule>, FilterError> {
    let Some(text) = text else { return Ok(None) };
    text.parse().map(Some).map_err(|fault: super::ScheduleError| error("schedule", text, fault.to_string()))
}
