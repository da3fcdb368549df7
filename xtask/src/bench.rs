//! The benchmarks, side by side with peers in one run; the raw result is kept.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{Done, broker, folder, learners, peers_folder, python, read, root, shown, sql, succeed, write};

/// The benchmarks by name: package and target, and whether a broker is needed.
const BENCHES: [(&str, &str, bool); 8] = [
    ("learners", "gristmill-learn", false),
    ("windows", "gristmill-sql", false),
    ("path", "gristmill-runtime", false),
    ("scoring", "gristmill-models", false),
    ("member", "gristmill-cli", true),
    ("latency", "gristmill-cli", true),
    ("recovery", "gristmill-cli", true),
    ("textbook", "gristmill-cli", true),
];

/// Measures whole programs, and returns what it saw.
type Measure = fn() -> Result<String, String>;

/// Measurements of whole programs, by name.
const PROGRAMS: [(&str, Measure); 1] = [("end-to-end", learners::end_to_end)];

pub(crate) fn run(rest: &[&str]) -> Done {
    let chosen = |name: &&str| rest.is_empty() || rest.contains(name);
    for (name, package, needs_broker) in BENCHES.iter().filter(|(name, ..)| chosen(name)) {
        let bench = ["bench", "--quiet", "--package", package, "--bench", name];
        succeed(crate::cargo(&bench).arg("--no-run"))?;
        let mut cargo = Command::new("cargo");
        if matches!(*name, "learners" | "windows" | "scoring") {
            // One core for each, ours and the peers.
            cargo = Command::new("taskset");
            cargo.args(["-c", "0", "cargo"]);
        }
        cargo.args(bench).current_dir(root());
        // A broker of its own: a broker that tests have filled distorts the figures.
        let dir = root().join("target").join("bench-broker");
        if *needs_broker {
            broker::start(&dir, &[])?;
            cargo.env("GRISTMILL_BROKER", read(&dir.join("address"))?.lines().next().unwrap_or_default());
        }
        let text = name_peers(name, *needs_broker, &mut cargo).and_then(|()| shown(&mut cargo));
        if *needs_broker {
            broker::stop(&dir)?;
        }
        let mut text = text?;
        match *name {
            "learners" => text += &learners::peers()?,
            "windows" => text += &sql::peer()?,
            "scoring" => text += &frameworks_score()?,
            _ => {}
        }
        keep(name, &text)?;
    }
    for (name, measure) in PROGRAMS.iter().filter(|(name, _)| chosen(name)) {
        keep(name, &measure()?)?;
    }
    Ok(())
}

/// Builds the peers of a benchmark, and passes it their paths.
fn name_peers(name: &str, over_broker: bool, cargo: &mut Command) -> Done {
    match name {
        "scoring" => {
            let (python, folder) = scoring_models()?;
            cargo.env("ORT_DYLIB_PATH", python::onnxruntime(&python)?).env("GRISTMILL_SCORING", folder);
        }
        "textbook" => {
            let (python, programs, models) = python_peers()?;
            cargo.env("GRISTMILL_PEERS_PYTHON", python).env("GRISTMILL_PEERS_PROGRAMS", programs);
            cargo.env("GRISTMILL_PEERS_MODELS", models);
        }
        _ if over_broker => {
            let streams = if name == "member" { kafka_streams()? } else { None };
            raw_rust()?.into_iter().for_each(|peer| _ = cargo.env("GRISTMILL_RAW_RUST", peer));
            streams.into_iter().for_each(|peer| _ = cargo.env("GRISTMILL_KAFKA_STREAMS", peer));
        }
        _ => {}
    }
    Ok(())
}

/// Builds the peer in Rust.
fn raw_rust() -> Result<Option<PathBuf>, String> {
    let source = peers_folder().join("kafka/raw_rust");
    if !source.exists() {
        println!("bench: no peer at {}, measuring ours alone", source.display());
        return Ok(None);
    }
    let target = root().join("target").join("peers");
    let copy = target.join("raw_rust-source");
    // Nothing is written beside the peer's source.
    let mut commands = [Command::new("mkdir"), Command::new("cp"), Command::new("cargo")];
    let [mkdir, cp, cargo] = &mut commands;
    mkdir.arg("-p").arg(&copy);
    cp.arg("-r").arg(source.join("src")).arg(source.join("Cargo.toml")).arg(&copy);
    cargo.args(["build", "--quiet", "--release"]).current_dir(&copy).env("CARGO_TARGET_DIR", &target);
    for command in &mut commands {
        succeed(command)?;
    }
    Ok(Some(target.join("release").join("raw_rust")))
}

