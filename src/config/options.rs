//! The one definition of every option: section, key, type, default, limit, and a sentence with unit and reason.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::bytes::Bytes;
use super::duration::{days, hours, milliseconds, minutes, seconds};
use super::host_names::HostNames;
use super::limit::{Limit, Names, ZeroOr};
use super::listen::Listen;
use super::log_filter::LogFilter;
use super::secret::Secret;
use super::setting::Setting;
use super::table::{OptionEntry, SectionEntry, options};
use super::words::{LogFormat, Start};

/// The columns of a packet that `source.columns` may map to another name.
pub const COLUMN_NAMES: &[&str] = &[
    "id",
    "timestamp",
    "src_ip",
    "dst_ip",
    "protocol",
    "length",
    "src_port",
    "dst_port",
    "tcp_flags",
    "tcp_syn",
    "tcp_ack",
    "tcp_fin",
    "tcp_rst",
    "tcp_psh",
    "arp_op",
    "arp_psrc",
    "arp_pdst",
    "arp_hwsrc",
    "arp_hwdst",
    "dns_response",
    "dns_qname",
];

options! {
    /// The PostgreSQL server that packets come from and flows go to.
    database: Database {
        /// URL such as `postgres://user@host/name`, or key=value text. Empty: `DATABASE_URL`, then libpq's own
        /// variables and ~/.pgpass, which keep the password out of this file.
        url: Option<Secret> = None;
        /// How long one attempt to connect may take, so that a host that is gone is given up.
        connect_timeout: Duration = seconds(10), milliseconds(100)..=minutes(10);
        /// How long a statement may wait for a lock, so that it never stands in the way of others for long.
        lock_timeout: Duration = seconds(5), milliseconds(10)..=hours(1);
        /// How long a statement may run, so that a hung server is noticed.
        statement_timeout: Duration = seconds(60), milliseconds(100)..=days(1);
        /// Connections for short statements at most; reading, storing and listening have one each beside it.
        pool_size: usize = 4, 1..=64;
    }

    /// The table that the sniffer inserts packets into.
    source: Source {
        /// Identity of this source in every stored key; changing it starts reading anew, under the new name.
        name: String = "default".to_owned();
        /// The table, with its schema if it is not on the search path.
        table: String = "raw_packets".to_owned();
        /// Where a column of the table has a name of its own: our name = "their name".
        columns: BTreeMap<String, String> = BTreeMap::new(), Names(COLUMN_NAMES);
    }

    /// The table that flows are stored in.
    sink: Sink {
        /// The table, with its schema if it is not on the search path.
        table: String = "traffic_data".to_owned();
    }

    /// Reading packets.
    ingest: Ingest {
        /// Where a source without a checkpoint is read from: "earliest" (all that is there) or "latest" (what comes
        /// from now on).
        start: Start = Start::Earliest;
        /// How long to wait after a read that came back short: shorter finds packets sooner, longer spares the server.
        poll_interval: Duration = milliseconds(100), milliseconds(1)..=minutes(1);
        /// Packets that one statement reads at most, which bounds how long its snapshot lives.
        rows_per_read: u32 = 50_000, 1..=10_000_000;
        /// Packets that are handed on together: fewer wait less, more cost less each.
        rows_per_batch: usize = 4096, 1..=1_000_000;
        /// Ranges of missing ids that are remembered; past it reading ahead waits, and new packets stay in the table.
        pending_ranges_max: usize = 100_000, 1..=10_000_000;
    }

    /// Waking up when packets come.
    wakeup: Wakeup {
        /// Whether the table's trigger may wake us by NOTIFY while we sleep; false: poll only, as behind a pooler.
        trigger: bool = true;
        /// How often to look without being woken, for rows that no trigger saw; 0 switches it off.
        fallback_interval: Duration = seconds(1), Duration::ZERO..=hours(1);
        /// How long nothing must come before we sleep and let inserts notify.
        sleep_after: Duration = seconds(1), Duration::ZERO..=hours(1);
        /// How long to wait for the gate at a time, so that a long insert never holds our snapshot open.
        gate_timeout: Duration = seconds(3), milliseconds(10)..=minutes(1);
        /// How often the listening connection proves that it still listens, to find half-open sockets.
        listen_check_interval: Duration = seconds(10), milliseconds(100)..=hours(1);
    }

    /// Windows of event time, the sniffer's clock.
    window: Window {
        /// Length of a window, in whole seconds: a flow is what one key sent in one window.
        length: Duration = seconds(30), seconds(1)..=hours(1);
        /// How far the watermark trails the greatest packet time: sniffers upload in batches, about one every 5s.
        out_of_orderness: Duration = seconds(5), Duration::ZERO..=hours(1);
        /// How long a window's flows are remembered after its end, so that late packets are judged together with them.
        allowed_lateness: Duration = seconds(30), Duration::ZERO..=days(1);
        /// How long nothing must come before open windows whose end has passed are closed.
        idle_timeout: Duration = seconds(10), milliseconds(100)..=hours(1);
        /// How far ahead of the database's clock a packet may be; later ones are refused: they would make others late.
        future_bound: Duration = seconds(60), Duration::ZERO..=days(1);
    }

    /// Open flows in memory.
    flows: Flows {
        /// Memory for open flows; when it is full they are stored early, as partial rows, and nothing is lost. As much
        /// again may be underway to the store.
        memory_max: Bytes = Bytes::mib(256), Bytes::kib(64)..=Bytes::gib(1024);
    }

    /// Early verdicts: open windows are looked at while they fill, so that an attack is alerted of before its window ends.
    early: Early {
        /// How often to look; 0 switches it off, and alerts wait for their windows to close.
        interval: Duration = milliseconds(500), ZeroOr(milliseconds(250)..=minutes(1));
        /// Flows that one look judges at most, which bounds what looking costs; the others wait for the next look.
        flows_max: usize = 16_384, 1..=1_000_000;
    }

    /// Alerts: one an attack, in flowsentry.alerts.
    alerts: Alerts {
        /// Alerts that are open at a time at most, as nobody can look at more; past it verdicts are counted and open no more of
        /// them.
        open_max: usize = 256, 1..=1_000_000;
        /// How long alerts that ended are kept, and what was told of them; 0 keeps everything.
        keep: Duration = days(365), Duration::ZERO..=days(36_500);
    }

    /// Telling others of alerts, at least once, from flowsentry.outbox; a slow receiver slows nothing down.
    tell: Tell {
        /// Where to POST alerts as signed JSON, such as `https://soc.example/hook`. Empty: nowhere.
        webhook_url: Option<Secret> = None;
        /// File with the key that signs them (HMAC-SHA256), on one line.
        webhook_key_file: Option<PathBuf> = None;
        /// Base URL of a Prometheus Alertmanager, such as `http://alertmanager:9093`. Empty: none.
        alertmanager_url: Option<Secret> = None;
        /// How long a receiver may take to answer.
        timeout: Duration = seconds(10), milliseconds(100)..=minutes(5);
        /// How often one message is tried before it is given up as dead; the pauses double, from 1s to 10m.
        attempts_max: u32 = 20, 1..=1000;
    }

    /// Queues between the stages; a full one slows the reader, and PostgreSQL keeps what waits.
    channels: Channels {
        /// Batches of packets that were read and wait to be folded.
        packets: usize = 16, 1..=1024;
        /// Closed windows that wait to be labelled.
        windows: usize = 4, 1..=1024;
        /// Labelled windows that wait to be stored.
        verdicts: usize = 4, 1..=1024;
    }

    /// Storing flows.
    store: Store {
        /// How often the checkpoint moves at most: shorter leaves less to read again, longer makes fewer transactions.
        checkpoint_interval: Duration = seconds(1), milliseconds(10)..=minutes(10);
        /// Unusable packets that are kept for inspection; the oldest go first.
        rejected_rows_max: u32 = 100_000, 0..=100_000_000;
    }

    /// The model that labels flows.
    model: Model {
        /// The model file; without one every flow is labelled "unknown".
        path: PathBuf = PathBuf::from("models/flowsentry.safetensors");
        /// A model file to be tried in shadow: it judges live traffic beside the model, metrics tell how they agree, and
        /// nothing that is stored depends on it. Empty: none.
        candidate: Option<PathBuf> = None;
        /// How often to look for a new model file.
        reload_interval: Duration = seconds(2), milliseconds(100)..=hours(1);
        /// A larger model file is refused before it is read.
        file_max: Bytes = Bytes::mib(64), Bytes::kib(1)..=Bytes::gib(1);
    }

    /// Deleting packets that were consumed and are old.
    retention: Retention {
        /// How long packets are kept after their time; 0 keeps everything.
        keep: Duration = days(7), Duration::ZERO..=days(36_500);
        /// How often old packets are deleted.
        interval: Duration = hours(1), milliseconds(100)..=days(30);
        /// Rows that one statement deletes, so that none locks much or runs long.
        rows_per_delete: u32 = 10_000, 1..=1_000_000;
    }

    /// Counting again: packets that came past every lock are found this way.
    audit: Audit {
        /// How often the newest packets and one older block of 65536 ids are counted; 0 switches it off.
        interval: Duration = seconds(10), Duration::ZERO..=days(1);
    }

    /// One instance owns a source; others stand by.
    lease: Lease {
        /// How often a standby tries to take over.
        standby_interval: Duration = seconds(1), milliseconds(10)..=minutes(1);
        /// How often the owner's session proves that it is alive; one that is silent for five times as long has lost
        /// the source: the owner begins anew, and a server of version 14 or later lets a standby in.
        proof_interval: Duration = seconds(5), milliseconds(100)..=minutes(1);
    }

    /// Trying again after a fault.
    retry: Retry {
        /// Wait before the first new attempt; it doubles with each, with jitter.
        backoff_min: Duration = milliseconds(100), milliseconds(1)..=minutes(1);
        /// The longest wait between attempts.
        backoff_max: Duration = seconds(10), milliseconds(1)..=hours(1);
    }

    /// The process.
    service: Service {
        /// How long work in progress may take to finish once told to stop.
        grace_period: Duration = seconds(10), Duration::ZERO..=minutes(10);
        /// How long a part may be at one piece of work: after that it is stuck, /healthz fails, and systemd's watchdog is
        /// not fed. A piece asks the database up to 12 times, so this follows from the time-outs above.
        stuck_after: Duration = minutes(15), seconds(1)..=days(30);
    }

    /// Metrics and health over HTTP.
    http: Http {
        /// IP address and port, or "off". Whoever reaches the port reads the metrics: keep it on loopback or private.
        listen: Listen = Listen::loopback(9477);
        /// Names that requests may be addressed to where that is not loopback, separated by commas, such as
        /// "flowsentry.example". IP addresses always may. Any other name is refused: it could be anybody's, who points it
        /// at this machine to read through the browser of somebody in this network (DNS rebinding).
        names: HostNames = HostNames::default();
        /// Connections at a time; more have to wait.
        connections_max: usize = 64, 2..=10_000;
        /// Of these, streams of live pages at a time; more are told to come back.
        streams_max: usize = 32, 1..=5000;
        /// A request with a larger body is refused.
        body_max: Bytes = Bytes::kib(64), Bytes::kib(1)..=Bytes::mib(16);
        /// File with the token that changes need (Authorization: Bearer), on one line. Empty: nothing can be changed over
        /// HTTP.
        token_file: Option<PathBuf> = None;
    }

    /// Log lines, on standard error.
    log: Log {
        /// "human" or "json" (one object a line).
        format: LogFormat = LogFormat::Human;
        /// error (act now), warn (look at it), info (state changed), debug, trace or off; also per
        /// module: "info,flowsentry=debug".
        level: LogFilter = LogFilter::info();
    }
}
