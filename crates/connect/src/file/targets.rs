//! Outputs and dead letters in files and on standard output.

use std::sync::Arc;

use gristmill::connect::StdoutPlan;
use gristmill::plan::{OutputPlan, Plan, TargetPlan};
use gristmill_formats::encoder;

use super::{Keep, Lengths, LineSink, Lines};
use crate::connector::Run;
use crate::sink::{OpenTargets, Sink, SinkError};

/// The files and standard output that all members share.
pub(super) struct Targets {
    /// For each output of the plan, if it is one of these.
    outputs: Vec<Option<Lines>>,
    dead_letters: Option<Lines>,
}

/// Those of a group: what is there already stays, up to its last whole line.
pub(crate) fn open(plan: &Arc<Plan>, _: &Run) -> Result<Box<dyn OpenTargets>, SinkError> {
    Ok(Box::new(Targets::open(plan, &|_| Keep::Lines)?))
}

impl Targets {
    /// Opens what the plan names. `keep`: how much of a file that is there is kept, by its path.
    pub(super) fn open(plan: &Plan, keep: &dyn Fn(&str) -> Keep) -> Result<Self, SinkError> {
        let stdout = Lines::stdout();
        let one = |target: &TargetPlan, header: Option<&[u8]>| match (target.file(), target.of()) {
            (Some(path), _) => Lines::open(path, keep(path), header).map(Some),
            (None, Some(StdoutPlan)) => stdout.begin(header).map(|()| Some(stdout.clone())),
            (None, None) => Ok(None),
        };
        let output = |output: &OutputPlan| {
            let header = encoder(output.format).header(output.fields());
            one(&output.target, header.as_deref())
        };
        Ok(Self {
            outputs: plan.outputs.iter().map(output).collect::<Result<_, _>>()?,
            dead_letters: plan.dead_letters.as_ref().map(|target| one(target, None)).transpose()?.flatten(),
        })
    }

    /// Those that are files, by path.
    pub(super) fn files(&self, plan: &Plan) -> Vec<(String, Lines)> {
        let lines = self.outputs.iter().chain(plan.dead_letters.as_ref().map(|_| &self.dead_letters));
        let files = plan.targets().zip(lines);
        files.filter_map(|(target, lines)| Some((target.file()?.to_string(), lines.clone()?))).collect()
    }
}

impl OpenTargets for Targets {
    fn sinks(&self) -> Result<Vec<Box<dyn Sink>>, SinkError> {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        for (output, lines) in self.outputs.iter().enumerate() {
            if let Some(lines) = lines {
                sinks.push(Box::new(LineSink::decisions(lines.clone(), output)));
            }
        }
        if let Some(lines) = &self.dead_letters {
            sinks.push(Box::new(LineSink::dead_letters(lines.clone())));
        }
        Ok(sinks)
    }
}

/// How much is kept of a file whose committed length is known, or not.
pub(super) fn committed(lengths: &Lengths, path: &str) -> Option<u64> {
    // A file is the same one however its path is spelled.
    let place = |path: &str| std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let wanted = place(path);
    lengths.iter().find(|(known, _)| place(known) == wanted).map(|(_, length)| *length)
}
