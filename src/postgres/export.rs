//! Flows and alerts of a span of time, row by row, for export.
//!
//! Promises: all rows are of one snapshot, and none is held but the one that is handed on and what the socket brought. The
//! server makes as many rows as were asked for and then waits, so a slow reader slows it, and it works no further than we
//! read. It writes nothing, sorts nothing of the flows, takes one process and no more memory than a small query; a session
//! that waits is ended after `IDLE_MAX`, since its snapshot keeps dead rows from being cleared away.

mod select;

use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use futures::TryStreamExt;
use ipnet::IpNet;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, IsolationLevel, Portal, Row, Transaction};

use self::select::Select;
use super::error::PostgresError;
use super::moment::Moment;
use super::session::{Session, millis};
use crate::export::{Kind, Table, Value};
use crate::flow::time::EventTime;

/// Rows that the server is asked for at a time.
const ROWS_AT_A_TIME: i32 = 1_000;
/// How long nobody may take rows before the session, and with it the snapshot, is given up.
const IDLE_MAX: Duration = Duration::from_mins(15);

/// Which rows are asked for. What is `None` or empty matches all.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// Flows of windows that begin from here on; alerts that were seen from here on.
    pub since: EventTime,
    /// Flows of windows that begin before; alerts that began before.
    pub until: EventTime,
    /// With one of these labels.
    pub labels: Vec<String>,
    /// Of a host or a network: as a flow's source or destination, as an alert's subject or one of its listed peers.
    pub host: Option<IpNet>,
    /// Whether alerts that were withdrawn are left out.
    pub without_withdrawn: bool,
}

/// An export that has begun: a transaction of its own, whose snapshot all rows are of.
pub struct Export<'a> {
    transaction: Transaction<'a>,
    select: Select,
    kinds: Vec<Kind>,
    request: Request,
}

impl<'a> Export<'a> {
    /// Looks at the table and takes the snapshot. `sink`: the table of flows, as the settings name it.
    pub async fn begin(
        session: &'a mut Session,
        table: &Table,
        sink: &str,
        request: Request,
    ) -> Result<Self, PostgresError> {
        let select = Select::of(&session.client, table, sink, &request).await?;
        let transaction = snapshot(&mut session.client).await?;
        let kinds = table.columns.iter().map(|column| column.kind).collect();
        Ok(Self { transaction, select, kinds, request })
    }

    /// About how many rows there are, as the server's planner guesses.
    pub async fn estimate(&self) -> Result<Option<u64>, PostgresError> {
        let sql = format!("EXPLAIN (FORMAT JSON) {}", self.select.sql);
        let values = self.values();
        let doing = PostgresError::doing("ask how many rows there are");
        let row = self.transaction.query_one(&sql, &borrowed(&values)).await.map_err(doing)?;
        let plan: serde_json::Value = row.get(0);
        Ok(plan[0]["Plan"]["Plan Rows"].as_u64())
    }

    /// Hands all rows on: the values of the table's columns, in their order. An error of `take` ends it.
    pub async fn rows<E: From<PostgresError>>(self, mut take: impl FnMut(&[Value]) -> Result<(), E>) -> Result<(), E> {
        let doing = PostgresError::doing("read the rows to export");
        let statement = self.transaction.prepare(&self.select.sql).await.map_err(&doing)?;
        let values = self.values();
        let portal = self.transaction.bind(&statement, &borrowed(&values)).await.map_err(&doing)?;
        let mut row_values = Vec::with_capacity(self.kinds.len());
        while self.some(&portal, &mut row_values, &mut take).await? {}
        drop(portal);
        Ok(self.transaction.commit().await.map_err(&doing)?)
    }

    /// Hands on as many rows as are asked for at a time. Whether there may be more.
    async fn some<E: From<PostgresError>>(
        &self,
        portal: &Portal,
        values: &mut Vec<Value>,
        take: &mut impl FnMut(&[Value]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let doing = PostgresError::doing("read the rows to export");
        let rows = self.transaction.query_portal_raw(portal, ROWS_AT_A_TIME).await.map_err(&doing)?;
        let mut rows = pin!(rows);
        let mut count = 0;
        while let Some(row) = rows.try_next().await.map_err(&doing)? {
            count += 1;
            values.clear();
            values.extend(self.kinds.iter().enumerate().map(|(index, kind)| value(&row, index, *kind)));
            if self.is_wanted(values) {
                take(values)?;
            }
        }
        Ok(count == ROWS_AT_A_TIME)
    }

    /// Addresses that are stored as text are compared here: the server could fail at one that is none.
    fn is_wanted(&self, values: &[Value]) -> bool {
        let Some(host) = self.request.host.filter(|_| !self.select.hosts.is_empty()) else { return true };
        let is_within = |index: &usize| match values.get(*index) {
            Some(Value::Text(text)) => text.parse::<IpAddr>().is_ok_and(|address| host.contains(&address)),
            _ => false,
        };
        self.select.hosts.iter().any(is_within)
    }

    /// The values of the statement's parameters.
    fn values(&self) -> [Box<dyn ToSql + Sync + Send>; 5] {
        let Request { since, until, labels, host, .. } = &self.request;
        let labels = (!labels.is_empty()).then(|| labels.clone());
        let (first, last) = (host.map(|net| net.network()), host.map(|net| net.broadcast()));
        [
            Box::new(Moment::from(*since)),
            Box::new(Moment::from(*until)),
            Box::new(labels),
            Box::new(first),
            Box::new(last),
        ]
    }
}

/// A transaction that reads, in one snapshot, and is no burden.
async fn snapshot(client: &mut Client) -> Result<Transaction<'_>, PostgresError> {
    let doing = PostgresError::doing("begin the export");
    let settings = format!(
        "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = {}; SET work_mem = '4MB';
         SET max_parallel_workers_per_gather = 0; SET jit = off",
        millis(IDLE_MAX)
    );
    client.batch_execute(&settings).await.map_err(&doing)?;
    // Of a reader that pauses in the middle of the rows the server's socket fills up; some systems do without.
    let pause = format!("SET tcp_user_timeout = {}", millis(IDLE_MAX));
    client.batch_execute(&pause).await.map_err(&doing).or_else(|error| match error.answer() {
        Some(_) => Ok(()),
        None => Err(error),
    })?;
    let transaction = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    transaction.start().await.map_err(&doing)
}

fn borrowed(values: &[Box<dyn ToSql + Sync + Send>; 5]) -> [&(dyn ToSql + Sync); 5] {
    values.each_ref().map(|value| value.as_ref() as &(dyn ToSql + Sync))
}

fn value(row: &Row, index: usize, kind: Kind) -> Value {
    match kind {
        Kind::Text => read(row, index, |text: String| Value::Text(text.into())),
        Kind::Count => read(row, index, Value::Count),
        Kind::Real => read(row, index, Value::Real),
        Kind::Time => match row.try_get::<_, Option<Moment>>(index) {
            Ok(Some(moment)) => Value::or_absent(moment.time().map(Value::Time)),
            _ => Value::Absent,
        },
        Kind::Texts => read(row, index, |texts: Vec<String>| Value::Texts(texts.into_iter().map(Into::into).collect())),
        Kind::Counts => read(row, index, Value::Counts),
        Kind::Json => read(row, index, Value::Json),
    }
}

/// The statement gives each column the type of its kind, so nothing but NULL is absent.
fn read<'a, T: FromSql<'a>>(row: &'a Row, index: usize, make: impl FnOnce(T) -> Value) -> Value {
    row.try_get::<_, Option<T>>(index).ok().flatten().map_or(Value::Absent, make)
}
