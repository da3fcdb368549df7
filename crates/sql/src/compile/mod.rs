//! Compiles the texts of items to a program.

mod calls;
mod family;
mod frame;

use sqlparser::ast::{self, Expr, Ident, Spanned, WindowType};

use crate::mistake::Mistake;
use crate::program::{Node, Program, Source};
use crate::scalar::functions::Functions;
use crate::scalar::spelled::{help, spelled};
use crate::scalar::syntax::{Text, arguments, name, parts};
use crate::scalar::{Known, Scalar};
use crate::window::value::Kind;
use crate::window::{ALWAYS, Call, Frame, Function, GroupPlan};
use calls::{AGGREGATES, PERCENTILE, aggregate, gives, is_all, lag, share};
use family::of_family;
use frame::frame;

/// A column that items may use.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name, case-sensitive.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// For a label: how much later than its row it is known, in microseconds; negative if it must not be used at all.
    /// Only windows that end at least that long before the row may use it.
    pub delay: Option<i64>,
}

/// The environment that items are compiled in.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// The columns.
    pub columns: Vec<Column>,
    /// The column of event time, by its number: windows are ordered by it.
    pub time: Option<usize>,
    /// The column of the record key, by its number, if rows are partitioned by it: every `PARTITION BY` must contain
    /// it. None if all rows come in one stream.
    pub key: Option<usize>,
    /// Whether rows are partitioned, by any key.
    pub partitioned: bool,
    /// Families of numbers by name, such as `probability['fraud']`: [`Program::members`] returns the members that are
    /// used.
    pub families: Vec<String>,
}

/// An expression and its name.
#[derive(Debug, Clone)]
pub struct Item {
    /// The name, by which later items may use it.
    pub name: String,
    /// The expression.
    pub text: String,
}

impl Item {
    /// An item.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

impl Program {
    /// Compiles items; returns all their mistakes, if there are any.
    pub fn compile(setting: &Setting, items: &[Item]) -> Result<Self, Vec<Mistake>> {
        let mut compiler = Compiler::new(setting);
        let mut mistakes = Vec::new();
        for (number, item) in items.iter().enumerate() {
            if let Err(mistake) = compiler.item(item) {
                // A mistake is reported for its own item, and not again for items that use it.
                if mistake.message != FOLLOWS {
                    mistakes.push(Mistake { item: number, ..mistake });
                }
                compiler.unknown.push(item.name.clone());
            }
        }
        if mistakes.is_empty() { Ok(compiler.program) } else { Err(mistakes) }
    }
}

/// The message of a mistake that only follows from another item's.
const FOLLOWS: &str = "it uses an item with a mistake";

struct Compiler<'a> {
    setting: &'a Setting,
    functions: Functions,
    program: Program,
    /// Items with mistakes.
    unknown: Vec<String>,
}

type Made<T> = Result<T, Mistake>;

impl<'a> Compiler<'a> {
    fn new(setting: &'a Setting) -> Self {
        let base = setting.columns.iter().enumerate();
        let nodes = base.map(|(number, column)| Node {
            name: column.name.clone(),
            kind: column.kind,
            level: 0,
            source: Source::Base(number),
        });
        let program = Program { nodes: nodes.collect(), groups: Vec::new(), items: Vec::new(), members: Vec::new() };
        Self { setting, functions: Functions::new(), program, unknown: Vec::new() }
    }

    fn item(&mut self, item: &Item) -> Made<()> {
        let text = Text(&item.text);
        let mut expr = text.parse()?;
        self.windows(&text, &mut expr, false)?;
        self.check(&text, &mut expr, None)?;
        let node = self.scalar(&text, &expr)?;
        self.program.items.push(node);
        self.name(&item.name, node);
        Ok(())
    }

    /// Gives a node a name that later items may use.
    fn name(&mut self, name: &str, node: usize) {
        let Some(Node { kind, level, .. }) = self.program.nodes.get(node).cloned() else { return };
        self.program.nodes.push(Node { name: name.to_string(), kind, level, source: Source::Same(node) });
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.program.nodes.iter().rposition(|node| node.name == name)
    }

