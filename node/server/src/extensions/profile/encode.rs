//! The form of pprof: `perftools.profiles.Profile` of
//! <https://github.com/google/pprof/blob/main/proto/profile.proto>, gzipped. Only the fields that a profile
//! of samples needs are here.

use std::collections::HashMap;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

/// A stack that was seen.
pub(super) struct Stack {
    /// The thread's name.
    pub(super) thread: String,
    /// The innermost first; each with what was inlined into it, the innermost first.
    pub(super) frames: Vec<Vec<Symbol>>,
    /// How often.
    pub(super) count: i64,
}

/// A function at a line.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Symbol {
    pub(super) name: String,
    /// As the linker knows it.
    pub(super) system_name: String,
    pub(super) file: Option<String>,
    pub(super) line: u32,
}

/// When it was looked, and how often.
#[derive(Clone, Copy)]
pub(super) struct Timing {
    /// Since 1970.
    pub(super) start: Duration,
    pub(super) duration: Duration,
    /// A second of processor time.
    pub(super) frequency: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Profile {
    #[prost(message, repeated, tag = "1")]
    pub(super) sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    pub(super) sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    pub(super) location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    pub(super) function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    pub(super) string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    pub(super) value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    pub(super) label: Vec<Label>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    text: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    pub(super) line: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    pub(super) name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

/// The bytes of the file.
pub(super) fn encode(stacks: impl IntoIterator<Item = Stack>, timing: Timing) -> std::io::Result<Vec<u8>> {
    let profile = profile(stacks, timing).encode_to_vec();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&profile)?;
    gzip.finish()
}

fn profile(stacks: impl IntoIterator<Item = Stack>, timing: Timing) -> Profile {
    let mut tables = Tables::default();
    // The first text of the table is the empty one.
    tables.text("");
    let samples = ValueType {
        kind: tables.text("samples"),
        unit: tables.text("count"),
    };
    let cpu = ValueType {
        kind: tables.text("cpu"),
        unit: tables.text("nanoseconds"),
    };
    let period = 1_000_000_000 / i64::from(timing.frequency.max(1));
    let thread = tables.text("thread");
    let samples_of = |stack: Stack| Sample {
        location_id: stack
            .frames
            .into_iter()
            .map(|frame| tables.location(frame))
            .collect(),
        value: vec![stack.count, stack.count.saturating_mul(period)],
        label: vec![Label {
            key: thread,
            text: tables.text(&stack.thread),
        }],
    };
    let sample = stacks.into_iter().map(samples_of).collect();
    let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    Profile {
        sample_type: vec![samples, cpu],
        sample,
        location: tables.locations,
        function: tables.functions,
        string_table: tables.texts,
        time_nanos: nanos(timing.start),
        duration_nanos: nanos(timing.duration),
        period_type: Some(cpu),
        period,
    }
}

/// What samples refer to by number.
#[derive(Default)]
struct Tables {
    texts: Vec<String>,
    text_ids: HashMap<String, i64>,
    functions: Vec<Function>,
    function_ids: HashMap<(i64, i64), u64>,
    locations: Vec<Location>,
    location_ids: HashMap<Vec<Symbol>, u64>,
}

impl Tables {
    fn text(&mut self, text: &str) -> i64 {
        if let Some(id) = self.text_ids.get(text) {
            return *id;
        }
        let id = i64::try_from(self.texts.len()).unwrap_or(0);
        self.texts.push(text.to_owned());
        self.text_ids.insert(text.to_owned(), id);
        id
    }

    /// Numbers begin at 1: 0 means nothing.
    fn location(&mut self, frame: Vec<Symbol>) -> u64 {
        if let Some(id) = self.location_ids.get(&frame) {
            return *id;
        }
        let id = self.locations.len() as u64 + 1;
        let line = frame.iter().map(|symbol| self.line(symbol)).collect();
        self.locations.push(Location { id, line });
        self.location_ids.insert(frame, id);
        id
    }

    fn line(&mut self, symbol: &Symbol) -> Line {
        let name = self.text(&symbol.name);
        let filename = self.text(symbol.file.as_deref().unwrap_or_default());
        let system_name = self.text(&symbol.system_name);
        let next = self.functions.len() as u64 + 1;
        let function_id = *self.function_ids.entry((system_name, filename)).or_insert(next);
        if function_id == next {
            self.functions.push(Function {
                id: next,
                name,
                system_name,
                filename,
            });
        }
        Line {
            function_id,
            line: symbol.line.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn symbol(name: &str, line: u32) -> Symbol {
        Symbol {
            name: name.into(),
            system_name: format!("_{name}"),
            file: Some("a.rs".into()),
            line,
        }
    }

    #[test]
    fn stacks_come_back_with_their_names_their_threads_and_their_time() {
        let (inner, outer, inlined) = (symbol("inner", 3), symbol("outer", 9), symbol("inlined", 5));
        let stack = |thread: &str, frames: &[&[&Symbol]], count| Stack {
            thread: thread.into(),
            frames: frames
                .iter()
                .map(|frame| frame.iter().map(|symbol| (*symbol).clone()).collect())
                .collect(),
            count,
        };
        let stacks = [
            stack("t1", &[&[&inlined, &inner], &[&outer]], 2),
            stack("t2", &[&[&outer]], 1),
        ];
        let timing = Timing {
            start: Duration::from_secs(1_700_000_000),
            duration: Duration::from_secs(1),
            frequency: 100,
        };
        let mut bytes = Vec::new();
        GzDecoder::new(&*encode(stacks, timing).unwrap())
            .read_to_end(&mut bytes)
            .unwrap();
        let profile = Profile::decode(&*bytes).unwrap();

        let text = |id: i64| profile.string_table[usize::try_from(id).unwrap()].as_str();
        assert_eq!(text(0), "");
        let types: Vec<_> = profile
            .sample_type
            .iter()
            .map(|t| (text(t.kind), text(t.unit)))
            .collect();
        assert_eq!(types, [("samples", "count"), ("cpu", "nanoseconds")]);
        let named = |sample: &Sample| -> Vec<Vec<(&str, i64)>> {
            let location = |id: &u64| &profile.location[usize::try_from(*id - 1).unwrap()];
            let line = |line: &Line| {
                let function = &profile.function[usize::try_from(line.function_id - 1).unwrap()];
                (text(function.name), line.line)
            };
            let locations = sample.location_id.iter().map(location);
            locations
                .map(|location| location.line.iter().map(line).collect())
                .collect()
        };
        let [first, second] = &profile.sample[..] else {
            panic!("{profile:?}")
        };
        assert_eq!(
            named(first),
            [vec![("inlined", 5), ("inner", 3)], vec![("outer", 9)]]
        );
        assert_eq!(
            (&first.value, text(first.label[0].text)),
            (&vec![2, 20_000_000], "t1")
        );
        assert_eq!(
            (named(second), text(second.label[0].text)),
            (vec![vec![("outer", 9)]], "t2")
        );
        assert_eq!(
            (profile.function.len(), profile.location.len()),
            (3, 2),
            "each once"
        );
        assert_eq!(
            (profile.period, profile.time_nanos),
            (10_000_000, 1_700_000_000_000_000_000)
        );
    }
}
