//! Where a pipeline's state is kept, for the commands that look at it or change it: a folder, or topics.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use gristmill::plan::{InputPlan, Plan};
use gristmill::protocol::{Code, Consumed, Entry, Manifest, Piece, Run, StoredState};
use gristmill::rows::{Partition, Position, Positions};
use gristmill::shard::Outbox;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::producer::Producer as _;
use rdkafka::{Offset, TopicPartitionList};

use super::{StateFailure, StateFolder};
use crate::commit::{CommitterError, PIECE, PartitionCommit, code};
use crate::kafka::{self, InternalTopics, KafkaFailure, Kind, PlainContext, offset_of};
use crate::sink::KafkaSink;
use crate::source::{FileSource, ReplayReader, Reread, Source as _, SourceError};

const ANSWER: Duration = Duration::from_secs(10);

/// A pipeline's state at rest.
pub(super) enum StateStore {
    Folder(StateFolder),
    Topics(Box<InternalTopics>),
}

impl StateStore {
    /// Opens what the plan says; nobody may be at work in a folder meanwhile.
    pub(super) fn open(plan: &Arc<Plan>) -> Result<Self, CommitterError> {
        keeps(plan)?;
        match StateFolder::open(plan)? {
            Some(folder) => Ok(Self::Folder(folder)),
            None => Ok(Self::Topics(Box::new(InternalTopics::open(plan)?))),
        }
    }

    pub(super) fn partitions(&self, plan: &Plan) -> Result<Vec<Partition>, CommitterError> {
        let count = match self {
            Self::Folder(_) => plan.shards(),
            Self::Topics(topics) => topics.count(plan.input_name())?,
        };
        Ok((0..count).map(|number| Partition::new(plan.input_name(), number)).collect())
    }

    pub(super) fn kept(&self, partition: &Partition) -> Result<StoredState, CommitterError> {
        match self {
            Self::Folder(folder) => Ok(folder.kept(partition)?),
            Self::Topics(topics) => Ok(topics.read(partition, &|| true)?),
        }
    }

    /// The same, with the journal since the newest snapshot at or before a position of its first input.
    pub(super) fn kept_since(&self, partition: &Partition, position: Position) -> Result<StoredState, CommitterError> {
        match self {
            Self::Folder(folder) => Ok(folder.kept(partition)?),
            Self::Topics(topics) => {
                Ok(topics.read_since(partition, &|manifest| reaches(manifest, partition, position), &|| true)?)
            }
        }
    }

    /// Where the records of the input can be read once more.
    pub(super) fn past(&self, plan: &Arc<Plan>) -> Result<Past, CommitterError> {
        Ok(match self {
            Self::Folder(_) => {
                let opened = FileSource::open(plan, Arc::new(AtomicU64::new(0)));
                let opened = opened.map_err(|error| StateFailure::StoredState {
                    place: plan.name.to_string(),
                    why: error.to_string(),
                })?;
                Past::File(Box::new(opened.0))
            }
            Self::Topics(_) => Past::Topics(ReplayReader::new(Arc::clone(plan))),
        })
    }

    /// Makes this the state of a partition, and this its position: an entry of the journal that says so, with a
    /// snapshot behind it. The group must be at rest.
    pub(super) fn install(
        &mut self,
        plan: &Arc<Plan>,
        partition: &Partition,
        state: &[u8],
        place: Place,
    ) -> Result<(), CommitterError> {
        let Place { sequence, from, positions, slot } = place;
        let run = |(input, next): (&Arc<str>, Position)| {
            let consumed = Consumed { next, ..Consumed::nothing(from.get(input).unwrap_or(next)) };
            Run { topic: Arc::clone(input), consumed, flushed: false, tables: 0, version: 0 }
        };
        let code = code(plan);
        let Code { plan: fingerprint, program } = code;
        let about = Manifest {
            slot,
            sequence: sequence + 1,
            positions: positions.clone(),
            program,
            plan: fingerprint,
            ..Manifest::default()
        };
        let limit = if let Self::Folder(_) = self { usize::MAX } else { PIECE };
        let part = PartitionCommit {
            partition: partition.clone(),
            outbox: Outbox::default(),
            dead_letters: Vec::new(),
            entry: Some(Entry {
                sequence,
                runs: positions.iter().map(run).collect(),
                code: Some(code),
                installed: true,
            }),
            positions,
            pieces: Piece::cut(about, state, limit).into(),
        };
        match self {
            Self::Folder(folder) => folder.commit(&[Arc::new(part)]),
            Self::Topics(_) => Ok(install_in_topics(plan, &part)?),
        }
    }

    /// Forgets everything, whatever it is: the next run starts over.
    pub(super) fn forget(plan: &Plan) -> Result<(), CommitterError> {
        keeps(plan)?;
        if let InputPlan::File { .. } = plan.input {
            return Ok(StateFolder::forget(plan)?);
        }
        at_rest(plan)?;
        Ok(kafka::forget_group(plan)?)
    }
}

