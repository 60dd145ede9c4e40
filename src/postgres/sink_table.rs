//! The table of flows as it was found: which of our columns it has, and how their values look on the wire there.

use thiserror::Error;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::postgres::error::PostgresError;
use crate::postgres::identifier::{qualify, quote};
use crate::postgres::traffic_data::{Content, columns};

/// The table that flows are stored in.
#[derive(Clone)]
pub struct SinkTable {
    /// Schema-qualified and quoted.
    pub table: String,
    /// Columns that both it and flowsentry have.
    pub columns: Vec<Target>,
}

/// A column to be written.
#[derive(Clone)]
pub struct Target {
    /// Its quoted name.
    pub name: String,
    /// What is written.
    pub content: Content,
    /// How.
    pub format: Format,
}

/// How a value looks in PostgreSQL's binary format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // named after the types
pub enum Format {
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// Cut to this many characters, if the column is that narrow.
    Text(Option<usize>),
    Inet,
    /// With or without time zone.
    Timestamp,
}

/// Why flows cannot be stored in a table.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the messages say it
pub enum SinkError {
    #[error("table {table} does not exist")]
    NoTable { table: String },
    #[error("{table} has no column {column:?}, without which its flows cannot be told apart")]
    NoColumn { table: String, column: &'static str },
    #[error("this role may not {lacking}")]
    NoRight { table: String, lacking: String, mend: String },
    #[error("row-level security is on for {table}, where COPY may not store")]
    RowSecurity { table: String, role: String },
    #[error("{table}.{column:?} has type {found}, which flowsentry cannot write")]
    WrongType { table: String, column: String, found: String },
    #[error("{table}.{column:?} may not be NULL, has no default, and is no column that flowsentry knows")]
    Unknown { table: String, column: String },
}

impl SinkError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NoTable { .. } => {
                "flowsentry migrate creates it; or name another in pipeline.toml: [sink] table = \"schema.name\""
                    .to_owned()
            }
            Self::NoColumn { .. } => "flowsentry migrate --adopt adds it".to_owned(),
            Self::NoRight { mend, .. } => mend.clone(),
            Self::RowSecurity { role, .. } => format!("ALTER ROLE {role} BYPASSRLS;"),
            Self::WrongType { .. } => "flowsentry migrate --print-sql shows the types that it expects".to_owned(),
            Self::Unknown { table, column } => {
                format!("ALTER TABLE {table} ALTER COLUMN {} DROP NOT NULL;", quote(column))
            }
        }
    }
}

/// All that there is to say of a table of flows.
#[derive(Default)]
pub struct Survey {
    /// The table, if there is one; columns that cannot be written are left out.
    pub table: Option<SinkTable>,
    /// Why flows cannot be stored in it.
    pub faults: Vec<SinkError>,
}

impl SinkTable {
    /// Looks the table up; `table` as written in the settings. The first of its faults is the error.
    pub async fn inspect(client: &Client, table: &str) -> Result<Self, PostgresError> {
        let Survey { table: found, faults } = survey(client, table).await?;
        match (faults.into_iter().next(), found) {
            (Some(fault), _) => Err(fault.into()),
            (None, Some(found)) => Ok(found),
            (None, None) => Err(SinkError::NoTable { table: table.to_owned() }.into()),
        }
    }

    /// The statement that stores flows.
    pub fn copy_sql(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|target| target.name.as_str()).collect();
        format!("COPY {} ({}) FROM STDIN (FORMAT binary)", self.table, names.join(", "))
    }
}

/// Looks the table up with all its faults.
pub async fn survey(client: &Client, written: &str) -> Result<Survey, PostgresError> {
    let sql = "SELECT a.attname::text, a.atttypid, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod),
                      a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
                      pg_catalog.row_security_active(c.oid), pg_catalog.quote_ident(current_user)
               FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               WHERE n.nspname = $1 AND c.relname = $2 ORDER BY a.attnum";
    let doing = PostgresError::doing("look at the table of flows");
    let name = qualify(client, written).await?;
    let rows = client.query(sql, &[&name.schema, &name.name]).await.map_err(doing)?;
    let Some(first) = rows.first() else {
        let faults = vec![SinkError::NoTable { table: written.to_owned() }];
        return Ok(Survey { table: None, faults });
    };
    let table = name.to_string();
    let mut faults: Vec<SinkError> = missing_right(client, &table).await?.into_iter().collect();
    if first.get(5) {
        faults.push(SinkError::RowSecurity { table: table.clone(), role: first.get(6) });
    }
    let known = columns();
    let mut targets = Vec::new();
    for row in &rows {
        let column: String = row.get(0);
        match known.iter().find(|known| known.name == column) {
            Some(known) => match Format::of(row.get(1), row.get(2)) {
                Some(format) => targets.push(Target { name: quote(&column), content: known.content, format }),
                None => faults.push(SinkError::WrongType { table: table.clone(), column, found: row.get(3) }),
            },
            None if row.get(4) => faults.push(SinkError::Unknown { table: table.clone(), column }),
            None => {}
        }
    }
    Ok(Survey { table: Some(SinkTable { table, columns: targets }), faults })
}

/// Found out at the start: at the first store it would be too late for an error that a person sees.
async fn missing_right(client: &Client, table: &str) -> Result<Option<SinkError>, PostgresError> {
    let doing = PostgresError::doing("look at the rights on the table of flows");
    let sql = "SELECT pg_catalog.has_table_privilege($1, 'INSERT'),
                      (SELECT min(s.oid::regclass::text) FROM pg_catalog.pg_depend d
                       JOIN pg_catalog.pg_class s ON s.oid = d.objid
                       WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'a'
                         AND d.refobjid = $1::text::regclass
                         -- CASE, for the right may be asked of sequences only, and conditions come in any order.
                         AND CASE WHEN s.relkind = 'S'
                             THEN NOT pg_catalog.has_sequence_privilege(s.oid, 'USAGE') ELSE false END)";
    let row = client.query_one(sql, &[&table]).await.map_err(doing)?;
    let sequence: Option<String> = row.get(1);
    let lacking = match sequence {
        _ if !row.get::<_, bool>(0) => Some((format!("insert into {table}"), format!("GRANT INSERT ON {table} TO …;"))),
        Some(name) => {
            Some((format!("use the sequence {name} of {table}"), format!("GRANT USAGE ON SEQUENCE {name} TO …;")))
        }
        None => None,
    };
    Ok(lacking.map(|(lacking, mend)| SinkError::NoRight { table: table.to_owned(), lacking, mend }))
}

impl Format {
    fn of(type_oid: u32, type_modifier: i32) -> Option<Self> {
        // A varchar(n) has n + 4 as its modifier.
        let width = usize::try_from(type_modifier - 4).ok();
        Some(match Type::from_oid(type_oid)? {
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::TEXT => Self::Text(None),
            Type::VARCHAR | Type::BPCHAR => Self::Text(width),
            Type::INET => Self::Inet,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::Timestamp,
            _ => return None,
        })
    }
}
