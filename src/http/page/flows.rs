//! Stored flows in a table. An adopted table may lack columns: then there is no cell to guess at, only a dash.

use maud::{Markup, html};

use super::{telling, words};
use crate::flow::time::EventTime;
use crate::postgres::queries::FlowRow;

/// Flows, the latest first. `id` is that of the region, which scrolls by itself.
pub fn table(id: &str, caption: &str, flows: &[FlowRow], now: EventTime) -> Markup {
    html! {
        div.scroll id=(id) tabindex="0" role="region" aria-label=(caption) {
            table.wide {
                caption.hidden { (caption) }
                thead {
                    tr {
                        th scope="col" { "Window" }
                        th scope="col" { "From" }
                        th scope="col" { "To" }
                        th scope="col" { "Protocol" }
                        th.number scope="col" { "Packets" }
                        th.number scope="col" { "Octets" }
                        th.number scope="col" { "Ports" }
                        th scope="col" { "Verdict" }
                    }
                }
                tbody { @for flow in flows { (row(flow, now)) } }
            }
        }
    }
}

fn row(flow: &FlowRow, now: EventTime) -> Markup {
    let number = |value: Option<i64>| value.map_or_else(|| "–".to_owned(), words::count);
    html! {
        tr {
            th scope="row" { (words::moment(flow.window_start, now)) }
            td data-head="From" { (address(flow.src_ip.as_deref())) }
            td data-head="To" { (address(flow.dest_ip.as_deref())) }
            td data-head="Protocol" { (super::text::name(flow.protocol.as_deref().unwrap_or("–"))) }
            td.number data-head="Packets" { (number(flow.packet_count)) }
            td.number data-head="Octets" { (flow.byte_count.map_or_else(|| "–".to_owned(), words::octets)) }
            td.number data-head="Ports" { (number(flow.destination_ports.or(flow.unique_ports))) }
            td data-head="Verdict" {
                @match &flow.predicted_label {
                    Some(label) => { (telling::label(label)) @if let Some(sure) = flow.confidence.filter(|sure| sure.is_finite()) {
                        " " span.quiet { (words::percent(sure)) } } }
                    None => "–",
                }
            }
        }
    }
}

/// As the way to its page, if it is one: a table may hold anything.
fn address(text: Option<&str>) -> Markup {
    match text {
        Some(text) if text.parse::<std::net::IpAddr>().is_ok() => telling::host(text),
        Some(text) => super::text::name(text),
        None => html! { "–" },
    }
}
