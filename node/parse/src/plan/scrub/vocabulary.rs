//! The words that the keys of plans are made of.

/// Longer keys are none.
const KEY: usize = 80;

/// All words of the keys of all engines, as far as they are known.
const WORDS: &str = "\
    access accessed actual algorithm alias allocated arbiter async attached average aware backward \
    batches bits block blocks buckets buffer buffers build by bytes cache cacheable call calls capable \
    capacity checked chunk clause columns command cond condition conditions conflict conflicting \
    constraint copy cost count covering cte custom data deduplicate deform deforming delete deleted \
    dependent derived direction dirtied disabled disk distinct distributed duplicates each emission ends \
    engine estimated estimates eval evictions exact examined except execution exists expression \
    expressions extra fetches fields file filesort filter filtered first firstmatch for foreign format \
    fpi from full function functions generation group grouping groups hash hashagg hashed having heading \
    heap hit hits i id identifier ids impossible index indexes info inlining inner inputs insert \
    inserted intersect into items jit job join json key keys last lateral launched length limit list \
    local location lookup lookups loop loops loosescan lossy match materialized maximum memory merge \
    message method methods minimum misses mode mrr ms name nested nl node nodes not o offset one \
    operation optimization options order ordering original other outer output overflows pages parallel \
    parameters parent partial partition partitions parts passes peak per percent plan planned planner \
    planning plans possible pre prefix presorted priority produced provider pseudo pushed queries query \
    queue r range ranges ratio read recheck record records recursive ref references relation relations \
    relationship remote removal removed repeatable replace replaces resolution result row rowid rows run \
    runtime sampling scan schema searches seed select semi serialization sets settings shared sharing \
    shown single size skip skipped sort sorted space specifications sql starts startup stats storage \
    strategy sub subplan subplans subqueries subquery table tables target task tasks temp temporary text \
    tid time timing timings tmp total trigger triggers tuples tuplestore type union unique unpack update \
    updated usage used using version volume wal where width window windowing windows with worker workers \
    write written";

/// Whether a text can be a key at all.
pub(super) fn is_key(key: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b" _-/.()$".contains(&b);
    key.len() <= KEY && key.bytes().all(is_plain)
}

/// Whether a key is made of nothing but words of keys. Where a text is not valid, what looks like a key may
/// be a part of a literal.
pub(crate) fn is_known(key: &str) -> bool {
    let mut words = key.split([' ', '_', '-', '/']).filter(|word| !word.is_empty());
    words.all(|word| WORDS.split(' ').any(|known| known.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_words() {
        for key in [
            "Node Type",
            "Rows Removed by Index Recheck",
            "I/O Read Time",
            "r_total_time_ms",
            "using_index",
        ] {
            assert!(is_key(key) && is_known(key), "{key}");
        }
        for key in ["secret", "Node Secret", "rows_of_joe", "7"] {
            assert!(!is_known(key), "{key}");
        }
        assert!(!is_key("it's") && !is_key(&"k".repeat(KEY + 1)));
    }
}
