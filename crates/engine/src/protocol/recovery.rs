//! Decides from the stored state of a partition how its shard resumes.

use std::sync::Arc;

use super::{Code, Entry, Learned, Observed, Opening, Run, Saved, Slots, Snapshot, Stop, Tail, open};
use crate::rows::{Position, Positions};

/// The stored state of a shard, as far as it can be read.
#[derive(Debug, Clone, Default)]
pub struct StoredState {
    /// The slots of its snapshots.
    pub slots: Slots,
    /// The journal's entries in order, at least those after the newest snapshot.
    pub entries: Vec<Entry>,
    /// What is known of each input; the shard is named after the first.
    pub inputs: Vec<StoredInput>,
    /// Whether no transaction is pending.
    pub settled: bool,
}

/// What is known of one input of a shard.
#[derive(Debug, Clone, Default)]
pub struct StoredInput {
    /// Its name.
    pub name: Arc<str>,
    /// The group's committed position.
    pub committed: Option<Position>,
    /// The position after the last deleted record of the log: if positions are not consecutive, the first existing
    /// record may lie further on.
    pub first: Position,
    /// Where a shard without any history begins.
    pub start: Position,
}

impl StoredState {
    /// The group's committed positions.
    pub fn committed(&self) -> Positions {
        self.positions(|input| input.committed)
    }

    /// The positions after the deleted records of the logs.
    pub fn first(&self) -> Positions {
        self.positions(|input| Some(input.first))
    }

    fn positions(&self, which: impl Fn(&StoredInput) -> Option<Position>) -> Positions {
        self.inputs.iter().filter_map(|input| Some((Arc::clone(&input.name), which(input)?))).collect()
    }
}

/// How a shard resumes.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// The saved state; none: untrained.
    pub saved: Option<Saved>,
    /// The runs to replay, with outputs suppressed.
    pub replay: Vec<Run>,
    /// The next position to read after that, for each input.
    pub positions: Positions,
    /// The sequence of the next commit.
    pub sequence: u64,
    /// Whether the positions must be committed before anything else: a fresh start, or lost offsets.
    pub commit_start: bool,
    /// Whether an input begins that the journal does not know yet.
    pub begins: bool,
    /// The slot for the next snapshot.
    pub slot: u32,
}

impl Recovery {
    /// Without state there is nothing to recover but the group's offsets.
    pub fn without_state(stored: &StoredState) -> Self {
        let begins = stored.inputs.iter().any(|input| input.committed.is_none());
        Self {
            saved: None,
            replay: Vec::new(),
            positions: stored.positions(|input| Some(input.committed.unwrap_or(input.start))),
            sequence: 0,
            commit_start: begins,
            begins,
            slot: 0,
        }
    }
}

/// What to do with the stored state.
#[derive(Debug, Clone)]
pub enum Restored {
    /// Ask again: a transaction is pending.
    Wait,
    /// Resume like this.
    Open(Box<Recovery>),
    /// Reading must not continue, because of this input.
    Stop(Arc<str>, Stop),
}

/// The entries from a snapshot (the sequence after it, and its positions) to the journal's tail, without gaps; the tail
/// alone if nothing comes after the snapshot.
///
/// If a member that had lost its partition wrote after its successor (`strays`, under at_least_once only), there is
/// more than one tail: of those that lead back to the snapshot, the furthest counts.
fn chain<'a>(entries: &'a [Entry], after: u64, saved: Option<&Positions>, strays: bool) -> Vec<&'a Entry> {
    let mut tails: Vec<usize> = (0..entries.len()).collect();
    let furthest = |at: &usize| entries.get(*at).map(|entry| (entry.sequence, entry.ends(), *at));
    tails.sort_by_key(|at| std::cmp::Reverse(furthest(at)));
    let mut chains = tails.into_iter().filter_map(|at| walk_back(entries, at, after));
    let fits = |chain: &Vec<&Entry>| match (chain.first(), saved) {
        (Some(first), Some(saved)) if first.sequence == after => first.begins().agree(saved),
        (Some(first), Some(saved)) if first.sequence + 1 == after => first.ends().agree(saved),
        (Some(first), _) => first.sequence == after,
        (None, _) => false,
    };
    let furthest = chains.next().unwrap_or_default();
    if !strays || fits(&furthest) { furthest } else { chains.find(fits).unwrap_or(furthest) }
}

