//! A host: its flows both ways, its alerts, and what is usual of it.

mod usual;

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::chart::{Chart, Series, Table, columns};
use super::frame::{Place, Wrong, page};
use super::{Sight, flows, telling, text, words};
use crate::exit::chain;
use crate::flow::time::EventTime;
use crate::http::api::alerts::Alert;
use crate::http::api::parameters::wrong;
use crate::http::api::time;
use crate::postgres::queries::{AlertFilter, Cursor, FlowRow, PostgresError, Side};
use usual::Habits;

/// What is shown as now.
const LATELY: Duration = Duration::from_hours(1);
/// What is looked at before that, to say what is usual.
const BEFORE: Duration = Duration::from_hours(24);
/// Flows of either that are looked at, at most: the latest.
const FLOWS_MAX: usize = 2_000;
const FLOWS_SHOWN: usize = 50;
const ALERTS_SHOWN: usize = 10;
/// Columns of the chart: a minute each.
const COLUMNS: usize = 60;

/// The page of an address.
pub async fn host(State(sight): State<Sight>, Path(address): Path<String>) -> Result<Response, Wrong> {
    let host: IpAddr =
        address.parse().map_err(|_| wrong("address", &address, "write an address such as 192.0.2.1 or 2001:db8::1"))?;
    let (queries, now) = (&sight.api.queries, time::now());
    let began = now.saturating_sub(LATELY);
    let filter = AlertFilter { subject: Some(host.into()), ..AlertFilter::default() };
    let (rows, more) = queries.alerts(&filter, ALERTS_SHOWN).await?;
    let alerts: Vec<Alert> = rows.into_iter().map(Alert::from).collect();
    let lately = queries.flows(host, Side::Both, (began, now), FLOWS_MAX).await;
    let before = match &lately {
        Ok(_) => queries.flows(host, Side::Both, (began.saturating_sub(BEFORE), began), FLOWS_MAX).await,
        Err(_) => Ok(Vec::new()), // said once is enough
    };
    let name = host.to_string();
    let main = html! {
        h1 { "Host " (text::name(&name)) }
        section id="alerts" aria-labelledby="alerts-title" { (of_alerts(&name, &alerts, more, now)) }
        section id="usual" aria-labelledby="usual-title" {
            h2 id="usual-title" { "What is usual of it" }
            (of_habits(&name, lately.as_deref(), before.as_deref(), sight.api.window_length, now))
        }
        section id="flows" aria-labelledby="flows-title" {
            h2 id="flows-title" { "Flows of the last hour, both ways" }
            (of_flows(&name, lately.as_deref(), now))
        }
    };
    Ok(page(Place::Elsewhere, &name, &main))
}

fn of_alerts(host: &str, alerts: &[Alert], more: Option<Cursor>, now: EventTime) -> Markup {
    html! {
        h2 id="alerts-title" { "Alerts about it" }
        @if alerts.is_empty() { p.quiet { "None is stored. It may still appear among the hosts of another's alert." } }
        @for alert in alerts { (telling::article(alert, now)) }
        @if more.is_some() { p { a href=(format!("/alerts?subject={}", text::encoded(host))) { "All alerts about it" } } }
    }
}

type Found<'a> = Result<&'a [FlowRow], &'a PostgresError>;

fn of_habits(host: &str, lately: Found<'_>, before: Found<'_>, window_length: Duration, now: EventTime) -> Markup {
    let (lately, before) = match (lately, before) {
        (Ok(lately), Ok(before)) => (lately, before),
        (Err(error), _) | (_, Err(error)) => return unreadable(error),
    };
    let habits = |flows: &[FlowRow]| Habits::of(host, flows);
    html! {
        @if before.is_empty() && lately.is_empty() {
            p.quiet { "No flow of it is stored from the last 25 hours." }
        } @else {
            p.quiet { (basis(before, window_length, now)) }
            (usual::show(&habits(lately), &habits(before)))
        }
    }
}

