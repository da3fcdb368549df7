//! Records read again after a crash: they must be those that the journal says were consumed.

use std::collections::VecDeque;

use super::{Consumed, JournalError, Run};
use crate::rows::{Partition, Position, RawRows};

/// The runs that remain to be replayed, in order.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    left: VecDeque<Run>,
    found: Option<Consumed>,
    rows: u64,
    /// The run after which rows that waited are to be released, before anything else is read.
    release: Option<Run>,
}

impl Replay {
    /// Runs in the order in which they were consumed.
    pub fn new(runs: impl IntoIterator<Item = Run>) -> Self {
        let mut replay = Self { left: runs.into_iter().collect(), found: None, rows: 0, release: None };
        replay.pass_empty();
        replay
    }

    /// The position up to which records of the next run's input are replayed; none: nothing remains. It never lies
    /// after a position where buffered rows were released, a table or the model changed, or records of another input
    /// come in between.
    pub fn end(&self) -> Option<Position> {
        let first = self.left.front()?;
        let had = |run: &Run| (run.tables, run.version);
        let mut end = None;
        for run in &self.left {
            let empty = run.consumed.count == 0;
            if !empty && (run.topic != first.topic || had(run) != had(first)) {
                break;
            }
            if run.topic == first.topic {
                end = Some(run.consumed.next);
            }
            if run.releases() {
                break;
            }
        }
        end
    }

    /// The next run to be replayed.
    pub fn run(&self) -> Option<&Run> {
        self.left.front()
    }

    /// The run after which rows that waited are to be released, if that is now; call again until there is none.
    pub fn release(&mut self) -> Option<Run> {
        let release = self.release.take();
        if release.is_some() {
            self.pass_empty();
        }
        release
    }

    /// The number of records replayed so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Counts replayed records; at the end of each run they must be what was consumed then.
    pub fn consume(&mut self, raw: &RawRows) -> Result<(), JournalError> {
        for record in raw.iter() {
            let Some(run) = self.left.front() else { return Ok(()) };
            if record.position >= run.consumed.next {
                // Some of the run's records are missing: this one belongs to the next.
                return self.finish(&raw.partition);
            }
            let found = self.found.get_or_insert(Consumed::nothing(run.consumed.from));
            found.add(&record);
            self.rows += 1;
            if found.count >= run.consumed.count {
                run.check(&raw.partition, found)?;
                self.release = self.left.pop_front().filter(Run::releases);
                self.found = None;
                self.pass_empty();
            }
        }
        Ok(())
    }

    /// At the end of what can be read nothing may remain.
    pub fn finish(&self, partition: &Partition) -> Result<(), JournalError> {
        match self.left.front() {
            Some(run) => run.check(partition, &self.found.unwrap_or(Consumed::nothing(run.consumed.from))),
            None => Ok(()),
        }
    }