const SCORING: &str = "scoring/make.py";

/// The Python that trains the models of the scoring benchmark, and their folder.
fn scoring_models() -> Result<(PathBuf, PathBuf), String> {
    let packages = [
        "numpy==2.4.6",
        "onnx==1.23.2",
        "onnxmltools==1.16.0",
        "onnxruntime==1.32.0",
        "scikit-learn==1.9.1",
        "skl2onnx==1.20.0",
        "xgboost==3.2.0",
    ];
    let python = python::environment("peers-scoring", &packages)?;
    let folder = root().join("target").join("peers").join("scoring");
    if !folder.join("rows.csv").exists() {
        crate::folder(&folder)?;
        python::output(&python, SCORING, &[&folder.to_string_lossy()], "")?;
    }
    Ok((python, folder))
}

/// How fast the frameworks score the same models, on the same core.
fn frameworks_score() -> Result<String, String> {
    let (python, folder) = scoring_models()?;
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(python).arg("-B").arg(root().join("xtask").join(SCORING));
    shown(command.arg(folder).arg("time").env("OMP_NUM_THREADS", "1"))
}

/// The peers in Python: the interpreter, their programs, and the network that they and we score with.
fn python_peers() -> Result<(PathBuf, PathBuf, PathBuf), String> {
    let programs = peers_folder().join("kafka");
    if !programs.join("seed_loop.py").exists() {
        return Err(format!("there are no peers in {}: `GRISTMILL_PEERS` names their folder", programs.display()));
    }
    let packages = [
        "confluent-kafka==2.12.2",
        "h5py==3.14.0",
        "keras==3.15.1",
        "numpy==2.4.6",
        "onnx==1.23.2",
        "onnxruntime==1.32.0",
        "orjson==3.13.0",
        "tensorflow-cpu==2.21.0",
    ];
    let python = python::environment("peers-python", &packages)?;
    let models = root().join("target").join("peers").join("models");
    if !models.join("model.h5").exists() {
        folder(&models)?;
        succeed(Command::new(&python).arg("-B").arg(programs.join("make_model.py")).arg(&models))?;
    }
    Ok((python, programs, models))
}

/// Builds the peer in Java, if Maven is installed; its class path.
fn kafka_streams() -> Result<Option<String>, String> {
    let source = peers_folder().join("kafka/kafka_streams");
    if !source.exists() || Command::new("mvn").arg("-version").output().is_err() {
        return Ok(None);
    }
    let target = root().join("target").join("peers").join("streams");
    let mut maven = Command::new("mvn");
    maven.args(["-B", "-q", "-f"]).arg(source.join("pom.xml")).arg(format!("-Doutdir={}", target.display()));
    maven.args(["package", "dependency:copy-dependencies"]);
    succeed(maven.arg(format!("-DoutputDirectory={}", target.join("lib").display())))?;
    Ok(Some(format!("{0}/kafka-streams-peer-1.jar:{0}/lib/*", target.display())))
}

/// Prepends a raw result, and where it was measured, to the older ones.
pub(crate) fn keep(name: &str, text: &str) -> Done {
    let output = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(root()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string()).unwrap_or_default()
    };
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map_or("", |(_, m)| m);
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let header = format!(
        "{}, commit {}, {cores} cores,{model}, {}\n",
        output("date", &["-u", "+%Y-%m-%dT%H:%MZ"]),
        output("git", &["rev-parse", "--short", "HEAD"]),
        output("rustc", &["--version"]),
    );
    let path = root().join("benches/runs").join(format!("{name}.txt"));
    let before = fs::read_to_string(&path).unwrap_or_default();
    write(&path, format!("{header}{text}\n{before}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    /// A benchmark whose package was renamed would otherwise be missed by the next measurement alone.
    #[test]
    fn every_benchmark_is_declared_by_its_package() {
        let folders = fs::read_dir(crate::root().join("crates")).unwrap();
        let manifests: Vec<String> =
            folders.map(|folder| fs::read_to_string(folder.unwrap().path().join("Cargo.toml")).unwrap()).collect();
        for (name, package, _) in super::BENCHES {
            let head = format!("[package]\nname = \"{package}\"\n");
            let manifest = manifests.iter().find(|manifest| manifest.starts_with(&head));
            let declared =
                manifest.is_some_and(|manifest| manifest.contains(&format!("[[bench]]\nname = \"{name}\"\n")));
            assert!(declared, "{package} has no benchmark {name}");
        }
    }
}
