//! The statement that reads what is exported. An adopted table may lack columns, or have them in other types: what it does
//! not have is NULL, and what cannot be read as what it should be is NULL, since one odd value must not end an export.

use ipnet::IpNet;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::Request;
use crate::export::{Column, Kind, Table, What};
use crate::postgres::error::PostgresError;
use crate::postgres::identifier::{qualify, quote};
use crate::postgres::sink_table::SinkError;

/// Characters of a text at most; what is longer is cut in the server, as it would have to be held here.
const TEXT_MAX: usize = 1 << 20;

/// A statement; `$1` and `$2` are the span, `$3` the labels, `$4` and `$5` the first and last address asked for.
pub(super) struct Select {
    pub sql: String,
    /// Columns, by their places, that must be compared with the addresses that are asked for.
    pub hosts: Vec<usize>,
}

/// A column as the table has it.
struct Found {
    name: String,
    type_oid: u32,
}

impl Select {
    pub async fn of(client: &Client, table: &Table, sink: &str, request: &Request) -> Result<Self, PostgresError> {
        match table.what {
            What::Flows => flows(client, &table.columns, sink, request.host).await,
            What::Alerts => Ok(alerts(&table.columns, request.without_withdrawn)),
        }
    }
}

async fn flows(client: &Client, columns: &[Column], sink: &str, host: Option<IpNet>) -> Result<Select, PostgresError> {
    let sql = "SELECT a.attname::text, a.atttypid FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               WHERE n.nspname = $1 AND c.relname = $2";
    let doing = PostgresError::doing("look at the table of flows");
    let name = qualify(client, sink).await?;
    let rows = client.query(sql, &[&name.schema, &name.name]).await.map_err(doing)?;
    if rows.is_empty() {
        return Err(SinkError::NoTable { table: sink.to_owned() }.into());
    }
    let found: Vec<Found> = rows.iter().map(|row| Found { name: row.get(0), type_oid: row.get(1) }).collect();
    let type_of = |name: &str| {
        let column = found.iter().find(|column| column.name == name);
        column.map(|column| Type::from_oid(column.type_oid).unwrap_or(Type::UNKNOWN))
    };
    let read = columns.iter().map(|column| match type_of(column.name) {
        None => format!("NULL::{}", sql_type(column.kind)),
        Some(found) => expression(&quote(column.name), &found, column.kind),
    });
    let read: Vec<String> = read.collect();
    let time = |name: &str| type_of(name).map(|found| expression(&quote(name), &found, Kind::Time));
    let within = |time: &str| format!("{time} >= $1::timestamptz AND {time} < $2::timestamptz");
    // Rows of the existing system have no window. The index on windows finds them, too.
    let span = match (time("window_start"), time("created_at")) {
        (Some(window), Some(created)) => {
            format!("({} OR window_start IS NULL AND {})", within(&window), within(&created))
        }
        (Some(time), None) | (None, Some(time)) => within(&time),
        (None, None) => return Err(SinkError::NoColumn { table: name.to_string(), column: "window_start" }.into()),
    };
    let label = match type_of("predicted_label") {
        Some(_) => "($3::text[] IS NULL OR predicted_label::text = ANY ($3))",
        None => "$3::text[] IS NULL",
    };
    let (of_host, hosts) = hosts(columns, type_of, host);
    let sql = format!("SELECT {} FROM {name} WHERE {span} AND {label} AND {of_host}", read.join(", "));
    Ok(Select { sql, hosts })
}

