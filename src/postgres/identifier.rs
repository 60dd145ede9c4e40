//! Names of tables: read as SQL reads them, written quoted.
//!
//! A name without a schema is looked up as the role would find it, on the search path that role and database have by
//! default; our sessions themselves have an empty one. All statements use the name that comes out, which has its schema.

use std::fmt;
use std::str::FromStr;

use tokio_postgres::{Client, SimpleQueryMessage};

use super::error::PostgresError;

/// PostgreSQL cuts longer identifiers off.
const IDENTIFIER_BYTES_MAX: usize = 63;

/// What PostgreSQL takes for blanks; everything beyond ASCII is a letter to it.
const BLANKS: [char; 6] = [' ', '\t', '\n', '\r', '\x0b', '\x0c'];

/// A table as people name it: `raw_packets`, `sniffer.raw_packets`, `"Raw Packets"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableName {
    schema: Option<String>,
    name: String,
}

/// A text that is no name of a table.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} is no name of a table: {problem}")]
pub struct IdentifierError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl FromStr for TableName {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, IdentifierError> {
        let misfit = |problem| IdentifierError { text: text.to_owned(), problem };
        let (first, rest) = identifier(text.trim_matches(BLANKS)).map_err(misfit)?;
        if rest.is_empty() {
            return Ok(Self { schema: None, name: first });
        }
        let rest =
            rest.strip_prefix('.').ok_or_else(|| misfit("put a name with blanks or signs into double quotes"))?;
        match identifier(rest).map_err(misfit)? {
            (name, "") => Ok(Self { schema: Some(first), name }),
            (_, rest) if rest.starts_with('.') => {
                Err(misfit("a schema and a table are enough; name the database in the url"))
            }
            _ => Err(misfit("put a name with blanks or signs into double quotes")),
        }
    }
}

/// The first identifier of a text, folded as SQL folds it, and the text behind it.
fn identifier(text: &str) -> Result<(String, &str), &'static str> {
    let (name, rest) = if let Some(quoted) = text.strip_prefix('"') {
        unquoted(quoted).ok_or("a double quote is missing")?
    } else {
        let in_name = |c: char| c == '_' || c == '$' || c.is_ascii_alphanumeric() || !c.is_ascii();
        let (name, rest) = text.split_at(text.find(|c| !in_name(c)).unwrap_or(text.len()));
        if name.starts_with(|c: char| c == '$' || c.is_ascii_digit()) {
            return Err("a name that starts with a digit needs double quotes");
        }
        (name.to_ascii_lowercase(), rest)
    };
    match name.len() {
        0 => Err("it is empty, or a part of it is"),
        length if length > IDENTIFIER_BYTES_MAX => Err("PostgreSQL's names have at most 63 bytes"),
        _ if name.contains('\0') => Err("it has a NUL"),
        _ => Ok((name, rest)),
    }
}

/// The name up to its closing quote, with `""` for a quote within, and the text behind it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

/// The full name of the table that settings name by `text`: without a schema, that of the table which the role finds on its
/// default search path, else of the schema in which it would create one. Our own schema does not count: to a role that is
/// called flowsentry it is the first one of all. Not to be called within a transaction.
pub async fn qualify(client: &Client, text: &str) -> Result<QualifiedName, PostgresError> {
    let TableName { schema, name } = text.parse()?;
    if let Some(schema) = schema {
        return Ok(QualifiedName { schema, name });
    }
    let query = format!(
        "SET LOCAL search_path TO DEFAULT; \
         SELECT p.schema FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY p (schema, place) \
         LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = p.schema \
         LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = {} \
         WHERE p.schema <> 'flowsentry' ORDER BY c.oid IS NULL, p.place LIMIT 1",
        literal(&name),
    );
    let messages = client.simple_query(&query).await.map_err(PostgresError::doing("look up a table"))?;
    let schema = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(QualifiedName { schema: schema.unwrap_or("public").to_owned(), name })
}

