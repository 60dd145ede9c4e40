//! What came out of a demo, counted in the tables, beside what was planned.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::{Client, Row};

use super::service::Metrics;
use super::show::SPEED;
use super::{DemoError, Sums};
use crate::flow::time::EventTime;
use crate::postgres::PostgresError;
use crate::sandbox::{ATTACKS, Attack, Planned, differences};

/// When the replay ran.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ran {
    /// The time of the traffic's first packet.
    pub start: EventTime,
    /// When the replay began, since the Unix epoch.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
}

/// Flows and packets with one label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LabelCount {
    /// The label.
    pub label: String,
    /// Rows of `traffic_data`.
    pub flows: u64,
    /// Their packets.
    pub packets: u64,
}

/// What the flows of an attack's sources to its victims were labelled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttackFound {
    /// The attack.
    pub attack: &'static Attack,
    /// The labels, most flows first.
    pub labels: Vec<LabelCount>,
}

/// A window, as stored.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WindowStored {
    /// Its first moment.
    pub start: EventTime,
    /// The first moment after it.
    pub end: EventTime,
    /// Its rows, late panes included.
    pub flows: u64,
    /// Their packets.
    pub packets: u64,
    /// Those of late panes.
    pub late: u64,
    /// Seconds from the moment at which the replay reached its end until its flows were stored.
    pub delay: f64,
}

/// The stage that worked most.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Busiest {
    /// Its name.
    pub stage: &'static str,
    /// Seconds that it worked.
    pub seconds: f64,
}

/// All that is shown of a demo.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// What must have come out.
    pub planned: Planned,
    /// Both ends.
    pub sums: Sums,
    /// By label, most flows first.
    pub labels: Vec<LabelCount>,
    /// One an attack, in their order.
    pub attacks: Vec<AttackFound>,
    /// Flows of everybody else, by label: all but `Normal` are false alarms.
    pub bystanders: Vec<LabelCount>,
    /// In their order.
    pub windows: Vec<WindowStored>,
    /// Packets that could not be used, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Packets that were folded after their window had closed.
    pub late: u64,
    /// Flows that are not as a GROUP BY has them, for people.
    pub differences: Vec<String>,
    /// The stage that worked most.
    pub busiest: Busiest,
    /// How long the replay took.
    pub replay: Duration,
    /// How long all of it took.
    pub took: Duration,
}

impl Outcome {
    /// Counts what is stored; `address` is where the service's pages are.
    pub async fn read(client: &Client, address: &str, planned: &Planned, ran: Ran) -> Result<Self, DemoError> {
        let metrics = Metrics::of(address).await?;
        Ok(Self {
            planned: planned.clone(),
            sums: Sums::count(client).await?,
            labels: labels(client).await?,
            attacks: attacks(client, ran.start).await?,
            bystanders: bystanders(client).await?,
            windows: windows(client, ran).await?,
            rejected: rejected(client).await?,
            late: metrics.value("flowsentry_packets_late_total"),
            differences: differences(client).await?,
            busiest: busiest(&metrics),
            replay: ran.took,
            took: Duration::ZERO,
        })
    }

    /// Rows of `traffic_data`.
    pub fn flows(&self) -> u64 {
        self.labels.iter().map(|count| count.flows).sum()
    }

    /// Rows that must be rejected, by reason.
    pub fn planned_rejected(&self) -> BTreeMap<String, u64> {
        self.planned.unusable.iter().map(|(reason, rows)| (reason.name().to_owned(), *rows)).collect()
    }

    /// What contradicts itself; nothing if all is well. When a packet is late depends on the machine's speed as well, so
    /// that is not part of it.
    pub fn contradictions(&self) -> Vec<String> {
        let Sums { packets, rejected, in_flows } = self.sums;
        let mut found = Vec::new();
        if packets != self.planned.rows {
            found.push(format!("{} packets were replayed, but {packets} are in raw_packets", self.planned.rows));
        }
        if !self.sums.agree() {
            found.push(format!("{packets} packets went in, but {in_flows} in flows and {rejected} rejected came out"));
        }
        if self.rejected != self.planned_rejected() {
            found.push(format!("{:?} must be rejected, but {:?} were", self.planned_rejected(), self.rejected));
        }
        found.extend(self.differences.iter().cloned());
        found
    }
}

async fn labels(client: &Client) -> Result<Vec<LabelCount>, DemoError> {
    let sql = "SELECT predicted_label, pg_catalog.count(*), pg_catalog.sum(packet_count)::bigint
               FROM public.traffic_data GROUP BY 1 ORDER BY 2 DESC, 1";
    let rows = client.query(sql, &[]).await.map_err(PostgresError::doing("count flows by label"))?;
    Ok(rows.iter().map(label_count).collect())
}

/// What stands for an attack's sources where they are forged: they are told by being none of the site's own.
const FORGED: [&str; 1] = ["thousands of addresses"];

