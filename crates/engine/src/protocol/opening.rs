//! What to do when a shard opens, from what was observed: the snapshot, the journal's tail, the group's offsets, and
//! the first record of the log.

use std::fmt;

use crate::rows::Position;

/// The newest valid snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// The commits that it contains: the sequence of the next one.
    pub sequence: u64,
    /// The next position to read.
    pub position: Position,
}

/// What learned the records since the snapshot, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Learned {
    /// This plan and this program.
    Here,
    /// This plan, another program.
    ByOtherProgram,
    /// Another plan.
    UnderOtherPlan,
}

/// The journal's last entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// Its sequence.
    pub sequence: u64,
    /// The next position to read after it.
    pub position: Position,
    /// The first position of the entries that lead to it without a gap.
    pub begins: Position,
    /// Whether every entry since the snapshot's position is there.
    pub complete: bool,
    /// What learned the records of these entries: a replay under other code would give another model.
    pub learned: Learned,
}

/// What was observed of an input when a partition was assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    /// The newest valid snapshot.
    pub snapshot: Option<Snapshot>,
    /// The journal's tail.
    pub journal: Option<Tail>,
    /// The group's committed offset, as read by a `read_committed` client.
    pub offsets: Option<Position>,
    /// The position after the last deleted record of the log.
    pub first: Position,
    /// Whether the journal's stable end has reached the end it had when the partition was assigned: until then a
    /// transaction may still be pending.
    pub settled: bool,
}

/// How to open the shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Nothing was ever done: start where the document says, and commit that start before the first row.
    Fresh,
    /// Load the snapshot and resume.
    Load,
    /// Load the snapshot (or start empty), replay up to this position with outputs suppressed, then resume.
    Replay {
        /// Where the replay begins.
        from: Position,
        /// Where it ends.
        to: Position,
    },
    /// As [`Opening::Load`] or [`Opening::Replay`], but the group has lost its offsets: commit the tail again first.
    TrustJournal {
        /// Where the replay begins.
        from: Position,
        /// Where it ends; equal to `from` if nothing is to be replayed.
        to: Position,
    },
    /// Ask again: a transaction is pending.
    Wait,
    /// Stop with this reason.
    Stop(Stop),
}

/// Why a shard cannot open. Each names the command that repairs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The group has offsets, but there is no state that belongs to them.
    StateLost {
        /// The group's offset.
        offsets: Position,
    },
    /// The journal ends before the group's offset, and nothing is pending.
    JournalBehind {
        /// The journal's position.
        journal: Position,
        /// The group's offset.
        offsets: Position,
    },
    /// The group's offset was set back.
    GroupReset {
        /// The journal's position.
        journal: Position,
        /// The group's offset.
        offsets: Position,
    },
    /// Records that were never read have been deleted.
    RecordsGone {
        /// The next position to read.
        position: Position,
        /// The first existing position.
        first: Position,
    },
    /// Rows that would have to be replayed have been deleted.
    RowsGone {
        /// The first position needed.
        from: Position,
        /// The first existing position.
        first: Position,
    },
    /// Journal entries between snapshot and tail are missing.
    JournalCut {
        /// The snapshot's sequence.
        snapshot: u64,
        /// The tail's sequence.
        tail: u64,
    },
    /// The records after the snapshot were learned under another document.
    OtherPlan {
        /// The snapshot's position, or the first of all.
        from: Position,
        /// The journal's position.
        to: Position,
    },
    /// The records after the snapshot were learned by another program.
    OtherProgram {
        /// The snapshot's position, or the first of all.
        from: Position,
        /// The journal's position.
        to: Position,
    },
}

/// The second table: a shard opens, for one of its inputs.
pub fn open(seen: &Observed) -> Opening {
    let Some(tail) = seen.journal else { return without_journal(seen) };
    match seen.offsets {
        Some(offsets) if tail.position < offsets => {
            if seen.settled {
                Opening::Stop(Stop::JournalBehind { journal: tail.position, offsets })
            } else {
                Opening::Wait
            }
        }
        Some(offsets) if tail.position > offsets => Opening::Stop(Stop::GroupReset { journal: tail.position, offsets }),
        Some(_) => match replay(seen, tail) {
            Ok((from, to)) if from == to => Opening::Load,
            Ok((from, to)) => Opening::Replay { from, to },
            Err(stop) => Opening::Stop(stop),
        },
        None => match replay(seen, tail) {
            Ok((from, to)) => Opening::TrustJournal { from, to },
            Err(stop) => Opening::Stop(stop),
        },
    }
}

