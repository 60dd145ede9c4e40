//! Settings that are possible, and yet have a price. What is impossible is refused when they are read.

use crate::config::{Config, Listen};

use super::finding::{Finding, Remedy};

/// Judges the settings.
pub fn judge(config: &Config) -> Vec<Finding> {
    let findings: Vec<Finding> = [retention(config), http(config), fallback(config)].into_iter().flatten().collect();
    if findings.is_empty() { vec![Finding::fine("settings", "settings", "they fit together")] } else { findings }
}

fn retention(config: &Config) -> Option<Finding> {
    let why = "packets are never deleted, and the table grows until the disk is full";
    config.retention.keep.is_zero().then(|| {
        Finding::warning("settings.retention", "retention.keep", "0: retention is off", why)
            .mend(Remedy::Setting("retention.keep=7d".to_owned()))
    })
}

fn http(config: &Config) -> Option<Finding> {
    let Listen::On(address) = config.http.listen else { return None };
    let why = "whoever reaches the port reads the metrics: there is no password";
    (!address.ip().is_loopback()).then(|| {
        Finding::warning("settings.http", "http.listen", format!("{address}: other hosts may reach it"), why)
            .mend(Remedy::Setting(format!("http.listen=127.0.0.1:{}", address.port())))
    })
}

fn fallback(config: &Config) -> Option<Finding> {
    let wakeup = &config.wakeup;
    let why =
        "packets that no trigger saw (a prepared transaction, a partition filled directly) wait for the next insert";
    (wakeup.trigger && wakeup.fallback_interval.is_zero()).then(|| {
        Finding::warning("settings.fallback", "wakeup.fallback_interval", "0: there is no fallback timer", why)
            .mend(Remedy::Setting("wakeup.fallback_interval=1s".to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn settings_with_a_price_are_told() {
        let check = |change: fn(&mut Config), expected: &[&str]| {
            let mut config = Config::default();
            change(&mut config);
            let found: Vec<_> = judge(&config).iter().map(|finding| finding.check).collect();
            assert_eq!(found, expected);
        };
        check(|_| {}, &["settings"]);
        check(|config| config.retention.keep = Duration::ZERO, &["settings.retention"]);
        check(|config| config.http.listen = Listen::On(([0, 0, 0, 0], 9477).into()), &["settings.http"]);
        check(|config| config.http.listen = Listen::Off, &["settings"]);
        check(|config| config.wakeup.fallback_interval = Duration::ZERO, &["settings.fallback"]);
        check(
            |config| {
                config.wakeup.trigger = false;
                config.wakeup.fallback_interval = Duration::ZERO;
            },
            &["settings"],
        );
    }
}
