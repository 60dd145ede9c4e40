//! The list of alerts: filtered by a form, page by page from a place on, never by number, so that the last page is as quick
//! as the first.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{Place, Wrong, page};
use super::{Sight, telling, text, words};
use crate::alert::{Severity, State as AlertState};
use crate::flow::time::EventTime;
use crate::http::api::alerts::{Alert, filter};
use crate::http::api::parameters::Parameters;
use crate::http::api::time;
use crate::postgres::queries::Cursor;

/// Alerts of a page.
const PAGE: usize = 50;
const NAMES: [&str; 5] = ["state", "label", "severity", "subject", "before"];

/// A page of alerts.
pub async fn list(State(sight): State<Sight>, uri: Uri) -> Result<Response, Wrong> {
    let query = without_blanks(uri.query().unwrap_or_default());
    let given = Parameters::of(Some(&query), &NAMES)?;
    let filter = filter(&given)?;
    let (rows, next) = sight.api.queries.alerts(&filter, PAGE).await?;
    let alerts: Vec<Alert> = rows.into_iter().map(Alert::from).collect();
    let main = html! {
        h1 { "Alerts" }
        (form(&given))
        @if alerts.is_empty() {
            p.empty { "No alerts match." }
            @if query.is_empty() {
                p.quiet { "There has been none yet. When an attack is seen it appears here by itself." }
            } @else {
                p { a href="/alerts" { "All alerts" } }
            }
        } @else {
            (table(&alerts, time::now()))
        }
        (pages(&given, next))
    };
    Ok(page(Place::Alerts, "Alerts", &main))
}

/// A form sends its empty fields as well; they ask for nothing.
fn without_blanks(query: &str) -> String {
    query
        .split('&')
        .filter(|pair| pair.split_once('=').is_some_and(|(_, value)| !value.is_empty()))
        .collect::<Vec<_>>()
        .join("&")
}

fn form(given: &Parameters) -> Markup {
    let value = |name| given.text(name).unwrap_or_default();
    html! {
        form.filter action="/alerts" method="get" aria-label="Filter" {
            (choice("state", "State", &AlertState::ALL.map(AlertState::name), value("state")))
            (choice("severity", "Severity", &Severity::ALL.map(Severity::name), value("severity")))
            div.field {
                label for="filter-label" { "Label" }
                input id="filter-label" name="label" type="text" list="labels" maxlength="200" value=(text::shown(value("label"), 200));
                datalist id="labels" { @for label in super::hue::KNOWN { option value=(label) {} } }
            }
            div.field {
                label for="filter-subject" { "Address or network" }
                input id="filter-subject" name="subject" type="text" spellcheck="false" maxlength="200"
                    value=(text::shown(value("subject"), 200));
            }
            div.field { button.main type="submit" { "Show" } }
        }
    }
}

fn choice(name: &str, label: &str, values: &[&str], chosen: &str) -> Markup {
    html! {
        div.field {
            label for=(format!("filter-{name}")) { (label) }
            select id=(format!("filter-{name}")) name=(name) {
                option value="" { "any" }
                @for value in values { option value=(value) selected[*value == chosen] { @if *value == "closed" { "ended" } @else { (value) } } }
            }
        }
    }
}

fn table(alerts: &[Alert], now: EventTime) -> Markup {
    html! {
        div.scroll id="alert-list-scroll" tabindex="0" role="region" aria-label="List of alerts" {
            table.wide id="alert-list" {
                caption.hidden { "Alerts, the last seen first" }
                thead {
                    tr {
                        th scope="col" { "Alert" }
                        th scope="col" { "Severity" }
                        th scope="col" { "Label" }
                        th scope="col" { "State" }
                        th scope="col" { "Last seen" }
                        th.number scope="col" { "Packets" }
                    }
                }
                tbody {
                    @for alert in alerts {
                        tr data-alert=(alert.id) {
                            th scope="row" { a href=(format!("/alerts/{}", alert.id)) { (telling::headline(alert)) } }
                            td data-head="Severity" { (telling::severity(&alert.severity)) }
                            td data-head="Label" { (telling::label(&alert.label)) }
                            td data-head="State" { (telling::state(alert)) @if alert.acknowledged_at.is_some() { ", acknowledged" } }
                            td data-head="Last seen" { (words::when(&alert.last_seen, now)) }
                            td.number data-head="Packets" { (words::count(alert.packets)) }
                        }
                    }
                }
            }
        }
    }
}

/// The way to the first page and to the next.
fn pages(given: &Parameters, next: Option<Cursor>) -> Markup {
    let filters: Vec<String> = (NAMES.iter().filter(|name| **name != "before"))
        .filter_map(|name| Some(format!("{name}={}", text::encoded(given.text(name)?))))
        .collect();
    let with = |more: Option<String>| {
        let query: Vec<String> = filters.iter().cloned().chain(more).collect();
        if query.is_empty() { "/alerts".to_owned() } else { format!("/alerts?{}", query.join("&")) }
    };
    let is_first = given.text("before").is_none();
    html! {
        @if !is_first || next.is_some() {
            nav.pages aria-label="Pages of the list" {
                @if !is_first { a href=(with(None)) { "First page" } }
                @if let Some(next) = next { a rel="next" href=(with(Some(format!("before={next}")))) { "Next page" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_blank_asks_for_nothing() {
        let check = |query: &str, expected: &str| assert_eq!(without_blanks(query), expected, "{query}");
        check("", "");
        check("state=&label=&subject=", "");
        check("state=open&label=&subject=10.0.0.0%2F8", "state=open&subject=10.0.0.0%2F8");
    }
}
