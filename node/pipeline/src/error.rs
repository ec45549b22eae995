//! Why a pipeline could not be built.

/// Why a pipeline or one of its processors could not be built.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The memory of the machine is not known, so a percentage of it means nothing.
    #[error(
        "processor `{0}`: the memory of this machine cannot be read; give `limit_mib` in place of `limit_percentage`"
    )]
    Memory(String),
    /// Neither limit is given.
    #[error("processor `{0}`: give `limit_mib` or `limit_percentage`")]
    NoLimit(String),
    /// An action lacks what its kind needs.
    #[error("processor `{processor}`: action on `{key}` needs `value` or `from_attribute`")]
    Action {
        /// The processor.
        processor: String,
        /// The attribute.
        key: String,
    },
    /// A metric of the same name and labels exists, which only a defect can cause.
    #[error("metric of pipeline `{0}`: {1}")]
    Metric(String, prometheus::Error),
}
