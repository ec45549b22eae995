//! Programs: statements in order, with what they remember between frames.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::BooleanBuffer;
use ringwatch_frame::{Resource, Tick};

use super::ast::{Attributes, Expr};
use super::condition::Condition;
use super::eval::Scope;
use super::path::{Origin, PathRef, Places, locate};
use super::rewrite::Pass;
use super::statement::{Edit, Statement};
use super::table::Table;
use super::vector::Vector;
use super::{Context, EvalError, ExprError, Faults, edit, edit_resource};

/// Statements in groups, carried out in order. What texts became is remembered, so a program belongs to one
/// task.
#[derive(Default)]
pub struct Program {
    groups: Vec<Group>,
}

/// Which text of a program is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {error}")]
pub struct ProgramError {
    /// The statement or condition.
    pub text: String,
    /// What is wrong with it.
    pub error: ExprError,
}

struct Group {
    /// One of these has to hold; none: no condition.
    conditions: Vec<Condition>,
    steps: Vec<Step>,
}

struct Step {
    text: Arc<str>,
    work: Work,
    condition: Option<Expr>,
    paths: Vec<PathRef>,
}

enum Work {
    /// All rewrites of one path that stand one behind the other.
    Rewrite(PathRef, Pass),
    RewriteAll(Pass),
    Rows(Edit),
    Resource(Edit),
}

/// What a program made of a frame.
pub struct Applied {
    /// The rows, as many as before.
    pub rows: RecordBatch,
    /// Whether any column is another than before.
    pub is_changed: bool,
    /// The resource, if it changed.
    pub resource: Option<Resource>,
}

impl Program {
    /// Adds statements, which change the rows for which one of `conditions` holds, or all if there are none.
    ///
    /// # Errors
    /// When a text cannot be used; then nothing is added.
    pub fn add<S: AsRef<str>>(
        &mut self,
        context: Context,
        conditions: &[S],
        statements: &[S],
    ) -> Result<(), ProgramError> {
        let wrong = |text: &str| {
            let text = text.trim().to_owned();
            move |error| ProgramError { text, error }
        };
        let read = |text: &S| Condition::parse_in(text.as_ref(), context).map_err(wrong(text.as_ref()));
        let conditions = conditions.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut steps: Vec<Step> = Vec::new();
        for text in statements {
            let text = text.as_ref();
            let statement = Statement::parse(text, context).map_err(wrong(text))?;
            if statement.changes_resource() && !conditions.iter().all(is_of_resource) {
                let message = "this changes the resource, which is one for all rows, and its group has \
                conditions on rows: give it a group of its own";
                return Err(wrong(text)(ExprError::new(text, 0, message)));
            }
            push(&mut steps, statement);
        }
        self.groups.push(Group { conditions, steps });
        Ok(())
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.groups.iter().all(|group| group.steps.is_empty())
    }

    /// Carries out all statements on the rows of one frame. `now` is what `Now()` gives. What could not be
    /// evaluated is added to `faults`; it leaves its rows as they were.
    ///
    /// # Errors
    /// When the columns are not those of a frame.
    pub fn apply(
        &mut self,
        rows: &RecordBatch,
        resource: &Resource,
        places: &dyn Places,
        now: Tick,
        faults: &mut Faults,
    ) -> Result<Applied, EvalError> {
        let mut stage = Stage {
            table: Table::new(rows, places),
            resource: Cow::Borrowed(resource),
            now: now.unix_nanos(),
        };
        for group in &mut self.groups {
            let mask = stage.any(&group.conditions, faults)?;
            if !mask.has_true() && rows.num_rows() > 0 {
                continue;
            }
            for step in &mut group.steps {
                let mut own = Faults::default();
                stage.take(step, &mask, &mut own)?;
                if !own.is_empty() {
                    faults.add(&step.text, own);
                }
            }
        }
        let changed = match stage.resource {
            Cow::Owned(resource) => Some(resource),
            Cow::Borrowed(_) => None,
        };
        Ok(Applied {
            is_changed: stage.table.is_changed(),
            rows: stage.table.finish(rows)?,
            resource: changed,
        })
    }
}

fn is_of_resource(condition: &Condition) -> bool {
    condition
        .paths
        .iter()
        .all(|path| matches!(path, PathRef::Resource(_)))
}

/// Adds a statement, as part of the step before where both rewrite the same texts of all rows.
fn push(steps: &mut Vec<Step>, statement: Statement) {
    let changes_resource = statement.changes_resource();
    let Statement {
        text,
        edit,
        condition,
        paths,
    } = statement;
    let work = match edit {
        edit if changes_resource => Work::Resource(edit),
        Edit::Rewrite { target, rewrite } => {
            if let Some(Step {
                work: Work::Rewrite(known, pass),
                condition: None,
                ..
            }) = steps.last_mut()
                && *known == target
                && condition.is_none()
            {
                pass.rewrites.push(rewrite);
                return;
            }
            Work::Rewrite(target, Pass::new(vec![rewrite]))
        }
        Edit::RewriteValues {
            of: Attributes::Row,
            rewrite,
        } => Work::RewriteAll(Pass::new(vec![rewrite])),
        edit => Work::Rows(edit),
    };
    steps.push(Step {
        text,
        work,
        condition,
        paths,
    });
}

