//! Which settings are possible together. Limits that depend on each other are checked at start, all in one place.

use std::time::Duration;

use hyper::Uri;

use super::bytes::Bytes;
use super::derived::{ANSWER_MARGIN, ANSWERS_A_PIECE};
use super::duration::text;
use super::error::Combined;
use super::load::all;
use super::options::{Config, Tell};
use super::setting::plain;
use super::{ConfigError, Origin};

/// Packets that may wait between reader and folding: about 1 GB.
const QUEUED_PACKETS_MAX: usize = 10_000_000;
/// Windows that the watermark may leave open; each costs memory for every flow in it.
const OPEN_WINDOWS_MAX: u32 = 100;
/// What requests may take in memory: 1 GiB.
const REQUESTS_MAX: u64 = 1 << 30;

/// Whether messages can be sent to a URL; if not, what to write. The URL is not repeated: its path may be a secret.
fn address(url: &str) -> Result<(), &'static str> {
    let address: Uri = url.parse().map_err(|_| "write it as https://host/path or http://host:port/path")?;
    if !matches!(address.scheme_str(), Some("http" | "https")) || address.host().is_none_or(str::is_empty) {
        return Err("write it as https://host/path or http://host:port/path");
    }
    if address.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("user and password in it are not sent; write it without them");
    }
    Ok(())
}

