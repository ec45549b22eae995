//! Calls of functions: their arguments in order, checked.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::ast::Expr;
use super::datum::{Datum, Type};
use super::functions::{self, Action, Function, Kind, Parameter};
use super::lexer::Token;
use super::parser::{Node, Parser};
use super::path::PathRef;
use super::{Context, ExprError, nearest};

/// The largest compiled regular expression, in bytes.
const REGEX_BYTES: usize = 1 << 20;

/// An argument that was given, or none.
pub(super) type Argument = Option<Node>;

/// The call of a converter in an expression; its name has been taken.
pub(super) fn call(parser: &mut Parser<'_>, offset: usize, name: &str) -> Result<Node, ExprError> {
    let (function, arguments) = arguments(parser, offset, name)?;
    if function.doc.is_editor() {
        let message = format!("`{name}` changes rows: it stands at the beginning of a statement, and alone");
        return Err(parser.fault(offset, message));
    }
    let depth = arguments
        .iter()
        .flatten()
        .map(|node| node.depth)
        .max()
        .unwrap_or(0)
        + 1;
    let expr = converter(parser, offset, function, arguments)?;
    parser.node(offset, depth, expr)
}

/// The call of a converter that is written between its two arguments.
pub(super) fn infix(parser: &Parser<'_>, name: &str, left: Node, right: Node) -> Result<Expr, ExprError> {
    let offset = left.offset;
    let Some(function) = functions::find(name) else {
        return Err(parser.fault(offset, format!("there is no `{name}`")));
    };
    for (parameter, node) in function.doc.parameters.iter().zip([&left, &right]) {
        check(parser, parameter, node)?;
    }
    converter(parser, offset, function, vec![Some(left), Some(right)])
}

fn converter(
    parser: &Parser<'_>,
    offset: usize,
    function: &'static Function,
    mut arguments: Vec<Argument>,
) -> Result<Expr, ExprError> {
    match &function.action {
        Action::Scalar(scalar) => {
            while arguments.last().is_some_and(Option::is_none) {
                arguments.pop();
            }
            let nil = || Expr::Literal(Datum::Null);
            let arguments = arguments
                .into_iter()
                .map(|node| node.map_or_else(nil, |node| node.expr));
            Ok(Expr::Call(scalar, arguments.collect()))
        }
        Action::Match => {
            let mut arguments = arguments.into_iter().flatten();
            match (arguments.next(), arguments.next()) {
                (Some(target), Some(pattern)) => {
                    let pattern = regex(parser, &pattern)?;
                    Ok(Expr::Match(Box::new(target.expr), pattern))
                }
                _ => Err(parser.fault(offset, "a value and a pattern were expected")),
            }
        }
        Action::Now => Ok(Expr::Now),
        Action::Editor(_) => Err(parser.fault(offset, "an editor gives no value")),
    }
}

/// The function and its arguments in the order of its parameters; its name has been taken.
pub(super) fn arguments(
    parser: &mut Parser<'_>,
    offset: usize,
    name: &str,
) -> Result<(&'static Function, Vec<Argument>), ExprError> {
    let Some(function) = functions::find(name) else {
        let near = functions::nearest(name).map(|near| format!(": is `{near}` meant?"));
        let message = format!("there is no function `{name}`{}", near.unwrap_or_default());
        return Err(parser.fault(offset, message));
    };
    let parameters = function.doc.parameters;
    let mut arguments: Vec<Argument> = Vec::new();
    arguments.resize_with(parameters.len(), || None);
    let (mut position, mut rest) = (0, Vec::new());
    parser.expect("(")?;
    let outer = std::mem::replace(&mut parser.allows_attributes, takes_attributes(parameters));
    while !parser.is_sign(0, ")") {
        if position > 0 {
            parser.expect(",")?;
        }
        let at = parser.offset();
        let slot = slot(parser, &function.doc, position)?;
        let node = argument(parser)?;
        position += 1;
        match parameters.get(slot) {
            Some(Parameter { kind: Kind::Rest, .. }) => rest.push(node),
            Some(parameter) => {
                check(parser, parameter, &node)?;
                if let Some(slot) = arguments.get_mut(slot)
                    && slot.replace(node).is_some()
                {
                    return Err(parser.fault(at, format!("`{}` is given twice", parameter.name)));
                }
            }
            None => {
                let message = format!("`{}` takes no more arguments", function.doc.signature());
                return Err(parser.fault(at, message));
            }
        }
    }
    parser.expect(")")?;
    parser.allows_attributes = outer;
    let missing = |(parameter, argument): (&'static Parameter, &Argument)| {
        let is_missing = !parameter.is_optional && argument.is_none() && parameter.kind != Kind::Rest;
        is_missing.then_some(parameter.name)
    };
    if let Some(name) = parameters.iter().zip(&arguments).find_map(missing) {
        let message = format!("`{}` lacks its `{name}`", function.doc.signature());
        return Err(parser.fault(offset, message));
    }
    arguments.extend(rest.into_iter().map(Some));
    if parameters.iter().any(|parameter| parameter.kind == Kind::Rest) {
        arguments.retain(Option::is_some);
    }
    Ok((function, arguments))
}

