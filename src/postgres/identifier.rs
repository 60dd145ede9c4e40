//! Names of tables and columns: parsed as people write them, quoted as SQL wants them.

use thiserror::Error;

/// A name that is no table name.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{0:?} is not a table name; write table, schema.table or \"Quoted\".\"Names\"")]
pub struct BadName(pub String);

/// The name as an SQL identifier.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `table` or `schema.table` as written in the settings, schema-qualified and quoted; without a schema it is in `public`.
pub fn qualify(name: &str) -> Result<String, BadName> {
    let (schema, table) = name.split_once('.').unwrap_or(("public", name));
    Ok(format!("{}.{}", quote(schema), quote(table)))
}
