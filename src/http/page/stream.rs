//! The live figures: server-sent events, rendered once for all who watch.
//!
//! One task renders, twice a second at most and only while somebody listens. It hands each frame on through a channel that
//! holds the latest one alone: whoever is slow misses frames, and nothing grows. A client is sent the sections that differ
//! from those it was sent before, and beats, so that it can tell silence from a standstill. Whoever is in step with the others is
//! sent the same octets.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use super::Sight;
use super::sections::{SECTIONS, Seen};
use crate::flow::time::EventTime;
use crate::http::api::{Api, time};
use crate::http::overview::{Overview, Overviews};
use crate::telemetry::clock;
use crate::telemetry::status::Role;

/// How often there is a new frame at most.
const PACE: Duration = Duration::from_millis(500);
/// Pauses are this many times longer than a frame took, so that many open alerts do not keep the database busy.
const PAUSES: u32 = 4;
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How often a client is told that there is somebody, whatever else it is told.
const BEAT: Duration = Duration::from_millis(1500);

/// After which pause a client comes again whose stream has ended, as all do after some minutes (`streams`).
const RETRY_MS: u64 = 300;

/// Renders for all who watch. Clones share it.
#[derive(Clone)]
pub struct Live {
    api: Api,
    overviews: Overviews,
    frames: watch::Sender<Latest>,
    is_rendering: Arc<Mutex<bool>>,
}

/// What there is to send.
#[derive(Clone, Default)]
enum Latest {
    /// Nothing yet.
    #[default]
    None,
    /// A frame.
    Frame(Arc<Frame>),
    /// No more: the service stops.
    End,
}

/// The page at one moment.
struct Frame {
    /// Sections as JSON, in the order of [`SECTIONS`].
    sections: Vec<Section>,
    /// Changes as the alerts do.
    alerts: u64,
    /// The sections before, by their hashes, and what leads from there to here.
    step: (Vec<u64>, Option<Bytes>),
}

struct Section {
    hash: u64,
    /// `"id":"html"`.
    json: String,
}

impl Live {
    /// Renders nothing before somebody listens.
    pub fn of(api: Api, overviews: Overviews) -> Self {
        Self { api, overviews, frames: watch::Sender::new(Latest::None), is_rendering: Arc::default() }
    }

    /// Listens, and sees to it that somebody renders.
    fn listen(&self) -> watch::Receiver<Latest> {
        let mut is_rendering = self.is_rendering.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.frames.subscribe();
        if !*is_rendering {
            *is_rendering = true;
            tokio::spawn(self.clone().render());
        }
        receiver
    }

    async fn render(self) {
        let mut last: Option<Arc<Frame>> = None;
        while self.is_wanted() {
            if self.api.status.snapshot().role == Role::Stopping {
                self.frames.send_replace(Latest::End);
                return; // for good: the flag stays, so that nobody begins anew
            }
            let began = clock::now();
            let overview = self.overviews.latest().await;
            let last_ended = last_ended(&self.api, &overview).await;
            let before = last.as_ref().map(|frame| frame.hashes()).unwrap_or_default();
            let frame = Frame::of(&overview, last_ended, before);
            if last.as_ref().is_none_or(|last| last.alerts != frame.alerts || frame.step.1.is_some()) {
                let frame = Arc::new(frame);
                last = Some(Arc::clone(&frame));
                self.frames.send_replace(Latest::Frame(frame));
            }
            sleep((began.elapsed() * PAUSES).clamp(PACE, PAUSE_MAX)).await;
        }
    }

    /// Whether somebody listens. If not, rendering has ended with this answer.
    fn is_wanted(&self) -> bool {
        let mut is_rendering = self.is_rendering.lock().unwrap_or_else(PoisonError::into_inner);
        *is_rendering = self.frames.receiver_count() > 0;
        if !*is_rendering {
            self.frames.send_replace(Latest::None);
        }
        *is_rendering
    }
}