/// The entries that lead to one, back to a sequence.
fn walk_back(entries: &[Entry], at: usize, after: u64) -> Option<Vec<&Entry>> {
    let (mut at, mut last) = (at, entries.get(at)?);
    let mut chain = vec![last];
    while last.sequence > after {
        let begins = last.begins();
        let leads = |entry: &Entry| entry.sequence + 1 == last.sequence && entry.ends().agree(&begins);
        let Some(index) = entries.iter().take(at).rposition(leads) else { break };
        (at, last) = (index, entries.get(index)?);
        chain.push(last);
    }
    chain.reverse();
    Some(chain)
}

/// What learned the records of these entries since a snapshot. Entries before version 4 do not record it; then it is
/// what wrote the snapshot.
pub fn learned<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    saved: Option<&Saved>,
    code: &dyn Fn() -> Code,
) -> Learned {
    let saved = saved.map(|saved| Code { plan: saved.manifest.plan, program: saved.manifest.program });
    let by = |entry: &Entry| match entry.code.or(saved) {
        Some(found) if found.plan != code().plan => Learned::UnderOtherPlan,
        Some(found) if found.program != code().program => Learned::ByOtherProgram,
        _ => Learned::Here,
    };
    let records = |entry: &&Entry| entry.runs.iter().any(|run| run.consumed.count > 0 || run.releases());
    entries.into_iter().filter(records).map(by).max().unwrap_or(Learned::Here)
}

/// The entries that lead from a snapshot, or from nothing, to the journal's tail; none if some are missing.
pub fn lineage<'a>(stored: &'a StoredState, saved: Option<&Saved>, journal_wins: bool) -> Option<Vec<&'a Entry>> {
    let after = saved.map_or(0, |saved| saved.manifest.sequence);
    let mut chain = chain(&stored.entries, after, saved.map(|saved| &saved.manifest.positions), journal_wins);
    let complete = chain.first().is_none_or(|first| first.sequence <= after);
    chain.retain(|entry| entry.sequence >= after);
    complete.then_some(chain)
}

/// Applies the second table to each input, and names the input that decides. `code`: returns this plan and this
/// program; `journal_wins`: whether the journal counts if the group's offsets differ (at_least_once); `slots`: how many
/// snapshots are kept.
pub fn restore(stored: &StoredState, code: &dyn Fn() -> Code, journal_wins: bool, slots: u32) -> Restored {
    let saved = stored.slots.newest();
    let after = saved.as_ref().map_or(0, |saved| saved.manifest.sequence);
    let chain = chain(&stored.entries, after, saved.as_ref().map(|saved| &saved.manifest.positions), journal_wins);
    let since = || chain.iter().copied().filter(|entry| entry.sequence >= after);
    let found = Found { chain: &chain, saved: saved.as_ref(), after, learned: learned(since(), saved.as_ref(), code) };
    let (mut positions, mut commit_start, mut begins) = (Positions::default(), false, false);
    for input in &stored.inputs {
        let seen = found.observed(input, stored.settled, journal_wins);
        let tail = seen.journal.map(|tail| tail.position);
        let (position, announced) = match open(&seen) {
            Opening::Wait => return Restored::Wait,
            Opening::Stop(stop) => return Restored::Stop(Arc::clone(&input.name), stop),
            Opening::Fresh => {
                begins = true;
                (input.start, true)
            }
            Opening::Load => (tail.or(input.committed).unwrap_or(input.start), false),
            Opening::Replay { to, .. } => (to, false),
            Opening::TrustJournal { to, .. } => (to, true),
        };
        commit_start |= announced;
        positions.set(&input.name, position);
    }
    Restored::Open(Box::new(Recovery {
        replay: since().flat_map(|entry| entry.runs.clone()).collect(),
        positions,
        sequence: chain.last().map_or(after, |last| after.max(last.sequence + 1)),
        commit_start,
        begins,
        slot: stored.slots.next(slots),
        saved,
    }))
}

