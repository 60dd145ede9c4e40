//! The database of the settings, for the commands that need it.

use super::context::Context;
use super::exit::{Exit, Failure};
use crate::config::{Config, Secret};
use crate::postgres::{ConnectionStringError, Database, Limits, PostgresError};

/// Resolves how to reach the database; opens no connection.
pub fn database(config: &Config, context: &Context) -> Result<Database, Failure> {
    let settings = &config.database;
    let limits = Limits {
        connect_timeout: settings.connect_timeout,
        lock_timeout: settings.lock_timeout,
        statement_timeout: settings.statement_timeout,
    };
    let url = settings.url.as_ref().map(Secret::reveal);
    Ok(Database::resolve(url, &context.environment, limits)?)
}

impl From<ConnectionStringError> for Failure {
    fn from(error: ConnectionStringError) -> Self {
        let hint = error.hint();
        Self::new(Exit::Configuration, error).hint(hint)
    }
}

impl From<PostgresError> for Failure {
    fn from(error: PostgresError) -> Self {
        let hint = error.hint();
        let failure = Self::new(error.exit(), error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
