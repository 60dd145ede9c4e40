//! The composition root: the only file that knows all rooms.

mod beside;
mod error;
mod watch;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::channel;
use tokio::sync::watch as watched_value;

pub use error::PipelineError;

use beside::Beside;
use watch::watch;

use crate::alert::{self, Alert, Book};
use crate::config::Config;
use crate::exit::chain;
use crate::flow::aggregator::{self, Aggregator, Early};
use crate::flow::position::Position;
use crate::http;
use crate::model::Watched;
use crate::postgres::alerts;
use crate::postgres::audit::Auditor;
use crate::postgres::doorbell::{self, Doorbell};
use crate::postgres::exceptions;
use crate::postgres::inspect::rights;
use crate::postgres::lease::{Claim, Lease};
use crate::postgres::migrations::schema_state;
use crate::postgres::outbox;
use crate::postgres::queries::Queries;
use crate::postgres::reader::{self, Reader};
use crate::postgres::replay::Replay;
use crate::postgres::resume::{self, Resume};
use crate::postgres::sink_table::SinkTable;
use crate::postgres::source::Source;
use crate::postgres::writer::{Owner, Writer};
use crate::postgres::{Database, Disposition, PostgresError};
use crate::stage::{self, Alerting, Bell, Pace, Room, Rung, Shadow, Teller, Told};
use crate::supervisor::{Backoff, Stop, Tasks};
use crate::telemetry::metrics::{
    ATTEMPTS, ERRORS, Handle, OWNER, SINK_BLOCKED, SOURCE_GENERATIONS, SOURCE_INFO, STARTED, TAKEOVERS,
};
use crate::telemetry::process::Cost;
use crate::telemetry::progress::{Part, Progress, Report};
use crate::telemetry::service_manager::ServiceManager;
use crate::telemetry::status::{Role, Status};
use crate::telemetry::{clock, logging};
use crate::tell::Receivers;
use crate::verdict::judge::Judge;

/// How often histograms are kept up, and repeated log lines summed up.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Serves until stopped: attempt after attempt, each from the checkpoint. Health and metrics outlive every attempt.
pub async fn serve(
    config: Config,
    database: Database,
    metrics: Handle,
    manager: ServiceManager,
    stop: Stop,
) -> Result<(), PipelineError> {
    // Whoever is to be told of alerts and cannot be is found at the start, not at the first attack.
    Receivers::of(&config.tell)?;
    let status = Status::new();
    let progress = Progress::new(config.service.stuck_after);
    STARTED.set(clock::since_epoch().as_secs_f64());
    SOURCE_INFO.set_with("source", &config.source.name, 1.0);
    let mut cost = Cost::default();
    let until = stop.clone();
    let _upkeep = Beside::every(UPKEEP_INTERVAL, {
        let metrics = metrics.clone();
        move || {
            metrics.upkeep();
            cost.show();
            logging::tell_of_repetitions(false);
        }
    });
    let sources = http::Sources {
        status: status.clone(),
        metrics,
        queries: Queries::of(&database, &config.sink.table)?,
        window_length: config.window.length,
    };
    let address = http::serve(&config.http, sources, async move { until.requested().await }).await?;
    let _watch = Beside::running(watch(manager, status.clone(), progress.clone()));
    tracing::info!(database = database.shown(), http = ?address, "flowsentry starts");

    let (until, shown_to) = (stop.clone(), status.clone());
    tokio::spawn(async move {
        until.requested().await;
        shown_to.update(|now| now.role = Role::Stopping);
    });
    let mut backoff = Backoff::new(config.retry.backoff_min, config.retry.backoff_max);
    let mut has_served = false;
    let report = progress.report(Part::Attempt);
    while !stop.is_requested() {
        ATTEMPTS.add(1);
        report.busy();
        status.begins();
        let result = run(&config, &database, &status, &stop, &progress).await;
        OWNER.set(0.0);
        // Of use for long enough; what fails soon after each start must not be tried at full speed.
        let served = status.snapshot().serving_since.map(|since| clock::uptime().saturating_sub(since));
        if served.is_some_and(|served| served > config.retry.backoff_max) {
            has_served = true;
            backoff.reset();
        }
        let Err(error) = result else { break };
        // What a person must mend ends a start; a service that has worked waits for the mend.
        if tell(&error, &status) == Disposition::Fatal && !has_served {
            return Err(error);
        }
        let pause = backoff.pause();
        tracing::warn!(error = chain(&error), hint = error.hint(), again_in = ?pause, "this attempt has ended");
        report.waiting_for(pause);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.requested() => {}
        }
    }
    logging::tell_of_repetitions(true);
    tracing::info!("flowsentry stops");
    Ok(())
}

/// Counts and shows why an attempt has ended.
fn tell(error: &PipelineError, status: &Status) -> Disposition {
    ERRORS.add_with("kind", error.kind(), 1);
    status.update(|now| {
        if now.role != Role::Stopping {
            now.role = Role::Starting;
        }
        now.last_error = Some(chain(error));
        if error.kind() == "database" {
            now.database = Some(chain(error));
        }
    });
    error.disposition()
}

