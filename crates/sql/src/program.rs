//! Compiled items, and their evaluation.

use std::ops::Range;

use arrow_array::ArrayRef;
use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};

use crate::scalar::clean::cleaned;
use crate::scalar::{Known, Scalar};
use crate::window::value::{Kind, Value};
use crate::window::{Ahead, Group, GroupPlan, Order};

/// A column: of the input, or computed from others.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// How many windows must be fed before it is available.
    pub(crate) level: usize,
    pub(crate) source: Source,
}

#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A column of the input.
    Base(usize),
    /// Another node under a name of its own.
    Same(usize),
    Scalar(Scalar),
    /// A window: its group, and its place in it.
    Window(usize, usize),
}

impl Node {
    /// The prefix of names that no document can contain.
    pub(crate) const HIDDEN: char = '\u{0}';

    pub(crate) fn is_hidden(&self) -> bool {
        self.name.starts_with(Self::HIDDEN)
    }

    pub(crate) fn known(&self) -> Known {
        Known { name: self.name.clone(), kind: self.kind }
    }
}

/// Compiled items, ready for evaluation.
#[derive(Debug, Clone)]
pub struct Program {
    /// In an order in which each uses only earlier ones.
    pub(crate) nodes: Vec<Node>,
    /// Groups of windows, with their level.
    pub(crate) groups: Vec<(usize, GroupPlan)>,
    /// The node of each item.
    pub(crate) items: Vec<usize>,
    /// The members of families that items use; their columns follow those of the setting.
    pub(crate) members: Vec<(String, String)>,
}

/// A row for which an item cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The row, from 0.
    pub row: usize,
    /// The item, from 0.
    pub item: usize,
    /// Why.
    pub message: String,
}

/// The results of items for a batch.
#[derive(Debug, Clone)]
pub struct Features {
    /// A column for each item.
    pub columns: Vec<ArrayRef>,
    /// The rows that failed, each once, in order; the contents of their columns are unspecified.
    pub failures: Vec<Failure>,
}

/// The state of all windows of a program.
#[derive(Debug, Clone)]
pub struct Windows {
    groups: Vec<Group>,
    limit: u64,
    late: u64,
    missed: u64,
}

impl Windows {
    /// Windows without rows.
    pub fn new(program: &Program) -> Self {
        let groups = program.groups.iter().map(|(_, plan)| Group::new(plan.clone())).collect();
        Self { groups, limit: u64::MAX, late: 0, missed: 0 }
    }

    /// Keeps all windows below this many bytes, each group its share: the keys that were idle for longest are evicted,
    /// down to four fifths.
    pub fn with_limit(self, bytes: u64) -> Self {
        Self { limit: bytes / (self.groups.len() as u64).max(1), ..self }
    }

    /// The number of keys, over all groups of windows.
    pub fn keys(&self) -> usize {
        self.groups.iter().map(Group::keys).sum()
    }

    /// Rows whose time is before that of an earlier row.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Rows so late that some rows of their windows were no longer retained: one of their windows is missing.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The keys that were evicted because of the limit.
    pub fn evicted(&self) -> u64 {
        self.groups.iter().map(Group::evicted).sum()
    }
}

/// The key under which counts of late rows are saved; earlier versions had none.
const LATE: &str = "late rows";

impl Stateful for Windows {
    fn save(&self, to: &mut StateWriter) {
        to.begin(LATE, 1);
        to.u64(self.late);
        to.u64(self.missed);
        self.groups.iter().for_each(|group| group.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let mut counts = from.clone();
        (self.late, self.missed) = (0, 0);
        if counts.begin(LATE, 1).is_ok() {
            (self.late, self.missed) = (counts.u64()?, counts.u64()?);
            *from = counts;
        }
        self.groups.iter_mut().try_for_each(|group| group.load(from))
    }

    fn size(&self) -> usize {
        self.groups.iter().map(Stateful::size).sum()
    }
}

/// A column and its kind.
type Typed = (Kind, ArrayRef);

/// What a lane stores of a row: nothing where the filter does not hold.
fn lane_value((value, filter): &(Option<Typed>, Option<Typed>), row: usize) -> Value {
    let holds = |(kind, column): &Typed| matches!(kind.value(column, row), Value::Boolean(true));
    match value {
        _ if !filter.as_ref().is_none_or(holds) => Value::Null,
        Some((kind, column)) => kind.value(column, row),
        None => Value::Boolean(true),
    }
}

/// The number of rows for which memory is prefetched.
const AHEAD: usize = 32;

/// The keys of the next rows, concatenated, and where a group has found them.
#[derive(Default)]
struct NextKeys {
    bytes: Vec<u8>,
    ends: Vec<(usize, usize)>,
    found: Vec<Ahead>,
}

impl NextKeys {
    /// Prefetches the memory that these rows will need.
    fn look_ahead(&mut self, columns: &[Typed], rows: Range<usize>, group: &Group) {
        self.bytes.clear();
        self.ends.clear();
        for row in rows {
            let start = self.bytes.len();
            columns.iter().for_each(|(kind, column)| kind.key(column, row, &mut self.bytes));
            self.ends.push((start, self.bytes.len()));
        }
        let keys = self.ends.iter().map(|(start, end)| self.bytes.get(*start..*end).unwrap_or_default());
        std::hint::black_box(group.look_ahead(keys, &mut self.found));
    }

