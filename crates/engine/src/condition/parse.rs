//! The grammar of conditions: OR of ANDs of NOTs of comparisons.

use super::token::{Token, tokens};
use super::{Comparison, Condition, Operand};
use crate::document::nearest;

/// What is wrong with a condition, and the byte where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The byte in the condition's text.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

/// Deeper than anyone writes by hand; keeps the stack safe from what machines write.
const MAXIMUM_DEPTH: usize = 64;

/// Parses and checks a condition over named operands and their types; slot i is `names[i]`.
pub fn parse(text: &str, names: &[(&str, &str)]) -> Result<Condition, Wrong> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Err(Wrong { at: 0, message: "the condition is empty".into() });
    }
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.len(), names, depth: 0 };
    let condition = parser.any()?;
    match parser.peek() {
        None => Ok(condition),
        Some(token) => Err(parser.wrong(match token {
            Token::Symbol(symbol) => format!("`{symbol}` is not known here: conditions compare, they do not compute"),
            _ => "expected AND, OR or the end here".into(),
        })),
    }
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    at: usize,
    end: usize,
    names: &'a [(&'a str, &'a str)],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(at, _)| *at)
    }

    fn wrong(&self, message: String) -> Wrong {
        Wrong { at: self.place(), message }
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Symbol(found)) if *found == symbol);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Name(name)) if name.eq_ignore_ascii_case(word));
        self.at += usize::from(there);
        there
    }

    fn any(&mut self) -> Result<Condition, Wrong> {
        let mut parts = vec![self.all()?];
        while self.word("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Condition::Or))
    }

    fn all(&mut self) -> Result<Condition, Wrong> {
        let mut parts = vec![self.not()?];
        while self.word("and") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Condition::And))
    }

    fn not(&mut self) -> Result<Condition, Wrong> {
        if self.depth >= MAXIMUM_DEPTH {
            return Err(self.wrong("the condition is nested too deeply".into()));
        }
        self.depth += 1;
        let condition = if self.word("not") {
            Condition::Not(Box::new(self.not()?))
        } else if self.symbol("(") {
            let inside = self.any()?;
            if !self.symbol(")") {
                return Err(self.wrong("expected `)` here".into()));
            }
            inside
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, Wrong> {
        let begin = self.place();
        let (left, left_type) = self.operand()?;
        if self.word("is") {
            let negated = self.word("not");
            if !self.word("null") {
                return Err(self.wrong("expected NULL here".into()));
            }
            let null = Condition::IsNull(left);
            return Ok(if negated { Condition::Not(Box::new(null)) } else { null });
        }
        let Some(comparison) = self.operator() else {
            if left_type == "boolean" {
                return Ok(Condition::Holds(left));
            }
            if let Some(Token::Symbol(symbol @ ("+" | "-" | "*" | "/" | "%" | "," | "."))) = self.peek() {
                let message = format!("`{symbol}` is not known here: conditions compare, they do not compute");
                return Err(self.wrong(message));
            }
            let message = format!("this is a {left_type}, not true or false: compare it, as in `score > 0.5`");
            return Err(Wrong { at: begin, message });
        };
        let (right, right_type) = self.operand()?;
        comparable(left, left_type, right, right_type)
            .map(|(left, right)| Condition::Compare(left, comparison, right))
            .map_err(|message| Wrong { at: begin, message })
    }

    fn operator(&mut self) -> Option<Comparison> {
        let Some(Token::Symbol(symbol)) = self.peek() else { return None };
        let comparison = match *symbol {
            "=" => Comparison::Equal,
            "<>" | "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        };
        self.at += 1;
        Some(comparison)
    }

    fn operand(&mut self) -> Result<(Operand, &'a str), Wrong> {
        let negative = self.symbol("-");
        let operand = match self.peek() {
            Some(Token::Number(number)) => (Operand::Number(if negative { -number } else { *number }), "float64"),
            _ if negative => return Err(self.wrong("expected a number here".into())),
            Some(Token::Text(text)) => (Operand::Text(text.clone()), "text"),
            Some(Token::Name(name)) if name.eq_ignore_ascii_case("true") => (Operand::Boolean(true), "boolean"),
            Some(Token::Name(name)) if name.eq_ignore_ascii_case("false") => (Operand::Boolean(false), "boolean"),
            Some(Token::Name(name) | Token::Quoted(name)) => self.slot(name)?,
            Some(Token::Symbol(symbol)) => {
                return Err(self.wrong(format!("`{symbol}` is not known here: expected a column or a value")));
            }
            None => return Err(self.wrong("the condition ends where a column or a value is expected".into())),
        };
        self.at += 1;
        Ok(operand)
    }

    fn slot(&self, name: &str) -> Result<(Operand, &'a str), Wrong> {
        let found = self.names.iter().enumerate().find(|(_, (known, _))| *known == name);
        if let Some((slot, (_, kind))) = found {
            return Ok((Operand::Slot(slot), kind));
        }
        let known: Vec<&str> = self.names.iter().map(|(name, _)| *name).collect();
        Err(self.wrong(match nearest(name, known.iter().copied()) {
            Some(meant) => format!("no column `{name}`; did you mean `{meant}`?"),
            None => format!("no column `{name}`; known here: {}", known.join(", ")),
        }))
    }
}

fn one_or(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => join(parts.into_iter().chain(last).collect()),
    }
}

/// Both sides of one kind; text beside a time is read as a time.
fn comparable(left: Operand, left_type: &str, right: Operand, right_type: &str) -> Result<(Operand, Operand), String> {
    let time = |operand: Operand| match operand {
        Operand::Text(text) => {
            crate::timestamp::parse(&text).map(Operand::Time).ok_or(format!("`{text}` is not a time"))
        }
        other => Ok(other),
    };
    let kind = |name: &str| match name {
        "int64" | "float64" => "a number",
        "string" | "text" => "text",
        "boolean" => "true or false",
        _ => "a time",
    };
    match (left_type, right_type) {
        ("timestamp", "text") | ("text", "timestamp") => Ok((time(left)?, time(right)?)),
        _ if kind(left_type) == kind(right_type) => Ok((left, right)),
        _ => Err(format!("{} and {} cannot be compared", kind(left_type), kind(right_type))),
    }
}
