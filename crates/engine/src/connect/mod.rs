//! The systems that records come from and go to: what a document says of each, and what each of them can.
//!
//! Whatever else is planned asks an input or a target what it can, not which system it is. A new system costs its file here
//! (what is written, and what it can), its folder in `gristmill-connect` (what it does), and a line in each catalog.

mod choice;
mod file;
mod format;
mod http;
mod input;
mod kafka;
mod label;
mod lookup;
mod output;
mod properties;

pub use file::{
    FileInput, FilePlan, FileTarget, FileTargetPlan, LookupFile, LookupFilePlan, Shards, Stdout, StdoutPlan,
};
pub use format::Format;
pub use http::{Http, HttpPlan};
pub use input::Input;
pub use kafka::{Create, CreatePlan, KafkaInput, KafkaPlan, KafkaTarget, LookupTopic, LookupTopicPlan, TopicPlan};
pub use label::Label;
pub use lookup::Lookup;
pub(crate) use output::ADD_DEAD_LETTERS;
pub use output::{Output, Target};
pub(crate) use properties::PROPERTIES;

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt::{self, Debug, Display};
use std::ops::Deref;
use std::sync::Arc;

use crate::document::{Mistakes, Path};
use crate::rows::{Partition, Position};
use crate::spec::Entries;

/// A system, by the key of its section in a document.
pub type System = &'static str;

/// Files and standard output.
pub const FILE: System = "file";
/// Kafka.
pub const KAFKA: System = "kafka";
/// Web servers.
pub const HTTP: System = "http";

/// Where a group without committed positions starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// At the first existing record.
    #[default]
    Earliest,
    /// At the end.
    Latest,
}

/// How the records of an input are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// The character between CSV fields.
    pub delimiter: u8,
    /// The bytes of the largest record; a system that limits records itself has no other limit.
    pub max_record: usize,
}

impl Default for Framing {
    fn default() -> Self {
        Self { delimiter: b',', max_record: usize::MAX }
    }
}

/// What is written beside an input that it must agree with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    /// The column of the record key.
    pub(crate) key: Option<&'a str>,
    /// Whether the state is kept in a folder.
    pub(crate) folder: bool,
}

/// An input as written.
pub(crate) trait InputSpec {
    /// The plan, as far as there is one.
    fn plan(&self, around: Around<'_>, mistakes: &mut Mistakes<'_>, at: &Path) -> Option<InputPlan>;
}

/// A target as written.
pub(crate) trait TargetSpec {
    /// The plan, as far as there is one.
    fn plan(&self, mistakes: &mut Mistakes<'_>, at: &Path) -> TargetPlan;
}

/// The place of a table, as written.
pub(crate) trait LookupSpec {
    /// The plan, as far as there is one.
    fn plan(&self, mistakes: &mut Mistakes<'_>, at: &Path) -> LookupSource;
}

/// The place of a table, and what it can.
pub trait LookupKind: Any + Debug + Display + Send + Sync {
    /// Its system.
    fn system(&self) -> System;
    /// Whether its records have keys of their own.
    fn keyed(&self) -> bool;
    /// Whether what is read there again later is the same, as far as a user can see to it: else its content is part of the state.
    fn stays(&self) -> bool;
    /// How records are told apart.
    fn framing(&self) -> Framing {
        Framing::default()
    }
    /// The file, where it is one.
    fn file(&self) -> Option<&str> {
        None
    }
}

/// An input, and what it can.
pub trait InputKind: Any + Debug + Display + Send + Sync {
    /// Its system.
    fn system(&self) -> System;
    /// The name of the topic or the file; partitions are named after it.
    fn name(&self) -> &str;
    /// Whether the members of a consumer group share it, and its system keeps their positions and their state. Any other
    /// input is read by one member, from its beginning to its end, and its state is in a folder.
    fn shared(&self) -> bool;
    /// How its records become shards, in words.
    fn shards_in_words(&self) -> String;
    /// What `exactly_once` needs of every answer, in words.
    fn commits_where(&self) -> &'static str;
    /// Where a record is, in words.
    fn place(&self, partition: &Partition, position: Position) -> String {
        partition.place(position)
    }
    /// The shards, where the document says how many.
    fn shards(&self) -> i32 {
        1
    }
    /// The column that records are dealt to shards by, where the document says it, and its place there.
    fn cut_by(&self) -> Option<(&str, Path)> {
        None
    }
    /// How records are told apart.
    fn framing(&self) -> Framing {
        Framing::default()
    }
    /// The file, where it is one.
    fn file(&self) -> Option<&str> {
        None
    }
}

/// A target, and what it can.
pub trait TargetKind: Any + Debug + Display + Send + Sync {
    /// Its system.
    fn system(&self) -> System;
    /// Whether what is written there can be committed together with the positions of an input of the same system.
    fn transactional(&self) -> bool;
    /// The name of the topic, where it is one, and its place below the target.
    fn topic(&self) -> Option<(&str, [&'static str; 2])> {
        None
    }
    /// The file, where it is one.
    fn file(&self) -> Option<&str> {
        None
    }
    /// Whether decisions may be written there in a format.
    fn takes(&self, _format: Format) -> bool {
        true
    }
}

/// A part of a plan that only its own system knows from within.
macro_rules! parts {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident,)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone)]
        pub struct $name(Arc<dyn $kind>);

        impl $name {
            /// Of any system.
            pub fn new(part: impl $kind) -> Self {
                Self(Arc::new(part))
            }

            /// As its own system knows it; nothing where it is of another one.
            pub fn of<T: $kind>(&self) -> Option<&T> {
                (&*self.0 as &dyn Any).downcast_ref()
            }
        }

        impl Deref for $name {
            type Target = dyn $kind;

            fn deref(&self) -> &Self::Target {
                &*self.0
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Display::fmt(&*self.0, f)
            }
        }
    )+};
}

parts! {
    /// Where records come from.
    InputPlan: InputKind,
    /// Something to write to.
    TargetPlan: TargetKind,
    /// The source of a table, which is read once, before the first record.
    LookupSource: LookupKind,
}

impl InputPlan {
    /// Whether what is written to a target can be committed together with positions of this input.
    pub fn transactional_with(&self, target: &TargetPlan) -> bool {
        target.transactional() && target.system() == self.system()
    }
}

/// What a document says of each system, whatever is read there or written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// Kafka's clients.
    pub kafka: KafkaPlan,
}

impl Connections {
    /// What is written of Kafka's clients, the group's id, and where the group starts.
    pub(crate) fn read(name: &str, kafka: &Entries<String>, mistakes: &mut Mistakes<'_>) -> (Self, String, Start) {
        let (kafka, start) = KafkaPlan::read(name, kafka, mistakes);
        let group = kafka.group.clone();
        (Self { kafka }, group, start)
    }

    /// What is missing of the systems that are used.
    pub(crate) fn check(&self, used: &BTreeSet<System>, inputs: usize, mistakes: &mut Mistakes<'_>) {
        self.kafka.check(used, inputs, mistakes);
    }

    /// What is worth a line of a plan, with its heading.
    pub(crate) fn lines(&self, input: &InputPlan) -> Vec<(&'static str, String)> {
        self.kafka.line(input).into_iter().collect()
    }
}
