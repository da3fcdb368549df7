//! The functions that expressions may call: those that depend only on the row and cannot end the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion_expr::ScalarUDF;
use datafusion_functions::{core, datetime, math, string, unicode};

use super::times;

/// What makes a function.
type Function = fn() -> Arc<ScalarUDF>;

/// The functions of DataFusion that may be called, whether each has a value for every argument, where that is a float, text or
/// time, and its constructor: the program links no others. Left out on purpose: functions that read a clock or draw random numbers
/// (now, random, uuid), that panic on some arguments or create values of any size (lpad, rpad, repeat), that return what no column
/// can hold (lists, maps, structs), and those that `times` replaces.
const ALLOWED: &[(&str, bool, Function)] = &[
    ("abs", true, math::abs),
    ("acos", true, math::acos),
    ("acosh", false, math::acosh),
    ("ascii", false, string::ascii),
    ("asin", true, math::asin),
    ("asinh", false, math::asinh),
    ("atan", true, math::atan),
    ("atan2", true, math::atan2),
    ("atanh", false, math::atanh),
    ("bit_length", false, string::bit_length),
    ("btrim", true, string::btrim),
    ("cbrt", true, math::cbrt),
    ("ceil", true, math::ceil),
    ("character_length", true, unicode::character_length),
    ("coalesce", true, core::coalesce),
    ("concat", true, string::concat),
    ("concat_ws", false, string::concat_ws),
    ("contains", false, string::contains),
    ("cos", true, math::cos),
    ("cosh", false, math::cosh),
    ("cot", false, math::cot),
    ("date_part", true, datetime::date_part),
    ("degrees", false, math::degrees),
    ("ends_with", false, string::ends_with),
    ("exp", true, math::exp),
    ("factorial", false, math::factorial),
    ("floor", true, math::floor),
    ("gcd", false, math::gcd),
    ("greatest", true, core::greatest),
    ("initcap", false, unicode::initcap),
    ("isnan", true, math::isnan),
    ("iszero", true, math::iszero),
    ("lcm", false, math::lcm),
    ("least", true, core::least),
    ("left", false, unicode::left),
    ("levenshtein", false, string::levenshtein),
    ("ln", true, math::ln),
    ("log", true, math::log),
    ("log10", true, math::log10),
    ("log2", true, math::log2),
    ("lower", true, string::lower),
    ("ltrim", true, string::ltrim),
    ("nanvl", false, math::nanvl),
    ("nullif", true, core::nullif),
    ("nvl", false, core::nvl),
    ("nvl2", false, core::nvl2),
    ("octet_length", false, string::octet_length),
    ("pi", false, math::pi),
    ("power", true, math::power),
    ("radians", false, math::radians),
    ("replace", false, string::replace),
    ("reverse", false, unicode::reverse),
    ("right", false, unicode::right),
    ("round", true, math::round),
    ("rtrim", true, string::rtrim),
    ("signum", true, math::signum),
    ("sin", true, math::sin),
    ("sinh", false, math::sinh),
    ("split_part", false, string::split_part),
    ("sqrt", false, math::sqrt),
    ("starts_with", true, string::starts_with),
    ("strpos", false, unicode::strpos),
    ("substr", false, unicode::substr),
    ("tan", true, math::tan),
    ("tanh", true, math::tanh),
    ("translate", false, unicode::translate),
    ("trunc", false, math::trunc),
    ("upper", true, string::upper),
];

/// Functions of our own that never fail.
const SAFE: [&str; 2] = ["date_trunc", "number"];

/// Whether a function has a value for every argument.
pub(super) fn is_safe(name: &str) -> bool {
    SAFE.contains(&name) || ALLOWED.iter().any(|(allowed, safe, _)| *allowed == name && *safe)
}

/// The functions by each of their names.
pub(crate) struct Functions {
    by_name: BTreeMap<String, Arc<ScalarUDF>>,
}

impl Functions {
    pub(crate) fn new() -> Self {
        let mut by_name = BTreeMap::new();
        let theirs = ALLOWED.iter().map(|(_, _, make)| make());
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_names_what_it_makes() {
        for (name, _, make) in super::ALLOWED {
            assert_eq!(make().name(), *name);
        }
    }
}
