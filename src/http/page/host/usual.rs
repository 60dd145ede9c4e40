//! What a host does, from its stored flows: how much a window, with whom, how, and what that was found to be.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::flow::time::EventTime;
use crate::http::page::{telling, text, words};
use crate::postgres::queries::FlowRow;

/// Peers, protocols and labels that are named.
const NAMED_MAX: usize = 6;

/// Names and how many flows they have.
type Shares = Vec<(String, usize)>;

/// What flows say of a host.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Habits {
    flows: usize,
    /// Distinct windows.
    windows: usize,
    /// Sums of a window, of which half are below.
    packets_sent: Option<i64>,
    packets_received: Option<i64>,
    octets: Option<i64>,
    /// Destination ports of a flow that it sent.
    ports: Option<i64>,
    peers: Shares,
    protocols: Shares,
    labels: Shares,
}

impl Habits {
    /// What these flows say of a host.
    pub fn of(host: &str, flows: &[FlowRow]) -> Self {
        let mut windows: BTreeMap<EventTime, (i64, i64, i64)> = BTreeMap::new();
        let (mut peers, mut protocols, mut labels) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut ports = Vec::new();
        for flow in flows {
            let is_sent = flow.src_ip.as_deref() == Some(host);
            let (sent, received, octets) = windows.entry(flow.window_start).or_default();
            let packets = if is_sent { sent } else { received };
            *packets = packets.saturating_add(flow.packet_count.unwrap_or_default());
            *octets = octets.saturating_add(flow.byte_count.unwrap_or_default());
            if is_sent {
                ports.extend(flow.destination_ports.or(flow.unique_ports));
            }
            count(&mut peers, if is_sent { flow.dest_ip.as_ref() } else { flow.src_ip.as_ref() });
            count(&mut protocols, flow.protocol.as_ref());
            count(&mut labels, flow.predicted_label.as_ref());
        }
        let has = |column: fn(&FlowRow) -> Option<i64>| flows.iter().any(|flow| column(flow).is_some());
        let of_windows = |figure: fn(&(i64, i64, i64)) -> i64| median(windows.values().map(figure).collect());
        let has_packets = has(|flow| flow.packet_count);
        Self {
            flows: flows.len(),
            windows: windows.len(),
            packets_sent: of_windows(|sums| sums.0).filter(|_| has_packets),
            packets_received: of_windows(|sums| sums.1).filter(|_| has_packets),
            octets: of_windows(|sums| sums.2).filter(|_| has(|flow| flow.byte_count)),
            ports: median(ports),
            peers: ranked(peers),
            protocols: ranked(protocols),
            labels: ranked(labels),
        }
    }
}

fn count(counts: &mut BTreeMap<String, usize>, name: Option<&String>) {
    if let Some(name) = name {
        *counts.entry(name.clone()).or_default() += 1;
    }
}

/// The most frequent first.
fn ranked(counts: BTreeMap<String, usize>) -> Shares {
    let mut ranked: Shares = counts.into_iter().collect();
    ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    ranked
}

/// The value in the middle; the lower one of two.
fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

