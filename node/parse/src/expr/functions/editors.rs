//! The editors: what changes rows.

use super::{Action, Editor, Function, FunctionDoc, Kind, Parameter, needed, optional};

const fn editor(
    editor: Editor,
    name: &'static str,
    parameters: &'static [Parameter],
    meaning: &'static str,
    example: &'static str,
) -> Function {
    Function {
        doc: FunctionDoc {
            name,
            parameters,
            meaning,
            example,
        },
        action: Action::Editor(editor),
    }
}

pub(super) static EDITORS: [Function; 12] = [
    editor(
        Editor::Set,
        "set",
        &[needed("target", Kind::Target), needed("value", Kind::Any)],
        "Sets the target. Rows for which the value is null keep what they have.",
        r#"set(severity_number, 9) where severity_text == "active""#,
    ),
    editor(
        Editor::DeleteKey,
        "delete_key",
        &[needed("target", Kind::Attributes), needed("key", Kind::Literal)],
        "Deletes an attribute.",
        r#"delete_key(attributes, "db.query.text")"#,
    ),
    editor(
        Editor::DeleteMatchingKeys,
        "delete_matching_keys",
        &[needed("target", Kind::Attributes), needed("pattern", Kind::Regex)],
        "Deletes the attributes whose keys match a regular expression.",
        r#"delete_matching_keys(attributes, "(?i)password")"#,
    ),
    editor(
        Editor::KeepKeys,
        "keep_keys",
        &[needed("target", Kind::Attributes), needed("keys", Kind::Literals)],
        "Deletes all attributes but these.",
        r#"keep_keys(resource.attributes, ["service.name", "db.system"])"#,
    ),
    editor(
        Editor::KeepMatchingKeys,
        "keep_matching_keys",
        &[needed("target", Kind::Attributes), needed("pattern", Kind::Regex)],
        "Deletes the attributes whose keys do not match a regular expression.",
        r#"keep_matching_keys(attributes, "^db[.]")"#,
    ),
    editor(
        Editor::ReplacePattern,
        "replace_pattern",
        &[
            needed("target", Kind::Target),
            needed("regex", Kind::Regex),
            needed("replacement", Kind::Literal),
            optional("function", Kind::Function),
            optional("replacement_format", Kind::Literal),
        ],
        "Replaces each part of a text that matches. `$1` and `${name}` in the replacement are the groups \
        of the match. With `function` the replacement is what the function makes of it, put in place of \
        `%s` in `replacement_format`.",
        r#"replace_pattern(attributes["db.query.text"], "\\d{3,}", "?")"#,
    ),
    editor(
        Editor::ReplaceAllPatterns,
        "replace_all_patterns",
        &[
            needed("target", Kind::Attributes),
            needed("mode", Kind::OneOf(&["key", "value"])),
            needed("regex", Kind::Regex),
            needed("replacement", Kind::Literal),
            optional("function", Kind::Function),
            optional("replacement_format", Kind::Literal),
        ],
        "As `replace_pattern`, in the values of all attributes that are text, or in the keys of all \
        attributes.",
        r#"replace_all_patterns(attributes, "value", "\\b\\d{16}\\b", "?")"#,
    ),
    editor(
        Editor::ReplaceMatch,
        "replace_match",
        &[
            needed("target", Kind::Target),
            needed("pattern", Kind::Glob),
            needed("replacement", Kind::Literal),
            optional("function", Kind::Function),
            optional("replacement_format", Kind::Literal),
        ],
        "Replaces a text as a whole where it matches a pattern of `*`, `?` and `[a-z]`; `*` stops at a `/`.",
        r#"replace_match(attributes["http.route"], "/user/*/list", "/user/{id}/list")"#,
    ),
    editor(
        Editor::ReplaceAllMatches,
        "replace_all_matches",
        &[
            needed("target", Kind::Attributes),
            needed("pattern", Kind::Glob),
            needed("replacement", Kind::Literal),
            optional("function", Kind::Function),
            optional("replacement_format", Kind::Literal),
        ],
        "As `replace_match`, in the values of all attributes that are text.",
        r#"replace_all_matches(attributes, "psql*", "psql")"#,
    ),
    editor(
        Editor::TruncateAll,
        "truncate_all",
        &[needed("target", Kind::Attributes), needed("limit", Kind::Count)],
        "Cuts the values of all attributes that are text to so many characters.",
        "truncate_all(attributes, 4096)",
    ),
    editor(
        Editor::Limit,
        "limit",
        &[
            needed("target", Kind::Attributes),
            needed("limit", Kind::Count),
            needed("priority_keys", Kind::Literals),
        ],
        "Leaves each row so many attributes at most: the priority keys, then the others in the order of \
        the columns.",
        r#"limit(attributes, 16, ["db.system"])"#,
    ),
    editor(
        Editor::MergeMaps,
        "merge_maps",
        &[
            needed("target", Kind::Attributes),
            needed("source", Kind::Map),
            needed("strategy", Kind::OneOf(&["insert", "update", "upsert"])),
        ],
        "Adds the entries of a map as attributes: `insert` those that are not there, `update` those that \
        are, `upsert` all. Entries that are lists or maps themselves are a fault; the first 128 keys of a \
        frame are taken.",
        r#"merge_maps(attributes, ParseJSON(body), "upsert")"#,
    ),
];