/// The entries from a snapshot to the journal's tail.
struct Found<'a> {
    chain: &'a [&'a Entry],
    saved: Option<&'a Saved>,
    /// The first sequence that is not in the snapshot.
    after: u64,
    learned: Learned,
}

impl Found<'_> {
    /// What is known of one input.
    fn observed(&self, input: &StoredInput, settled: bool, journal_wins: bool) -> Observed {
        let journal = self.tail(&input.name);
        // Whatever the group's offsets are then: at worst, reading on from the journal's end writes some outputs again.
        let decides = journal_wins && journal.is_some_and(|tail| Some(tail.position) != input.committed);
        let snapshot = |saved: &Saved| {
            let position = saved.manifest.positions.get(&input.name)?;
            Some(Snapshot { sequence: saved.manifest.sequence, position })
        };
        Observed {
            snapshot: self.saved.and_then(snapshot),
            journal,
            offsets: input.committed.filter(|_| !decides),
            first: input.first,
            settled,
        }
    }

    /// The journal's tail, if it or the snapshot knows the input.
    fn tail(&self, name: &str) -> Option<Tail> {
        let last = self.chain.last()?;
        let saved = self.saved.and_then(|saved| saved.manifest.positions.get(name));
        let position = self.chain.iter().rev().find_map(|entry| entry.ends().get(name)).or(saved)?;
        Some(Tail {
            sequence: last.sequence,
            position,
            begins: self.chain.iter().find_map(|entry| entry.begins().get(name)).unwrap_or(position),
            // No records lead across a state that a command has installed.
            complete: self.chain.first().is_some_and(|first| first.sequence <= self.after)
                && !self.chain.iter().any(|entry| entry.installed && entry.sequence >= self.after),
            learned: self.learned,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Consumed, Manifest, Piece};

    const OURS: Code = Code { plan: 1, program: 2 };

    const fn at(number: u64) -> Position {
        Position::number(number)
    }

    fn entry(sequence: u64, from: u64, next: u64) -> Entry {
        let consumed = Consumed { from: at(from), next: at(next), count: 1, checksum: sequence };
        let runs = vec![Run { topic: "t".into(), consumed, flushed: false, tick: None, tables: 0, version: 0 }];
        Entry { sequence, runs, code: Some(OURS), installed: false }
    }

    fn stored(entries: &[Entry], snapshots: &[(u64, u64)], committed: Option<u64>) -> StoredState {
        let mut slots = Slots::default();
        for (slot, (sequence, position)) in (0..).zip(snapshots) {
            let (sequence, positions) = (*sequence, Positions::of("t", at(*position)));
            let about = Manifest { slot, sequence, positions, ..Manifest::default() };
            for piece in Piece::cut(about, b"state", 3) {
                slots.take(piece.key().as_bytes(), Some(&piece.value()));
            }
        }
        let input = StoredInput { name: "t".into(), committed: committed.map(at), first: at(0), start: at(0) };
        StoredState { slots, entries: entries.to_vec(), inputs: vec![input], settled: true }
    }

    /// Position, next sequence, runs to replay, whether to commit_start.
    fn opened(stored: &StoredState, journal_wins: bool) -> (u64, u64, Vec<(u64, u64)>, bool) {
        match restore(stored, &|| OURS, journal_wins, 2) {
            Restored::Open(one) => {
                let number = |position: Position| position.as_number().unwrap();
                let run = |run: &Run| (number(run.consumed.from), number(run.consumed.next));
                let runs = one.replay.iter().map(run).collect();
                (number(one.positions.get("t").unwrap()), one.sequence, runs, one.commit_start)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn goes_on_behind_the_tail() {
        let entries = [entry(0, 0, 4), entry(1, 4, 7), entry(2, 7, 9)];
        assert_eq!(opened(&stored(&[], &[], None), false), (0, 0, vec![], true));
        let all = vec![(0, 4), (4, 7), (7, 9)];
        assert_eq!(opened(&stored(&entries, &[], Some(9)), false), (9, 3, all, false));
        assert_eq!(opened(&stored(&entries, &[(2, 7)], Some(9)), false), (9, 3, vec![(7, 9)], false));
        assert_eq!(opened(&stored(&entries[1..], &[(1, 4), (2, 7)], Some(9)), false), (9, 3, vec![(7, 9)], false));
        assert_eq!(opened(&stored(&entries, &[(3, 9)], Some(9)), false), (9, 3, vec![], false));
        assert_eq!(opened(&stored(&entries, &[(3, 9)], None), false), (9, 3, vec![], true));
        assert_eq!(opened(&stored(&[], &[(3, 9)], Some(9)), false), (9, 3, vec![], false));
    }

    #[test]
    fn a_gap_in_the_journal_stops() {
        let gap = stored(&[entry(0, 0, 4), entry(2, 7, 9)], &[], Some(9));
        assert!(matches!(restore(&gap, &|| OURS, false, 2), Restored::Stop(_, Stop::JournalCut { .. })));
        let cut = stored(&[entry(1, 4, 7), entry(2, 7, 9)], &[], Some(9));
        assert!(matches!(restore(&cut, &|| OURS, false, 2), Restored::Stop(_, Stop::JournalCut { .. })));
    }

    /// What learned the records since the snapshot counts, not what saved the snapshot: another document or program may
    /// have resumed from there.
    #[test]
    fn what_was_learned_elsewhere_is_not_read_again() {
        let by = |plan: u64, program: u64, entry: Entry| Entry { code: Some(Code { plan, program }), ..entry };
        let stop = |entries: &[Entry], snapshots: &[(u64, u64)]| match restore(
            &stored(entries, snapshots, Some(9)),
            &|| OURS,
            false,
            2,
        ) {
            Restored::Stop(_, stop) => Some(stop),
            _ => None,
        };
        let (first, second) = (entry(0, 0, 4), entry(1, 4, 9));
        let other = by(7, 2, second.clone());
        assert_eq!(stop(&[first.clone(), other.clone()], &[]), Some(Stop::OtherPlan { from: at(0), to: at(9) }));
        assert_eq!(
            stop(&[first.clone(), by(1, 7, second.clone())], &[]),
            Some(Stop::OtherProgram { from: at(0), to: at(9) })
        );
        assert_eq!(stop(&[first.clone(), other.clone()], &[(1, 4)]), Some(Stop::OtherPlan { from: at(4), to: at(9) }));
        // The snapshots of this test are by plan 0 and program 0.
        assert_eq!(stop(&[first.clone(), second.clone()], &[(1, 4)]), None);
        assert_eq!(stop(&[first.clone(), other.clone()], &[(2, 9)]), None, "all of it is in the snapshot");
        // Earlier entries do not record it: then the snapshot counts.
        let old = Entry { code: None, ..second };
        assert_eq!(stop(&[first.clone(), old.clone()], &[(1, 4)]), Some(Stop::OtherPlan { from: at(4), to: at(9) }));
        assert_eq!(stop(&[first, old], &[]), None);
    }

    #[test]
    fn a_lineage_has_no_gaps() {
        let entries = [entry(2, 4, 7), entry(3, 7, 9)];
        let stored = stored(&entries, &[(2, 4), (4, 9)], Some(9));
        let from = |saved: Option<&Saved>| {
            lineage(&stored, saved, false).map(|chain| chain.iter().map(|entry| entry.sequence).collect::<Vec<_>>())
        };
        assert_eq!(from(stored.slots.newest_of(|manifest| manifest.sequence == 2).as_ref()), Some(vec![2, 3]));
        assert_eq!(from(stored.slots.newest().as_ref()), Some(vec![]));
        assert_eq!(from(None), None, "the first two are gone");
    }

    #[test]
    fn under_at_least_once_the_journal_wins_and_strays_are_passed_over() {
        // The member that had lost the partition wrote its own entry 1 after its successor's 1 and 2.
        let entries = [entry(0, 0, 4), entry(1, 4, 7), entry(2, 7, 9), entry(1, 4, 5)];
        let lagging = stored(&entries, &[], Some(4));
        assert!(matches!(restore(&lagging, &|| OURS, false, 2), Restored::Stop(_, Stop::GroupReset { .. })));
        assert_eq!(opened(&lagging, true), (9, 3, vec![(0, 4), (4, 7), (7, 9)], true));
        let entries = [entry(0, 0, 4), entry(1, 4, 7), entry(1, 4, 5), entry(2, 5, 9)];
        assert_eq!(opened(&stored(&entries, &[], Some(9)), true), (9, 3, vec![(0, 4), (4, 5), (5, 9)], false));
        let entries = [entry(0, 0, 4), entry(1, 4, 7), entry(1, 4, 5)];
        assert_eq!(opened(&stored(&entries, &[], Some(7)), true), (7, 2, vec![(0, 4), (4, 7)], false));
        // The successor has saved its state after its own entry 1: the stray one has come further, but not from there.
        assert_eq!(opened(&stored(&entries, &[(2, 5)], Some(5)), true), (5, 2, vec![], false));
    }

    /// An input that is added later begins, and the existing one resumes.
    #[test]
    fn each_input_goes_on_where_it_stands() {
        let run =
            |topic: &str, from: u64, next: u64| Run { topic: topic.into(), ..entry(0, from, next).runs[0].clone() };
        let of = |sequence: u64, runs: Vec<Run>| Entry { runs, ..entry(sequence, 0, 0) };
        let entries = [of(0, vec![run("t", 0, 4), run("u", 2, 3)]), of(1, vec![run("u", 3, 5), run("t", 4, 9)])];
        let with = |committed: Option<u64>, entries: &[Entry]| {
            let mut stored = stored(entries, &[], Some(9));
            let committed = committed.map(at);
            stored.inputs.push(StoredInput { name: "u".into(), committed, first: at(1), start: at(2) });
            restore(&stored, &|| OURS, false, 2)
        };
        let Restored::Open(both) = with(Some(5), &entries) else { panic!("both are known") };
        assert_eq!((both.positions.to_string(), both.commit_start, both.begins), ("t 9, u 5".into(), false, false));
        assert_eq!(both.replay.iter().map(|run| run.topic.to_string()).collect::<String>(), "tuut");
        let alone = [entry(0, 0, 4), entry(1, 4, 9)];
        let Restored::Open(new) = with(None, &alone) else { panic!("u is new") };
        assert_eq!(
            (new.positions.to_string(), new.commit_start, new.begins, new.sequence),
            ("t 9, u 2".into(), true, true, 2)
        );
        assert!(matches!(with(Some(4), &entries), Restored::Stop(name, Stop::GroupReset { .. }) if &*name == "u"));
        // Entries that agree on one input and not on the other do not lead to each other.
        let torn = [of(0, vec![run("t", 0, 4), run("u", 2, 3)]), of(1, vec![run("u", 4, 5), run("t", 4, 9)])];
        assert!(matches!(with(Some(5), &torn), Restored::Stop(_, Stop::JournalCut { .. })));
    }
}
