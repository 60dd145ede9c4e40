//! The messages about alerts: JSON that says how an alert stood when something was to be told of it.
//!
//! Made by the server from the row as it was just stored, so that it has all that people may see: what the columns say, and
//! nothing else. The number of the delivery is added when it is sent (`tell`).

/// The message about a row `a` of the alerts, where `t` has the event and the source's name.
macro_rules! body {
    () => {
        r#"pg_catalog.jsonb_build_object(
        'version', 1,
        'event', t.event,
        'source', t.source,
        'alert', pg_catalog.jsonb_build_object(
            'id', a.id,
            'subject', pg_catalog.host(a.subject),
            'subject_kind', a.subject_kind,
            'label', a.label,
            'severity', a.severity,
            'state', a.state,
            'confidence', a.confidence,
            'first_seen', pg_catalog.to_char(a.first_seen AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'last_seen', pg_catalog.to_char(a.last_seen AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'detected_at', pg_catalog.to_char(a.detected_at AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'updated_at', pg_catalog.to_char(a.updated_at AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'ended_at', pg_catalog.to_char(a.ended_at AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'packets', a.packets,
            'bytes', a.bytes,
            'flows', a.flows,
            'windows', a.windows,
            'peers', a.peers,
            'peer_sample', (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.host(p.peer)), '[]'::jsonb)
                            FROM pg_catalog.unnest(a.peer_sample) AS p(peer)),
            'ports', a.ports,
            'port_sample', a.port_sample,
            'protocols', a.protocols,
            'reasons', a.reasons,
            'model_version', a.model_version,
            'merged_into', a.merged_into,
            'acknowledged_at', pg_catalog.to_char(a.acknowledged_at AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'acknowledged_by', a.acknowledged_by,
            'note', a.note))"#
    };
}

/// A message to each of the receivers `$3` for each alert in `$1`, whose events are in `$2`; `$4` is the source's name.
/// In the order of the alerts: the order of ids is the order of delivery.
pub(super) const INSERT: &str = concat!(
    "INSERT INTO flowsentry.outbox (alert_id, receiver, event, body) SELECT a.id, w.receiver, t.event, ",
    body!(),
    " FROM (SELECT c.*, $4::text AS source
            FROM ROWS FROM (pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::text[]))
                 WITH ORDINALITY AS c(id, event, place)) t
      JOIN flowsentry.alerts a ON a.id = t.id
      CROSS JOIN pg_catalog.unnest($3::text[]) AS w(receiver)
      ORDER BY t.place"
);

/// The next open alerts of source `$1`, whose name is `$2`, behind alert `$3`, at most `$4`, with messages that say so. Not
/// those of which receiver `$5` has yet to be told something.
pub(in crate::postgres) const OPEN: &str = concat!(
    "SELECT a.id, ",
    body!(),
    " FROM flowsentry.alerts a CROSS JOIN (SELECT 'open'::text AS event, $2::text AS source) t
      WHERE a.source_id = $1 AND a.state = 'open' AND a.id > $3::bigint AND NOT EXISTS
          (SELECT FROM flowsentry.outbox o
           WHERE o.receiver = $5 AND o.alert_id = a.id AND o.state = 'pending')
      ORDER BY a.id LIMIT $4::bigint"
);
