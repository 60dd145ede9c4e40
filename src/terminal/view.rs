//! What a person sees and has chosen: the latest figures, how old they are, which alert is looked at.

use std::time::Duration;

use super::overview::{Alert, Evidence, Overview};

/// Letters of a filter, at most.
const FILTER_MAX: usize = 60;
/// Alerts that one key goes over.
const PAGE: usize = 10;

/// A key, as far as it means something here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the keys' own names
pub enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    Letter(char),
}

/// The state of the view. Times are spans since any fixed moment.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is switched by itself
pub struct View {
    /// Whom it asks.
    pub(super) address: String,
    /// Whether there are keys to press: a frame for a pipe shows none, and selects nothing.
    pub(super) has_keys: bool,
    pub(super) overview: Option<Overview>,
    /// What came while it was paused.
    held_back: Option<Overview>,
    pub(super) is_paused: bool,
    answered: Option<Duration>,
    now: Duration,
    /// Why the last question had no answer.
    pub(super) trouble: Option<String>,
    selected: Option<i64>,
    /// Where the selected alert was, for when it is gone.
    place: usize,
    /// The first alert that is in sight.
    pub(super) top: usize,
    pub(super) filter: String,
    pub(super) is_filtering: bool,
    pub(super) has_help: bool,
    /// The alert that is shown in detail.
    pub(super) detail: Option<i64>,
    /// Its first line that is in sight.
    pub(super) scroll: usize,
    evidence: Option<(i64, Result<Evidence, String>)>,
}

impl View {
    /// Before the first answer. With `has_keys` there is somebody to press them.
    pub fn new(address: String, has_keys: bool) -> Self {
        Self { address, has_keys, ..Self::default() }
    }

    /// An answer came, or the reason why there is none.
    pub fn take(&mut self, now: Duration, answer: Result<Overview, String>) {
        self.now = now;
        match answer {
            Ok(overview) => {
                self.answered = Some(now);
                self.trouble = None;
                if self.is_paused && self.overview.is_some() {
                    self.held_back = Some(overview);
                } else {
                    self.show(overview);
                }
            }
            Err(why) => self.trouble = Some(why),
        }
    }

    /// What is known of an alert came; it is kept if that alert is still looked at.
    pub fn take_evidence(&mut self, id: i64, evidence: Result<Evidence, String>) {
        // A failure does not take away what is there.
        let keeps = evidence.is_err() && matches!(self.evidence(), Some(Ok(_)));
        if self.detail == Some(id) && !keeps {
            self.evidence = Some((id, evidence));
        }
    }

    /// The alert whose evidence is looked at.
    pub fn wanted(&self) -> Option<i64> {
        self.detail
    }

    /// How old the figures are, if the last question had no answer.
    pub fn stale(&self) -> Option<Duration> {
        self.trouble.as_ref()?;
        Some(self.now.saturating_sub(self.answered?))
    }

    /// What a key does; false if it is the one that ends the view.
    #[must_use]
    pub fn press(&mut self, key: Key) -> bool {
        if self.is_filtering {
            self.type_filter(key);
        } else if self.has_help {
            self.has_help = false;
            return key != Key::Letter('q');
        } else {
            match key {
                Key::Letter('q') => return false,
                Key::Letter('?') => self.has_help = true,
                Key::Letter('p') => self.pause(),
                Key::Letter('f' | '/') if self.detail.is_none() => self.is_filtering = true,
                _ if self.detail.is_some() => self.read(key),
                _ => self.choose(key),
            }
        }
        true
    }

    /// The alerts that the filter lets through.
    pub(super) fn alerts(&self) -> Vec<&Alert> {
        let wanted = self.filter.to_lowercase();
        let all = self.overview.iter().flat_map(|overview| &overview.alerts.first);
        all.filter(|alert| wanted.is_empty() || matches(alert, &wanted)).collect()
    }

    /// Which of [`Self::alerts`] the keys act on: the same alert as before, else whatever is in its place.
    pub(super) fn selection(&self) -> usize {
        let alerts = self.alerts();
        let same = alerts.iter().position(|alert| Some(alert.id) == self.selected);
        same.unwrap_or_else(|| self.place.min(alerts.len().saturating_sub(1)))
    }