/// One attempt: own the source, go on from its checkpoint, until a fault or stop.
async fn run(
    config: &Config,
    database: &Database,
    status: &Status,
    stop: &Stop,
    progress: &Progress,
) -> Result<(), PipelineError> {
    // Told to stop meanwhile: nothing has begun yet that would have to be finished.
    let prepared = tokio::select! {
        prepared = prepare(config, database, status, stop, progress) => prepared?,
        () = stop.requested() => None,
    };
    let Some((mut lease, start)) = prepared else { return Ok(()) };
    status.serves(Role::Owner);
    status.update(|now| now.position = start.resume.checkpoint.position.high());
    OWNER.set(1.0);
    let tasks = stages(config, database, status, stop, progress, start)?;
    tokio::select! {
        result = tasks.finish(stop, config.service.grace_period) => result,
        error = lease.lost() => Err(error.into()),
    }
}

/// Owns the source and sees where it goes on. `None`: told to stop meanwhile.
async fn prepare(
    config: &Config,
    database: &Database,
    status: &Status,
    stop: &Stop,
    progress: &Progress,
) -> Result<Option<(Lease, Start)>, PipelineError> {
    let report = progress.report(Part::Attempt);
    let lease = match lease(config, database, status, stop, &report).await {
        Err(PipelineError::Postgres(error)) if error.is_missing_right() => {
            rights::tell_of_missing_at(database, config).await;
            return Err(error.into());
        }
        outcome => outcome?,
    };
    let Some(lease) = lease else { return Ok(None) };
    rights::tell_of_missing(lease.client(), config).await;
    report.busy();
    schema_state(lease.client()).await?.require().map_err(PostgresError::from)?;
    let source = Source::inspect(lease.client(), &config.source.table, &config.source.columns).await?;
    let sink = SinkTable::inspect(lease.client(), &config.sink.table).await?;
    report.busy();
    let resume = resume::load(&lease, &source, config.ingest.start).await?;
    let settled = &resume.checkpoint.settled;
    let replay = Replay::load(lease.client(), lease.source_id(), resume.generation, settled).await?;
    announce(&lease, &source, &resume);
    warn_of_trigger(config.wakeup.trigger, doorbell::rings(lease.client(), &source).await?, &source.table);
    let open = alerts::open(lease.client(), lease.source_id()).await?;
    let exceptions = exceptions::load(lease.client()).await?;
    let owner = Owner::new(&lease, &resume, outbox::receivers(&config.tell));
    Ok(Some((lease, Start { source, sink, resume, replay, owner, open, exceptions })))
}

/// What the stages start from.
struct Start {
    source: Source,
    sink: SinkTable,
    resume: Resume,
    replay: Replay,
    owner: Owner,
    /// Alerts that were open.
    open: Vec<Alert>,
    exceptions: exceptions::Loaded,
}

/// wakeup → ingest → aggregate → classify → store. Every arrow is a bounded channel; closing the first drains the rest.
fn stages(
    config: &Config,
    database: &Database,
    status: &Status,
    stop: &Stop,
    progress: &Progress,
    start: Start,
) -> Result<Tasks<PipelineError>, PipelineError> {
    let Start { source, sink, resume, replay, owner, open, exceptions } = start;
    let (checkpoint, audited) = (resume.checkpoint.clone(), source.clone());
    let (ask, ticks) = channel(1);
    let (read, batches) = channel(config.channels.packets);
    let (close, increments) = channel(config.channels.windows);
    let (judge, verdicts) = channel(config.channels.verdicts);
    let mut tasks = Tasks::new();

    let (link, table, wakeup, until, shown) =
        (database.clone(), source.clone(), config.wakeup.clone(), stop.clone(), status.clone());
    let pace = Pace::new(&config.wakeup, config.ingest.poll_interval);
    let ticks = (ticks, pace.longest_pause());
    tasks.spawn("wakeup", move || async move {
        let mut doorbell = None;
        if wakeup.trigger {
            doorbell = Some(Doorbell::listen(&link, table, wakeup.gate_timeout).await?);
        }
        Ok(stage::wakeup(doorbell, pace, until, shown, ask).await?)
    })?;

    let (link, position, limits) = (database.clone(), checkpoint.position.clone(), reader_limits(config));
    let (identity, shown, report) = (resume.identity.clone(), status.clone(), progress.report(Part::Ingest));
    tasks.spawn("ingest", move || async move {
        let reader =
            Reader::start(Reader::connect(&link).await?, source, Position::clone(&position), &identity, limits);
        Ok(stage::while_taken(read, |read| stage::ingest(reader, replay, ticks, read, shown, report)).await?)
    })?;

    let aggregator = Aggregator::resume(aggregator_limits(config), checkpoint, clock::uptime());
    let (room, report) = (Room::of(memory_max(config)), progress.report(Part::Aggregate));
    tasks.spawn("aggregate", move || async move {
        Ok(stage::while_taken(close, |close| stage::aggregate(aggregator, batches, close, room, report)).await?)
    })?;

    let (model, shown, report) = (watched(config, &config.model.path), status.clone(), progress.report(Part::Classify));
    let shadow = Shadow::new(config.model.candidate.as_ref().map(|path| watched(config, path)));
    let memory = Judge::new(config.window.allowed_lateness, memory_max(config) / 2);
    tasks.spawn("classify", move || async move {
        Ok(stage::while_taken(judge, |judge| stage::classify(model, memory, shadow, shown, increments, judge, report))
            .await?)
    })?;

    let (bell, rung) = Bell::new();
    let auditor = Auditor::new(audited, owner.source_id, owner.epoch, owner.generation);
    spawn_beside(&mut tasks, config, database, stop, &owner, auditor, rung)?;

    let (link, until) = (database.clone(), stop.clone());
    let (hand, in_force) = watched_value::channel(Arc::new(exceptions.exceptions.clone()));
    tasks.spawn_beside(
        "exceptions",
        move || async move { Ok(stage::exceptions(link, exceptions, hand, until).await?) },
    )?;

    let (link, bound, rejected) = (database.clone(), config.window.out_of_orderness, config.store.rejected_rows_max);
    let (shown, report) = (status.clone(), progress.report(Part::Store));
    let told = Told::new(bell, &open);
    let limits = alert::Limits { open_max: config.alerts.open_max, window_length: config.window.length };
    let alerting = Alerting::new(Book::resume(limits, open), in_force, told);
    tasks.spawn("store", move || async move {
        let writer = Writer::new(link.session("store").await?, sink, owner, &resume, rejected);
        Ok(stage::store(writer, alerting, bound, verdicts, shown, report).await?)
    })?;
    Ok(tasks)
}