fn without_journal(seen: &Observed) -> Opening {
    match (seen.offsets, seen.snapshot) {
        _ if !seen.settled => Opening::Wait,
        (None, None) => Opening::Fresh,
        (Some(position), Some(snapshot)) if snapshot.position == position && position < seen.first => {
            Opening::Stop(Stop::RecordsGone { position, first: seen.first })
        }
        // A snapshot is valid only with its journal, unless the group's offset equals its position: then it contains
        // everything in the journal.
        (Some(offsets), Some(snapshot)) if snapshot.position == offsets => Opening::Load,
        (Some(offsets), _) => Opening::Stop(Stop::StateLost { offsets }),
        (None, Some(Snapshot { position, .. })) if position < seen.first => {
            Opening::Stop(Stop::RecordsGone { position, first: seen.first })
        }
        (None, Some(snapshot)) => Opening::TrustJournal { from: snapshot.position, to: snapshot.position },
    }
}

/// What must be replayed to get from the snapshot to the tail.
fn replay(seen: &Observed, tail: Tail) -> Result<(Position, Position), Stop> {
    let (sequence, from) = seen.snapshot.map_or((0, tail.begins), |snapshot| (snapshot.sequence, snapshot.position));
    if tail.position < seen.first {
        // A replay up to there would be useless.
        return Err(Stop::RecordsGone { position: tail.position, first: seen.first });
    }
    if seen.snapshot.is_some_and(|snapshot| snapshot.sequence == tail.sequence + 1) {
        // At the tail: earlier input is not needed, and other code may resume from here.
        return Ok((tail.position, tail.position));
    }
    if !tail.complete || sequence > tail.sequence + 1 {
        return Err(Stop::JournalCut { snapshot: sequence, tail: tail.sequence });
    }
    match tail.learned {
        Learned::Here => {}
        Learned::ByOtherProgram => return Err(Stop::OtherProgram { from, to: tail.position }),
        Learned::UnderOtherPlan => return Err(Stop::OtherPlan { from, to: tail.position }),
    }
    if from < seen.first && from < tail.position {
        return Err(Stop::RowsGone { from, first: seen.first });
    }
    Ok((from, tail.position))
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateLost { offsets } => write!(
                f,
                "the group stands at {offsets}, but there is no state that belongs to it: it was lost, or the group is \
                 used by something else. `gristmill state adopt FILE` goes on from there untrained, `gristmill state \
                 reset FILE` starts over"
            ),
            Self::JournalBehind { journal, offsets } => write!(
                f,
                "the journal ends at {journal}, the group stands at {offsets}: what was learned in between is lost. \
                 `gristmill state adopt FILE` goes on from there, `gristmill state reset FILE` starts over"
            ),
            Self::GroupReset { journal, offsets } => write!(
                f,
                "the group was set back to {offsets} although {journal} was learned already: reading on would learn \
                 twice. `gristmill state reset FILE --to {offsets} --partition P` takes the model back as well, \
                 `gristmill state adopt FILE` leaves it as it is and learns the records from there once more"
            ),
            Self::RecordsGone { position, first } => write!(
                f,
                "the next record to read is {position}, but the log begins at {first}: {}records were deleted before they \
                 were read, as by a retention shorter than the pipeline stood still. `gristmill state adopt FILE` goes on \
                 without them",
                position.distance(*first).map_or_else(String::new, |most| format!("up to {most} "))
            ),
            Self::RowsGone { from, first } => write!(
                f,
                "the state must be rebuilt from {from} on, but the log begins at {first}: {}positions are gone. \
                 `gristmill state adopt FILE` goes on without them",
                from.distance(*first).map_or_else(String::new, |gone| format!("{gone} "))
            ),
            Self::JournalCut { snapshot, tail } => write!(
                f,
                "the journal does not go on from commit {snapshot}, where the snapshot was saved, to {tail}: entries are \
                 gone. `gristmill state adopt FILE` goes on with what the snapshot holds, `gristmill state reset FILE` starts \
                 over"
            ),
            Self::OtherPlan { .. } | Self::OtherProgram { .. } => self.learned_by_others(f),
        }
    }
}

