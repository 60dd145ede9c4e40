//! How texts are read: neither their length nor their encoding may stop the stream, and ordinary reads do not pay for that.
//!
//! A column such as `src_ip` may hold a gigabyte, if a sniffer goes wrong or somebody means harm. Read as it is, such a row
//! costs us its size in memory, and two such columns make a message longer than the server can send: the same error at each
//! attempt, for ever. So:
//!
//! - A text above [`TEXT_BYTES_MAX`] is unusable, whatever it says. The decoder rejects its row by the length alone, so a row
//!   is judged the same whether its text came whole or cut.
//! - **Guarded** statements cut such texts in the server, which fetches no more of them than it sends. The guard costs the
//!   server a tenth of its time for a row.
//! - **Plain** statements send columns as they are. They are used where speed counts: to read on after a read that came back
//!   full, and without a long text. Longer than a page, a value lies in the table's TOAST relation, so a plain
//!   statement looks at the size of these relations once, in the snapshot in which it reads, and gives no row
//!   unless all are empty; then the same rows are read guarded. What remains are values compressed into a page: 2 MB each at
//!   most, which are streamed, and make the next read guarded.
//!
//! An attempt begins guarded, so one that failed for want of this is followed by one that gets on.
//!
//! In a database of another encoding than UTF-8 the server refuses to send a text that it cannot translate, or, where
//! the encoding is `SQL_ASCII`, bytes that are no UTF-8: again the same error for ever. There texts are sent as the bytes that
//! they are. Addresses and flags are ASCII in all encodings; a row with others is rejected.

use crate::postgres::column::Kind;
use crate::postgres::source::{Source, SourceColumn};

/// Longest text of a packet that is looked at, in bytes. Honest ones have fewer than 64; `char(n)` may pad them.
pub const TEXT_BYTES_MAX: usize = 1024;

/// The select list, in the order of the columns, each as it is.
pub fn plain_list(source: &Source) -> String {
    list(source, String::clone)
}

/// The select list, in the order of the columns, with texts cut to a little more than [`TEXT_BYTES_MAX`].
pub fn guarded_list(source: &Source) -> String {
    list(source, guarded)
}

fn list(source: &Source, of_text: impl Fn(&String) -> String) -> String {
    let columns = source.columns.iter().map(|SourceColumn { name, kind, .. }| match kind {
        Kind::Text => of_text(name),
        Kind::ForeignText => format!("pg_catalog.convert_to({}, 'SQL_ASCII')", of_text(name)),
        _ => name.clone(),
    });
    columns.collect::<Vec<_>>().join(", ")
}

fn guarded(name: &String) -> String {
    // A length is known without fetching the value. Blanks, since a cast of char(n) to text drops its own.
    let long = TEXT_BYTES_MAX + 1;
    format!(
        "CASE WHEN pg_catalog.octet_length({name}) <= {TEXT_BYTES_MAX} THEN {name} \
         ELSE pg_catalog.rpad(pg_catalog.\"left\"({name}, {long}), {long}) END"
    )
}

/// A condition, for the select list of a plain statement's bound: whether no value of the table lies outside of its row.
pub fn nothing_toasted(source: &Source) -> String {
    let table = source.table_oid;
    format!(
        "NOT EXISTS (SELECT FROM (SELECT {table}::oid AS relid
                                  UNION ALL SELECT t.relid::oid FROM pg_catalog.pg_partition_tree({table}::oid::regclass) t) r
                     JOIN pg_catalog.pg_class c ON c.oid = r.relid
                     WHERE c.reltoastrelid <> 0 AND pg_catalog.pg_relation_size(c.reltoastrelid::regclass) > 0)"
    )
}
