//! The receivers that the settings name.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;

use super::alertmanager::Alertmanager;
use super::client::Client;
use super::webhook::Webhook;
use crate::config::{self, Secret};

/// Octets of a key at least: fewer could be guessed.
const KEY_BYTES_MIN: usize = 16;
/// Octets of a key's file that are read.
const KEY_BYTES_MAX: u64 = 4096;
/// Where an Alertmanager takes alerts.
const ALERTS_PATH: &str = "/api/v2/alerts";

/// Those who are told of alerts.
#[derive(Debug)]
pub struct Receivers {
    /// The webhook.
    pub webhook: Option<Webhook>,
    /// The Alertmanager.
    pub alertmanager: Option<Alertmanager>,
}

/// Why nobody can be told.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The key's file is not to be read.
    #[error("cannot read the key of the webhook, {}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key is too short.
    #[error("the key of the webhook in {} has {octets} octets; it needs at least {KEY_BYTES_MIN}", path.display())]
    ShortKey {
        /// The file.
        path: PathBuf,
        /// Octets of the key.
        octets: usize,
    },
    /// There is no key.
    #[error("the webhook has no key to sign with")]
    NoKey,
    /// The address is none.
    #[error("{option} is no address of HTTP")]
    Address {
        /// The option that has it.
        option: &'static str,
    },
    /// There are no certificates to know the receiver by.
    #[error("no certificates to know {option} by")]
    Certificates {
        /// The option that needs them.
        option: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

impl SetupError {
    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Key { .. } | Self::ShortKey { .. } | Self::NoKey => {
                "openssl rand -hex 32 > key; let tell.webhook_key_file name it, and the service's user read it"
            }
            Self::Address { .. } => "write it as http://host:port/path or https://host/path",
            Self::Certificates { .. } => "install ca-certificates, or let SSL_CERT_FILE name a file of them",
        }
    }
}

impl Receivers {
    /// Reads the key of the webhook, and what certificates are needed. Opens no connection.
    pub fn of(settings: &config::Tell) -> Result<Self, SetupError> {
        let webhook = match &settings.webhook_url {
            Some(url) => Some(webhook(url, settings)?),
            None => None,
        };
        let alertmanager = match &settings.alertmanager_url {
            Some(url) => Some(alertmanager(url, settings.timeout)?),
            None => None,
        };
        Ok(Self { webhook, alertmanager })
    }
}

fn webhook(url: &Secret, settings: &config::Tell) -> Result<Webhook, SetupError> {
    let path = settings.webhook_key_file.as_deref().ok_or(SetupError::NoKey)?;
    let (option, key) = ("tell.webhook_url", key(path)?);
    let address = url.reveal().parse().map_err(|_| SetupError::Address { option })?;
    Ok(Webhook::new(client(&address, settings.timeout, option)?, address, key))
}

fn alertmanager(url: &Secret, timeout: Duration) -> Result<Alertmanager, SetupError> {
    let option = "tell.alertmanager_url";
    let address = format!("{}{ALERTS_PATH}", url.reveal().trim_end_matches('/'));
    let address = address.parse().map_err(|_| SetupError::Address { option })?;
    Ok(Alertmanager::new(client(&address, timeout, option)?, address))
}

fn client(address: &Uri, timeout: Duration, option: &'static str) -> Result<Client, SetupError> {
    Client::new(address, timeout).map_err(|source| SetupError::Certificates { option, source })
}

fn key(path: &Path) -> Result<Secret, SetupError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(KEY_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|source| SetupError::Key { path: path.to_owned(), source })?;
    let key = text.trim();
    if key.len() < KEY_BYTES_MIN {
        return Err(SetupError::ShortKey { path: path.to_owned(), octets: key.len() });
    }
    Ok(Secret::new(key))
}
