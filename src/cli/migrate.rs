//! `flowsentry migrate`: makes or adopts tables, and brings flowsentry's own schema up to date.

use std::fmt::Write;

use serde_json::{Value, json};

use super::context::Context;
use crate::exit::Failure;
use crate::postgres::adoption::Tables;
use crate::postgres::inspect::rights::roles::{self, Roles};
use crate::postgres::migrations::{migrate, plan};
use crate::postgres::schema_change::{Change, Outcome, Patience, Skipped, script};

/// Make or adopt the tables of packets and flows, and bring flowsentry's own schema up to date. What is up to date already
/// is left alone. A change that the role has no right to make is skipped, if flowsentry works without it, and what is lost
/// is said.
#[derive(clap::Args, Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of its own
#[command(after_help = "\
Examples:
  flowsentry migrate                       an empty database: makes everything
  flowsentry migrate --adopt --print-sql   what would be done to tables that are there
  flowsentry migrate --adopt               does it
  flowsentry migrate --roles | psql        the least rights for people, the service, and whoever migrates")]
pub struct Args {
    /// Take tables that are there as they are; add columns that may be NULL, an index, and the wake-up trigger
    #[arg(long)]
    adopt: bool,

    /// Print the statements for psql and change nothing
    #[arg(long)]
    print_sql: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Print the least rights for three roles as statements for psql, and change nothing
    #[arg(long, conflicts_with_all = ["adopt", "print_sql", "json"])]
    roles: bool,

    /// With --roles: the role of people and dashboards
    #[arg(long, value_name = "NAME", default_value = "flowsentry_reader", value_parser = role_name)]
    reader: String,

    /// With --roles: the role of the service
    #[arg(long, value_name = "NAME", default_value = "flowsentry_writer", value_parser = role_name)]
    writer: String,

    /// With --roles: the role that owns what flowsentry makes
    #[arg(long, value_name = "NAME", default_value = "flowsentry_owner", value_parser = role_name)]
    owner: String,
}

/// Does what was asked.
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let runtime = super::runtime()?;
    super::print(&runtime.block_on(run(args, context))?)
}

async fn run(args: Args, context: &Context) -> Result<String, Failure> {
    let config = context.config()?;
    let database = super::database(&config, context)?.patient();
    let mut session = database.session("migrate").await?;
    let client = &mut session.client;
    if args.roles {
        let Args { reader, writer, owner, .. } = args;
        return Ok(roles::script(client, &config, &Roles { reader, writer, owner }).await?);
    }
    let tables = Tables::resolve(client, &config.source.table, &config.sink.table, config.wakeup.trigger).await?;
    let patience = Patience::default();
    if args.print_sql {
        let changes = plan(client, &tables, args.adopt).await?;
        return Ok(if args.json { planned_as_json(&changes) } else { planned_as_script(&changes, patience) });
    }
    let outcomes = migrate(client, &tables, args.adopt, patience).await?;
    let place = database.shown();
    Ok(if args.json { made_as_json(&place, &outcomes) } else { made_as_lines(&place, &outcomes) })
}

/// PostgreSQL cuts off what is longer, and another role would be meant.
fn role_name(text: &str) -> Result<String, &'static str> {
    match text.len() {
        1..=63 if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err("a role's name has 1 to 63 bytes"),
    }
}

fn planned_as_script(changes: &[Change], patience: Patience) -> String {
    match changes {
        [] => "-- Nothing to do: the schema is up to date.\n".to_owned(),
        changes => {
            "-- What `flowsentry migrate` would do, for psql -v ON_ERROR_STOP=1.\n\n".to_owned()
                + &script(changes, patience)
        }
    }
}

fn planned_as_json(changes: &[Change]) -> String {
    let steps = changes.iter().map(|change| {
        json!({ "step": change.title, "sql": change.sql, "optional": change.without.is_some(), "lost": change.without })
    });
    line(&json!({ "changed": false, "planned": steps.collect::<Vec<_>>() }))
}

fn made_as_lines(place: &str, outcomes: &[Outcome]) -> String {
    let mut text = format!("{place}\n");
    for Outcome { title, skipped } in outcomes {
        // Writing to a String cannot fail.
        let _ = match skipped {
            None => writeln!(text, "  done     {title}"),
            Some(Skipped { reason, without }) => {
                writeln!(text, "  skipped  {title}: {reason}\n           without it {without}")
            }
        };
    }
    text += match (outcomes, outcomes.iter().any(|outcome| outcome.skipped.is_some())) {
        ([], _) => "Nothing to do: the schema is up to date.\n",
        (_, false) => "The schema is up to date.\n",
        (_, true) => "The schema is up to date but for what was skipped: `flowsentry migrate --print-sql` shows it.\n",
    };
    text
}

fn made_as_json(place: &str, outcomes: &[Outcome]) -> String {
    let step = |Outcome { title, skipped }: &Outcome| match skipped {
        None => json!({ "step": title, "status": "done" }),
        Some(Skipped { reason, without }) => {
            json!({ "step": title, "status": "skipped", "reason": reason, "lost": without })
        }
    };
    let changed = outcomes.iter().any(|outcome| outcome.skipped.is_none());
    let steps: Vec<Value> = outcomes.iter().map(step).collect();
    line(&json!({ "changed": changed, "database": place, "steps": steps }))
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}
