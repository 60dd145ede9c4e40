//! `flowsentry demo`: all of it once, on this machine, in half a minute, leaving nothing behind.

use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::Value;

use super::context::Context;
use super::signals::Signals;
use crate::exit::{Exit, Failure};
use crate::postgres::Session;
use crate::sandbox::demo::{self, DemoError, Outcome, Paint, Ran, SPEED, Service};
use crate::sandbox::{ATTACKS, Options, Planned, PrivatePostgres};
use crate::telemetry::clock;

/// Start a private PostgreSQL and the service, replay traffic with attacks that this program brings along, and show what
/// comes out. Takes about twenty seconds and leaves nothing behind.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry demo
  flowsentry demo --serve   then look around: the live page, with traffic that goes on, metrics, psql
  flowsentry demo --json | jq .labels

The exit code is 70 if what came out is not what went in.")]
pub struct Args {
    /// Print one line of JSON instead: packets, flows, windows, labels, rejected, late, seconds and more
    #[arg(long)]
    json: bool,

    /// Stay up afterwards, with the same traffic again and again as it happened, until Ctrl-C
    #[arg(long)]
    serve: bool,
}

/// Shows all of it, and cleans up whatever happens.
#[allow(clippy::needless_pass_by_value)] // every command takes its arguments by value
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    if context.config_file.is_some() || !context.set.is_empty() {
        let failure = Failure::new(Exit::Usage, "the demo has settings of its own: leave --config and --set out");
        return Err(failure.hint("`flowsentry sandbox -- flowsentry run` takes yours"));
    }
    let runtime = super::runtime()?;
    runtime.block_on(async {
        // Before anything is started: a signal must not find us without a handler.
        let mut signals = Signals::listen().map_err(|error| Failure::new(Exit::Unavailable, error))?;
        let show = Show { args: &args, paint: Paint::for_stdout(&context.environment) };
        let mut shown = None;
        let interrupted = tokio::select! {
            outcome = show.run(&mut shown) => outcome.map(|()| None),
            code = signals.ended() => Ok(Some(code)),
        };
        match (interrupted?, shown) {
            (Some(code), None) => std::process::exit(code),
            (_, shown) => agree(shown.as_ref()),
        }
    })
}

/// A demo for the person at the terminal.
struct Show<'a> {
    args: &'a Args,
    paint: Paint,
}