/// What a row of the table is of, and its figure.
type Row = (&'static str, fn(&Habits) -> Option<i64>);

/// What it does now beside what is usual.
pub fn show(lately: &Habits, before: &Habits) -> Markup {
    let number = |value: Option<i64>| value.map_or_else(|| "–".to_owned(), words::count);
    let size = |of: &Habits, value: usize| if of.flows == 0 { "–".to_owned() } else { words::count(value) };
    let rows: [Row; 3] = [
        ("Packets sent in a window, median", |habits| habits.packets_sent),
        ("Packets received in a window, median", |habits| habits.packets_received),
        ("Destination ports of a flow that it sends, median", |habits| habits.ports),
    ];
    html! {
        div.scroll id="usual-rows" tabindex="0" role="region" aria-label="The last hour beside what is usual" {
            table {
                caption.hidden { "The last hour beside what is usual" }
                thead { tr { th scope="col" { "Figure" } th.number scope="col" { "Last hour" } th.number scope="col" { "Usual" } } }
                tbody {
                    @for (name, figure) in rows {
                        tr { th scope="row" { (name) } td.number { (number(figure(lately))) } td.number { (number(figure(before))) } }
                    }
                    tr { th scope="row" { "Octets both ways in a window, median" }
                        td.number { (lately.octets.map_or_else(|| "–".to_owned(), words::octets)) }
                        td.number { (before.octets.map_or_else(|| "–".to_owned(), words::octets)) } }
                    tr { th scope="row" { "Hosts on the other side" } td.number { (size(lately, lately.peers.len())) } td.number { (size(before, before.peers.len())) } }
                    tr { th scope="row" { "Windows in which it was seen" } td.number { (size(lately, lately.windows)) } td.number { (size(before, before.windows)) } }
                }
            }
        }
        div.grid {
            (shares("Hosts", lately, before, |habits| &habits.peers, host))
            (shares("Protocols", lately, before, |habits| &habits.protocols, text::name))
            (shares("Verdicts", lately, before, |habits| &habits.labels, telling::label))
        }
    }
}

fn host(address: &str) -> Markup {
    if address.parse::<std::net::IpAddr>().is_ok() { telling::host(address) } else { text::name(address) }
}

/// What is usual by share of the flows, and what is new in the last hour.
fn shares(
    name: &str,
    lately: &Habits,
    before: &Habits,
    of: fn(&Habits) -> &Shares,
    shown: fn(&str) -> Markup,
) -> Markup {
    let (habits, title) =
        if before.flows > 0 { (before, "by share of its usual flows") } else { (lately, "of the last hour") };
    let new: Vec<&str> = (of(lately).iter().map(|(name, _)| name.as_str()))
        .filter(|name| before.flows > 0 && !of(before).iter().any(|(known, _)| known == name))
        .collect();
    html! {
        div {
            h3 { (name) ", " (title) }
            @if of(habits).is_empty() { p.quiet { "Not stored." } }
            ul {
                @for (name, count) in of(habits).iter().take(NAMED_MAX) {
                    li { (shown(name)) " " span.quiet { (words::percent(*count as f64 / habits.flows as f64)) } }
                }
                @if of(habits).len() > NAMED_MAX { li.quiet { "and " (of(habits).len() - NAMED_MAX) " more" } }
            }
            @if !new.is_empty() {
                p { "New in the last hour: "
                    @for (index, name) in new.iter().take(NAMED_MAX).enumerate() { @if index > 0 { ", " } (shown(name)) }
                    @if new.len() > NAMED_MAX { " and " (new.len() - NAMED_MAX) " more" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(window: i64, from: &str, to: &str, packets: Option<i64>, label: &str) -> FlowRow {
        FlowRow {
            window_start: EventTime::from_micros(window * 1_000_000).unwrap(),
            window_end: None,
            src_ip: Some(from.to_owned()),
            dest_ip: Some(to.to_owned()),
            protocol: Some("TCP".to_owned()),
            packet_count: packets,
            byte_count: None,
            connection_attempts: None,
            unique_ports: Some(3),
            destination_ports: None,
            predicted_label: Some(label.to_owned()),
            confidence: None,
            model_version: None,
            revision: None,
        }
    }

    #[test]
    fn windows_are_summed_before_they_are_compared() {
        let flows = [
            flow(0, "a", "b", Some(4), "Normal"),
            flow(0, "a", "c", Some(6), "Normal"),
            flow(0, "b", "a", Some(1), "Normal"),
            flow(30, "a", "b", Some(2), "DDoS"),
            flow(60, "a", "b", Some(30), "Normal"),
        ];
        let habits = Habits::of("a", &flows);
        assert_eq!((habits.flows, habits.windows, habits.ports), (5, 3, Some(3)));
        assert_eq!((habits.packets_sent, habits.packets_received, habits.octets), (Some(10), Some(0), None));
        assert_eq!(habits.peers, [("b".to_owned(), 4), ("c".to_owned(), 1)]);
        assert_eq!(habits.labels, [("Normal".to_owned(), 4), ("DDoS".to_owned(), 1)]);
        assert_eq!(Habits::of("a", &[]), Habits::default());
        assert_eq!(Habits::of("a", &[flow(0, "a", "b", None, "Normal")]).packets_sent, None, "there is no such column");
    }

    #[test]
    fn what_is_new_is_said_and_what_others_wrote_is_escaped() {
        let before = Habits::of("a", &[flow(0, "a", "b", Some(4), "Normal")]);
        let lately = Habits::of("a", &[flow(90, "a", "<svg/onload=x>", Some(4), "DDoS")]);
        let shown = show(&lately, &before).into_string();
        assert!(shown.contains("New in the last hour: <bdi dir=\"auto\">&lt;svg/onload=x&gt;</bdi>"), "{shown}");
        assert!(!shown.contains("<svg/"));
        assert!(!show(&lately, &Habits::default()).into_string().contains("New in the last hour"));
    }
}
