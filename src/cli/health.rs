//! `flowsentry health`: whether the service of these settings is healthy, for whoever restarts it: a container engine, an
//! orchestrator, a script. An image then needs neither a shell nor a program that asks over HTTP.
//!
//! Promise: it ends within `LIMIT`, with 0 only if the service itself said so in that time.

use std::time::Duration;

use hyper::Uri;
use serde_json::Value;

use super::ask::{AskError, Asker};
use super::context::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::safe;

/// How long an answer may take: health is answered from memory, so what takes longer is frozen or starved.
const LIMIT: Duration = Duration::from_secs(3);
/// Columns of what the service says, so that it stays one line.
const SAID_MAX: usize = 500;

/// Ask the service of these settings whether it is healthy: whether its process gets on with its work, which an outage of
/// the database does not change, since no restart would end it. With --ready: whether it owns its source or stands by.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry health                                  HEALTHCHECK of a container, liveness probe
  flowsentry health --ready                          readiness probe; a script that waits for it
  flowsentry health --url http://192.0.2.7:9477      another one

The address is http.listen of the settings, so give it the file and variables that the service has. No token is needed.
Exit codes: 0 it is, 69 it is not, or it does not answer within 3 s, 78 the settings are wrong.")]
pub struct Args {
    /// Ask whether it is ready: owner of its source, or standing by
    #[arg(long)]
    ready: bool,

    /// Where the service is [default: http.listen of the settings]
    #[arg(long, value_name = "URL", value_parser = super::ask::url)]
    url: Option<Uri>,
}

/// Asks once, and says in a line what was answered.
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let asker = Asker::of(&config.http, args.url, LIMIT)?;
    let runtime = super::runtime()?;
    let question = if args.ready { Question::Ready } else { Question::Healthy };
    let answer = runtime.block_on(asker.open(question.path()));
    // A name that is still being resolved must not hold the end up.
    runtime.shutdown_background();
    let said = question.judge(answer).map_err(|why| {
        let state = question.opposite();
        Failure::new(Exit::Unavailable, format!("the service at {} {state}: {why}", asker.address()))
    })?;
    super::print(&format!("{said}\n"))
}

#[derive(Clone, Copy, Debug)]
enum Question {
    Healthy,
    Ready,
}

impl Question {
    fn path(self) -> &'static str {
        match self {
            Self::Healthy => "/healthz",
            Self::Ready => "/readyz",
        }
    }

    fn opposite(self) -> &'static str {
        match self {
            Self::Healthy => "is not healthy",
            Self::Ready => "is not ready",
        }
    }

    /// What the service says of itself if all is well, otherwise why it is not. A redirect or a page is no health of ours.
    fn judge(self, answer: Result<(u16, impl AsRef<[u8]>), AskError>) -> Result<String, String> {
        let (status, body) = answer.map_err(|error| error.brief())?;
        let said = self.said(&String::from_utf8_lossy(body.as_ref()));
        if status == 200 { Ok(said) } else { Err(format!("it answered {status}: {said}")) }
    }

    fn said(self, body: &str) -> String {
        let readiness: Option<Value> = match self {
            Self::Healthy => None,
            Self::Ready => serde_json::from_str(body).ok(),
        };
        let said = readiness.and_then(|readiness| in_words(&readiness)).unwrap_or_else(|| body.trim().to_owned());
        safe(&said, SAID_MAX)
    }
}

/// The reasons why it is not ready, or what it is to its source.
fn in_words(readiness: &Value) -> Option<String> {
    let reasons: Vec<&str> = readiness["reasons"].as_array()?.iter().filter_map(Value::as_str).collect();
    if reasons.is_empty() { Some(format!("ready: {}", readiness["role"].as_str()?)) } else { Some(reasons.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_service_says_itself_is_health() {
        use Question::{Healthy, Ready};
        let check = |question: Question, status: u16, body: &str, expected: Result<&str, &str>| {
            let judged = question.judge(Ok((status, body)));
            assert_eq!(judged.as_deref().map_err(String::as_str), expected, "{question:?} {status} {body:?}");
        };
        check(Healthy, 200, "alive\n", Ok("alive"));
        check(Healthy, 503, "stuck: store\n", Err("it answered 503: stuck: store"));
        check(Healthy, 303, "", Err("it answered 303: "));
        check(Healthy, 500, "a\u{1b}[2Jb", Err("it answered 500: a␛[2Jb"));
        check(Ready, 200, r#"{"ready":true,"reasons":[],"role":"standby"}"#, Ok("ready: standby"));
        check(Ready, 503, r#"{"reasons":["one","two"],"role":"starting"}"#, Err("it answered 503: one; two"));
        check(Ready, 503, "no JSON", Err("it answered 503: no JSON"));
    }

    #[test]
    fn long_words_are_cut() {
        let judged = Question::Healthy.judge(Ok((503, "x".repeat(10_000)))).unwrap_err();
        assert!(judged.chars().count() < 600, "{}", judged.len());
    }
}
