//! The view that moves: answers, keys and signals come in, and after each the screen is drawn.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::keys::{self, Typed};
use super::screen::Screen;
use crate::cli::ask::Asker;
use crate::cli::signals::Signals;
use crate::exit::{Exit, Failure};
use crate::telemetry::clock;
use crate::terminal::{Evidence, Overview, Paint, View};

/// How often it asks.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// Every so many overviews the evidence of the alert that is looked at is asked for again.
const EVIDENCE_EVERY: u32 = 5;

enum News {
    Overview(Result<Overview, String>),
    Evidence(i64, Result<Evidence, String>),
}

/// Watches until the person quits, or until a signal ends it: then its exit code.
pub(super) async fn watch(asker: Asker, paint: Paint) -> Result<Option<i32>, Failure> {
    let mut view = View::new(asker.address(), true);
    view_until_ended(asker, paint, &mut view).await.map_err(|error| {
        Failure::new(Exit::Output, error).hint("the terminal cannot be used; `flowsentry top --once` needs none")
    })
}

async fn view_until_ended(asker: Asker, paint: Paint, view: &mut View) -> io::Result<Option<i32>> {
    // Before the terminal is taken: a signal must not find us without a handler.
    let mut signals = Signals::listen()?;
    let mut continued = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?;
    let (want, wanted) = watch::channel(None);
    let (tell, mut news) = mpsc::channel(1);
    tokio::spawn(ask(asker, wanted, tell));
    let mut screen = Screen::take(paint)?;
    let mut keys = keys::read()?;
    loop {
        screen.show(view)?;
        tokio::select! {
            Some(news) = news.recv() => match news {
                News::Overview(answer) => view.take(clock::uptime(), answer),
                News::Evidence(id, evidence) => view.take_evidence(id, evidence),
            },
            Some(typed) = keys.recv() => {
                let mut next = Some(typed);
                // What is typed or pasted at once is drawn once.
                while let Some(typed) = next {
                    if !act(view, &mut screen, &typed?)? {
                        return Ok(None);
                    }
                    next = keys.try_recv().ok();
                }
            }
            code = signals.ended() => return Ok(Some(code)),
            Some(()) = continued.recv() => screen.resume()?,
        }
        want.send_if_modified(|wanted| std::mem::replace(wanted, view.wanted()) != view.wanted());
    }
}

/// What is typed is done; false if it is the end.
fn act(view: &mut View, screen: &mut Screen, typed: &Typed) -> io::Result<bool> {
    match typed {
        Typed::Key(key) => return Ok(view.press(*key)),
        Typed::Quit => return Ok(false),
        Typed::Suspend => screen.suspend()?,
        Typed::Resized => screen.forget(),
    }
    Ok(true)
}

/// Asks every second, and at once for an alert that somebody has begun to look at.
async fn ask(asker: Asker, mut wanted: watch::Receiver<Option<i64>>, tell: mpsc::Sender<News>) {
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in 0_u32.. {
        let (is_tick, is_new) = tokio::select! {
            _ = ticks.tick() => (true, false),
            changed = wanted.changed() => (false, changed.is_ok()),
        };
        if is_tick {
            let answer = asker.overview().await.map_err(|error| error.brief());
            if tell.send(News::Overview(answer)).await.is_err() {
                return;
            }
        }
        let id = *wanted.borrow_and_update();
        if let Some(id) = id.filter(|_| is_new || turn.is_multiple_of(EVIDENCE_EVERY)) {
            let evidence = asker.evidence(id).await.map_err(|error| error.brief());
            if tell.send(News::Evidence(id, evidence)).await.is_err() {
                return;
            }
        }
    }
}
