//! The table of packets, beyond what a start refuses: whether it survives a crash, and whether it is read by an index.

use super::finding::Finding;

/// The table of packets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceTable {
    /// Schema-qualified and quoted.
    pub table: String,
    /// The quoted id column.
    pub id: String,
    /// Whether it is partitioned.
    pub is_partitioned: bool,
    /// Tables of it that a crash empties, quoted.
    pub unlogged: Vec<String>,
    /// Tables of it, itself or partitions, without any index that begins with the id.
    pub unindexed: Vec<String>,
    /// Tables of it whose ids nothing keeps apart: no primary key or unique index that begins with the id.
    pub not_unique: Vec<String>,
}

/// Judges the table of packets.
pub fn judge(source: &SourceTable) -> Vec<Finding> {
    let SourceTable { table, id, .. } = source;
    let mut findings = Vec::new();
    if !source.unlogged.is_empty() {
        let why = "a crash of the server empties it and begins its ids anew: packets not read by then are gone";
        let change = source.unlogged.iter().map(|name| format!("ALTER TABLE {name} SET LOGGED;"));
        let finding =
            Finding::warning("source.unlogged", table, format!("UNLOGGED: {}", listed(&source.unlogged)), why);
        findings.push(finding.sql(change.collect::<Vec<_>>().join(" ")));
    }
    findings.push(if source.unindexed.is_empty() {
        Finding::fine("source.index", table, format!("read by an index on {id}"))
    } else {
        let why = "each of ten reads a second would scan the whole table";
        let change = source.unindexed.iter().map(|name| format!("CREATE INDEX CONCURRENTLY ON {name} ({id});"));
        let found = format!("no index begins with {id}: {}", listed(&source.unindexed));
        Finding::warning("source.index", table, found, why).sql(change.collect::<Vec<_>>().join(" "))
    });
    if !source.not_unique.is_empty() {
        let why =
            "of two packets with one id the later one may be missed; the command fails where there are such already";
        let change = source.not_unique.iter().map(|name| {
            // A primary key of the whole would need the partition key in it.
            if source.is_partitioned {
                format!("CREATE UNIQUE INDEX CONCURRENTLY ON {name} ({id});")
            } else {
                format!("ALTER TABLE {name} ADD PRIMARY KEY ({id});")
            }
        });
        let found = format!("no primary key or unique index on {id}: {}", listed(&source.not_unique));
        let finding = Finding::warning("source.primary_key", table, found, why);
        findings.push(finding.sql(change.collect::<Vec<_>>().join(" ")));
    }
    findings
}

/// The first few, and how many there are.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_name_the_tables_concerned() {
        let check = |source: SourceTable, expected: &[(&str, &str)]| {
            let findings = judge(&source);
            let found: Vec<_> = findings
                .iter()
                .map(|finding| (finding.check, finding.remedy.as_ref().map_or("", |remedy| remedy.text())))
                .collect();
            assert_eq!(found, expected);
        };
        let base = || SourceTable { table: "t".to_owned(), id: "\"id\"".to_owned(), ..SourceTable::default() };
        let t = || vec!["t".to_owned()];
        check(base(), &[("source.index", "")]);
        check(
            SourceTable { unlogged: t(), ..base() },
            &[("source.unlogged", "ALTER TABLE t SET LOGGED;"), ("source.index", "")],
        );
        check(
            SourceTable { unindexed: t(), not_unique: t(), ..base() },
            &[
                ("source.index", "CREATE INDEX CONCURRENTLY ON t (\"id\");"),
                ("source.primary_key", "ALTER TABLE t ADD PRIMARY KEY (\"id\");"),
            ],
        );
        let many: Vec<String> = (0..5).map(|number| format!("p{number}")).collect();
        let finding = judge(&SourceTable { unlogged: many, ..base() }).remove(0);
        assert_eq!(finding.found, "UNLOGGED: p0, p1, p2 and 2 more");
    }
}
