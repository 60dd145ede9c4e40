//! The guide's way to adopt flowsentry is followed from its own text, beside a sniffer and a stand-in of the old service that
//! go on all the while: undone before the switch, then taken to its end and undone after it.

mod backup;
mod beside;
mod page;
mod site;
mod upgrade;

use std::process::Output;
use std::thread;

use beside::{Beside, Round};
use page::{Page, Step};
use site::Site;

use super::kit::{Database, until};

/// What the old service's rows of the time in which both tell are kept for: its period is a second here, and so is a window.
const TWICE: &str = "'10 seconds'";
/// How often a reader tries again who is told that a lock was not to be had.
const ATTEMPTS: usize = 20;

/// Ends the threads also where the test fails.
struct Over<'a>(&'a Beside);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[test]
fn adopting_as_the_guide_says_loses_and_doubles_no_row() {
    let Some(mut site) = Site::new() else { return };
    let page = Page::read("adopting.md");
    let beside = Beside::running();
    let (sniffer, app) = (site.url("sniffer"), site.url("app"));
    thread::scope(|scope| {
        let _over = Over(&beside);
        scope.spawn(|| beside.sniff(&sniffer));
        scope.spawn(|| beside.serve(&app));
        let before = site.schema();
        let mut reader = Reader { page: &page, site: &mut site, beside: &beside };
        until("rows of the old service", || old_packets(&reader.site.database), |packets| *packets > 100);
        reader.follow_all(&["1", "2", "3", "4"]);
        assert_ne!(reader.site.schema(), before);
        reader.follow("5");
        reader.everything_is_stored("traffic_data_new");
        reader.follow("Undo before");
        assert_eq!(reader.site.schema(), before, "what was there before the adoption");

        let old_rows = old_rows(&reader.site.database, i64::MAX);
        reader.follow_all(&["1", "2", "3", "4", "5", "6", "7"]);
        assert_eq!(self::old_rows(&reader.site.database, old_rows.0), old_rows, "rows from before the adoption");
        reader.nothing_is_lost_or_doubled();
        reader.beside.sniff_again();
        reader.follow("Undo after");
        assert_eq!(reader.site.schema(), before, "what was there before the adoption");
        let rows = reader.site.database.number("SELECT count(*) FROM traffic_data");
        until(
            "the old service to go on",
            || reader.site.database.number("SELECT count(*) FROM traffic_data"),
            |now| *now > rows,
        );
    });
}

/// Who reads the page and does what it says.
struct Reader<'a> {
    page: &'a Page,
    site: &'a mut Site,
    beside: &'a Beside,
}

