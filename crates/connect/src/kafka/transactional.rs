//! Exactly once on Kafka: a commit is one transaction of outputs, dead letters, journal entries, pieces of snapshots,
//! and the group's offsets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::plan::Plan;
use gristmill::protocol::{Answer, CommitOutcome};
use gristmill::rows::{Partition, Position};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;

use super::{GroupMember, KafkaSink, Outage, Refusal, failure_of, is_transient, offset_of, transactional};
use crate::broker::Kind;
use crate::commit::{Commit, PartitionCommit};
use crate::commit_thread::BlockingCommitter;
use crate::committer::CommitterError;
use crate::sink::{Sink, Stopped};
use crate::state_loader::StateLoader;

/// For each transactional request.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a request is retried before its outcome is treated as unknown: twice as long as the broker leaves a
/// transaction open. By then it has ended, and the journal knows how; what a new producer cannot do, the old one could
/// not either.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a producer may fail to initialise before another one replaces it: whatever state has confused it, a new
/// one starts without.
const INITIAL_ATTEMPTS: u32 = 4;
/// How long a stopping member waits for brokers that do not answer.
const PATIENCE_AT_STOP: Duration = Duration::from_secs(10);

/// A transactional producer. Its id is unique: new at every start, kept when the producer is replaced.
struct TurnOfProducer {
    id: String,
    /// None until it has been initialised.
    sink: Option<KafkaSink>,
}

/// Two producers alternate, one transaction after the other: once the broker has answered its end, a transaction is
/// committed, but its producer cannot begin another before the markers are written everywhere, and would retry every 20
/// ms (`CONCURRENT_TRANSACTIONS`). Never are two transactions open at once.
pub(super) struct TransactionalCommitter {
    plan: Arc<Plan>,
    group_member: Arc<GroupMember>,
    stopped: Stopped,
    /// The producer whose turn it is.
    now: TurnOfProducer,
    /// The one that has just committed.
    next: TurnOfProducer,
    /// The parts written in the open transaction; none: no transaction is open.
    written: Option<Vec<Arc<PartitionCommit>>>,
    /// Why the open transaction cannot be committed.
    spoiled: Option<Broken>,
    /// Outputs that cannot join a transaction: they are written before it.
    outside: Vec<Box<dyn Sink>>,
    /// The parts of a commit that were written to them, so that a resend does not write them again.
    told: Vec<Arc<PartitionCommit>>,
}

/// Why a transaction did not complete.
enum Broken {
    Answer(Answer, String),
    Final(CommitterError),
}

/// Whether another member has taken this one's place: the coordinator of transactions says so, or the group, which does not know
/// the member's epoch any more.
fn is_fenced(answer: Answer, why: &str) -> bool {
    why.contains("Failed to commit offsets") || (answer == Answer::Fatal && why.contains("ence"))
}

impl Broken {
    fn because(plan: &Plan, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Final(error) => Self::Final(error.into()),
            Refusal::Passing(error) => Self::of(plan, &error),
        }
    }

    fn of(plan: &Plan, error: &KafkaError) -> Self {
        let failure = failure_of("committing", error, plan.connections.kafka.brokers(), None);
        if failure.kind == Kind::Forbidden {
            return Self::Final(failure.into());
        }
        let fatal = match error {
            KafkaError::Transaction(error) => error.is_fatal(),
            other => matches!(
                other.rdkafka_error_code(),
                Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced)
            ),
        };
        Self::Answer(if fatal { Answer::Fatal } else { Answer::Abortable }, error.to_string())
    }
}

impl TransactionalCommitter {
    pub(super) fn new(
        plan: Arc<Plan>,
        group_member: Arc<GroupMember>,
        outside: Vec<Box<dyn Sink>>,
        identity: &str,
        stopped: Stopped,
    ) -> Result<Self, CommitterError> {
        let turn = |name: &str| TurnOfProducer { id: format!("{}-{identity}-{name}", plan.group), sink: None };
        let (now, next) = (turn("a"), turn("b"));
        Ok(Self { plan, group_member, stopped, now, next, written: None, spoiled: None, outside, told: Vec::new() })
    }