/// Flows with packets of the sources $1, which are told by their addresses, and in ARP, where those are lies, by the
/// hardware address; and flows of forged sources to the destinations $2.
const HOSTILE: &str = "(src_ip = ANY ($1)
    OR protocol = 'ARP' AND (pg_catalog.date_part('epoch', window_start), src_ip, dest_ip) IN (
        SELECT floor(p.\"timestamp\" / 30) * 30, p.arp_psrc, p.arp_pdst
        FROM public.raw_packets p WHERE p.arp_hwsrc = ANY ($1))
    OR src_ip NOT LIKE '10.20.%' AND dest_ip = ANY ($2))";
const BY_LABEL: &str = "SELECT predicted_label, pg_catalog.count(*), pg_catalog.sum(packet_count)::bigint
    FROM public.traffic_data";

async fn attacks(client: &Client, start: EventTime) -> Result<Vec<AttackFound>, DemoError> {
    let sql = format!(
        "{BY_LABEL} WHERE {HOSTILE} AND dest_ip = ANY ($3) AND last_seen >= pg_catalog.to_timestamp($4)
             AND first_seen < pg_catalog.to_timestamp($5) GROUP BY 1 ORDER BY 2 DESC, 1"
    );
    let mut found = Vec::new();
    for attack in &ATTACKS {
        let (begin, end) = attack.seconds;
        let [begin, end] = [begin, end].map(|seconds| start.unix_seconds() + f64::from(seconds));
        let flooded = if attack.attackers == FORGED { attack.victims } else { &[] };
        let rows = client.query(&sql, &[&attack.attackers, &flooded, &attack.victims, &begin, &end]).await;
        let rows = rows.map_err(PostgresError::doing("look for the attacks"))?;
        found.push(AttackFound { attack, labels: rows.iter().map(label_count).collect() });
    }
    Ok(found)
}

/// Flows without a packet of an attacker.
async fn bystanders(client: &Client) -> Result<Vec<LabelCount>, DemoError> {
    let attackers: Vec<&str> = ATTACKS.iter().flat_map(|attack| attack.attackers).copied().collect();
    let forged = ATTACKS.iter().filter(|attack| attack.attackers == FORGED);
    let flooded: Vec<&str> = forged.flat_map(|attack| attack.victims).copied().collect();
    let sql = format!("{BY_LABEL} WHERE NOT {HOSTILE} GROUP BY 1 ORDER BY 2 DESC, 1");
    let rows = client.query(&sql, &[&attackers, &flooded]).await.map_err(PostgresError::doing("count other flows"))?;
    Ok(rows.iter().map(label_count).collect())
}

fn label_count(row: &Row) -> LabelCount {
    LabelCount { label: row.get(0), flows: number(row, 1), packets: number(row, 2) }
}

async fn windows(client: &Client, ran: Ran) -> Result<Vec<WindowStored>, DemoError> {
    let sql = "SELECT extract(epoch FROM window_start)::float8, extract(epoch FROM window_end)::float8,
                      extract(epoch FROM pg_catalog.max(created_at) FILTER (WHERE revision = 0))::float8,
                      pg_catalog.count(*), pg_catalog.sum(packet_count)::bigint,
                      coalesce(pg_catalog.sum(packet_count) FILTER (WHERE revision > 0), 0)::bigint
               FROM public.traffic_data GROUP BY 1, 2 ORDER BY 1";
    let rows = client.query(sql, &[]).await.map_err(PostgresError::doing("list the windows"))?;
    let window = |row: &Row| {
        let (end, stored): (f64, Option<f64>) = (row.get(1), row.get(2));
        let reached = ran.began.as_secs_f64() + (end - ran.start.unix_seconds()) / SPEED;
        WindowStored {
            start: EventTime::from_unix_seconds(row.get(0)).unwrap_or_default(),
            end: EventTime::from_unix_seconds(end).unwrap_or_default(),
            flows: number(row, 3),
            packets: number(row, 4),
            late: number(row, 5),
            delay: stored.map_or(0.0, |stored| stored - reached),
        }
    };
    Ok(rows.iter().map(window).collect())
}

async fn rejected(client: &Client) -> Result<BTreeMap<String, u64>, DemoError> {
    let sql = "SELECT reason, pg_catalog.count(*) FROM flowsentry.rejected_packets GROUP BY 1";
    let rows = client.query(sql, &[]).await.map_err(PostgresError::doing("count rejected packets"))?;
    Ok(rows.iter().map(|row| (row.get(0), number(row, 1))).collect())
}

fn number(row: &Row, index: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(index)).unwrap_or_default()
}

fn busiest(metrics: &Metrics) -> Busiest {
    let seconds = |stage| -> f64 { metrics.value(&format!("flowsentry_stage_busy_seconds_sum{{stage=\"{stage}\"}}")) };
    let mut busiest = Busiest { stage: "ingest", seconds: 0.0 };
    for stage in ["ingest", "aggregate", "classify", "store"] {
        let seconds = seconds(stage);
        if seconds > busiest.seconds {
            busiest = Busiest { stage, seconds };
        }
    }
    busiest
}
