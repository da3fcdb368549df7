//! A topic of one partition that a group keeps, read whole, added to, followed.

use std::sync::Arc;
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill::rows::Position;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer as _};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::{InternalTopics, Reader, failure_of, is_transient, producer, tailing_client};
use crate::broker::BrokerError;
use crate::log::{Follow, Log, Visit};

/// How long the brokers have to take what is added.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct TopicLog {
    plan: Arc<Plan>,
    topics: InternalTopics,
    name: String,
}

impl TopicLog {
    pub(super) fn open(plan: &Arc<Plan>, name: String) -> Result<Self, BrokerError> {
        Ok(Self { plan: Arc::clone(plan), topics: InternalTopics::open(plan)?, name })
    }

    fn failure(&self, doing: &str, error: &KafkaError) -> BrokerError {
        let doing = format!("{doing} topic {}", self.name);
        failure_of(&doing, error, self.plan.connections.kafka.brokers(), None)
    }
}

impl Log for TopicLog {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&self, visit: Visit<'_>) -> Result<(), BrokerError> {
        self.topics.visit(&self.name, 0, Position::START, &|| true, visit)
    }

    fn append(&self, records: &[(String, Vec<u8>)]) -> Result<(), BrokerError> {
        let producer = producer(&self.plan.connections.kafka)?;
        let failed = |error: &KafkaError| self.failure("writing to", error);
        for (key, value) in records {
            let record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(&self.name, 0);
            let record = record.partition(0).key(key.as_bytes()).payload(value);
            producer.send(record).map_err(|(error, _)| failed(&error))?;
        }
        producer.flush(PATIENCE).map_err(|error| failed(&error))?;
        match producer.context().take_undelivered() {
            None => Ok(()),
            Some(undelivered) => Err(failed(&undelivered.error)),
        }
    }

    fn follow(&self) -> Result<Box<dyn Follow>, BrokerError> {
        let reader = tailing_client(&self.plan.connections.kafka)?;
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(&self.name, 0, Offset::Beginning);
        added.and_then(|()| reader.assign(&list)).map_err(|error| self.failure("reading", &error))?;
        Ok(Box::new(FollowedTopic { reader, name: self.name.clone() }))
    }
}

struct FollowedTopic {
    reader: Reader,
    name: String,
}

impl Follow for FollowedTopic {
    fn next(&mut self, wait: Duration) -> Option<Vec<u8>> {
        match self.reader.poll(wait)? {
            Ok(message) => Some(message.key().unwrap_or_default().to_vec()),
            Err(KafkaError::PartitionEOF(_)) => None,
            Err(error) => {
                if !is_transient(&error) {
                    tracing::warn!(name: "models_unheard", "topic {}: {error}; changes are not heard of meanwhile", self.name);
                    std::thread::sleep(wait);
                }
                None
            }
        }
    }
}