    /// The producer, initialised for transactions.
    fn ready(&mut self) -> Result<KafkaSink, CommitterError> {
        if let Some(sink) = self.now.sink.take() {
            return Ok(sink);
        }
        let mut producer = transactional(&self.plan.connections.kafka, &self.now.id)?;
        let mut stopping: Option<Instant> = None;
        let (mut attempts, mut outage) = (0, Outage::default());
        while let Err(error) = producer.init_transactions(ANSWER) {
            let stop = (self.stopped)() && stopping.get_or_insert_with(Instant::now).elapsed() > PATIENCE_AT_STOP;
            let retriable =
                is_transient(&error) || matches!(&error, KafkaError::Transaction(error) if error.is_retriable());
            if stop || !retriable || producer.context().refused() {
                let brokers = self.plan.connections.kafka.brokers();
                let reason = producer.context().reason();
                let failure = failure_of("beginning with transactions", &error, brokers, reason.as_deref());
                return Err(failure.into());
            }
            outage.lasts(&format_args!("no broker answers to begin with transactions ({error})"));
            attempts += 1;
            if attempts % INITIAL_ATTEMPTS == 0 {
                producer = transactional(&self.plan.connections.kafka, &self.now.id)?;
            }
        }
        outage.is_over(self.plan.connections.kafka.brokers());
        Ok(KafkaSink::new(Arc::clone(&self.plan), producer, Arc::clone(&self.stopped)))
    }

    /// Writes those parts that are not written yet, in the open transaction or in a new one.
    fn write(&mut self, sink: &KafkaSink, parts: &[Arc<PartitionCommit>]) -> Result<(), Broken> {
        let written = self.written.as_deref().unwrap_or_default();
        if !written.iter().zip(parts).all(|(one, other)| Arc::ptr_eq(one, other)) || written.len() > parts.len() {
            // A part that was written is no longer wanted: never send half of the rest with it.
            self.retry(sink, || sink.producer.abort_transaction(ANSWER))?;
            self.written = None;
        }
        if self.written.is_none() {
            drop(sink.producer.context().take_undelivered());
            drop(sink.producer.context().take_entries());
            sink.producer.begin_transaction().map_err(|error| Broken::of(&self.plan, &error))?;
            self.written = Some(Vec::new());
        }
        let known = self.written.as_ref().map_or(0, Vec::len);
        for part in parts.iter().skip(known) {
            let written = sink.answers(part).and_then(|()| sink.state(part));
            written.map_err(|refusal| Broken::because(&self.plan, refusal))?;
        }
        self.written = Some(parts.to_vec());
        Ok(())
    }

    /// Writes outputs outside the transaction, before it begins: a slow server would outlast it.
    fn tell(&mut self, commit: &Commit) -> Result<(), CommitterError> {
        if self.outside.is_empty() {
            return Ok(());
        }
        for part in &commit.parts {
            if !self.told.iter().any(|told| Arc::ptr_eq(told, part)) {
                self.outside.iter_mut().try_for_each(|sink| sink.write(part))?;
                self.told.push(Arc::clone(part));
            }
        }
        Ok(self.outside.iter_mut().try_for_each(|sink| sink.flush())?)
    }

    fn attempt(&mut self, sink: &KafkaSink, commit: &Commit) -> Result<Vec<(Partition, Position)>, Broken> {
        if let Some(spoiled) = self.spoiled.take() {
            return Err(spoiled);
        }
        let began = Instant::now();
        self.write(sink, &commit.parts)?;
        if let Err(refusal) = sink.delivered() {
            if let Refusal::Passing(_) = refusal {
                // An undelivered record only knows that it was discarded; a failed transaction says why.
                self.offsets(sink, commit)?;
            }
            return Err(Broken::because(&self.plan, refusal));
        }
        let delivered = began.elapsed();
        // Offsets last: a reader that waits until they are stable then finds the journal entry, too.
        self.offsets(sink, commit)?;
        let with_offsets = began.elapsed();
        self.retry(sink, || sink.producer.commit_transaction(ANSWER))?;
        tracing::debug!(
            "a transaction took {:?}: delivered after {delivered:?}, offsets after {with_offsets:?}",
            began.elapsed()
        );
        let entries = sink.producer.context().take_entries();
        Ok(commit.places(&entries))
    }

    fn offsets(&self, sink: &KafkaSink, commit: &Commit) -> Result<(), Broken> {
        let mut list = TopicPartitionList::new();
        let positions = |part: &Arc<PartitionCommit>| {
            let number = part.partition.number;
            let of = |(input, position): (&Arc<str>, Position)| (Arc::clone(input), number, position);
            part.positions.iter().map(of).collect::<Vec<_>>()
        };
        for (input, number, position) in commit.parts.iter().flat_map(positions) {
            // Of several parts of a partition the last counts.
            let set = match list.find_partition(&input, number) {
                Some(mut known) => known.set_offset(offset_of(position)),
                None => list.add_partition_offset(&input, number, offset_of(position)),
            };
            set.map_err(|error| Broken::of(&self.plan, &error))?;
        }
        let not_ours = |why: &str| Broken::Answer(Answer::Abortable, why.to_string());
        let consumer = self.group_member.consumer().ok_or_else(|| not_ours("the member has left its group"))?;
        if consumer.assignment_lost() {
            return Err(not_ours("the partitions were given to somebody else"));
        }
        let metadata = || consumer.group_metadata().ok_or_else(|| not_ours("the member is in no group"));
        // Fresh at each attempt: the group may have moved to its next generation.
        self.retry(sink, || match metadata() {
            Ok(metadata) => sink.producer.send_offsets_to_transaction(&list, &metadata, ANSWER),
            Err(_) => Err(KafkaError::Global(RDKafkaErrorCode::UnknownMemberId)),
        })
    }

