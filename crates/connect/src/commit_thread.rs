//! A thread that waits for commits, so that the member need not.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use gristmill::protocol::{Answer, CommitOutcome};
use gristmill::rows::{Partition, Position};

use crate::broker::{BrokerError, Kind};
use crate::commit::{Commit, PIECE, PartitionCommit};
use crate::committer::{Answered, Committer, CommitterError, Found, Known};
use crate::state_loader::StateLoader;

/// Commits synchronously, one commit after another.
pub(crate) trait BlockingCommitter: Send {
    /// Makes a commit visible; if it is done, the positions of the entries in the journal.
    fn commit(&mut self, commit: &Commit) -> Result<(Answer, Vec<(Partition, Position)>), CommitterError>;
    /// Writes parts of the next commit; see [`Committer::prewrite`].
    fn prewrite(&mut self, _: &[Arc<PartitionCommit>]) -> Result<(), CommitterError> {
        Ok(())
    }
    /// Ends any pending transaction, and finds out the outcome of each part.
    fn resolve_outcome(
        &mut self,
        commit: &Commit,
        loader: &StateLoader,
    ) -> Result<Vec<(Partition, CommitOutcome)>, CommitterError>;
}

enum Job {
    Prewrite(Vec<Arc<PartitionCommit>>),
    Commit(Commit),
    Resolve(Commit),
}

type Outcome = Result<Answered, CommitterError>;

/// A committer in a thread of its own.
pub(crate) struct CommitThread {
    jobs: Option<Sender<Job>>,
    answers: Receiver<Outcome>,
    thread: Option<JoinHandle<()>>,
    loader: StateLoader,
}

/// The amount of snapshot that may delay the outputs of one commit.
const PIECES: usize = 4 << 20;

impl CommitThread {
    pub(crate) fn start(
        mut committer: Box<dyn BlockingCommitter>,
        loader: StateLoader,
    ) -> Result<Self, CommitterError> {
        let (jobs, todo) = channel::<Job>();
        let (done, answers) = channel::<Outcome>();
        let asks = loader.clone();
        let body = move || {
            for job in todo {
                let outcome = match job {
                    Job::Prewrite(parts) => match committer.prewrite(&parts) {
                        Ok(()) => continue,
                        Err(error) => Err(error),
                    },
                    Job::Commit(commit) => {
                        committer.commit(&commit).map(|(answer, places)| Answered::Commit(answer, places))
                    }
                    Job::Resolve(commit) => committer.resolve_outcome(&commit, &asks).map(Answered::Resolved),
                };
                if done.send(outcome).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("commits".into()).spawn(body);
        let thread = thread.map_err(|error| broken(&format!("a thread cannot be started: {error}")))?;
        Ok(Self { jobs: Some(jobs), answers, thread: Some(thread), loader })
    }

    fn job(&mut self, job: Job) -> Result<(), CommitterError> {
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if sent { Ok(()) } else { Err(broken("the thread that commits has ended: this is a bug in gristmill")) }
    }
}

fn broken(message: &str) -> CommitterError {
    BrokerError::new(Kind::Other, message).into()
}

impl Drop for CommitThread {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has reported it.
            let _ = thread.join();
        }
    }
}

impl Committer for CommitThread {
    fn load_state(&mut self, partition: &Partition, known: Option<Known>) -> Result<Option<Found>, CommitterError> {
        self.loader.load_state(partition, known)
    }

    fn forget(&mut self, partition: &Partition) {
        self.loader.forget(partition);
    }

    fn prewrite(&mut self, parts: &[Arc<PartitionCommit>]) -> Result<(), CommitterError> {
        self.job(Job::Prewrite(parts.to_vec()))
    }

    fn send(&mut self, commit: Commit) -> Result<(), CommitterError> {
        self.job(Job::Commit(commit))
    }

    fn resolve_outcome(&mut self, commit: Commit) -> Result<(), CommitterError> {
        self.job(Job::Resolve(commit))
    }

    fn answer(&mut self, wait: Duration) -> Result<Option<Answered>, CommitterError> {
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
