//! `flowsentry exceptions`: of what nobody is alerted; proved by the alerts of the past before it is saved.

mod report;

use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use super::context::Context;
use crate::alert::exception::proof::Proof;
use crate::alert::{Exception, Filter};
use crate::exit::{Exit, Failure};
use crate::flow::time::EventTime;
use crate::postgres::exceptions;
use crate::postgres::migrations::schema_state;
use crate::postgres::{PostgresError, Session};
use crate::telemetry::clock;

/// Show, prove, add and remove exceptions: verdicts of which nobody is alerted. The flows keep their labels, and what is
/// silenced is counted. Exceptions take effect within a second, without a restart.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  flowsentry exceptions list
  flowsentry exceptions try --source 10.0.0.7 --label PortScan
  flowsentry exceptions add --source 10.0.0.7 --label PortScan --schedule 'mon-fri 22:00-04:00' \\
                            --reason 'nightly inventory scan' --expires 90d
  flowsentry exceptions remove 3

Exit code 64: the exception cannot be understood, or would silence everything.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Show all exceptions, and how much each has silenced
    List,
    /// Show what an exception would have silenced in the last 7 days; saves nothing
    Try(Asked),
    /// Show the same, and save it
    Add(Added),
    /// Delete an exception
    Remove {
        /// Its id, as `list` shows it
        id: i64,
    },
}

#[derive(clap::Args, Debug)]
struct Asked {
    /// Address or CIDR of the sender; of ARP its protocol address
    #[arg(long, value_name = "CIDR")]
    source: Option<String>,

    /// Address or CIDR of the receiver; of ARP the target's
    #[arg(long, value_name = "CIDR")]
    destination: Option<String>,

    /// Name of the protocol, such as TCP
    #[arg(long, value_name = "NAME")]
    protocol: Option<String>,

    /// The only destination port of a flow: a scan that touches it among others is not silenced
    #[arg(long, value_name = "PORT")]
    port: Option<i32>,

    /// Label of the verdict
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,

    /// When it holds, in UTC: 'mon-fri 22:00-04:00; sat,sun' [default: always]
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<String>,

    /// Until when it holds: a time such as 2026-01-31T08:00:00Z, or a span from now such as 90d [default: for ever]
    #[arg(long, value_name = "TIME")]
    expires: Option<Expiry>,
}

#[derive(clap::Args, Debug)]
struct Added {
    #[command(flatten)]
    asked: Asked,

    /// Who answers for it
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    owner: String,

    /// Why it is needed
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Save it even if it would silence everything
    #[arg(long)]
    force: bool,
}

/// When an exception ends, on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Expiry(EventTime);

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let since_epoch = humantime::parse_duration(text)
            .ok()
            .and_then(|span| clock::since_epoch().checked_add(span))
            .or_else(|| humantime::parse_rfc3339_weak(text).ok()?.duration_since(UNIX_EPOCH).ok());
        since_epoch
            .filter(|time| *time > clock::since_epoch())
            .and_then(event_time)
            .map(Self)
            .ok_or_else(|| "write a time to come, 2026-01-31T08:00:00Z, or a span from now such as 90d".to_owned())
    }
}

fn event_time(since_epoch: Duration) -> Option<EventTime> {
    EventTime::from_micros(i64::try_from(since_epoch.as_micros()).ok()?)
}

/// Does what was asked.
pub fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let runtime = super::runtime()?;
    runtime.block_on(run(args, context))
}

async fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    // What is wrong with the exception itself needs no database.
    let understood = match &args.action {
        Action::Try(asked) => Some(asked.understand()?),
        Action::Add(added) => Some(added.understand()?),
        Action::List | Action::Remove { .. } => None,
    };
    let session = super::database(&config, context)?.session("exceptions").await?;
    schema_state(&session.client).await?.require().map_err(PostgresError::from)?;
    let json = args.json;
    match (args.action, understood) {
        (Action::Remove { id }, _) => remove(&session, id, json).await,
        (Action::Try(_), Some(exception)) => {
            let proof = prove(&session, &exception).await?;
            super::print(&report::proved(&proof, &exception, json))
        }
        (Action::Add(added), Some(exception)) => add(&session, &added, &exception, json).await,
        _ => super::print(&report::listed(&exceptions::list(&session.client).await?, now(), json)),
    }
}

/// The proof is printed before the exception is saved, and also if it is refused.
async fn add(session: &Session, added: &Added, exception: &Exception, json: bool) -> Result<(), Failure> {
    let proof = prove(session, exception).await?;
    if let Some(objection) = proof.objection(exception).filter(|_| !added.force) {
        super::print(&report::proved(&proof, exception, json))?;
        return Err(Failure::new(Exit::Usage, objection)
            .hint("ask for less: --source, --destination, --protocol, --port, --label; or insist: --force"));
    }
    if !json {
        super::print(&report::proved(&proof, exception, json))?;
    }
    let schedule = added.asked.schedule.as_deref();
    let id = exceptions::add(&session.client, exception, schedule, &added.owner, &added.reason).await?;
    super::print(&report::added(id, &proof, exception, json))
}

async fn remove(session: &Session, id: i64, json: bool) -> Result<(), Failure> {
    if exceptions::remove(&session.client, id).await? {
        return super::print(&report::removed(id, json));
    }
    let failure = Failure::new(Exit::Usage, format!("there is no exception {id}"));
    Err(failure.hint("`flowsentry exceptions list` shows their ids"))
}

async fn prove(session: &Session, exception: &Exception) -> Result<Proof, PostgresError> {
    exceptions::prove(&session.client, exception, now()).await
}

fn now() -> EventTime {
    event_time(clock::since_epoch()).unwrap_or_default()
}

impl Asked {
    fn understand(&self) -> Result<Exception, Failure> {
        let filter = Filter {
            source: self.source.clone(),
            destination: self.destination.clone(),
            protocol: self.protocol.clone(),
            port: self.port,
            label: self.label.clone(),
            schedule: self.schedule.clone(),
            expires: self.expires.map(|Expiry(time)| time),
        };
        filter.understand(0).map_err(|error| Failure::new(Exit::Usage, error))
    }
}

impl Added {
    fn understand(&self) -> Result<Exception, Failure> {
        let is_missing = |text: &str| text.trim().is_empty() || text.contains('\0');
        if is_missing(&self.owner) || is_missing(&self.reason) {
            let failure = Failure::new(Exit::Usage, "an exception needs an owner and a reason");
            return Err(failure.hint("--owner names who answers for it, --reason says why it is needed"));
        }
        self.asked.understand()
    }
}
