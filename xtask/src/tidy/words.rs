//! One name for one thing: names that were given up for the field's own, and their replacements.

use super::{Problems, texts};

/// Names in code, and their replacements.
const NAMES: [(&str, &str); 42] = [
    ("Acting", "OutputQuery"),
    ("AtLimit", "OnLimit"),
    ("asker", "offsets_client"),
    ("ask_elsewhere", "check_other_members"),
    ("Dealer", "KeyPartitioner"),
    ("Finder", "StateLoader"),
    ("Foreign", "Pretrained"),
    ("Hold", "ReorderBuffer"),
    ("KeptTopics", "InternalTopics"),
    ("Keeper", "StateStore"),
    ("Landed", "CommitOutcome"),
    ("Ledger", "Committer"),
    ("ledger", "committer"),
    ("less_ahead", "retract_prewrite"),
    ("Lesson", "TrainingBatch"),
    ("make_room", "release_backpressure"),
    ("Misfit", "RuleError"),
    ("more_ahead", "extend_prewrite"),
    ("next_generation", "consumer_protocol"),
    ("OnTheWay", "InFlightCommit"),
    ("on_the_way", "in_flight"),
    ("over_markers", "skip_control_records"),
    ("Pupil", "ShardModel"),
    ("put_on", "activate"),
    ("Recalled", "Restored"),
    ("Seat", "AssignedPartition"),
    ("Seats", "Partitions"),
    ("seer", "uncommitted_client"),
    ("Shelf", "ModelRegistry"),
    ("Sought", "Loading"),
    ("Sprout", "GrowableLeaf"),
    ("step_again", "replay_rows"),
    ("TableFile", "LookupFile"),
    ("TablePlan", "LookupPlan"),
    ("TableSource", "LookupSource"),
    ("TableTopic", "LookupTopic"),
    ("Taught", "TrainingLog"),
    ("tenure", "assignment_epoch"),
    ("Tried", "ShadowEvaluation"),
    ("try_beside", "evaluate_shadow"),
    ("Waited", "Released"),
    ("announce", "commit_start"),
];
/// Phrases in messages and texts, and their replacements.
const PHRASES: [(&str, &str); 2] =
    [("learned again", "replayed"), ("while this member was too slow", "the session expired")];

/// Every use of one of them.
pub(super) fn problems() -> Result<Problems, String> {
    let mut problems = Vec::new();
    for (name, text) in [texts("crates")?, texts("benches")?].concat() {
        for (number, line) in text.lines().enumerate() {
            let words = || line.split(|c: char| !c.is_alphanumeric() && c != '_');
            let names = NAMES.iter().filter(|(old, _)| words().any(|word| word == *old));
            let phrases = PHRASES.iter().filter(|(old, _)| line.contains(old));
            let said =
                names.chain(phrases).map(|(old, new)| format!("{name}:{}: write `{new}`, not `{old}`", number + 1));
            problems.extend(said);
        }
    }
    Ok(problems)
}
