//! A thread beside the member that waits for commits, so that the member need not.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use gristmill::protocol::{Answer, Landed};
use gristmill::rows::{Partition, Position};

use super::finder::Finder;
use super::{Answered, Commit, Found, Known, Ledger, LedgerError, PIECE, Part};
use crate::kafka::{KafkaFailure, Kind};

/// Commits one after the other, each to its end.
pub(super) trait Committer: Send {
    /// Makes a commit visible; the places of the entries in the journal where it is done.
    fn commit(&mut self, commit: &Commit) -> Result<(Answer, Vec<(Partition, Position)>), LedgerError>;
    /// Begins with parts of the next commit; see [`Ledger::ahead`].
    fn ahead(&mut self, _: &[Arc<Part>]) -> Result<(), LedgerError> {
        Ok(())
    }
    /// Ends whatever is pending, and finds out what became of each part.
    fn renew(&mut self, commit: &Commit, finder: &Finder) -> Result<Vec<(Partition, Landed)>, LedgerError>;
}

enum Job {
    Ahead(Vec<Arc<Part>>),
    Commit(Commit),
    Renew(Commit),
}

type Outcome = Result<Answered, LedgerError>;

/// A committer in a thread of its own.
pub(super) struct Beside {
    jobs: Option<Sender<Job>>,
    answers: Receiver<Outcome>,
    thread: Option<JoinHandle<()>>,
    finder: Finder,
}

/// So much of a snapshot may delay the answers of one commit.
const PIECES: usize = 4 << 20;

impl Beside {
    pub(super) fn start(mut committer: Box<dyn Committer>, finder: Finder) -> Result<Self, LedgerError> {
        let (jobs, todo) = channel::<Job>();
        let (done, answers) = channel::<Outcome>();
        let asks = finder.clone();
        let body = move || {
            for job in todo {
                let outcome = match job {
                    Job::Ahead(parts) => match committer.ahead(&parts) {
                        Ok(()) => continue,
                        Err(error) => Err(error),
                    },
                    Job::Commit(commit) => {
                        committer.commit(&commit).map(|(answer, places)| Answered::Commit(answer, places))
                    }
                    Job::Renew(commit) => committer.renew(&commit, &asks).map(Answered::Renewed),
                };
                if done.send(outcome).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("commits".into()).spawn(body);
        let thread = thread.map_err(|error| broken(&format!("a thread cannot be started: {error}")))?;
        Ok(Self { jobs: Some(jobs), answers, thread: Some(thread), finder })
    }

    fn job(&mut self, job: Job) -> Result<(), LedgerError> {
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if sent { Ok(()) } else { Err(broken("the thread that commits has ended: this is a bug in gristmill")) }
    }
}

fn broken(message: &str) -> LedgerError {
    KafkaFailure::new(Kind::Other, message).into()
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that broke has said so.
            let _ = thread.join();
        }
    }
}

impl Ledger for Beside {
    fn recall(&mut self, partition: &Partition, known: Option<Known>) -> Result<Option<Found>, LedgerError> {
        self.finder.recall(partition, known)
    }

    fn forget(&mut self, partition: &Partition) {
        self.finder.forget(partition);
    }

    fn ahead(&mut self, parts: &[Arc<Part>]) -> Result<(), LedgerError> {
        self.job(Job::Ahead(parts.to_vec()))
    }

    fn send(&mut self, commit: Commit) -> Result<(), LedgerError> {
        self.job(Job::Commit(commit))
    }

    fn renew(&mut self, commit: Commit) -> Result<(), LedgerError> {
        self.job(Job::Renew(commit))
    }

    fn answer(&mut self, wait: Duration) -> Result<Option<Answered>, LedgerError> {
        let outcome = if wait.is_zero() {
            self.answers.try_recv().map_err(|error| error == TryRecvError::Disconnected)
        } else {
            self.answers.recv_timeout(wait).map_err(|error| error == RecvTimeoutError::Disconnected)
        };
        match outcome {
            Ok(answered) => answered.map(Some),
            Err(false) => Ok(None),
            Err(true) => Err(broken("the thread that commits broke: this is a bug in gristmill")),
        }
    }

    fn pieces(&self) -> (usize, usize) {
        (PIECE, PIECES)
    }
}
