//! Files: records of one, decisions to others, and what a pipeline over a file keeps in a folder.

mod committer;
mod connector;
mod dead_letters;
mod folder;
mod frames;
mod key_partitioner;
mod lines;
mod reader;
mod records;
mod source;
mod store;
mod table;
mod targets;

pub(crate) use connector::Files;
pub(crate) use targets::open;

use committer::FileCommitter;
use folder::{Lengths, StateFolder};
use lines::{Keep, LineSink, Lines};
use reader::Reader;
use source::FileSource;
