//! The first page: the sections as they are now. The stream keeps them so.

use axum::extract::State;
use axum::response::Response;
use maud::html;

use super::frame::{Place, page};
use super::sections::{SECTIONS, Seen};
use super::{Sight, stream};

/// What is going on.
pub async fn overview(State(sight): State<Sight>) -> Response {
    let overview = sight.overviews.latest().await;
    let last_ended = stream::last_ended(&sight.api, &overview).await;
    let seen = Seen { overview: &overview, last_ended };
    page(
        Place::Overview,
        "Overview",
        &html! {
            h1.hidden { "Overview" }
            div.board {
                @for (id, section) in SECTIONS { section id=(id) { (section(&seen)) } }
            }
        },
    )
}
