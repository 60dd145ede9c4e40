//! Exceptions, as they are stored, found again, and proved by the alerts of the past.
//!
//! A row that cannot be understood, as when its schedule was broken by hand, silences nothing and is told of. Rows are read
//! within bounds: texts are cut in the server, and beyond [`EXCEPTIONS_MAX`] exceptions that are in force the later ones
//! silence nothing either.

use std::pin::pin;
use std::time::Duration;

use futures::TryStreamExt;
use tokio::sync::mpsc;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::database::Database;
use super::error::PostgresError;
use super::moment::Moment;
use super::session::Session;
use crate::alert::exception::proof::{PastAlert, Proof};
use crate::alert::{Exception, Exceptions, Filter, FilterError, Severity, Subject, SubjectKind};
use crate::flow::time::EventTime;

/// The channel that the table's trigger notifies.
pub const CHANNEL: &str = "flowsentry_exceptions";
/// Exceptions in force, at most: each alarmed flow is held against all of them.
pub const EXCEPTIONS_MAX: usize = 10_000;
/// How far a proof looks back.
pub const PROVED_BY: Duration = Duration::from_hours(7 * 24);
/// Alerts that a proof looks at, at most; the latest.
pub const PROVED_BY_MAX: u64 = 100_000;

/// Its texts are cut just beyond what `Filter` takes, so that what is too long is still seen to be.
const FILTER_COLUMNS: &str = "id, source::text, destination::text, pg_catalog.\"left\"(protocol, 201), port,
    pg_catalog.\"left\"(label, 201), pg_catalog.\"left\"(schedule, 1001), expires_at";

/// What was found in the table.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Loaded {
    /// Those that can be understood.
    pub exceptions: Exceptions,
    /// Those that cannot, by their ids.
    pub faults: Vec<(i64, FilterError)>,
    /// Whether there are more than are taken.
    pub has_more: bool,
}

/// An exception as the table has it.
#[derive(Clone, PartialEq, Debug)]
pub struct Stored {
    /// Its id.
    pub id: i64,
    /// What it asks of a flow.
    pub filter: Filter,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// Since when it is there.
    pub created: EventTime,
    /// Verdicts that it silenced.
    pub silenced: u64,
    /// When it silenced one last.
    pub last_silenced: Option<EventTime>,
}

/// All that have not expired.
pub async fn load(client: &Client) -> Result<Loaded, PostgresError> {
    let sql = format!(
        "SELECT {FILTER_COLUMNS} FROM flowsentry.exceptions
         WHERE expires_at IS NULL OR expires_at > pg_catalog.now() ORDER BY id LIMIT {}",
        EXCEPTIONS_MAX + 1
    );
    let rows = client.query(&sql, &[]).await.map_err(PostgresError::doing("read the exceptions"))?;
    let mut loaded = Loaded { has_more: rows.len() > EXCEPTIONS_MAX, ..Loaded::default() };
    for row in rows.iter().take(EXCEPTIONS_MAX) {
        let id = row.get(0);
        match filter(row).understand(id) {
            Ok(exception) => loaded.exceptions.0.push(exception),
            Err(error) => loaded.faults.push((id, error)),
        }
    }
    Ok(loaded)
}

/// The latest of them with all that is known of each, those that have expired included.
pub async fn list(client: &Client) -> Result<Vec<Stored>, PostgresError> {
    let sql = format!(
        "SELECT {FILTER_COLUMNS}, pg_catalog.\"left\"(owner, 1000), pg_catalog.\"left\"(reason, 1000), created_at, silenced,
                last_silenced_at
         FROM flowsentry.exceptions ORDER BY id DESC LIMIT {EXCEPTIONS_MAX}"
    );
    let rows = client.query(&sql, &[]).await.map_err(PostgresError::doing("read the exceptions"))?;
    let stored = rows.iter().rev().map(|row| Stored {
        id: row.get(0),
        filter: filter(row),
        owner: row.get(8),
        reason: row.get(9),
        created: row.get::<_, Moment>(10).clamped(),
        silenced: row.get::<_, i64>(11).unsigned_abs(),
        last_silenced: row.get::<_, Option<Moment>>(12).map(Moment::clamped),
    });
    Ok(stored.collect())
}

fn filter(row: &Row) -> Filter {
    Filter {
        source: row.get(1),
        destination: row.get(2),
        protocol: row.get(3),
        port: row.get(4),
        label: row.get(5),
        schedule: row.get(6),
        expires: row.get::<_, Option<Moment>>(7).and_then(Moment::time),
    }
}

