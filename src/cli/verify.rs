//! `flowsentry verify`: whether the tables hold what was promised, asked of the database while the service runs.

use std::fmt::Write;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::context::Context;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::flow::invariants::Violation;
use crate::flow::time::EventTime;
use crate::postgres::PostgresError;
use crate::postgres::lease;
use crate::postgres::migrations::schema_state;
use crate::postgres::source::Source;
use crate::postgres::stored_flows::StoredFlows;
use crate::postgres::verify::{Progress, Report, Request, Subject, verify};
use crate::telemetry::clock;

/// Check that the tables hold what was promised: every packet consumed is rejected, stored, in an open window or known to
/// be gone; no packet was never read; no flow is stored twice; and flows are what their packets give. Reads only, while the
/// service runs; all packets are read once, at the speed of COPY.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry verify
  flowsentry verify --json | jq .violations
  flowsentry verify --since 2d                        flows of the last two days only
  flowsentry verify --since 2026-01-31T08:00:00Z --until 2026-01-31T09:00:00Z
  flowsentry verify --counts                          in seconds: no packet is read

Its user needs SELECT on the table of flows. Exit code 1: a promise does not hold.")]
pub struct Args {
    /// Compare flows of windows from here on: a time, Unix seconds, or a span such as 2d before now [default: as far back
    /// as all their packets are there]
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,

    /// Compare flows of windows up to here [default: all that are closed]
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,

    /// Only count: compare no flows with their packets
    #[arg(long)]
    counts: bool,

    /// Old flows are deleted here on purpose: fewer than were stored are no fault
    #[arg(long)]
    flows_deleted: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A moment on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Moment(EventTime);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let since_epoch = text
            .parse()
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .or_else(|| Some(clock::since_epoch().saturating_sub(humantime::parse_duration(text).ok()?)))
            .or_else(|| humantime::parse_rfc3339_weak(text).ok()?.duration_since(UNIX_EPOCH).ok());
        since_epoch
            .and_then(|span| EventTime::from_micros(i64::try_from(span.as_micros()).ok()?))
            .map(Self)
            .ok_or_else(|| "write 2026-01-31T08:00:00Z, Unix seconds, or a span before now such as 90m".to_owned())
    }
}

/// Verifies, prints what was found, and fails if a promise does not hold.
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let runtime = super::runtime()?;
    let config = context.config()?;
    let json = args.json;
    let report = runtime.block_on(run(args, &config, context))?;
    super::print(&if json { as_json(&report) } else { as_lines(&report) })?;
    match report.violations.len() as u64 + report.unnamed {
        0 => Ok(()),
        1 => Err(broken("a promise does not hold".to_owned())),
        count => Err(broken(format!("in {count} cases a promise does not hold"))),
    }
}

fn broken(error: String) -> Failure {
    Failure::new(Exit::Broken, error).hint("what each means and what to do: README.md, Audit")
}

async fn run(args: Args, config: &Config, context: &Context) -> Result<Report, Failure> {
    let mut session = super::database(config, context)?.patient().session("verify").await?;
    let client = &session.client;
    schema_state(client).await?.require().map_err(PostgresError::from)?;
    let name = &config.source.name;
    let Some(source_id) = lease::find(client, name).await? else { return Err(nothing(name)) };
    let source = Source::inspect(client, &config.source.table, &config.source.columns).await?;
    let flows = StoredFlows::inspect(client, &config.sink.table, source_id).await?;
    let request = Request {
        since: args.since.map(|Moment(time)| time),
        until: args.until.map(|Moment(time)| time),
        flows: !args.counts,
        flows_deleted: args.flows_deleted,
        window_length: config.window.length,
        future_bound: config.window.future_bound,
    };
    let bar = bar()?;
    let subject = Subject { source: &source, flows: &flows, source_id, request };
    let report = verify(&mut session, &subject, &mut |progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    report?.ok_or_else(|| nothing(name))
}

fn nothing(name: &str) -> Failure {
    Failure::new(Exit::Configuration, format!("of source {name:?} nothing has been read yet"))
        .hint("run `flowsentry run` first; the source is [source] name of the settings")
}

/// On standard error, and only if that is a terminal.
fn bar() -> Result<ProgressBar, Failure> {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg:32} {bar:40} {percent:>3} %  {elapsed}");
    bar.set_style(style.map_err(|error| Failure::new(Exit::Bug, error))?);
    Ok(bar)
}

