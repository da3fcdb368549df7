//! Reports brokers that do not answer: periodically, and when they answer again.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// The interval between reports.
const PAUSE: Duration = Duration::from_secs(10);

/// Whether brokers have recently not answered, as reported.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    began: Option<Instant>,
    said: Option<Instant>,
}

impl Outage {
    /// Reports the problem, periodically.
    pub(crate) fn lasts(&mut self, what: &dyn Display) {
        self.began.get_or_insert_with(Instant::now);
        if self.said.is_none_or(|said| said.elapsed() > PAUSE) {
            self.said = Some(Instant::now());
            tracing::warn!(name: "brokers_away", "{what}; trying again");
        }
    }

    /// Whether the last report is that brokers do not answer.
    pub(crate) fn is_on(&self) -> bool {
        self.began.is_some()
    }

    /// A broker has answered.
    pub(crate) fn is_over(&mut self, brokers: &str) {
        if let Some(began) = self.began.take() {
            self.said = None;
            tracing::info!(name: "brokers_back", "the brokers at {brokers} answer again, after {} s", began.elapsed().as_secs());
        }
    }
}
