//! A thread that hears of changes and loads models, so that no member waits for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use gristmill::plan::{InputPlan, Plan};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::change::{Record, record};
use super::registry::ModelRegistry;
use crate::kafka::{KafkaFailure, Reader, is_transient, tailing_client};

/// How often it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// Hears of changes until it is dropped.
pub struct Watch {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins where the topic ends now; nothing for a pipeline without such a topic.
    pub fn start(plan: &Arc<Plan>) -> Result<Option<Self>, KafkaFailure> {
        let (Some(_), InputPlan::Kafka { .. }) = (&plan.scoring, &plan.input) else { return Ok(None) };
        let (ended, ours) = (Arc::new(AtomicBool::new(false)), Arc::clone(plan));
        let topic = plan.models_topic();
        let (reader, registry) = (tailing_client(&plan.kafka)?, ModelRegistry::open(plan)?);
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(&topic, 0, Offset::Beginning);
        let failed = |error| KafkaFailure::of(&format!("reading {topic}"), &error, plan.kafka.brokers(), None);
        added.and_then(|()| reader.assign(&list)).map_err(failed)?;
        let told = Arc::clone(&ended);
        let body = move || {
            let mut changed = false;
            while !told.load(Ordering::Relaxed) {
                match heard(&reader, &topic) {
                    Heard::Version => changed = true,
                    Heard::Piece => {}
                    // Of several changes at once the last one counts.
                    Heard::Nothing if std::mem::take(&mut changed) => renew(&ours, &registry),
                    Heard::Nothing => {}
                }
            }
        };
        let thread = std::thread::Builder::new().name("models".into()).spawn(body);
        let thread = thread.map_err(|error| KafkaFailure::new(crate::kafka::Kind::Other, error.to_string()))?;
        Ok(Some(Self { ended, thread: Some(thread) }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It cannot fail but by a panic, which was told.
            let _ = thread.join();
        }
    }
}

enum Heard {
    Nothing,
    Piece,
    Version,
}

fn heard(reader: &Reader, topic: &str) -> Heard {
    match reader.poll(LOOK) {
        Some(Ok(message)) if record(message.key().unwrap_or_default()) == Some(Record::Version) => Heard::Version,
        Some(Ok(_)) => Heard::Piece,
        None | Some(Err(KafkaError::PartitionEOF(_))) => Heard::Nothing,
        Some(Err(error)) => {
            if !is_transient(&error) {
                tracing::warn!("topic {topic}: {error}; changes of the model are not heard of meanwhile");
                std::thread::sleep(LOOK);
            }
            Heard::Nothing
        }
    }
}

fn renew(plan: &Arc<Plan>, registry: &ModelRegistry) {
    let Some(scoring) = &plan.scoring else { return };
    match registry.changes() {
        Ok(changes) => {
            let newer: Vec<_> =
                changes.into_iter().filter(|change| change.number > scoring.versions.newest()).collect();
            registry.activate(&newer, &scoring.versions);
        }
        Err(failure) => tracing::error!("a change of the model cannot be read: {failure}"),
    }
}
