//! The database of the settings, for the commands that need it.

use super::context::Context;
use crate::config::{Config, Secret};
use crate::exit::{Exit, Failure};
use crate::postgres::{ConnectionStringError, Database, Limits, PostgresError};

/// Resolves how to reach the database; opens no connection.
pub fn database(config: &Config, context: &Context) -> Result<Database, Failure> {
    let url = config.database.url.as_ref().map(Secret::reveal);
    Ok(Database::resolve(url, &context.environment, Limits::of(&config.database))?)
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
