//! A model in Python that scores and learns, and survives failures of its process.

use std::collections::BTreeSet;
use std::sync::Mutex;

use gristmill::pretrained::{Asked, Learns, Scores, ShardModel, TrainingBatch};
use gristmill::spec::{PythonModel, PythonOutput};
use gristmill_connect::lock;
use gristmill_learn::LearnError;

use super::message::{Answer, Head, columns, encode, numbers, stream};
use super::process::{Process, Silent};

/// A model in Python, with its process.
pub(super) struct PythonScores {
    python: PythonModel,
    names: Vec<String>,
    width: usize,
    member: usize,
    running: Mutex<Running>,
}

struct Running {
    /// None if the last one was ended and the next one is not needed yet.
    process: Option<Process>,
    /// The names of the models that it has.
    opened: BTreeSet<String>,
}

/// Why a request failed.
enum Failed {
    /// The process has ended, and its work with it.
    Gone(String),
    /// The model returned an error.
    Said(String),
}

/// The name of the shared model, if no model learns.
const SHARED: &str = "";

impl PythonScores {
    pub(super) fn start(
        python: PythonModel,
        names: Vec<String>,
        width: usize,
        member: usize,
    ) -> Result<Self, LearnError> {
        let running = Mutex::new(Running { process: None, opened: BTreeSet::new() });
        let scores = Self { python, names, width, member, running };
        scores.running(&mut lock(&scores.running))?;
        Ok(scores)
    }

    /// The process, started if there is none.
    fn running<'a>(&self, running: &'a mut Running) -> Result<&'a mut Process, LearnError> {
        if running.process.is_none() {
            running.opened.clear();
            let process = Process::start(&self.python, self.member)
                .map_err(|Silent(why)| LearnError::Outside(format!("{} cannot be loaded: {why}", self.python.path)))?;
            running.process = Some(process);
        }
        running.process.as_mut().ok_or_else(|| LearnError::Outside("it is not running".into()))
    }

    /// Sends a request to the process as it is.
    fn ask(&self, running: &mut Running, head: &Head<'_>, body: &[u8]) -> Result<Answer, Failed> {
        let Some(process) = &mut running.process else { return Err(Failed::Gone("it was given up".into())) };
        match process.ask(encode(head, body), self.python.timeout.0) {
            Ok(answer) if answer.ok => Ok(answer),
            Ok(answer) => Err(Failed::Said(answer.error)),
            Err(Silent(why)) => {
                tracing::warn!(name: "python_restarted", member = self.member, "member {}: {}: {why}; it is started again", self.member, self.python.path);
                running.process = None;
                Err(Failed::Gone(why))
            }
        }
    }

    /// Sends a request for a shard's model, which is trained again if the process does not have it.
    fn of(
        &self,
        running: &mut Running,
        pupil: Option<&ShardModel<'_>>,
        what: &str,
        body: &[u8],
    ) -> Result<Answer, Failed> {
        let of = pupil.map_or(SHARED, |pupil| pupil.name);
        if let Some(pupil) = pupil.filter(|pupil| !running.opened.contains(pupil.name)) {
            self.ask(running, &Head { what: "open", of, width: self.width }, pupil.taught.saved())?;
            for lesson in pupil.taught.since() {
                self.ask(running, &Head { what: "learn", of, width: self.width }, &self.lesson(lesson)?)?;
            }
            running.opened.insert(of.to_string());
        }
        let answer = self.ask(running, &Head { what, of, width: self.width }, body)?;
        if answer.unknown {
            return Err(Failed::Said(format!("its process has no model of `{of}`")));
        }
        Ok(answer)
    }

    fn lesson(&self, lesson: &TrainingBatch) -> Result<Vec<u8>, Failed> {
        let rows = lesson.labels.len();
        let mut all = columns(&lesson.values, self.names.len());
        all.extend(columns(&lesson.labels, 1));
        let names: Vec<String> = self.names.iter().cloned().chain(["label".to_string()]).collect();
        stream(&names, &all, rows).map_err(|error| Failed::Said(error.to_string()))
    }

    /// Sends a request; retries with a new process if the current one has ended.
    fn insist(
        &self,
        pupil: Option<&ShardModel<'_>>,
        what: &str,
        body: &[u8],
        again: bool,
    ) -> Result<Answer, LearnError> {
        let mut running = lock(&self.running);
        self.mind_memory(&mut running);
        let mut tries = if again { 2 } else { 1 };
        loop {
            self.running(&mut running)?;
            match self.of(&mut running, pupil, what, body) {
                Ok(answer) => return Ok(answer),
                Err(Failed::Said(why)) => return Err(LearnError::Model(why)),
                Err(Failed::Gone(why)) => {
                    tries -= 1;
                    if tries == 0 {
                        return Err(LearnError::Model(why));
                    }
                }
            }
        }
    }

    /// Ends a process that has grown beyond its limit: the next request starts another.
    fn mind_memory(&self, running: &mut Running) {
        let Some(limit) = self.python.memory else { return };
        let held = running.process.as_ref().and_then(Process::memory).unwrap_or(0);
        if held > limit.0 {
            let path = &self.python.path;
            tracing::warn!(name: "python_restarted", member = self.member, "member {}: {path} holds {held} bytes, more than {limit}; it is started again", self.member);
            running.process = None;
        }
    }
}