    /// Retries while no broker answers; after a while the outcome is treated as unknown.
    fn retry(&self, sink: &KafkaSink, ask: impl Fn() -> Result<(), KafkaError>) -> Result<(), Broken> {
        let began = Instant::now();
        loop {
            let Err(error) = ask() else { return Ok(()) };
            match &error {
                KafkaError::Transaction(inner) if inner.is_retriable() && !inner.txn_requires_abort() => {
                    let longest = if (self.stopped)() { PATIENCE_AT_STOP } else { PATIENCE };
                    if sink.producer.context().refused() {
                        return Err(Broken::of(&self.plan, &error));
                    }
                    if began.elapsed() > longest {
                        return Err(Broken::Answer(Answer::Unknown, error.to_string()));
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                _ => return Err(Broken::of(&self.plan, &error)),
            }
        }
    }
}

impl BlockingCommitter for TransactionalCommitter {
    fn prewrite(&mut self, parts: &[Arc<PartitionCommit>]) -> Result<(), CommitterError> {
        if !self.outside.is_empty() {
            // No transaction is open while they are written.
            return Ok(());
        }
        let sink = self.ready()?;
        if parts.is_empty() && self.written.take().is_some() {
            // Readers need not wait for what will never be committed.
            self.spoiled = self.retry(&sink, || sink.producer.abort_transaction(ANSWER)).err();
        } else if !parts.is_empty() && self.spoiled.is_none() {
            self.spoiled = self.write(&sink, parts).err();
        }
        self.now.sink = Some(sink);
        match self.spoiled.take() {
            Some(Broken::Final(error)) => Err(error),
            other => {
                self.spoiled = other;
                Ok(())
            }
        }
    }

    fn commit(&mut self, commit: &Commit) -> Result<(Answer, Vec<(Partition, Position)>), CommitterError> {
        self.tell(commit)?;
        let sink = self.ready()?;
        let outcome = self.attempt(&sink, commit);
        self.written = None;
        let (answer, why) = match outcome {
            Ok(places) => {
                self.now.sink = Some(sink);
                self.told.clear();
                std::mem::swap(&mut self.now, &mut self.next);
                return Ok((Answer::Done, places));
            }
            Err(Broken::Final(error)) => return Err(error),
            Err(Broken::Answer(answer, why)) => (answer, why),
        };
        let fenced = is_fenced(answer, &why);
        tracing::debug!(name: "transaction_ended_early", fenced, "a transaction ended early, {answer:?}: {why}");
        let answer = match answer {
            Answer::Abortable => match self.retry(&sink, || sink.producer.abort_transaction(ANSWER)) {
                Ok(()) => Answer::Abortable,
                Err(Broken::Answer(Answer::Fatal, _)) => Answer::Fatal,
                Err(_) => Answer::Unknown,
            },
            other => other,
        };
        // Records that the abort discarded are not reported.
        drop(sink.producer.context().take_undelivered());
        drop(sink.producer.context().take_entries());
        if answer == Answer::Abortable {
            self.now.sink = Some(sink);
        } else {
            let how = match answer {
                Answer::Fatal if why.contains("ence") => "this producer was fenced",
                Answer::Fatal => "its producer cannot go on",
                _ => "no answer came",
            };
            tracing::warn!(name: "commit_cut_off", fenced, "a commit was cut off, {how} ({why})");
        }
        Ok((answer, Vec::new()))
    }

    fn resolve_outcome(
        &mut self,
        commit: &Commit,
        loader: &StateLoader,
    ) -> Result<Vec<(Partition, CommitOutcome)>, CommitterError> {
        (self.written, self.spoiled) = (None, None);
        // The same id: initialising the new producer ends the old one's transaction.
        self.now.sink = None;
        self.now.sink = Some(self.ready()?);
        let landed = commit.last_parts().map(|part| Ok((part.partition.clone(), loader.commit_outcome(part)?)));
        landed.collect()
    }
}
