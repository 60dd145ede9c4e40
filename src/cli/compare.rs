//! `flowsentry compare`: flowsentry's flows beside those of the service that they are to replace, while both run.

mod shown;

use std::time::Duration;

use super::context::Context;
use super::export::moment::Moment;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::flow::time::EventTime;
use crate::postgres::compare::{CompareError, OldTable, Report, Span, Subject, compare};
use crate::postgres::identifier::qualify;
use crate::postgres::lease;
use crate::postgres::migrations::schema_state;
use crate::postgres::source::Source;
use crate::postgres::{Database, PostgresError};
use crate::telemetry::clock;

/// Without --since, so far back.
const SPAN: Duration = Duration::from_hours(1);

/// Set flowsentry's flows beside those of the service that they are to replace: packets in the table, in flowsentry's flows and
/// in the other service's rows, by time, label and destination. Reads only, in one snapshot, while both run; the table of
/// packets is read once.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry compare                                  the last hour
  flowsentry compare --since 24h --json | jq .left_over
  flowsentry compare --old-table archive.traffic_data --old-lag 10m

Its user needs SELECT on both tables of flows. A row of the other service says when it was stored, not when its packets
came. If it stores every row within --old-lag of the row's packets, it must have stored all packets that came at least
that long before the end of the span, and can have stored none that came longer than that before its beginning. Only what
lies outside of these bounds is told as lost or counted twice.")]
pub struct Args {
    /// From here on: a time, Unix seconds, or a span such as 2d before now; whole windows from there [default: 1h before
    /// --until]
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,

    /// Up to, not including, here; whole windows up to there [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,

    /// Where the other service stores its flows; of a table that is flowsentry's too, rows of no source
    #[arg(long, value_name = "TABLE", default_value = "traffic_data")]
    old_table: String,

    /// How long after a packet the other service may store its row: its period, and how long packets are on their way
    #[arg(long, value_name = "SPAN", default_value = "2m", value_parser = humantime::parse_duration)]
    old_lag: Duration,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was compared, for people.
struct Compared {
    packets: String,
    flows: String,
    old: OldTable,
    span: Span,
    report: Report,
}

/// Compares, and prints what was found.
#[allow(clippy::needless_pass_by_value)] // every command takes its arguments by value
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let span = span(&args, &config)?;
    let database = super::database(&config, context)?.patient();
    let runtime = super::runtime()?;
    let compared = runtime.block_on(run(&args.old_table, span, &config, &database))?;
    super::print(&if args.json { shown::as_json(&compared) } else { shown::as_lines(&compared) })
}

fn span(args: &Args, config: &Config) -> Result<Span, Failure> {
    let now = i64::try_from(clock::since_epoch().as_micros()).ok().and_then(EventTime::from_micros);
    let until = args.until.map_or(now.unwrap_or_default(), |Moment(time)| time);
    let since = args.since.map_or(until.saturating_sub(SPAN), |Moment(time)| time);
    Span::new(since, until, config.window.length, args.old_lag).ok_or_else(|| {
        Failure::new(Exit::Usage, "there is no whole window between --since and --until")
            .hint("name an earlier --since; a window is as long as window.length")
    })
}

async fn run(old: &str, span: Span, config: &Config, database: &Database) -> Result<Compared, Failure> {
    let mut session = database.session("compare").await?;
    let client = &session.client;
    schema_state(client).await?.require().map_err(PostgresError::from)?;
    let name = &config.source.name;
    let source_id = lease::find(client, name).await?.ok_or_else(|| nothing(name))?;
    let source = Source::inspect(client, &config.source.table, &config.source.columns).await?;
    let flows = qualify(client, &config.sink.table).await?.to_string();
    let old = OldTable::inspect(client, old).await?;
    let subject = Subject { source: &source, source_id, flows: &flows, old: &old };
    let report = compare(&mut session, &subject, span).await?;
    Ok(Compared { packets: source.table.clone(), flows, old, span, report })
}

fn nothing(name: &str) -> Failure {
    Failure::new(Exit::Configuration, format!("of source {name:?} nothing has been read yet"))
        .hint("run `flowsentry run` first; the source is [source] name of the settings")
}

impl From<CompareError> for Failure {
    fn from(error: CompareError) -> Self {
        match error {
            CompareError::Postgres(error) => error.into(),
            error => Self::new(Exit::Configuration, error).hint("name the other service's table: --old-table"),
        }
    }
}