/// What share of the day before is known, and how many flows that is.
fn basis(before: &[FlowRow], window_length: Duration, now: EventTime) -> Markup {
    let began = now.saturating_sub(LATELY);
    let Some(oldest) = before.iter().map(|flow| flow.window_start).min() else {
        return html! { "From before the last hour nothing is stored of it, so it cannot be said what is usual." };
    };
    let is_all = before.len() < FLOWS_MAX;
    let reaches = began.since(oldest).as_secs_f64() / BEFORE.as_secs_f64();
    let windows: std::collections::BTreeSet<EventTime> = before.iter().map(|flow| flow.window_start).collect();
    let there_are = BEFORE.as_secs_f64() / window_length.as_secs_f64().max(1e-6);
    html! {
        "Usual is what the 24 hours before the last one say: " (words::of(before.len(), "flow", "flows"))
        @if is_all { ", all that is stored of it" } @else { ", the latest of more" }
        "; they reach back " (words::percent(reaches)) " of that day, to " (words::moment(oldest, now))
        ", and it was seen in " (words::percent(windows.len() as f64 / there_are)) " of the day's windows."
    }
}

fn of_flows(host: &str, lately: Found<'_>, now: EventTime) -> Markup {
    let flows = match lately {
        Ok(flows) => flows,
        Err(error) => return unreadable(error),
    };
    let shown = flows.get(..FLOWS_SHOWN).unwrap_or(flows);
    html! {
        @if flows.is_empty() {
            p.quiet { "None is stored. Flows are stored when their window closes." }
        } @else {
            (chart(host, flows, now))
            p.quiet { "The latest " (shown.len()) @if flows.len() == FLOWS_MAX { " of more than " } @else { " of " }
                (words::count(flows.len())) "." }
            (flows::table("flow-rows", "Flows from and to the host, the latest first", shown, now))
        }
    }
}

/// Packets from it and to it, minute by minute.
fn chart(host: &str, flows: &[FlowRow], now: EventTime) -> Markup {
    let (mut sent, mut received) = (vec![0_u64; COLUMNS], vec![0_u64; COLUMNS]);
    for flow in flows {
        let back = usize::try_from(now.since(flow.window_start).as_secs() / 60).unwrap_or(usize::MAX);
        let side = if flow.src_ip.as_deref() == Some(host) { &mut sent } else { &mut received };
        if let Some(column) = COLUMNS.checked_sub(back.saturating_add(1)).and_then(|place| side.get_mut(place)) {
            *column = column.saturating_add(u64::try_from(flow.packet_count.unwrap_or_default()).unwrap_or_default());
        }
    }
    let rows = (0..COLUMNS).rev().filter_map(|place| {
        let (sent, received) = (sent.get(place).copied()?, received.get(place).copied()?);
        let ago = if place + 1 == COLUMNS { "now".to_owned() } else { format!("{} min ago", COLUMNS - place - 1) };
        (sent + received > 0).then(|| vec![ago, sent.to_string(), received.to_string()])
    });
    let chart = Chart {
        id: "host-packets",
        title: "Packets of stored flows in the last hour, in columns of a minute: sent, and on top received."
            .to_owned(),
        unit: "packets",
        tick: words::short,
        below: vec!["60 min ago".to_owned(), "40 min".to_owned(), "20 min".to_owned(), "now".to_owned()],
        table: Table { head: ["When", "Sent", "Received"].map(str::to_owned).to_vec(), rows: rows.collect() },
    };
    html! {
        ul.legend {
            li { span.swatch.hue-2 aria-hidden="true" {} "Packets sent" }
            li { span.swatch.hue-0 aria-hidden="true" {} "Packets received" }
        }
        (columns(&chart, &[
            Series { class: "hue-2".to_owned(), counts: sent },
            Series { class: "hue-0".to_owned(), counts: received },
        ]))
    }
}

fn unreadable(error: &PostgresError) -> Markup {
    html! { p.empty { "Flows cannot be read now." } p { (text::sentence(&chain(error))) } }
}
