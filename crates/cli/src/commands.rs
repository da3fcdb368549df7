//! What each command does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill::report::Report;
use gristmill::rows::Position;
use gristmill::{describe, schema};
use gristmill_connect::broker::BrokerError;
use gristmill_connect::dead_letter::Listed;
use gristmill_runtime::dead_letters;
use gristmill_runtime::export::TableError;
use gristmill_runtime::feature_export::{self, FeatureExportError};
use gristmill_runtime::models;
use gristmill_runtime::rehearse;
use gristmill_runtime::run::{self, Control, Options, RunError};
use gristmill_runtime::state;

use crate::arguments::{Candidate, Command, DeadLetters, Document, Model as ModelAction, Out, Run, State};
use crate::failure::Failure;
use crate::{demo, metrics, paths, screen, signals};

pub(crate) fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => run(&arguments),
        Command::Check { document, connect } => check(&document, connect),
        Command::Plan { document } => screen::print(&read(&document)?.to_string()),
        Command::Features { document, out } => features(&document, &out),
        Command::Schema => screen::print(&schema::text()),
        Command::List => list(),
        Command::Describe { name } => screen::print(&description(&name)?),
        Command::Demo { seconds } => demo::demo(seconds),
        Command::State { action } => state_command(action),
        Command::Model { action } => model_command(action),
        Command::DeadLetters { action: DeadLetters::List { document, json } } => list_dead_letters(&document, json),
        Command::DeadLetters { action: DeadLetters::Replay { document } } => {
            let count = dead_letters::replay(&*read(&document)?)?;
            screen::print(&format!("{count} dead letters sent back to the input\n"))
        }
    }
}

/// What is known about a component, a section (`input.file`), or the model in a file (`risk.json`).
fn description(name: &str) -> Result<String, Failure> {
    match describe::describe(name) {
        Err(_) if name.contains(['.', '/']) => model_description(name),
        known => known.map_err(Failure::Usage),
    }
}

fn model_description(name: &str) -> Result<String, Failure> {
    let refused = |why: String| Failure::Usage(format!("cannot read the model {name}: {why}"));
    let bytes = model_bytes(Path::new(name)).map_err(refused)?;
    let beside = |other: &str| model_bytes(&Path::new(name).with_file_name(other));
    let model = gristmill_models::read_with(&bytes, &beside).map_err(|error| refused(error.to_string()))?;
    Ok(format!("{}size       {} bytes\n", model.signature(), bytes.len()))
}

/// The bytes of a model's file, or why there are none.
fn model_bytes(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| why_unread(&error, &file_within(path)))
}

/// The file to name instead of a folder that a framework has written a model to.
fn file_within(folder: &Path) -> String {
    const ENDINGS: [&str; 7] = ["cbm", "h5", "json", "keras", "onnx", "txt", "ubj"];
    if folder.join("saved_model.pb").exists() {
        let command =
            format!("python -m tf2onnx.convert --saved-model {} --output model.onnx --opset 17", folder.display());
        return format!("it is TensorFlow's SavedModel: export it to ONNX with `{command}`");
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let known = |file: &PathBuf| file.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
    // MLflow writes a list of packages beside the model; it is not a model.
    let mut models: Vec<PathBuf> = entries.filter(|file| known(file) && !file.ends_with("requirements.txt")).collect();
    models.sort();
    models
        .first()
        .map_or("name a model file in it".into(), |file| format!("name a model file in it: {}", file.display()))
}

/// Why a file could not be read, with a remedy if it is a folder.
fn why_unread(error: &std::io::Error, instead: &str) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        std::io::ErrorKind::IsADirectory => format!("it is a folder; {instead}"),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text, as every pipeline document is".into(),
        _ => error.to_string(),
    }
}

/// The plan of a document file.
fn read(document: &Document) -> Result<Arc<Plan>, Failure> {
    let shown = document.file.display().to_string();
    let text = std::fs::read_to_string(&document.file).map_err(|error| {
        let why = why_unread(&error, "name a pipeline document in it");
        Failure::Usage(format!("cannot read the document {shown}: {why}"))
    })?;
    let environment = |name: &str| std::env::var(name).ok();
    let files = |path: &str| model_bytes(Path::new(path));
    let plan = Plan::read_changed(&shown, &text, &document.set, &environment, &files).map_err(Failure::Document)?;
    paths::spare(&plan, &document.file)?;
    Ok(Arc::new(plan))
}

fn run(arguments: &Run) -> Result<(), Failure> {
    let plan = read(&arguments.document)?;
    let control = Arc::new(Control::default());
    signals::listen(&control)?;
    let options = Options { members: arguments.members, until_end: arguments.until_end };
    let ended = AtomicBool::new(false);
    let report = std::thread::scope(|scope| {
        let (control, plan, done) = (&control, &plan, || ended.load(Ordering::SeqCst));
        scope.spawn(move || screen::progress(control, &done));
        if arguments.metrics_every > 0 {
            let often = (arguments.members, Duration::from_secs(arguments.metrics_every));
            scope.spawn(move || metrics::tell(control, plan, often, &done));
        }
        let report = run::run(plan, options, control);
        ended.store(true, Ordering::SeqCst);
        report
    });
    let (report, ended) = match report {
        Ok(report) => (report, Ok(())),
        // The report comes before the error that ended the run.
        Err(RunError::Ended { report, error }) => (*report, Err(Failure::from(error))),
        Err(error) => return Err(error.into()),
    };
    print_report(&report, arguments.json)?;
    ended
}

fn print_report(report: &Report, json: bool) -> Result<(), Failure> {
    if json {
        let line = serde_json::to_string(report).map_err(|error| Failure::Run(error.to_string()))?;
        screen::print(&format!("{line}\n"))
    } else {
        use std::io::Write;
        // The report goes to standard error like the log: standard output is for decisions.
        write!(std::io::stderr(), "{report}").map_err(|error| Failure::Run(error.to_string()))
    }
}

