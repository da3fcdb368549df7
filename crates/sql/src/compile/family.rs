//! Families of numbers, with members by name: `probability['fraud']`.

use sqlparser::ast::{self, Expr, Ident, Spanned};

use super::{Compiler, Made, identifier};
use crate::mistake::Mistake;
use crate::program::{Node, Source};
use crate::window::value::Kind;

impl Compiler<'_> {
    /// Makes `probability['fraud']` a column of its own.
    pub(super) fn member(&mut self, place: (usize, usize), expr: &mut Expr, family: &str, member: String) -> Made<()> {
        if !self.setting.families.iter().any(|known| known == family) {
            let known = self.setting.families.iter().cloned();
            return Err(Mistake::new(place, format!("`{family}` has no members")).unknown(family, known));
        }
        let name = format!("{}{family}['{member}']", Node::HIDDEN);
        if self.find(&name).is_none() {
            let column = self.setting.columns.len() + self.program.members.len();
            self.program.members.push((family.to_string(), member));
            let source = Source::Base(column);
            self.program.nodes.push(Node { name: name.clone(), kind: Kind::Float, level: 0, source });
        }
        *expr = Expr::Identifier(Ident { value: name, quote_style: Some('"'), span: expr.span() });
        Ok(())
    }
}

/// The name and the member of `name['member']`.
pub(super) fn of_family(expr: &Expr) -> Option<(String, String)> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    let [ast::AccessExpr::Subscript(ast::Subscript::Index { index: Expr::Value(index) })] = access_chain.as_slice()
    else {
        return None;
    };
    let ast::Value::SingleQuotedString(member) = &index.value else { return None };
    Some((identifier(root)?.to_string(), member.clone()))
}
