//! `flowsentry run`: the service.

use tokio::signal::unix::{SignalKind, signal};

use super::context::Context;
use super::signals::SIGNALLED;
use crate::exit::{Exit, Failure};
use crate::pipeline::{self, PipelineError};
use crate::supervisor::Stop;
use crate::telemetry::service_manager::ServiceManager;
use crate::telemetry::{logging, metrics};

/// Read new packets, store labelled flows, until told to stop (SIGTERM, SIGINT)
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  DATABASE_URL=postgres://sniffer@localhost/traffic flowsentry run
  flowsentry --set window.out_of_orderness=10s run
  flowsentry --set http.listen=0.0.0.0:9477 run      metrics for other hosts too

A second instance on the same database stands by and takes over.")]
pub struct Args {}

/// Serves until stopped.
pub fn execute(_args: Args, context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    logging::install(&config.log, &context.environment).map_err(|error| Failure::new(Exit::Bug, error))?;
    let database = super::database(&config, context)?;
    let metrics = metrics::install().map_err(|error| Failure::new(Exit::Bug, error))?;
    let runtime = super::runtime()?;
    let manager = ServiceManager::of(&context.environment);
    let ended = runtime.block_on(async {
        let stop = stop_on_signals().map_err(|error| Failure::new(Exit::Unavailable, error))?;
        pipeline::serve(config, database, metrics, manager, stop).await.map_err(failure)
    });
    // A look-up of a name that hangs must not hold the end up.
    runtime.shutdown_background();
    ended
}

/// SIGTERM and SIGINT ask for a clean end, which the grace period bounds; asked a second time, the process ends at once,
/// as the signal would have ended it: with 128 and its number.
fn stop_on_signals() -> std::io::Result<Stop> {
    let (say, stop) = Stop::channel();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        let mut is_asked = false;
        loop {
            let number = tokio::select! {
                _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
                _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            };
            if std::mem::replace(&mut is_asked, true) {
                std::process::exit(SIGNALLED + number);
            }
            say.send();
        }
    });
    Ok(stop)
}

fn failure(error: PipelineError) -> Failure {
    let (exit, hint) = (error.exit(), error.hint());
    let failure = Failure::new(exit, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