impl Reader<'_> {
    fn follow_all(&mut self, headings: &[&str]) {
        for heading in headings {
            self.follow(heading);
        }
    }

    fn follow(&mut self, heading: &str) {
        for (line, step) in self.page.section(heading) {
            println!("docs/adopting.md:{line}: {step:?}");
            match step {
                Step::File(name, text) => self.site.write(name, text),
                Step::Shell(text) => again(*line, || self.site.shell(text)),
                Step::Sql(role, text) => {
                    again(*line, || self.site.sql(role, &text.replace("'90 seconds'", TWICE)));
                }
                Step::Begin(_, text) => self.begin(text),
                Step::Stop(name) if name == "flowsentry" => self.site.stop(),
                Step::Stop(_) => self.stop_old_service(),
                Step::Start(_) => self.beside.serve_again(),
            }
        }
    }

    /// Flows come, as a reader would see.
    fn begin(&mut self, text: &str) {
        let ours = "SELECT count(*) FROM traffic_data t WHERE to_jsonb(t) ->> 'source_id' IS NOT NULL";
        let flows = |database: &Database| {
            let trial = database.number("SELECT count(*) FROM pg_class WHERE relname = 'traffic_data_new'") == 1;
            let trial = if trial { database.number("SELECT count(*) FROM traffic_data_new") } else { 0 };
            (trial, database.number(ours))
        };
        let before = flows(&self.site.database);
        self.site.begin(text);
        until("flows", || flows(&self.site.database), |now| now.0 > before.0 || now.1 > before.1);
    }

    /// When it has told of the same time as flowsentry for longer than the guide takes for granted.
    fn stop_old_service(&self) {
        let both = "SELECT extract(epoch FROM max(created_at) AT TIME ZONE 'utc'
                        - (SELECT min(window_start) FROM traffic_data WHERE source_id IS NOT NULL AND revision = 0))::bigint
                    FROM traffic_data WHERE source_id IS NULL";
        until(
            "the old service and flowsentry side by side",
            || self.site.database.number(both),
            |seconds| *seconds > 14,
        );
        self.beside.stop_serving();
    }

    /// Every packet is in a flow of this table, or rejected. The sniffer need not stop for that: what has come so far is.
    fn everything_is_stored(&self, flows: &str) {
        let database = &self.site.database;
        let so_far = database.number("SELECT count(*) FROM raw_packets");
        let stored = format!(
            "SELECT (SELECT sum(packet_count) FROM {flows}) + (SELECT count(*) FROM flowsentry.rejected_packets)"
        );
        until("all packets to be stored", || database.number(&stored), |packets| *packets >= so_far);
    }

    fn nothing_is_lost_or_doubled(&mut self) {
        let uploads = self.beside.uploads();
        until("uploads while flowsentry has taken over", || self.beside.uploads(), |now| *now > uploads + 5);
        self.beside.stop_sniffing();
        self.everything_is_stored("all_flows");
        let database = &self.site.database;
        let packets = database.number("SELECT count(*) FROM raw_packets");
        let stored =
            "SELECT (SELECT sum(packet_count) FROM all_flows) + (SELECT count(*) FROM flowsentry.rejected_packets)";
        assert_eq!(database.number(stored), packets, "each packet once");
        for table in ["traffic_data_new", "traffic_data WHERE source_id IS NOT NULL AND revision = 0"] {
            assert!(database.number(&format!("SELECT count(*) FROM {table}")) > 0, "no flow in {table}");
        }
        let verified = self.site.shell(
            "DATABASE_URL=postgres://labeller@localhost/traffic flowsentry verify --json --set sink.table=all_flows",
        );
        expect(0, &verified);
        let report: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
        let rejected = database.number("SELECT count(*) FROM flowsentry.rejected_packets");
        assert_eq!(report["packets"]["in_flows"], packets - rejected, "{report:#}");
        assert_eq!(report["packets"]["rejected"], rejected, "{report:#}");
        assert!(rejected > 0 && report["compared"]["windows"].as_i64() > Some(5), "{report:#}");

        // Who reads traffic_data alone has each packet in a row of the old service or in a flow.
        let rounds = self.beside.rounds();
        let first_window = "SELECT extract(epoch FROM min(window_start))::bigint FROM traffic_data
                            WHERE source_id IS NOT NULL AND revision = 0";
        let first_window = database.number(first_window);
        // The trial's table may be dropped then.
        let later = format!(
            "DATABASE_URL=postgres://labeller@localhost/traffic flowsentry verify --flows-deleted --since {}",
            first_window + 1
        );
        expect(0, &self.site.shell(&later));
        let compared = format!(
            "DATABASE_URL=postgres://labeller@localhost/traffic flowsentry compare --json --since {first_window}"
        );
        let compared = self.site.shell(&compared);
        expect(0, &compared);
        let report: serde_json::Value = serde_json::from_slice(&compared.stdout).unwrap();
        assert_eq!(report["left_over"], 0, "{report:#}");
        assert!(report["rejected"].as_i64() > Some(0) && report["old"]["rows"].as_i64() > Some(0), "{report:#}");

        let (kept, deleted): (Vec<Round>, Vec<Round>) =
            rounds.iter().copied().partition(|round| round.stored <= first_window as f64 + 10.0);
        assert!(!kept.is_empty() && !deleted.is_empty(), "{rounds:?}");
        let last = kept.iter().map(|round| round.ids.1).max().unwrap();
        let since = format!(
            "SELECT (SELECT count(*) FROM raw_packets WHERE timestamp >= {first_window} AND id NOT IN
                         (SELECT packet_id FROM flowsentry.rejected_packets))
                 - (SELECT sum(packet_count) FROM traffic_data
                    WHERE window_start >= to_timestamp({first_window}) AND source_id IS NOT NULL)"
        );
        assert_eq!(database.number(&since), 0, "packets since the first window that traffic_data does not tell of");
        let late = format!(
            "SELECT (SELECT count(*) FROM raw_packets WHERE timestamp < {first_window} AND id > {last})
                 - (SELECT sum(packet_count) FROM traffic_data
                    WHERE window_start < to_timestamp({first_window}) AND source_id IS NOT NULL)"
        );
        assert!(database.number(&late) <= 0, "packets before it that traffic_data does not tell of");
        let in_trial = "SELECT count(*) FROM traffic_data_new n WHERE EXISTS (SELECT FROM traffic_data d
            WHERE (d.window_start, d.src_ip, d.dest_ip, d.protocol, d.revision) = (n.window_start, n.src_ip, n.dest_ip, n.protocol, n.revision))";
        assert_eq!(database.number(in_trial), 0, "flows in both tables");
        let told: i64 = rounds.iter().map(|round| round.ids.1 - round.ids.0 + 1).sum();
        let old = old_packets(database);
        assert!(old < told, "no row of the old service was deleted");
        assert!(
            old >= kept.iter().map(|round| round.ids.1 - round.ids.0 + 1).sum(),
            "rows of the old service are missing"
        );
    }
}

