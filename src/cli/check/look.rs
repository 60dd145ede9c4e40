//! Looks at one group after the other and has it judged. A group that cannot be looked at is a finding, never an end.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use crate::check::trigger::Heard;
use crate::check::{
    Finding, Remedy, clocks, holders, ids, lateness, lease, model, protection, rights, server, sessions, settings,
    sink, source, trigger,
};
use crate::cli::context::Context;
use crate::config::{Config, Secret};
use crate::exit::chain;
use crate::model::{FileError, Model, ModelError};
use crate::postgres::inspect;
use crate::postgres::migrations::schema_state;
use crate::postgres::source::{Source, survey};
use crate::postgres::{ConnectionStringError, Database, Limits, PostgresError, sink_table};
use crate::telemetry::clock;

/// The finding of a server that does not let us in.
pub const UNREACHABLE: &str = "connection";
/// No group may take longer; its statements end earlier.
const GROUP_LIMIT: Duration = Duration::from_secs(20);
/// For one statement, unless the settings allow less.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);
/// For one lock: nobody is to queue behind us.
const LOCK_LIMIT: Duration = Duration::from_secs(2);
/// When no more groups are begun.
const ALL_LIMIT: Duration = Duration::from_secs(90);

/// All findings, in the order of looking. `idle`: how long a transaction may do nothing.
pub async fn at_everything(context: &Context, idle: Duration) -> Vec<Finding> {
    let config = match context.config() {
        Ok(config) => config,
        Err(failure) => return vec![unusable_settings(&failure.error.to_string(), failure.hint)],
    };
    let mut findings = settings::judge(&config);
    let path = &config.model.path;
    findings.push(model::judge(&at_model(&config, path), &path.display().to_string()));
    if let Some(path) = &config.model.candidate {
        findings.push(model::judge_candidate(&at_model(&config, path), &path.display().to_string()));
    }
    match database(&config, context) {
        Ok(database) => findings.extend(at_database(&database, &config, idle).await),
        Err(error) => findings.push(unusable_settings(&error.to_string(), Some(error.hint().to_owned()))),
    }
    findings
}

fn unusable_settings(problem: &str, hint: Option<String>) -> Finding {
    let why = "flowsentry does not start with them";
    let hint = hint.unwrap_or_else(|| "flowsentry config   # after each change".to_owned());
    Finding::refused("settings", "settings", problem, why).mend(Remedy::Advice(hint))
}

fn database(config: &Config, context: &Context) -> Result<Database, ConnectionStringError> {
    let limits = Limits {
        connect_timeout: config.database.connect_timeout,
        lock_timeout: config.database.lock_timeout.min(LOCK_LIMIT),
        statement_timeout: config.database.statement_timeout.min(STATEMENT_LIMIT),
        answer_limit: Some(GROUP_LIMIT),
    };
    let url = config.database.url.as_ref().map(Secret::reveal);
    Database::resolve(url, &context.environment, limits)
}

fn at_model(config: &Config, path: &Path) -> model::ModelFile {
    match Model::load(path, config.model.file_max.0) {
        Ok(model) => model::ModelFile::Loaded {
            version: model.version().to_string(),
            features: model.features().len(),
            classes: model.classes().names().to_vec(),
        },
        Err(ModelError::File { source: FileError::Read(error), .. })
            if error.kind() == std::io::ErrorKind::NotFound =>
        {
            model::ModelFile::Missing
        }
        Err(error) => model::ModelFile::Unusable { reason: chain(&error) },
    }
}

async fn at_database(database: &Database, config: &Config, idle: Duration) -> Vec<Finding> {
    let mut groups = Groups::new();
    let sessions = match timeout(GROUP_LIMIT, inspect::sessions::look(database)).await {
        Ok(Ok(sessions)) => sessions,
        Ok(Err(error)) => return vec![unreachable(database, &error)],
        Err(_) => return vec![silent(database)],
    };
    groups.findings.extend(sessions::judge(&sessions, config.wakeup.trigger));
    // Through a pooler our settings would be left with a server process that serves others.
    if matches!(sessions, sessions::Sessions::Pooled { .. }) {
        let why = "through a pooler even a look would leave settings of ours with others";
        let found = format!("{}: nothing behind the pooler was looked at", database.shown());
        let again = Remedy::Shell("DATABASE_URL=postgres://USER@HOST:5432/DATABASE flowsentry check".to_owned());
        groups.findings.push(Finding::warning("database", "database", found, why).mend(again));
        return groups.findings;
    }
    let hears = matches!(sessions, sessions::Sessions::Direct { hears: true, .. });
    match database.session("check").await {
        Ok(session) => {
            groups.findings.push(protection::judge(session.protection()));
            let place = Place { database, client: &session.client, config, hears };
            at_server(&place, &mut groups, idle).await;
        }
        Err(error) => groups.findings.push(unreachable(database, &error)),
    }
    groups.findings
}

fn silent(database: &Database) -> Finding {
    let found = format!("no answer within {} s", GROUP_LIMIT.as_secs());
    let advice = Remedy::Advice("is it the server, or a pooler without a server process to spare?".to_owned());
    Finding::refused(UNREACHABLE, database.shown(), found, "flowsentry does nothing without its database").mend(advice)
}

fn unreachable(database: &Database, error: &PostgresError) -> Finding {
    let why = "flowsentry does nothing without its database";
    let finding = Finding::refused(UNREACHABLE, database.shown(), chain(error), why);
    match error.hint() {
        Some(hint) => finding.mend(Remedy::Advice(hint.into_owned())),
        None => finding,
    }
}

/// Where and by what we look.
struct Place<'a> {
    database: &'a Database,
    client: &'a tokio_postgres::Client,
    config: &'a Config,
    /// Whether a session hears notifications.
    hears: bool,
}