    /// Replaces each window by the column that it becomes.
    fn windows(&mut self, text: &Text<'_>, expr: &mut Expr, inside: bool) -> Made<()> {
        let Expr::Function(function) = expr else {
            for part in parts(expr).into_iter().flatten() {
                self.windows(text, part, inside)?;
            }
            return Ok(());
        };
        let place = text.place(function.name.span());
        let called = name(function).unwrap_or_default();
        if function.over.is_none() {
            if aggregate(&called).is_some() && !self.functions.knows(&called) {
                let message = format!("`{called}` is over many rows: it needs a window");
                let help = format!("`{called}(…) OVER (PARTITION BY … ORDER BY … RANGE INTERVAL '1 day' PRECEDING)`");
                return Err(Mistake::new(place, message).help(help));
            }
            for part in parts(expr).into_iter().flatten() {
                self.windows(text, part, inside)?;
            }
            return Ok(());
        }
        if inside {
            let help = "name the inner window as a feature of its own and use that name";
            return Err(Mistake::new(place, "a window cannot stand in another one").help(help));
        }
        let node = self.window(text, function.clone(), &called, place)?;
        let hidden = self.program.nodes.get(node).map(|node| node.name.clone()).unwrap_or_default();
        *expr = Expr::Identifier(Ident { value: hidden, quote_style: None, span: expr.span() });
        Ok(())
    }

    /// Refuses unsupported expressions. `upto`: how long before its row the surrounding window ends.
    fn check(&mut self, text: &Text<'_>, expr: &mut Expr, upto: Option<i64>) -> Made<()> {
        let place = text.of(expr);
        if let Some((family, member)) = of_family(expr) {
            return self.member(place, expr, &family, member);
        }
        // `terminals.country` is a name like any other: a table's values are columns of the row.
        if let Expr::CompoundIdentifier(parts) = expr {
            let whole = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
            *expr = Expr::Identifier(Ident { value: whole, quote_style: Some('"'), span: expr.span() });
        }
        if let Expr::Identifier(name) = expr {
            return self.column(place, &name.value, upto);
        }
        if let Expr::Function(function) = expr {
            let called = name(function).unwrap_or_default();
            if !self.functions.knows(&called) {
                let known = self.functions.names().cloned().chain(AGGREGATES.map(|(name, _)| name.to_string()));
                let at = text.place(function.name.span());
                let mistake = Mistake::new(at, format!("no function `{called}`")).help(help(&called));
                return Err(if spelled(&called).is_some() { mistake } else { mistake.unknown(&called, known) });
            }
        }
        let shown = expr.to_string();
        let Some(parts) = parts(expr) else {
            let message = format!("`{shown}` is a part of SQL that features cannot use");
            return Err(Mistake::new(place, message).help("features are expressions of one row, and windows over rows"));
        };
        parts.into_iter().try_for_each(|part| self.check(text, part, upto))
    }

    fn column(&self, place: (usize, usize), name: &str, upto: Option<i64>) -> Made<()> {
        if self.unknown.iter().any(|unknown| unknown == name) {
            return Err(Mistake::new(place, FOLLOWS));
        }
        let Some(node) = self.find(name) else {
            let known = self.program.nodes.iter().filter(|node| !node.is_hidden()).map(|node| node.name.clone());
            return Err(Mistake::new(place, format!("no column `{name}`")).unknown(name, known));
        };
        let delay = match self.program.nodes.get(node).map(|node| &node.source) {
            Some(Source::Base(number)) => self.setting.columns.get(*number).and_then(|column| column.delay),
            _ => None,
        };
        match (delay, upto) {
            (None, _) => Ok(()),
            (Some(delay), Some(upto)) if delay >= 0 && upto >= delay => Ok(()),
            (Some(delay), _) if delay < 0 => {
                let help =
                    "say how late it is known: `delay: …` under `label`; windows that end so long ago may use it";
                Err(Mistake::new(place, format!("the label `{name}` is not known yet")).help(help))
            }
            (Some(delay), _) => {
                let seconds = delay.cast_unsigned().div_ceil(1_000_000);
                let message = format!("the label `{name}` is known {seconds} seconds later: this would be the future");
                let help = format!("`RANGE BETWEEN … PRECEDING AND INTERVAL '{seconds} seconds' PRECEDING`");
                Err(Mistake::new(place, message).help(help))
            }
        }
    }

    /// The node of an expression without windows.
    fn scalar(&mut self, text: &Text<'_>, expr: &Expr) -> Made<usize> {
        if let Some(node) = identifier(expr).and_then(|name| self.find(name)) {
            return Ok(node);
        }
        let known: Vec<Known> = self.program.nodes.iter().map(|node| node.known()).collect();
        let scalar = Scalar::new(&self.functions, text, expr, &known)?;
        let level =
            scalar.reads.iter().filter_map(|read| Some(self.program.nodes.get(*read)?.level)).max().unwrap_or(0);
        let kind = scalar.kind;
        Ok(self.push(kind, level, Source::Scalar(scalar)))
    }

    fn push(&mut self, kind: Kind, level: usize, source: Source) -> usize {
        let node = self.program.nodes.len();
        self.program.nodes.push(Node { name: format!("{}{node}", Node::HIDDEN), kind, level, source });
        node
    }

