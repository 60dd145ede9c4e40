//! Every metric: name, labels and help in one table; what is described, rendered and tested follows from it.
//!
//! Names carry the unit: base units, `_total` for counters. Labels take few values: never an address, never a name that
//! traffic chooses; and a bounded number in any case.

mod exporter;
mod instrument;

use std::collections::BTreeSet;
use std::sync::Mutex;

pub use exporter::{Handle, InstallError, install};
pub use instrument::{Counter, Definition, Gauge, Histogram, Kind, Label, Tally, TimeCounter};

/// Defines each metric as a static of its kind, and `ALL`. An entry: name of the static, kind, metric name, label with
/// the values that are rendered from the start, help.
macro_rules! metrics {
    ($( $NAME:ident: $Kind:ident = $name:literal $({$label:ident: $($value:literal),*})?, $help:literal; )+) => {
        $(
            #[doc = $help]
            pub static $NAME: $Kind = $Kind(Definition {
                name: $name,
                kind: Kind::$Kind,
                label: label!($($label: $($value),*)?),
                help: $help,
            });
        )+

        /// All metrics.
        pub static ALL: &[&Definition] = &[$( &$NAME.0 ),+];
    };
}

macro_rules! label {
    () => { None };
    ($label:ident: $($value:literal),*) => { Some(Label {
            name: stringify!($label),
            values: &[$($value),*],
            occurred: Mutex::new(BTreeSet::new()),
        }) };
}

