//! Exactly once, as pure decisions: from what was observed to what is to be done. The I/O is at the edge.
//!
//! A *commit* makes outputs, positions and one [`Entry`] of the journal visible together, or none of them. A *snapshot*
//! is saved state at a position of the journal. After a crash the state is the snapshot plus the records that the
//! journal says were consumed since, replayed with outputs suppressed.

mod answer;
mod journal;
mod opening;
mod recovery;
mod replay;
mod snapshot;

pub use answer::{After, Answer, CommitOutcome, after, commit_outcome};
pub use journal::{Code, Consumed, Entry, JournalError, Run};
pub use opening::{Learned, Observed, Opening, Snapshot, Stop, Tail, open};
pub use recovery::{Recovery, Restored, StoredInput, StoredState, learned, lineage, restore};
pub use replay::Replay;
pub use snapshot::{Manifest, Piece, Saved, Slots};