    /// Runs without records (a start, a step past markers) have nothing to be read.
    fn pass_empty(&mut self) {
        while self.release.is_none()
            && let Some(run) = self.left.pop_front_if(|run| run.consumed.count == 0)
        {
            self.release = Some(run).filter(Run::releases);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::RawRecord;

    const fn at(number: u64) -> Position {
        Position::number(number)
    }

    fn rows(offsets: &[u64]) -> RawRows {
        let mut raw = RawRows::new(Partition::new("t", 0));
        for offset in offsets {
            let value = offset.to_string();
            raw.push(RawRecord {
                position: Position::number(*offset),
                timestamp: None,
                key: None,
                value: Some(value.as_bytes()),
                headers: &[],
            });
        }
        raw
    }

    fn run(from: u64, next: u64, offsets: &[u64]) -> Run {
        let mut consumed = Consumed::nothing(at(from));
        rows(offsets).iter().for_each(|record| consumed.add(&record));
        consumed.next = at(next);
        Run { topic: "t".into(), consumed, flushed: false, tick: None, tables: 0, version: 0 }
    }

    fn replay() -> Replay {
        // A start, two records with a gap, a step past markers, one more record.
        Replay::new([run(3, 3, &[]), run(3, 6, &[3, 5]), run(6, 8, &[]), run(8, 9, &[8])])
    }

    #[test]
    fn the_same_records_in_any_cut_end_it() {
        for cut in 0..=3 {
            let mut replay = replay();
            assert_eq!(replay.end(), Some(at(9)));
            let (first, second) = rows(&[3, 5, 8]).split(cut);
            replay.consume(&first).unwrap();
            assert_eq!(replay.end().is_some(), cut < 3);
            replay.consume(&second).unwrap();
            assert_eq!((replay.end(), replay.rows()), (None, 3));
            assert_eq!(replay.finish(&Partition::new("t", 0)), Ok(()));
        }
        assert_eq!(Replay::new([run(3, 3, &[]), run(3, 8, &[])]).end(), None);
    }

    #[test]
    fn it_halts_where_rows_that_waited_were_taken() {
        let flushed = |run: Run| Run { flushed: true, ..run };
        // The state was saved just before their release, and again after two more records.
        let runs = [flushed(run(3, 3, &[])), flushed(run(3, 5, &[3, 4])), flushed(run(5, 5, &[])), run(5, 6, &[5])];
        let mut replay = Replay::new(runs);
        let flushes = |replay: &mut Replay| std::iter::from_fn(|| replay.release()).count();
        assert_eq!((flushes(&mut replay), replay.end()), (1, Some(at(5))));
        replay.consume(&rows(&[3, 4])).unwrap();
        assert_eq!((flushes(&mut replay), replay.end()), (2, Some(at(6))));
        replay.consume(&rows(&[5])).unwrap();
        assert_eq!((flushes(&mut replay), replay.end()), (0, None));
    }

    #[test]
    fn it_halts_where_time_moved_on() {
        let ticked = |run: Run, to: i64| Run { tick: Some(to), ..run };
        let runs = [ticked(run(3, 5, &[3, 4]), 70), ticked(run(5, 5, &[]), 80), run(5, 6, &[5])];
        let mut replay = Replay::new(runs);
        let ticks = |replay: &mut Replay| {
            std::iter::from_fn(|| replay.release()).filter_map(|run| run.tick).collect::<Vec<i64>>()
        };
        assert_eq!((ticks(&mut replay), replay.end()), (vec![], Some(at(5))));
        replay.consume(&rows(&[3, 4])).unwrap();
        assert_eq!((ticks(&mut replay), replay.end()), (vec![70, 80], Some(at(6))));
    }

    #[test]
    fn it_halts_where_a_table_changed() {
        let with = |run: Run, tables: u64| Run { tables, ..run };
        let runs = [run(0, 2, &[0, 1]), with(run(2, 2, &[]), 8), with(run(2, 3, &[2]), 9), with(run(3, 5, &[3, 4]), 9)];
        let mut replay = Replay::new(runs);
        assert_eq!((replay.run().unwrap().tables, replay.end()), (0, Some(at(2))));
        replay.consume(&rows(&[0, 1])).unwrap();
        assert_eq!((replay.run().unwrap().tables, replay.end()), (9, Some(at(5))));
        replay.consume(&rows(&[2, 3, 4])).unwrap();
        assert_eq!((replay.run(), replay.end()), (None, None));
    }

    #[test]
    fn it_halts_where_the_model_changed() {
        let by = |run: Run, version: u64| Run { version, ..run };
        let mut replay = Replay::new([run(0, 2, &[0, 1]), by(run(2, 3, &[2]), 1), by(run(3, 4, &[3]), 1)]);
        assert_eq!((replay.run().unwrap().version, replay.end()), (0, Some(at(2))));
        replay.consume(&rows(&[0, 1])).unwrap();
        assert_eq!((replay.run().unwrap().version, replay.end()), (1, Some(at(4))));
    }

    #[test]
    fn it_halts_where_another_input_comes_in_between() {
        let of = |topic: &str, run: Run| Run { topic: topic.into(), ..run };
        let runs =
            [run(0, 2, &[0, 1]), of("u", run(5, 5, &[])), run(2, 3, &[2]), of("u", run(5, 7, &[5])), run(3, 4, &[3])];
        let mut replay = Replay::new(runs);
        let next = |replay: &Replay| replay.run().map(|run| (run.topic.to_string(), replay.end().unwrap()));
        assert_eq!(next(&replay), Some(("t".into(), at(3))));
        replay.consume(&rows(&[0, 1, 2])).unwrap();
        assert_eq!(next(&replay), Some(("u".into(), at(7))));
        replay.consume(&rows(&[5])).unwrap();
        assert_eq!(next(&replay), Some(("t".into(), at(4))));
        replay.consume(&rows(&[3])).unwrap();
        assert_eq!(next(&replay), None);
    }

    #[test]
    fn records_that_are_gone_or_new_are_noticed() {
        for wrong in [&[5, 8][..], &[3, 8], &[3, 4], &[4, 5]] {
            let mut replay = replay();
            let done = replay.consume(&rows(wrong)).and_then(|()| replay.finish(&Partition::new("t", 0)));
            assert!(
                matches!(done, Err(JournalError::Differs { from, next, .. }) if (from, next) == (at(3), at(6))),
                "{wrong:?}: {done:?}"
            );
        }
        let mut short = replay();
        short.consume(&rows(&[3, 5])).unwrap();
        assert!(short.finish(&Partition::new("t", 0)).unwrap_err().to_string().contains("0 of 1 are there"));
    }
}