    /// The alert that is shown in detail, as it was last heard of.
    pub(super) fn detailed(&self) -> Option<&Alert> {
        let id = self.detail?;
        let listed = self.overview.iter().flat_map(|overview| &overview.alerts.first).find(|alert| alert.id == id);
        listed.or_else(|| self.evidence()?.as_ref().ok().map(|evidence| &evidence.alert))
    }

    /// What is known of the alert that is shown in detail; nothing while it is asked for.
    pub(super) fn evidence(&self) -> Option<&Result<Evidence, String>> {
        self.evidence.as_ref().filter(|(id, _)| Some(*id) == self.detail).map(|(_, evidence)| evidence)
    }

    fn show(&mut self, overview: Overview) {
        self.place = self.selection();
        self.overview = Some(overview);
        // Until somebody has chosen one, it is the one at the top.
        if self.selected.is_some() {
            self.keep_selection();
        }
    }

    /// From here on the alert that is selected now is followed wherever it goes.
    fn keep_selection(&mut self) {
        self.place = self.selection();
        self.selected = self.alerts().get(self.place).map(|alert| alert.id);
    }

    fn pause(&mut self) {
        self.is_paused = !self.is_paused;
        if let Some(overview) = self.held_back.take().filter(|_| !self.is_paused) {
            self.show(overview);
        }
    }

    fn choose(&mut self, key: Key) {
        match moved(key, self.selection()) {
            Some(place) => {
                self.selected = None;
                self.place = place;
                self.keep_selection();
            }
            None if key == Key::Enter => {
                self.keep_selection();
                (self.detail, self.scroll) = (self.selected, 0);
            }
            None if key == Key::Escape => {
                self.filter.clear();
                self.keep_selection();
            }
            None => {}
        }
    }

    fn read(&mut self, key: Key) {
        match moved(key, self.scroll) {
            // Past the end is the end: drawing knows where that is.
            Some(line) => self.scroll = line,
            None if matches!(key, Key::Escape | Key::Enter | Key::Backspace) => {
                (self.detail, self.evidence) = (None, None);
            }
            None => {}
        }
    }

    fn type_filter(&mut self, key: Key) {
        match key {
            Key::Letter(letter) if self.filter.chars().count() < FILTER_MAX => self.filter.push(letter),
            Key::Backspace => drop(self.filter.pop()),
            Key::Enter => self.is_filtering = false,
            Key::Escape => {
                self.filter.clear();
                self.is_filtering = false;
            }
            _ => {}
        }
        self.keep_selection();
    }
}

/// Where a key leads to from `place`, if it is one that moves; the end is wherever it turns out to be.
fn moved(key: Key, place: usize) -> Option<usize> {
    match key {
        Key::Up | Key::Letter('k') => Some(place.saturating_sub(1)),
        Key::Down | Key::Letter('j') => Some(place + 1),
        Key::PageUp => Some(place.saturating_sub(PAGE)),
        Key::PageDown => Some(place + PAGE),
        Key::Home | Key::Letter('g') => Some(0),
        Key::End | Key::Letter('G') => Some(usize::MAX / 2),
        _ => None,
    }
}

