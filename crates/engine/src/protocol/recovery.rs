//! From what was kept of a partition to how its shard goes on.

use super::{Code, Entry, Learned, Observed, Opening, Run, Saved, Slots, Snapshot, Stop, Tail, open};

/// What was kept of a partition, as far as it can be read.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// The slots of its snapshots.
    pub slots: Slots,
    /// The journal's entries in order, at least those after the newest snapshot.
    pub entries: Vec<Entry>,
    /// The group's committed offset.
    pub offsets: Option<i64>,
    /// The first position that the log still holds.
    pub first: i64,
    /// Where a shard that never did anything begins.
    pub start: i64,
    /// Whether nothing is pending any more.
    pub settled: bool,
}

/// How a shard goes on.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// The saved state; none: untrained.
    pub saved: Option<Saved>,
    /// The runs to read again, muted.
    pub replay: Vec<Run>,
    /// Where to read on after that.
    pub position: i64,
    /// The sequence of the next commit.
    pub sequence: u64,
    /// Whether the position must be committed before anything else: a fresh start, or offsets that were lost.
    pub announce: bool,
    /// The slot for the next snapshot.
    pub slot: u32,
}

impl Recovery {
    /// Where nothing is learned there is nothing to lose: the group's offsets say it all.
    pub fn without_state(kept: &Kept) -> Self {
        Self {
            saved: None,
            replay: Vec::new(),
            position: kept.offsets.unwrap_or(kept.start),
            sequence: 0,
            announce: kept.offsets.is_none(),
            slot: 0,
        }
    }
}

/// What to do with what was kept.
#[derive(Debug, Clone)]
pub enum Recalled {
    /// Ask again: a transaction is pending.
    Wait,
    /// Go on like this.
    Open(Box<Recovery>),
    /// Nothing may be read on.
    Stop(Stop),
}

/// The entries from a snapshot (the sequence after it, and its position) to the journal's tail, without gaps; the tail
/// alone where nothing comes after the snapshot.
///
/// Where a member that had lost its partition wrote after its successor (`strays`, under at_least_once only), there is
/// more than one tail: the one that has come furthest counts, of those that lead back to the snapshot.
fn chain(entries: &[Entry], after: u64, position: Option<i64>, strays: bool) -> Vec<&Entry> {
    let mut tails: Vec<usize> = (0..entries.len()).collect();
    let furthest = |at: &usize| entries.get(*at).map(|entry| (entry.sequence, entry.next(), *at));
    tails.sort_by_key(|at| std::cmp::Reverse(furthest(at)));
    let mut chains = tails.into_iter().filter_map(|at| walk_back(entries, at, after));
    let fits = |chain: &Vec<&Entry>| match (chain.first(), position) {
        (Some(first), Some(position)) if first.sequence == after => first.from() == Some(position),
        (Some(first), Some(position)) if first.sequence + 1 == after => first.next() == Some(position),
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
        let leads = |entry: &Entry| entry.sequence + 1 == last.sequence && entry.next() == last.from();
        let Some(index) = entries.iter().take(at).rposition(leads) else { break };
        (at, last) = (index, entries.get(index)?);
        chain.push(last);
    }
    chain.reverse();
    Some(chain)
}

/// What has learned the records of these entries since a snapshot. Entries of before version 4 do not say; then it is
/// what has written the snapshot.
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
    let records = |entry: &&Entry| entry.runs.iter().any(|run| run.consumed.count > 0 || run.flushed);
    entries.into_iter().filter(records).map(by).max().unwrap_or(Learned::Here)
}

/// The entries that lead from a snapshot, or from nothing, to the journal's tail; none where some are gone.
pub fn lineage<'a>(kept: &'a Kept, saved: Option<&Saved>, journal_wins: bool) -> Option<Vec<&'a Entry>> {
    let after = saved.map_or(0, |saved| saved.manifest.sequence);
    let mut chain = chain(&kept.entries, after, saved.map(|saved| saved.manifest.position), journal_wins);
    let complete = chain.first().is_none_or(|first| first.sequence <= after);
    chain.retain(|entry| entry.sequence >= after);
    complete.then_some(chain)
}

