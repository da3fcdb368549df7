//! A broker within this process, for those who want to see a pipeline run and have none: librdkafka's own.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::broker::{BrokerError, Kind};

fn failed(what: &str) -> impl Fn(KafkaError) -> BrokerError + '_ {
    move |error| BrokerError::new(Kind::Other, format!("{what}: {error}"))
}

/// A broker that lives as long as this.
pub struct LocalBroker(MockCluster<'static, rdkafka::producer::DefaultProducerContext>);

impl LocalBroker {
    /// Starts it with these topics, each with its number of partitions: it lets nobody make others.
    pub fn start(topics: &[(&str, i32)]) -> Result<Self, BrokerError> {
        let cluster = MockCluster::new(1).map_err(failed("the broker in this process does not start"))?;
        for (topic, partitions) in topics {
            cluster.create_topic(topic, *partitions, 1).map_err(failed("a topic cannot be created"))?;
        }
        Ok(Self(cluster))
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.0.bootstrap_servers()
    }
}

/// Writes records to topics.
pub struct Writer(ThreadedProducer<DefaultProducerContext>);

impl Writer {
    /// Connects with a broker.
    pub fn open(address: &str) -> Result<Self, BrokerError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", address).set("partitioner", "murmur2_random");
        Ok(Self(config.create().map_err(failed("records cannot be written"))?))
    }

    /// Writes a record to the partition of its key.
    pub fn send(&self, topic: &str, key: &str, value: &[u8]) -> Result<(), BrokerError> {
        let sent = self.0.send(BaseRecord::to(topic).key(key).payload(value));
        sent.map_err(|(error, _)| failed("records cannot be written")(error))
    }

    /// Returns when everything is delivered.
    pub fn flush(&self) -> Result<(), BrokerError> {
        self.0.flush(Duration::from_secs(10)).map_err(failed("records cannot be written"))
    }
}

/// Reads the first partition of a topic from its beginning.
pub struct Tail(BaseConsumer);

impl Tail {
    /// Connects with a broker.
    pub fn open(address: &str, topic: &str) -> Result<Self, BrokerError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", address).set("group.id", "tail");
        let failed = failed("records cannot be read");
        let consumer: BaseConsumer = config.create().map_err(&failed)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning).map_err(&failed)?;
        consumer.assign(&list).map_err(&failed)?;
        Ok(Self(consumer))
    }

    /// Key and value of the next record, waiting for it as long as told; nothing if none came.
    pub fn next(&self, wait: Duration) -> Option<(Vec<u8>, Vec<u8>)> {
        let message = self.0.poll(wait)?.ok()?;
        Some((message.key().unwrap_or_default().to_vec(), message.payload().unwrap_or_default().to_vec()))
    }
}