/// The condition on the addresses, and the columns that are left to compare.
fn hosts(columns: &[Column], type_of: impl Fn(&str) -> Option<Type>, host: Option<IpNet>) -> (String, Vec<usize>) {
    let none = "($4::inet IS NULL OR $5::inet IS NOT NULL)".to_owned();
    let Some(host) = host else { return (none, Vec::new()) };
    let sides: Vec<(usize, &str, Type)> = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| ["src_ip", "dest_ip"].contains(&column.name))
        .filter_map(|(index, column)| Some((index, column.name, type_of(column.name)?)))
        .collect();
    let is_inet = sides.iter().all(|(.., found)| *found == Type::INET);
    // IPv4 has one way to be written.
    let is_one = matches!(host, IpNet::V4(net) if net.prefix_len() == 32);
    let condition = |name: &str, found: &Type| match *found {
        Type::INET => format!("{name} BETWEEN $4::inet AND $5::inet"),
        _ => format!("{name}::text = pg_catalog.host($4::inet)"),
    };
    let conditions: Vec<String> = sides.iter().map(|(_, name, found)| condition(name, found)).collect();
    match conditions.is_empty() {
        true => ("$4::inet IS NULL AND $5::inet IS NULL".to_owned(), Vec::new()),
        false if is_inet || is_one => (format!("({}) AND $5::inet IS NOT NULL", conditions.join(" OR ")), Vec::new()),
        false => (none, sides.iter().map(|(index, ..)| *index).collect()),
    }
}

fn alerts(columns: &[Column], without_withdrawn: bool) -> Select {
    let read = columns.iter().map(|column| match (column.name, column.kind) {
        ("subject", _) => "pg_catalog.host(subject)".to_owned(),
        ("peer_sample", _) => "(SELECT coalesce(pg_catalog.array_agg(pg_catalog.host(peer)), '{}') \
              FROM pg_catalog.unnest(peer_sample) peer)"
            .to_owned(),
        (name, Kind::Text) => format!("pg_catalog.\"left\"({name}, {TEXT_MAX})"),
        (name, Kind::Counts) => format!("{name}::bigint[]"),
        (name, kind) => format!("{name}::{}", sql_type(kind)),
    });
    let state = if without_withdrawn { "state <> 'withdrawn' AND" } else { "" };
    let sql = format!(
        "SELECT {} FROM flowsentry.alerts
         WHERE {state} last_seen >= $1::timestamptz AND first_seen < $2::timestamptz
           AND ($3::text[] IS NULL OR label = ANY ($3))
           AND ($4::inet IS NULL OR subject BETWEEN $4 AND $5::inet
                OR EXISTS (SELECT FROM pg_catalog.unnest(peer_sample) peer WHERE peer BETWEEN $4 AND $5::inet))
         ORDER BY id",
        read.collect::<Vec<_>>().join(", ")
    );
    Select { sql, hosts: Vec::new() }
}

fn sql_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Count => "bigint",
        Kind::Real => "double precision",
        Kind::Time => "timestamptz",
        Kind::Texts => "text[]",
        Kind::Counts => "bigint[]",
        Kind::Json => "jsonb",
    }
}

/// A column read as a kind.
fn expression(column: &str, found: &Type, kind: Kind) -> String {
    let is_whole = [Type::INT2, Type::INT4, Type::INT8].contains(found);
    let is_real = [Type::FLOAT4, Type::FLOAT8].contains(found);
    match kind {
        Kind::Text if *found == Type::INET => format!("pg_catalog.host({column})"),
        Kind::Text => format!("pg_catalog.\"left\"({column}::text, {TEXT_MAX})"),
        Kind::Count if is_whole => format!("{column}::bigint"),
        Kind::Count if is_real => {
            // NaN is above all numbers.
            format!("CASE WHEN pg_catalog.abs({column}) < 9e18 THEN {column}::bigint END")
        }
        Kind::Count => format!("CASE WHEN {column}::text ~ '^-?[0-9]{{1,18}}$' THEN {column}::text::bigint END"),
        Kind::Real if is_whole || is_real => format!("{column}::double precision"),
        Kind::Real => format!(
            "CASE WHEN {column}::text ~ '^-?[0-9]{{1,18}}([.][0-9]{{1,18}})?$' THEN {column}::text::double precision END"
        ),
        // Without a zone it is UTC, which is the zone of our sessions.
        Kind::Time if [Type::TIMESTAMP, Type::TIMESTAMPTZ, Type::DATE].contains(found) => {
            if *found == Type::TIMESTAMPTZ { column.to_owned() } else { format!("{column}::timestamptz") }
        }
        Kind::Time if is_whole || is_real => {
            format!("CASE WHEN {column} BETWEEN 0 AND 253402300799 THEN pg_catalog.to_timestamp({column}) END")
        }
        other => format!("NULL::{}", sql_type(other)),
    }
}