impl Config {
    /// Checks the options that must fit each other; limits of a single option hold already.
    ///
    /// # Errors
    /// [`ConfigError::Combination`] names the options concerned, where each was set, and what to write instead.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_windows()?;
        self.check_reading()?;
        self.check_times()?;
        self.check_watchdog()?;
        self.check_streams()?;
        self.check_memory()?;
        self.check_tell()?;
        self.check_retention()
    }

    /// Receivers can be told, and can know by whom.
    fn check_tell(&self) -> Result<(), ConfigError> {
        let Tell { webhook_url, webhook_key_file, alertmanager_url, .. } = &self.tell;
        for (url, name) in [(webhook_url, "tell.webhook_url"), (alertmanager_url, "tell.alertmanager_url")] {
            if let Some(Err(remedy)) = url.as_ref().map(|url| address(url.reveal())) {
                self.require(false, &[name], || remedy.to_owned())?;
            }
        }
        let has_query = alertmanager_url.as_ref().is_some_and(|url| url.reveal().contains(['?', '#']));
        self.require(!has_query, &["tell.alertmanager_url"], || {
            "the path of the API is added to it; write it without ? and #".to_owned()
        })?;
        let names = ["tell.webhook_url", "tell.webhook_key_file"];
        self.require(webhook_url.is_none() || webhook_key_file.is_some(), &names, || {
            "an unsigned message could be anybody's: openssl rand -hex 32 > key, and let the second name that file"
                .to_owned()
        })
    }

    fn check_windows(&self) -> Result<(), ConfigError> {
        let window = &self.window;
        let whole_seconds = window.length.subsec_nanos() == 0 && !window.length.is_zero();
        self.require(whole_seconds, &["window.length"], || {
            "windows are counted in whole seconds since 1970; write whole seconds, as in \"30s\"".to_owned()
        })?;
        let bound = window.length.saturating_mul(OPEN_WINDOWS_MAX);
        self.require(window.out_of_orderness <= bound, &["window.out_of_orderness", "window.length"], || {
            format!("more than {OPEN_WINDOWS_MAX} windows would stay open; write at most {}", text(bound))
        })
    }

    fn check_reading(&self) -> Result<(), ConfigError> {
        let (read, batch) = (self.ingest.rows_per_read as usize, self.ingest.rows_per_batch);
        self.require(read >= batch, &["ingest.rows_per_read", "ingest.rows_per_batch"], || {
            "a read must fill at least one batch; raise the first or lower the second".to_owned()
        })?;
        let queued = self.channels.packets.saturating_mul(batch);
        self.require(queued <= QUEUED_PACKETS_MAX, &["channels.packets", "ingest.rows_per_batch"], || {
            format!("{queued} packets could wait in memory; lower one of the two, to a product of {QUEUED_PACKETS_MAX}")
        })?;
        let idle_after_a_poll = self.window.idle_timeout >= self.ingest.poll_interval;
        self.require(idle_after_a_poll, &["window.idle_timeout", "ingest.poll_interval"], || {
            "the source is idle only if a look found nothing; make the first at least the second".to_owned()
        })
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let statement = self.database.statement_timeout;
        let times = [
            (self.database.lock_timeout <= statement, ["database.lock_timeout", "database.statement_timeout"]),
            (self.retry.backoff_min <= self.retry.backoff_max, ["retry.backoff_min", "retry.backoff_max"]),
        ];
        times.into_iter().try_for_each(|(holds, names)| {
            self.require(holds, &names, || "make the first at most the second".to_owned())
        })?;
        // A gate that is not to be had is asked for again; a statement that runs too long is a fault.
        let names = ["wakeup.gate_timeout", "database.statement_timeout"];
        self.require(self.wakeup.gate_timeout < statement, &names, || "make the first less than the second".to_owned())
    }

    /// Work that only waits for the database ends by itself before it counts as stuck.
    fn check_watchdog(&self) -> Result<(), ConfigError> {
        let database = &self.database;
        let needed = database.answer_limit().max(database.connect_timeout).saturating_mul(ANSWERS_A_PIECE);
        let names = ["service.stuck_after", "database.statement_timeout", "database.connect_timeout"];
        self.require(self.service.stuck_after >= needed, &names, || {
            format!(
                "a piece of work may ask the database {ANSWERS_A_PIECE} times, each with its time-out and {}; \
                 write at least {} for the first, or lower the others",
                text(ANSWER_MARGIN),
                text(needed)
            )
        })
    }

    /// Streams that took every connection would leave none to ask for health.
    fn check_streams(&self) -> Result<(), ConfigError> {
        let names = ["http.streams_max", "http.connections_max"];
        self.require(self.http.streams_max < self.http.connections_max, &names, || {
            "make the first less than the second, which it is a part of".to_owned()
        })
    }

    fn check_memory(&self) -> Result<(), ConfigError> {
        let memory = self.memory();
        let names = ["http.connections_max", "http.body_max"];
        self.require(memory.requests <= REQUESTS_MAX, &names, || {
            format!("requests could take {} of memory; lower one of them", Bytes::rounded(memory.requests))
        })
    }

    /// A packet may be deleted only when no window that it could belong to can still change.
    fn check_retention(&self) -> Result<(), ConfigError> {
        let window = &self.window;
        let parts = [window.length, window.out_of_orderness, window.allowed_lateness, window.idle_timeout];
        let needed = parts.into_iter().fold(Duration::ZERO, Duration::saturating_add);
        let names = [
            "retention.keep",
            "window.length",
            "window.out_of_orderness",
            "window.allowed_lateness",
            "window.idle_timeout",
        ];
        let keep = self.retention.keep;
        self.require(keep.is_zero() || keep > needed, &names, || {
            format!(
                "packets would be deleted while their window needs them; keep more than {}, or 0 for ever",
                text(needed)
            )
        })
    }

    fn require(&self, holds: bool, names: &[&str], remedy: impl FnOnce() -> String) -> Result<(), ConfigError> {
        if holds {
            return Ok(());
        }
        let combined = names.iter().map(|name| self.combined(name)).collect();
        Err(ConfigError::Combination { combined, remedy: remedy() })
    }

    fn combined(&self, name: &str) -> Combined {
        let value =
            all().find(|option| option.name == name).map_or_else(String::new, |option| plain(&(option.shown)(self)));
        let origin: Origin = self.origin(name).clone();
        Combined { key: name.to_owned(), value, origin }
    }
}
