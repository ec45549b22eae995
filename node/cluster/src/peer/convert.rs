//! Messages to our own types and back. What comes in may hold anything: what is malformed becomes a
//! [`Malformed`].

#[cfg(test)]
mod tests;
mod words;

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use prost::Message as _;
use prost::bytes::Bytes;
use ringwatch_frame::{PendingFrame, StreamId, StreamMemory, TargetId, TargetMemory, Tick};
use ringwatch_proto::v1 as wire;
use ringwatch_proto::v1::replicate_request::What;

use super::frames::{self, About, FrameFault};
use super::meters::{Part, PeerMetrics};
use super::{MAX_COMPANION, MAX_MEMORY, Recalled};
use crate::memories::{Change, EndedTick, MAX_FRAMES, MAX_STREAMS};

pub(super) use self::words::{
    late_in, late_out, leave_in, leave_out, moves_in, moves_out, node, word_in, word_out,
};

/// The longest name of a target, a stream or a database, in bytes.
const MAX_NAME: usize = 1024;
/// How many targets one message may ask about.
pub(super) const MAX_TARGETS: usize = 10_000;
/// The first instant after the year 2200: no clock shows it, and nothing that is computed with earlier ones
/// overflows.
const END_OF_TIME: i64 = 7_258_118_400 * 1_000_000_000;

