//! What every command is given beside its own arguments.

use std::path::PathBuf;

use crate::config::{Config, Environment};
use crate::exit::{Exit, Failure};

/// The process's surroundings, as far as they decide what a command does. Not printable: flags may hold a password.
#[derive(Clone, Default)]
pub struct Context {
    /// Environment variables.
    pub environment: Environment,
    /// The settings file that was named, if one was.
    pub config_file: Option<PathBuf>,
    /// Settings of the form `section.key=value`; later ones win.
    pub set: Vec<String>,
}

impl Context {
    /// The settings in effect.
    ///
    /// # Errors
    /// [`Exit::Configuration`] with one line that names place, value and remedy.
    pub fn config(&self) -> Result<Config, Failure> {
        Config::load(&self.environment, self.config_file.as_deref(), &self.set)
            .map_err(|error| Failure::new(Exit::Configuration, error))
    }
}