impl Scores for PythonScores {
    fn score(&self, asked: &Asked<'_>, out: &mut Vec<f64>) -> Result<(), LearnError> {
        let rows = asked.rows.len();
        if rows == 0 {
            return Ok(());
        }
        let body = stream(&self.names, asked.columns, rows).map_err(|error| LearnError::Model(error.to_string()))?;
        // A row that ends the process on its own would end the next one, too.
        let answer = self.insist(asked.pupil.as_ref(), "score", &body, rows > 1)?;
        let mut numbers = numbers(&answer.body, rows, self.width).map_err(LearnError::Model)?;
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(LearnError::Model("it answered something that is no finite number".into()));
        }
        numbers
            .chunks(self.width.max(1))
            .try_for_each(|row| sound(&self.python.output, row))
            .map_err(LearnError::Model)?;
        if self.python.output != PythonOutput::Value {
            // Values just outside 0 and 1 are rounding errors, and would make the other class's probability negative.
            numbers.iter_mut().for_each(|number| *number = number.clamp(0.0, 1.0));
        }
        out.extend(numbers);
        Ok(())
    }

    fn may_refuse(&self) -> bool {
        true
    }

    fn takes_columns(&self) -> bool {
        true
    }

    fn as_learns(&self) -> Option<&dyn Learns> {
        self.python.learn_batch.map(|_| self as &dyn Learns)
    }
}

/// How far a probability may be outside 0 to 1, and a sum of probabilities away from 1, since models compute in single
/// precision.
const ROUNDED: f64 = 1e-3;

/// Whether the numbers of a row are what the document says that the model returns.
fn sound(output: &PythonOutput, row: &[f64]) -> Result<(), String> {
    if *output == PythonOutput::Value {
        return Ok(());
    }
    if let Some(number) = row.iter().find(|number| !(-ROUNDED..=1.0 + ROUNDED).contains(*number)) {
        let help = "margins and logits are made probabilities in `predict`, and other numbers are given as `value`";
        return Err(format!("it answered {number}, which is no probability: {help}"));
    }
    let sum: f64 = row.iter().sum();
    if matches!(output, PythonOutput::Classes(_)) && (sum - 1.0).abs() > ROUNDED {
        return Err(format!("its probabilities of {} classes add up to {sum}, not to 1: {row:?}", row.len()));
    }
    Ok(())
}

impl Learns for PythonScores {
    fn lesson(&self) -> usize {
        self.python.learn_batch.unwrap_or(1) as usize
    }

    fn learn(&self, pupil: &ShardModel<'_>, lesson: &TrainingBatch) -> Result<(), LearnError> {
        let body = self.lesson(lesson).map_err(|failed| match failed {
            Failed::Said(why) | Failed::Gone(why) => LearnError::Outside(why),
        })?;
        self.insist(Some(pupil), "learn", &body, true).map(drop).map_err(lost)
    }

    fn save(&self, pupil: &ShardModel<'_>) -> Result<Vec<u8>, LearnError> {
        self.insist(Some(pupil), "save", &[], true).map(|answer| answer.body).map_err(lost)
    }

    fn forget(&self, name: &str) {
        let mut running = lock(&self.running);
        if running.opened.remove(name) {
            // A process that has ended no longer has it.
            let _ = self.ask(&mut running, &Head { what: "close", of: name, width: self.width }, &[]);
        }
    }
}

/// A batch that cannot be learned cannot be skipped: the run stops there, and resumes there once the module is
/// repaired.
fn lost(error: LearnError) -> LearnError {
    match error {
        LearnError::Model(why) => LearnError::Outside(format!("it cannot learn: {why}")),
        other => other,
    }
}
