//! Letting go of partitions, and the end of a run: nothing is left behind that is not committed.

use std::time::Duration;

use gristmill::rows::{Partition, Position};

use super::seats::Gone;
use super::{Member, MemberError};
use crate::source::Ahead;

/// How often a member that has read everything asks whether members elsewhere have, too.
const ASK_ELSEWHERE: Duration = Duration::from_secs(1);
/// How long a member that is to give partitions up asks what lies behind their last records.
const ASK_FOR_LAST_MARKERS: Duration = Duration::from_secs(1);
/// How long the end of a run, or a revocation, waits for commits that the brokers do not take.
const PATIENCE: Duration = Duration::from_secs(15);

impl Member {
    /// Acknowledges revocations, once everything of the partitions is committed: afterwards somebody else reads on.
    pub(super) fn let_go(&mut self) -> Result<(), MemberError> {
        let now = self.clock.now();
        let late = self.seats.leaving_since().is_some_and(|since| now.saturating_sub(since) > PATIENCE);
        let impatient = late || self.source.lost();
        let waiting = self.on_the_way.as_ref().is_some_and(|sent| sent.again.is_none());
        // What cannot be committed for so long is dropped; it is still never committed after the acknowledgement.
        if !self.seats.leaving() || waiting || (self.on_the_way.is_some() || self.seats.leaving_pending()) && !impatient
        {
            return Ok(());
        }
        let mut read = self.seats.all();
        read.retain(|partition| self.inputs(partition).iter().all(|input| self.is_at_end(input)));
        for (partitions, closed) in self.seats.let_go(now) {
            for partition in &partitions {
                self.ledger.forget(partition);
            }
            for Gone { closed, committed } in closed {
                self.control.opened(-1);
                let sent = self.on_the_way.iter().flat_map(|sent| &sent.commit.parts);
                if !committed || sent.map(|part| &part.partition).any(|one| *one == closed.partition) {
                    // What could not be committed is read again by its next owner.
                    self.control.lost(&closed.partition, now);
                    self.left.push(closed);
                    continue;
                }
                // What its next owner goes on with is reported by that one. The run may end before anybody opens again
                // what has been read to its end.
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

    /// In a bounded run, partitions that members of other processes own are done when the group says so.
    pub(super) fn ask_elsewhere(&mut self) -> Result<(), MemberError> {
        let now = self.clock.now();
        if now.saturating_sub(self.asked) < ASK_ELSEWHERE {
            return Ok(());
        }
        self.asked = now;
        let mut elsewhere = self.control.unfinished(now);
        elsewhere.retain(|partition| !self.seats.has(partition));
        for partition in elsewhere {
            let inputs = self.inputs(&partition);
            let committed = self.source.committed(&inputs)?;
            let done = |(input, committed): (&Partition, &Option<Position>)| {
                committed.is_some_and(|position| self.control.end(input).is_some_and(|end| position >= end))
            };
            if inputs.iter().zip(&committed).all(done) {
                self.control.caught_up(&partition);
            }
        }
        for partition in self.seats.idle(now) {
            if !self.skip_markers(&partition, None)? {
                self.seats.caught_up(&partition, now);
            }
        }
        Ok(())
    }

    /// Nothing comes any more, and nothing can be committed.
    pub(super) fn input_is_gone(&mut self) {
        self.failed.get_or_insert(MemberError::Gone { topic: self.plan.input_name().to_string() });
        self.on_the_way = None;
        self.seats.forget_leaving();
        for closed in self.seats.close() {
            self.control.opened(-1);
            self.tally.close(closed);
        }
        self.begin_end();
    }

    /// Moves a partition that was read to its end over what follows and is no record, so that the group's lag is what is
    /// still to be read. Whether that could be found out.
    pub(super) fn skip_markers(&mut self, partition: &Partition, to: Option<Position>) -> Result<bool, MemberError> {
        let Some(position) = self.seats.position(partition) else { return Ok(true) };
        match self.source.over_markers(partition, position, to)? {
            Ahead::Unknown => return Ok(false),
            Ahead::Records => {}
            Ahead::Markers(next) => {
                if let Some(live) = self.seats.open_or_leaving(partition) {
                    live.skip(&partition.topic, next);
                    self.since.get_or_insert(self.clock.now());
                }
            }
        }
        Ok(true)
    }

    /// The same for partitions that this member is about to give up: no other member may come after it to do it. Not for
    /// long, since the group waits.
    pub(super) fn skip_last_markers(&mut self, partitions: &[Partition]) -> Result<(), MemberError> {
        let began = self.clock.now();
        let inputs: Vec<Partition> = partitions.iter().flat_map(|shard| self.inputs(shard)).collect();
        for partition in inputs {
            if self.clock.now().saturating_sub(began) > ASK_FOR_LAST_MARKERS {
                break;
            }
            let end = self.control.end(&partition);
            if end.is_none() || self.seats.position(&partition) < end {
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
                self.skip_last_markers(&self.seats.all())?;
            }
            self.begin_end();
        } else if self.failed.is_none() {
            // A partition that had been read to its end was lost before that was committed.
            self.ending = None;
        }
        let Some(began) = self.ending else { return Ok(false) };
        let pending = self.on_the_way.is_some() || self.seats.pending() || self.seats.unsaved();
        let impatient = self.control.stopped() && self.clock.now().saturating_sub(began) > PATIENCE;
        if pending && impatient {
            return Err(MemberError::Stopped { member: self.number });
        }
        if pending {
            return Ok(false);
        }
        for closed in self.seats.close() {
            self.control.opened(-1);
            self.tally.close(closed);
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(true),
        }
    }
}
