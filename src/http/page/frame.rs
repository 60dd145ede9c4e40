//! The frame around every page: head, navigation, search, the mark of a stream that stands still, and dialogs.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::text;
use crate::http::api::problem::Problem;
use crate::http::api::time;

const HTML: &str = "text/html; charset=utf-8";

/// Where a page belongs in the navigation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The first page.
    Overview,
    /// Alerts.
    Alerts,
    /// Exceptions.
    Exceptions,
    /// None of these.
    Elsewhere,
}

impl Place {
    const LINKS: [(Self, &'static str, &'static str); 3] = [
        (Self::Overview, "/", "Overview"),
        (Self::Alerts, "/alerts", "Alerts"),
        (Self::Exceptions, "/exceptions", "Exceptions"),
    ];

    /// What the script does with the page: `overview` is filled by the stream, `fresh` is fetched again when alerts change.
    fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Alerts | Self::Exceptions | Self::Elsewhere => "fresh",
        }
    }
}

/// A page.
pub fn page(place: Place, title: &str, main: &Markup) -> Response {
    page_with(StatusCode::OK, place, title, "", main)
}

/// A page with another status, or something that was searched for.
pub fn page_with(status: StatusCode, place: Place, title: &str, searched: &str, main: &Markup) -> Response {
    let whole = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (text::shown(title, text::NAME_CHARS_MAX)) " – flowsentry" }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/page.css";
                script src="/assets/page.js" defer {}
            }
            body data-page=(if status.is_success() { place.name() } else { "still" }) data-now=(time::shown(time::now())) {
                a.skip href="#main" { "Skip to content" }
                (head(place, searched))
                main id="main" tabindex="-1" { (main) }
                (foot())
                (dialogs())
            }
        }
    };
    (status, [(CONTENT_TYPE, HTML)], whole.into_string()).into_response()
}

fn head(place: Place, searched: &str) -> Markup {
    html! {
        header {
            div.top {
                a.brand href="/" { "flowsentry" }
                nav aria-label="Pages" {
                    ul {
                        @for (other, path, name) in Place::LINKS {
                            li { a href=(path) aria-current=[(other == place).then_some("page")] { (name) } }
                        }
                    }
                }
                form.search role="search" action="/search" method="get" {
                    label.hidden for="search" { "Search an address or a network" }
                    input id="search" name="q" type="search" placeholder="Address or network" autocomplete="off"
                        spellcheck="false" maxlength="200" value=(text::shown(searched, 200));
                    button type="submit" { "Search" }
                }
            }
            p id="stalled" role="status" {}
        }
    }
}

fn foot() -> Markup {
    html! {
        footer {
            p { "Times are UTC. "
                button.link id="show-keys" type="button" { "Keys" } " · "
                a href="/text" { "Plain text" } " · "
                a href="/api/openapi.json" { "API" } }
        }
    }
}

fn dialogs() -> Markup {
    html! {
        dialog id="token-dialog" aria-labelledby="token-title" {
            form method="dialog" {
                h2 id="token-title" { "Token needed" }
                p { "Changes need the token that the file named by http.token_file holds. This tab remembers it until it is closed." }
                label for="token" { "Token" }
                input id="token" type="password" autocomplete="off" required;
                p.buttons {
                    button.main id="token-use" type="submit" value="use" { "Use it" }
                    button id="token-cancel" type="button" { "Cancel" }
                }
            }
        }
        dialog id="keys-dialog" aria-labelledby="keys-title" {
            form method="dialog" {
                h2 id="keys-title" { "Keys" }
                dl {
                    div { dt { kbd { "/" } } dd { "search" } }
                    div { dt { kbd { "j" } " " kbd { "k" } } dd { "next and previous alert" } }
                    div { dt { kbd { "Enter" } } dd { "open it" } }
                    div { dt { kbd { "?" } } dd { "this list" } }
                }
                p.buttons { button.main type="submit" { "Close" } }
            }
        }
    }
}

/// A page that says what is wrong, and what to do about it.
impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let title = match problem.status() {
            StatusCode::NOT_FOUND => "There is no such page",
            StatusCode::BAD_REQUEST => "This cannot be shown",
            StatusCode::SERVICE_UNAVAILABLE => "The database does not answer",
            _ => "Something is wrong",
        };
        page_with(
            problem.status(),
            Place::Elsewhere,
            title,
            "",
            &html! {
                h1 { (title) }
                p { (text::sentence(problem.error())) }
                p { (text::sentence(problem.remedy())) }
                p { a href="/" { "Overview" } }
            },
        )
    }
}

/// Why there is no page.
pub struct Wrong(pub Problem);

impl<T: Into<Problem>> From<T> for Wrong {
    fn from(error: T) -> Self {
        Self(error.into())
    }
}