/// When the last alert ended: asked only while none is open, when the page says it.
pub async fn last_ended(api: &Api, overview: &Overview) -> Option<EventTime> {
    if !overview.alerts.open.is_empty() || overview.alerts.problem.is_some() {
        return None;
    }
    api.queries.last_alert_ended().await.ok().flatten()
}

impl Frame {
    fn of(overview: &Overview, last_ended: Option<EventTime>, before: Vec<u64>) -> Self {
        let seen = Seen { overview, last_ended };
        let sections = SECTIONS.iter().map(|(id, section)| {
            let html = section(&seen).into_string();
            Section { hash: hash(&html), json: format!("{}:{}", json!(id), json!(html)) }
        });
        let first = overview.alerts.first.iter().map(|alert| (alert.id, &alert.updated_at, &alert.acknowledged_at));
        let alerts = (&overview.alerts.open, first.collect::<Vec<_>>(), last_ended.map(time::shown));
        let mut frame = Self { sections: sections.collect(), alerts: hash(&alerts), step: (Vec::new(), None) };
        let changes = frame.changes(&before);
        frame.step = (before, changes);
        frame
    }

    fn hashes(&self) -> Vec<u64> {
        self.sections.iter().map(|section| section.hash).collect()
    }

    /// What whoever was sent these sections has to be sent, if anything.
    fn changes(&self, sent: &[u64]) -> Option<Bytes> {
        let is_new = |index: usize, section: &Section| sent.get(index) != Some(&section.hash);
        let sections = self.sections.iter().enumerate().filter(|(index, section)| is_new(*index, section));
        let new: Vec<&str> = sections.map(|(_, section)| section.json.as_str()).collect();
        (!new.is_empty()).then(|| event("overview", &format!("{{\"sections\":{{{}}}}}", new.join(","))))
    }
}

/// As it is sent. The data is a line: JSON has no line feeds but escaped ones.
fn event(name: &str, data: &str) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// What a client has been sent.
struct Client {
    frames: watch::Receiver<Latest>,
    beats: Interval,
    /// Whether it wants the sections, or only to know that alerts changed.
    wants_sections: bool,
    sent: Vec<u64>,
    alerts: Option<u64>,
    /// What is to be sent before it waits again.
    due: Vec<Bytes>,
}

/// The stream. With `?of=alerts` it has no sections: for pages that show none.
pub async fn events(State(sight): State<Sight>, uri: Uri) -> Response {
    let mut frames = sight.live.listen();
    frames.mark_changed();
    let wants_sections = uri.query() != Some("of=alerts");
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let client = Client { frames, beats, wants_sections, sent: Vec::new(), alerts: None, due: Vec::new() };
    let events = stream::unfold(client, |mut client| async move {
        let event = client.next().await?;
        Some((Ok::<_, Infallible>(event), client))
    });
    ([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")], Body::from_stream(events)).into_response()
}

fn beat() -> Bytes {
    format!("event: beat\nretry: {RETRY_MS}\ndata: {}\n\n", time::shown(time::now())).into()
}

impl Client {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.due.pop() {
                return Some(event);
            }
            tokio::select! {
                _ = self.beats.tick() => return Some(beat()),
                changed = self.frames.changed() => changed.ok()?,
            }
            let latest = self.frames.borrow_and_update().clone();
            match latest {
                Latest::End => return None,
                Latest::None => {}
                Latest::Frame(frame) => self.take(&frame),
            }
        }
    }

    fn take(&mut self, frame: &Frame) {
        let known = self.alerts.replace(frame.alerts);
        // A page may have been made before the first frame that it is told of: it looks again.
        if known.map_or(!self.wants_sections, |known| known != frame.alerts) {
            self.due.push(event("alerts", &time::shown(time::now())));
        }
        if !self.wants_sections {
            return;
        }
        let (before, step) = &frame.step;
        self.due.extend(if self.sent == *before { step.clone() } else { frame.changes(&self.sent) });
        self.sent = frame.hashes();
    }
}

#[cfg(test)]
mod tests;
