//! The statements of a comparison. Times are Unix seconds in double precision; the bounds of windows are whole ones.

use std::collections::BTreeMap;

use tokio_postgres::{GenericClient, Row};

use super::{Both, DESTINATIONS_MAX, Destination, Flows, OldTable, Report, Span, Subject};
use crate::flow::time::EventTime;
use crate::postgres::error::PostgresError;
use crate::postgres::source::Source;

/// When a row was stored, of a table that does not say.
const NEVER: &str = "NULL::double precision";

/// Counts the packets of the span by time, those that the other service may tell of in it, and the rejected ones.
pub(super) async fn packets(
    client: &impl GenericClient,
    subject: &Subject<'_>,
    (span, closed_until): (Span, EventTime),
    event: &str,
    report: &mut Report,
) -> Result<(), PostgresError> {
    let (table, id) = (&subject.source.table, subject.source.id());
    let sql = format!(
        "SELECT pg_catalog.floor((p.time - $1) / $3)::bigint, count(*), count(*) FILTER (WHERE p.time >= $4),
                count(*) FILTER (WHERE p.time >= $1 AND p.time < $2::double precision - $5::double precision)
         FROM (SELECT {event} AS time FROM {table} WHERE {event} >= $1::double precision - $5::double precision AND {event} < $2) p GROUP BY 1"
    );
    let lag = span.lag.as_secs_f64();
    let [since, until, step] = bounds(span);
    let closed = closed_until.unix_seconds();
    let doing = PostgresError::doing("count the packets");
    for row in client.query(&sql, &[&since, &until, &step, &closed, &lag]).await.map_err(doing)? {
        let [count, open, certain] = [1, 2, 3].map(|column| number(&row, column));
        report.possible.0 += certain;
        report.possible.1 += count;
        if let Some(at) = report.step(row.get(0)) {
            at.packets += count;
            report.packets += count;
            report.open += open;
        }
    }
    let sql = format!(
        "SELECT count(*) FROM flowsentry.rejected_packets r JOIN flowsentry.checkpoint c USING (source_id, generation)
             JOIN (SELECT {id} AS id, {event} AS time FROM {table}) p ON p.id = r.packet_id
         WHERE r.source_id = $4 AND p.time >= $1 AND p.time < $2 AND p.time < $3"
    );
    let doing = PostgresError::doing("count the rejected packets");
    let row = client.query_one(&sql, &[&since, &until, &closed, &subject.source_id]).await.map_err(doing)?;
    report.rejected = number(&row, 0);
    Ok(())
}

/// Adds up flowsentry's flows by time and label.
pub(super) async fn our_flows(
    client: &impl GenericClient,
    subject: &Subject<'_>,
    (span, closed_until): (Span, EventTime),
    report: &mut Report,
) -> Result<(), PostgresError> {
    let start = "extract(epoch FROM window_start)::double precision";
    let sql = format!(
        "SELECT pg_catalog.floor(({start} - $1) / $3)::bigint, predicted_label::text, count(*),
                coalesce(sum(packet_count), 0)::bigint, count(*) FILTER (WHERE {start} < $4),
                coalesce(sum(packet_count) FILTER (WHERE {start} < $4), 0)::bigint
         FROM {} WHERE source_id = $5 AND {} GROUP BY 1, 2",
        subject.flows,
        in_span("window_start")
    );
    let ([since, until, step], closed) = (bounds(span), closed_until.unix_seconds());
    let doing = PostgresError::doing("add up the flows");
    for row in client.query(&sql, &[&since, &until, &step, &closed, &subject.source_id]).await.map_err(doing)? {
        let flows = flows(&row, 2);
        report.closed = report.closed.and(self::flows(&row, 4));
        add(report, &row, |both| both.ours = both.ours.and(flows));
    }
    Ok(())
}

/// Adds up the other service's rows by the time at which they were stored, and label.
pub(super) async fn old_flows(
    client: &impl GenericClient,
    old: &OldTable,
    span: Span,
    report: &mut Report,
) -> Result<(), PostgresError> {
    let OldTable { table, is_theirs, .. } = old;
    let created = old.created.as_deref().unwrap_or(NEVER);
    let sql = format!(
        "SELECT pg_catalog.floor(({created} - $1) / $3)::bigint, predicted_label::text, count(*),
                coalesce(sum(packet_count), 0)::bigint
         FROM {table} WHERE {is_theirs} AND {created} >= $1 AND {created} < $2 GROUP BY 1, 2"
    );
    let [since, until, step] = bounds(span);
    let doing = PostgresError::doing("add up the flows of the other service");
    for row in client.query(&sql, &[&since, &until, &step]).await.map_err(doing)? {
        let flows = flows(&row, 2);
        add(report, &row, |both| both.old = both.old.and(flows));
    }
    Ok(())
}