/// Whether there is any state to look at or to change.
fn keeps(plan: &Plan) -> Result<(), StateFailure> {
    let why = match plan.input {
        _ if plan.journals() => return Ok(()),
        InputPlan::File { .. } => "this pipeline keeps none; add `state: {directory: …}` to keep it",
        InputPlan::Kafka { .. } => "this pipeline keeps none: nothing in it depends on the records before",
    };
    Err(StateFailure::StoredState { place: plan.name.to_string(), why: why.into() })
}

/// The records of the input, to be read once more.
pub(super) enum Past {
    File(Box<FileSource>),
    Topics(ReplayReader),
}

impl Past {
    /// The names of the fields, where the input itself says them.
    pub(super) fn header(&self) -> Option<&[String]> {
        match self {
            Self::File(file) => file.header(),
            Self::Topics(_) => None,
        }
    }

    /// The next records in [from, to).
    pub(super) fn read(&mut self, partition: &Partition, from: Position, to: Position) -> Result<Reread, SourceError> {
        match self {
            Self::File(file) => file.reread(partition, from, to),
            Self::Topics(topics) => Ok(topics.read(partition, from, to)?),
        }
    }
}

/// Whether a snapshot is at or before a position of the first input.
pub(super) fn reaches(manifest: &Manifest, partition: &Partition, position: Position) -> bool {
    manifest.positions.get(&partition.topic).is_some_and(|saved| saved <= position)
}

/// Where a state is installed.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The sequence of the entry.
    pub(super) sequence: u64,
    /// Where the journal has come to so far.
    pub(super) from: Positions,
    /// The next position to read of each input.
    pub(super) positions: Positions,
    /// The snapshot's slot.
    pub(super) slot: u32,
}

fn failed(plan: &Plan, doing: &str, error: &rdkafka::error::KafkaError) -> KafkaFailure {
    KafkaFailure::of(doing, error, plan.kafka.brokers(), None)
}

/// Offsets can be committed from outside only while nobody is a member.
pub(super) fn at_rest(plan: &Plan) -> Result<BaseConsumer<PlainContext>, KafkaFailure> {
    let offsets_client = kafka::offsets_client(&plan.kafka, &plan.kafka.group)?;
    let mut list = TopicPartitionList::new();
    list.add_partition(plan.input_name(), 0);
    let doing = "asking for the group's offsets";
    let found = offsets_client.committed_offsets(list, ANSWER).map_err(|error| failed(plan, doing, &error))?;
    let known = found.elements().iter().any(|one| matches!(one.offset(), Offset::Offset(_)));
    if known && offsets_client.commit(&found, CommitMode::Sync).is_err() {
        let message = format!("group {} is at work: stop its members first (SIGTERM, or Ctrl-C)", plan.kafka.group);
        return Err(KafkaFailure::new(Kind::Other, message));
    }
    Ok(offsets_client)
}

/// Commits where the group stands in a partition. The group must be at rest.
pub(super) fn commit_position(plan: &Plan, partition: &Partition, position: Position) -> Result<(), KafkaFailure> {
    let offsets_client = at_rest(plan)?;
    let mut list = TopicPartitionList::new();
    let added = list.add_partition_offset(&partition.topic, partition.number, offset_of(position));
    let committed = added.and_then(|()| offsets_client.commit(&list, CommitMode::Sync));
    committed.map_err(|error| failed(plan, "committing the group's position", &error))
}

fn install_in_topics(plan: &Arc<Plan>, part: &PartitionCommit) -> Result<(), KafkaFailure> {
    let offsets_client = at_rest(plan)?;
    let producer = kafka::transactional(&plan.kafka, &format!("{}-state", plan.kafka.group))?;
    let doing = "writing the state";
    let fail = |error: rdkafka::error::KafkaError| failed(plan, doing, &error);
    producer.init_transactions(ANSWER).map_err(fail)?;
    producer.begin_transaction().map_err(fail)?;
    let sink = KafkaSink::new(Arc::clone(plan), producer, Arc::new(|| false));
    let refused = |refusal| KafkaFailure::new(Kind::Other, crate::sink::SinkError::from(refusal).to_string());
    sink.state(part).map_err(refused)?;
    sink.delivered().map_err(refused)?;
    let mut list = TopicPartitionList::new();
    for (input, position) in part.positions.iter() {
        list.add_partition_offset(input, part.partition.number, offset_of(position)).map_err(fail)?;
    }
    let metadata = offsets_client.group_metadata();
    let metadata = metadata.ok_or_else(|| KafkaFailure::new(Kind::Other, "the group cannot be reached"))?;
    sink.producer.send_offsets_to_transaction(&list, &metadata, ANSWER).map_err(fail)?;
    sink.producer.commit_transaction(ANSWER).map_err(fail)
}