/// What has nothing in flight and delays no packet: deleting, counting again, telling others.
fn spawn_beside(
    tasks: &mut Tasks<PipelineError>,
    config: &Config,
    database: &Database,
    stop: &Stop,
    owner: &Owner,
    auditor: Auditor,
    rung: Rung,
) -> Result<(), PipelineError> {
    let (link, settings, size, until) =
        (database.clone(), (config.source.clone(), config.retention.clone()), config.database.pool_size, stop.clone());
    let (source_id, keep_alerts) = (owner.source_id, config.alerts.keep);
    tasks.spawn_beside("retention", move || async move {
        let (source, retention) = settings;
        Ok(stage::retention(link.pool(size)?, source, retention, keep_alerts, source_id, until).await?)
    })?;

    let (link, interval, size, until) =
        (database.clone(), config.audit.interval, config.database.pool_size, stop.clone());
    tasks.spawn_beside("audit", move || async move {
        Ok(stage::audit(link.pool(size)?, auditor, interval, until).await?)
    })?;

    let (link, size, until) = (database.clone(), config.database.pool_size, stop.clone());
    let (source_id, source_name, settings) = (owner.source_id, owner.source_name.clone(), config.tell.clone());
    tasks.spawn_beside("tell", move || async move {
        let receivers = Receivers::of(&settings)?;
        let teller = Teller { pool: link.pool(size)?, source_id, source_name, settings };
        Ok(stage::deliver(teller, receivers, rung, until).await?)
    })?;
    Ok(())
}

/// The right to the source; a standby waits here. `None`: told to stop meanwhile.
async fn lease(
    config: &Config,
    database: &Database,
    status: &Status,
    stop: &Stop,
    report: &Report,
) -> Result<Option<Lease>, PipelineError> {
    let claim = Claim::on(database, &config.source.name).await?;
    let mut stood_by = false;
    while !stop.is_requested() {
        report.busy();
        if let Some(epoch) = claim.try_take().await? {
            TAKEOVERS.add(u64::from(stood_by));
            return Ok(Some(claim.into_lease(epoch, config.lease.proof_interval).await?));
        }
        if !std::mem::replace(&mut stood_by, true) {
            tracing::info!(source = config.source.name, "another instance owns the source; standing by");
            status.serves(Role::Standby);
            SINK_BLOCKED.set(0.0);
        }
        report.waiting_for(config.lease.standby_interval);
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
        early: Early { interval: config.early.interval, flows_max: config.early.flows_max },
    }
}

fn memory_max(config: &Config) -> usize {
    usize::try_from(config.flows.memory_max.0).unwrap_or(usize::MAX)
}

fn watched(config: &Config, path: &Path) -> Watched {
    Watched::open(path, config.model.file_max.0, config.model.reload_interval)
}

#[cfg(test)]
mod tests {
    use crate::config::PACKET_BYTES;
    use crate::flow::packet::Packet;

    #[test]
    fn the_memory_that_the_settings_tell_of_is_that_of_packets() {
        assert!(size_of::<Packet>() as u64 <= PACKET_BYTES, "{}", size_of::<Packet>());
    }
}
