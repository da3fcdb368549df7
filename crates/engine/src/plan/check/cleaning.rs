//! The rules that clean.

use super::Checker;
use crate::clean::{Clean, Cleaner, Known, Misfit, Then};
use crate::document::{Problem, path};
use crate::spec::{ColumnSettings, ColumnType};

impl Checker<'_> {
    /// The rules; what they flag is known from then on.
    pub(super) fn clean(&mut self, id: Option<usize>, key: Option<usize>, time: Option<usize>) -> Vec<Cleaner> {
        let label = self.pipeline.label.as_ref();
        let label = label.and_then(|label| self.known.iter().position(|(name, _)| *name == label.column));
        let mut cleaners: Vec<Cleaner> = Vec::new();
        for (index, rule) in self.pipeline.clean.iter().enumerate() {
            self.flag(index, rule);
            self.somewhere_to_go(index, rule);
            let known = Known { columns: &self.known, id, key, time, label };
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

    fn flag(&mut self, index: usize, rule: &Clean) {
        let Some(Then::Flag(name)) = rule.then() else { return };
        let at = path(["clean", &index.to_string(), rule.name(), "then", "flag"]);
        if self.known.iter().any(|(known, _)| known == name) || matches!(name.as_str(), "score" | "prediction") {
            self.wrong(at, format!("`{name}` has another meaning already: give the flag another name"));
        } else {
            self.known.push((name.clone(), ColumnType::Boolean(ColumnSettings::default())));
        }
    }

    fn somewhere_to_go(&mut self, index: usize, rule: &Clean) {
        let refuses = matches!(rule.then(), Some(Then::DeadLetter)) || matches!(rule, Clean::Require(_));
        if refuses && self.pipeline.dead_letters.is_none() {
            let message = format!("`{}` refuses records, and there is no place for them", rule.name());
            let help = "add `dead_letters: {file: {path: dead.ndjson}}`, or `{kafka: {topic: …}}`";
            self.wrong_with_help(path(["clean", &index.to_string()]), message, help);
        }
    }

    fn misfit(&mut self, index: usize, misfit: Misfit) {
        let at = [path(["clean", &index.to_string()]), misfit.at].concat();
        let place = self.within(&at, misfit.length, misfit.within);
        self.problems.push(Problem { place, message: misfit.message, help: misfit.help });
    }
}
