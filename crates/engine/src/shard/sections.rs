//! The catalog of a shard's sections.

use gristmill_learn::estimate::Estimation;
use gristmill_learn::{Chain, LearnError, StateError, Stateful};
use gristmill_sql::Windows;

use super::categories::Categories;
use super::classes::Classes;
use super::evaluation::Evaluation;
use super::reorder_buffer::ReorderBuffer;
use super::scoring::Scorer;
use crate::augment::Augmenter;
use crate::clean::Cleaner;
use crate::label::Pending;
use crate::lookup::Lookup;
use crate::plan::{Definition, Plan};
use crate::resources::Resources;
use crate::rows::Partition;
use crate::section::{Counted, Lost, Section};
use crate::watch::Watching;

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident: $section:ty,)*) => {
        /// The sections of a shard, in the order in which their parts are saved.
        pub(super) struct Sections {
            $($(#[$doc])* pub(super) $name: $section,)*
        }

        impl Sections {
            /// The sections of a shard that has taken nothing in.
            pub(super) fn open(plan: &Plan, resources: &Resources, partition: &Partition) -> Result<Self, LearnError> {
                Ok(Self { $($name: Section::open(plan, resources, partition)?,)* })
            }

            /// What each part depends on, in the order of [`Self::parts`].
            fn define(plan: &Plan) -> Vec<Definition> {
                let mut seen = plan.seen();
                [$(<$section as Section>::define(plan, &mut seen),)*].into_iter().flatten().collect()
            }

            /// The parts that are saved.
            pub(super) fn parts(&self) -> impl Iterator<Item = &dyn Stateful> {
                [$(self.$name.parts(),)*].into_iter().flatten()
            }

            /// The same, to load the state of each.
            pub(super) fn parts_mut(&mut self) -> impl Iterator<Item = &mut dyn Stateful> {
                [$(self.$name.parts_mut(),)*].into_iter().flatten()
            }

            /// What each has counted.
            pub(super) fn counted(&self, plan: &Plan) -> impl Iterator<Item = Counted> {
                [$(self.$name.counted(plan),)*].into_iter().flatten()
            }

            /// What a part that is gone had taken in.
            pub(super) fn lost(name: &str, saved: &[u8]) -> Result<Option<Lost>, StateError> {
                $(if let Some(lost) = <$section as Section>::lost(name, saved)? {
                    return Ok(Some(lost));
                })*
                Ok(None)
            }
        }
    };
}

sections! {
    /// The classes of the label.
    classes: Classes,
    /// The cleaning rules, with their state.
    clean: Vec<Cleaner>,
    /// Rows buffered for reordering.
    reorder: Option<ReorderBuffer>,
    /// The lookup tables.
    lookups: Vec<Lookup>,
    /// The numbers of categories.
    categories: Categories,
    /// Of computed features.
    windows: Option<Windows>,
    /// Rows whose labels are known later.
    pending: Option<Pending>,
    /// Creates the examples that are learned from instead of rows.
    augment: Option<Augmenter>,
    /// The pretrained model, if there is one.
    scorer: Option<Scorer>,
    /// The model that learns here, if there is one.
    model: Option<Chain>,
    /// The metrics.
    evaluation: Evaluation,
    /// The same as they were known when labels of their own came.
    evaluation_then: Option<Evaluation>,
    /// Metrics estimated before labels come.
    estimate: Option<Estimation>,
    /// The watches.
    watch: Watching,
}

impl Plan {
    /// The parts of a shard's state and what each depends on, in the order in which they are saved: a part with another
    /// definition needs other state. A step of the model depends on the features and on the earlier steps, since they
    /// produce its inputs.
    pub fn definition(&self) -> &[Definition] {
        self.definition.get_or_init(|| Sections::define(self))
    }
}