    /// The key of a row.
    fn key(&self, row: usize) -> (&[u8], Ahead) {
        let (start, end) = self.ends.get(row % AHEAD).copied().unwrap_or_default();
        let key = self.bytes.get(start..end).unwrap_or_default();
        (key, self.found.get(row % AHEAD).copied().unwrap_or_default())
    }
}

/// The evaluation of a batch.
struct Evaluation<'a> {
    program: &'a Program,
    base: &'a [ArrayRef],
    rows: usize,
    columns: Vec<Option<ArrayRef>>,
    /// For each row, the node at which it failed and why.
    failed: Vec<Option<(usize, String)>>,
    /// For each row, whether it was in order.
    orders: Vec<Order>,
}

impl Program {
    /// The type of each item.
    pub fn kinds(&self) -> Vec<Kind> {
        self.items.iter().filter_map(|item| Some(self.nodes.get(*item)?.kind)).collect()
    }

    /// The columns of the input that items use, by their number.
    pub fn reads(&self) -> Vec<usize> {
        let scalars = self.nodes.iter().filter_map(|node| match &node.source {
            Source::Scalar(scalar) => Some(scalar.reads.as_slice()),
            Source::Same(node) => Some(std::slice::from_ref(node)),
            _ => None,
        });
        let windows = self.groups.iter().flat_map(|(_, group)| {
            let lanes = group.lanes.iter().flat_map(|(value, filter)| [*value, *filter]).flatten();
            group.partition.iter().copied().chain([group.time]).chain(lanes)
        });
        let mut reads: Vec<usize> = scalars.flatten().copied().chain(windows).collect();
        reads.retain(|node| matches!(self.nodes.get(*node).map(|node| &node.source), Some(Source::Base(_))));
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    /// The members of families that items use, with their family: a batch has a column for each, after its own.
    pub fn members(&self) -> &[(String, String)] {
        &self.members
    }

    /// Whether a row may make an item fail, leaving it without a value.
    pub fn may_fail(&self) -> bool {
        let scalar = |node: &Node| matches!(&node.source, Source::Scalar(scalar) if scalar.may_fail);
        self.nodes.iter().any(scalar)
            || self.groups.iter().any(|(_, group)| group.calls.iter().any(|call| call.may_fail()))
    }

    /// Whether any item has a window.
    pub fn has_windows(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Evaluates a batch: its columns in the setting's order, and its number of rows. A row that fails in the argument
    /// of a window does not enter the window.
    pub fn evaluate(&self, windows: &mut Windows, base: &[ArrayRef], rows: usize) -> Features {
        let (columns, failed) = (vec![None; self.nodes.len()], vec![None; rows]);
        let mut evaluation =
            Evaluation { program: self, base, rows, columns, failed, orders: vec![Order::default(); rows] };
        let deepest = self.nodes.iter().map(|node| node.level).max().unwrap_or(0);
        for level in 0..=deepest {
            for (number, group) in windows.groups.iter_mut().enumerate() {
                if self.groups.get(number).is_some_and(|(at, _)| *at == level) {
                    evaluation.feed(number, group, windows.limit);
                }
            }
            for number in 0..self.nodes.len() {
                evaluation.compute(number, level);
            }
        }
        let count = |of: fn(&Order) -> bool| evaluation.orders.iter().filter(|order| of(order)).count() as u64;
        windows.late += count(|order| order.late);
        windows.missed += count(|order| order.missed);
        evaluation.finish()
    }

    /// The first item that needs a node: a failure is reported there.
    fn item_of(&self, node: usize) -> usize {
        self.items.iter().position(|item| *item >= node).unwrap_or(self.items.len().saturating_sub(1))
    }
}

impl Evaluation<'_> {
    fn column(&self, node: usize) -> Option<ArrayRef> {
        self.columns.get(node).cloned().flatten()
    }

    fn put(&mut self, node: usize, column: Option<ArrayRef>) {
        if let Some(place) = self.columns.get_mut(node) {
            *place = column;
        }
    }

    fn fail(&mut self, row: usize, node: usize, message: String) {
        if let Some(place) = self.failed.get_mut(row) {
            place.get_or_insert((node, message));
        }
    }

    fn compute(&mut self, number: usize, level: usize) {
        let Some(node) = self.program.nodes.get(number).filter(|node| node.level == level) else { return };
        match &node.source {
            Source::Base(column) => self.put(number, self.base.get(*column).map(cleaned)),
            Source::Same(other) => self.put(number, self.column(*other)),
            Source::Scalar(scalar) => {
                let columns = scalar.reads.iter().filter_map(|read| self.column(*read)).collect();
                let (column, failed) = scalar.evaluate(columns, self.rows);
                failed.into_iter().for_each(|(row, message)| self.fail(row, number, message));
                self.put(number, Some(column));
            }
            Source::Window(..) => {}
        }
    }

    /// The column of a node, and its kind.
    fn typed(&self, node: usize) -> Option<Typed> {
        Some((self.program.nodes.get(node).map_or(Kind::Float, |node| node.kind), self.column(node)?))
    }

    /// Feeds all rows that have not failed to a group, in order.
    fn feed(&mut self, number: usize, group: &mut Group, limit: u64) {
        let Some((_, plan)) = self.program.groups.get(number) else { return };
        let keys: Vec<Typed> = plan.partition.iter().filter_map(|node| self.typed(*node)).collect();
        let lane = |node: &Option<usize>| node.and_then(|node| self.typed(node));
        let lanes: Vec<_> = plan.lanes.iter().map(|(value, filter)| (lane(value), lane(filter))).collect();
        let Some((_, times)) = self.typed(plan.time) else { return };
        let mut values: Vec<Vec<Value>> = plan.calls.iter().map(|_| Vec::with_capacity(self.rows)).collect();
        let (mut failed, mut next) = (Vec::new(), NextKeys::default());
        let (mut row_lanes, mut given) = (Vec::new(), Vec::new());
        for row in 0..self.rows {
            if row % AHEAD == 0 {
                next.look_ahead(&keys, row..(row + AHEAD).min(self.rows), group);
            }
            let is_out = self.failed.get(row).is_some_and(Option::is_some);
            match Kind::Time.value(&times, row) {
                Value::Time(time) if !is_out => {
                    row_lanes.extend(lanes.iter().map(|lane| lane_value(lane, row)));
                    let order = group.row(next.key(row), time, &mut row_lanes, limit, &mut given);
                    if let Some(held) = self.orders.get_mut(row) {
                        *held = Order { late: held.late | order.late, missed: held.missed | order.missed };
                    }
                }
                _ => {
                    failed.extend((!is_out).then(|| (row, 0, "event time is missing".to_string())));
                    given.extend(plan.calls.iter().map(|_| Ok(Value::Null)));
                }
            }
            for ((call, value), column) in given.drain(..).enumerate().zip(&mut values) {
                column.push(value.unwrap_or_else(|_| {
                    failed.push((row, call, "the sum is beyond 64 bits".to_string()));
                    Value::Null
                }));
            }
        }
        self.put_windows(number, plan, &values, &failed);
    }

    /// Stores the results of a group's calls in their nodes.
    fn put_windows(
        &mut self,
        group: usize,
        plan: &GroupPlan,
        values: &[Vec<Value>],
        failed: &[(usize, usize, String)],
    ) {
        let places = self.program.nodes.iter().enumerate().filter_map(|(node, made)| match made.source {
            Source::Window(number, call) if number == group => Some((node, call)),
            _ => None,
        });
        for (node, call) in places {
            let made = plan.calls.get(call).zip(values.get(call)).map(|(call, values)| call.gives.array(values));
            self.put(node, made);
            let here = failed.iter().filter(|(_, failed, _)| *failed == call);
            here.for_each(|(row, _, message)| self.fail(*row, node, message.clone()));
        }
    }

    fn finish(self) -> Features {
        let columns = self.program.items.iter().filter_map(|item| self.column(*item)).collect();
        let failures = self.failed.iter().enumerate().filter_map(|(row, failed)| {
            let (node, message) = failed.as_ref()?;
            Some(Failure { row, item: self.program.item_of(*node), message: message.clone() })
        });
        Features { columns, failures: failures.collect() }
    }
}