fn takes_attributes(parameters: &[Parameter]) -> bool {
    parameters
        .iter()
        .any(|parameter| parameter.kind == Kind::Attributes)
}

/// For which parameter the next argument is: the one that is named, else the one at its position.
fn slot(
    parser: &mut Parser<'_>,
    doc: &'static functions::FunctionDoc,
    position: usize,
) -> Result<usize, ExprError> {
    let last = doc.parameters.len().saturating_sub(1);
    let has_rest = doc
        .parameters
        .last()
        .is_some_and(|parameter| parameter.kind == Kind::Rest);
    let positional = if has_rest { position.min(last) } else { position };
    let Token::Word(word) = *parser.ahead(0) else {
        return Ok(positional);
    };
    if !parser.is_sign(1, "=") {
        return Ok(positional);
    }
    let offset = parser.offset();
    parser.at += 2;
    let names = doc.parameters.iter().map(|parameter| parameter.name);
    doc.parameters
        .iter()
        .position(|parameter| parameter.name == word)
        .ok_or_else(|| {
            let near = nearest(word, names)
                .map(|near| format!(": is `{near}` meant?"))
                .unwrap_or_default();
            parser.fault(offset, format!("`{}` has no parameter `{word}`{near}", doc.name))
        })
}

fn argument(parser: &mut Parser<'_>) -> Result<Node, ExprError> {
    let offset = parser.offset();
    if let Token::Word(word) = *parser.ahead(0)
        && (parser.is_sign(1, ",") || parser.is_sign(1, ")"))
        && let Some(Function {
            action: Action::Scalar(scalar),
            ..
        }) = functions::find(word)
    {
        parser.at += 1;
        return parser.node(offset, 1, Expr::Function(scalar));
    }
    parser.expression()
}

/// Whether `node` fits `parameter`.
fn check(parser: &Parser<'_>, parameter: &Parameter, node: &Node) -> Result<(), ExprError> {
    let kind = node.expr.type_of();
    let is = |types: &[Type]| types.contains(&kind) || [Type::Unknown, Type::Null].contains(&kind);
    let is_function = matches!(node.expr, Expr::Function(_));
    let literal = match &node.expr {
        Expr::Literal(Datum::Text(text)) => Some(&**text),
        _ => None,
    };
    let wanted = match parameter.kind {
        Kind::Function if function_of(node).is_some() => return Ok(()),
        Kind::Function => "the name of a converter that makes a text of a text, such as `SHA256`",
        _ if is_function => "a value",
        Kind::Any | Kind::Rest => return Ok(()),
        Kind::Text if is(&[Type::Text]) => return Ok(()),
        Kind::Text => "a text",
        Kind::Int if is(&[Type::Int]) => return Ok(()),
        Kind::Int => "a whole number",
        Kind::Number if is(&[Type::Int, Type::Double]) => return Ok(()),
        Kind::Number => "a number",
        Kind::Time if is(&[Type::Time]) => return Ok(()),
        Kind::Time => "a time",
        Kind::List if is(&[Type::List]) => return Ok(()),
        Kind::List => "a list",
        Kind::Map if is(&[Type::Map]) && !matches!(node.expr, Expr::Path(_)) => return Ok(()),
        Kind::Map => "a map, such as `ParseJSON(body)`",
        Kind::Target => return target(parser, node),
        Kind::Attributes if matches!(node.expr, Expr::Attributes(_)) => return Ok(()),
        Kind::Attributes => "`attributes` or `resource.attributes`",
        Kind::Regex | Kind::Glob | Kind::Literal if literal.is_some() => return Ok(()),
        Kind::Regex | Kind::Glob | Kind::Literal => "a literal text",
        Kind::Literals if texts(node).is_some() => return Ok(()),
        Kind::Literals => "a list of literal texts",
        Kind::Count if count(node).is_some() => return Ok(()),
        Kind::Count => "a literal whole number, not negative",
        Kind::OneOf(names) if literal.is_some_and(|text| names.contains(&text)) => return Ok(()),
        Kind::OneOf(names) => {
            let message = format!("`{}` is one of {}", parameter.name, quoted(names));
            return Err(parser.fault(node.offset, message));
        }
    };
    Err(parser.fault(node.offset, format!("`{}` takes {wanted}", parameter.name)))
}

