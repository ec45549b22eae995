//! The functions of the language: one table, from which checks, evaluation and documentation come.

mod converters;
mod editors;
mod number;
mod structure;
pub(super) mod text;

use super::datum::{Datum, Type};

/// What a function is, for documentation.
#[derive(Debug)]
pub struct FunctionDoc {
    /// Its name; editors begin with a small letter, converters with a capital.
    pub name: &'static str,
    /// What it takes.
    pub parameters: &'static [Parameter],
    /// What it does or gives.
    pub meaning: &'static str,
    /// How it is used.
    pub example: &'static str,
}

impl FunctionDoc {
    /// Whether it changes rows, and so begins a statement; the others give values.
    pub fn is_editor(&self) -> bool {
        self.name.starts_with(|c: char| c.is_ascii_lowercase())
    }

    /// Its name and parameters, such as `Trim(target, [cutset])`.
    pub fn signature(&self) -> String {
        let parameters: Vec<_> = self.parameters.iter().map(Parameter::to_string).collect();
        format!("{}({})", self.name, parameters.join(", "))
    }
}

/// What a function takes.
#[derive(Debug)]
pub struct Parameter {
    /// Its name, by which an argument can be given: `Trim(body, cutset = "-")`.
    pub name: &'static str,
    /// What fits.
    pub(super) kind: Kind,
    /// Whether it can be left out.
    pub is_optional: bool,
}

impl std::fmt::Display for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.kind, self.is_optional) {
            (Kind::Rest, _) => write!(f, "{}...", self.name),
            (_, true) => write!(f, "[{}]", self.name),
            (_, false) => f.write_str(self.name),
        }
    }
}

/// What fits a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any value.
    Any,
    Text,
    Int,
    Number,
    Time,
    List,
    /// A map of values.
    Map,
    /// Something that can be written: `attributes["k"]`, `body`.
    Target,
    /// All attributes: `attributes`, `resource.attributes`.
    Attributes,
    /// A regular expression, as a literal.
    Regex,
    /// A literal text in which `*` and `?` stand for any characters.
    Glob,
    /// A literal text.
    Literal,
    /// A literal list of literal texts.
    Literals,
    /// A literal whole number, not negative.
    Count,
    /// One of these literal texts.
    OneOf(&'static [&'static str]),
    /// The name of a converter that makes a text of a text.
    Function,
    /// This and all further arguments, of any kind.
    Rest,
}

/// Which editor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Editor {
    Set,
    DeleteKey,
    DeleteMatchingKeys,
    KeepKeys,
    KeepMatchingKeys,
    ReplacePattern,
    ReplaceAllPatterns,
    ReplaceMatch,
    ReplaceAllMatches,
    TruncateAll,
    Limit,
    MergeMaps,
}

/// What a converter makes of its arguments; else why it cannot.
pub(super) type Run = for<'a> fn(&[Datum<'a>]) -> Result<Datum<'a>, &'static str>;

/// A converter that needs nothing but its arguments.
#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) name: &'static str,
    pub(super) run: Run,
    pub(super) result: Type,
    /// Whether it is asked although a needed argument is null; else the answer is null.
    pub(super) takes_null: bool,
}

#[derive(Debug)]
pub(super) enum Action {
    Editor(Editor),
    Scalar(Scalar),
    Match,
    Now,
}

#[derive(Debug)]
pub(super) struct Function {
    pub(super) doc: FunctionDoc,
    pub(super) action: Action,
}

fn all() -> impl Iterator<Item = &'static Function> {
    editors::EDITORS.iter().chain(&converters::CONVERTERS)
}

/// Every function, editors first.
pub fn functions() -> impl Iterator<Item = &'static FunctionDoc> {
    all().map(|function| &function.doc)
}

/// The functions as tables in Markdown, for the reference of the language.
pub fn function_table() -> String {
    let of = |title: &str, is_editor: bool| {
        let docs = functions().filter(|doc| doc.is_editor() == is_editor);
        let lines = docs.map(|doc| {
            let example = doc.example.replace('|', "\\|");
            format!("| `{}` | {} | `{example}` |\n", doc.signature(), doc.meaning)
        });
        format!(
            "| {title} | meaning | example |\n|---|---|---|\n{}",
            lines.collect::<String>()
        )
    };
    format!("{}\n{}", of("editor", true), of("converter", false))
}

/// The function of this name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.doc.name == name)
}

/// The function whose name is most like `name`, if one is.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    super::nearest(name, functions().map(|doc| doc.name))
}

const fn needed(name: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        kind,
        is_optional: false,
    }
}

const fn optional(name: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        kind,
        is_optional: true,
    }
}
