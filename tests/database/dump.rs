//! The schema of a database as text that is the same on each day and in each run.

use std::fmt::Write;

use tokio_postgres::Client;

const QUERY: &str = "
WITH relations AS (
    SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind, c.relpartbound
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('public', 'flowsentry') AND c.relkind IN ('r', 'p', 'v')
), lines AS (
    SELECT name, 0 AS kind, 0 AS place,
        CASE relkind WHEN 'p' THEN 'partitioned by ' || pg_get_partkeydef(oid) ELSE coalesce(pg_get_expr(relpartbound, oid), 'table') END
            || coalesce(' -- ' || obj_description(oid, 'pg_class'), '') AS line
    FROM relations
    UNION ALL
    SELECT name, 1, attnum, attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END
        || CASE attidentity WHEN 'a' THEN ' identity always' WHEN 'd' THEN ' identity' ELSE '' END
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
        || coalesce(' -- ' || col_description(attrelid, attnum), '')
    FROM relations JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum
    WHERE relpartbound IS NULL
    UNION ALL
    SELECT name, 2, row_number() OVER (ORDER BY i.indexrelid::regclass::text), pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
    FROM relations JOIN pg_index i ON i.indrelid = relations.oid WHERE relpartbound IS NULL
    UNION ALL
    SELECT name, 3, row_number() OVER (ORDER BY t.tgname), pg_get_triggerdef(t.oid)
    FROM relations JOIN pg_trigger t ON t.tgrelid = relations.oid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT name, 4, row_number() OVER (ORDER BY k.conname), k.conname || ' ' || pg_get_constraintdef(k.oid)
    FROM relations JOIN pg_constraint k ON k.conrelid = relations.oid WHERE relpartbound IS NULL AND k.contype <> 'n'
)
SELECT name, line FROM lines ORDER BY name, kind, place";

const FUNCTIONS: &str = "
SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('public', 'flowsentry') ORDER BY p.proname";

/// Tables with columns, indexes, triggers, constraints and comments, then functions. Partitions are named by their distance
/// from today.
pub async fn schema(client: &Client) -> String {
    let mut text = String::new();
    let mut last = String::new();
    for row in client.query(QUERY, &[]).await.unwrap() {
        let (name, line): (String, String) = (row.get(0), row.get(1));
        if name != last {
            let _ = writeln!(text, "\n{name}");
            last = name;
        }
        let _ = writeln!(text, "    {line}");
    }
    for row in client.query(FUNCTIONS, &[]).await.unwrap() {
        let _ = write!(text, "\n{}", row.get::<_, String>(0));
    }
    // As PostgreSQL 13 says it.
    text = text.replace("timezone('utc'::text, now())", "(now() AT TIME ZONE 'utc'::text)");
    let days = "SELECT to_char(d, 'YYYYMMDD'), to_char(d, 'YYYY-MM-DD'), n
                FROM generate_series(-1, 9) n, LATERAL (SELECT (now() AT TIME ZONE 'utc')::date + n AS d) x";
    for row in client.query(days, &[]).await.unwrap() {
        let (compact, dashed, distance): (String, String, i32) = (row.get(0), row.get(1), row.get(2));
        text = text.replace(&compact, &format!("<today+{distance}>")).replace(&dashed, &format!("<today+{distance}>"));
    }
    text
}
