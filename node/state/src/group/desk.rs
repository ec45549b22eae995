//! Answers the calls of other nodes.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use openraft::raft::{AppendEntriesRequest, VoteRequest};
use ringwatch_proto::v1;

use super::propose::{Origin, Written};
use super::types::Types;
use super::{Core, Run, admission, handover, sane};
use crate::network::{Answers, CallError, Method, Part, decode, decode_message, encode, encode_message};

/// Answers calls with the present run.
pub(crate) struct Desk(pub(crate) Arc<Core>);

impl Answers for Desk {
    fn answer(&self, method: Method, request: v1::RaftRequest) -> BoxFuture<'_, Result<Bytes, CallError>> {
        Box::pin(self.reply(method, request))
    }
}

impl Desk {
    async fn reply(&self, method: Method, request: v1::RaftRequest) -> Result<Bytes, CallError> {
        let refuse = |why: &str| CallError::Refused(why.into());
        let run = self.0.run();
        let run = run.ok_or_else(|| refuse("this node's part of the group does not run now"))?;
        let envelope = request
            .envelope
            .ok_or_else(|| refuse("the call has no envelope"))?;
        run.identity.check(&envelope)?;
        let (group, from) = (envelope.group, envelope.from_raft);
        let payload = request.payload;
        if method != Method::Promise {
            admission::is_ours(&run, group)?;
        }
        // What is malformed must not even take this store into a group.
        match method {
            Method::Promise => {
                let answer = admission::answer(&run, &decode_message(payload)?).await?;
                Ok(encode_message(&answer))
            }
            Method::Append => {
                let entries: AppendEntriesRequest<Types> = decode(&payload)?;
                sane::append(&entries, from)?;
                admission::admit(&run, group, method).await?;
                append(&run, envelope.leads, entries).await
            }
            Method::Vote => {
                let vote: VoteRequest<u64> = decode(&payload)?;
                sane::vote(&vote, from)?;
                admission::admit(&run, group, method).await?;
                let answer = run.raft.vote(vote).await;
                encode(&answer.map_err(|error| CallError::Lost(error.to_string()))?)
            }
            Method::Snapshot => {
                let part: Part = decode(&payload)?;
                sane::part(&part, from)?;
                admission::admit(&run, group, method).await?;
                let size = i64::try_from(part.total).unwrap_or(i64::MAX);
                self.0.metrics.snapshot_bytes.set(size);
                encode(&run.receiver.take(&run.raft, from, part).await?)
            }
            Method::Propose => {
                admission::admit(&run, group, method).await?;
                let answer = self.propose(&run, &envelope, decode_message(payload)?).await;
                Ok(encode_message(&answer))
            }
            Method::Campaign => {
                admission::admit(&run, group, method).await?;
                let accepted = handover::campaign(&run, from, &decode_message(payload)?).await;
                Ok(encode_message(&v1::CampaignResponse { accepted }))
            }
        }
    }

    async fn propose(
        &self,
        run: &Run,
        envelope: &v1::RaftEnvelope,
        request: v1::ProposeRequest,
    ) -> v1::ProposeResponse {
        use v1::propose_response::Outcome;
        let origin = Origin {
            node: envelope.from_node.clone(),
            generation: envelope.from_generation,
        };
        let outcome = match run.write(&self.0, origin, request).await {
            Written::Done(answers) => Outcome::Answers(v1::StateAnswers { answers }),
            Written::NotLeader(leader) => Outcome::NotLeader(leader.unwrap_or_default()),
            Written::Refused(why) => Outcome::Refused(why),
            // Another will lead soon.
            Written::Failed(_) => Outcome::NotLeader(String::new()),
            Written::Unknown => Outcome::Unknown(true),
        };
        v1::ProposeResponse {
            outcome: Some(outcome),
        }
    }
}

async fn append(run: &Run, leads: bool, entries: AppendEntriesRequest<Types>) -> Result<Bytes, CallError> {
    let answer = run.raft.append_entries(entries).await;
    let answer = answer.map_err(|error| CallError::Lost(error.to_string()))?;
    if leads && (answer.is_success() || answer.is_conflict()) {
        run.hear();
    }
    encode(&answer)
}