/// Rows of the other service without a time.
pub(super) async fn untimed(client: &impl GenericClient, old: &OldTable) -> Result<Flows, PostgresError> {
    let created = old.created.as_deref().unwrap_or(NEVER);
    let sql = format!(
        "SELECT count(*), coalesce(sum(packet_count), 0)::bigint FROM {} WHERE {} AND {created} IS NULL",
        old.table, old.is_theirs
    );
    let doing = PostgresError::doing("count the rows without a time");
    Ok(flows(&client.query_one(&sql, &[]).await.map_err(doing)?, 0))
}

/// Destinations and protocols of which most packets have another label.
pub(super) async fn destinations(
    client: &impl GenericClient,
    subject: &Subject<'_>,
    span: Span,
) -> Result<Vec<Destination>, PostgresError> {
    if subject.old.created.is_none() {
        return Ok(Vec::new());
    }
    let by_label = |table: &str, condition: &str| {
        format!(
            "SELECT f.dest, f.protocol, sum(f.packets)::bigint AS packets,
                    (pg_catalog.array_agg(f.label ORDER BY f.packets DESC, f.label))[1] AS label
             FROM (SELECT pg_catalog.split_part(coalesce(dest_ip::text, ''), '/', 1) AS dest,
                          coalesce(protocol::text, '') AS protocol, coalesce(predicted_label::text, '') AS label,
                          coalesce(sum(packet_count), 0) AS packets
                   FROM {table} WHERE {condition} GROUP BY 1, 2, 3) f GROUP BY 1, 2"
        )
    };
    let created = subject.old.created.as_deref().unwrap_or(NEVER);
    let ours = by_label(subject.flows, &format!("source_id = $3 AND {}", in_span("window_start")));
    let old =
        by_label(&subject.old.table, &format!("{} AND {created} >= $1 AND {created} < $2", subject.old.is_theirs));
    let sql = format!(
        "SELECT coalesce(o.dest, t.dest), coalesce(o.protocol, t.protocol), o.packets, o.label, t.packets, t.label
         FROM ({ours}) o FULL JOIN ({old}) t ON o.dest = t.dest AND o.protocol = t.protocol
         WHERE o.label IS DISTINCT FROM t.label
         ORDER BY coalesce(o.packets, 0) + coalesce(t.packets, 0) DESC, 1, 2 LIMIT {DESTINATIONS_MAX}"
    );
    let [since, until, _] = bounds(span);
    let doing = PostgresError::doing("compare the destinations");
    let rows = client.query(&sql, &[&since, &until, &subject.source_id]).await.map_err(doing)?;
    let side = |row: &Row, column: usize| {
        let packets: Option<i64> = row.get(column);
        Some((packets?.unsigned_abs(), row.get::<_, Option<String>>(column + 1)?))
    };
    let destination =
        |row: &Row| Destination { address: row.get(0), protocol: row.get(1), ours: side(row, 2), old: side(row, 4) };
    Ok(rows.iter().map(destination).collect())
}

/// When the packet with the lowest id was on the wire.
pub(super) async fn oldest(
    client: &impl GenericClient,
    source: &Source,
    event: &str,
) -> Result<Option<EventTime>, PostgresError> {
    let sql = format!("SELECT {event} FROM {} ORDER BY {} LIMIT 1", source.table, source.id());
    let row = client.query_opt(&sql, &[]).await.map_err(PostgresError::doing("find the oldest packet"))?;
    Ok(row.and_then(|row| row.get::<_, Option<f64>>(0)).and_then(EventTime::from_unix_seconds))
}

/// Condition on a column with a time zone, such that an index of it serves.
fn in_span(column: &str) -> String {
    format!("{column} >= pg_catalog.to_timestamp($1) AND {column} < pg_catalog.to_timestamp($2)")
}

fn bounds(span: Span) -> [f64; 3] {
    [span.since.unix_seconds(), span.until.unix_seconds(), span.step.as_secs_f64()]
}

fn number(row: &Row, column: usize) -> u64 {
    row.get::<_, i64>(column).unsigned_abs()
}

fn flows(row: &Row, column: usize) -> Flows {
    Flows { rows: number(row, column), packets: number(row, column + 1) }
}

/// To the time in the first column and the label in the second.
fn add(report: &mut Report, row: &Row, mut add: impl FnMut(&mut Both)) {
    if let Some(at) = report.step(row.get(0)) {
        add(&mut at.both);
    }
    let label: Option<String> = row.get(1);
    let labels: &mut BTreeMap<String, Both> = &mut report.labels;
    add(labels.entry(label.unwrap_or_default()).or_default());
}