impl Show<'_> {
    /// Gives the outcome once it is shown. Dropped at any point, it takes everything with it: the service first, then the
    /// server and its directory.
    async fn run(&self, shown: &mut Option<Outcome>) -> Result<(), Failure> {
        let begun = clock::now();
        self.say(&format!("{}\n", self.paint.bold(&introduction())))?;
        let server = self.step("starting a private PostgreSQL", async || {
            let server = PrivatePostgres::start(Options::default()).map_err(super::sandbox::failure)?;
            let text = format!("private PostgreSQL on port {}", server.port());
            Ok((server, text))
        });
        let server = server.await?;
        let mut session = demo::database(&server)?.session("demo").await?;
        let tables = self.step("making the tables", async || {
            let steps = demo::make_tables(&mut session.client).await?;
            Ok(((), format!("tables made, in {steps} steps")))
        });
        tables.await?;
        let started = self.step("starting the service", async || {
            let mut service = Service::start(server.directory(), &server.url("postgres"), demo::MODEL)?;
            let address = service.until_ready().await?;
            let text = format!("service started as in production, http://{address}");
            Ok(((service, address), text))
        });
        let (mut service, address) = started.await?;
        let (planned, ran) = self.replay(&session).await?;
        let drained = self.step("waiting for the last window", async || {
            demo::until_all_is_out(&session.client, &mut service).await?;
            Ok(((), "every packet has come out".to_owned()))
        });
        drained.await?;
        let mut outcome = Outcome::read(&session.client, &address, &planned, ran).await?;
        outcome.took = begun.elapsed();
        self.show(&outcome, &address, service.token(), &server)?;
        *shown = Some(outcome);
        if self.args.serve {
            return Err(tokio::select! {
                ended = service.ended() => ended,
                error = go_on(&session) => error,
            }
            .into());
        }
        Ok(service.stop()?)
    }

    async fn replay(&self, session: &Session) -> Result<(Planned, Ran), Failure> {
        let (traffic, start) = demo::traffic()?;
        let bar =
            ProgressBar::new(traffic.planned.rows).with_style(style("  {bar:40} {percent:>3} %  {human_pos} packets")?);
        let ran = demo::replay(&session.client, &traffic, start, |rows| bar.inc(rows)).await?;
        bar.finish_and_clear();
        let rows = HumanCount(traffic.planned.rows);
        self.done(&format!("{rows} packets inserted, {SPEED} times faster than they happened"), ran.took)?;
        Ok((traffic.planned, ran))
    }

    fn show(&self, outcome: &Outcome, address: &str, token: &str, server: &PrivatePostgres) -> Result<(), Failure> {
        let url = server.url("postgres");
        if self.args.json {
            let page = |path: &str| format!("http://{address}/{path}");
            let more =
                [("page", page("")), ("token", token.to_owned()), ("metrics", page("metrics")), ("database", url)];
            let more = more.map(|(name, value)| (name, Value::from(value)));
            let more = if self.args.serve { &more[..] } else { &[] };
            return super::print(&format!("{}\n", demo::as_json(outcome, more)));
        }
        self.say(&demo::as_text(outcome, self.paint))?;
        if self.args.serve {
            self.say(&format!(
                "\n{}\n  page      http://{address}/ (the traffic goes on, as it happened)\n  \
                 terminal  flowsentry top --url http://{address}\n  \
                 token     {token} (to acknowledge and silence alerts)\n  \
                 metrics   curl http://{address}/metrics\n  health    curl http://{address}/readyz\n  database  psql {url}\n",
                self.paint.bold("Up until Ctrl-C")
            ))?;
        }
        Ok(())
    }

    /// Does something that may take a moment, and says so before and after.
    async fn step<T>(
        &self,
        doing: &str,
        work: impl AsyncFnOnce() -> Result<(T, String), Failure>,
    ) -> Result<T, Failure> {
        let bar = ProgressBar::new_spinner().with_style(style("  {spinner} {msg}")?).with_message(doing.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        let begun = clock::now();
        let (value, text) = work().await?;
        bar.finish_and_clear();
        self.done(&text, begun.elapsed())?;
        Ok(value)
    }

    fn done(&self, text: &str, took: Duration) -> Result<(), Failure> {
        self.say(&format!("  {text:<66}{}\n", self.paint.dim(&format!("{:.1} s", took.as_secs_f64()))))
    }

    /// For people; with `--json` nobody listens.
    fn say(&self, text: &str) -> Result<(), Failure> {
        if self.args.json { Ok(()) } else { super::print(text) }
    }
}

/// The same traffic again and again, for whoever looks around.
async fn go_on(session: &Session) -> DemoError {
    loop {
        if let Err(error) = demo::live(&session.client).await {
            return error;
        }
    }
}

/// Of a bar on standard error, which shows only where that is a terminal, and is cleared when it is dropped.
fn style(template: &str) -> Result<ProgressStyle, Failure> {
    ProgressStyle::with_template(template).map_err(|error| Failure::new(Exit::Bug, error))
}

fn introduction() -> String {
    format!("Ordinary traffic of three networks and {} attacks, through flowsentry", ATTACKS.len())
}

fn agree(outcome: Option<&Outcome>) -> Result<(), Failure> {
    match &outcome.map(Outcome::contradictions).unwrap_or_default()[..] {
        [] => Ok(()),
        found => Err(Failure::new(Exit::Bug, format!("what came out is not what went in:\n  {}", found.join("\n  ")))),
    }
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        match error {
            DemoError::Postgres(error) => error.into(),
            DemoError::Address(error) => error.into(),
            DemoError::Sniffer(_) | DemoError::System { .. } => Self::new(Exit::Unavailable, error),
            DemoError::Traffic(_)
            | DemoError::ServiceEnded { .. }
            | DemoError::NoAnswer { .. }
            | DemoError::Timeout { .. } => Self::new(Exit::Bug, error),
        }
    }
}
