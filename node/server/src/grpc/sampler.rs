//! Service `Sampler`: what the samplers of this node do, and the rates of all nodes.

use ringwatch_pipeline::adaptive_sampler::SamplerError;
use ringwatch_pipeline::{SamplerControl, SamplerStatus};
use ringwatch_proto::v1;
use ringwatch_proto::v1::sampler_server::Sampler;
use tonic::{Request, Response, Status};

use super::words::asked;
use crate::runtime::Counter;

/// Answers clients.
pub(super) struct SamplerService {
    pub(super) samplers: Vec<SamplerControl>,
    pub(super) counter: Counter,
}

impl SamplerService {
    fn all(&self) -> v1::GetSamplerResponse {
        v1::GetSamplerResponse {
            samplers: self
                .samplers
                .iter()
                .map(|sampler| status(sampler.status()))
                .collect(),
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
        let change = asked(&request, 0);
        let wanted = request.into_inner();
        checked(&wanted)?;
        let is_meant =
            |sampler: &&SamplerControl| wanted.name.is_empty() || sampler.status().name == wanted.name;
        let meant: Vec<_> = self.samplers.iter().filter(is_meant).collect();
        if meant.is_empty() {
            return Err(Status::not_found(
                "no pipeline of this node has such a sampler; `ringwatch sampler show` names them all",
            ));
        }
        let wrong = |error: SamplerError| Status::invalid_argument(error.to_string());
        for sampler in meant {
            let name = sampler.status().name;
            if wanted.rate.is_some() || wanted.reset {
                self.counter.set_rate(name.clone(), wanted.rate, &change).await?;
            }
            if let Some(size) = wanted.cache_size {
                sampler.set_cache_size(size).map_err(wrong)?;
                tracing::info!(
                    sampler = name,
                    cache_size = size,
                    "the sampler's cache was set by hand, until the node ends"
                );
            }
        }
        Ok(Response::new(self.all()))
    }
}

/// What cannot be meant is refused before anything is done.
fn checked(wanted: &v1::SetRateRequest) -> Result<(), Status> {
    let text = match (wanted.rate, wanted.reset, wanted.cache_size) {
        (None, false, None) => "neither a rate nor a size of the cache was given",
        (Some(_), true, _) => "a rate and the configured one contradict each other",
        (Some(rate), ..) if !(0.0..=100.0).contains(&rate) => "a rate is between 0 and 100, in percent",
        (.., Some(0)) => "a cache holds at least 1 fingerprint",
        _ => return Ok(()),
    };
    Err(Status::invalid_argument(text))
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
