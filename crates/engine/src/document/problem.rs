//! Mistakes in a document, their places, and what to do.

use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::Place;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do, unless that is obvious.
    pub help: Option<String>,
}

impl Problem {
    /// A mistake at a place.
    pub fn at(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: None }
    }

    /// Adds what to do.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// An override of a value. Its bytes follow those of the document, so that a place identifies where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its first byte.
    pub start: usize,
    /// The argument as written.
    pub text: String,
}

impl Argument {
    /// These overrides, for a document with this text.
    pub(super) fn behind(text: &str, arguments: &[String]) -> Vec<Self> {
        let mut start = text.len() + 1;
        let place = |text: &String| {
            let argument = Self { start, text: text.clone() };
            start += text.len() + 1;
            argument
        };
        arguments.iter().map(place).collect()
    }
}

/// All mistakes of one document, in the order of their places. Displays each with its line.
#[derive(Debug, Clone)]
pub struct Problems {
    name: String,
    text: String,
    arguments: Vec<Argument>,
    problems: Vec<Problem>,
}

impl Problems {
    /// The mistakes of the document `name`.
    pub fn new(name: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| (problem.place.start, problem.place.end));
        problems.dedup();
        Self { name: name.into(), text: text.into(), arguments: Vec::new(), problems }
    }

    /// The same if overrides have changed the document: some mistakes are in them.
    pub fn with_arguments(self, arguments: &[Argument]) -> Self {
        Self { arguments: arguments.to_vec(), ..self }
    }

    /// The mistakes.
    pub fn list(&self) -> &[Problem] {
        &self.problems
    }

    /// Line and column of a byte, both from 1, columns in characters.
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// The mistakes as text, with terminal colours if requested.
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let parts: Vec<String> = self.problems.iter().map(|problem| self.render_one(&renderer, problem)).collect();
        parts.join("\n\n")
    }

    fn render_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let inside = |argument: &&Argument| argument.start <= problem.place.start;
        let (name, source, begin) = match self.arguments.iter().rev().find(inside) {
            Some(Argument { start, text }) => ("--set", text, *start),
            None => (self.name.as_str(), &self.text, 0),
        };
        let (start, end) = (problem.place.start - begin, problem.place.end.saturating_sub(begin));
        let end = source.get(start..end).map_or(end, |text| {
            // One line of source is enough: a whole block under arrows hides the mistake.
            let first = text.split('\n').next().unwrap_or_default().trim_end();
            start + first.len()
        });
        let mark = AnnotationKind::Primary.span(start..end.max(start));
        let snippet = Snippet::source(source).path(name).annotation(mark);
        let mut group = Level::ERROR.primary_title(&problem.message).element(snippet);
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group]).to_string()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
