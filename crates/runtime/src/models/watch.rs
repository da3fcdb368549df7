//! A thread that watches for changes and loads models, so that no member waits for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use gristmill::pretrained::Versions;
use gristmill::resources::RunnablePlan;
use gristmill_connect::broker::{BrokerError, Kind};

use super::change::{Record, record};
use super::registry::ModelRegistry;

/// How often it checks whether it should stop.
const LOOK: Duration = Duration::from_millis(100);

/// Watches for changes until it is dropped.
pub struct Watch {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins at the current end of the topic; none for a pipeline without such a topic.
    pub fn start(plan: &RunnablePlan) -> Result<Option<Self>, BrokerError> {
        let Some(registry) = ModelRegistry::open(plan)? else { return Ok(None) };
        let (ended, ours) = (Arc::new(AtomicBool::new(false)), plan.resources.versions.clone());
        let mut log = registry.follow()?;
        let told = Arc::clone(&ended);
        let body = move || {
            let mut changed = false;
            while !told.load(Ordering::Relaxed) {
                match log.next(LOOK).map(|key| record(&key) == Some(Record::Version)) {
                    Some(true) => changed = true,
                    Some(false) => {}
                    // Of several changes at once the last counts.
                    None if std::mem::take(&mut changed) => renew(ours.as_deref(), &registry),
                    None => {}
                }
            }
        };
        let thread = std::thread::Builder::new().name("models".into()).spawn(body);
        let thread = thread.map_err(|error| BrokerError::new(Kind::Other, error.to_string()))?;
        Ok(Some(Self { ended, thread: Some(thread) }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It can fail only by a panic, which was reported.
            let _ = thread.join();
        }
    }
}

fn renew(versions: Option<&Versions>, registry: &ModelRegistry) {
    let Some(versions) = versions else { return };
    match registry.changes() {
        Ok(changes) => {
            let newer: Vec<_> = changes.into_iter().filter(|change| change.number > versions.newest()).collect();
            registry.activate(&newer, versions);
        }
        Err(failure) => {
            tracing::error!(name: "model_version_unreadable", "a change of the model cannot be read: {failure}")
        }
    }
}