impl Stop {
    fn learned_by_others(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherPlan { from, to } => write!(
                f,
                "what came from {from} to {to} was learned under another document, and this one would learn it \
                 differently. Where two pipelines use one group, give this one a `group.id` of its own. \
                 Where the document was changed, put it back and let it run until it stops cleanly, which saves a \
                 snapshot at the end; or go on without what came since the last snapshot: `gristmill state adopt FILE`; or \
                 start over: `gristmill state reset FILE`"
            ),
            Self::OtherProgram { from, to } => write!(
                f,
                "what came from {from} to {to} was learned by another version of this program, which may have learned it \
                 differently. Let that one run until it stops cleanly, which saves a snapshot at the end; or go on \
                 without what came since the last snapshot: `gristmill state adopt FILE`; or start over: `gristmill state \
                 reset FILE`"
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(number: u64) -> Position {
        Position::number(number)
    }

    const SNAPSHOT: Snapshot = Snapshot { sequence: 5, position: at(100) };
    const TAIL: Tail = Tail { sequence: 8, position: at(160), begins: at(0), complete: true, learned: Learned::Here };
    const SEEN: Observed = Observed {
        snapshot: Some(SNAPSHOT),
        journal: Some(TAIL),
        offsets: Some(at(160)),
        first: at(40),
        settled: true,
    };

    fn check(seen: Observed, expected: Opening) {
        assert_eq!(open(&seen), expected, "{seen:?}");
    }

    #[test]
    fn journal_and_offsets_agree() {
        check(SEEN, Opening::Replay { from: at(100), to: at(160) });
        check(Observed { first: at(100), ..SEEN }, Opening::Replay { from: at(100), to: at(160) });
        check(Observed { snapshot: None, first: at(0), ..SEEN }, Opening::Replay { from: at(0), to: at(160) });
        let at_tail = Some(Snapshot { sequence: 9, position: at(160) });
        check(Observed { snapshot: at_tail, ..SEEN }, Opening::Load);
        // The input before the tail is no longer needed, and other code may resume from there.
        let journal = Some(Tail { learned: Learned::UnderOtherPlan, ..TAIL });
        check(Observed { snapshot: at_tail, journal, first: at(160), ..SEEN }, Opening::Load);
    }

    #[test]
    fn nothing_yet_or_nothing_left() {
        check(Observed { settled: true, ..Observed::default() }, Opening::Fresh);
        check(Observed::default(), Opening::Wait);
        check(Observed { offsets: None, ..SEEN }, Opening::TrustJournal { from: at(100), to: at(160) });
        let lost = Observed { snapshot: None, journal: None, ..SEEN };
        check(lost, Opening::Stop(Stop::StateLost { offsets: at(160) }));
        let stale = Observed { journal: None, ..SEEN };
        check(stale, Opening::Stop(Stop::StateLost { offsets: at(160) }));
        check(Observed { journal: None, offsets: Some(at(100)), ..SEEN }, Opening::Load);
        check(Observed { journal: None, offsets: None, ..SEEN }, Opening::TrustJournal { from: at(100), to: at(100) });
    }

    #[test]
    fn journal_and_offsets_differ() {
        check(Observed { offsets: Some(at(170)), settled: false, ..SEEN }, Opening::Wait);
        check(
            Observed { offsets: Some(at(170)), ..SEEN },
            Opening::Stop(Stop::JournalBehind { journal: at(160), offsets: at(170) }),
        );
        check(
            Observed { offsets: Some(at(150)), ..SEEN },
            Opening::Stop(Stop::GroupReset { journal: at(160), offsets: at(150) }),
        );
    }

    #[test]
    fn rows_or_entries_are_gone_or_the_code_is_another() {
        check(Observed { first: at(130), ..SEEN }, Opening::Stop(Stop::RowsGone { from: at(100), first: at(130) }));
        let cut = Some(Tail { complete: false, ..TAIL });
        check(Observed { journal: cut, ..SEEN }, Opening::Stop(Stop::JournalCut { snapshot: 5, tail: 8 }));
        for snapshot in [Some(SNAPSHOT), None] {
            let from = snapshot.map_or(at(0), |snapshot| snapshot.position);
            let seen = |learned| Observed { snapshot, journal: Some(Tail { learned, ..TAIL }), first: at(0), ..SEEN };
            check(seen(Learned::UnderOtherPlan), Opening::Stop(Stop::OtherPlan { from, to: at(160) }));
            check(seen(Learned::ByOtherProgram), Opening::Stop(Stop::OtherProgram { from, to: at(160) }));
        }
    }

    #[test]
    fn records_that_were_never_read_are_gone() {
        let gone = Opening::Stop(Stop::RecordsGone { position: at(160), first: at(170) });
        check(Observed { first: at(170), ..SEEN }, gone);
        check(Observed { first: at(170), offsets: None, ..SEEN }, gone);
        let at_tail = Some(Snapshot { sequence: 9, position: at(160) });
        check(Observed { first: at(170), snapshot: at_tail, ..SEEN }, gone);
        check(Observed { first: at(170), snapshot: at_tail, journal: None, ..SEEN }, gone);
        check(Observed { first: at(170), snapshot: at_tail, journal: None, offsets: None, ..SEEN }, gone);
        check(Observed { first: at(160), snapshot: at_tail, ..SEEN }, Opening::Load);
    }

    #[test]
    fn every_stop_names_what_repairs_it() {
        for stop in [
            Stop::StateLost { offsets: at(1) },
            Stop::JournalBehind { journal: at(1), offsets: at(2) },
            Stop::GroupReset { journal: at(2), offsets: at(1) },
            Stop::RowsGone { from: at(1), first: at(2) },
            Stop::JournalCut { snapshot: 1, tail: 2 },
            Stop::OtherPlan { from: at(1), to: at(2) },
            Stop::OtherProgram { from: at(1), to: at(2) },
            Stop::RecordsGone { position: at(1), first: at(2) },
        ] {
            assert!(stop.to_string().contains("gristmill state "), "{stop}");
        }
    }
}