/// Saves one that is understood; gives its id.
pub async fn add(
    client: &Client,
    exception: &Exception,
    schedule: Option<&str>,
    owner: &str,
    reason: &str,
) -> Result<i64, PostgresError> {
    let sql = "INSERT INTO flowsentry.exceptions
                   (source, destination, protocol, port, label, schedule, expires_at, owner, reason)
               VALUES ($1::text::cidr, $2::text::cidr, $3, $4, $5, $6, $7, $8, $9) RETURNING id";
    let text = |net: Option<ipnet::IpNet>| net.map(|net| net.to_string());
    let (source, destination) = (text(exception.source), text(exception.destination));
    let (port, expires) = (exception.port.map(i32::from), exception.expires.map(Moment::from));
    let values: [&(dyn ToSql + Sync); 9] =
        [&source, &destination, &exception.protocol, &port, &exception.label, &schedule, &expires, &owner, &reason];
    Ok(client.query_one(sql, &values).await.map_err(PostgresError::doing("save the exception"))?.get(0))
}

/// Deletes one. `false`: there is none of that id.
pub async fn remove(client: &Client, id: i64) -> Result<bool, PostgresError> {
    let sql = "DELETE FROM flowsentry.exceptions WHERE id = $1";
    let doing = PostgresError::doing("delete the exception");
    Ok(client.execute(sql, &[&id]).await.map_err(doing)? > 0)
}

/// What an exception would have done to the alerts of the seven days before `now`.
pub async fn prove(client: &Client, exception: &Exception, now: EventTime) -> Result<Proof, PostgresError> {
    let sql = format!(
        "SELECT id, subject, subject_kind, pg_catalog.\"left\"(label, 201), severity, first_seen, last_seen, peers,
                peer_sample, ports, port_sample, protocols
         FROM flowsentry.alerts WHERE last_seen >= $1 ORDER BY last_seen DESC, id DESC LIMIT {}",
        PROVED_BY_MAX + 1
    );
    let doing = PostgresError::doing("read the alerts of the last seven days");
    let since = Moment::from(now.saturating_sub(PROVED_BY));
    let mut rows = pin!(client.query_raw(&sql, [&since]).await.map_err(&doing)?);
    let mut proof = Proof::default();
    while let Some(row) = rows.try_next().await.map_err(&doing)? {
        if proof.alerts == PROVED_BY_MAX {
            proof.is_partial = true;
        } else {
            proof.look(exception, past_alert(&row));
        }
    }
    Ok(proof)
}

fn past_alert(row: &Row) -> PastAlert {
    let count = |column: usize| row.get::<_, i64>(column).unsigned_abs();
    let ports: Vec<i32> = row.get(10);
    PastAlert {
        id: row.get(0),
        subject: Subject {
            // The table's own check lets nothing else in.
            kind: SubjectKind::from_name(row.get(2)).unwrap_or(SubjectKind::Attacker),
            address: row.get(1),
        },
        label: row.get(3),
        severity: Severity::from_name(row.get(4)).unwrap_or(Severity::Critical),
        first_seen: row.get::<_, Moment>(5).clamped(),
        last_seen: row.get::<_, Moment>(6).clamped(),
        peers: count(7),
        peer_sample: row.get(8),
        ports: count(9),
        port_sample: ports.into_iter().filter_map(|port| u16::try_from(port).ok()).collect(),
        protocols: row.get(11),
    }
}

/// A session that hears of changes. It is never inside a transaction: a listener in one would keep the server's queue of
/// notifications from shrinking.
#[derive(Debug)]
pub struct Watcher {
    session: Session,
    changes: mpsc::Receiver<()>,
}

impl Watcher {
    /// Connects and listens. What was changed before is not told: read once after this.
    pub async fn listen(database: &Database) -> Result<Self, PostgresError> {
        let (session, changes) = database.listening_session("exceptions", CHANNEL).await?;
        Ok(Self { session, changes })
    }

    /// Waits until they change.
    pub async fn changed(&mut self) -> Result<(), PostgresError> {
        match self.changes.recv().await {
            Some(()) => Ok(()),
            None => Err(self.session.closed().await),
        }
    }

    /// As they are now. Changes told before this are part of it.
    pub async fn load(&mut self) -> Result<Loaded, PostgresError> {
        while self.changes.try_recv().is_ok() {}
        load(&self.session.client).await
    }

    /// Asks the server whether this session still listens.
    pub async fn prove_listening(&self) -> Result<(), PostgresError> {
        let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_listening_channels() AS c WHERE c = $1)";
        let doing = PostgresError::doing("ask whether this session still listens");
        let listens: bool = self.session.client.query_one(sql, &[&CHANNEL]).await.map_err(doing)?.get(0);
        if listens { Ok(()) } else { Err(PostgresError::Closed { role: "exceptions", source: None }) }
    }
}
