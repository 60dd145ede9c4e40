//! The composition root: the only file that knows all rooms.

use std::borrow::Cow;
use std::time::Duration;

use tokio::sync::mpsc::channel;

use crate::cli::exit::Exit;
use crate::config::Config;
use crate::flow::aggregator::{self, Aggregator};
use crate::flow::position::Position;
use crate::http::{self, HttpError};
use crate::model::Watched;
use crate::postgres::doorbell::{self, Doorbell};
use crate::postgres::lease::{Claim, Lease};
use crate::postgres::migrations::schema_state;
use crate::postgres::reader::{self, Reader};
use crate::postgres::replay::Replay;
use crate::postgres::resume::{self, Resume};
use crate::postgres::sink_table::SinkTable;
use crate::postgres::source::Source;
use crate::postgres::writer::{Owner, Writer};
use crate::postgres::{Database, Disposition, PostgresError};
use crate::stage::{self, Pace, StageError};
use crate::supervisor::{Backoff, Stop, Tasks};
use crate::telemetry::clock;
use crate::telemetry::metrics::{ATTEMPTS, ERRORS, Handle, OWNER, SOURCE_GENERATIONS, TAKEOVERS};
use crate::telemetry::status::{Role, Status};
use crate::verdict::judge::Judge;

/// How often histograms are kept up.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Why the service ended otherwise than by being told to stop.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The database.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// A stage.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The metrics port.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A thread could not be started, or panicked.
    #[error("the threads of this attempt")]
    Thread(#[from] std::io::Error),
}

impl PipelineError {
    /// What follows.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Postgres(error) | Self::Stage(StageError::Postgres(error)) => error.disposition(),
            Self::Stage(_) | Self::Thread(_) => Disposition::Retry,
            Self::Http(_) => Disposition::Fatal,
        }
    }

    /// The exit code, should the process end with this error.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Postgres(error) | Self::Stage(StageError::Postgres(error)) => error.exit(),
            Self::Http(_) => Exit::Configuration,
            Self::Thread(_) => Exit::Unavailable,
            Self::Stage(_) => Exit::Bug,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Postgres(error) | Self::Stage(StageError::Postgres(error)) => error.hint().map(Cow::into_owned),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "configuration",
            Self::Postgres(_) | Self::Stage(StageError::Postgres(_)) => "database",
            Self::Stage(StageError::Chain(_)) => "chain",
            Self::Stage(StageError::Model(_)) => "model",
            Self::Thread(_) => "system",
        }
    }
}

/// Serves until stopped: attempt after attempt, each from the checkpoint. Health and metrics outlive every attempt.
pub async fn serve(config: Config, database: Database, metrics: Handle, stop: Stop) -> Result<(), PipelineError> {
    let status = Status::new();
    let until = stop.clone();
    let _upkeep = Upkeep::of(&metrics);
    let address = http::serve(&config.http, status.clone(), metrics, async move { until.requested().await }).await?;
    tracing::info!(database = database.shown(), http = ?address, "flowsentry starts");

    let (until, shown_to) = (stop.clone(), status.clone());
    tokio::spawn(async move {
        until.requested().await;
        shown_to.update(|now| now.role = Role::Stopping);
    });
    let mut backoff = Backoff::new(config.retry.backoff_min, config.retry.backoff_max);
    let mut has_served = false;
    while !stop.is_requested() {
        ATTEMPTS.add(1);
        status.update(|now| now.attempts += 1);
        let began = clock::now();
        let result = run(&config, &database, &status, &stop).await;
        OWNER.set(0.0);
        // Long enough to have been of use; one that fails at once each time must not be tried at full speed.
        if began.elapsed() > config.retry.backoff_max {
            has_served = true;
            backoff.reset();
        }
        let Err(error) = result else { break };
        ERRORS.add_with("kind", error.kind(), 1);
        status.update(|now| {
            now.role = Role::Starting;
            now.last_error = Some(shown(&error));
            if error.kind() == "database" {
                now.database = Some(shown(&error));
            }
        });
        // What a person must mend ends a start; a service that has worked waits for the mend.
        if error.disposition() == Disposition::Fatal && !has_served {
            return Err(error);
        }
        let pause = backoff.pause();
        tracing::warn!(error = shown(&error), hint = error.hint(), again_in = ?pause, "this attempt has ended");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.requested() => {}
        }
    }
    tracing::info!("flowsentry stops");
    Ok(())
}

