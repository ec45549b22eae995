//! The converters: what gives values.

use super::{
    Action, Function, FunctionDoc, Kind, Parameter, Run, Scalar, needed, number, optional, structure, text,
};
use crate::expr::datum::Type;

type Params = &'static [Parameter];

const fn of(name: &'static str, parameters: Params, action: Action, docs: [&'static str; 2]) -> Function {
    let [meaning, example] = docs;
    Function {
        doc: FunctionDoc {
            name,
            parameters,
            meaning,
            example,
        },
        action,
    }
}

const fn plain(
    name: &'static str,
    parameters: Params,
    result: Type,
    run: Run,
    docs: [&'static str; 2],
) -> Function {
    let action = Action::Scalar(Scalar {
        name,
        run,
        result,
        takes_null: false,
    });
    of(name, parameters, action, docs)
}

const fn with_null(
    name: &'static str,
    parameters: Params,
    result: Type,
    run: Run,
    docs: [&'static str; 2],
) -> Function {
    let action = Action::Scalar(Scalar {
        name,
        run,
        result,
        takes_null: true,
    });
    of(name, parameters, action, docs)
}

const VALUE: Params = &[needed("value", Kind::Any)];
const TARGET: Params = &[needed("target", Kind::Text)];
const NUMBER: Params = &[needed("value", Kind::Number)];
const TIME: Params = &[needed("time", Kind::Time)];
const PREFIX: Params = &[needed("value", Kind::Text), needed("prefix", Kind::Text)];
const SUFFIX: Params = &[needed("value", Kind::Text), needed("suffix", Kind::Text)];
const PATTERN: Params = &[needed("target", Kind::Any), needed("pattern", Kind::Regex)];
const SUBSTRING: Params = &[
    needed("target", Kind::Text),
    needed("start", Kind::Int),
    optional("length", Kind::Int),
];
const UNIX: Params = &[needed("seconds", Kind::Int), optional("nanoseconds", Kind::Int)];
const CASE: &[&str] = &["lower", "upper", "snake", "camel"];

#[rustfmt::skip]
pub(super) static CONVERTERS: [Function; 43] = [
    plain("Abs", NUMBER, Type::Unknown, number::abs,
        ["The number without its sign.", "Abs(attributes[\"lag\"])"]),
    with_null("Bool", VALUE, Type::Bool, number::bool,
        ["True or false: of a text such as `true`, `t` or `1`, of a number that is not 0.",
         "Bool(\"true\")"]),
    plain("Ceil", NUMBER, Type::Double, number::ceil,
        ["The next whole number from the value up, as a double.", "Ceil(1.2)"]),
    with_null("Coalesce", &[needed("values", Kind::Rest)], Type::Unknown, structure::coalesce,
        ["The first value that is not null.", "Coalesce(attributes[\"db.user\"], \"unknown\")"]),
    with_null("Concat", &[needed("values", Kind::List), needed("delimiter", Kind::Text)], Type::Text,
        text::concat, ["The texts of the values with the delimiter between. A null is an empty text.",
        "Concat([attributes[\"db.namespace\"], usename], \"/\")"]),
    plain("Contains", &[needed("target", Kind::Any), needed("text", Kind::Text)], Type::Bool, text::contains,
        ["Whether the text of the value contains a text; also written `target contains text`.",
        "Contains(body, \"deadlock\")"]),
    plain("ContainsValue", &[needed("target", Kind::List), needed("item", Kind::Any)], Type::Bool,
        structure::contains_value, ["Whether a list has an item.",
         "ContainsValue(Split(tags, \",\"), \"prod\")"]),
    plain("ConvertCase", &[needed("target", Kind::Text), needed("to_case", Kind::OneOf(CASE))], Type::Text,
        text::convert_case, ["The text in another case: `lower`, `upper`, `snake` or `camel`.",
        "ConvertCase(wait_event, \"snake\")"]),
    with_null("Double", VALUE, Type::Double, number::double,
        ["The value as a number; null for a text that is none.", "Double(\"2.5\")"]),
    plain("Floor", NUMBER, Type::Double, number::floor,
        ["The next whole number from the value down, as a double.", "Floor(1.8)"]),
    plain("FNV", TARGET, Type::Int, number::fnv,
        ["The FNV-1 hash of a text, 64 bits, as a whole number.", "FNV(body)"]),
    plain("HasPrefix", PREFIX, Type::Bool, text::has_prefix,
        ["Whether a text begins with another.", "HasPrefix(body, \"ERROR\")"]),
    plain("HasSuffix", SUFFIX, Type::Bool, text::has_suffix,
        ["Whether a text ends with another.", "HasSuffix(usename, \"_ro\")"]),
    plain("Hex", VALUE, Type::Text, number::hex,
        ["The bytes of a text, or of a number with the highest first, in hexadecimal.", "Hex(255)"]),
    plain("Index", &[needed("target", Kind::Any), needed("value", Kind::Any)], Type::Int, structure::index,
        ["Where a text is in a text, in characters, or a value in a list; -1 where it is not.",
        "Index(body, \":\")"]),
    with_null("Int", VALUE, Type::Int, number::int,
        ["The value as a whole number, cut towards 0; null for a text that is none.",
         "Int(attributes[\"pid\"])"]),
    with_null("IsBool", VALUE, Type::Bool, structure::is_bool,
        ["Whether it is true or false.", "IsBool(toplevel)"]),
    with_null("IsDouble", VALUE, Type::Bool, structure::is_double,
        ["Whether it is a double.", "IsDouble(mean_exec_time)"]),
    with_null("IsInt", VALUE, Type::Bool, structure::is_int,
        ["Whether it is a whole number.", "IsInt(calls)"]),
    with_null("IsList", VALUE, Type::Bool, structure::is_list,
        ["Whether it is a list.", "IsList(ParseJSON(body))"]),
    with_null("IsMap", VALUE, Type::Bool, structure::is_map,
        ["Whether it is a map.", "IsMap(ParseJSON(body))"]),
    of("IsMatch", PATTERN, Action::Match,
        ["Whether the text of the value matches a regular expression; also `target matches pattern`.",
        "IsMatch(body, \"^(FATAL|PANIC)\")"]),
    with_null("IsString", VALUE, Type::Bool, structure::is_string,
        ["Whether it is a text.", "IsString(body)"]),
    plain("Len", &[needed("target", Kind::Any)], Type::Int, structure::len,
        ["How many characters a text has, or how many entries a list or map.", "Len(body)"]),
    plain("Log", NUMBER, Type::Double, number::log,
        ["The natural logarithm; null for what has none.", "Log(calls)"]),
    of("Now", &[], Action::Now,
        ["The time at which the frame is processed. Not in conditions of the sampler, which \
        decide alike on every node.", "set(attributes[\"seen\"], UnixSeconds(Now()))"]),
    plain("ParseJSON", TARGET, Type::Unknown, structure::parse_json,
        ["What a JSON text says: a map, list or single value.", "ParseJSON(body)[\"user\"][\"id\"]"]),
    plain("Round", NUMBER, Type::Double, number::round,
        ["The nearest whole number, halves away from 0, as a double.", "Round(1.5)"]),
    plain("SHA256", TARGET, Type::Text, number::sha256,
        ["The SHA-256 of a text in hexadecimal.", "SHA256(attributes[\"db.user\"])"]),
    plain("Split", &[needed("target", Kind::Text), needed("delimiter", Kind::Text)], Type::List, text::split,
        ["The parts of a text as a list.", "Split(client_addr, \".\")[0]"]),
    plain("String", VALUE, Type::Text, text::string,
        ["The text of a value; lists and maps as JSON.", "String(pid)"]),
    plain("Substring", SUBSTRING, Type::Text, text::substring,
        ["So many characters from a position, counted from 0; what is beyond the end is \
        left out.", "Substring(body, 0, 500)"]),
    plain("ToLowerCase", TARGET, Type::Text, text::lower,
        ["The text in small letters.", "ToLowerCase(state)"]),
    plain("ToUpperCase", TARGET, Type::Text, text::upper, ["The text in capitals.", "ToUpperCase(state)"]),
    plain("Trim", &[needed("target", Kind::Text), optional("cutset", Kind::Text)], Type::Text, text::trim,
        ["The text without these characters, or blanks, at both ends.", "Trim(body, \" ;\")"]),
    plain("TrimPrefix", PREFIX, Type::Text, text::trim_prefix,
        ["The text without a prefix.", "TrimPrefix(body, \"LOG: \")"]),
    plain("TrimSuffix", SUFFIX, Type::Text, text::trim_suffix,
        ["The text without a suffix.", "TrimSuffix(body, \";\")"]),
    plain("Unix", UNIX, Type::Time, number::unix,
        ["A time from seconds since the Unix epoch.", "Unix(1700000000)"]),
    plain("UnixMicro", TIME, Type::Int, number::unix_micro,
        ["Microseconds since the Unix epoch.", "UnixMicro(query_start)"]),
    plain("UnixMilli", TIME, Type::Int, number::unix_milli,
        ["Milliseconds since the Unix epoch.", "UnixMilli(query_start)"]),
    plain("UnixNano", TIME, Type::Int, number::unix_nano,
        ["Nanoseconds since the Unix epoch.", "UnixNano(Now())"]),
    plain("UnixSeconds", TIME, Type::Int, number::unix_seconds,
        ["Seconds since the Unix epoch.", "UnixSeconds(Now())"]),
    plain("XXH3", TARGET, Type::Text, number::xxh3,
        ["The XXH3 hash of a text, 64 bits, in hexadecimal.", "XXH3(body)"]),
];
