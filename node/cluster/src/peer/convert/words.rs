//! What standbys say to owners, and owners ask of them, there and back.

use std::collections::BTreeMap;
use std::time::Duration;

use ringwatch_frame::{StreamId, TargetId, Tick};
use ringwatch_proto::v1 as wire;
use ringwatch_proto::v1::replicate_response::Word as Said;

use super::{
    About, MAX_MEMORY, Malformed, Part, PeerMetrics, baseline_in, check_name, fit, frames, maybe_tick_in,
    some, stream_in, stream_out, target, tick_in, tick_out,
};
use crate::member::NodeId;
use crate::memories::{CoverWord, Leave, Word};
use crate::peer::{Late, MOST_MOVES};

/// A node's name that came in.
pub(in crate::peer) fn node(name: &str) -> Result<NodeId, Malformed> {
    check_name("node_id", name)?;
    Ok(NodeId::new(name))
}

/// The covered ticks of a snapshot.
pub(super) fn covers_out(covers: &BTreeMap<StreamId, Tick>, memory: &mut wire::TargetMemory) {
    for stream in &mut memory.streams {
        let id = stream
            .stream
            .clone()
            .and_then(|stream| stream_in(Some(stream)).ok());
        stream.covered_tick = tick_out(id.and_then(|id| covers.get(&id).copied()));
    }
}

/// The covered ticks of a snapshot.
pub(super) fn covers_in(memory: &wire::TargetMemory) -> Result<BTreeMap<StreamId, Tick>, Malformed> {
    let mut covers = BTreeMap::new();
    for stream in &memory.streams {
        if let Some(tick) = maybe_tick_in(stream.covered_tick)? {
            covers.insert(stream_in(stream.stream.clone())?, tick);
        }
    }
    Ok(covers)
}

/// The message of a word.
pub(in crate::peer) fn word_out(word: Word, metrics: &PeerMetrics) -> wire::ReplicateResponse {
    let word = match word {
        Word::Taken {
            target,
            stream,
            tick,
            kept,
        } => Said::Taken(wire::Taken {
            target_id: target.to_string(),
            stream: Some(stream_out(&stream)),
            tick: tick.unix_nanos(),
            kept,
        }),
        Word::Covered { target, cover } => Said::Covered(cover_out(&target, cover, metrics)),
        Word::Synced { target, serial, kept } => Said::Synced(wire::Synced {
            target_id: target.to_string(),
            serial,
            kept,
        }),
    };
    wire::ReplicateResponse {
        stale_view: 0,
        word: Some(word),
    }
}

/// The word in a message; `None`: it says nothing that this version knows.
pub(in crate::peer) fn word_in(response: wire::ReplicateResponse) -> Result<Option<Word>, Malformed> {
    let Some(word) = response.word else {
        return Ok(None);
    };
    Ok(Some(match word {
        Said::Taken(taken) => Word::Taken {
            target: target(&taken.target_id)?,
            stream: stream_in(taken.stream)?,
            tick: tick_in(taken.tick)?,
            kept: taken.kept,
        },
        Said::Covered(covered) => {
            let (target, cover) = cover_in(covered)?;
            Word::Covered { target, cover }
        }
        Said::Synced(synced) => Word::Synced {
            target: target(&synced.target_id)?,
            serial: synced.serial,
            kept: synced.kept,
        },
    }))
}

/// A baseline that is too large is left out: its stream begins anew.
fn cover_out(target: &TargetId, cover: CoverWord, metrics: &PeerMetrics) -> wire::Covered {
    let about = About {
        target,
        stream: &cover.stream,
    };
    let known = cover.baseline.is_some();
    let bytes = cover.baseline.and_then(|rows| {
        fit(frames::encode_baseline(about, cover.last, &rows), &mut {
            MAX_MEMORY
        })
    });
    metrics.trim(Part::Baseline, usize::from(known && bytes.is_none()));
    wire::Covered {
        target_id: target.to_string(),
        stream: Some(stream_out(&cover.stream)),
        tick: tick_out(cover.tick),
        last_tick: cover.last.unix_nanos(),
        baseline: bytes.unwrap_or_default(),
        reading: cover.reading,
        taken_tick: tick_out(cover.taken),
    }
}

fn cover_in(covered: wire::Covered) -> Result<(TargetId, CoverWord), Malformed> {
    let target = target(&covered.target_id)?;
    let stream = stream_in(covered.stream)?;
    let last = tick_in(covered.last_tick)?;
    let about = About {
        target: &target,
        stream: &stream,
    };
    let baseline = some(&covered.baseline)
        .map(|bytes| baseline_in(about, last, bytes))
        .transpose()?;
    let cover = CoverWord {
        tick: maybe_tick_in(covered.tick)?,
        taken: maybe_tick_in(covered.taken_tick)?,
        last,
        baseline,
        reading: covered.reading,
        stream,
    };
    Ok((target, cover))
}

/// The question of an owner that is late.
pub(in crate::peer) fn late_out(late: &Late) -> wire::MayRequest {
    wire::MayRequest {
        target_id: late.target.to_string(),
        stream: Some(stream_out(&late.stream)),
        tick: late.tick.unix_nanos(),
        covered_tick: tick_out(late.known),
        view: late.epoch,
    }
}

/// The question of an owner that is late.
pub(in crate::peer) fn late_in(request: wire::MayRequest) -> Result<Late, Malformed> {
    Ok(Late {
        target: target(&request.target_id)?,
        stream: stream_in(request.stream)?,
        tick: tick_in(request.tick)?,
        known: maybe_tick_in(request.covered_tick)?,
        epoch: request.view,
    })
}

/// The answer to an owner that is late.
pub(in crate::peer) fn leave_out(
    target: &TargetId,
    leave: Leave,
    metrics: &PeerMetrics,
) -> wire::MayResponse {
    wire::MayResponse {
        yes: leave.yes,
        covered: leave.covered.map(|cover| cover_out(target, cover, metrics)),
        later: leave.later,
    }
}

/// The answer to an owner that is late with a tick of this stream.
pub(in crate::peer) fn leave_in(
    target: &TargetId,
    stream: &StreamId,
    response: wire::MayResponse,
) -> Result<Leave, Malformed> {
    let covered = response.covered.map(cover_in).transpose()?;
    if covered
        .as_ref()
        .is_some_and(|(of, cover)| of != target || cover.stream != *stream)
    {
        return Err(Malformed::Twice("covered"));
    }
    Ok(Leave {
        yes: response.yes,
        covered: covered.map(|(_, cover)| cover),
        later: response.later,
    })
}

/// How long ago a target changed its owner.
pub(in crate::peer) fn moves_out(moves: &[Duration]) -> Vec<u32> {
    let millis = |ago: &Duration| u32::try_from(ago.as_millis()).unwrap_or(u32::MAX);
    moves.iter().take(MOST_MOVES).map(millis).collect()
}

/// How long ago a target changed its owner. What is too much is left out.
pub(in crate::peer) fn moves_in(moves: &[u32]) -> Vec<Duration> {
    let ago = |millis: &u32| Duration::from_millis(u64::from(*millis));
    moves.iter().take(MOST_MOVES).map(ago).collect()
}
