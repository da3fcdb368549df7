//! The command-line arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use gristmill::rows::Position;

/// Machine learning on consumer groups: one YAML file, one binary, every record counted.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = "Start with `gristmill demo`.")]
pub(crate) struct Arguments {
    /// Log only errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a pipeline: read, score, learn, write.
    Run(Run),
    /// Report every mistake in a pipeline document, without running it.
    Check {
        #[command(flatten)]
        document: Document,
        /// Also ask the brokers whether the topics exist; missing ones are created where the document says so.
        #[arg(long)]
        connect: bool,
    },
    /// Show what a pipeline would do, step by step.
    Plan {
        #[command(flatten)]
        document: Document,
    },
    /// Write the features of a pipeline's file as a table, cleaned and computed as in a run, to train elsewhere.
    Features {
        #[command(flatten)]
        document: Document,
        /// The table: `.parquet`, `.arrow` or `.csv`.
        #[arg(long)]
        out: PathBuf,
    },
    /// Print the JSON Schema of pipeline documents, for completion in editors.
    Schema,
    /// List every component and section of a pipeline document.
    List,
    /// Explain a component or section, or the model in a file.
    Describe {
        /// Its name, as `gristmill list` shows it, or the path of a model file.
        name: String,
    },
    /// Watch members of a group learn to find fraud in simulated card payments; needs no set-up.
    Demo {
        /// Seconds to run.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(4..=600))]
        seconds: u64,
    },
    /// Inspect, restore or reset what a pipeline has learned.
    State {
        #[command(subcommand)]
        action: State,
    },
    /// Replace the model that scores while the group runs, evaluate a shadow, or roll back.
    Model {
        #[command(subcommand)]
        action: Model,
    },
    /// Inspect records that could not be read, or send them back to the input.
    DeadLetters {
        #[command(subcommand)]
        action: DeadLetters,
    },
}

/// A pipeline document, with overrides.
#[derive(Debug, Args)]
pub(crate) struct Document {
    /// The pipeline document.
    pub(crate) file: PathBuf,
    /// Override a value of the document, in YAML: `--set model.linear_regression.l2=0.1`; any number of times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) document: Document,
    /// Group members to start in this process, one thread each.
    #[arg(long, default_value_t = 1)]
    pub(crate) members: usize,
    /// Stop at the current ends of the partitions, instead of waiting for more records.
    #[arg(long)]
    pub(crate) until_end: bool,
    /// Print the report as one JSON object, the last line of standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Seconds between two lines of metrics in the log; 0 for none.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) metrics_every: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// Print every dead letter of a pipeline.
    List {
        #[command(flatten)]
        document: Document,
        /// One JSON object for each, bytes in base64.
        #[arg(long)]
        json: bool,
    },
    /// Send dead letters back to the input's topic, unchanged; those of a topic are sent back once.
    Replay {
        #[command(flatten)]
        document: Document,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Score with the model in a file from now on; each shard switches with its next commit.
    Set(Candidate),
    /// Evaluate the model in a file as a shadow; the report shows the metrics of both.
    Shadow(Candidate),
    /// Score with the shadow from now on.
    Promote {
        #[command(flatten)]
        document: Document,
    },
    /// Return to the model that scored before.
    Rollback {
        #[command(flatten)]
        document: Document,
        /// Return to the model of this version; 0 is the document's own.
        #[arg(long)]
        to: Option<u64>,
    },
    /// Print all versions, the newest last.
    List {
        #[command(flatten)]
        document: Document,
    },
}

/// A model for a pipeline.
#[derive(Debug, Args)]
pub(crate) struct Candidate {
    #[command(flatten)]
    pub(crate) document: Document,
    /// The model file.
    pub(crate) model: PathBuf,
    /// Its name in decisions; by default its file's name without the extension.
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// Print, for each partition, its position, and the saved state of each component.
    Show {
        #[command(flatten)]
        document: Document,
    },
    /// Write the state as of the last commit; equal models have equal bytes.
    Export {
        #[command(flatten)]
        document: Document,
        #[command(flatten)]
        out: Out,
    },
    /// Write the state as it was when this offset was the next to read. There must be a snapshot at or before it, or the
    /// whole journal.
    AsOf {
        #[command(flatten)]
        document: Document,
        /// The offset, or the row of a file.
        #[arg(long)]
        offset: Position,
        #[command(flatten)]
        out: Out,
    },
    /// Resume where the group stands, or where the input begins now, with the newest snapshot, or untrained, when the
    /// rest is lost. Asks first.
    Adopt {
        #[command(flatten)]
        document: Document,
        /// Only this partition.
        #[arg(long)]
        partition: Option<i32>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Discard what was learned and start over, or go back to an offset. Asks first.
    Reset {
        #[command(flatten)]
        document: Document,
        /// Restore model and group to this offset instead.
        #[arg(long)]
        to: Option<Position>,
        /// The partition to restore.
        #[arg(long, requires = "to")]
        partition: Option<i32>,
        /// Reset only components whose definition has changed, and keep the rest; first says what is lost.
        #[arg(long, conflicts_with = "to")]
        changed: bool,
        /// A step of the model that keeps its state although its learning rate, penalties or split conditions have
        /// changed; may be given several times.
        #[arg(long, value_name = "STEP", requires = "changed")]
        keep: Vec<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Where to write states.
#[derive(Debug, Args)]
pub(crate) struct Out {
    /// Only this partition.
    #[arg(long)]
    pub(crate) partition: Option<i32>,
    /// The file to write, or, for several partitions, the folder.
    #[arg(long)]
    pub(crate) out: PathBuf,
}
