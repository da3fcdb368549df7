//! An in-flight commit, step by step: the work of a member's second thread and of the coordinators.

use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::protocol::{Answer, Entry, Manifest, Piece};
use gristmill::rows::{Partition, Position};
use gristmill::spec::Guarantee;
use gristmill_connect::commit::{Commit, PartitionCommit};
use gristmill_connect::restore::program;

use crate::cluster::{DEAD, INPUT, JOURNAL, Refused, STATE};
use crate::world::{Faults, Mutant, Step, UnderWay, World};

impl UnderWay {
    /// Starts a commit; what the member has prewritten of it is written already.
    pub(crate) fn begin(world: &mut World, member: usize, commit: Commit) -> Self {
        let (mut step, mut transaction) = (Step::Begin, None);
        if let Some((open, written)) = world.prewritten.remove(&member) {
            if written.len() <= commit.parts.len() && same(&written, &commit.parts) {
                (step, transaction) = (Step::Write(written.len()), Some(open));
            } else {
                world.cluster.abort(open);
            }
        }
        Self { commit, step, transaction, places: Vec::new(), answer: None }
    }
}

/// The records of a part: topic, key and value, with the journal entry and pieces of snapshots last.
fn records(plan: &Plan, part: &PartitionCommit, mutant: Option<Mutant>) -> Vec<(String, Option<Vec<u8>>, Vec<u8>)> {
    let mut records = Vec::new();
    for decision in part.outbox.decisions() {
        let topic = plan.outputs.get(decision.output).map_or_else(String::new, |output| format!("out-{}", output.name));
        records.push((topic, decision.key.map(<[u8]>::to_vec), decision.value.to_vec()));
    }
    for letter in &part.dead_letters {
        records.push((DEAD.into(), None, letter.to_json().to_string().into_bytes()));
    }
    if let Some(entry) = &part.entry {
        let code = entry.code.filter(|_| mutant != Some(Mutant::JournalWithoutCode));
        records.push((JOURNAL.into(), None, Entry { code, ..entry.clone() }.encode()));
    }
    for piece in &part.pieces {
        if let (Piece::Chunk { slot, sequence, index: 0, bytes }, Some(Mutant::EarlySnapshot)) = (piece, mutant) {
            // The manifest is written with its first chunk, and claims to need no more.
            let about = Manifest {
                slot: *slot,
                sequence: *sequence,
                positions: part.positions.clone(),
                program: program(),
                plan: plan.fingerprint(),
                ..Manifest::default()
            };
            let pieces = Piece::cut(about, bytes, usize::MAX);
            records.extend(pieces.iter().map(|piece| (STATE.into(), Some(piece.key().into_bytes()), piece.value())));
        }
        records.push((STATE.into(), Some(piece.key().into_bytes()), piece.value()));
    }
    records
}

/// The position of each input of a part's shard after the part.
fn positions(part: &PartitionCommit) -> Vec<(Partition, Position)> {
    part.positions.iter().map(|(input, position)| (part.partition.beside(input), position)).collect()
}

/// Whether `parts` begins with the written ones.
fn same(written: &[Arc<PartitionCommit>], parts: &[Arc<PartitionCommit>]) -> bool {
    written.iter().zip(parts).all(|(one, other)| Arc::ptr_eq(one, other))
}

impl World {
    /// Writes parts of a future commit, in a transaction that stays open.
    pub(crate) fn prewrite(&mut self, plan: &Plan, member: usize, parts: &[Arc<PartitionCommit>]) {
        let (mut open, mut written) = match self.prewritten.remove(&member) {
            Some((open, written)) => (Some(open), written),
            None => (None, Vec::new()),
        };
        if written.len() > parts.len() || !same(&written, parts) {
            open.take().into_iter().for_each(|open| self.cluster.abort(open));
            written.clear();
        }
        if parts.is_empty() {
            return;
        }
        let open = open.unwrap_or_else(|| self.cluster.begin());
        for part in parts.iter().skip(written.len()) {
            for (topic, key, value) in records(plan, part, None) {
                // A transaction that has timed out is noticed when it is committed.
                let _ = self.cluster.write(&topic, part.partition.number, (key, Some(value)), Some(open));
            }
        }
        self.prewritten.insert(member, (open, parts.to_vec()));
    }

    /// Removes a member; whether it has left a transaction open.
    pub fn gone(&mut self, member: usize) -> bool {
        self.ids.remove(&member);
        let ahead = self.prewritten.remove(&member).map(|(open, _)| open);
        let under_way = self.under_way.remove(&member).and_then(|one| one.transaction);
        [ahead, under_way].into_iter().flatten().any(|transaction| self.cluster.is_open(transaction))
    }

    /// Advances a member's commit by one step.
    pub fn progress(&mut self, plan: &Plan, member: usize) {
        let Some(mut one) = self.under_way.remove(&member) else { return };
        if one.answer.is_none() {
            let faults = self.faults.get(&member).copied().unwrap_or_default();
            one.answer = match plan.guarantee {
                Guarantee::ExactlyOnce => self.transact(plan, member, &mut one, faults),
                Guarantee::AtLeastOnce => self.flush(plan, member, &mut one),
            };
            if one.answer.is_some() {
                self.faults.remove(&member);
            }
        }
        self.under_way.insert(member, one);
    }

