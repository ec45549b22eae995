//! Service `Breakers`.

use std::time::Duration;

use ringwatch_proto::v1;
use ringwatch_proto::v1::breakers_server::Breakers;
use tonic::{Request, Response, Status};

use super::forward::is_forwarded;
use crate::circuits::Desk;

/// Answers clients.
pub(super) struct BreakersService(pub(super) Desk);

#[tonic::async_trait]
impl Breakers for BreakersService {
    async fn list_breakers(
        &self,
        request: Request<v1::ListBreakersRequest>,
    ) -> Result<Response<v1::ListBreakersResponse>, Status> {
        let local = is_forwarded(&request) || request.into_inner().local;
        Ok(Response::new(self.0.list(local).await))
    }

    async fn reset_breaker(
        &self,
        request: Request<v1::ResetBreakerRequest>,
    ) -> Result<Response<v1::Breaker>, Status> {
        let forwarded = is_forwarded(&request);
        let wanted = request.into_inner();
        self.0.reset(&wanted.target, forwarded).await.map(Response::new)
    }

    async fn open_breaker(
        &self,
        request: Request<v1::OpenBreakerRequest>,
    ) -> Result<Response<v1::Breaker>, Status> {
        let forwarded = is_forwarded(&request);
        let wanted = request.into_inner();
        let lasts = wanted.r#for.map(Duration::try_from).transpose();
        let lasts = lasts
            .ok()
            .filter(|lasts| lasts.is_none_or(|lasts| !lasts.is_zero()));
        let lasts = lasts.ok_or_else(|| Status::invalid_argument("`for` is a time longer than nothing"))?;
        self.0
            .open(&wanted.target, lasts, forwarded)
            .await
            .map(Response::new)
    }
}
