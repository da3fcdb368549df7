//! What is in a pipeline's state, and how to start over.

use std::path::Path;

use gristmill::plan::Plan;

use super::StateFailure;
use super::folder::{commits, slots, snapshots};

fn folder(plan: &Plan) -> Result<&Path, StateFailure> {
    let directory = plan.state.as_ref().and_then(|state| state.directory.as_ref()).map(Path::new);
    directory.ok_or_else(|| StateFailure::Kept {
        place: plan.name.to_string(),
        why: "this pipeline keeps none; add `state: {directory: …}` to keep it".into(),
    })
}

/// The state in words: positions, sequence, size.
pub fn show(plan: &Plan) -> Result<String, StateFailure> {
    let path = folder(plan)?;
    let (commits, saved) = (commits(path)?, slots(path)?.newest(None));
    let mut text = format!("pipeline   {}\nfolder     {}\n", plan.name, path.display());
    match commits.last() {
        Some(last) => text.push_str(&format!(
            "journal    commit {} at record {}\n",
            last.entry.sequence,
            last.entry.next().unwrap_or(0)
        )),
        None => text.push_str("journal    nothing committed\n"),
    }
    match &saved {
        Some(saved) => {
            text.push_str(&format!("snapshot   at record {}, {} bytes\n", saved.manifest.position, saved.state.len()));
            let parts = gristmill::shard::saved_parts(&saved.state).unwrap_or_default();
            let parts: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
            text.push_str(&format!("state of   {}\n", parts.join(", ")));
        }
        None => text.push_str("snapshot   none\n"),
    }
    Ok(text)
}

/// The saved state of the shard, canonical: equal models have equal bytes.
pub fn export(plan: &Plan) -> Result<Vec<u8>, StateFailure> {
    let path = folder(plan)?;
    let saved = slots(path)?.newest(None).map(|saved| saved.state);
    saved.ok_or_else(|| StateFailure::Kept {
        place: path.display().to_string(),
        why: "nothing is saved yet; every run saves its state when it ends".into(),
    })
}

/// Forgets the state: the next run starts over.
pub fn reset(plan: &Plan) -> Result<(), StateFailure> {
    let path = folder(plan)?;
    for file in snapshots(path)?.into_iter().chain([path.join("journal")]) {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StateFailure::Kept { place: file.display().to_string(), why: error.to_string() });
            }
            _ => {}
        }
    }
    Ok(())
}
