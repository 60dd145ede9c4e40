//! Two alerts turn out to be one.

use super::Entry;
use crate::alert::event::WindowEvidence;
use crate::alert::record::{Subject, SubjectKind};
use crate::alert::rules::OPEN_WINDOWS;
use crate::flow::window::Window;

impl Entry {
    /// Another alert turned out to be a part of this one: what open windows show of it is shown of this one from now on, and
    /// the other ends with what closed windows said of it.
    pub fn absorb_open(&mut self, other: &mut Self) {
        let mut opened = std::mem::take(&mut other.open);
        if is_turned(self.subject, other.subject) {
            for figures in opened.values_mut() {
                figures.turn(other.subject.address);
            }
        }
        for (start, figures) in opened {
            if self.open.contains_key(&start) || self.open.len() < OPEN_WINDOWS {
                self.open.entry(start).or_default().merge(&figures);
            }
        }
    }

    /// Takes over what closed windows said of a part.
    pub fn absorb(&mut self, mut other: Self) {
        if is_turned(self.core, other.core) {
            other.settled.turn(other.core.address);
        }
        self.pending_until = self.pending_until.max(other.pending_until);
        if other.windows > 0 {
            self.settled.merge(&other.settled);
            other.recent.iter().for_each(|&start| self.count(Window { start, end: start }));
            self.began = self.began.min(other.began);
            self.active_until = self.active_until.max(other.active_until);
        }
        // Only if nobody has been shown it yet: else its windows are stored as its own.
        for window in other.evidence {
            let same =
                |own: &&mut WindowEvidence| (own.window_start, own.revision) == (window.window_start, window.revision);
            match self.evidence.iter_mut().find(same) {
                Some(own) => own.add(&window),
                None => self.evidence.push(window),
            }
        }
        self.is_dirty = true;
    }
}

/// Whether what is counted by the destinations of an attacker has to be counted by the sources of a victim.
fn is_turned(whole: Subject, part: Subject) -> bool {
    whole.kind == SubjectKind::Victim && part.kind == SubjectKind::Attacker
}
