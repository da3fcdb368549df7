//! Files and standard output.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Around, FILE, Framing, InputKind, InputPlan, InputSpec, LookupKind, LookupSource, LookupSpec, System, TargetKind,
    TargetPlan, TargetSpec,
};
use crate::document::{Mistakes, Path, path};
use crate::rows::{Partition, Position};
use crate::spec::Size;

/// Above this, a dead letter no longer fits in one record of any reasonable broker.
const LARGEST_RECORD: Size = Size(64 << 20);

/// Records from a file: one line, one record (a quoted CSV field may hold line breaks).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileInput {
    /// The file: `.csv`, `.ndjson` or `.jsonl`, plain or compressed (`.gz`, `.zst`); `-` is standard input.
    pub path: String,
    /// The largest record; a larger one is a dead letter. At most 64 MB. Default `1 MB`, as Kafka brokers allow.
    #[serde(default = "one_megabyte")]
    pub max_record: Size,
    /// For CSV: whether the first line names the columns; without it fields are `columns` in their order. Default true.
    #[serde(default = "yes")]
    pub header: bool,
    /// For CSV: the character between fields. Default `,`.
    #[serde(default)]
    pub delimiter: Option<String>,
    /// Cuts the file into shards by a key, as a topic is cut into partitions: each has a model and windows of its own.
    /// Default: the file is one shard.
    #[serde(default)]
    pub shards: Option<Shards>,
}

/// How a file is cut into shards: by the same hash (murmur2) by which Kafka's producers choose a partition, so that a
/// file and a topic with as many partitions have the same rows in each. Records without a key are in the first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shards {
    /// The column of the record key.
    pub key: String,
    /// How many shards.
    #[schemars(range(min = 1, max = 1024))]
    pub count: i32,
}

fn yes() -> bool {
    true
}

fn one_megabyte() -> Size {
    Size(1 << 20)
}

/// A file to write to. Where the input is a file, each run makes it anew; where it is a topic, each run goes on with it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileTarget {
    /// The file; its folder must exist.
    pub path: String,
}

/// Standard output; it has no settings: `stdout: {}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stdout {}

/// A file, or `-`, to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlan {
    /// The path as written.
    pub path: String,
    /// The largest record.
    pub max_record: Size,
    /// Whether the first line of a CSV file names the columns.
    pub header: bool,
    /// The character between CSV fields.
    pub delimiter: u8,
    /// How it is cut into shards, where it is.
    pub cut: Option<(String, i32)>,
}

impl InputSpec for FileInput {
    fn plan(&self, around: Around<'_>, mistakes: &mut Mistakes<'_>, at: &Path) -> Option<InputPlan> {
        let under = |name: &str| [at.as_slice(), &path([name])].concat();
        if self.max_record > LARGEST_RECORD || self.max_record == Size(0) {
            let message = format!("`max_record` must be at least 1 B and at most {LARGEST_RECORD}");
            mistakes.wrong(under("max_record"), message);
        }
        let delimiter = mistakes.delimiter(self.delimiter.as_deref(), under("delimiter"));
        if let Some(shards) = &self.shards {
            self.check_shards(shards, around, mistakes, at);
        }
        Some(InputPlan::new(FilePlan {
            path: self.path.clone(),
            max_record: self.max_record,
            header: self.header,
            delimiter,
            cut: self.shards.as_ref().map(|shards| (shards.key.clone(), shards.count)),
        }))
    }
}

impl FileInput {
    fn check_shards(&self, shards: &Shards, around: Around<'_>, mistakes: &mut Mistakes<'_>, at: &Path) {
        if around.key.is_some_and(|key| *key != shards.key) {
            let message = format!("the file is cut by `{}`, so that is the record key", shards.key);
            mistakes.wrong_with_help(path(["input", "key"]), message, "leave `key` out, or name the same column");
        }
        if self.path == "-" && around.folder {
            let message = "standard input cannot be read again shard by shard, as a kept state may need";
            let at = [at.as_slice(), &path(["shards", "count"])].concat();
            mistakes.wrong_with_help(at, message, "write it to a file first, or leave `shards` out");
        }
    }
}

