//! Exceptions: listed, proved, saved and deleted, by the rules of `flowsentry exceptions`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alerts::number;
use super::parameters::Parameters;
use super::problem::Problem;
use super::time::{now, read, shown};
use super::{Api, body};
use crate::alert::exception::proof;
use crate::alert::{Filter, FilterError};
use crate::flow::time::EventTime;
use crate::postgres::queries::StoredException;

/// Longest owner and reason that are taken.
const NAME_CHARS_MAX: usize = 200;
const REASON_CHARS_MAX: usize = 1000;

/// What an exception asks of a flow. What is left out or null matches everything.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Address or CIDR of the sender; of ARP its protocol address.
    source: Option<String>,
    /// Address or CIDR of the receiver; of ARP the target's.
    destination: Option<String>,
    protocol: Option<String>,
    /// The only destination port of a flow.
    port: Option<i32>,
    label: Option<String>,
    /// When it holds, in UTC, such as `mon-fri 22:00-04:00; sat,sun`.
    schedule: Option<String>,
    /// From then on it does not hold.
    expires_at: Option<String>,
    /// Who answers for it; needed to save it.
    owner: Option<String>,
    /// Why it is there; needed to save it.
    reason: Option<String>,
}

/// An exception.
#[derive(Serialize, ToSchema)]
pub(super) struct Exception {
    id: i64,
    source: Option<String>,
    destination: Option<String>,
    protocol: Option<String>,
    port: Option<i32>,
    label: Option<String>,
    schedule: Option<String>,
    expires_at: Option<String>,
    owner: String,
    reason: String,
    created_at: String,
    /// Verdicts that it silenced.
    silenced: i64,
    last_silenced_at: Option<String>,
    /// `in_force`, `expired`, or `unusable`: it cannot be understood and silences nothing.
    state: String,
    /// Why it cannot be understood.
    problem: Option<String>,
}

/// All exceptions, in the order of their ids.
#[derive(Serialize, ToSchema)]
pub(super) struct Exceptions {
    exceptions: Vec<Exception>,
}

/// What an exception would have done to the alerts of the last seven days.
#[derive(Serialize, ToSchema)]
pub(super) struct Proof {
    /// Alerts looked at.
    alerts: i64,
    /// Whether there were more than were looked at.
    alerts_partial: bool,
    /// Of these silenced.
    silenced: i64,
    by_label: Vec<Count>,
    /// Of the silenced, those judged by a sample of their peers.
    by_sample: i64,
    /// The silenced of high and critical severity, the latest first; at most 100.
    urgent: Vec<Urgent>,
    /// More of these than are named.
    urgent_unnamed: i64,
    /// Why it is saved only with `?force=true`.
    objection: Option<String>,
}

/// Silenced alerts of a label and severity.
#[derive(Serialize, ToSchema)]
pub(super) struct Count {
    label: String,
    severity: String,
    alerts: i64,
}

/// A silenced alert of high or critical severity.
#[derive(Serialize, ToSchema)]
pub(super) struct Urgent {
    id: i64,
    label: String,
    severity: String,
    subject: String,
    subject_kind: String,
    first_seen: String,
    last_seen: String,
    peers: i64,
    /// What the judgement rests on, where that is not all of it: "a sample of 16 of 2000 peers".
    by: Option<String>,
}

/// A saved exception.
#[derive(Serialize, ToSchema)]
pub(super) struct Saved {
    id: i64,
    proof: Proof,
}

/// A deleted exception.
#[derive(Serialize, ToSchema)]
pub(super) struct Removed {
    removed: i64,
}

/// All exceptions.
#[utoipa::path(get, path = "/api/exceptions",
    responses((status = 200, body = Exceptions), (status = 503, body = Problem)))]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Exceptions>, Problem> {
    let now = now();
    let stored = api.queries.exceptions().await?;
    Ok(Json(Exceptions { exceptions: stored.into_iter().map(|stored| exception(stored, now)).collect() }))
}

/// What an exception would have silenced; saves nothing.
#[utoipa::path(post, path = "/api/exceptions/try", request_body = Asked,
    responses((status = 200, body = Proof), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 503, body = Problem)))]
pub(super) async fn try_one(
    State(api): State<Api>,
    given: Result<Bytes, BytesRejection>,
) -> Result<Json<Proof>, Problem> {
    let understood = filter(&body::read(given)?)?.understand(0)?;
    let proof = api.queries.prove(&understood, now()).await?;
    let objection = proof.objection(&understood);
    Ok(Json(shown_proof(proof, objection)))
}

