//! Service `Verification`: what the verification of any node has found, and what users say of it.

use std::sync::Arc;

use futures::future::join_all;
use ringwatch_cluster::member::{Member, State};
use ringwatch_cluster::node::Knowledge;
use ringwatch_pipeline::verification::{
    FeedbackError, Finding, FindingId, Verdict, VerificationControl, VerificationStatus,
};
use ringwatch_proto::v1;
use ringwatch_proto::v1::verification_client::VerificationClient;
use ringwatch_proto::v1::verification_server::Verification;
use tokio::sync::watch;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use super::convert::timestamp;
use super::forward::{DEADLINE, ask, is_forwarded, marked};

/// Findings that are listed where no number is given, and at most.
const LISTED: usize = 100;
const MOST: usize = 10_000;
/// No member has more to say.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;
/// The longest name that is written to the log.
const LONGEST_NAME: usize = 64;

/// Answers clients.
pub(super) struct VerificationService {
    controls: Vec<VerificationControl>,
    knowledge: watch::Receiver<Arc<Knowledge>>,
}

impl VerificationService {
    pub(super) fn new(
        controls: Vec<VerificationControl>,
        knowledge: watch::Receiver<Arc<Knowledge>>,
    ) -> Self {
        Self { controls, knowledge }
    }

    /// The other members that may answer.
    fn others(&self) -> Vec<Member> {
        let known = Arc::clone(&self.knowledge.borrow());
        let others = known.members.iter().filter(|member| member.who.node != known.me);
        let others = others.filter(|member| !matches!(member.state, State::Dead | State::Joining));
        others.map(|known| known.member.clone()).collect()
    }

    fn me(&self) -> String {
        self.knowledge.borrow().me.to_string()
    }

    fn own_findings(&self, limit: usize) -> Vec<v1::VerificationFinding> {
        let me = self.me();
        let of = |control: &VerificationControl| {
            let name = control.status().name;
            let found = control.findings(limit).into_iter();
            found.map(|finding| wire(finding, &name, &me)).collect::<Vec<_>>()
        };
        self.controls.iter().flat_map(of).collect()
    }

    /// What became of feedback on a finding of this node; `None` where there is no such finding.
    fn own_feedback(&self, id: FindingId, wanted: &v1::GiveFeedbackRequest) -> Option<Answer> {
        let who: String = wanted
            .who
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST_NAME)
            .collect();
        let verdict = if wanted.wrong {
            Verdict::Wrong
        } else {
            Verdict::Right
        };
        self.controls
            .iter()
            .find_map(|control| match control.feedback(id, verdict, &who) {
                Ok(finding) => Some(Ok(Response::new(v1::GiveFeedbackResponse {
                    finding: Some(wire(finding, &control.status().name, &self.me())),
                }))),
                Err(FeedbackError::Unknown(_)) => None,
                Err(refused) => Some(Err(Status::failed_precondition(refused.to_string()))),
            })
    }
}

type Answer = Result<Response<v1::GiveFeedbackResponse>, Status>;

#[tonic::async_trait]
impl Verification for VerificationService {
    async fn get_verification(
        &self,
        _: Request<v1::GetVerificationRequest>,
    ) -> Result<Response<v1::GetVerificationResponse>, Status> {
        let processors = self.controls.iter().map(|control| status(control.status()));
        Ok(Response::new(v1::GetVerificationResponse {
            processors: processors.collect(),
        }))
    }

    async fn list_findings(
        &self,
        request: Request<v1::ListFindingsRequest>,
    ) -> Result<Response<v1::ListFindingsResponse>, Status> {
        let is_forwarded = is_forwarded(&request);
        let wanted = request.into_inner();
        let limit = match usize::try_from(wanted.limit) {
            Ok(0) => LISTED,
            Ok(limit) => limit.min(MOST),
            Err(_) => MOST,
        };
        let mut answer = v1::ListFindingsResponse {
            findings: self.own_findings(limit),
            silent: Vec::new(),
        };
        if !is_forwarded {
            let others = self.others();
            let asked = others.iter().map(|member| async move {
                let listed = ask(member, DEADLINE, async |channel| {
                    client(channel).list_findings(marked(wanted)).await
                });
                listed.await.map_err(|_| member.who.node.to_string())
            });
            for listed in join_all(asked).await {
                match listed {
                    Ok(others) => answer.findings.extend(others.findings),
                    Err(silent) => answer.silent.push(silent),
                }
            }
        }
        let newest = |finding: &v1::VerificationFinding| {
            let since = finding.since.unwrap_or_default();
            std::cmp::Reverse((since.seconds, since.nanos))
        };
        answer.findings.sort_by_key(newest);
        answer.findings.truncate(limit);
        Ok(Response::new(answer))
    }

    async fn give_feedback(
        &self,
        request: Request<v1::GiveFeedbackRequest>,
    ) -> Result<Response<v1::GiveFeedbackResponse>, Status> {
        let is_forwarded = is_forwarded(&request);
        let wanted = request.into_inner();
        let id = wanted.id.parse::<FindingId>();
        let id = id.map_err(|error| Status::invalid_argument(error.to_string()))?;
        if let Some(answer) = self.own_feedback(id, &wanted) {
            return answer;
        }
        let others = if is_forwarded { Vec::new() } else { self.others() };
        let asked = others.iter().map(|member| {
            let wanted = wanted.clone();
            ask(member, DEADLINE, async |channel| {
                client(channel).give_feedback(marked(wanted)).await
            })
        });
        let unknown = Status::not_found(
            "no node that answers knows such a finding (any more); `ringwatch feedback list` names those it knows",
        );
        for answer in join_all(asked).await {
            match answer {
                Ok(answer) => return Ok(Response::new(answer)),
                Err(refused) if refused.code() == Code::FailedPrecondition => return Err(refused),
                Err(_) => {}
            }
        }
        Err(unknown)
    }
}

fn client(channel: Channel) -> VerificationClient<Channel> {
    VerificationClient::new(channel).max_decoding_message_size(LARGEST_ANSWER)
}

fn wire(finding: Finding, processor: &str, node: &str) -> v1::VerificationFinding {
    v1::VerificationFinding {
        id: finding.id.to_string(),
        processor: processor.to_owned(),
        node_id: node.to_owned(),
        check: finding.check.to_string(),
        subject: finding.subject,
        message: finding.message,
        target_id: finding.target.to_string(),
        stream: finding.stream.to_string(),
        since: Some(timestamp(finding.at)),
        last: Some(timestamp(finding.last)),
        ended: finding.ended.map(timestamp),
        rows: finding.rows,
        score: finding.score,
        verdict: match finding.verdict {
            None => String::new(),
            Some(Verdict::Wrong) => "wrong".to_owned(),
            Some(Verdict::Right) => "right".to_owned(),
        },
    }
}

fn status(status: VerificationStatus) -> v1::VerificationStatus {
    let (quality_stream, quality_score) = status.lowest_quality.unzip();
    v1::VerificationStatus {
        name: status.name,
        faults: status.faults,
        quality_score,
        quality_stream: quality_stream.unwrap_or_default(),
        findings: status.findings,
        anomalies: status.anomalies,
        series: status.series,
        fixes: status.fixes.0,
        fixes_limit: status.fixes.1,
        slowest_ms: status.slowest_ms,
        allowed_values: status.allowed_values,
        muted_checks: status.muted_checks,
        raised_series: status.raised_series,
    }
}
