//! Service `Sampler`: about the samplers of this node alone.

use ringwatch_pipeline::{SamplerControl, SamplerStatus};
use ringwatch_proto::v1;
use ringwatch_proto::v1::sampler_server::Sampler;
use tonic::{Request, Response, Status};

/// Answers clients.
pub(super) struct SamplerService(pub(super) Vec<SamplerControl>);

impl SamplerService {
    fn all(&self) -> v1::GetSamplerResponse {
        v1::GetSamplerResponse {
            samplers: self.0.iter().map(|sampler| status(sampler.status())).collect(),
        }
    }
}

#[tonic::async_trait]
impl Sampler for SamplerService {
    async fn get_sampler(
        &self,
        _: Request<v1::GetSamplerRequest>,
    ) -> Result<Response<v1::GetSamplerResponse>, Status> {
        Ok(Response::new(self.all()))
    }

    async fn set_rate(
        &self,
        request: Request<v1::SetRateRequest>,
    ) -> Result<Response<v1::GetSamplerResponse>, Status> {
        let wanted = request.into_inner();
        if wanted.rate.is_none() && wanted.cache_size.is_none() {
            return Err(Status::invalid_argument(
                "neither a rate nor a size of the cache was given",
            ));
        }
        if wanted.rate.is_some_and(|rate| !(0.0..=100.0).contains(&rate)) {
            return Err(Status::invalid_argument(
                "a rate is between 0 and 100, in percent",
            ));
        }
        if wanted.cache_size == Some(0) {
            return Err(Status::invalid_argument("a cache holds at least 1 fingerprint"));
        }
        let is_meant =
            |sampler: &&SamplerControl| wanted.name.is_empty() || sampler.status().name == wanted.name;
        let meant: Vec<_> = self.0.iter().filter(is_meant).collect();
        if meant.is_empty() {
            return Err(Status::not_found(
                "no pipeline of this node has such a sampler; `ringwatch sampler show` names them all",
            ));
        }
        for sampler in meant {
            let wrong = |error: ringwatch_pipeline::adaptive_sampler::SamplerError| {
                Status::invalid_argument(error.to_string())
            };
            if let Some(rate) = wanted.rate {
                sampler.set_rate(rate).map_err(wrong)?;
            }
            if let Some(size) = wanted.cache_size {
                sampler.set_cache_size(size).map_err(wrong)?;
            }
            let (sampler, rate, cache_size) = (sampler.status().name, wanted.rate, wanted.cache_size);
            tracing::info!(
                sampler,
                rate,
                cache_size,
                "the sampler was set by hand, until the node ends"
            );
        }
        Ok(Response::new(self.all()))
    }
}

fn status(sampler: SamplerStatus) -> v1::SamplerStatus {
    let rules = sampler.rules.into_iter().map(|rule| v1::RuleStatus {
        name: rule.name,
        rate: rule.rate,
        matches: rule.matches,
        kept: rule.kept,
    });
    v1::SamplerStatus {
        name: sampler.name,
        default_rate: sampler.default_rate,
        current_rate: sampler.current_rate,
        cache_size: sampler.cache_size,
        cache_limit: sampler.cache_limit,
        kept: sampler.kept,
        dropped: sampler.dropped,
        rules: rules.collect(),
    }
}
