//! Tokens to trees, by precedence climbing: `or`, `and`, `not`, comparisons, `+ -`, `* /`, sign, brackets.

use super::ast::{Arithmetic, Expr, MAX_DEPTH};
use super::datum::{Comparison, Datum, Type};
use super::lexer::{Spanned, Token, lex};
use super::path::PathRef;
use super::{Context, ExprError, calls};

/// Words that are not names.
pub(super) const KEYWORDS: [&str; 10] = [
    "and", "or", "not", "where", "in", "matches", "contains", "true", "false", "nil",
];

const OR: u8 = 1;
const AND: u8 = 2;
pub(super) const COMPARE: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
pub(super) const SIGN: u8 = 7;

/// A tree, how deep it is, and where its text begins.
pub(super) struct Node {
    pub(super) expr: Expr,
    pub(super) depth: usize,
    pub(super) offset: usize,
}

/// What stands between two operands.
enum Infix {
    Or,
    And,
    Compare(Comparison),
    In { is_negated: bool },
    Converter(&'static str),
    Arithmetic(Arithmetic),
}

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Spanned<'a>>,
    pub(super) at: usize,
    nesting: usize,
    pub(super) context: Context,
    pub(super) paths: Vec<PathRef>,
    /// Whether `attributes` without a key may stand here.
    pub(super) allows_attributes: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, context: Context) -> Result<Self, ExprError> {
        Ok(Self {
            text,
            tokens: lex(text)?,
            at: 0,
            nesting: 0,
            context,
            paths: Vec::new(),
            allows_attributes: false,
        })
    }

    pub(super) fn fault(&self, offset: usize, message: impl Into<String>) -> ExprError {
        ExprError::new(self.text, offset, message)
    }

    pub(super) fn ahead(&self, by: usize) -> &Token<'a> {
        self.tokens
            .get(self.at + by)
            .map_or(&Token::End, |(_, token)| token)
    }

    pub(super) fn offset(&self) -> usize {
        self.tokens
            .get(self.at)
            .map_or(self.text.len(), |(offset, _)| *offset)
    }

    pub(super) fn is_sign(&self, by: usize, sign: &str) -> bool {
        matches!(self.ahead(by), Token::Sign(found) if *found == sign)
    }

    pub(super) fn is_word(&self, by: usize, word: &str) -> bool {
        matches!(self.ahead(by), Token::Word(found) if *found == word)
    }

    pub(super) fn unexpected(&self, expected: &str) -> ExprError {
        let found = self.ahead(0).name();
        let hint = if self.is_sign(0, "=") {
            ": compare by `==`"
        } else {
            ""
        };
        self.fault(
            self.offset(),
            format!("{expected} was expected, {found} came{hint}"),
        )
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), ExprError> {
        if !self.is_sign(0, sign) {
            return Err(self.unexpected(&format!("`{sign}`")));
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn accept(&mut self, sign: &str) -> bool {
        let is_there = self.is_sign(0, sign);
        self.at += usize::from(is_there);
        is_there
    }

    /// Takes the keyword if it comes next.
    pub(super) fn accept_word(&mut self, word: &str) -> bool {
        let is_there = self.is_word(0, word);
        self.at += usize::from(is_there);
        is_there
    }

    /// Takes any word that comes next and is no keyword.
    pub(super) fn accept_name(&mut self) -> Option<&'a str> {
        let Token::Word(word) = *self.ahead(0) else {
            return None;
        };
        let is_name = !KEYWORDS.contains(&word);
        self.at += usize::from(is_name);
        is_name.then_some(word)
    }

    pub(super) fn expect_end(&self) -> Result<(), ExprError> {
        match self.ahead(0) {
            Token::End => Ok(()),
            _ => Err(self.unexpected("the end")),
        }
    }

    /// A condition: an expression that is true or false.
    pub(super) fn condition(&mut self) -> Result<Expr, ExprError> {
        let node = self.expression()?;
        self.truth(&node)?;
        Ok(node.expr)
    }

    /// Refuses what is never true or false.
    pub(super) fn truth(&self, node: &Node) -> Result<(), ExprError> {
        match node.expr.type_of() {
            Type::Bool | Type::Unknown => Ok(()),
            other => {
                let message = format!("{} is no condition: compare it with something", other.name());
                Err(self.fault(node.offset, message))
            }
        }
    }

    pub(super) fn expression(&mut self) -> Result<Node, ExprError> {
        self.climb(OR)
    }

    pub(super) fn node(&self, offset: usize, depth: usize, expr: Expr) -> Result<Node, ExprError> {
        if depth > MAX_DEPTH {
            let message = format!("the expression is more than {MAX_DEPTH} deep: make it simpler");
            return Err(self.fault(offset, message));
        }
        Ok(Node { expr, depth, offset })
    }

    pub(super) fn climb(&mut self, least: u8) -> Result<Node, ExprError> {
        self.nesting += 1;
        if self.nesting > MAX_DEPTH {
            let message = format!("the expression is more than {MAX_DEPTH} deep: make it simpler");
            return Err(self.fault(self.offset(), message));
        }
        let mut left = self.prefix()?;
        while let Some((power, words, infix)) = self.infix() {
            if power < least {
                break;
            }
            self.at += words;
            left = self.join(left, power, &infix)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    /// What comes between operands here, its binding power, and of how many tokens it is.
    fn infix(&self) -> Option<(u8, usize, Infix)> {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let compare = |comparison| (COMPARE, 1, Infix::Compare(comparison));
        Some(match self.ahead(0) {
            Token::Word("or") => (OR, 1, Infix::Or),
            Token::Word("and") => (AND, 1, Infix::And),
            Token::Word("in") => (COMPARE, 1, Infix::In { is_negated: false }),
            Token::Word("not") if self.is_word(1, "in") => (COMPARE, 2, Infix::In { is_negated: true }),
            Token::Word("matches") => (COMPARE, 1, Infix::Converter("IsMatch")),
            Token::Word("contains") => (COMPARE, 1, Infix::Converter("Contains")),
            Token::Sign("==") => compare(Equal),
            Token::Sign("!=") => compare(NotEqual),
            Token::Sign("<") => compare(Less),
            Token::Sign("<=") => compare(LessOrEqual),
            Token::Sign(">") => compare(Greater),
            Token::Sign(">=") => compare(GreaterOrEqual),
            Token::Sign("+") => (SUM, 1, Infix::Arithmetic(Arithmetic::Add)),
            Token::Sign("-") => (SUM, 1, Infix::Arithmetic(Arithmetic::Subtract)),
            Token::Sign("*") => (PRODUCT, 1, Infix::Arithmetic(Arithmetic::Multiply)),
            Token::Sign("/") => (PRODUCT, 1, Infix::Arithmetic(Arithmetic::Divide)),
            _ => return None,
        })
    }

    fn join(&mut self, left: Node, power: u8, infix: &Infix) -> Result<Node, ExprError> {
        let offset = left.offset;
        if let Infix::In { is_negated } = infix {
            return self.membership(left, *is_negated);
        }
        let right = self.climb(power + 1)?;
        let depth = left.depth.max(right.depth) + 1;
        let expr = match infix {
            Infix::Or | Infix::And => {
                self.truth(&left)?;
                self.truth(&right)?;
                let depth = if is_same(&left.expr, infix) {
                    left.depth.max(right.depth + 1)
                } else {
                    depth
                };
                return self.node(offset, depth, joined(left.expr, right.expr, infix));
            }
            Infix::Compare(comparison) => self.comparison(*comparison, left, right)?,
            Infix::Converter(name) => calls::infix(self, name, left, right)?,
            Infix::Arithmetic(kind) => {
                for side in [&left, &right] {
                    self.operand(side)?;
                }
                Expr::Arithmetic(*kind, Box::new(left.expr), Box::new(right.expr))
            }
            Infix::In { .. } => return Err(self.unexpected("a list")),
        };
        self.node(offset, depth, expr)
    }

    /// Refuses what cannot be calculated with.
    pub(super) fn operand(&self, node: &Node) -> Result<(), ExprError> {
        match node.expr.type_of() {
            Type::Int | Type::Double | Type::Time | Type::Unknown => Ok(()),
            other => Err(self.fault(node.offset, format!("{} cannot be calculated with", other.name()))),
        }
    }

    fn comparison(&self, comparison: Comparison, left: Node, right: Node) -> Result<Expr, ExprError> {
        let is_nil = |node: &Node| matches!(node.expr, Expr::Literal(Datum::Null));
        let (value, nil) = if is_nil(&left) {
            (right, left)
        } else {
            (left, right)
        };
        if is_nil(&nil) {
            let test = Expr::IsNull(Box::new(value.expr));
            return match comparison {
                Comparison::Equal => Ok(test),
                Comparison::NotEqual => Ok(Expr::Not(Box::new(test))),
                _ => Err(self.fault(
                    nil.offset,
                    "nil is neither less nor greater: compare it by `==` or `!=`",
                )),
            };
        }
        let (left, right) = (value, nil);
        let (a, b) = (left.expr.type_of(), right.expr.type_of());
        let can_meet = a == b || [a, b].contains(&Type::Unknown) || (a.is_number() && b.is_number());
        if !can_meet {
            let message = format!("{} is never equal to {}, nor less or greater", a.name(), b.name());
            return Err(self.fault(left.offset, message));
        }
        Ok(Expr::Compare(
            comparison,
            Box::new(left.expr),
            Box::new(right.expr),
        ))
    }

    fn membership(&mut self, left: Node, is_negated: bool) -> Result<Node, ExprError> {
        let at = self.offset();
        let list = self.climb(COMPARE + 1)?;
        let Expr::List(items) = list.expr else {
            return Err(self.fault(at, "a list was expected after `in`: write `in [1, 2]`"));
        };
        let expr = Expr::In(Box::new(left.expr), items);
        let depth = left.depth.max(list.depth) + 1;
        if is_negated {
            self.node(left.offset, depth + 1, Expr::Not(Box::new(expr)))
        } else {
            self.node(left.offset, depth, expr)
        }
    }

    /// The tree of a path, which is noted once.
    pub(super) fn known(&mut self, path: PathRef) -> Expr {
        let at = self.paths.iter().position(|known| *known == path);
        Expr::Path(at.unwrap_or_else(|| {
            self.paths.push(path);
            self.paths.len() - 1
        }))
    }
}

/// Whether `expr` is a chain that `infix` goes on.
fn is_same(expr: &Expr, infix: &Infix) -> bool {
    matches!(
        (expr, infix),
        (Expr::Or(_), Infix::Or) | (Expr::And(_), Infix::And)
    )
}

/// `left` and `right` in one chain, so that long chains are not deep.
fn joined(left: Expr, right: Expr, infix: &Infix) -> Expr {
    match (left, infix) {
        (Expr::Or(mut items), Infix::Or) => {
            items.push(right);
            Expr::Or(items)
        }
        (Expr::And(mut items), Infix::And) => {
            items.push(right);
            Expr::And(items)
        }
        (left, Infix::Or) => Expr::Or(vec![left, right]),
        (left, _) => Expr::And(vec![left, right]),
    }
}