/// What is wrong with a message.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    /// A field is not there.
    #[error("`{0}` is absent")]
    Absent(&'static str),
    /// A name is empty, too long, or holds what no name holds.
    #[error("`{0}` is not a name")]
    Name(&'static str),
    /// A tick lies before 1970 or after 2200.
    #[error("{0} is not the time of a tick")]
    Tick(i64),
    /// There is too much of something.
    #[error("there are {found} {what}, more than {most}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// Something is there twice, or out of order.
    #[error("`{0}` is there twice or out of order")]
    Twice(&'static str),
    /// A baseline or a frame without the tick to which it belongs.
    #[error("there is a `{0}`, but no tick ended")]
    WithoutTick(&'static str),
    /// A frame or baseline is not what it should be.
    #[error("`{field}`: {source}")]
    Frame {
        /// Which.
        field: &'static str,
        /// Why.
        source: FrameFault,
    },
}

/// A name that came in.
pub(super) fn target(name: &str) -> Result<TargetId, Malformed> {
    check_name("target_id", name)?;
    Ok(TargetId::from_name(name))
}

/// The targets that a peer asks about.
pub(super) fn targets(names: &[String]) -> Result<Vec<TargetId>, Malformed> {
    check_count("targets", names.len(), MAX_TARGETS)?;
    names.iter().map(|name| target(name)).collect()
}

/// The message of a change. What Arrow cannot write or is too large for any message is left out; where that
/// leaves the standby with something wrong, the message makes it begin the stream anew.
pub(super) fn request(change: Change, metrics: &PeerMetrics) -> wire::ReplicateRequest {
    let (mut epoch, mut name) = (0, 0);
    let what = match change {
        Change::Snapshot {
            target,
            memory,
            covers,
            serial,
            view,
        } => {
            (epoch, name) = (view, serial);
            let mut memory = memory_out(&target, &memory, &mut { MAX_MEMORY }, metrics);
            words::covers_out(&covers, &mut memory);
            What::Snapshot(memory)
        }
        Change::Ended { target, ended } => {
            let EndedTick {
                stream,
                tick,
                baseline,
                frame,
                based,
                unreachable,
                anew,
            } = ended;
            let about = About {
                target: &target,
                stream: &stream,
            };
            let mut room = MAX_MEMORY;
            let known = baseline.is_some();
            let baseline =
                baseline.and_then(|rows| fit(frames::encode_baseline(about, tick, &rows), &mut room));
            // With the baseline of an earlier tick, a successor would count twice what was read since.
            let anew = anew || (known && baseline.is_none());
            metrics.trim(Part::Baseline, usize::from(known && baseline.is_none()));
            let bytes = frame
                .as_ref()
                .and_then(|frame| fit(frames::encode_frame(frame), &mut room));
            metrics.trim(Part::Frame, usize::from(frame.is_some() && bytes.is_none()));
            What::Ended(wire::TickEnded {
                target_id: target.to_string(),
                stream: Some(stream_out(&stream)),
                tick: tick.unix_nanos(),
                baseline: baseline.unwrap_or_default(),
                frame: bytes.unwrap_or_default(),
                covered_tick: tick_out(based),
                unreachable,
                anew,
            })
        }
        Change::Settled { target, stream, tick } => What::Settled(wire::Settled {
            target_id: target.to_string(),
            stream: Some(stream_out(&stream)),
            tick: tick.unix_nanos(),
        }),
        Change::Release(target) => What::Release(target.to_string()),
        Change::Forget { target, stream } => What::Forget(wire::Forget {
            target_id: target.to_string(),
            stream: Some(stream_out(&stream)),
        }),
    };
    wire::ReplicateRequest {
        what: Some(what),
        view: epoch,
        serial: name,
    }
}

/// The change in a message.
pub(super) fn change(request: wire::ReplicateRequest) -> Result<Change, Malformed> {
    let (view, serial) = (request.view, request.serial);
    Ok(match request.what.ok_or(Malformed::Absent("what"))? {
        What::Snapshot(memory) => {
            let covers = words::covers_in(&memory)?;
            let (target, memory) = memory_in(memory)?;
            Change::Snapshot {
                target,
                memory,
                covers,
                serial,
                view,
            }
        }
        What::Ended(ended) => {
            let (target, stream) = (target(&ended.target_id)?, stream_in(ended.stream)?);
            let tick = tick_in(ended.tick)?;
            let about = About {
                target: &target,
                stream: &stream,
            };
            let baseline = some(&ended.baseline)
                .map(|bytes| baseline_in(about, tick, bytes))
                .transpose()?;
            let frame = some(&ended.frame)
                .map(|bytes| frame_in(about, bytes))
                .transpose()?;
            if frame.as_ref().is_some_and(|frame| frame.meta.id.tick != tick) {
                return Err(of_frame(FrameFault::Identity));
            }
            let ended = EndedTick {
                stream,
                tick,
                baseline,
                frame,
                based: maybe_tick_in(ended.covered_tick)?,
                unreachable: ended.unreachable,
                anew: ended.anew,
            };
            Change::Ended { target, ended }
        }
        What::Settled(settled) => Change::Settled {
            target: target(&settled.target_id)?,
            stream: stream_in(settled.stream)?,
            tick: tick_in(settled.tick)?,
        },
        What::Release(name) => Change::Release(target(&name)?),
        What::Forget(forget) => Change::Forget {
            target: target(&forget.target_id)?,
            stream: stream_in(forget.stream)?,
        },
    })
}

/// The message of a memory, of at most `room` bytes, which are taken. Where it does not fit, the oldest
/// pending frames are left out first, then the largest baselines.
pub(super) fn memory_out(
    target: &TargetId,
    memory: &TargetMemory,
    room: &mut usize,
    metrics: &PeerMetrics,
) -> wire::TargetMemory {
    let bare = |(id, stream): (&StreamId, &StreamMemory)| wire::StreamMemory {
        stream: Some(stream_out(id)),
        last_tick: tick_out(stream.last),
        baseline: Bytes::new(),
        pending: Vec::new(),
        covered_tick: 0,
    };
    let mut streams: Vec<wire::StreamMemory> = memory.iter().map(bare).collect();
    streams.retain(|stream| take_room(stream.encoded_len() + OVERHEAD, room));

    let mut baselines = Vec::new();
    for (at, (id, stream)) in memory.iter().enumerate() {
        if let (Some(rows), Some(tick)) = (&stream.baseline, stream.last) {
            let about = About { target, stream: id };
            baselines.push((at, frames::encode_baseline(about, tick, rows)));
        }
    }
    baselines.sort_by_key(|(_, bytes)| bytes.as_ref().map_or(0, Vec::len));
    let mut left_out = 0;
    for (at, bytes) in baselines {
        match (streams.get_mut(at), fit(bytes, room)) {
            (Some(stream), Some(bytes)) => stream.baseline = bytes,
            _ => left_out += 1,
        }
    }
    metrics.trim(Part::Baseline, left_out);

    let pending = |(at, stream)| -> Vec<(usize, &PendingFrame)> {
        let stream: &StreamMemory = stream;
        stream.pending.iter().map(|frame| (at, frame)).collect()
    };
    let mut pending: Vec<_> = memory.values().enumerate().flat_map(pending).collect();
    pending.sort_by_key(|(_, frame)| Reverse(frame.meta.id.tick));
    let mut left_out = 0;
    for (at, frame) in pending {
        // Once one does not fit, all that are older are left out, so that what is there is without a hole.
        let bytes = (left_out == 0)
            .then(|| fit(frames::encode_frame(frame), room))
            .flatten();
        match (streams.get_mut(at), bytes) {
            (Some(stream), Some(bytes)) => stream.pending.push(bytes),
            _ => left_out += 1,
        }
    }
    streams.iter_mut().for_each(|stream| stream.pending.reverse());
    metrics.trim(Part::Frame, left_out);
    wire::TargetMemory {
        target_id: target.to_string(),
        streams,
    }
}

/// The target and the memory in a message.
pub(super) fn memory_in(memory: wire::TargetMemory) -> Result<(TargetId, TargetMemory), Malformed> {
    let target = target(&memory.target_id)?;
    check_count("streams", memory.streams.len(), MAX_STREAMS)?;
    let frames = memory.streams.iter().map(|stream| stream.pending.len()).sum();
    check_count("frames", frames, MAX_FRAMES)?;
    let mut streams = BTreeMap::new();
    for stream in memory.streams {
        let id = stream_in(stream.stream)?;
        let about = About {
            target: &target,
            stream: &id,
        };
        let last = maybe_tick_in(stream.last_tick)?;
        let baseline = match (some(&stream.baseline), last) {
            (Some(bytes), Some(tick)) => Some(baseline_in(about, tick, bytes)?),
            (Some(_), None) => return Err(Malformed::WithoutTick("baseline")),
            (None, _) => None,
        };
        let mut pending: VecDeque<PendingFrame> = VecDeque::new();
        for bytes in &stream.pending {
            let frame = frame_in(about, bytes)?;
            let tick = frame.meta.id.tick;
            tick_in(tick.unix_nanos())?;
            if pending.back().is_some_and(|before| before.meta.id.tick >= tick) {
                return Err(Malformed::Twice("pending"));
            }
            if last.is_some_and(|last| tick > last) {
                return Err(Malformed::WithoutTick("pending"));
            }
            pending.push_back(frame);
        }
        let stream = StreamMemory {
            last,
            baseline,
            pending,
        };
        if streams.insert(id, stream).is_some() {
            return Err(Malformed::Twice("stream"));
        }
    }
    Ok((target, streams))
}

/// What goes along with a target that is handed over.
pub(super) fn companion(bytes: Vec<u8>) -> Result<Vec<u8>, Malformed> {
    check_count("bytes of a companion", bytes.len(), MAX_COMPANION)?;
    Ok(bytes)
}

/// The message of what we know of targets. Memories for which there is no room are left out.
pub(super) fn recalled_out(recalled: Vec<Recalled>, metrics: &PeerMetrics) -> wire::RecallResponse {
    let mut room = MAX_MEMORY;
    let out = |recalled: Recalled| {
        let mut out = |memory| memory_out(&recalled.target, memory, &mut room, metrics);
        wire::Recalled {
            target_id: recalled.target.to_string(),
            owned: recalled.owned,
            memory: recalled.memory.as_ref().map(&mut out),
            delivers: recalled.delivers,
            doubtful: (!recalled.doubtful.is_empty()).then(|| out(&recalled.doubtful)),
            moves: moves_out(&recalled.moves),
        }
    };
    wire::RecallResponse {
        targets: recalled.into_iter().map(out).collect(),
        stale_view: 0,
    }
}

/// What a peer knows of targets.
pub(super) fn recalled_in(response: wire::RecallResponse) -> Result<Vec<Recalled>, Malformed> {
    check_count("targets", response.targets.len(), MAX_TARGETS)?;
    let recalled = |recalled: wire::Recalled| {
        let name = target(&recalled.target_id)?;
        let memory = recalled.memory.map(memory_in).transpose()?;
        let doubtful = recalled.doubtful.map(memory_in).transpose()?;
        if [&memory, &doubtful]
            .into_iter()
            .flatten()
            .any(|(of, _)| *of != name)
        {
            return Err(Malformed::Twice("target_id"));
        }
        Ok(Recalled {
            target: name,
            owned: recalled.owned,
            memory: memory.map(|(_, memory)| memory),
            delivers: recalled.delivers,
            doubtful: doubtful.map(|(_, memory)| memory).unwrap_or_default(),
            moves: moves_in(&recalled.moves),
        })
    };
    response.targets.into_iter().map(recalled).collect()
}

/// What a field costs besides its bytes, at most.
const OVERHEAD: usize = 16;

/// Bytes that could be written and for which there is room.
fn fit<E>(bytes: Result<Vec<u8>, E>, room: &mut usize) -> Option<Bytes> {
    let bytes = bytes.ok()?;
    take_room(bytes.len() + OVERHEAD, room).then(|| bytes.into())
}

fn take_room(bytes: usize, room: &mut usize) -> bool {
    let left = room.checked_sub(bytes);
    *room = left.unwrap_or(*room);
    left.is_some()
}

fn stream_out(stream: &StreamId) -> wire::StreamId {
    wire::StreamId {
        name: stream.name().to_owned(),
        database: stream.database().unwrap_or_default().to_owned(),
    }
}

fn stream_in(stream: Option<wire::StreamId>) -> Result<StreamId, Malformed> {
    let stream = stream.ok_or(Malformed::Absent("stream"))?;
    check_name("stream.name", &stream.name)?;
    if stream.database.is_empty() {
        return Ok(StreamId::of_server(&stream.name));
    }
    // A database may be called whatever its owner likes, so only the length counts.
    if stream.database.len() > MAX_NAME {
        return Err(Malformed::Name("stream.database"));
    }
    Ok(StreamId::of_database(&stream.name, &stream.database))
}

fn tick_in(nanos: i64) -> Result<Tick, Malformed> {
    if !(1..END_OF_TIME).contains(&nanos) {
        return Err(Malformed::Tick(nanos));
    }
    Ok(Tick::from_unix_nanos(nanos))
}

/// 0 stands for none.
fn maybe_tick_in(nanos: i64) -> Result<Option<Tick>, Malformed> {
    (nanos != 0).then(|| tick_in(nanos)).transpose()
}

fn tick_out(tick: Option<Tick>) -> i64 {
    tick.map_or(0, Tick::unix_nanos)
}

fn baseline_in(about: About<'_>, tick: Tick, bytes: &[u8]) -> Result<arrow_array::RecordBatch, Malformed> {
    let fault = |source| Malformed::Frame {
        field: "baseline",
        source,
    };
    frames::decode_baseline(about, tick, bytes).map_err(fault)
}

fn frame_in(about: About<'_>, bytes: &[u8]) -> Result<PendingFrame, Malformed> {
    frames::decode_frame(about, bytes).map_err(of_frame)
}

fn of_frame(source: FrameFault) -> Malformed {
    Malformed::Frame {
        field: "frame",
        source,
    }
}

fn some(bytes: &Bytes) -> Option<&Bytes> {
    (!bytes.is_empty()).then_some(bytes)
}

fn check_name(what: &'static str, name: &str) -> Result<(), Malformed> {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Malformed::Name(what));
    }
    Ok(())
}

fn check_count(what: &'static str, found: usize, most: usize) -> Result<(), Malformed> {
    if found > most {
        return Err(Malformed::TooMany { what, found, most });
    }
    Ok(())
}