/// Sorts the samples of histograms into their buckets every few seconds, for as long as it lives; unsorted they pile up.
struct Upkeep(tokio::task::JoinHandle<()>);

impl Upkeep {
    fn of(metrics: &Handle) -> Self {
        let metrics = metrics.clone();
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP_INTERVAL).await;
                metrics.upkeep();
            }
        }))
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An error with its causes, in one line.
fn shown(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// One attempt: own the source, go on from its checkpoint, until a fault or stop.
async fn run(config: &Config, database: &Database, status: &Status, stop: &Stop) -> Result<(), PipelineError> {
    let Some(mut lease) = lease(config, database, status, stop).await? else { return Ok(()) };
    schema_state(lease.client()).await?.require().map_err(PostgresError::from)?;
    let source = Source::inspect(lease.client(), &config.source.table, &config.source.columns).await?;
    let sink = SinkTable::inspect(lease.client(), &config.sink.table).await?;
    let resume = resume::load(&lease, &source, config.ingest.start).await?;
    let settled = &resume.checkpoint.settled;
    let replay = Replay::load(lease.client(), lease.source_id(), resume.generation, settled).await?;
    announce(&lease, &source, &resume);
    warn_of_trigger(config.wakeup.trigger, doorbell::rings(lease.client(), &source).await?, &source.table);
    status.update(|now| {
        now.role = Role::Owner;
        now.database = None;
    });
    OWNER.set(1.0);
    let owner = Owner::new(&lease, &resume);
    let tasks = stages(config, database, status, stop, Start { source, sink, resume, replay, owner })?;
    tokio::select! {
        result = tasks.finish(stop, config.service.grace_period) => result,
        error = lease.lost() => Err(error.into()),
    }
}

/// What the stages start from.
struct Start {
    source: Source,
    sink: SinkTable,
    resume: Resume,
    replay: Replay,
    owner: Owner,
}

/// wakeup → ingest → aggregate → classify → store. Every arrow is a bounded channel; closing the first drains the rest.
fn stages(
    config: &Config,
    database: &Database,
    status: &Status,
    stop: &Stop,
    start: Start,
) -> Result<Tasks<PipelineError>, PipelineError> {
    let Start { source, sink, resume, replay, owner } = start;
    let checkpoint = resume.checkpoint.clone();
    let (ask, ticks) = channel(1);
    let (read, batches) = channel(config.channels.packets);
    let (close, increments) = channel(config.channels.windows);
    let (judge, verdicts) = channel(config.channels.verdicts);
    let mut tasks = Tasks::new();

    let (link, table, wakeup, until, shown) =
        (database.clone(), source.clone(), config.wakeup.clone(), stop.clone(), status.clone());
    let pace = Pace::new(&config.wakeup, config.ingest.poll_interval);
    tasks.spawn("wakeup", move || async move {
        let mut doorbell = None;
        if wakeup.trigger {
            doorbell = Some(Doorbell::listen(&link, table, wakeup.gate_timeout).await?);
        }
        Ok(stage::wakeup(doorbell, pace, until, shown, ask).await?)
    })?;

    let (link, position, limits) = (database.clone(), checkpoint.position.clone(), reader_limits(config));
    let identity = resume.identity.clone();
    tasks.spawn("ingest", move || async move {
        let reader =
            Reader::start(link.session("ingest").await?, source, Position::clone(&position), &identity, limits);
        Ok(stage::while_taken(read, |read| stage::ingest(reader, replay, ticks, read)).await?)
    })?;

    let aggregator = Aggregator::resume(aggregator_limits(config), checkpoint, clock::uptime());
    tasks.spawn("aggregate", move || async move {
        Ok(stage::while_taken(close, |close| stage::aggregate(aggregator, batches, close)).await?)
    })?;

    let (model, shown) = (watched(config), status.clone());
    let memory = Judge::new(config.window.allowed_lateness, memory_max(config) / 2);
    tasks.spawn("classify", move || async move {
        Ok(stage::while_taken(judge, |judge| stage::classify(model, memory, shown, increments, judge)).await?)
    })?;

    let (link, settings, size, until) =
        (database.clone(), (config.source.clone(), config.retention.clone()), config.database.pool_size, stop.clone());
    let source_id = owner.source_id;
    tasks.spawn_beside("retention", move || async move {
        let (source, retention) = settings;
        Ok(stage::retention(link.pool(size)?, source, retention, source_id, until).await?)
    })?;

    let (link, bound, rejected) = (database.clone(), config.window.out_of_orderness, config.store.rejected_rows_max);
    tasks.spawn("store", move || async move {
        let writer = Writer::new(link.session("store").await?, sink, owner, &resume, rejected);
        Ok(stage::store(writer, bound, verdicts).await?)
    })?;
    Ok(tasks)
}

/// The right to the source; a standby waits here. `None`: told to stop meanwhile.
async fn lease(
    config: &Config,
    database: &Database,
    status: &Status,
    stop: &Stop,
) -> Result<Option<Lease>, PipelineError> {
    let claim = Claim::on(database, &config.source.name).await?;
    let mut stood_by = false;
    while !stop.is_requested() {
        if let Some(epoch) = claim.try_take().await? {
            TAKEOVERS.add(u64::from(stood_by));
            return Ok(Some(claim.into_lease(epoch)));
        }
        if !std::mem::replace(&mut stood_by, true) {
            tracing::info!(source = config.source.name, "another instance owns the source; standing by");
            status.update(|now| {
                now.role = Role::Standby;
                now.database = None;
            });
        }
        tokio::select! {
            () = tokio::time::sleep(config.lease.standby_interval) => {}
            () = stop.requested() => {}
        }
    }
    Ok(None)
}

fn announce(lease: &Lease, source: &Source, resume: &Resume) {
    let checkpoint = &resume.checkpoint;
    if resume.began_anew {
        SOURCE_GENERATIONS.add(1);
        tracing::error!(
            table = source.table,
            generation = resume.generation,
            "the ids of the table began anew (TRUNCATE … RESTART IDENTITY, or a restore): reading it from the start; \
             flows stored before stay"
        );
    }
    tracing::info!(
        table = source.table,
        epoch = lease.epoch(),
        checkpoint = checkpoint.number,
        position = checkpoint.position.high(),
        watermark = %checkpoint.watermark,
        "this instance owns the source"
    );
}

/// The trigger and the setting that speaks of it should agree; neither is a reason to stop.
fn warn_of_trigger(wanted: bool, rings: bool, table: &str) {
    if wanted && !rings {
        tracing::warn!(
            table,
            "no enabled wake-up trigger: new packets are found by the fallback timer; flowsentry migrate adds it"
        );
    }
    if rings && !wanted {
        tracing::warn!(
            table,
            "wakeup.trigger is false, but inserts notify, each at the price of a lock at commit: \
             ALTER TABLE … DISABLE TRIGGER flowsentry_wake"
        );
    }
}

fn reader_limits(config: &Config) -> reader::Limits {
    reader::Limits {
        rows_per_read: config.ingest.rows_per_read as usize,
        rows_per_batch: config.ingest.rows_per_batch,
        pending_ranges_max: config.ingest.pending_ranges_max,
        future_bound: config.window.future_bound,
    }
}

fn aggregator_limits(config: &Config) -> aggregator::Limits {
    aggregator::Limits {
        window_length: config.window.length,
        out_of_orderness: config.window.out_of_orderness,
        idle_timeout: config.window.idle_timeout,
        memory_max: memory_max(config),
        checkpoint_interval: config.store.checkpoint_interval,
    }
}

fn memory_max(config: &Config) -> usize {
    usize::try_from(config.flows.memory_max.0).unwrap_or(usize::MAX)
}

fn watched(config: &Config) -> Watched {
    Watched::open(&config.model.path, config.model.file_max.0, config.model.reload_interval)
}