/// Findings so far, and the time since the first.
struct Groups {
    findings: Vec<Finding>,
    began: std::time::Instant,
}

impl Groups {
    fn new() -> Self {
        Self { findings: Vec::new(), began: clock::now() }
    }

    /// What a look gives; a failure becomes a finding.
    async fn look<T>(
        &mut self,
        check: &'static str,
        look: impl Future<Output = Result<T, PostgresError>>,
    ) -> Option<T> {
        let left = ALL_LIMIT.saturating_sub(self.began.elapsed()).min(GROUP_LIMIT);
        let finding = match timeout(left, look).await {
            Ok(Ok(seen)) => return Some(seen),
            Ok(Err(error)) => Finding::undetermined(check, chain(&error), error.hint().map(Into::into)),
            Err(_) => Finding::undetermined(check, "the server did not answer in time", None),
        };
        self.findings.push(finding);
        None
    }
}

/// Everything behind a session. A group without a table to look at is left out: that there is none was found before.
async fn at_server(place: &Place<'_>, groups: &mut Groups, idle: Duration) {
    let Place { client, config, .. } = *place;
    let server = groups.look("server", inspect::server::look(client, place.database.shown())).await;
    groups.findings.extend(server.iter().flat_map(server::judge));
    let state = groups.look("schema", schema_state(client)).await;
    let is_migrated = state.as_ref().is_some_and(|state| state.require().is_ok());
    groups.findings.extend(state.map(|state| schema(state.require())));

    let mapping = &config.source.columns;
    let found = groups.look("source", survey(client, &config.source.table, mapping)).await.unwrap_or_default();
    groups.findings.extend(found.faults.iter().map(inspect::source::fault));
    let source = found.source.as_ref();

    let rights = groups.look("rights", inspect::rights::look(client, config, source)).await;
    groups.findings.extend(rights.iter().flat_map(|(role, rights)| rights::judge(rights, role)));
    let role = rights.map_or_else(|| "CURRENT_USER".to_owned(), |(role, _)| role);
    if let Some(source) = source {
        let prepared_max = server.map_or(0, |server| server.prepared_max);
        at_source(place, groups, source).await;
        at_inserters(place, groups, source, (prepared_max, &role, idle)).await;
    }
    let clocks = groups.look("clock", inspect::clocks::look(client, source)).await;
    let table = source.map(|source| source.table.as_str());
    groups.findings.extend(clocks.iter().flat_map(|seen| clocks::judge(seen, table, config.window.future_bound)));
    at_sink(place, groups).await;
    if !is_migrated {
        return;
    }
    let ownership = groups.look("lease", inspect::lease::look(client, &config.source.name, source)).await;
    groups.findings.extend(ownership.iter().map(lease::judge));
}

fn schema(state: Result<(), crate::postgres::migrations::SchemaError>) -> Finding {
    match state {
        Ok(()) => Finding::fine("schema", "schema flowsentry", "as this program wants it"),
        Err(error) => {
            let why = "positions, rejected packets and the wake-up function are kept in it";
            let finding = Finding::refused("schema", "schema flowsentry", error.to_string(), why);
            let hint = error.hint();
            finding.mend(match hint.strip_prefix("run `").and_then(|hint| hint.strip_suffix('`')) {
                Some(command) => Remedy::Shell(command.to_owned()),
                None => Remedy::Advice(hint.to_owned()),
            })
        }
    }
}

/// The table of packets itself.
async fn at_source(place: &Place<'_>, groups: &mut Groups, source: &Source) {
    let Place { client, config, .. } = *place;
    let table = groups.look("source.index", inspect::source::look(client, source)).await;
    groups.findings.extend(table.iter().flat_map(source::judge));
    let ids = groups.look("ids.left", inspect::ids::look(client, source)).await;
    groups.findings.extend(ids.iter().map(|ids| ids::judge(ids, &source.table, &source.sequence.name)));
    let late = groups.look("lateness", inspect::lateness::look(client, source, config.window.future_bound)).await;
    let bound = config.window.out_of_orderness;
    groups.findings.extend(late.map(|(behind, read)| lateness::judge(behind, read, &source.table, bound)));
}

/// Those who insert: whether they wake us, and whether they keep packets back.
async fn at_inserters(
    place: &Place<'_>,
    groups: &mut Groups,
    source: &Source,
    (prepared_max, role, idle): (i32, &str, Duration),
) {
    let Place { client, config, database, hears } = *place;
    let mut rings = false;
    if let Some(mut seen) = groups.look("trigger", inspect::trigger::look(client, source)).await {
        rings = seen.name.is_some() && seen.enabled != 'D';
        if rings && hears && config.wakeup.trigger {
            let heard = groups.look("trigger.silent", inspect::trigger::listen(database, client, source)).await;
            seen.heard = heard.unwrap_or(Heard::NotListened);
        }
        groups.findings.extend(trigger::judge(&seen, config.wakeup.trigger));
    }
    if let Some(seen) = groups.look("holders", inspect::holders::look(client, source)).await {
        let prepares = holders::Prepares { most: prepared_max, rings };
        groups.findings.extend(holders::judge(&seen, prepares, &source.table, role, idle));
    }
}

async fn at_sink(place: &Place<'_>, groups: &mut Groups) {
    let Place { client, config, .. } = *place;
    let Some(found) = groups.look("sink", sink_table::survey(client, &config.sink.table)).await else { return };
    groups.findings.extend(found.faults.iter().filter_map(inspect::sink::fault));
    if let Some(table) = &found.table {
        let seen = groups.look("sink", inspect::sink::look(client, table)).await;
        groups.findings.extend(seen.iter().flat_map(sink::judge));
    }
}