    /// A scalar inside a window.
    fn inner(&mut self, text: &Text<'_>, expr: &mut Expr, upto: i64) -> Made<usize> {
        self.windows(text, expr, true)?;
        self.check(text, expr, Some(upto))?;
        self.scalar(text, expr)
    }

    fn window(
        &mut self,
        text: &Text<'_>,
        mut function: ast::Function,
        called: &str,
        place: (usize, usize),
    ) -> Made<usize> {
        let named = aggregate(called).ok_or_else(|| no_window_function(called, place))?;
        let Some(WindowType::WindowSpec(mut window)) = function.over.take() else {
            return Err(Mistake::new(place, "write the window itself behind OVER, in parentheses"));
        };
        if window.window_name.is_some() || function.null_treatment.is_some() || !function.within_group.is_empty() {
            return Err(Mistake::new(
                place,
                "only `f(x) FILTER (WHERE …) OVER (PARTITION BY … ORDER BY … …)` is offered",
            ));
        }
        let time = self.order(text, &window, place)?;
        let frame = frame(text, window.window_frame.as_ref(), place)?;
        let upto = if let Frame::Range(_, upto) = frame { upto } else { 0 };
        let (wanted, argument, frame) = match named {
            Function::Count if is_all(&function) => (named, None, frame),
            _ if is_all(&function) => return Err(Mistake::new(place, format!("`{called}` takes a value, not `*`"))),
            _ => Self::function(text, (called, named), self.given(&mut function, place)?, frame, place)?,
        };
        let argument = argument.map(|mut argument| self.inner(text, &mut argument, upto)).transpose()?;
        let filter = match function.filter.take() {
            Some(_) if matches!(wanted, Function::First | Function::Last | Function::Lag(_)) => {
                return Err(Mistake::new(place, format!("`{called}` takes no FILTER")));
            }
            Some(mut filter) => Some(self.filter(text, &mut filter, upto)?),
            None => None,
        };
        let partition = self.partition(text, &mut window, place)?;
        let takes = argument.and_then(|node| Some(self.program.nodes.get(node)?.kind));
        let gives = gives(wanted, takes).ok_or_else(|| {
            let kind = takes.map(|kind| format!("{kind:?}").to_lowercase()).unwrap_or_default();
            Mistake::new(place, format!("`{called}` cannot take a {kind}"))
        })?;
        let takes = takes.unwrap_or(Kind::Boolean);
        Ok(self.join(partition, time, (argument, filter), Call { function: wanted, frame, lane: 0, takes, gives }))
    }

    /// Adds a window to the group of its key, or to a new group.
    fn join(&mut self, partition: Vec<usize>, time: usize, lane: (Option<usize>, Option<usize>), call: Call) -> usize {
        let used = partition.iter().copied().chain([time]).chain(lane.0).chain(lane.1);
        let level = 1 + used.filter_map(|node| Some(self.program.nodes.get(node)?.level)).max().unwrap_or(0);
        let groups = &mut self.program.groups;
        let found = groups.iter().position(|(at, group)| *at == level && group.partition == partition);
        let number = found.unwrap_or_else(|| {
            groups
                .push((level, GroupPlan { partition, time, lanes: Vec::new(), calls: Vec::new(), frames: Vec::new() }));
            groups.len() - 1
        });
        let Some((_, group)) = groups.get_mut(number) else { return 0 };
        let known = group.lanes.iter().position(|held| *held == lane).or((lane == (None, None)).then_some(ALWAYS));
        let lane = known.unwrap_or_else(|| {
            group.lanes.push(lane);
            group.lanes.len() - 1
        });
        let call = Call { lane, ..call };
        let same = group.calls.iter().position(|held| *held == call);
        let place = same.unwrap_or_else(|| {
            let place = group.calls.len();
            match group.frames.iter_mut().find(|(frame, _)| *frame == call.frame) {
                Some((_, members)) => members.push(place),
                None => group.frames.push((call.frame, vec![place])),
            }
            group.calls.push(call.clone());
            place
        });
        self.push(call.gives, level, Source::Window(number, place))
    }

    /// The arguments in parentheses after the function's name.
    fn given(&self, function: &mut ast::Function, place: (usize, usize)) -> Made<Vec<Expr>> {
        let distinct =
            matches!(&function.args, ast::FunctionArguments::List(list) if list.duplicate_treatment.is_some());
        let given = arguments(function).map(|given| given.into_iter().map(|expr| expr.clone()).collect());
        given.ok_or_else(|| {
            let mistake = Mistake::new(place, "only plain arguments are offered, without DISTINCT or ORDER BY");
            if distinct {
                mistake.help("`approx_distinct(x)` counts distinct values, and exactly here")
            } else {
                mistake
            }
        })
    }

