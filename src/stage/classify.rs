//! Labels the flows of closed windows and late panes, and for the time being those of open ones.

use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender};

use super::{Passed, Shadow, StageError, hand_on, offer};
use crate::exit::chain;
use crate::flow::checkpoint::{Increment, Pane, Timing};
use crate::flow::context::{Context, Neighbours};
use crate::flow::look::{Look, OpenFlows};
use crate::model::{Change, Model, Watched};
use crate::telemetry::clock;
use crate::telemetry::metrics::{LOOKS, MODEL_INFO, MODEL_LOADED, MODEL_RELOADS, STAGE_BUSY};
use crate::telemetry::progress::Report;
use crate::telemetry::status::{ModelState, Status};
use crate::verdict::judge::{Judge, open_rows, rows};
use crate::verdict::judged::{JudgedIncrement, JudgedLook, JudgedPane, Judgement};
use crate::verdict::label::Verdict;

const STAGE: &str = "classify";

/// Labels until no more increments come, or nobody takes them. Without a model every label is `unknown`. In the time left
/// a candidate judges the same flows in shadow.
pub async fn classify(
    mut model: Watched,
    mut judge: Judge,
    mut shadow: Shadow,
    status: Status,
    mut increments: Receiver<Passed<Increment, Look>>,
    verdicts: Sender<Passed<JudgedIncrement, JudgedLook>>,
    report: Report,
) -> Result<(), StageError> {
    look(&mut model, &status);
    shadow.look();
    while let Some(passed) = increments.recv().await {
        report.busy();
        look(&mut model, &status);
        let began = clock::now();
        let mut underway = match passed {
            Passed::Increment(underway) => underway,
            Passed::Look(look) => {
                if let Some(model) = model.current() {
                    let heard = offer(&verdicts, provisional(model, look)?);
                    LOOKS.add_with("result", "unheard", u64::from(!heard));
                    STAGE_BUSY.record_with("stage", STAGE, began.elapsed());
                }
                report.waiting();
                continue;
            }
        };
        let increment = &mut underway.work;
        let mut panes = Vec::with_capacity(increment.panes.len());
        for pane in std::mem::take(&mut increment.panes) {
            panes.push(Arc::new(judged(model.current(), &mut judge, pane)?));
        }
        judge.forget(increment.checkpoint.watermark);
        if !panes.is_empty() {
            STAGE_BUSY.record_with("stage", STAGE, began.elapsed());
        }
        let shadowed = if shadow.is_on() { panes.clone() } else { Vec::new() };
        let judged = underway.map(|increment| JudgedIncrement { increment, panes });
        if !hand_on(&report, &verdicts, Passed::Increment(judged)).await {
            return Ok(());
        }
        shadow.judge(&shadowed, || increments.is_empty() && !increments.is_closed()).await;
        report.waiting();
    }
    Ok(())
}

fn judged(model: Option<&Arc<Model>>, judge: &mut Judge, pane: Pane) -> Result<JudgedPane, StageError> {
    let neighbours = Arc::new(Neighbours::of(&pane.flows.flows));
    let contexts = neighbours.contexts(&pane.flows.flows);
    let judgement = match model {
        Some(model) => Some(judgement(model, judge, &pane, &contexts)?),
        None => None,
    };
    if pane.timing == Timing::OnTime {
        judge.remember(Arc::clone(&pane.flows), neighbours);
    }
    Ok(JudgedPane { pane, contexts, judgement })
}

fn judgement(model: &Arc<Model>, judge: &Judge, pane: &Pane, contexts: &[Context]) -> Result<Judgement, StageError> {
    let flows = &pane.flows;
    let chunks = match pane.timing {
        Timing::Late => judge.late(model.features(), flows, contexts),
        Timing::OnTime | Timing::Partial => rows(model.features(), &flows.flows, contexts),
    };
    let mut verdicts = Vec::with_capacity(flows.flows.len());
    for chunk in chunks {
        verdicts.extend(model.classify(&chunk)?);
    }
    Ok(said_by(model, verdicts))
}

/// Judges flows of open windows as they are now. Nothing of it is stored.
fn provisional(model: &Arc<Model>, look: Look) -> Result<JudgedLook, StageError> {
    let judgements = look.windows.iter().map(|window| provisional_of(model, window));
    Ok(JudgedLook { judgements: judgements.collect::<Result<_, _>>()?, look })
}

fn provisional_of(model: &Arc<Model>, window: &OpenFlows) -> Result<Judgement, StageError> {
    let mut verdicts = Vec::with_capacity(window.flows.len());
    for chunk in open_rows(model.features(), &window.flows) {
        verdicts.extend(model.classify(&chunk)?);
    }
    Ok(said_by(model, verdicts))
}

fn said_by(model: &Arc<Model>, verdicts: Vec<Verdict>) -> Judgement {
    Judgement {
        verdicts,
        classes: model.classes().clone(),
        model_version: Arc::clone(model.version()),
        explainer: Arc::<Model>::clone(model),
    }
}

/// Takes a replaced model file over; a broken one leaves the old model in its place.
fn look(model: &mut Watched, status: &Status) {
    let reason = match model.look(clock::uptime()) {
        None => return,
        Some(Change::Loaded(loaded)) => {
            let version = loaded.version().to_string();
            tracing::info!(version, "this model labels flows from now on");
            MODEL_RELOADS.add_with("result", "loaded", 1);
            MODEL_LOADED.set(1.0);
            MODEL_INFO.set_only_with("version", Some(&version));
            status.update(|now| now.model = ModelState::Loaded { version });
            return;
        }
        Some(Change::Refused(error)) => {
            MODEL_RELOADS.add_with("result", "refused", 1);
            chain(&error)
        }
        Some(Change::Missing(path)) => format!("there is no model file {}", path.display()),
    };
    if let Some(current) = model.current() {
        tracing::warn!(reason, version = %current.version(), "the old model goes on");
    } else {
        tracing::warn!(reason, "flows are stored with the label unknown");
        status.update(|now| now.model = ModelState::Unknown { reason });
    }
}
