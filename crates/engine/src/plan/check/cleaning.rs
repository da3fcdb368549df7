//! Checks the cleaning rules.

use super::Checker;
use crate::clean::{Clean, Cleaner, Known, RuleError, Then};
use crate::connect::ADD_DEAD_LETTERS;
use crate::document::{Problem, path};
use crate::spec::{ColumnSettings, ColumnType};

impl Checker<'_> {
    /// The rules; the columns that they flag are known from then on.
    pub(super) fn clean(&mut self, [id, key, time]: [Option<usize>; 3], grace: Option<i64>) -> Vec<Cleaner> {
        let label = self.pipeline.label_in_row();
        let label = label.and_then(|label| self.known.iter().position(|(name, _)| name == label));
        let mut cleaners: Vec<Cleaner> = Vec::new();
        for (index, rule) in self.pipeline.clean.iter().enumerate() {
            self.flag(index, rule);
            self.somewhere_to_go(index, rule);
            let known = Known { columns: &self.known, id, key, time, grace, label };
            match Cleaner::new(rule, &known) {
                Ok(mut cleaner) => {
                    let same = cleaners.iter().filter(|other| other.written.name() == rule.name());
                    let same =
                        same.filter(|other| other.name.split(" (").next() == Some(cleaner.name.as_str())).count();
                    if same > 0 {
                        cleaner.name += &format!(" ({})", same + 1);
                    }
                    cleaners.push(cleaner);
                }
                Err(misfit) => self.misfit(index, misfit),
            }
        }
        cleaners
    }

    /// How long rows are buffered for reordering.
    pub(super) fn grace(&mut self, time: Option<usize>) -> Option<i64> {
        let grace = self.pipeline.input.grace.filter(|grace| !grace.0.is_zero())?;
        let at = || path(["input", "grace"]);
        if time.is_none() {
            let help = "name the column of event time: `time: …` under `input`";
            self.wrong_with_help(at(), "`grace` is about event time, and there is none", help);
        }
        if self.pipeline.dead_letters.is_none() {
            let message = "with a `grace`, a record may turn out to be bad after it was consumed";
            let help = format!("add a place for such records: {ADD_DEAD_LETTERS}");
            self.wrong_with_help(at(), message, help);
        }
        Some(i64::try_from(grace.0.as_micros()).unwrap_or(i64::MAX))
    }

    /// How many rules process records on arrival: those before the first stateful one, since they do not depend on the
    /// order of rows.
    pub(super) fn on_arrival(&mut self) -> usize {
        let rules = &self.pipeline.clean;
        let count = rules.iter().take_while(|rule| rule.settings().on_arrival()).count();
        for (index, rule) in rules.iter().enumerate().skip(count) {
            if matches!(rule, Clean::Late(_)) {
                let message =
                    "`late` looks at records as they arrive, and the rules before it as they come to their turn";
                let help = "list `late` before every rule but `require`, `check` and `normalise`";
                self.wrong_with_help(path(["clean", &index.to_string()]), message, help);
            }
        }
        count
    }

    fn flag(&mut self, index: usize, rule: &Clean) {
        let Some(Then::Flag(name)) = rule.settings().then() else { return };
        let at = path(["clean", &index.to_string(), rule.name(), "then", "flag"]);
        if self.known.iter().any(|(known, _)| known == name) || matches!(name.as_str(), "score" | "prediction") {
            self.wrong(at, format!("`{name}` has another meaning already: give the flag another name"));
        } else {
            self.known.push((name.clone(), ColumnType::Boolean(ColumnSettings::default())));
        }
    }

    fn somewhere_to_go(&mut self, index: usize, rule: &Clean) {
        let refuses = matches!(rule.settings().then(), Some(Then::DeadLetter)) || matches!(rule, Clean::Require(_));
        if refuses && self.pipeline.dead_letters.is_none() {
            let message = format!("`{}` refuses records, and there is no place for them", rule.name());
            let help = format!("add {ADD_DEAD_LETTERS}");
            self.wrong_with_help(path(["clean", &index.to_string()]), message, help);
        }
    }

    fn misfit(&mut self, index: usize, misfit: RuleError) {
        let at = [path(["clean", &index.to_string()]), misfit.at].concat();
        let place = self.within(&at, misfit.length, misfit.within);
        self.problems.push(Problem { place, message: misfit.message, help: misfit.help });
    }
}
