//! What commands read: a file or standard input, as one text or line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write};
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

/// A line that is longer is not read: it would fill the memory.
const LONGEST_LINE: u64 = 256 * 1024 * 1024;

/// Opens a file; standard input without one, or for `-`.
pub(super) fn open(file: Option<&Path>) -> anyhow::Result<Box<dyn BufRead>> {
    match file.filter(|file| *file != Path::new("-")) {
        None => Ok(Box::new(io::stdin().lock())),
        Some(file) => {
            let opened = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
            Ok(Box::new(BufReader::new(opened)))
        }
    }
}

/// The whole text; no more than one byte above `most`, so that what is too long is seen to be.
pub(super) fn whole(file: Option<&Path>, most: usize) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = open(file)?.take(most as u64 + 1).read_to_end(&mut bytes);
    let named = || match file {
        Some(file) => format!("{} cannot be read as text in UTF-8", file.display()),
        None => "standard input cannot be read as text in UTF-8".to_owned(),
    };
    read.with_context(named)?;
    if bytes.len() > most {
        // The cut may be within a character, and it is refused anyhow.
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes).with_context(named)
}

/// Answers every line by a line, in order. What is wrong with one line is said in its answer; only reading
/// and writing can end the run, and a reader that has closed the pipe has seen enough.
pub(super) fn each_line(
    source: &mut dyn BufRead,
    out: impl Write,
    mut answer: impl FnMut(&str) -> Result<Value, String>,
) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let mut line = Vec::new();
    let mut all = || loop {
        line.clear();
        if (&mut *source).take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return out.flush();
        }
        let answer = if line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            source.skip_until(b'\n')?;
            line = Vec::new();
            Err(format!("the line has {LONGEST_LINE} bytes or more"))
        } else {
            text(&line).and_then(|text| answer(&text))
        };
        let answer = answer.unwrap_or_else(|error| json!({ "error": error }));
        serde_json::to_writer(&mut out, &answer)?;
        out.write_all(b"\n")?;
    };
    match all() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.context("the lines cannot be read, or the answers not written"),
    }
}

/// The text of a line: that of an object's `text`, or the string that the line is.
fn text(line: &[u8]) -> Result<String, String> {
    // serde's message can quote the line, which may hold secrets; its place cannot.
    let value: Value = serde_json::from_slice(line)
        .map_err(|e| format!("the line is not JSON from column {} on", e.column()))?;
    match value {
        Value::String(text) => Ok(text),
        Value::Object(mut object) => match object.remove("text") {
            Some(Value::String(text)) => Ok(text),
            _ => Err("the object has no `text` that is a string".to_owned()),
        },
        _ => Err("a line is an object with `text`, or a string".to_owned()),
    }
}
