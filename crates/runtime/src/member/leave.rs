//! Releasing partitions, and the end of a run: nothing remains uncommitted.

use std::time::Duration;

use gristmill::rows::{Partition, Position};

use super::partitions::Gone;
use super::{Member, MemberError};
use crate::work::Doing;
use gristmill_connect::source::Ahead;

/// How often a member that has read everything asks whether members elsewhere have, too.
const CHECK_OTHER_MEMBERS: Duration = Duration::from_secs(1);
/// How long to ask what is between the last record and the end of a bounded run.
const ASK_FOR_MARKERS: Duration = Duration::from_secs(3);
/// How long a member that is to release partitions asks what is after their last records.
const ASK_FOR_LAST_MARKERS: Duration = Duration::from_secs(1);
/// How long the end of a run, or a revocation, waits for commits that the brokers do not accept.
const PATIENCE: Duration = Duration::from_secs(15);

impl Member {
    /// Acknowledges revocations, once everything of the partitions is committed: afterwards another member resumes
    /// them.
    pub(super) fn release_revoked(&mut self) -> Result<(), MemberError> {
        let now = self.clock.now();
        let late = self.partitions.leaving_since().is_some_and(|since| now.saturating_sub(since) > PATIENCE);
        let impatient = late || self.source.lost();
        let waiting = self.in_flight.as_ref().is_some_and(|sent| sent.again.is_none());
        // What cannot be committed for this long is dropped; it is still never committed after the acknowledgement.
        if !self.partitions.leaving()
            || waiting
            || (self.in_flight.is_some() || self.partitions.leaving_pending()) && !impatient
        {
            return Ok(());
        }
        let mut read = self.partitions.all();
        read.retain(|partition| self.inputs(partition).iter().all(|input| self.is_at_end(input)));
        for (partitions, closed) in self.partitions.release(now) {
            for partition in &partitions {
                self.committer.forget(partition);
            }
            for Gone { closed, committed } in closed {
                self.control.opened(-1);
                let sent = self.in_flight.iter().flat_map(|sent| &sent.commit.parts);
                if !committed || sent.map(|part| &part.partition).any(|one| *one == closed.partition) {
                    // The next owner reads again what could not be committed.
                    self.control.lost(&closed.partition, now);
                    self.left.push(closed);
                    continue;
                }
                // The next owner reports what it resumes with. The run may end before any member opens again what has
                // been read to its end.
                let finished = self.control.finished(&closed.partition) || read.contains(&closed.partition);
                if finished || !self.plan.journals() {
                    self.tally.close(closed);
                } else {
                    self.left.push(closed);
                }
            }
            self.source.release(&partitions)?;
        }
        Ok(())
    }

    /// In a bounded run, partitions that members of other processes own are finished when the group's offsets say so.
    pub(super) fn check_other_members(&mut self) -> Result<(), MemberError> {
        let now = self.clock.now();
        if now.saturating_sub(self.asked) < CHECK_OTHER_MEMBERS {
            return Ok(());
        }
        self.asked = now;
        let mut elsewhere = self.control.unfinished(now);
        elsewhere.retain(|partition| !self.partitions.has(partition));
        let inputs: Vec<Partition> = elsewhere.iter().flat_map(|shard| self.inputs(shard)).collect();
        // One question for all of them: each is a request to the brokers, and the member waits for it.
        let committed = self.source.committed(&inputs)?;
        let done = |input: &Partition, committed: Option<Position>| {
            self.control.end(input).is_some_and(|end| committed >= Some(end))
        };
        let open: Vec<&Partition> = inputs
            .iter()
            .zip(committed)
            .filter(|(input, committed)| !done(input, *committed))
            .map(|(one, _)| one)
            .collect();
        elsewhere.retain(|shard| !open.iter().any(|input| self.partitions.shard(input) == *shard));
        elsewhere.iter().for_each(|shard| self.control.caught_up(shard));
        for partition in self.partitions.idle(now) {
            if !self.skip_markers(&partition, None)? {
                self.partitions.caught_up(&partition, now);
            }
        }
        Ok(())
    }

