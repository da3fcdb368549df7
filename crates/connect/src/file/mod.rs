//! Files: records of one, decisions to others, and what a pipeline over a file keeps in a folder.

mod committer;
mod connector;
mod dead_letters;
mod folder;
mod frames;
mod input_file;
mod key_partitioner;
mod lines;
mod reader;
mod record_times;
mod records;
mod source;
mod store;
mod table;
mod targets;

pub(crate) use connector::Files;
pub(crate) use targets::open;

use gristmill::connect::Framing;
use gristmill::plan::{ColumnPlan, Need};
use gristmill::spec::Format;
use gristmill_formats::Decoder;

use committer::FileCommitter;
use folder::{Lengths, StateFolder};
use lines::{Keep, LineSink, Lines};
use reader::Reader;
use source::FileSource;

/// Decodes one column of a file's records. A wrong record is reported when its shard reads it.
fn column_decoder(
    columns: &[ColumnPlan],
    column: usize,
    format: Format,
    header: Option<&[String]>,
    framing: Framing,
) -> Option<Decoder> {
    let wanted = ColumnPlan { need: Need::Nothing, ..columns.get(column)?.clone() };
    let all: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    Decoder::with(&[wanted], format, Some(header.unwrap_or(&all)), framing).ok()
}