    /// The function, its argument and its frame.
    fn function(
        text: &Text<'_>,
        (called, function): (&str, Function),
        mut given: Vec<Expr>,
        frame: Frame,
        place: (usize, usize),
    ) -> Made<(Function, Option<Expr>, Frame)> {
        if let Function::Lag(_) = function {
            let rows = lag(&mut given).map_err(|wrong| Mistake::new(place, wrong))?;
            return Ok((Function::Lag(rows), given.pop(), Frame::Rows(Some(rows), 0)));
        }
        let function = if called == PERCENTILE {
            let wrong = || Mistake::new(place, "`approx_percentile_cont` takes a value and a share from 0 to 1");
            Function::Percentile(share(&mut given).ok_or_else(wrong)?)
        } else {
            function
        };
        if matches!(function, Function::Percentile(_) | Function::Distinct) && frame.is_running() {
            let help = "give it a beginning: `RANGE INTERVAL '7 days' PRECEDING` or `ROWS 100 PRECEDING`";
            return Err(Mistake::new(place, format!("`{called}` over all rows before would grow for ever")).help(help));
        }
        match given.as_slice() {
            [_] => Ok((function, given.pop(), frame)),
            [] => Err(Mistake::new(place, format!("`{called}` takes a value"))),
            [_, second, ..] => Err(Mistake::new(text.of(second), format!("`{called}` takes one value"))),
        }
    }

    fn filter(&mut self, text: &Text<'_>, filter: &mut Expr, upto: i64) -> Made<usize> {
        let node = self.inner(text, filter, upto)?;
        match self.program.nodes.get(node).map(|node| node.kind) {
            Some(Kind::Boolean) => Ok(node),
            _ => Err(Mistake::new(text.of(filter), "FILTER needs a condition")),
        }
    }

    /// Windows are in order of event time, whatever the order of arrival.
    fn order(&self, text: &Text<'_>, window: &ast::WindowSpec, place: (usize, usize)) -> Made<usize> {
        let Some(time) = self.setting.time else {
            return Err(Mistake::new(place, "windows need event time").help("name its column: `time: …` under `input`"));
        };
        let wanted = self.setting.columns.get(time).map(|column| column.name.as_str()).unwrap_or_default();
        let help = format!("`ORDER BY {wanted}`, the column of event time");
        let [order] = window.order_by.as_slice() else {
            return Err(Mistake::new(place, "a window is in the order of event time").help(help));
        };
        let plain =
            order.options.asc != Some(false) && order.options.nulls_first.is_none() && order.with_fill.is_none();
        if !plain || identifier(&order.expr) != Some(wanted) {
            return Err(Mistake::new(text.of(&order.expr), "a window is in the order of event time").help(help));
        }
        self.find(wanted).ok_or_else(|| Mistake::new(place, "windows need event time"))
    }

    fn partition(&mut self, text: &Text<'_>, window: &mut ast::WindowSpec, place: (usize, usize)) -> Made<Vec<usize>> {
        let key = self.setting.key.and_then(|key| self.setting.columns.get(key)).map(|column| column.name.clone());
        let by_key = window.partition_by.iter().any(|expr| identifier(expr) == key.as_deref() && key.is_some());
        if self.setting.partitioned && !by_key {
            let Some(key) = key else {
                let help = "name the column that is also the record key: `key: …` under `input`";
                let message = "rows come in partitions, and a window sees those of its own only";
                return Err(Mistake::new(place, message).help(help));
            };
            let message = format!("rows come partitioned by `{key}`: a window over anything else would miss some");
            return Err(Mistake::new(place, message).help(format!("put `{key}` into PARTITION BY")));
        }
        let mut nodes = Vec::new();
        for expr in &mut window.partition_by {
            if matches!(expr, Expr::Value(_)) {
                return Err(Mistake::new(text.of(expr), "PARTITION BY takes columns; this is the same for every row"));
            }
            let node = self.inner(text, expr, 0)?;
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        Ok(nodes)
    }
}

fn no_window_function(called: &str, place: (usize, usize)) -> Mistake {
    let known = AGGREGATES.map(|(name, _)| name.to_string());
    let mistake = Mistake::new(place, format!("no window function `{called}`"));
    let mistake = if spelled(called).is_some() { mistake.help(help(called)) } else { mistake };
    mistake.unknown(called, known)
}

fn identifier(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Identifier(name) => Some(&name.value),
        Expr::Nested(inner) => identifier(inner),
        _ => None,
    }
}
