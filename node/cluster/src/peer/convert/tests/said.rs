//! What standbys say, to a message and back.

use super::*;
use crate::memories::{CoverWord, Leave, Word};

fn cover() -> impl Strategy<Value = CoverWord> {
    let parts = (
        stream_id(),
        prop::option::of(1..FIRST),
        1..FIRST,
        prop::option::of(baseline()),
        any::<bool>(),
    );
    parts.prop_map(|(stream, tick, last, baseline, reading)| CoverWord {
        stream,
        tick: tick.map(Tick::from_unix_nanos),
        taken: tick.filter(|tick| tick % 2 == 0).map(Tick::from_unix_nanos),
        last: Tick::from_unix_nanos(last),
        baseline,
        reading,
    })
}

fn any_word() -> impl Strategy<Value = Word> {
    prop_oneof![
        (stream_id(), 1..FIRST, any::<bool>()).prop_map(|(stream, tick, kept)| Word::Taken {
            target: db(),
            stream,
            tick: Tick::from_unix_nanos(tick),
            kept,
        }),
        cover().prop_map(|cover| Word::Covered { target: db(), cover }),
        any::<(u64, bool)>().prop_map(|(serial, kept)| Word::Synced {
            target: db(),
            serial,
            kept
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_word_survives_the_way_to_a_message_and_back(said in any_word(), yes in any::<bool>()) {
        let message = word_out(said.clone(), &metrics()).encode_to_vec();
        let message = wire::ReplicateResponse::decode(message.as_slice()).unwrap();
        prop_assert_eq!(word_in(message).unwrap(), Some(said.clone()));
        if let Word::Covered { cover, .. } = said {
            let stream = cover.stream.clone();
            let leave = Leave { yes, covered: Some(cover), later: !yes };
            let message = leave_out(&db(), leave.clone(), &metrics());
            prop_assert_eq!(leave_in(&db(), &stream, message).unwrap(), leave);
        }
    }
}
