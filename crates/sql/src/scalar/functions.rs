//! The functions that expressions may call: those that depend on the row alone and cannot end the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_common::config::ConfigOptions;
use datafusion_common::{Result, TableReference, plan_err};
use datafusion_expr::planner::{ContextProvider, ExprPlanner};
use datafusion_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};

use super::times;

/// The functions of DataFusion that may be called, and whether each has a value for whatever it is given, where that is a
/// number with a fraction, text or time. Left out on purpose: what reads a clock or draws at random (now, random, uuid),
/// what panics on some arguments or makes values of any size (lpad, rpad, repeat), what gives what no column can hold
/// (lists, maps, structs), and what `times` has in its place.
const ALLOWED: &[(&str, bool)] = &[
    ("abs", true),
    ("acos", true),
    ("acosh", false),
    ("ascii", false),
    ("asin", true),
    ("asinh", false),
    ("atan", true),
    ("atan2", true),
    ("atanh", false),
    ("bit_length", false),
    ("btrim", true),
    ("cbrt", true),
    ("ceil", true),
    ("character_length", true),
    ("coalesce", true),
    ("concat", true),
    ("concat_ws", false),
    ("contains", false),
    ("cos", true),
    ("cosh", false),
    ("cot", false),
    ("date_part", true),
    ("degrees", false),
    ("ends_with", false),
    ("exp", true),
    ("factorial", false),
    ("floor", true),
    ("gcd", false),
    ("greatest", true),
    ("initcap", false),
    ("isnan", true),
    ("iszero", true),
    ("lcm", false),
    ("least", true),
    ("left", false),
    ("levenshtein", false),
    ("ln", true),
    ("log", true),
    ("log10", true),
    ("log2", true),
    ("lower", true),
    ("ltrim", true),
    ("nanvl", false),
    ("nullif", true),
    ("nvl", false),
    ("nvl2", false),
    ("octet_length", false),
    ("pi", false),
    ("power", true),
    ("radians", false),
    ("replace", false),
    ("reverse", false),
    ("right", false),
    ("round", true),
    ("rtrim", true),
    ("signum", true),
    ("sin", true),
    ("sinh", false),
    ("split_part", false),
    ("sqrt", false),
    ("starts_with", true),
    ("strpos", false),
    ("substr", false),
    ("tan", true),
    ("tanh", true),
    ("translate", false),
    ("trunc", false),
    ("upper", true),
];

/// Functions of our own that never fail.
const SAFE: [&str; 2] = ["date_trunc", "number"];

/// Whether a function has a value for whatever it is given.
pub(super) fn is_safe(name: &str) -> bool {
    SAFE.contains(&name) || ALLOWED.contains(&(name, true))
}

/// What DataFusion's planner asks for.
pub(crate) struct Functions {
    by_name: BTreeMap<String, Arc<ScalarUDF>>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    options: ConfigOptions,
}

impl Functions {
    pub(crate) fn new() -> Self {
        let mut by_name = BTreeMap::new();
        let is_allowed = |function: &Arc<ScalarUDF>| ALLOWED.iter().any(|(name, _)| *name == function.name());
        let theirs = datafusion_functions::all_default_functions().into_iter().filter(is_allowed);
        for function in theirs.chain(times::functions().map(Arc::new)) {
            for name in function.aliases() {
                by_name.insert(name.clone(), Arc::clone(&function));
            }
            by_name.insert(function.name().to_string(), function);
        }
        let planners: Vec<Arc<dyn ExprPlanner>> = vec![
            Arc::new(datafusion_functions::core::planner::CoreFunctionPlanner::default()),
            Arc::new(datafusion_functions::datetime::planner::DatetimeFunctionPlanner),
            Arc::new(datafusion_functions::unicode::planner::UnicodeFunctionPlanner),
        ];
        Self { by_name, planners, options: ConfigOptions::default() }
    }

    /// Every name a function can be called by.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.by_name.keys()
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        self.by_name.contains_key(&name.to_lowercase())
    }
}

impl ContextProvider for Functions {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        plan_err!("there is no table {name}")
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.by_name.get(&name.to_lowercase()).cloned()
    }

    fn get_higher_order_meta(&self, _: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, _: &str) -> Option<Arc<AggregateUDF>> {
        None
    }

    fn get_window_meta(&self, _: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}
