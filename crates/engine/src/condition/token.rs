//! The words of a condition.

use super::Wrong;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, as written; keywords are names until the grammar asks.
    Name(String),
    /// A name in double quotes, which is never a keyword.
    Quoted(String),
    Number(f64),
    Text(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 16] = ["<=", ">=", "<>", "!=", "<", ">", "=", "(", ")", "-", "+", "*", "/", "%", ",", "."];

/// The tokens and the byte where each begins.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Wrong> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else {
            let (token, length) = one(rest, first).map_err(|message| Wrong { at, message })?;
            found.push((at, token));
            length
        };
        at += length;
    }
    Ok(found)
}

fn one(rest: &str, first: char) -> Result<(Token, usize), String> {
    if first == '\'' || first == '"' {
        let (text, length) = quoted(rest, first)?;
        return Ok((if first == '"' { Token::Quoted(text) } else { Token::Text(text) }, length));
    }
    if first.is_ascii_digit() || (first == '.' && rest.len() > 1) {
        return number(rest);
    }
    if first.is_alphabetic() || first == '_' {
        // `terminals.country` is one name.
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
        return Ok((Token::Name(rest.get(..length).unwrap_or_default().to_string()), length));
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(symbol) => Ok((Token::Symbol(symbol), symbol.len())),
        None => Err(format!("`{first}` is not known here")),
    }
}

fn number(rest: &str) -> Result<(Token, usize), String> {
    let mut length = 0;
    let mut before = ' ';
    for c in rest.chars() {
        let sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
        if !(c.is_ascii_alphanumeric() || c == '.' || sign) {
            break;
        }
        before = c;
        length += c.len_utf8();
    }
    let text = rest.get(..length).unwrap_or_default();
    let number = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    Ok((Token::Number(number), length))
}

/// Text in quotes; the quote itself is written twice.
fn quoted(rest: &str, quote: char) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut at = 1;
    loop {
        let tail = rest.get(at..).unwrap_or_default();
        let end = tail.find(quote).ok_or("this quote never ends")?;
        text.push_str(tail.get(..end).unwrap_or_default());
        at += end + 1;
        if !rest.get(at..).is_some_and(|rest| rest.starts_with(quote)) {
            return Ok((text, at));
        }
        text.push(quote);
        at += 1;
    }
}
