//! What the group answers to a change, as a client is told it.

use ringwatch_proto::v1;
use ringwatch_state::ProposeError;
use tonic::{Code, Status};

use crate::grpc::refusal;

/// What became of the change.
pub(super) fn outcome(answer: Option<&v1::StateAnswer>) -> Result<v1::ChangeResponse, Status> {
    let answer = answer.ok_or_else(|| refused(&ProposeError::Unknown))?;
    let text = || answer.message.clone();
    match (answer.outcome(), answer.refusal()) {
        (v1::StateOutcome::Done | v1::StateOutcome::Unchanged, _) => Ok(v1::ChangeResponse {
            version: answer.version,
            unchanged: answer.outcome() == v1::StateOutcome::Unchanged,
        }),
        (_, v1::StateRefusal::Version) => Err(Status::failed_precondition(text())),
        (_, v1::StateRefusal::Absent) => Err(Status::not_found(text())),
        (_, v1::StateRefusal::Limit) => Err(Status::resource_exhausted(text())),
        (_, v1::StateRefusal::OldView) => Err(Status::aborted(text())),
        _ => Err(Status::invalid_argument(text())),
    }
}

/// What a client is told when the group did not do it.
pub(crate) fn refused(error: &ProposeError) -> Status {
    let code = match error {
        ProposeError::NoQuorum { .. } | ProposeError::NotFounded { .. } | ProposeError::Failed(_) => {
            Code::Unavailable
        }
        ProposeError::Unknown => Code::DeadlineExceeded,
        ProposeError::Refused(_) => Code::FailedPrecondition,
    };
    refusal(code, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_without_a_quorum_hears_who_is_missing() {
        let status = refused(&ProposeError::NoQuorum {
            missing: vec!["n2".into(), "n3".into()],
        });
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("n2, n3"), "{}", status.message());
    }

    #[test]
    fn each_refusal_has_its_code() {
        let answer = |refusal: v1::StateRefusal| v1::StateAnswer {
            outcome: v1::StateOutcome::Refused.into(),
            refusal: refusal.into(),
            message: "why".into(),
            version: 3,
        };
        for (refusal, code) in [
            (v1::StateRefusal::Version, Code::FailedPrecondition),
            (v1::StateRefusal::Absent, Code::NotFound),
            (v1::StateRefusal::Limit, Code::ResourceExhausted),
            (v1::StateRefusal::Invalid, Code::InvalidArgument),
        ] {
            let status = outcome(Some(&answer(refusal))).unwrap_err();
            assert_eq!((status.code(), status.message()), (code, "why"), "{refusal:?}");
        }
        let done = v1::StateAnswer {
            outcome: v1::StateOutcome::Unchanged.into(),
            version: 4,
            ..v1::StateAnswer::default()
        };
        let expected = v1::ChangeResponse {
            version: 4,
            unchanged: true,
        };
        assert_eq!(outcome(Some(&done)).unwrap(), expected);
    }
}
