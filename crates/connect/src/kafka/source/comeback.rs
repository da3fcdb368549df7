//! Replaces a client that its group has expelled for good by another, which joins as a new member.

use std::time::{Duration, Instant};

use gristmill::rows::Partition;

use super::KafkaSource;
use super::lookout::session;
use crate::source::{Event, Source as _, SourceError};

/// How long a member waits before it asks again for the place that the group keeps for its predecessor.
const PLACE_PAUSE: Duration = Duration::from_secs(2);
/// How often a client that its group has refused is replaced before the run ends.
pub(super) const COMEBACKS: u32 = 5;
/// How often a warning is given.
pub(super) const WARNING_PAUSE: Duration = Duration::from_secs(10);

/// The group's client is unusable, and another one is to replace it.
pub(super) struct Comeback {
    /// Not before this moment.
    pub(super) at: Instant,
    /// Whether the member has released everything that the old client had.
    pub(super) released: bool,
}

impl KafkaSource {
    /// The group keeps a place for a static member that has not left, until its session expires.
    pub(super) fn place_is_taken(&mut self) {
        if self.last_warning.is_none_or(|last| last.elapsed() > WARNING_PAUSE) {
            let known = self.plan.connections.kafka.properties_for("C").find(|(name, _)| *name == "group.instance.id");
            let instance = known.map_or(String::new(), |(_, value)| format!("{value}-{}", self.member));
            tracing::warn!(
                name: "static_member_waits", member = self.member, "member {}: the group still keeps the place of the member `{instance}` (`group.instance.id`), which was \
                 killed or runs elsewhere: waiting until it leaves, or its session has run out ({})",
                self.member,
                session(&self.plan.connections.kafka, self.consumer_protocol())
            );
            self.last_warning = Some(Instant::now());
        }
        self.come_back(PLACE_PAUSE);
    }

    /// The group has reassigned this member's partitions, since it did not poll for too long.
    pub(super) fn was_too_slow(&mut self) {
        let interval =
            self.plan.connections.kafka.properties_for("C").find(|(name, _)| *name == "max.poll.interval.ms");
        let interval = interval.map_or("300000", |(_, value)| value);
        let mut advice = String::new();
        if self.taken > 1 {
            // A smaller batch will take less time.
            self.batch = self.taken / 2;
            advice = format!(
                ": {} records took longer than that; {} are taken together from here on, and raising \
                 `max.poll.interval.ms` under `kafka:` allows for more",
                self.taken, self.batch
            );
        }
        tracing::warn!(
            name: "poll_interval_exceeded", member = self.member, "member {}: it did not ask for records for longer than max.poll.interval.ms ({interval} ms), so the group \
             takes its partitions away{advice}",
            self.member
        );
    }

    /// Another client is to replace this one, once everything of this one is released.
    pub(super) fn come_back(&mut self, pause: Duration) {
        let held: Vec<Partition> = self.shards(self.held.clone());
        self.comebacks += u32::from(pause.is_zero());
        self.comeback = Some(Comeback { at: Instant::now() + pause, released: held.is_empty() });
        self.events.clear();
        self.reading.clear();
        self.interleaver.clear();
        if !held.is_empty() {
            self.events.push_back(Event::Lost(held));
        }
    }

    /// The events while another client is to replace this one; whether it has.
    pub(super) fn comes_back(&mut self, wait: Duration) -> Result<bool, SourceError> {
        let Some(comeback) = &self.comeback else { return Ok(true) };
        let left = comeback.at.saturating_duration_since(Instant::now());
        if comeback.released && left.is_zero() {
            self.rejoin()?;
            return Ok(true);
        }
        if self.events.is_empty() {
            std::thread::sleep(wait.min(left));
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use gristmill::plan::Plan;
    use rdkafka::error::{KafkaError, RDKafkaErrorCode};

    use super::*;
    use crate::kafka::GroupMember;

    /// A member of a group that no broker knows, which believes that it owns two partitions.
    fn source(settings: &str) -> KafkaSource {
        let document = format!(
            "name: t\nkafka: {{bootstrap.servers: \"127.0.0.1:1\", {settings}}}\ninput: {{kafka: {{topics: [in]}}, \
             format: json, columns: {{x: float64, y: boolean}}}}\nfeatures: [x]\nlabel: {{column: y}}\nmodel: \
             [logistic_regression]\n"
        );
        let plan = Arc::new(Plan::read("t", &document, &|_| None).unwrap());
        let mut source = KafkaSource::join(plan, 0, Arc::new(GroupMember::default())).unwrap();
        source.held = BTreeSet::from([0, 1]);
        source
    }

    /// librdkafka's error when a group has refused its client for good.
    fn fatal(code: RDKafkaErrorCode) -> KafkaError {
        KafkaError::MessageConsumptionFatal(code)
    }

    #[test]
    fn another_client_takes_the_place_of_one_that_was_given_up_when_all_is_let_go() {
        let mut source = source("group.protocol: consumer");
        let before = Arc::clone(&source.consumer);
        source.on_poll_error(fatal(RDKafkaErrorCode::InvalidRequest)).unwrap();
        let partitions = source.shards([0, 1]);
        let Some(Event::Lost(lost)) = source.poll(Duration::ZERO, false).unwrap() else { panic!("nothing was lost") };
        assert_eq!(lost, partitions);
        // Until the member has released its partitions, everything it sends is sent as the expelled client.
        assert!(source.poll(Duration::ZERO, true).unwrap().is_none() && Arc::ptr_eq(&source.consumer, &before));
        assert!(source.lost());
        source.release(&partitions).unwrap();
        assert!(source.poll(Duration::ZERO, true).unwrap().is_none() && !Arc::ptr_eq(&source.consumer, &before));
        assert!(source.held.is_empty() && source.comeback.is_none());
    }

    #[test]
    fn a_client_that_is_refused_again_and_again_ends_the_run() {
        let mut source = source("group.protocol: consumer");
        source.held.clear();
        for _ in 0..COMEBACKS {
            source.on_poll_error(fatal(RDKafkaErrorCode::InvalidRequest)).unwrap();
            assert!(source.poll(Duration::ZERO, true).unwrap().is_none());
        }
        assert!(source.on_poll_error(fatal(RDKafkaErrorCode::InvalidRequest)).is_err());
        // Another process with the same name is not a transient problem.
        let error = source.on_poll_error(fatal(RDKafkaErrorCode::FencedInstanceId)).unwrap_err().to_string();
        assert!(error.contains("give each process an id of its own"), "{error}");
    }
}