/// The second table, with what it is about. `code`: asks for this plan and this program; `journal_wins`: whether the journal counts where the group's offsets say something else (at_least_once); `slots`:
/// how many snapshots are kept.
pub fn recall(kept: &Kept, code: &dyn Fn() -> Code, journal_wins: bool, slots: u32) -> Recalled {
    let saved = kept.slots.newest(None);
    let after = saved.as_ref().map_or(0, |saved| saved.manifest.sequence);
    let position = saved.as_ref().map(|saved| saved.manifest.position);
    let chain = chain(&kept.entries, after, position, journal_wins);
    let tail = chain.last().map(|last| Tail {
        sequence: last.sequence,
        position: last.next().unwrap_or(0),
        begins: chain.first().and_then(|first| first.from()).unwrap_or(0),
        // No records lead over a state that a command has put there.
        complete: chain.first().is_some_and(|first| first.sequence <= after)
            && !chain.iter().any(|entry| entry.installed && entry.sequence >= after),
        learned: learned(chain.iter().copied().filter(|entry| entry.sequence >= after), saved.as_ref(), code),
    });
    // Whatever the group's offsets say then: reading on from where the journal ends writes some answers again at worst.
    let decides = journal_wins && tail.is_some_and(|tail| Some(tail.position) != kept.offsets);
    let seen = Observed {
        snapshot: saved
            .as_ref()
            .map(|saved| Snapshot { sequence: saved.manifest.sequence, position: saved.manifest.position }),
        journal: tail,
        offsets: kept.offsets.filter(|_| !decides),
        first: kept.first,
        settled: kept.settled,
    };
    let (position, announce) = match open(&seen) {
        Opening::Wait => return Recalled::Wait,
        Opening::Stop(stop) => return Recalled::Stop(stop),
        Opening::Fresh => (kept.start, true),
        Opening::Load => (tail.map(|tail| tail.position).or(kept.offsets).unwrap_or(kept.start), false),
        Opening::Replay { to, .. } => (to, false),
        Opening::TrustJournal { to, .. } => (to, true),
    };
    let sequence = tail.map_or(after, |tail| after.max(tail.sequence + 1));
    let since = chain.iter().filter(|entry| entry.sequence >= after);
    Recalled::Open(Box::new(Recovery {
        replay: since.flat_map(|entry| entry.runs.clone()).collect(),
        position,
        sequence,
        announce,
        slot: kept.slots.next(slots),
        saved,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Consumed, Manifest, Piece};

    const OURS: Code = Code { plan: 1, program: 2 };

    fn entry(sequence: u64, from: i64, next: i64) -> Entry {
        let consumed = Consumed { from, next, count: 1, checksum: sequence };
        let runs = vec![Run { topic: "t".into(), consumed, flushed: false, tables: 0, version: 0 }];
        Entry { sequence, runs, code: Some(OURS), installed: false }
    }

    fn kept(entries: &[Entry], snapshots: &[(u64, i64)], offsets: Option<i64>) -> Kept {
        let mut slots = Slots::default();
        for (slot, (sequence, position)) in (0..).zip(snapshots) {
            let (sequence, position) = (*sequence, *position);
            let about = Manifest { slot, sequence, position, ..Manifest::default() };
            for piece in Piece::cut(about, b"state", 3) {
                slots.take(piece.key().as_bytes(), Some(&piece.value()));
            }
        }
        Kept { slots, entries: entries.to_vec(), offsets, first: 0, start: 0, settled: true }
    }

    /// Position, next sequence, runs to read again, whether to announce.
    fn opened(kept: &Kept, journal_wins: bool) -> (i64, u64, Vec<(i64, i64)>, bool) {
        match recall(kept, &|| OURS, journal_wins, 2) {
            Recalled::Open(one) => {
                let runs = one.replay.iter().map(|run| (run.consumed.from, run.consumed.next)).collect();
                (one.position, one.sequence, runs, one.announce)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn goes_on_behind_the_tail() {
        let entries = [entry(0, 0, 4), entry(1, 4, 7), entry(2, 7, 9)];
        assert_eq!(opened(&kept(&[], &[], None), false), (0, 0, vec![], true));
        let all = vec![(0, 4), (4, 7), (7, 9)];
        assert_eq!(opened(&kept(&entries, &[], Some(9)), false), (9, 3, all, false));
        assert_eq!(opened(&kept(&entries, &[(2, 7)], Some(9)), false), (9, 3, vec![(7, 9)], false));
        assert_eq!(opened(&kept(&entries[1..], &[(1, 4), (2, 7)], Some(9)), false), (9, 3, vec![(7, 9)], false));
        assert_eq!(opened(&kept(&entries, &[(3, 9)], Some(9)), false), (9, 3, vec![], false));
        assert_eq!(opened(&kept(&entries, &[(3, 9)], None), false), (9, 3, vec![], true));
        assert_eq!(opened(&kept(&[], &[(3, 9)], Some(9)), false), (9, 3, vec![], false));
    }

    #[test]
    fn a_gap_in_the_journal_stops() {
        let gap = kept(&[entry(0, 0, 4), entry(2, 7, 9)], &[], Some(9));
        assert!(matches!(recall(&gap, &|| OURS, false, 2), Recalled::Stop(Stop::JournalCut { .. })));
        let cut = kept(&[entry(1, 4, 7), entry(2, 7, 9)], &[], Some(9));
        assert!(matches!(recall(&cut, &|| OURS, false, 2), Recalled::Stop(Stop::JournalCut { .. })));
    }

    /// What was learned since the snapshot counts, not who has saved the snapshot: another document or program may have
    /// gone on from there.
    #[test]
    fn what_was_learned_elsewhere_is_not_read_again() {
        let by = |plan: u64, program: u64, entry: Entry| Entry { code: Some(Code { plan, program }), ..entry };
        let stop = |entries: &[Entry], snapshots: &[(u64, i64)]| match recall(
            &kept(entries, snapshots, Some(9)),
            &|| OURS,
            false,
            2,
        ) {
            Recalled::Stop(stop) => Some(stop),
            _ => None,
        };
        let (first, second) = (entry(0, 0, 4), entry(1, 4, 9));
        let other = by(7, 2, second.clone());
        assert_eq!(stop(&[first.clone(), other.clone()], &[]), Some(Stop::OtherPlan { from: 0, to: 9 }));
        assert_eq!(stop(&[first.clone(), by(1, 7, second.clone())], &[]), Some(Stop::OtherProgram { from: 0, to: 9 }));
        assert_eq!(stop(&[first.clone(), other.clone()], &[(1, 4)]), Some(Stop::OtherPlan { from: 4, to: 9 }));
        // The snapshots of this test are by plan 0 and program 0.
        assert_eq!(stop(&[first.clone(), second.clone()], &[(1, 4)]), None);
        assert_eq!(stop(&[first.clone(), other.clone()], &[(2, 9)]), None, "all of it is in the snapshot");
        // Those of before do not say: then the snapshot does.
        let old = Entry { code: None, ..second };
        assert_eq!(stop(&[first.clone(), old.clone()], &[(1, 4)]), Some(Stop::OtherPlan { from: 4, to: 9 }));
        assert_eq!(stop(&[first, old], &[]), None);
    }

    #[test]
    fn a_lineage_has_no_gaps() {
        let entries = [entry(2, 4, 7), entry(3, 7, 9)];
        let kept = kept(&entries, &[(2, 4), (4, 9)], Some(9));
        let from = |saved: Option<&Saved>| {
            lineage(&kept, saved, false).map(|chain| chain.iter().map(|entry| entry.sequence).collect::<Vec<_>>())
        };
        assert_eq!(from(kept.slots.newest(Some(5)).as_ref()), Some(vec![2, 3]));
        assert_eq!(from(kept.slots.newest(None).as_ref()), Some(vec![]));
        assert_eq!(from(None), None, "the first two are gone");
    }

    #[test]
    fn under_at_least_once_the_journal_wins_and_strays_are_passed_over() {
        // The member that had lost the partition wrote its own entry 1 after its successor's 1 and 2.
        let entries = [entry(0, 0, 4), entry(1, 4, 7), entry(2, 7, 9), entry(1, 4, 5)];
        let lagging = kept(&entries, &[], Some(4));
        assert!(matches!(recall(&lagging, &|| OURS, false, 2), Recalled::Stop(Stop::GroupReset { .. })));
        assert_eq!(opened(&lagging, true), (9, 3, vec![(0, 4), (4, 7), (7, 9)], true));
        let entries = [entry(0, 0, 4), entry(1, 4, 7), entry(1, 4, 5), entry(2, 5, 9)];
        assert_eq!(opened(&kept(&entries, &[], Some(9)), true), (9, 3, vec![(0, 4), (4, 5), (5, 9)], false));
        let entries = [entry(0, 0, 4), entry(1, 4, 7), entry(1, 4, 5)];
        assert_eq!(opened(&kept(&entries, &[], Some(7)), true), (7, 2, vec![(0, 4), (4, 7)], false));
        // The successor has saved its state after its own entry 1: the stray one has come further, but not from there.
        assert_eq!(opened(&kept(&entries, &[(2, 5)], Some(5)), true), (5, 2, vec![], false));
    }
}
