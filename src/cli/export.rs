//! `flowsentry export`: flows and alerts of a span of time as files for other programs.

pub(super) mod moment;
mod target;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use ipnet::IpNet;
use tokio::signal::unix::{SignalKind, signal};

use self::moment::Moment;
use self::target::Target;
use super::context::Context;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::export::{ECS_VERSION, ExportError, Format, Table, What, Writer, rfc3339};
use crate::flow::time::EventTime;
use crate::postgres::PostgresError;
use crate::postgres::export::{Export, Request};
use crate::telemetry::clock;

/// Without --since, so far back.
const SPAN: Duration = Duration::from_hours(24);

/// Write flows or alerts of a span of time as CSV, Parquet or JSON Lines, with the field names of the Elastic Common Schema,
/// or alerts in Suricata's EVE form. All rows are of one moment; they are read while the service runs, and written one by
/// one, however many there are.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry export flows --output yesterday.parquet
  flowsentry export flows --since 2026-01-31T08:00:00Z --until 2026-01-31T09:00:00Z --format jsonl | jq .source.ip
  flowsentry export flows --since 7d --label 'Port Scanning' --host 10.0.0.0/24 --output scans.csv
  flowsentry export alerts --since 7d --output eve.json       for what reads Suricata's alerts
  flowsentry export alerts --fields                           every field, and what it means

Its user needs SELECT on the table of flows, and on flowsentry.alerts. Flows come in the order of the table, alerts in
that of their ids. In CSV a text that a spreadsheet would take for a formula has an apostrophe in front.
An EVE event is an alert: flow_id is its id, withdrawn alerts are left out; of an attacker src_ip is the subject
and dest_ip the first peer, of a victim the other way round, of an identity src_ip is the claimed address.")]
pub struct Args {
    /// What to export
    #[arg(value_name = "flows|alerts")]
    what: What,

    /// From here on: a time, Unix seconds, or a span such as 2d before now. Flows of windows that begin then; alerts that
    /// were seen then [default: 24h before --until]
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,

    /// Up to, not including, here [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,

    /// How to write it [default: by the name of the file, else csv]
    #[arg(long, value_name = "csv|parquet|jsonl|eve")]
    format: Option<Format>,

    /// Only with this label; may be repeated
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,

    /// Only of this host or network: as source or destination of a flow, as subject or listed peer of an alert
    #[arg(long, value_name = "ADDRESS|CIDR")]
    host: Option<Host>,

    /// The file to write, or - for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    /// Replace the file if it is there already
    #[arg(long)]
    force: bool,

    /// Only list the fields: name, kind, meaning
    #[arg(long)]
    fields: bool,
}

/// An address or a network.
#[derive(Clone, Copy, Debug)]
struct Host(IpNet);

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let net = text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
        net.map(Self).map_err(|_| "write an address such as 10.0.0.7 or 2001:db8::7, or a network such as 10.0.0.0/24")
    }
}

impl FromStr for What {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::Flows, Self::Alerts].into_iter().find(|what| what.plural() == text);
        known.ok_or("write flows or alerts")
    }
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            "jsonl" => Ok(Self::JsonLines),
            "eve" => Ok(Self::Eve),
            _ => Err("write csv, parquet, jsonl or eve"),
        }
    }
}

/// Why an export ended early.
enum Stopped {
    Database(PostgresError),
    Writing(ExportError),
    Target(Failure),
}

impl From<PostgresError> for Stopped {
    fn from(error: PostgresError) -> Self {
        Self::Database(error)
    }
}

/// Writes what was asked for.
#[allow(clippy::needless_pass_by_value)] // every command takes its arguments by value
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    if args.fields {
        return super::print(&fields(args.what));
    }
    let format = format(&args)?;
    let request = request(&args, format)?;
    let config = context.config()?;
    let runtime = super::runtime()?;
    let target = Target::open(&args.output, args.force)?;
    let path = args.output.clone();
    let is_file = !target.is_standard_output();
    let table = Table::of(args.what);
    runtime.block_on(async {
        let export = run(table, format, request, target, (&config, context));
        // A file must not be left half; what is piped on ends as all that is piped.
        if is_file {
            tokio::select! {
                biased;
                failure = interrupted(&path) => Err(failure),
                done = export => done,
            }
        } else {
            export.await
        }
    })
}

async fn interrupted(path: &Path) -> Failure {
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate)] = signals else { return std::future::pending().await };
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    Failure::new(Exit::Output, format!("interrupted; {} was not written", path.display()))
}

