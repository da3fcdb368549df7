//! Brokers that do not answer: said once in a while, and when it is over.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How often it is said that it lasts.
const PAUSE: Duration = Duration::from_secs(10);

/// Whether brokers have not answered of late, as far as was said.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    began: Option<Instant>,
    said: Option<Instant>,
}

impl Outage {
    /// Says what is the matter, once in a while.
    pub(crate) fn lasts(&mut self, what: &dyn Display) {
        self.began.get_or_insert_with(Instant::now);
        if self.said.is_none_or(|said| said.elapsed() > PAUSE) {
            self.said = Some(Instant::now());
            tracing::warn!("{what}; trying again");
        }
    }

    /// Whether the last thing that was said is that brokers do not answer.
    pub(crate) fn is_on(&self) -> bool {
        self.began.is_some()
    }

    /// A broker has answered.
    pub(crate) fn is_over(&mut self, brokers: &str) {
        if let Some(began) = self.began.take() {
            self.said = None;
            tracing::info!("the brokers at {brokers} answer again, after {} s", began.elapsed().as_secs());
        }
    }
}