fn old_packets(database: &Database) -> i64 {
    database.number("SELECT sum(packet_count) FROM traffic_data t WHERE to_jsonb(t) ->> 'source_id' IS NULL")
}

/// The old service's rows up to an id: the last one, and all that they say.
fn old_rows(database: &Database, last: i64) -> (i64, String) {
    let sql = format!(
        "SELECT max(id_num)::bigint, md5(string_agg((id_num, dest_ip, source_mac, dest_mac, packet_count, packet_per_sec, byte_count,
             byte_per_sec, tcp_flags, connection_attempts, unique_ports, protocol, predicted_label, created_at)::text, '\n' ORDER BY id_num))
         FROM traffic_data WHERE id_num <= {last}"
    );
    let row = &database.query(&sql)[0];
    (row.get(0), row.get(1))
}

#[test]
fn what_rows_take_is_measured_as_the_guide_says() {
    let Some(site) = Site::new() else { return };
    let mut measured = String::new();
    for (line, step) in Page::read("sizing.md").section("Disk") {
        match step {
            Step::File(name, text) => site.write(name, text),
            Step::Shell(text) => {
                let output = site.shell(text);
                expect(*line, &output);
                measured += &String::from_utf8_lossy(&output.stdout);
            }
            step => panic!("{step:?} does not measure"),
        }
    }
    // What the page counts with.
    let figures: Vec<f64> =
        measured.split(|c: char| !(c.is_ascii_digit() || c == '.')).filter_map(|it| it.parse().ok()).collect();
    let told = [174.0, 371.0, 99.0, 417.0];
    let found: Vec<f64> = figures.into_iter().filter(|figure| *figure > 1.0).collect();
    assert!(told.iter().all(|told| found.iter().any(|found| (found / told - 1.0).abs() < 0.1)), "{measured}");
}

/// As a reader does who is told that others were not to be kept waiting.
#[track_caller]
fn again(line: usize, run: impl Fn() -> Output) {
    let mut output = run();
    for _ in 1..ATTEMPTS {
        if !String::from_utf8_lossy(&output.stderr).contains("due to lock timeout") {
            break;
        }
        output = run();
    }
    expect(line, &output);
}

#[track_caller]
fn expect(line: usize, output: &Output) {
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "docs/adopting.md:{line}: {}\n{out}{errors}", output.status);
}