fn features(document: &Document, out: &Path) -> Result<(), Failure> {
    let plan = read(document)?;
    paths::spare_from(&plan, &document.file, out)?;
    let written = feature_export::write(&plan, out).map_err(|error| match error {
        FeatureExportError::Topic | FeatureExportError::Table(TableError::Ending { .. }) => {
            Failure::Usage(error.to_string())
        }
        error => Failure::Run(error.to_string()),
    })?;
    let mut text = format!("{} rows to {}: {}\n", written.rows, out.display(), written.columns.join(", "));
    for (reason, count) in &written.refused {
        text.push_str(&format!("{count} refused: {reason}\n"));
    }
    if written.late > 0 {
        text.push_str(&format!("{} came late\n", written.late));
    }
    if written.missing_windows > 0 {
        text.push_str(&format!("{} so late that a window is missing\n", written.missing_windows));
    }
    screen::print(&text)
}

fn check(document: &Document, connect: bool) -> Result<(), Failure> {
    let plan = read(document)?;
    if connect {
        rehearse::rehearse(&plan)?;
    }
    let warnings: String = plan.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    screen::print(&format!("{warnings}{}: fine\n", document.file.display()))
}

fn list() -> Result<(), Failure> {
    let listed = describe::list();
    let width = listed.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let lines = listed.iter().map(|one| format!("{:<9} {:<width$} {}\n", one.kind, one.name, one.summary));
    screen::print(&lines.collect::<String>())
}

fn list_dead_letters(document: &Document, json: bool) -> Result<(), Failure> {
    let plan = read(document)?;
    let mut failed = None;
    dead_letters::list(&plan, &mut |Listed { at, letter }| {
        let line = if json {
            format!("{}\n", letter.to_json())
        } else {
            let value = letter.value.as_deref().unwrap_or_default();
            let short: String = String::from_utf8_lossy(value).chars().take(60).collect();
            format!("{at}  from {}  {}: {}  {short:?}\n", letter.place(), letter.reason, letter.message)
        };
        failed = screen::print(&line).err();
        failed.is_none()
    })?;
    failed.map_or(Ok(()), Err)
}

fn model_command(action: ModelAction) -> Result<(), Failure> {
    let text = match action {
        ModelAction::Set(candidate) => with_model(&candidate, models::set),
        ModelAction::Shadow(candidate) => with_model(&candidate, models::shadow),
        ModelAction::Promote { document } => Ok(models::promote(&read(&document)?)?),
        ModelAction::Rollback { document, to } => Ok(models::rollback(&read(&document)?, to)?),
        ModelAction::List { document } => Ok(models::list(&read(&document)?)?),
    };
    screen::print(&text?)
}

type WithModel = fn(&Arc<Plan>, &str, &[u8]) -> Result<String, BrokerError>;

fn with_model(candidate: &Candidate, act: WithModel) -> Result<String, Failure> {
    let plan = read(&candidate.document)?;
    let file = &candidate.model;
    let bytes =
        model_bytes(file).map_err(|why| Failure::Usage(format!("cannot read the model {}: {why}", file.display())))?;
    let stem = file.file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy());
    Ok(act(&plan, candidate.name.as_deref().unwrap_or(&stem), &bytes)?)
}

fn state_command(action: State) -> Result<(), Failure> {
    match action {
        State::Show { document } => screen::print(&state::show(&read(&document)?)?),
        State::Export { document, out } => write_state(&document, None, &out),
        State::AsOf { document, offset, out } => write_state(&document, Some(offset), &out),
        State::Adopt { document, partition, yes } => {
            let plan = asked(&document, yes, "Go on from where the group stands, without what was lost?")?;
            screen::print(&state::adopt(&plan, partition)?)
        }
        State::Reset { document, to: Some(offset), partition, yes, .. } => {
            let plan = asked(&document, yes, &format!("Go back to {offset}?"))?;
            screen::print(&state::reset_to(&plan, partition, offset)?)
        }
        State::Reset { document, changed: true, keep, yes, .. } => {
            let plan = read(&document)?;
            let changes = state::changes(&plan, &keep)?;
            screen::print(&changes.iter().map(ToString::to_string).collect::<String>())?;
            if !changes.is_empty() && !yes {
                confirmed("Go on like this?")?;
            }
            state::resting(&plan)?;
            screen::print(&state::reset_changed(&plan, &keep)?)
        }
        State::Reset { document, yes, .. } => {
            let plan = asked(&document, yes, "Forget all of this?")?;
            state::reset(&plan)?;
            screen::print("forgotten: the next run starts over\n")
        }
    }
}

fn write_state(document: &Document, offset: Option<Position>, out: &Out) -> Result<(), Failure> {
    let states = state::as_of(&read(document)?, out.partition, offset)?;
    let written = state::write(&out.out, &states);
    written.map_err(|error| Failure::Run(format!("cannot write {}: {error}", out.out.display())))
}

/// Shows what exists, and asks for confirmation of a change.
fn asked(document: &Document, yes: bool, question: &str) -> Result<Arc<Plan>, Failure> {
    let plan = read(document)?;
    if !yes {
        if plan.journals() {
            screen::print(&state::show(&plan)?)?;
        }
        confirmed(question)?;
    }
    state::resting(&plan)?;
    Ok(plan)
}

fn confirmed(question: &str) -> Result<(), Failure> {
    screen::print(&format!("\n{question} Type `yes`: "))?;
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.is_err() || answer.trim() != "yes" {
        return Err(Failure::Usage("nothing was changed".into()));
    }
    Ok(())
}
