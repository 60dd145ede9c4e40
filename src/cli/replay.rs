//! `flowsentry replay`: captures go into `raw_packets` as if a sniffer had seen them.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::json;

use super::context::Context;
use crate::capture::CaptureError;
use crate::config::Config;
use crate::exit::{Exit, Failure, chain};
use crate::sandbox::{FileReport, Recording, Replay, Sniffer, SnifferError, Speed, Timeline};
use crate::telemetry::clock;

/// Insert the packets of captures into the table that a sniffer fills. Reads pcap and pcapng, zstd-compressed or not;
/// Ethernet, VLAN, Linux cooked, raw IP and loopback; IPv4, IPv6 and ARP.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry replay monday.pcap                    all of it at once, with the times that it has
  flowsentry replay --start now --speed 1 a.pcapng as if it happened now
  xz -dc old.pcap.xz | flowsentry replay -         from standard input

All that stands before a damage is inserted; the exit code is 65 then.")]
pub struct Args {
    /// Captures, one after the other; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// `max`, or how many times faster than it was recorded, such as 1 or 10
    #[arg(long, default_value = "max", value_name = "SPEED")]
    speed: Speed,

    /// Move the packets in time, the first one to `now` or to these seconds since 1970; each further file then follows
    /// where the one before ended. Distances stay: above speed 1 the times run ahead of the clock
    #[arg(long, value_name = "TIME")]
    start: Option<Start>,

    /// Packets in a transaction at most
    #[arg(long, default_value_t = 10_000, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rows_per_commit: u32,

    /// Name of the interface that the rows are given
    #[arg(long, default_value = "eth0", value_name = "NAME")]
    interface: String,

    /// End with one line of JSON: packets, seconds, files
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Start {
    Now,
    At(f64),
}

impl std::str::FromStr for Start {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const END_OF_YEAR_9999: f64 = 253_402_300_800.0;
        if text == "now" {
            return Ok(Self::Now);
        }
        let seconds = text.parse().ok().filter(|seconds| (0.0..END_OF_YEAR_9999).contains(seconds));
        seconds.map(Self::At).ok_or("expected `now` or seconds since 1970")
    }
}

/// Inserts the captures and says what came of them.
#[allow(clippy::needless_pass_by_value)] // every command takes its arguments by value
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let bar = ProgressBar::no_length(); // on standard error, and only if that is a terminal
    let recordings = open(&args.files, &bar)?;
    let runtime = super::runtime()?;
    let (reports, took) = runtime.block_on(replay(&args, &config, context, recordings, &bar))?;
    bar.finish_and_clear();
    super::print(&if args.json { as_json(&reports, took) } else { as_text(&reports, took) })?;
    damage(reports)
}

/// All files are opened before anything is inserted, so that a mistyped name costs nothing.
fn open(files: &[PathBuf], bar: &ProgressBar) -> Result<Vec<Recording>, Failure> {
    let mut total = Some(0);
    let recordings = files.iter().map(|path| {
        let name = path.display().to_string();
        if path == Path::new("-") {
            total = None;
            let name = "standard input".to_owned();
            return Ok(Recording { name, reader: Box::new(bar.wrap_read(std::io::stdin())) });
        }
        let cannot_open = |error| Failure::new(Exit::Usage, format!("cannot open {name}: {error}"));
        let file = File::open(path).map_err(cannot_open)?;
        let metadata = file.metadata().map_err(cannot_open)?;
        if metadata.is_dir() {
            return Err(cannot_open(std::io::ErrorKind::IsADirectory.into()));
        }
        total = total.filter(|_| metadata.is_file()).map(|total: u64| total.saturating_add(metadata.len()));
        Ok(Recording { name, reader: Box::new(bar.wrap_read(file)) })
    });
    let recordings = recordings.collect::<Result<Vec<_>, Failure>>()?;
    let template = match total {
        Some(total) => {
            bar.set_length(total);
            "{bar:40} {percent:>3} %  {msg}  {elapsed}, {eta} left"
        }
        None => "{spinner} {msg}  {elapsed}",
    };
    bar.set_style(ProgressStyle::with_template(template).map_err(|error| Failure::new(Exit::Bug, error))?);
    Ok(recordings)
}

async fn replay(
    args: &Args,
    config: &Config,
    context: &Context,
    recordings: Vec<Recording>,
    bar: &ProgressBar,
) -> Result<(Vec<FileReport>, Duration), Failure> {
    let session = super::database(config, context)?.session("replay").await?;
    let source = &config.source;
    let sniffer = Sniffer::open(&session.client, &source.table, &source.columns, &args.interface).await;
    let sniffer = sniffer.map_err(unavailable)?;

    let start = args.start.map(|start| match start {
        Start::Now => clock::since_epoch().as_secs_f64(),
        Start::At(seconds) => seconds,
    });
    let begun = clock::now();
    let mut committed = 0;
    let mut on_commit = |rows| {
        committed += rows;
        bar.set_message(format!("{} packets", HumanCount(committed)));
    };
    let replay = Replay {
        sniffer: &sniffer,
        timeline: Timeline::new(args.speed, start),
        rows_per_commit: usize::try_from(args.rows_per_commit).unwrap_or(usize::MAX),
        on_commit: &mut on_commit,
    };
    let reports = replay.run(recordings).await.map_err(unavailable)?;
    Ok((reports, begun.elapsed()))
}

