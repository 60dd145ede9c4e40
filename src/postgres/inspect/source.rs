//! The table of packets: the faults that a start refuses, as findings, and its tables' indexes and persistence.

use tokio_postgres::Client;

use crate::check::source::SourceTable;
use crate::check::{Finding, Remedy};
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::quote;
use crate::postgres::source::{Source, SourceError};

/// A fault as a finding: the words are those of a start that is refused.
pub fn fault(error: &SourceError) -> Finding {
    let (check, why) = match error {
        SourceError::NoTable { .. } | SourceError::NotATable { .. } => {
            ("source.table", "there is nothing that packets could be read from exactly once")
        }
        SourceError::Standby => {
            ("source.standby", "a packet that commits late would be taken for one that never comes")
        }
        SourceError::Subscribed { .. } | SourceError::Distributed { .. } => {
            ("source.replicated", "a packet that commits late would be taken for one that never comes")
        }
        SourceError::RowSecurity { .. } => {
            ("source.row_security", "a packet that is hidden is taken for one that never comes")
        }
        SourceError::NoColumn { .. } | SourceError::WrongType { .. } => {
            ("source.columns", "a packet without it cannot be folded into its flow")
        }
        SourceError::NoSequence { .. } | SourceError::Sequence { .. } => {
            ("source.sequence", "a lower id that commits later would never be read, or a packet would be read twice")
        }
    };
    let finding = Finding::refused(check, subject(error), error.to_string(), why);
    let Some(hint) = error.hint() else { return finding };
    finding.mend(match error {
        SourceError::RowSecurity { .. } | SourceError::NoSequence { .. } | SourceError::Sequence { .. } => {
            Remedy::Sql(hint)
        }
        _ => Remedy::Advice(hint),
    })
}

fn subject(error: &SourceError) -> String {
    match error {
        SourceError::Standby => "server".to_owned(),
        SourceError::Sequence { sequence, .. } => sequence.clone(),
        SourceError::NoColumn { table, column, .. }
        | SourceError::WrongType { table, column, .. }
        | SourceError::NoSequence { table, column, .. } => format!("{table}.{}", quote(column)),
        SourceError::NoTable { table }
        | SourceError::NotATable { table, .. }
        | SourceError::Subscribed { table }
        | SourceError::Distributed { table }
        | SourceError::RowSecurity { table, .. } => table.clone(),
    }
}

/// Looks at the table, and at its partitions where it has some.
pub async fn look(client: &Client, source: &Source) -> Result<SourceTable, PostgresError> {
    let sql = "SELECT n.nspname::text, c.relname::text, c.relpersistence = 'u', count(i.indexrelid) > 0,
                      coalesce(pg_catalog.bool_or(i.indisunique), false)
               FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
                   AND pg_catalog.concat('\"', pg_catalog.replace(a.attname::text, '\"', '\"\"'), '\"') = $2
               LEFT JOIN (pg_catalog.pg_index i
                          JOIN pg_catalog.pg_class k ON k.oid = i.indexrelid
                          JOIN pg_catalog.pg_am m ON m.oid = k.relam AND m.amname = 'btree')
                   ON i.indrelid = c.oid AND i.indkey[0] = a.attnum AND i.indisvalid AND i.indpred IS NULL
               WHERE c.relkind = 'r'
                 AND (c.oid = $1 OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree($1::oid::regclass) p WHERE p.isleaf))
               GROUP BY 1, 2, 3 ORDER BY 1, 2";
    let doing = PostgresError::doing("look at the indexes of the packets");
    let rows = client.query(sql, &[&source.table_oid, &source.id()]).await.map_err(doing)?;
    let mut found = SourceTable {
        table: source.table.clone(),
        id: source.id().to_owned(),
        is_partitioned: source.partitioned,
        ..SourceTable::default()
    };
    for row in rows {
        let name = format!("{}.{}", quote(row.get(0)), quote(row.get(1)));
        if row.get(2) {
            found.unlogged.push(name.clone());
        }
        if !row.get::<_, bool>(4) {
            found.not_unique.push(name.clone());
        }
        if !row.get::<_, bool>(3) {
            found.unindexed.push(name);
        }
    }
    Ok(found)
}