    fn transact(&mut self, plan: &Plan, member: usize, one: &mut UnderWay, faults: Faults) -> Option<Answer> {
        let step = match one.step {
            Step::Begin => {
                one.transaction = Some(self.cluster.begin());
                let last = |part: &Arc<PartitionCommit>| matches!(part.pieces.as_slice(), [Piece::Manifest(_)]);
                self.facts.in_pieces += u64::from(one.commit.parts.iter().any(last));
                Ok(Step::Write(0))
            }
            Step::Write(part) => self.write(plan, one, part),
            Step::Offsets => {
                let offsets = self.offsets(&one.commit);
                // Of several parts of one partition the last counts.
                let id = self.ids.get(&member).copied().unwrap_or_default();
                let generation = self.cluster.group.generation() - u64::from(faults.stale);
                self.cluster.add_offsets(one.transaction?, id, generation, offsets).map(|()| Step::End)
            }
            Step::End if faults.breaks => Err(Refused::Generation),
            Step::End if faults.lost_before => {
                self.facts.unanswered += 1;
                return Some(Answer::Unknown);
            }
            Step::End => match self.cluster.commit(one.transaction?) {
                Ok(()) => {
                    one.transaction = None;
                    self.facts.unanswered += u64::from(faults.lost_after);
                    return Some(if faults.lost_after { Answer::Unknown } else { Answer::Done });
                }
                Err(refused) => Err(refused),
            },
        };
        match step {
            Ok(step) => {
                one.step = step;
                None
            }
            Err(refused) => self.refused(member, one, refused),
        }
    }

    fn refused(&mut self, member: usize, one: &mut UnderWay, refused: Refused) -> Option<Answer> {
        match refused {
            Refused::Fenced => {
                self.facts.fenced += 1;
                one.transaction = None;
                Some(Answer::Fatal)
            }
            Refused::Generation => {
                self.facts.aborted += 1;
                self.cluster.abort(one.transaction.take()?);
                Some(self.abortable(member, one))
            }
        }
    }

    /// The positions of the inputs of a commit's shards after it.
    fn offsets(&self, commit: &Commit) -> Vec<(Partition, Position)> {
        let first = |(partition, _): &(Partition, Position)| &*partition.topic == INPUT;
        let wanted = |one: &_| self.mutant != Some(Mutant::FirstInputAlone) || first(one);
        commit.parts.iter().flat_map(|part| positions(part)).filter(wanted).collect()
    }

    /// The answer to an abort: the truth, unless a mutant replays instead.
    fn abortable(&mut self, member: usize, one: &UnderWay) -> Answer {
        if self.mutant != Some(Mutant::StepsAgain) {
            return Answer::Abortable;
        }
        let begins = |part: &Arc<PartitionCommit>| {
            let begins = part.entry.as_ref().map(Entry::begins).unwrap_or_default();
            let of = |(input, position): (&Arc<str>, Position)| (part.partition.beside(input), position);
            begins.iter().map(of).collect::<Vec<_>>()
        };
        self.rewind.insert(member, one.commit.parts.iter().flat_map(begins).collect());
        Answer::Done
    }

    fn write(&mut self, plan: &Plan, one: &mut UnderWay, index: usize) -> Result<Step, Refused> {
        let Some(part) = one.commit.parts.get(index).cloned() else { return Ok(Step::Offsets) };
        for (topic, key, value) in records(plan, &part, self.mutant) {
            let journal = topic == JOURNAL;
            let outside = journal && self.mutant == Some(Mutant::JournalOutside);
            let transaction = one.transaction.filter(|_| !outside);
            let offset = self.cluster.write(&topic, part.partition.number, (key, Some(value)), transaction)?;
            if journal {
                one.places.push((part.partition.clone(), offset));
            }
        }
        Ok(Step::Write(index + 1))
    }

    /// At least once: outputs, then journal and snapshots, then offsets, each visible at once.
    fn flush(&mut self, plan: &Plan, member: usize, one: &mut UnderWay) -> Option<Answer> {
        let internal = |topic: &str| topic == JOURNAL || topic == STATE;
        let parts = one.commit.parts.clone();
        for part in &parts {
            for (topic, key, value) in records(plan, part, None) {
                if internal(&topic) == (one.step == Step::Offsets) && one.step != Step::End {
                    let written = self.cluster.write(&topic, part.partition.number, (key, Some(value)), None);
                    if let (Ok(offset), JOURNAL) = (written, topic.as_str()) {
                        one.places.push((part.partition.clone(), offset));
                    }
                }
            }
        }
        one.step = match one.step {
            Step::Begin | Step::Write(_) => Step::Offsets,
            Step::Offsets => Step::End,
            Step::End => {
                let id = self.ids.get(&member).copied().unwrap_or_default();
                if self.cluster.group.has(id) {
                    for (partition, position) in parts.iter().flat_map(|part| positions(part)) {
                        self.cluster.set_offset(&partition, Some(position));
                    }
                }
                return Some(Answer::Done);
            }
        };
        None
    }
}
