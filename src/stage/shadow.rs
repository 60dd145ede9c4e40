//! A candidate model in shadow: it judges live traffic beside the model that labels, and nothing that is stored depends on it.
//!
//! Its cost is bounded by the time that nobody else wants. It judges a window after that was handed on to the store, a
//! thousand flows at a time, and only while no increment waits to be labelled: so labelling waits for one such pass at most
//! (2.5 ms on a busy core), and memory holds one increment longer. Flows that it has no time for are counted and not made up
//! for. It judges what the model was given; a late pane it leaves out, for what was remembered of its window may be gone.

use std::sync::Arc;

use crate::exit::chain;
use crate::flow::checkpoint::Timing;
use crate::model::{Change, Model, ModelError, Watched};
use crate::telemetry::clock;
use crate::telemetry::metrics::{
    SHADOW_FLOWS, SHADOW_INFO, SHADOW_PAIRS, SHADOW_RELOADS, SHADOW_SKIPPED_FLOWS, STAGE_BUSY,
};
use crate::verdict::agreement::{Agreement, Said};
use crate::verdict::judge::{CHUNK_ROWS, rows};
use crate::verdict::judged::{JudgedPane, Judgement};

const STAGE: &str = "shadow";
/// Octets of each label in a pair, so that a long first one does not hide the second.
const PAIR_LABEL_BYTES_MAX: usize = 30;

/// The candidate, if there is one.
pub struct Shadow {
    watched: Option<Watched>,
    candidate: Option<Arc<Model>>,
}

impl Shadow {
    /// Of the candidate in this file; `None`: no candidate. Nothing is read yet.
    pub fn new(watched: Option<Watched>) -> Self {
        Self { watched, candidate: None }
    }

    /// Whether a candidate waits for flows, or for a file that it could be read from.
    pub fn is_on(&self) -> bool {
        self.watched.is_some()
    }

    /// Takes a replaced candidate file over. A broken or missing one judges nothing, which is told once.
    pub fn look(&mut self) {
        let Some(change) = self.watched.as_mut().and_then(|watched| watched.look(clock::uptime())) else { return };
        self.candidate = None;
        let reason = match change {
            Change::Loaded(model) => {
                tracing::info!(version = %model.version(), "this candidate judges beside the model from now on");
                SHADOW_RELOADS.add_with("result", "loaded", 1);
                SHADOW_INFO.set_only_with("version", Some(model.version()));
                self.candidate = Some(model);
                return;
            }
            Change::Refused(error) => {
                SHADOW_RELOADS.add_with("result", "refused", 1);
                chain(&error)
            }
            Change::Missing(path) => format!("there is no model file {}", path.display()),
        };
        tracing::warn!(reason, "no candidate judges beside the model; labels do not depend on it");
        SHADOW_INFO.set_only_with("version", None);
    }

    /// Has the candidate judge panes that were handed on, while `has_time`, and counts how the two models agree.
    pub async fn judge(&mut self, panes: &[Arc<JudgedPane>], has_time: impl Fn() -> bool) {
        if has_time() {
            self.look();
        }
        let Some(candidate) = self.candidate.clone() else { return };
        let began = clock::now();
        let mut judged = 0;
        for pane in panes {
            let flows = pane.pane.flows.flows.len();
            let reason = match (&pane.judgement, pane.pane.timing) {
                (None, _) => "unlabelled",
                (_, Timing::Late) => "late",
                (Some(judgement), Timing::OnTime | Timing::Partial) => {
                    let result = compare(&candidate, pane, judgement, &has_time).await;
                    judged += result.flows;
                    count_skipped("busy", flows - result.flows);
                    if let Some(error) = result.error {
                        return self.give_up(&error);
                    }
                    continue;
                }
            };
            count_skipped(reason, flows);
        }
        if judged > 0 {
            STAGE_BUSY.record_with("stage", STAGE, began.elapsed());
        }
    }

    /// A candidate that cannot judge is not asked again until its file changes.
    fn give_up(&mut self, error: &ModelError) {
        tracing::warn!(reason = chain(error), "the candidate cannot judge, and is not asked again");
        SHADOW_RELOADS.add_with("result", "refused", 1);
        SHADOW_INFO.set_only_with("version", None);
        self.candidate = None;
    }
}

/// How far a pane was judged, and why no further, if it was not for lack of time.
struct Compared {
    flows: usize,
    error: Option<ModelError>,
}

async fn compare(
    candidate: &Model,
    pane: &JudgedPane,
    judgement: &Judgement,
    has_time: &impl Fn() -> bool,
) -> Compared {
    let chunks = rows(candidate.features(), &pane.pane.flows.flows, &pane.contexts);
    let mut flows = 0;
    for (chunk, verdicts) in chunks.zip(judgement.verdicts.chunks(CHUNK_ROWS)) {
        if !has_time() {
            break;
        }
        let found = match candidate.classify(&chunk) {
            Ok(found) => found,
            Err(error) => return Compared { flows, error: Some(error) },
        };
        let model = Said { classes: &judgement.classes, verdicts };
        count(&Agreement::of(model, Said { classes: candidate.classes(), verdicts: &found }));
        flows += verdicts.len();
        // Whoever ends this stage is not kept waiting either.
        tokio::task::yield_now().await;
    }
    Compared { flows, error: None }
}

fn count(agreement: &Agreement<'_>) {
    SHADOW_FLOWS.add_with("verdict", "same", agreement.same());
    SHADOW_FLOWS.add_with("verdict", "other", agreement.other());
    for ((model, candidate), flows) in &agreement.pairs {
        SHADOW_PAIRS.add_with("pair", &pair(model, candidate), *flows);
    }
}

fn count_skipped(reason: &str, flows: usize) {
    if flows > 0 {
        SHADOW_SKIPPED_FLOWS.add_with("reason", reason, flows as u64);
    }
}

fn pair(model: &str, candidate: &str) -> String {
    let cut = |label: &str| label[..label.floor_char_boundary(PAIR_LABEL_BYTES_MAX)].to_owned();
    format!("{} -> {}", cut(model), cut(candidate))
}

#[cfg(test)]
mod tests;
