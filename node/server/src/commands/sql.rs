//! `ringwatch sql`.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufWriter, IsTerminal as _, Read as _, Write};

use anyhow::Context as _;
use ringwatch_parse::sql::{Dialect, Normalized, Normalizer};
use serde::Serialize;
use serde_json::Value;

use super::input::open;
use super::print;
use crate::cli::{Engine, Output, SqlInput};

/// What is said of a text. The keys are stable.
#[derive(Serialize)]
struct Answer<'a> {
    normalized: &'a str,
    fingerprint: String,
    tables: &'a [String],
    commands: &'a [&'static str],
    comments: &'a [String],
    tags: serde_json::Map<String, Value>,
}

impl<'a> Answer<'a> {
    fn of(statement: &'a Normalized) -> Self {
        Self {
            normalized: &statement.text,
            fingerprint: format!("{:016x}", statement.fingerprint),
            tables: &statement.tables,
            commands: &statement.commands,
            comments: &statement.comments,
            tags: statement
                .tags
                .iter()
                .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
                .collect(),
        }
    }
}

/// `ringwatch sql [--engine ENGINE] [--jsonl] [FILE]`.
pub(crate) fn sql(input: &SqlInput) -> anyhow::Result<()> {
    let mut source = open(input.file.as_deref())?;
    if input.jsonl {
        let done = each_line(&mut source, io::stdout().lock(), dialect(input.engine));
        return match done {
            // A reader that has closed the pipe has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done.context("the statements cannot be read, or the answers not written"),
        };
    }
    let mut text = String::new();
    source
        .read_to_string(&mut text)
        .with_context(|| match &input.file {
            Some(file) => format!("{} cannot be read as text in UTF-8", file.display()),
            None => "standard input cannot be read as text in UTF-8".to_owned(),
        })?;
    let statement = Normalizer::default().normalize(dialect(input.engine), &text)?;
    let by_default = if io::stdout().is_terminal() {
        Output::Table
    } else {
        Output::Json
    };
    match input.output.unwrap_or(by_default) {
        Output::Json => print(&format!(
            "{}\n",
            serde_json::to_string_pretty(&Answer::of(&statement))?
        )),
        Output::Table => print(&page(&statement)),
    }
}

fn dialect(engine: Engine) -> Dialect {
    match engine {
        Engine::Postgresql => Dialect::PostgreSql,
        Engine::Mysql => Dialect::MySql,
        Engine::Mariadb => Dialect::MariaDb,
    }
}

/// Answers every line by a line. What is wrong with one line is said in its answer; only reading and writing
/// can end the run.
fn each_line(source: &mut dyn BufRead, out: impl Write, dialect: Dialect) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let mut normalizer = Normalizer::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if source.read_until(b'\n', &mut line)? == 0 {
            return out.flush();
        }
        match answer(&mut normalizer, &line, dialect) {
            Ok(statement) => serde_json::to_writer(&mut out, &Answer::of(&statement))?,
            Err(error) => serde_json::to_writer(&mut out, &serde_json::json!({ "error": error }))?,
        }
        out.write_all(b"\n")?;
    }
}

fn answer(normalizer: &mut Normalizer, line: &[u8], dialect: Dialect) -> Result<Normalized, String> {
    // serde's message can quote the line, which may hold secrets; its place cannot.
    let value: Value = serde_json::from_slice(line)
        .map_err(|e| format!("the line is not JSON from column {} on", e.column()))?;
    let (text, dialect) = match &value {
        Value::String(text) => (text.as_str(), dialect),
        Value::Object(object) => {
            let text = object.get("text").and_then(Value::as_str);
            let text = text.ok_or("the object has no `text` that is a string")?;
            let engine = object.get("engine").or_else(|| object.get("dbms"));
            (text, named(engine, dialect)?)
        }
        _ => return Err("a line is an object with `text`, or a string".to_owned()),
    };
    normalizer.normalize(dialect, text).map_err(|e| e.to_string())
}

/// The dialect that a line asks for. Engines that are not watched are read as PostgreSQL, the nearest to the
/// standard.
fn named(engine: Option<&Value>, otherwise: Dialect) -> Result<Dialect, String> {
    match engine {
        None | Some(Value::Null) => Ok(otherwise),
        Some(Value::String(name)) => Ok(match name.to_ascii_lowercase().as_str() {
            "mysql" => Dialect::MySql,
            "mariadb" => Dialect::MariaDb,
            _ => Dialect::PostgreSql,
        }),
        Some(_) => Err("`engine` is not a string".to_owned()),
    }
}

fn page(statement: &Normalized) -> String {
    let list = |values: &[String]| values.join(", ");
    let mut text = format!(
        "{}\n\nfingerprint  {:016x}\ntables       {}\ncommands     {}\n",
        statement.text,
        statement.fingerprint,
        list(&statement.tables),
        statement.commands.join(", ")
    );
    // Writing to a string cannot fail.
    for comment in &statement.comments {
        let _ = writeln!(text, "comment      {comment}");
    }
    for (key, value) in &statement.tags {
        let _ = writeln!(text, "tag          {key} = {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &str) -> Vec<Value> {
        let mut out = Vec::new();
        each_line(&mut input.as_bytes(), &mut out, Dialect::PostgreSql).unwrap();
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn every_line_is_answered_in_order_and_a_bad_one_ends_nothing() {
        let answers = lines(concat!(
            "{\"text\": \"SELECT * FROM users WHERE id = 42 /* app='x%20y' */\"}\n",
            "not json secret\n",
            "\"SELECT 1\"\n",
            "{\"text\": \"SELECT \\\\ secret\"}\n",
            "{\"sql\": \"SELECT 1\"}\n",
            "[1]\n",
            "\n",
            "{\"text\": \"SELECT `a` FROM t -- x\", \"engine\": \"mysql\"}"
        ));
        assert_eq!(answers.len(), 8);
        assert_eq!(answers[0]["normalized"], "SELECT * FROM users WHERE id = ?");
        assert_eq!(answers[0]["tables"], serde_json::json!(["users"]));
        assert_eq!(answers[0]["commands"], serde_json::json!(["SELECT"]));
        assert_eq!(answers[0]["comments"], serde_json::json!(["/* app='x%20y' */"]));
        assert_eq!(answers[0]["tags"], serde_json::json!({ "app": "x y" }));
        assert_eq!(answers[0]["fingerprint"].as_str().unwrap().len(), 16);
        assert_eq!(answers[2]["normalized"], "SELECT ?");
        assert_eq!(answers[7]["normalized"], "SELECT `a` FROM t");
        for bad in [1, 3, 4, 5, 6] {
            let error = answers[bad]["error"].as_str().unwrap();
            assert!(!error.contains("secret"), "{error}");
            assert!(answers[bad].get("normalized").is_none());
        }
    }

    #[test]
    fn people_get_the_text_and_what_it_is_about() {
        let statement = Normalizer::default()
            .normalize(Dialect::MySql, "SELECT 1 FROM `s`.`t` /* k='v' */")
            .unwrap();
        let page = page(&statement);
        for part in [
            "SELECT ? FROM `s`.`t`\n",
            "tables       s.t\n",
            "commands     SELECT\n",
            "k = v",
        ] {
            assert!(page.contains(part), "{page}");
        }
    }
}
