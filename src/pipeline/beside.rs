//! What runs beside the attempts on the main thread, for as long as the service does.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;

/// A task that ends when this is dropped.
pub(super) struct Beside(JoinHandle<()>);

impl Beside {
    pub fn running(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }

    /// Does something now and then.
    pub fn every(interval: Duration, mut act: impl FnMut() + Send + 'static) -> Self {
        Self::running(async move {
            loop {
                tokio::time::sleep(interval).await;
                act();
            }
        })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.0.abort();
    }
}