/// How to write it; refuses what cannot be.
fn format(args: &Args) -> Result<Format, Failure> {
    let is_standard = args.output == Path::new("-");
    let by_name = || if is_standard { Some(Format::Csv) } else { Format::of_file(&args.output, args.what) };
    let shown = args.output.display();
    let format = args.format.or_else(by_name).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("the name {shown} does not tell a format"))
            .hint("add --format csv, parquet, jsonl or eve; or name it .csv, .parquet or .jsonl")
    })?;
    if format == Format::Eve && args.what == What::Flows {
        let failure = Failure::new(Exit::Usage, ExportError::NoEveOfFlows);
        return Err(failure.hint("`export alerts --format eve`; for flows choose csv, parquet or jsonl"));
    }
    if format == Format::Parquet && is_standard && io::stdout().is_terminal() {
        let failure = Failure::new(Exit::Usage, "Parquet is no text, and standard output is a terminal");
        return Err(failure.hint("name a file: --output flows.parquet"));
    }
    Ok(format)
}

fn request(args: &Args, format: Format) -> Result<Request, Failure> {
    let until = args.until.map_or_else(now, |Moment(time)| time);
    let since = args.since.map_or_else(|| until.saturating_sub(SPAN), |Moment(time)| time);
    if since >= until {
        let (since, until) = (rfc3339(since), rfc3339(until));
        let failure = Failure::new(Exit::Usage, format!("--since {since} is not before --until {until}"));
        return Err(failure.hint("name a span that ends after it begins, such as --since 24h"));
    }
    let host = args.host.map(|Host(net)| net.trunc());
    let labels = args.label.clone();
    Ok(Request { since, until, labels, host, without_withdrawn: format == Format::Eve })
}

fn now() -> EventTime {
    let micros = i64::try_from(clock::since_epoch().as_micros()).ok();
    micros.and_then(EventTime::from_micros).unwrap_or_default()
}

async fn run(
    table: Table,
    format: Format,
    request: Request,
    target: Target,
    (config, context): (&Config, &Context),
) -> Result<(), Failure> {
    let what = table.what;
    let (since, until) = (rfc3339(request.since), rfc3339(request.until));
    let path = target.shown();
    let mut session = super::database(config, context)?.patient().session("export").await?;
    let export = Export::begin(&mut session, &table, &config.sink.table, request).await?;
    let bar = Bar::new(what);
    if bar.is_shown() {
        bar.expect(export.estimate().await?);
    }
    let mut rows = 0u64;
    let written = async {
        let mut writer = Writer::begin(table, format, target).map_err(Stopped::Writing)?;
        export
            .rows(|values| {
                rows += 1;
                bar.at(rows);
                writer.write(values).map_err(Stopped::Writing)
            })
            .await?;
        let mut target = writer.finish().map_err(Stopped::Writing)?;
        target.flush().map_err(|error| Stopped::Writing(error.into()))?;
        Ok(target)
    };
    let written = written.await;
    bar.finish();
    let is_standard = path == Path::new("-");
    let finished = written.and_then(|target| target.finish().map_err(Stopped::Target));
    match finished {
        Ok(()) => {}
        // Whoever reads has seen enough.
        Err(Stopped::Writing(ExportError::Write(error)))
            if is_standard && error.kind() == io::ErrorKind::BrokenPipe =>
        {
            return Ok(());
        }
        Err(Stopped::Writing(ExportError::Write(error))) => return Err(target::failure(&path, &error)),
        Err(Stopped::Writing(error)) => return Err(Failure::new(Exit::Bug, error)),
        Err(Stopped::Database(error)) => return Err(error.into()),
        Err(Stopped::Target(failure)) => return Err(failure),
    }
    let shown = path.display();
    match rows {
        0 => say(&format!("no {} from {since} to {until}: no row was written", what.plural())),
        _ if is_standard => {}
        rows => say(&format!("{} {} from {since} to {until} are in {shown}", HumanCount(rows), what.plural())),
    }
    Ok(())
}

/// To standard error, where it is in nobody's way.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}"); // nobody reads it
}

/// How far it is. Drawn on a terminal only.
struct Bar(ProgressBar);

impl Bar {
    fn new(what: What) -> Self {
        let bar = ProgressBar::no_length();
        bar.set_style(style(&format!("{{spinner}} {{human_pos}} {}  {{elapsed}}", what.plural())));
        bar.set_message(what.plural());
        Self(bar)
    }

    fn is_shown(&self) -> bool {
        !self.0.is_hidden()
    }

    /// Of about so many.
    fn expect(&self, rows: Option<u64>) {
        if let Some(rows) = rows {
            self.0.set_length(rows);
            self.0.set_style(style("{bar:40} {human_pos} of about {human_len} {msg}  {elapsed}"));
        }
    }

    fn at(&self, rows: u64) {
        if rows.is_multiple_of(256) {
            if self.0.length().is_some_and(|length| length < rows) {
                self.0.set_length(rows);
            }
            self.0.set_position(rows);
        }
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn fields(what: What) -> String {
    use std::fmt::Write;
    let table = Table::of(what);
    let mut text = format!("{} by the Elastic Common Schema {ECS_VERSION}\n\n", what.plural());
    for field in &table.fields {
        let _ = writeln!(text, "{:38} {:9} {}", field.name, field.kind.name(), field.doc); // a String takes all
    }
    text
}