/// A frame while statements change it.
struct Stage<'a> {
    table: Table<'a>,
    resource: Cow<'a, Resource>,
    now: i64,
}

impl Stage<'_> {
    fn origins(&self, paths: &[PathRef]) -> Vec<Origin> {
        let find = |path| locate(path, self.table.fields(), self.table.places());
        paths.iter().map(find).collect()
    }

    fn scope<'s>(&'s self, origins: &'s [Origin]) -> Scope<'s> {
        Scope {
            rows: self.table.rows(),
            columns: self.table.columns(),
            origins,
            resource: &self.resource,
            now: self.now,
        }
    }

    /// The rows for which one of the conditions holds.
    fn any(&self, conditions: &[Condition], faults: &mut Faults) -> Result<BooleanBuffer, EvalError> {
        if conditions.is_empty() {
            return Ok(BooleanBuffer::new_set(self.table.rows()));
        }
        let mut any = BooleanBuffer::new_unset(self.table.rows());
        for condition in conditions {
            let origins = self.origins(&condition.paths);
            let mut own = Faults::default();
            any = &any | &self.scope(&origins).truth(&condition.expr, &mut own)?;
            if !own.is_empty() {
                faults.add(condition.text(), own);
            }
        }
        Ok(any)
    }

    fn take(&mut self, step: &mut Step, group: &BooleanBuffer, faults: &mut Faults) -> Result<(), EvalError> {
        if let Work::Resource(edit) = &step.work {
            return self.change_resource(edit, step, faults);
        }
        let origins = self.origins(&step.paths);
        let mask = match &step.condition {
            Some(condition) => group & &self.scope(&origins).truth(condition, faults)?,
            None => group.clone(),
        };
        if !mask.has_true() {
            return Ok(());
        }
        match &mut step.work {
            Work::Rewrite(path, pass) => edit::rewrite(path, &mut self.table, &mask, pass),
            Work::RewriteAll(pass) => edit::rewrite_all(&mut self.table, &mask, pass),
            Work::Rows(edit) => {
                let (resource, now) = (&*self.resource, self.now);
                let values = |table: &Table<'_>, expr: &Expr, faults: &mut Faults| {
                    let scope = Scope {
                        rows: table.rows(),
                        columns: table.columns(),
                        origins: &origins,
                        resource,
                        now,
                    };
                    scope.values(expr, faults)
                };
                edit::edit(edit, &mut self.table, &mask, &values, faults)
            }
            Work::Resource(_) => Ok(()),
        }
    }

    /// Changes the resource, once for the whole frame.
    fn change_resource(&mut self, edit: &Edit, step: &Step, faults: &mut Faults) -> Result<(), EvalError> {
        let origins = self.origins(&step.paths);
        let now = self.now;
        if let Some(condition) = &step.condition
            && !of_resource(&self.resource, &origins, now)
                .truth(condition, faults)?
                .has_true()
        {
            return Ok(());
        }
        let value = |resource: &Resource, expr: &Expr, faults: &mut Faults| {
            Ok(match of_resource(resource, &origins, now).values(expr, faults)? {
                Vector::Scalar(datum) => datum,
                other => other.cell(0).into_owned(),
            })
        };
        let mut changed = (*self.resource).clone();
        edit_resource::edit(edit, &mut changed, value, faults)?;
        if changed != *self.resource {
            self.resource = Cow::Owned(changed);
        }
        Ok(())
    }
}

/// What expressions that need no row are evaluated on.
fn of_resource<'a>(resource: &'a Resource, origins: &'a [Origin], now: i64) -> Scope<'a> {
    Scope {
        rows: 1,
        columns: &[],
        origins,
        resource,
        now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrites_of_one_path_are_one_step() {
        let mut program = Program::default();
        let statements = [
            r#"replace_pattern(attributes["q"], "a", "b")"#,
            r#"replace_match(attributes["q"], "c*", "d")"#,
            r#"replace_pattern(attributes["r"], "a", "b")"#,
            r#"replace_pattern(attributes["r"], "a", "b") where n == 1"#,
        ];
        program.add(Context::Datapoint, &[], &statements).unwrap();
        assert_eq!(program.groups[0].steps.len(), 3);
    }

    #[test]
    fn a_statement_is_named_with_what_is_wrong() {
        let error = Program::default()
            .add(Context::Log, &[], &["set(body, Lenn(body))"])
            .unwrap_err();
        let expected =
            "`set(body, Lenn(body))`: there is no function `Lenn`: is `Len` meant?, at character 11";
        assert_eq!(error.to_string(), expected);
    }
}
