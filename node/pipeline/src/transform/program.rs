//! The statements of the settings, compiled.

use ringwatch_config::settings::{StatementContext, StatementGroup, TransformProcessor as Settings};
use ringwatch_parse::expr::{Context, Program};

use crate::PipelineError;

/// Checks all statements of `processor` without making one.
///
/// # Errors
/// When a statement cannot be used. The message names it and the character.
pub fn check(processor: &str, settings: &Settings) -> Result<(), PipelineError> {
    compile(processor, settings).map(|_| ())
}

/// The programs for metrics and for logs.
pub(super) fn compile(processor: &str, settings: &Settings) -> Result<(Program, Program), PipelineError> {
    let of = |section: &str, groups: &[StatementGroup], rows: Context| {
        let mut program = Program::default();
        for (at, group) in groups.iter().enumerate() {
            let wrong =
                |problem: &str| PipelineError::setting(processor, format!("`{section}[{at}]`: {problem}"));
            let context = context(group.context, rows).map_err(|problem| wrong(&problem))?;
            program
                .add(context, &group.conditions, &group.statements)
                .map_err(|error| wrong(&error.to_string()))?;
        }
        Ok::<_, PipelineError>(program)
    };
    Ok((
        of(
            "metric_statements",
            &settings.metric_statements,
            Context::Datapoint,
        )?,
        of("log_statements", &settings.log_statements, Context::Log)?,
    ))
}

/// What paths are about, in statements on rows that become `rows`. Without a context they are about rows: a
/// path says by its prefix when it is about the resource.
fn context(named: Option<StatementContext>, rows: Context) -> Result<Context, String> {
    let context = match named {
        None => rows,
        Some(StatementContext::Resource) => Context::Resource,
        Some(StatementContext::Datapoint) => Context::Datapoint,
        Some(StatementContext::Log) => Context::Log,
    };
    if context != Context::Resource && context != rows {
        return Err(format!(
            "the context `{context}` is not there: write `{rows}` or `resource`"
        ));
    }
    Ok(context)
}