/// Saves an exception, unless it would silence everything.
#[utoipa::path(post, path = "/api/exceptions", request_body = Asked,
    params(("force" = Option<bool>, Query, description = "save it even if it would silence everything")),
    responses((status = 201, body = Saved), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn add(
    State(api): State<Api>,
    uri: Uri,
    given: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Saved>), Problem> {
    let parameters = Parameters::of(uri.query(), &["force"])?;
    let force = parameters.read("force", "write true or false", |text| text.parse::<bool>().ok())?.unwrap_or(false);
    let asked: Asked = body::read(given)?;
    let owner = body::text("owner", asked.owner.as_deref().unwrap_or_default(), NAME_CHARS_MAX)?;
    let reason = body::text("reason", asked.reason.as_deref().unwrap_or_default(), REASON_CHARS_MAX)?;
    let understood = filter(&asked)?.understand(0)?;
    let proof = api.queries.prove(&understood, now()).await?;
    let objection = proof.objection(&understood);
    if let Some(objection) = objection.as_ref().filter(|_| !force) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            objection.to_string(),
            "ask for less: source, destination, protocol, port or label; or insist: ?force=true",
        ));
    }
    let id = api.queries.add_exception(&understood, asked.schedule.as_deref(), owner, reason).await?;
    Ok((StatusCode::CREATED, Json(Saved { id, proof: shown_proof(proof, objection) })))
}

/// Deletes an exception.
#[utoipa::path(delete, path = "/api/exceptions/{id}", params(("id" = i64, Path)),
    responses((status = 200, body = Removed), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn remove(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Removed>, Problem> {
    let id = number(&id)?;
    if api.queries.remove_exception(id).await? {
        return Ok(Json(Removed { removed: id }));
    }
    let error = format!("there is no exception {id}");
    Err(Problem::new(StatusCode::NOT_FOUND, error, "/api/exceptions lists those that there are"))
}

impl From<FilterError> for Problem {
    fn from(error: FilterError) -> Self {
        let FilterError { place, value, remedy } = error;
        super::parameters::wrong(place, &value, &remedy)
    }
}

fn filter(asked: &Asked) -> Result<Filter, Problem> {
    let expires = asked.expires_at.as_deref().map(|text| {
        read(text).filter(|time| *time > now()).ok_or_else(|| {
            super::parameters::wrong("expires_at", text, "write a time to come in UTC such as 2026-01-31T08:00:00Z")
        })
    });
    Ok(Filter {
        source: asked.source.clone(),
        destination: asked.destination.clone(),
        protocol: asked.protocol.clone(),
        port: asked.port,
        label: asked.label.clone(),
        schedule: asked.schedule.clone(),
        expires: expires.transpose()?,
    })
}

fn exception(stored: StoredException, now: EventTime) -> Exception {
    let problem = stored.filter.understand(stored.id).err().map(|error| error.to_string());
    let state = match &problem {
        Some(_) => "unusable",
        None if stored.filter.expires.is_some_and(|expires| expires <= now) => "expired",
        None => "in_force",
    };
    let Filter { source, destination, protocol, port, label, schedule, expires } = stored.filter;
    Exception {
        id: stored.id,
        source,
        destination,
        protocol,
        port,
        label,
        schedule,
        expires_at: expires.map(shown),
        owner: stored.owner,
        reason: stored.reason,
        created_at: shown(stored.created),
        silenced: count(stored.silenced),
        last_silenced_at: stored.last_silenced.map(shown),
        state: state.to_owned(),
        problem,
    }
}

fn shown_proof(proof: proof::Proof, objection: Option<proof::TooWide>) -> Proof {
    let (alerts, silenced) = (count(proof.alerts), count(proof.silenced()));
    let by_label = proof.silenced.into_iter().map(|((label, severity), alerts)| Count {
        label,
        severity: severity.name().to_owned(),
        alerts: count(alerts),
    });
    let urgent = proof.urgent.into_iter().map(|proof::Urgent { alert, by }| Urgent {
        id: alert.id,
        label: alert.label,
        severity: alert.severity.name().to_owned(),
        subject: alert.subject.address.to_string(),
        subject_kind: alert.subject.kind.name().to_owned(),
        first_seen: shown(alert.first_seen),
        last_seen: shown(alert.last_seen),
        peers: count(alert.peers),
        by,
    });
    Proof {
        alerts,
        alerts_partial: proof.is_partial,
        silenced,
        by_label: by_label.collect(),
        by_sample: count(proof.by_sample),
        urgent: urgent.collect(),
        urgent_unnamed: count(proof.urgent_unnamed),
        objection: objection.map(|objection| objection.to_string()),
    }
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
