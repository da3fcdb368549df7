//! The functions that expressions may call: those that depend only on the row and cannot end the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion_expr::ScalarUDF;

use super::times;

/// The functions of DataFusion that may be called, and whether each has a value for every argument, where that is a
/// float, text or time. Left out on purpose: functions that read a clock or draw random numbers (now, random, uuid),
/// that panic on some arguments or create values of any size (lpad, rpad, repeat), that return what no column can hold
/// (lists, maps, structs), and those that `times` replaces.
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

/// Whether a function has a value for every argument.
pub(super) fn is_safe(name: &str) -> bool {
    SAFE.contains(&name) || ALLOWED.contains(&(name, true))
}

/// The functions by each of their names.
pub(crate) struct Functions {
    by_name: BTreeMap<String, Arc<ScalarUDF>>,
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
        Self { by_name }
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.by_name.get(&name.to_lowercase()).cloned()
    }

    /// Every name a function can be called by.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.by_name.keys()
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        self.by_name.contains_key(&name.to_lowercase())
    }
}