    /// A partition of an input was read to its end: in a bounded run the buffered rows of its shard are released, once
    /// the other inputs were read to theirs.
    pub(super) fn finish(&mut self, partition: &Partition) -> Result<(), MemberError> {
        let whole = !self.plan.input.shared();
        let end = self.control.end(partition);
        if end.is_some() && self.partitions.position(partition) < end {
            let began = self.clock.now();
            while !self.skip_markers(partition, end)? && self.clock.now().saturating_sub(began) < ASK_FOR_MARKERS {}
        }
        self.partitions.finished(partition);
        if !self.inputs(partition).iter().all(|one| self.partitions.has_finished(one) || self.is_at_end(one)) {
            return Ok(());
        }
        if (whole || end.is_some())
            && let Some(live) = self.partitions.open_or_leaving(partition)
        {
            self.control.works(self.number, live.work(Doing::Step, partition));
            let flushed = live.flush();
            self.control.rests(self.number);
            if flushed? {
                self.since.get_or_insert(self.clock.now());
            }
        }
        self.control.caught_up(&self.partitions.shard(partition));
        Ok(())
    }

    /// The partitions of all inputs of a shard.
    pub(super) fn inputs(&self, partition: &Partition) -> Vec<Partition> {
        self.plan.inputs.iter().map(|input| partition.beside(input)).collect()
    }

    /// Whether a bounded run has finished a partition of an input.
    pub(super) fn is_at_end(&self, partition: &Partition) -> bool {
        let end = self.control.end(partition);
        end.is_some() && self.partitions.position(partition) >= end
    }

    /// Nothing more will arrive, and nothing can be committed.
    pub(super) fn input_is_gone(&mut self) {
        self.failed.get_or_insert(MemberError::Gone { topic: self.plan.input_name().to_string() });
        self.in_flight = None;
        self.partitions.forget_leaving();
        for closed in self.partitions.close() {
            self.control.opened(-1);
            self.tally.close(closed);
        }
        self.begin_end();
    }

    /// Moves the position of a partition that was read to its end past control records, so that the group's lag is what
    /// is still to be read. Whether that could be found out.
    pub(super) fn skip_markers(&mut self, partition: &Partition, to: Option<Position>) -> Result<bool, MemberError> {
        let Some(position) = self.partitions.position(partition) else { return Ok(true) };
        match self.source.skip_control_records(partition, position, to)? {
            Ahead::Unknown => return Ok(false),
            Ahead::Records => {}
            Ahead::Markers(next) => {
                if let Some(live) = self.partitions.open_or_leaving(partition) {
                    live.skip(&partition.topic, next);
                    self.since.get_or_insert(self.clock.now());
                }
            }
        }
        Ok(true)
    }

    /// The same for partitions that this member is about to release: no other member may follow to do it. Not for long,
    /// since the group waits.
    pub(super) fn skip_last_markers(&mut self, partitions: &[Partition]) -> Result<(), MemberError> {
        let began = self.clock.now();
        let inputs: Vec<Partition> = partitions.iter().flat_map(|shard| self.inputs(shard)).collect();
        for partition in inputs {
            if self.clock.now().saturating_sub(began) > ASK_FOR_LAST_MARKERS {
                break;
            }
            let end = self.control.end(&partition);
            if end.is_none() || self.partitions.position(&partition) < end {
                self.skip_markers(&partition, end)?;
            }
        }
        Ok(())
    }

    pub(super) fn begin_end(&mut self) {
        self.ending.get_or_insert(self.clock.now());
    }

    /// At the end of the run everything is committed and saved; whether that is done.
    pub(super) fn end(&mut self) -> Result<bool, MemberError> {
        if self.control.ended(self.number) {
            if self.ending.is_none() {
                self.skip_last_markers(&self.partitions.all())?;
            }
            self.begin_end();
        } else if self.failed.is_none() {
            // A partition that had been read to its end was lost before that was committed.
            self.ending = None;
        }
        let Some(began) = self.ending else { return Ok(false) };
        let pending = self.in_flight.is_some() || self.partitions.pending() || self.partitions.unsaved();
        let impatient = self.control.stopped() && self.clock.now().saturating_sub(began) > PATIENCE;
        if pending && impatient {
            return Err(MemberError::Stopped { member: self.number });
        }
        if pending {
            return Ok(false);
        }
        for closed in self.partitions.close() {
            self.control.opened(-1);
            self.tally.close(closed);
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(true),
        }
    }
}