metrics! {
    // Every packet read is counted in exactly one of folded and rejected; late ones are folded too.
    PACKETS_READ: Counter = "flowsentry_packets_read_total",
        "Packets read from the source, whatever became of them.";
    PACKETS_FOLDED: Counter = "flowsentry_packets_folded_total",
        "Packets folded into flows.";
    PACKETS_REJECTED: Counter = "flowsentry_packets_rejected_total"
        {reason: "time", "future", "address", "protocol", "length", "port", "tcp_flags", "malformed"},
        "Packets that cannot be used, by reason; the latest are kept for inspection.";
    PACKETS_LATE: Counter = "flowsentry_packets_late_total",
        "Packets folded after the watermark had passed their window.";
    // The bounds of `flow::lateness`.
    PACKET_LATENESS: Tally = "flowsentry_packet_lateness_seconds"
        {le: "0", "0.001", "0.01", "0.1", "0.5", "1", "2", "5", "10", "20", "30", "60", "300", "3600", "+Inf"},
        "Seconds that a packet's time was behind the greatest before it when it was folded; the out-of-orderness bound should exceed nearly all.";
    PACKETS_REPLAYED: Counter = "flowsentry_packets_replayed_total",
        "Packets read again after a start, to rebuild open windows.";
    IDS_DEAD: Counter = "flowsentry_ids_dead_total",
        "Missing ids that nobody can use any more: rolled back or skipped.";

    FLOWS_STORED: Counter = "flowsentry_flows_stored_total" {label: "unknown"},
        "Flows stored, by label.";
    FLOW_VALUES_CLAMPED: Counter = "flowsentry_flow_values_clamped_total",
        "Values cut to what their column can hold.";
    WINDOWS_STORED: Counter = "flowsentry_windows_stored_total",
        "Windows stored after the watermark had passed them.";
    CHECKPOINTS: Counter = "flowsentry_checkpoints_total",
        "Transactions that stored flows and moved the checkpoint.";
    EARLY_FLUSHES: Counter = "flowsentry_early_flushes_total",
        "Times that open flows were stored early because their memory was full.";

    WAKEUPS: Counter = "flowsentry_wakeups_total" {cause: "notification", "fallback", "start"},
        "Times that reading began after a sleep, by cause.";
    POLLS: Counter = "flowsentry_polls_total",
        "Looks at the source, empty ones included.";
    NOTIFICATIONS: Counter = "flowsentry_notifications_total",
        "Notifications received from the trigger.";

    ERRORS: Counter = "flowsentry_errors_total" {kind: "configuration", "database", "sink", "chain", "model", "retention", "audit", "exceptions", "tell", "system"},
        "Faults by kind; all but those of retention, audit, exceptions and tell ended an attempt.";
    SESSIONS_STALLED: Counter = "flowsentry_sessions_stalled_total"
        {session: "lease", "wakeup", "ingest", "store", "exceptions", "pool"},
        "Sessions given up because the server owed an answer for too long, by what they were for.";
    ATTEMPTS: Counter = "flowsentry_attempts_total",
        "Attempts to run the pipeline; each starts from the checkpoint.";
    TAKEOVERS: Counter = "flowsentry_takeovers_total",
        "Times that this instance took the source over from another.";
    SOURCE_GENERATIONS: Counter = "flowsentry_source_generations_total",
        "Times that the source was found reset, and read anew.";

    STAGE_WAIT: TimeCounter = "flowsentry_stage_wait_seconds_total" {stage: "ingest", "aggregate", "classify", "store"},
        "Seconds that a stage waited for the next one to take its work.";
    STAGE_BUSY: Histogram = "flowsentry_stage_busy_seconds" {stage: "ingest", "aggregate", "classify", "shadow", "store"},
        "Seconds that a stage worked on one piece of work; shadow: that a candidate judged one.";
    STORE_TRANSACTION: Histogram = "flowsentry_store_transaction_seconds",
        "Seconds that a transaction with flows and checkpoint took.";
    WINDOW_DELAY: Histogram = "flowsentry_window_delay_seconds",
        "Seconds from the end of a window and the out-of-orderness bound until its flows were committed.";

    LOOKS: Counter = "flowsentry_looks_total" {result: "taken", "dropped", "unheard"},
        "Looks at flows of open windows: taken, and of these unheard where the store had no time for what they showed; or dropped, to be taken later.";

    FLOWS_LOOKED_AT: Counter = "flowsentry_flows_looked_at_total",
        "Flows of open windows in the looks that were taken, a flow as often as it was looked at.";
    DETECTION_DELAY: Histogram = "flowsentry_detection_delay_seconds" {clock: "event", "processing"},
        "Seconds until a new alert was committed: event, since the attack's first packet by its time, on the database's clock; processing, since the store took the look or the window that showed it.";
    ALERT_EVENTS: Counter = "flowsentry_alert_events_total" {event: "opened", "grown", "changed", "closed", "withdrawn"},
        "What became of alerts, as others are told.";
    ALERTS_BY_LABEL: Counter = "flowsentry_alerts_total" {label: },
        "Alerts that were opened, by label.";
    ALERTS_BY_SEVERITY: Counter = "flowsentry_alerts_by_severity_total" {severity: "low", "medium", "high", "critical"},
        "Alerts that were opened, by the severity that they had then.";
    ALERTS_OPEN: Gauge = "flowsentry_alerts_open" {severity: "low", "medium", "high", "critical"},
        "Alerts that are open, by severity.";
    ALERTS_WITHDRAWN: Counter = "flowsentry_alerts_withdrawn_total",
        "Alerts on open windows that no closed window confirmed: the price of being early.";
    ALERTS_UNOPENED: Counter = "flowsentry_alerts_unopened_total",
        "Verdicts that opened no alert since as many were open as may be.";
    VERDICTS_SILENCED: Counter = "flowsentry_verdicts_silenced_total",
        "Verdicts that an exception silenced.";
    DELIVERIES: Counter = "flowsentry_deliveries_total" {result: "delivered", "failed", "dead"},
        "Attempts to tell a receiver of an alert; failed: to be tried again, dead: given up.";
    OUTBOX_PENDING: Gauge = "flowsentry_outbox_pending" {receiver: "webhook", "alertmanager"},
        "Messages that a receiver is still to be told, as counted last; also of one that is not in the settings any more.";
    OUTBOX_DEAD: Gauge = "flowsentry_outbox_dead" {receiver: "webhook", "alertmanager"},
        "Messages that were given up after too many attempts, and are kept.";

    MODEL_RELOADS: Counter = "flowsentry_model_reloads_total" {result: "loaded", "refused"},
        "New model files, by what became of them.";
    SHADOW_FLOWS: Counter = "flowsentry_shadow_flows_total" {verdict: "same", "other"},
        "Flows judged by the model and by a candidate in shadow, by whether they say the same; after a fault some are judged again.";
    SHADOW_PAIRS: Counter = "flowsentry_shadow_pairs_total" {pair: },
        "Flows judged by both, by the model's label -> the candidate's.";
    SHADOW_SKIPPED_FLOWS: Counter = "flowsentry_shadow_skipped_flows_total" {reason: "busy", "late", "unlabelled"},
        "Flows that the candidate was not asked of: more to label waited, they were late, or no model had labelled them.";
    SHADOW_RELOADS: Counter = "flowsentry_shadow_reloads_total" {result: "loaded", "refused"},
        "New candidate files, by what became of them.";
    RETENTION_ROWS_DELETED: Counter = "flowsentry_retention_rows_deleted_total",
        "Old packets deleted.";
    RETENTION_PARTITIONS_DROPPED: Counter = "flowsentry_retention_partitions_dropped_total",
        "Partitions of old packets dropped.";
    RETENTION_LAST: Gauge = "flowsentry_retention_last_timestamp_seconds",
        "When a round of retention last left nothing for the next one, in Unix seconds; 0 before the first.";
    RETENTION_ALERTS_DELETED: Counter = "flowsentry_retention_alerts_deleted_total",
        "Alerts deleted that had ended long ago.";

    EXCEPTIONS: Gauge = "flowsentry_exceptions",
        "Exceptions in force: verdicts of which nobody is alerted.";
    EXCEPTIONS_UNUSABLE: Gauge = "flowsentry_exceptions_unusable",
        "Rows of flowsentry.exceptions that cannot be understood, and silence nothing.";

    AUDIT_MISSING: Counter = "flowsentry_audit_missing_packets_total",
        "Packets found in the table that were never read: their ids were not given by the sequence.";
    AUDIT_BLOCKS: Counter = "flowsentry_audit_blocks_total",
        "Blocks of 65,536 ids that were audited.";
    AUDIT_LAST: Gauge = "flowsentry_audit_last_timestamp_seconds",
        "When the last audit ended, in Unix seconds; 0 before the first.";
    UNACCOUNTED: Gauge = "flowsentry_unaccounted_packets",
        "Packets consumed less those rejected, stored, open or gone, as of the last audit; anything but 0 is a bug.";

    LAG_ROWS: Gauge = "flowsentry_lag_rows",
        "Ids in the source that are above the position, as of the last look.";
    LAG: Gauge = "flowsentry_lag_seconds",
        "Seconds between the time of the last packet read and the database's clock; 0 when all is read.";
    WATERMARK: Gauge = "flowsentry_watermark_timestamp_seconds",
        "Event time up to which packets are taken to be complete, in Unix seconds; 0 before the first.";
    OPEN_WINDOWS: Gauge = "flowsentry_open_windows",
        "Windows that the watermark has not passed.";
    OPEN_FLOWS: Gauge = "flowsentry_open_flows",
        "Flows of open windows.";
    OPEN_FLOW_BYTES: Gauge = "flowsentry_open_flow_bytes",
        "Memory of open flows.";
    PENDING_RANGES: Gauge = "flowsentry_pending_ranges",
        "Ranges of missing ids whose packets may still come.";
    PENDING_IDS: Gauge = "flowsentry_pending_ids",
        "Missing ids whose packets may still come.";
    PENDING_OLDEST: Gauge = "flowsentry_pending_oldest_seconds",
        "Seconds since the oldest missing id was first missed; 0 if none is.";
    HOLDER_IDLE: Gauge = "flowsentry_holder_idle_seconds",
        "Seconds that a transaction which missing ids wait for has been idle or prepared, of the one that is longest; 0 if none is, or if that may not be seen.";
    IDS_LEFT: Gauge = "flowsentry_ids_left_seconds",
        "Seconds until the ids of the source are used up, at the greatest rate of late; +Inf if that is unknown, 0 before the first look.";
    OWNER: Gauge = "flowsentry_owner",
        "1 while this instance owns the source.";
    SINK_BLOCKED: Gauge = "flowsentry_sink_blocked",
        "1 while the database refuses to store flows (disk full, a lock, a missing right); nothing is lost meanwhile.";
    STUCK: Gauge = "flowsentry_stuck" {stage: "attempt", "ingest", "aggregate", "classify", "store"},
        "1 while a part of the process has been at one piece of work for longer than it may.";
    AWAKE: Gauge = "flowsentry_awake",
        "1 while the source is read or polled, 0 while asleep until notified.";
    MODEL_LOADED: Gauge = "flowsentry_model_loaded",
        "1 while a model labels flows, 0 while they are stored as unknown.";
    MODEL_INFO: Gauge = "flowsentry_model_info" {version: },
        "1 for the version of the model that labels flows, 0 for those before it.";
    SHADOW_INFO: Gauge = "flowsentry_shadow_info" {version: },
        "1 for the version of the candidate that judges in shadow, 0 for those before it.";
    CPU: TimeCounter = "flowsentry_cpu_seconds_total" {mode: "user", "system"},
        "Seconds of processor time that this process took.";
    MEMORY: Gauge = "flowsentry_resident_memory_bytes",
        "Memory of this process that is resident.";
    STARTED: Gauge = "flowsentry_start_timestamp_seconds",
        "When this process began to serve, in Unix seconds.";
    SOURCE_INFO: Gauge = "flowsentry_source_info" {source: },
        "1, with the name of the source as label.";
    BUILD_INFO: Gauge = "flowsentry_build_info" {version: },
        "1, with the version as label.";
}