impl fmt::Display for FilePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "-" => f.write_str("standard input"),
            path => write!(f, "file {path}"),
        }
    }
}

impl InputKind for FilePlan {
    fn system(&self) -> System {
        FILE
    }

    fn name(&self) -> &str {
        match self.path.as_str() {
            "-" => "stdin",
            path => path.rsplit(['/', '\\']).next().unwrap_or(path),
        }
    }

    fn shared(&self) -> bool {
        false
    }

    fn shards_in_words(&self) -> String {
        match self.shards() {
            1 => "one shard".into(),
            count => format!("{count} shards by the key"),
        }
    }

    fn commits_where(&self) -> &'static str {
        "`exactly_once` over a file needs every answer in a file"
    }

    fn place(&self, _: &Partition, position: Position) -> String {
        format!("{}, record {}", self.name(), position.next())
    }

    fn shards(&self) -> i32 {
        self.cut.as_ref().map_or(1, |(_, count)| *count)
    }

    fn cut_by(&self) -> Option<(&str, Path)> {
        self.cut.as_ref().map(|(key, _)| (key.as_str(), path(["input", "file", "shards", "key"])))
    }

    fn framing(&self) -> Framing {
        Framing { delimiter: self.delimiter, max_record: self.max_record.bytes() }
    }

    fn file(&self) -> Option<&str> {
        Some(&self.path)
    }
}

/// A file to write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTargetPlan {
    /// The path as written.
    pub path: String,
}

impl TargetSpec for FileTarget {
    fn plan(&self, _: &mut Mistakes<'_>, _: &Path) -> TargetPlan {
        TargetPlan::new(FileTargetPlan { path: self.path.clone() })
    }
}

impl fmt::Display for FileTargetPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}", self.path)
    }
}

impl TargetKind for FileTargetPlan {
    fn system(&self) -> System {
        FILE
    }

    fn transactional(&self) -> bool {
        true
    }

    fn file(&self) -> Option<&str> {
        Some(&self.path)
    }
}

/// Standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StdoutPlan;

impl TargetSpec for Stdout {
    fn plan(&self, _: &mut Mistakes<'_>, _: &Path) -> TargetPlan {
        TargetPlan::new(StdoutPlan)
    }
}

impl fmt::Display for StdoutPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output")
    }
}

impl TargetKind for StdoutPlan {
    fn system(&self) -> System {
        FILE
    }

    fn transactional(&self) -> bool {
        false
    }
}

/// A table in a file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupFile {
    /// The file: `.csv`, `.ndjson` or `.jsonl`, plain or compressed (`.gz`, `.zst`).
    pub path: String,
    /// For CSV: whether the first line names the columns; without it fields are `columns` in their order. Default true.
    #[serde(default = "yes")]
    pub header: bool,
    /// For CSV: the character between fields. Default `,`.
    #[serde(default)]
    pub delimiter: Option<String>,
}

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupFilePlan {
    /// The path as written.
    pub path: String,
    /// Whether the first line of a CSV file names the columns.
    pub header: bool,
    /// The character between CSV fields.
    pub delimiter: u8,
}

impl LookupSpec for LookupFile {
    fn plan(&self, mistakes: &mut Mistakes<'_>, at: &Path) -> LookupSource {
        if self.path == "-" {
            mistakes.wrong([at.as_slice(), &path(["path"])].concat(), "a table cannot be standard input");
        }
        let delimiter = mistakes.delimiter(self.delimiter.as_deref(), [at.as_slice(), &path(["delimiter"])].concat());
        LookupSource::new(LookupFilePlan { path: self.path.clone(), header: self.header, delimiter })
    }
}

impl fmt::Display for LookupFilePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}", self.path)
    }
}

impl LookupKind for LookupFilePlan {
    fn system(&self) -> System {
        FILE
    }

    fn keyed(&self) -> bool {
        false
    }

    fn stays(&self) -> bool {
        true
    }

    fn framing(&self) -> Framing {
        Framing { delimiter: self.delimiter, ..Framing::default() }
    }

    fn file(&self) -> Option<&str> {
        Some(&self.path)
    }
}
