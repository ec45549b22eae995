//! One replication stream, at the side of the standby.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt as _};
use prost::Message as _;
use ringwatch_proto::v1 as wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, Streaming};

use super::convert;
use super::meters::PeerMetrics;
use super::service::{Visitor, refuse};
use super::throttle::Throttles;
use super::{Answers, Refused};
use crate::memories::Word;

/// How many words are written ahead of what the connection takes.
pub(super) const AHEAD: usize = 16;

/// An owner that tells, and what it hears.
pub(super) struct Conversation {
    pub(super) answers: Arc<dyn Answers>,
    pub(super) metrics: PeerMetrics,
    pub(super) throttles: Arc<Throttles>,
    pub(super) visitor: Visitor,
    pub(super) messages: Streaming<wire::ReplicateRequest>,
    pub(super) words: mpsc::Receiver<Word>,
}

type Answer = Result<wire::ReplicateResponse, Status>;

/// What the owner hears. The conversation ends when this is dropped.
#[derive(Debug)]
pub struct Spoken {
    answers: ReceiverStream<Answer>,
    _task: AbortOnDropHandle<()>,
}

impl Stream for Spoken {
    type Item = Answer;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        self.answers.poll_next_unpin(context)
    }
}

impl Conversation {
    /// Begins it.
    pub(super) fn begin(self) -> Spoken {
        let (sender, answers) = mpsc::channel(AHEAD);
        Spoken {
            answers: ReceiverStream::new(answers),
            _task: AbortOnDropHandle::new(tokio::spawn(self.run(sender))),
        }
    }

    /// Listens and answers until the owner ends it, does not take the answers, or is refused.
    async fn run(self, sender: mpsc::Sender<Answer>) {
        let Self {
            answers,
            metrics,
            throttles,
            visitor,
            mut messages,
            mut words,
        } = self;
        let speak = async {
            while let Some(word) = words.recv().await {
                let response = convert::word_out(word, &metrics);
                if sender.send(Ok(response)).await.is_err() {
                    return;
                }
            }
        };
        let listen = async {
            loop {
                let message = match messages.message().await {
                    Ok(Some(message)) => message,
                    // A node of protocol 1 waits for this one answer.
                    Ok(None) => return Some(Ok(wire::ReplicateResponse::default())),
                    Err(status) => return Some(Err(status)),
                };
                metrics.received.count(message.encoded_len());
                let change = match convert::change(message) {
                    Ok(change) => change,
                    Err(fault) => return Some(Err(refuse(&metrics, &throttles, &visitor.who, &fault))),
                };
                match answers.replicated(&visitor.who, change) {
                    Ok(()) => {}
                    Err(Refused::Stale { view }) => {
                        return Some(Ok(wire::ReplicateResponse {
                            stale_view: view,
                            word: None,
                        }));
                    }
                    Err(Refused::Because(reason)) => return Some(Err(Status::failed_precondition(reason))),
                }
            }
        };
        let last = tokio::select! {
            // All that was said until then is said first.
            biased;
            () = speak => None,
            last = listen => last,
        };
        if let Some(last) = last {
            // Who does not take it has gone.
            let _ = sender.send(last).await;
        }
    }
}