fn unavailable(error: SnifferError) -> Failure {
    match error {
        SnifferError::Postgres(error) => error.into(),
        SnifferError::NoTable(_) => {
            Failure::new(Exit::Configuration, error).hint("`flowsentry migrate` makes it, or set source.table to yours")
        }
        SnifferError::NoColumn { .. } | SnifferError::ColumnType { .. } => {
            Failure::new(Exit::Configuration, error).hint("map columns in pipeline.toml: [source.columns]")
        }
        SnifferError::Thread(_) => Failure::new(Exit::Unavailable, error),
    }
}

fn as_text(reports: &[FileReport], took: Duration) -> String {
    let packets: u64 = reports.iter().map(|report| report.packets).sum();
    let without_time: u64 = reports.iter().map(|report| report.without_time).sum();
    let files = if reports.len() > 1 { format!(" from {} files", reports.len()) } else { String::new() };
    let left_out = match without_time {
        0 => String::new(),
        packets => format!("; {} without a time were left out", HumanCount(packets)),
    };
    format!("{} packets in {:.1} s{files}{left_out}\n", HumanCount(packets), took.as_secs_f64())
}

fn as_json(reports: &[FileReport], took: Duration) -> String {
    let files: Vec<_> = reports
        .iter()
        .map(|report| {
            let damage = report.damage.as_ref();
            json!({
                "file": report.name,
                "packets": report.packets,
                "without_time": report.without_time,
                "damage": damage.map(|error| json!({ "offset": error.offset(), "error": chain(error) })),
            })
        })
        .collect();
    let packets: u64 = reports.iter().map(|report| report.packets).sum();
    let seconds = (took.as_secs_f64() * 1000.0).round() / 1000.0;
    format!("{}\n", json!({ "packets": packets, "seconds": seconds, "files": files }))
}

fn damage(reports: Vec<FileReport>) -> Result<(), Failure> {
    let files = reports.len();
    let damaged: Vec<_> = reports.into_iter().filter_map(|report| Some((report.name, report.damage?))).collect();
    if damaged.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Data, Damaged { files, damaged }).hint("what stands before the damage is in the table"))
}

/// Files with a damage, and where.
#[derive(Debug)]
struct Damaged {
    files: usize,
    damaged: Vec<(String, CaptureError)>,
}

impl Error for Damaged {}

impl fmt::Display for Damaged {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ([(name, error)], 1) = (&self.damaged[..], self.files) {
            return write!(out, "{name} is damaged: {}", chain(error));
        }
        let are = if self.damaged.len() == 1 { "is" } else { "are" };
        write!(out, "{} of {} files {are} damaged:", self.damaged.len(), self.files)?;
        self.damaged.iter().try_for_each(|(name, error)| write!(out, "\n  {name}: {}", chain(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, packets: u64, damage: Option<CaptureError>) -> FileReport {
        FileReport { name: name.to_owned(), packets, without_time: 0, damage }
    }

    fn cut(offset: u64) -> CaptureError {
        CaptureError::Truncated { offset, expected: "a packet", wanted: 60, found: 4 }
    }

    #[test]
    fn a_start_is_now_or_seconds_since_1970() {
        let check = |text: &str, expected: Option<Start>| assert_eq!(text.parse().ok(), expected, "{text:?}");
        check("now", Some(Start::Now));
        check("0", Some(Start::At(0.0)));
        check("1700000000.5", Some(Start::At(1_700_000_000.5)));
        check("-1", None);
        check("NaN", None);
        check("1e30", None);
        check("today", None);
    }

    #[test]
    fn the_summary_is_one_line() {
        let took = Duration::from_millis(1250);
        let one = [report("a", 1234, None)];
        assert_eq!(as_text(&one, took), "1,234 packets in 1.2 s\n");
        let mut two = [report("a", 1234, None), report("b", 6, Some(cut(70)))];
        two[1].without_time = 3;
        assert_eq!(as_text(&two, took), "1,240 packets in 1.2 s from 2 files; 3 without a time were left out\n");
        let expected = json!({
            "packets": 1240, "seconds": 1.25,
            "files": [
                { "file": "a", "packets": 1234, "without_time": 0, "damage": null },
                { "file": "b", "packets": 6, "without_time": 3, "damage": { "offset": 70,
                  "error": "byte 70: expected a packet of 60 bytes, but the file ends 4 bytes later" } },
            ],
        });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&as_json(&two, took)).unwrap(), expected);
    }

    #[test]
    fn damage_ends_with_code_65_and_its_place() {
        let check = |reports: Vec<FileReport>, expected: &str| {
            let failure = damage(reports).unwrap_err();
            assert_eq!(failure.exit, Exit::Data);
            assert_eq!(failure.error.to_string(), expected);
        };
        damage(vec![report("a", 1, None)]).unwrap();
        let told = "byte 7: expected a packet of 60 bytes, but the file ends 4 bytes later";
        check(vec![report("a", 1, Some(cut(7)))], &format!("a is damaged: {told}"));
        check(
            vec![report("a", 1, None), report("b", 1, Some(cut(7)))],
            &format!("1 of 2 files is damaged:\n  b: {told}"),
        );
        let source = std::io::Error::other("disk");
        check(
            vec![report("a", 1, Some(CaptureError::Read { offset: 9, source }))],
            "a is damaged: byte 9: cannot read on: disk",
        );
    }
}
