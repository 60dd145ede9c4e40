use axum::response::IntoResponse;
use futures::StreamExt;

use super::*;
use crate::config::{Database as Settings, Environment};
use crate::http::history::History;
use crate::postgres::queries::Queries;
use crate::postgres::{Database, Limits};
use crate::telemetry::metrics;
use crate::telemetry::status::Status;

/// Far longer than any of these tests takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// Whose database nobody ever reaches.
fn sight() -> Sight {
    let nowhere = Some("postgres://nobody@127.0.0.1:1/nothing");
    let database = Database::resolve(nowhere, &Environment::default(), Limits::of(&Settings::default())).unwrap();
    let queries = Queries::of(&database, "traffic_data").unwrap();
    let (status, metrics) = (Status::new(), metrics::install().unwrap());
    let api = Api { queries, window_length: Duration::from_secs(30), status, metrics };
    let overviews = Overviews::of(api.clone(), History::default());
    Sight { api: api.clone(), overviews: overviews.clone(), live: Live::of(api, overviews) }
}

/// All that is sent, until it has this, or to its end.
async fn read(sight: &Sight, query: &str, last: Option<&str>) -> String {
    let uri = format!("/events{query}").parse().unwrap();
    let mut parts = events(State(sight.clone()), uri).await.into_response().into_body().into_data_stream();
    let mut text = String::new();
    let all = async {
        while let Some(part) = parts.next().await {
            text.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
            if last.is_some_and(|last| text.contains(last)) {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, all).await.unwrap();
    text
}

async fn until(reached: impl Fn() -> bool) {
    let wait = async {
        while !reached() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap();
}

#[tokio::test]
async fn it_renders_once_for_all_and_only_while_somebody_listens() {
    let sight = sight();
    let is_rendering = || *sight.live.is_rendering.lock().unwrap();
    assert!(!is_rendering());
    for _ in 0..2 {
        let (one, other) = tokio::join!(read(&sight, "", Some("overview")), read(&sight, "", Some("overview")));
        for text in [one, other] {
            assert!(text.contains("event: overview\ndata: {\"sections\":{\"status\":\"<h2"), "{text}");
        }
        until(|| !is_rendering()).await;
        assert!(matches!(*sight.live.frames.borrow(), Latest::None), "nothing is kept that would be old");
    }
}

#[tokio::test]
async fn beats_come_whatever_else_does() {
    let sight = sight();
    let text = read(&sight, "?of=alerts", Some("event: beat")).await;
    assert!(!text.contains("overview"), "{text}");
    read(&sight, "", Some("event: beat")).await;
}

#[tokio::test]
async fn the_stream_ends_when_the_service_stops() {
    let sight = sight();
    let stop = async {
        until(|| matches!(*sight.live.frames.borrow(), Latest::Frame(_))).await;
        sight.api.status.update(|now| now.role = Role::Stopping);
    };
    tokio::join!(read(&sight, "", None), stop);
    assert_eq!(read(&sight, "", None).await.matches("overview").count(), 0, "nobody begins anew");
}

fn frame(sections: &[u64], alerts: u64) -> Frame {
    let section = |hash: &u64| Section { hash: *hash, json: format!("\"s\":\"{hash}\"") };
    Frame { sections: sections.iter().map(section).collect(), alerts, step: (vec![u64::MAX], None) }
}

#[tokio::test]
async fn a_client_is_sent_what_changed_since_it_was_last_sent_something() {
    let (_sender, frames) = watch::channel(Latest::None);
    let beats = interval(BEAT);
    let mut client = Client { frames, beats, wants_sections: true, sent: Vec::new(), alerts: None, due: Vec::new() };
    let mut check = |sections: &[u64], alerts: u64, expected: &[&str]| {
        client.take(&frame(sections, alerts));
        let due: Vec<Bytes> = client.due.drain(..).collect();
        assert_eq!(due.len(), expected.len(), "{due:?}");
        for (due, expected) in due.iter().zip(expected) {
            assert!(String::from_utf8_lossy(due).contains(expected), "{due:?} {expected}");
        }
    };
    check(&[1, 2], 7, &["{\"sections\":{\"s\":\"1\",\"s\":\"2\"}}"]);
    check(&[1, 2], 7, &[]);
    check(&[1, 3], 7, &["{\"sections\":{\"s\":\"3\"}}"]);
    check(&[1, 3], 8, &["alerts"]);
    check(&[4, 3], 9, &["alerts", "{\"sections\":{\"s\":\"4\"}}"]);

    // Whoever is in step is sent what was put together for all of them.
    let shared = Bytes::from("for all");
    client.take(&Frame { step: (vec![4, 3], Some(shared.clone())), ..frame(&[4, 5], 9) });
    assert_eq!((client.due.pop(), client.due.len()), (Some(shared), 0));
    assert_eq!(client.sent, [4, 5]);
}

#[tokio::test]
async fn who_is_slow_makes_nothing_grow() {
    let sight = sight();
    let slow = sight.live.listen();
    for number in 0..1000 {
        sight.live.frames.send_replace(Latest::Frame(Arc::new(frame(&[number], number))));
    }
    let latest = slow.borrow().clone();
    assert!(matches!(latest, Latest::Frame(frame) if Arc::strong_count(&frame) == 2), "the others are gone");
}