fn matches(alert: &Alert, wanted: &str) -> bool {
    let texts = [&alert.label, &alert.subject, &alert.severity, &alert.subject_kind];
    let has = |text: &String| text.to_lowercase().contains(wanted);
    texts.into_iter().any(has) || alert.peer_sample.iter().any(has) || alert.protocols.iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overview(ids: &[i64]) -> Overview {
        let mut overview = Overview::default();
        let alert = |&id: &i64| Alert { id, label: format!("label {}", id % 2), ..Alert::default() };
        overview.alerts.first = ids.iter().map(alert).collect();
        overview
    }

    fn view(ids: &[i64]) -> View {
        let mut view = View::new(String::new(), true);
        view.take(Duration::from_secs(1), Ok(overview(ids)));
        view
    }

    #[track_caller]
    fn press(view: &mut View, keys: &str) {
        for letter in keys.chars() {
            let key = match letter {
                '\n' => Key::Enter,
                '\u{1b}' => Key::Escape,
                letter => Key::Letter(letter),
            };
            assert!(view.press(key), "{letter:?} ended it");
        }
    }

    fn selected(view: &View) -> Option<i64> {
        view.alerts().get(view.selection()).map(|alert| alert.id)
    }

    #[test]
    fn the_selected_alert_is_followed_wherever_it_goes() {
        let mut view = view(&[1, 2]);
        view.take(Duration::from_secs(2), Ok(overview(&[3, 1, 2])));
        assert_eq!(selected(&view), Some(3), "nobody has chosen one yet");
        press(&mut view, "jj");
        view.take(Duration::from_secs(2), Ok(overview(&[4, 5, 2, 3])));
        assert_eq!(selected(&view), Some(2));
        view.take(Duration::from_secs(3), Ok(overview(&[4, 5, 3])));
        assert_eq!(selected(&view), Some(3), "what took its place");
        press(&mut view, "jjjjG");
        assert_eq!(selected(&view), Some(3));
        press(&mut view, "gk");
        assert_eq!(selected(&view), Some(4));
        view.take(Duration::from_secs(4), Ok(overview(&[])));
        assert_eq!(selected(&view), None);
        press(&mut view, "jk\n");
        assert_eq!(view.wanted(), None, "there is none to be shown");
    }

    #[test]
    fn an_alert_is_shown_until_it_is_left_even_when_it_has_ended() {
        let mut view = view(&[1, 2]);
        press(&mut view, "j\n");
        assert_eq!(view.wanted(), Some(2));
        view.take_evidence(1, Err("of another".to_owned()));
        assert!(view.evidence().is_none());
        let alert = Alert { id: 2, state: "closed".to_owned(), ..Alert::default() };
        let evidence = Evidence { alert, windows: Vec::new(), stored_flows: Vec::new(), stored_flows_problem: None };
        view.take_evidence(2, Ok(evidence));
        view.take_evidence(2, Err("gone for a moment".to_owned()));
        view.take(Duration::from_secs(2), Ok(overview(&[1])));
        assert_eq!(view.detailed().map(|alert| alert.state.as_str()), Some("closed"));
        press(&mut view, "\u{1b}");
        assert_eq!((view.wanted(), view.evidence()), (None, None));
    }

    #[test]
    fn a_filter_leaves_what_holds_its_text() {
        let mut view = view(&[1, 2, 3]);
        press(&mut view, "/LABEL 1q");
        assert_eq!(view.alerts().len(), 0);
        assert!(view.press(Key::Backspace));
        assert_eq!(view.alerts().iter().map(|alert| alert.id).collect::<Vec<_>>(), [1, 3]);
        press(&mut view, "\njj");
        assert_eq!(selected(&view), Some(3));
        press(&mut view, "\u{1b}");
        assert_eq!((view.alerts().len(), selected(&view)), (3, Some(3)));
        press(&mut view, "f");
        press(&mut view, &"x".repeat(1000));
        assert_eq!(view.filter.len(), FILTER_MAX);
    }

    #[test]
    fn paused_nothing_moves_and_afterwards_it_is_the_latest() {
        let mut view = view(&[1]);
        press(&mut view, "p");
        view.take(Duration::from_secs(2), Ok(overview(&[2])));
        view.take(Duration::from_secs(3), Ok(overview(&[3])));
        assert_eq!(selected(&view), Some(1));
        press(&mut view, "p");
        assert_eq!(selected(&view), Some(3));
    }

    #[test]
    fn figures_are_as_old_as_the_last_answer() {
        let mut view = view(&[1]);
        assert_eq!(view.stale(), None);
        view.take(Duration::from_secs(5), Err("refused".to_owned()));
        assert_eq!(view.stale(), Some(Duration::from_secs(4)));
        view.take(Duration::from_secs(6), Ok(overview(&[1])));
        assert_eq!((view.stale(), &view.trouble), (None, &None));
        assert!(!view.press(Key::Letter('q')));
    }
}
