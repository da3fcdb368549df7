//! What to do when a commit is answered. The answers are kept until then: never step twice, never send half.

/// How a commit was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// It failed and can be sent again by the same producer: a stale generation, a time-out.
    Abortable,
    /// This producer is fenced: it stalled longer than its transaction may take.
    Fatal,
    /// No answer came.
    Unknown,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The outbox may be forgotten.
    Forget,
    /// Abort, then send the same bytes again with fresh metadata.
    Resend,
    /// Make a new producer with the same id, which ends whatever was pending; then read the journal's tail and ask
    /// [`commit_outcome`].
    AskJournal,
    /// Drop outbox and shard: they belong to somebody else.
    Drop,
}

/// The first table: a commit was answered. `owner`: whether the partition is still ours.
pub fn after(answer: Answer, owner: bool) -> After {
    match (answer, owner) {
        (Answer::Done, _) => After::Forget,
        (_, false) => After::Drop,
        (Answer::Abortable, true) => After::Resend,
        (Answer::Fatal | Answer::Unknown, true) => After::AskJournal,
    }
}

/// What the journal says about a commit whose answer never came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It landed: forget the outbox.
    Committed,
    /// It did not: send the same bytes again.
    Missing,
    /// Somebody else has written since: the partition is no longer ours, whatever we were told.
    Superseded,
}

/// Whether the commit with sequence `sent` is in the journal, whose last entry has the sequence `tail`.
pub fn commit_outcome(tail: Option<u64>, sent: u64) -> CommitOutcome {
    match tail {
        Some(tail) if tail == sent => CommitOutcome::Committed,
        Some(tail) if tail > sent => CommitOutcome::Superseded,
        Some(tail) if tail + 1 == sent => CommitOutcome::Missing,
        None if sent == 0 => CommitOutcome::Missing,
        // A tail further back means that the journal has lost entries, and going on would lose records.
        Some(_) | None => CommitOutcome::Superseded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table() {
        for (answer, owner, expected) in [
            (Answer::Done, true, After::Forget),
            (Answer::Done, false, After::Forget),
            (Answer::Abortable, true, After::Resend),
            (Answer::Fatal, true, After::AskJournal),
            (Answer::Unknown, true, After::AskJournal),
            (Answer::Abortable, false, After::Drop),
            (Answer::Fatal, false, After::Drop),
            (Answer::Unknown, false, After::Drop),
        ] {
            assert_eq!(after(answer, owner), expected, "{answer:?}, owner: {owner}");
        }
    }

    #[test]
    fn the_journal_knows_whether_a_commit_landed() {
        for (tail, sent, expected) in [
            (Some(7), 7, CommitOutcome::Committed),
            (Some(6), 7, CommitOutcome::Missing),
            (None, 0, CommitOutcome::Missing),
            (Some(8), 7, CommitOutcome::Superseded),
            (Some(4), 7, CommitOutcome::Superseded),
            (None, 7, CommitOutcome::Superseded),
        ] {
            assert_eq!(commit_outcome(tail, sent), expected, "tail {tail:?}, sent {sent}");
        }
    }
}
