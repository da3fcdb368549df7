//! What to do when a commit is answered. The outbox is kept until then: records are never stepped twice, and a commit
//! is never half sent.

/// The answer to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is committed.
    Done,
    /// It failed and can be resent by the same producer: a stale generation, a time-out.
    Abortable,
    /// This producer is fenced: it stalled for longer than its transaction may take.
    Fatal,
    /// No answer came.
    Unknown,
}

/// The next action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The outbox may be discarded.
    Forget,
    /// Abort, then resend the same bytes with fresh metadata.
    Resend,
    /// Create a new producer with the same id, which ends any pending transaction; then read the journal's tail and ask
    /// [`commit_outcome`].
    AskJournal,
    /// Drop outbox and shard: another member owns them.
    Drop,
}

/// The first table: a commit was answered. `owner`: whether this member still owns the partition.
pub fn after(answer: Answer, owner: bool) -> After {
    match (answer, owner) {
        (Answer::Done, _) => After::Forget,
        (_, false) => After::Drop,
        (Answer::Abortable, true) => After::Resend,
        (Answer::Fatal | Answer::Unknown, true) => After::AskJournal,
    }
}

/// The journal's record of a commit without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It landed: discard the outbox.
    Committed,
    /// It did not land: resend the same bytes.
    Missing,
    /// Another member has written since: the partition is no longer ours, whatever the group has told us.
    Superseded,
}

/// Whether the commit with sequence `sent` is in the journal, whose last entry has the sequence `tail`.
pub fn commit_outcome(tail: Option<u64>, sent: u64) -> CommitOutcome {
    match tail {
        Some(tail) if tail == sent => CommitOutcome::Committed,
        Some(tail) if tail > sent => CommitOutcome::Superseded,
        Some(tail) if tail + 1 == sent => CommitOutcome::Missing,
        None if sent == 0 => CommitOutcome::Missing,
        // A tail further back means that the journal has lost entries, and continuing would lose records.
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
