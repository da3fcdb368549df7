//! The learners' peers, in the same run as ours.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{cargo, folder, peers_folder, root, shown, succeed, write};

/// Runs the peers on the core that ours used. `PEERS` selects some of them (default all): river, vw, sklearn,
/// capymoa, irithyll.
pub(crate) fn peers() -> Result<String, String> {
    let source = peers_folder().join("learners");
    if !source.join("run").exists() {
        println!("bench: no peers at {}, measured ours alone", source.display());
        return Ok(String::new());
    }
    let target = root().join("target/peers/learners");
    folder(&target)?;
    println!("bench: the peers, 20 minutes for all of them");
    shown(Command::new(source.join("run")).arg(&target))
}

const COLUMNS: &str = "date,day,period,nswprice,nswdemand,vicprice,vicdemand,transfer";

/// From a text file to an accuracy: seconds of a pipeline and of Vowpal Wabbit over the same rows by the wall clock,
/// alternating, start-up included, on one core.
pub(crate) fn end_to_end() -> Result<String, String> {
    let target = root().join("target/peers/learners");
    let theirs = target.join("work/elec2_20x.vw");
    let Ok(rows) = fs::read_to_string(&theirs) else {
        return Err("the peer's rows are missing: `PEERS=vw cargo xtask bench learners` makes them".into());
    };
    let folder = target.join("end-to-end");
    crate::folder(&folder)?;
    write(&folder.join("elec2_20x.csv"), as_csv(&rows))?;
    write(&folder.join("pipeline.yaml"), pipeline())?;
    succeed(&mut cargo(&["build", "--quiet", "--release", "--package", "gristmill-cli"]))?;
    let mut text =
        format!("end to end, {} rows of the same numbers\tround\tseconds\trows_per_second\n", rows.lines().count());
    for round in 1..=5 {
        let mut ours = pinned(&root().join("target/release/gristmill"));
        ours.args(["run", "pipeline.yaml"]).current_dir(&folder);
        let mut vowpal = pinned(&target.join("venv/bin/python"));
        vowpal.args(["-m", "vowpalwabbit", "-d"]).arg(&theirs).args(["--loss_function", "logistic", "--binary"]);
        for (name, command) in [("gristmill, CSV", &mut ours), ("vowpal wabbit, its text file", &mut vowpal)] {
            let began = Instant::now();
            succeed(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
            let seconds = began.elapsed().as_secs_f64();
            let _ = writeln!(text, "{name}\t{round}\t{seconds:.3}\t{:.0}", rows.lines().count() as f64 / seconds);
        }
    }
    print!("{text}");
    Ok(text)
}

fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

/// The peer's lines, `1 | 0:0.25 1:3`, as a table.
fn as_csv(rows: &str) -> String {
    let mut csv = format!("{COLUMNS},class\n");
    for row in rows.lines() {
        let (label, fields) = row.split_once(" | ").unwrap_or_default();
        let values = fields.split(' ').filter_map(|field| Some(field.split_once(':')?.1));
        csv.extend(values.flat_map(|value| [value, ","]));
        csv += if label == "1" { "1\n" } else { "0\n" };
    }
    csv
}

fn pipeline() -> String {
    let columns = COLUMNS.replace(',', ": float64, ");
    format!(
        "name: end-to-end
input:
  file: {{path: elec2_20x.csv}}
  columns: {{{columns}: float64, class: int64}}
features: [{COLUMNS}]
label: {{column: class}}
model: [standard_scaler, logistic_regression]
evaluate: [accuracy]
"
    )
}
