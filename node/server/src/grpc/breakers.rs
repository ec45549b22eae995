//! Service `Breakers`.

use std::time::Duration;

use ringwatch_proto::v1;
use ringwatch_proto::v1::breakers_server::Breakers;
use tonic::{Request, Response, Status};

use super::forward::is_forwarded;
use super::words::asked;
use crate::circuits::Desk;
use crate::runtime::Counter;

/// Answers clients.
pub(super) struct BreakersService {
    pub(super) desk: Desk,
    /// Notes what people do.
    pub(super) counter: Counter,
}

#[tonic::async_trait]
impl Breakers for BreakersService {
    async fn list_breakers(
        &self,
        request: Request<v1::ListBreakersRequest>,
    ) -> Result<Response<v1::ListBreakersResponse>, Status> {
        let local = is_forwarded(&request) || request.into_inner().local;
        Ok(Response::new(self.desk.list(local).await))
    }

    async fn reset_breaker(
        &self,
        request: Request<v1::ResetBreakerRequest>,
    ) -> Result<Response<v1::Breaker>, Status> {
        let (forwarded, change) = (is_forwarded(&request), asked(&request, 0));
        let wanted = request.into_inner();
        let breaker = self.desk.reset(&wanted.target, forwarded).await?;
        if !forwarded {
            let what = format!("breaker of {} reset", breaker.target_id);
            self.counter.note(&change, &what);
        }
        Ok(Response::new(breaker))
    }

    async fn open_breaker(
        &self,
        request: Request<v1::OpenBreakerRequest>,
    ) -> Result<Response<v1::Breaker>, Status> {
        let (forwarded, change) = (is_forwarded(&request), asked(&request, 0));
        let wanted = request.into_inner();
        let lasts = wanted.r#for.map(Duration::try_from).transpose();
        let lasts = lasts
            .ok()
            .filter(|lasts| lasts.is_none_or(|lasts| !lasts.is_zero()));
        let lasts = lasts.ok_or_else(|| Status::invalid_argument("`for` is a time longer than nothing"))?;
        let breaker = self.desk.open(&wanted.target, lasts, forwarded).await?;
        if !forwarded {
            let what = match lasts {
                Some(lasts) => format!("breaker of {} opened for {lasts:?}", breaker.target_id),
                None => format!("breaker of {} opened until it is reset", breaker.target_id),
            };
            self.counter.note(&change, &what);
        }
        Ok(Response::new(breaker))
    }
}
