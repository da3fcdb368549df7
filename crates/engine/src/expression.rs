//! Turns mistakes in SQL expressions into messages for documents.

use gristmill_sql::Mistake;

use crate::document::with_nearest;

/// The message, with the name that was probably meant, and the remedy.
pub(crate) fn explained(mistake: Mistake) -> (String, Option<String>) {
    let Some((name, known)) = mistake.unknown else { return (mistake.message, mistake.help) };
    let message = with_nearest(mistake.message, &name, known.iter().map(String::as_str));
    (message, mistake.help.or_else(|| Some(format!("known here: {}", known.join(", ")))))
}
