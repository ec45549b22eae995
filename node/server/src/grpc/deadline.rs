//! A deadline for calls that are answered from memory.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;

/// How long a call may take until its answer begins; also what it takes to send the request.
const DEADLINE: Duration = Duration::from_secs(5);

/// A service whose calls have a deadline. A stream that it answers with may last.
#[derive(Clone)]
pub(super) struct Deadline<S>(pub(super) S);

impl<S: NamedService> NamedService for Deadline<S> {
    const NAME: &'static str = S::NAME;
}

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl<S> Service<http::Request<Body>> for Deadline<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer {
        let answer = tokio::time::timeout(DEADLINE, self.0.call(request));
        Box::pin(async move {
            answer
                .await
                .unwrap_or_else(|_| Ok(Status::deadline_exceeded("the call took too long").into_http()))
        })
    }
}
