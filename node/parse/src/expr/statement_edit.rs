//! Editors and their arguments to what is changed.

use std::sync::Arc;

use regex::Regex;

use super::ExprError;
use super::ast::{Attributes, Expr};
use super::calls::{self, Argument};
use super::datum::{Datum, Type};
use super::functions::Editor;
use super::parser::{Node, Parser};
use super::path::PathRef;
use super::rewrite::{Replacement, Rewrite, glob};
use super::statement::{Edit, Strategy, Which};

/// The arguments of an editor, which have been checked to be there and of their kind.
struct Arguments<'p, 'a> {
    parser: &'p Parser<'a>,
    offset: usize,
    nodes: Vec<Argument>,
}

impl Arguments<'_, '_> {
    fn take(&mut self, at: usize) -> Result<Node, ExprError> {
        let node = self.nodes.get_mut(at).and_then(Option::take);
        node.ok_or_else(|| self.parser.fault(self.offset, "an argument is missing"))
    }

    fn target(&mut self) -> Result<PathRef, ExprError> {
        let node = self.take(0)?;
        let path = match node.expr {
            Expr::Path(at) => self.parser.paths.get(at),
            _ => None,
        };
        path.cloned()
            .ok_or_else(|| self.parser.fault(node.offset, "this cannot be written"))
    }

    fn attributes(&mut self) -> Result<Attributes, ExprError> {
        let node = self.take(0)?;
        match node.expr {
            Expr::Attributes(of) => Ok(of),
            _ => Err(self.parser.fault(node.offset, "`attributes` was expected")),
        }
    }

    fn regex(&mut self, at: usize) -> Result<Arc<Regex>, ExprError> {
        let node = self.take(at)?;
        calls::regex(self.parser, &node)
    }

    fn glob(&mut self, at: usize) -> Result<Arc<Regex>, ExprError> {
        let node = self.take(at)?;
        calls::compile(&glob(calls::text(&node))).map_err(|problem| self.parser.fault(node.offset, problem))
    }

    fn texts(&mut self, at: usize) -> Result<Vec<Arc<str>>, ExprError> {
        let node = self.take(at)?;
        Ok(calls::texts(&node).unwrap_or_default())
    }

    fn count(&mut self, at: usize) -> Result<usize, ExprError> {
        let node = self.take(at)?;
        Ok(calls::count(&node).unwrap_or_default())
    }

    /// The replacement at `at`, and the function and the format behind it.
    fn replacement(&mut self, at: usize, can_expand: bool) -> Result<Replacement, ExprError> {
        let text = calls::text(&self.take(at)?).to_owned();
        let mut rest = |by: usize| self.nodes.get_mut(at + by).and_then(Option::take);
        let (function, format) = (rest(1), rest(2));
        let frame = match &format {
            None => None,
            Some(node) => {
                let wrong = "the format has one `%s`, and needs a function before it";
                let parts = calls::text(node)
                    .split_once("%s")
                    .filter(|(_, behind)| !behind.contains("%s"));
                let parts = parts.filter(|_| function.is_some());
                let (before, behind) = parts.ok_or_else(|| self.parser.fault(node.offset, wrong))?;
                Some((before.to_owned(), behind.to_owned()))
            }
        };
        Ok(Replacement {
            expands: can_expand && text.contains('$'),
            text,
            function: function.as_ref().and_then(calls::function_of),
            frame,
        })
    }
}

/// What an editor does with these arguments.
pub(super) fn edit(
    parser: &Parser<'_>,
    offset: usize,
    editor: Editor,
    nodes: Vec<Argument>,
) -> Result<Edit, ExprError> {
    let mut with = Arguments {
        parser,
        offset,
        nodes,
    };
    Ok(match editor {
        Editor::Set => {
            let (target, value) = (with.target()?, with.take(1)?);
            settable(parser, &value)?;
            Edit::Set {
                target,
                value: value.expr,
            }
        }
        Editor::ReplacePattern => Edit::Rewrite {
            target: with.target()?,
            rewrite: Rewrite::Parts(with.regex(1)?, with.replacement(2, true)?),
        },
        Editor::ReplaceMatch => Edit::Rewrite {
            target: with.target()?,
            rewrite: Rewrite::Whole(with.glob(1)?, with.replacement(2, false)?),
        },
        of_attributes => {
            let of = with.attributes()?;
            edit_attributes(of, of_attributes, with)?
        }
    })
}

/// What an editor does with all attributes.
fn edit_attributes(of: Attributes, editor: Editor, mut with: Arguments<'_, '_>) -> Result<Edit, ExprError> {
    let which = match editor {
        Editor::ReplaceAllPatterns => {
            let mode = with.take(1)?;
            let rewrite = Rewrite::Parts(with.regex(2)?, with.replacement(3, true)?);
            return Ok(if calls::text(&mode) == "key" {
                Edit::RewriteKeys { of, rewrite }
            } else {
                Edit::RewriteValues { of, rewrite }
            });
        }
        Editor::ReplaceAllMatches => {
            let rewrite = Rewrite::Whole(with.glob(1)?, with.replacement(2, false)?);
            return Ok(Edit::RewriteValues { of, rewrite });
        }
        Editor::TruncateAll => {
            let rewrite = Rewrite::Cut(with.count(1)?);
            return Ok(Edit::RewriteValues { of, rewrite });
        }
        Editor::Limit => return limit(of, &mut with),
        Editor::MergeMaps => return merge(of, &mut with),
        Editor::DeleteMatchingKeys => Which::Matching(with.regex(1)?),
        Editor::KeepMatchingKeys => Which::NotMatching(with.regex(1)?),
        Editor::KeepKeys => Which::NotAmong(with.texts(1)?),
        _ => Which::Key(calls::text(&with.take(1)?).into()),
    };
    Ok(Edit::Delete { of, which })
}

fn limit(of: Attributes, with: &mut Arguments<'_, '_>) -> Result<Edit, ExprError> {
    let (limit, priority) = (with.count(1)?, with.texts(2)?);
    if priority.len() > limit {
        let message = "there are more priority keys than the limit lets through";
        return Err(with.parser.fault(with.offset, message));
    }
    Ok(Edit::Limit { of, limit, priority })
}

fn merge(of: Attributes, with: &mut Arguments<'_, '_>) -> Result<Edit, ExprError> {
    let (source, strategy) = (with.take(1)?, with.take(2)?);
    let strategy = match calls::text(&strategy) {
        "insert" => Strategy::Insert,
        "update" => Strategy::Update,
        _ => Strategy::Upsert,
    };
    if matches!(source.expr, Expr::Attributes(Attributes::Row)) {
        return Err(with
            .parser
            .fault(source.offset, "`attributes` cannot be merged into another map"));
    }
    Ok(Edit::Merge {
        of,
        source: source.expr,
        strategy,
    })
}

/// Refuses values that no column holds.
fn settable(parser: &Parser<'_>, value: &Node) -> Result<(), ExprError> {
    let message = match (&value.expr, value.expr.type_of()) {
        (Expr::Literal(Datum::Null), _) => {
            "setting nil changes nothing: to delete an attribute, use `delete_key`"
        }
        (_, Type::List | Type::Map) => {
            "no column holds a list or map: take one entry (`[\"key\"]`, `[0]`), write it as text \
            (`String(...)`), or use `merge_maps`"
        }
        _ => return Ok(()),
    };
    Err(parser.fault(value.offset, message))
}
