//! The part of SQL that expressions may use: anything not listed here is refused, never reinterpreted.

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, CeilFloorKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Spanned, UnaryOperator, Value,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, Tokenizer};

use crate::mistake::Mistake;

/// The maximum number of tokens in an expression: a chain of many terms is an equally deep tree.
const MOST_TOKENS: usize = 400;

/// A text and the places in it.
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl Text<'_> {
    /// The byte offset of a line and a column, both from 1 and counted in characters.
    fn at(&self, place: Location) -> usize {
        let mut begins = 0;
        for (number, line) in (1..).zip(self.0.split_inclusive('\n')) {
            if number == place.line {
                let column = usize::try_from(place.column.saturating_sub(1)).unwrap_or(0);
                return begins + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
            }
            begins += line.len();
        }
        self.0.len()
    }

    /// The place of a span; the whole text if that is not known.
    pub(crate) fn place(&self, span: Span) -> (usize, usize) {
        if span == Span::empty() {
            return (0, self.0.len());
        }
        (self.at(span.start), self.at(span.end))
    }

    pub(crate) fn of(&self, expr: &Expr) -> (usize, usize) {
        self.place(expr.span())
    }

    fn wrong(&self, error: &ParserError) -> Mistake {
        let message = match error {
            ParserError::RecursionLimitExceeded => return too_long(self),
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
        };
        // "… at Line: 1, Column: 7"
        let (words, place) = message.rsplit_once(" at Line: ").unwrap_or((message, ""));
        let mut numbers = place.split(", Column: ").map(|number| number.trim().parse().unwrap_or(1));
        let from = match (numbers.next(), numbers.next()) {
            (Some(line), Some(column)) => self.at(Location { line, column }),
            _ => 0,
        };
        let end = self.0.get(from..).and_then(|rest| rest.find(|c: char| !c.is_alphanumeric() && c != '_'));
        let to = from + end.filter(|length| *length > 0).unwrap_or(1);
        Mistake::new((from, to.min(self.0.len()).max(from)), format!("not SQL: {words}"))
    }

    /// The expression that the whole text consists of.
    pub(crate) fn parse(&self) -> Result<Expr, Mistake> {
        let dialect = PostgreSqlDialect {};
        let tokens = Tokenizer::new(&dialect, self.0).tokenize_with_location();
        let tokens = tokens.map_err(|error| self.wrong(&ParserError::from(error)))?;
        if tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).count() > MOST_TOKENS {
            return Err(too_long(self));
        }
        let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
        let expr = parser.parse_expr().map_err(|error| self.wrong(&error))?;
        let next = parser.peek_token();
        if next.token != Token::EOF {
            let message = format!("not SQL: the expression is over before `{}`", next.token);
            return Err(Mistake::new(self.place(next.span), message));
        }
        Ok(expr)
    }
}

fn too_long(text: &Text<'_>) -> Mistake {
    let message = format!("the expression is too long or too deep: at most {MOST_TOKENS} words and signs");
    Mistake::new((0, text.0.len()), message).help("name a part of it as a feature of its own and use that name")
}

/// The arguments of a call; none if they are more than a list of expressions.
pub(crate) fn arguments(function: &mut Function) -> Option<Vec<&mut Expr>> {
    let plain = matches!(function.parameters, FunctionArguments::None) && !function.uses_odbc_syntax;
    match &mut function.args {
        _ if !plain => None,
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
            list.args.iter_mut().map(argument).collect()
        }
        _ => None,
    }
}

fn argument(argument: &mut FunctionArg) -> Option<&mut Expr> {
    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument { Some(expr) } else { None }
}

/// The name of a function in lower case.
pub(crate) fn name(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => part.as_ident().map(|ident| ident.value.to_lowercase()),
        _ => None,
    }
}

/// The subexpressions of an expression; none if it is not supported.
pub(crate) fn parts(expr: &mut Expr) -> Option<Vec<&mut Expr>> {
    Some(match expr {
        Expr::Identifier(_) | Expr::TypedString(_) | Expr::Interval(_) => Vec::new(),
        Expr::Value(value) if constant(&value.value) => Vec::new(),
        Expr::Nested(part)
        | Expr::IsFalse(part)
        | Expr::IsNotFalse(part)
        | Expr::IsTrue(part)
        | Expr::IsNotTrue(part)
        | Expr::IsNull(part)
        | Expr::IsNotNull(part)
        | Expr::IsUnknown(part)
        | Expr::IsNotUnknown(part)
        | Expr::Extract { expr: part, .. }
        | Expr::Ceil { expr: part, field: CeilFloorKind::DateTimeField(_) }
        | Expr::Floor { expr: part, field: CeilFloorKind::DateTimeField(_) }
        | Expr::UnaryOp { op: UnaryOperator::Plus | UnaryOperator::Minus | UnaryOperator::Not, expr: part } => {
            vec![&mut **part]
        }
        Expr::Cast { kind, expr, array: false, format: None, .. } if *kind != CastKind::SafeCast => vec![&mut **expr],
        Expr::IsDistinctFrom(a, b)
        | Expr::IsNotDistinctFrom(a, b)
        | Expr::Like { any: false, expr: a, pattern: b, .. }
        | Expr::ILike { any: false, expr: a, pattern: b, .. }
        | Expr::Position { expr: a, r#in: b } => vec![&mut **a, &mut **b],
        Expr::BinaryOp { left, op, right } if operator(op) => vec![&mut **left, &mut **right],
        Expr::Between { expr, low, high, .. } => vec![&mut **expr, &mut **low, &mut **high],
        Expr::InList { expr, list, .. } => std::iter::once(&mut **expr).chain(list).collect(),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let others = [substring_from, substring_for].into_iter().flatten().map(|part| &mut **part);
            std::iter::once(&mut **expr).chain(others).collect()
        }
        Expr::Trim { trim_what, expr, trim_characters: None, .. } => {
            trim_what.as_deref_mut().into_iter().chain(std::iter::once(&mut **expr)).collect()
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            let branches = conditions.iter_mut().flat_map(|CaseWhen { condition, result }| [condition, result]);
            operand.as_deref_mut().into_iter().chain(branches).chain(else_result.as_deref_mut()).collect()
        }
        Expr::Function(function) if is_plain(function) => return arguments(function),
        _ => return None,
    })
}

/// A call without a window and its clauses.
fn is_plain(function: &Function) -> bool {
    function.filter.is_none()
        && function.over.is_none()
        && function.null_treatment.is_none()
        && function.within_group.is_empty()
}

fn constant(value: &Value) -> bool {
    matches!(value, Value::Number(..) | Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null)
}

fn operator(operator: &BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(
        operator,
        B::Plus
            | B::Minus
            | B::Multiply
            | B::Divide
            | B::Modulo
            | B::PGExp
            | B::StringConcat
            | B::Gt
            | B::Lt
            | B::GtEq
            | B::LtEq
            | B::Eq
            | B::NotEq
            | B::And
            | B::Or
    )
}