/// Whether something can be written there.
fn target(parser: &Parser<'_>, node: &Node) -> Result<(), ExprError> {
    let fault = |message: &str| Err(parser.fault(node.offset, message));
    match &node.expr {
        Expr::Path(at) => match parser.paths.get(*at) {
            Some(PathRef::Time) => {
                fault("the time of points and records cannot be set: it is the tick's, or a column's")
            }
            Some(PathRef::Resource(_)) | None => Ok(()),
            Some(_) if parser.context == Context::Resource => {
                fault("only `resource.attributes` can be set here")
            }
            Some(_) => Ok(()),
        },
        Expr::Attributes(_) => fault("set one attribute, `attributes[\"key\"]`, or use `merge_maps`"),
        _ => fault(
            "only `attributes[\"key\"]`, `resource.attributes[\"key\"]`, a column, `body`, \
            `severity_text` and `severity_number` can be written",
        ),
    }
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`\"{name}\"`")).collect();
    names.join(", ")
}

/// The regular expression of a literal text that has been checked to be one.
pub(super) fn regex(parser: &Parser<'_>, node: &Node) -> Result<Arc<Regex>, ExprError> {
    compile(text(node)).map_err(|problem| parser.fault(node.offset, problem))
}

/// The regular expression of a text, or what is wrong with it.
pub(super) fn compile(pattern: &str) -> Result<Arc<Regex>, String> {
    let regex = RegexBuilder::new(pattern).size_limit(REGEX_BYTES).build();
    regex.map(Arc::new).map_err(|error| {
        let last = error.to_string();
        let last = last
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        format!("the regular expression cannot be used: {last}")
    })
}

/// The literal text, empty where there is none.
pub(super) fn text(node: &Node) -> &str {
    match &node.expr {
        Expr::Literal(Datum::Text(text)) => text,
        _ => "",
    }
}

pub(super) fn texts(node: &Node) -> Option<Vec<Arc<str>>> {
    let Expr::List(items) = &node.expr else {
        return None;
    };
    items
        .iter()
        .map(|item| match item {
            Expr::Literal(Datum::Text(text)) => Some(Arc::from(&**text)),
            _ => None,
        })
        .collect()
}

pub(super) fn count(node: &Node) -> Option<usize> {
    match node.expr {
        Expr::Literal(Datum::Int(count)) => usize::try_from(count).ok(),
        _ => None,
    }
}

/// The converter that is handed over, if it makes a text of one text.
pub(super) fn function_of(node: &Node) -> Option<&'static functions::Scalar> {
    match node.expr {
        Expr::Function(scalar) if scalar.result == Type::Text => {
            let doc = &functions::find(scalar.name)?.doc;
            let needs = doc
                .parameters
                .iter()
                .filter(|parameter| !parameter.is_optional)
                .count();
            (needs == 1).then_some(scalar)
        }
        _ => None,
    }
}
