//! Messages that receivers are still to be told.

use crate::config;

/// Somebody who is told of alerts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Receiver {
    /// A signed POST.
    Webhook,
    /// Prometheus Alertmanager.
    Alertmanager,
}

impl Receiver {
    /// As stored and counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
        }
    }
}

/// Those that the settings name.
pub fn receivers(tell: &config::Tell) -> Vec<Receiver> {
    let webhook = tell.webhook_url.as_ref().map(|_| Receiver::Webhook);
    let alertmanager = tell.alertmanager_url.as_ref().map(|_| Receiver::Alertmanager);
    webhook.into_iter().chain(alertmanager).collect()
}
