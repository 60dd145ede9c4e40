//! The steps of a demo between server and service: tables, traffic, replay, and waiting until all of it has come out.

use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::Client;

use super::outcome::Ran;
use super::{DemoError, Service};
use crate::config::Environment;
use crate::flow::time::EventTime;
use crate::postgres::adoption::Tables;
use crate::postgres::migrations::migrate;
use crate::postgres::schema_change::Patience;
use crate::postgres::{Database, Limits, PostgresError};
use crate::sandbox::{PrivatePostgres, Sniffer, Speed, Traffic, demo_traffic};
use crate::telemetry::clock;

/// How much faster than it happened the traffic is replayed: 100 s in 10.
pub const SPEED: f64 = 10.0;
/// A sniffer's upload.
const ROWS_PER_COMMIT: usize = 500;
/// For the last window to close and be stored, once the replay has ended.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const WINDOW_SECONDS: u64 = 30;
/// How long ago the traffic begins at least, so that none of it lies in the future at the end.
const BEGAN_AGO: u64 = 120;

/// The private server's database, with the limits of the defaults.
pub fn database(server: &PrivatePostgres) -> Result<Database, DemoError> {
    let limits = Limits::of(&crate::config::Database::default());
    Ok(Database::resolve(Some(&server.url("postgres")), &Environment::default(), limits)?)
}

/// Makes all tables, as `flowsentry migrate` does. Gives the number of steps that this took.
pub async fn make_tables(client: &mut Client) -> Result<usize, DemoError> {
    let tables = Tables::resolve(client, "raw_packets", "traffic_data", true).await?;
    Ok(migrate(client, &tables, false, Patience::default()).await?.len())
}

/// The repository's traffic, moved to the last few minutes, and when it begins.
pub fn traffic() -> Result<(Traffic, EventTime), DemoError> {
    let began = clock::since_epoch().as_secs().saturating_sub(BEGAN_AGO) / WINDOW_SECONDS * WINDOW_SECONDS;
    let start = EventTime::from_unix_seconds(began as f64).unwrap_or_default();
    Ok((demo_traffic(start)?, start))
}

/// Inserts all rows as a sniffer does; `on_commit` is told how many were committed.
pub async fn replay(
    client: &Client,
    traffic: &Traffic,
    start: EventTime,
    on_commit: impl FnMut(u64),
) -> Result<Ran, DemoError> {
    let sniffer = Sniffer::open(client, "raw_packets", &crate::config::Source::default().columns, "demo0").await?;
    let (began, wall) = (clock::now(), clock::since_epoch());
    traffic.insert(&sniffer, Speed::Times(SPEED), ROWS_PER_COMMIT, on_commit).await?;
    Ok(Ran { start, began: wall, took: began.elapsed() })
}

/// Packets in and packets out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// Rows of `raw_packets`.
    pub packets: u64,
    /// Rows of `flowsentry.rejected_packets`.
    pub rejected: u64,
    /// Σ `packet_count` of `traffic_data`.
    pub in_flows: u64,
}

impl Sums {
    /// Counts both ends, in one snapshot.
    pub async fn count(client: &Client) -> Result<Self, DemoError> {
        let sql = "SELECT (SELECT pg_catalog.count(*) FROM public.raw_packets),
                          (SELECT pg_catalog.count(*) FROM flowsentry.rejected_packets),
                          (SELECT coalesce(pg_catalog.sum(packet_count), 0)::bigint FROM public.traffic_data)";
        let row = client.query_one(sql, &[]).await.map_err(PostgresError::doing("count packets"))?;
        let number = |index: usize| u64::try_from(row.get::<_, i64>(index)).unwrap_or_default();
        Ok(Self { packets: number(0), rejected: number(1), in_flows: number(2) })
    }

    /// Whether every packet has come out, and once.
    pub fn agree(&self) -> bool {
        self.packets == self.rejected + self.in_flows
    }
}

/// Inserts the same traffic as it happens, from now on.
pub async fn live(client: &Client) -> Result<(), DemoError> {
    let now = EventTime::from_unix_seconds(clock::since_epoch().as_secs_f64()).unwrap_or_default();
    let sniffer = Sniffer::open(client, "raw_packets", &crate::config::Source::default().columns, "demo0").await?;
    demo_traffic(now)?.insert(&sniffer, Speed::Times(1.0), ROWS_PER_COMMIT, |_| ()).await?;
    Ok(())
}

/// Waits until every packet is in a flow or rejected. More out than in is no reason to wait.
pub async fn until_all_is_out(client: &Client, service: &mut Service) -> Result<(), DemoError> {
    let deadline = clock::now() + DRAIN_TIMEOUT;
    loop {
        let sums = Sums::count(client).await?;
        if sums.packets <= sums.rejected + sums.in_flows {
            return Ok(());
        }
        service.check(deadline, DRAIN_TIMEOUT, "all packets to come out", || {
            let Sums { packets, rejected, in_flows } = sums;
            format!("of {packets} packets {in_flows} are in flows and {rejected} rejected")
        })?;
        sleep(POLL_INTERVAL).await;
    }
}