fn show(bar: &ProgressBar, Progress { doing, done, all }: Progress) {
    if bar.message() != doing {
        bar.reset();
        bar.set_message(doing);
    }
    bar.set_length(all);
    bar.set_position(done);
}

fn as_lines(report: &Report) -> String {
    let Report { books, rows, deleted, never_read, totals, compared, violations, unnamed, notes } = report;
    let sums = books.sums;
    let mut text = format!(
        "checkpoint {}, generation {}, packet ids up to {}\n\n",
        books.number,
        books.generation,
        books.position.high()
    );
    let figures = [
        (sums.rows, "packets consumed"),
        (sums.rejected, "of these rejected"),
        (sums.stored, "stored in flows"),
        (sums.open, "in windows that are still open"),
        (sums.gone, "gone before they were stored"),
        (totals.packets, "packets by the stored flows"),
        (totals.rows, "rows of stored flows"),
        (*rows, "packets in the table"),
        (*deleted, "deleted from it since they were consumed"),
        (*never_read, "never read"),
    ];
    for (count, what) in figures {
        let _ = writeln!(text, "{:>16}  {what}", HumanCount(count).to_string()); // writing to a String cannot fail
    }
    if let Some(compared) = compared {
        let _ = writeln!(
            text,
            "{:>16}  of these compared with their flows: {} windows, {} to {}",
            HumanCount(compared.packets).to_string(),
            HumanCount(compared.windows as u64),
            moment(compared.since),
            moment(compared.until)
        );
    }
    text.push('\n');
    for note in notes {
        let _ = writeln!(text, "note: {note}");
    }
    for violation in violations {
        let _ = writeln!(text, "WRONG: {violation}");
    }
    if *unnamed > 0 {
        let _ = writeln!(text, "WRONG: … and {unnamed} more");
    }
    if violations.is_empty() {
        text += "All is well.\n";
    }
    text
}

fn moment(time: EventTime) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_micros(time.micros().unsigned_abs())).to_string()
}

fn as_json(report: &Report) -> String {
    let Report { books, rows, deleted, never_read, totals, compared, violations, unnamed, notes } = report;
    let sums = books.sums;
    let compared = compared.map(|compared| {
        json!({
            "since": moment(compared.since), "until": moment(compared.until),
            "windows": compared.windows, "packets": compared.packets,
        })
    });
    let value = json!({
        "holds": violations.is_empty(),
        "checkpoint": books.number,
        "generation": books.generation,
        "position_high": books.position.high(),
        "audit_from": books.audit_from,
        "counted_since": books.counted_since,
        "packets": {
            "consumed": sums.rows, "rejected": sums.rejected, "stored": sums.stored, "open": sums.open, "gone": sums.gone,
            "in_flows": totals.packets, "in_table": rows, "deleted": deleted, "never_read": never_read,
        },
        "flows": totals.rows,
        "compared": compared,
        "violations": violations.iter().map(violation_as_json).collect::<Vec<_>>(),
        "violations_unnamed": unnamed,
        "notes": notes,
    });
    format!("{value}\n")
}

fn violation_as_json(violation: &Violation) -> Value {
    let mut value = json!({ "kind": violation.kind(), "message": violation.to_string() });
    if let Violation::NeverRead { ids, packets } = violation {
        value["first_id"] = ids.first.into();
        value["last_id"] = ids.last.into();
        value["packets"] = (*packets).into();
    }
    if let Some((window, key)) = violation.flow() {
        value["window_start"] = moment(window.start).into();
        value["src_ip"] = key.source.to_string().into();
        value["dest_ip"] = key.destination.to_string().into();
        value["protocol"] = key.protocol.name().into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_span_before_now() {
        let check = |text: &str, seconds: Option<i64>| {
            let found = text.parse::<Moment>().ok().map(|Moment(time)| time.micros() / 1_000_000);
            assert_eq!(found, seconds, "{text}");
        };
        check("1970-01-02T00:00:00Z", Some(86_400));
        check("1970-01-02 00:00:01", Some(86_401));
        check("1700000000", Some(1_700_000_000));
        check("yesterday", None);
        check("-5", None);
        let now = i64::try_from(clock::since_epoch().as_secs()).unwrap();
        let Moment(hour_ago) = "1h".parse().unwrap();
        assert!((hour_ago.micros() / 1_000_000 - (now - 3600)).abs() <= 1);
    }
}