/// The full name of a table. Displays as SQL, with both parts quoted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QualifiedName {
    /// Name of the schema, not quoted.
    pub schema: String,
    /// Name of the table, not quoted.
    pub name: String,
}

impl QualifiedName {
    /// A relation of the same schema whose name is this one's with `suffix`, cut where it would become too long.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        let kept = self.name.floor_char_boundary(IDENTIFIER_BYTES_MAX.saturating_sub(suffix.len()));
        Self { schema: self.schema.clone(), name: format!("{}{suffix}", &self.name[..kept]) }
    }

    /// As people write it: quoted only where it must be.
    pub fn shown(&self) -> String {
        let plain = |part: &str| matches!(identifier(part), Ok((name, "")) if name == part);
        let part = |part: &str| if plain(part) { part.to_owned() } else { quote(part) };
        format!("{}.{}", part(&self.schema), part(&self.name))
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", quote(&self.schema), quote(&self.name))
    }
}

/// An identifier for a statement.
pub fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// A text for a statement that takes no parameters. Our sessions have `standard_conforming_strings` on.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<(Option<&str>, &str), &str>) {
        match (text.parse::<TableName>(), expected) {
            (Ok(found), Ok((schema, name))) => {
                assert_eq!((found.schema.as_deref(), found.name.as_str()), (schema, name), "{text}");
            }
            (Err(error), Err(expected)) => assert!(error.problem.contains(expected), "{text}: {error}"),
            (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn names_are_read_as_sql_reads_them() {
        check("raw_packets", Ok((None, "raw_packets")));
        check(" \t\r\n\u{b}\u{c}Raw_Packets ", Ok((None, "raw_packets")));
        // Blank to Unicode, letters of a name to PostgreSQL.
        check("\u{85}.\u{a0}", Ok((Some("\u{85}"), "\u{a0}")));
        check("public.raw_packets", Ok((Some("public"), "raw_packets")));
        check("\"Raw Packets\"", Ok((None, "Raw Packets")));
        check("s.\"a.b\"\"c\"", Ok((Some("s"), "a.b\"c")));
        check("\"S\".t$1", Ok((Some("S"), "t$1")));
        check("пакеты", Ok((None, "пакеты")));
        check("", Err("empty"));
        check("a.", Err("empty"));
        check(".a", Err("empty"));
        check("\"\"", Err("empty"));
        check("\"a", Err("quote is missing"));
        check("raw packets", Err("double quotes"));
        check("raw-packets", Err("double quotes"));
        check("a.b c", Err("double quotes"));
        check("1a", Err("digit"));
        check("d.s.t", Err("database"));
        check("a; DROP TABLE b", Err("double quotes"));
        check(&"x".repeat(64), Err("63 bytes"));
    }

    #[test]
    fn suffixes_never_make_a_name_too_long() {
        let named = |name: &str| QualifiedName { schema: "s".to_owned(), name: name.to_owned() };
        assert_eq!(named("raw").with_suffix("_20260131").name, "raw_20260131");
        assert_eq!(named(&"x".repeat(63)).with_suffix("_default").name.len(), 63);
        assert_eq!(named(&"é".repeat(31)).with_suffix("_default").name, format!("{}_default", "é".repeat(27)));
    }

    proptest! {
        #[test]
        fn what_is_shown_and_what_is_quoted_is_read_back(schema in "[^\\x00]{1,12}", name in "[^\\x00]{1,12}") {
            prop_assume!(schema.len() <= IDENTIFIER_BYTES_MAX && name.len() <= IDENTIFIER_BYTES_MAX);
            let full = QualifiedName { schema: schema.clone(), name: name.clone() };
            let expected = TableName { schema: Some(schema), name };
            prop_assert_eq!(full.to_string().parse::<TableName>(), Ok(expected.clone()));
            prop_assert_eq!(full.shown().parse::<TableName>(), Ok(expected));
        }

        #[test]
        fn nothing_panics(text in ".*") {
            let _ = text.parse::<TableName>();
        }
    }
}
