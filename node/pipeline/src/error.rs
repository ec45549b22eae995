//! Why a pipeline could not be built or did not end well.

/// What is wrong with a pipeline.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A processor's settings contradict each other.
    #[error("processor `{processor}`: {problem}")]
    Setting {
        /// The processor's name in the configuration.
        processor: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// There is nowhere to send frames.
    #[error("pipeline `{pipeline}` has no exporter: name one under `exporters`")]
    NoOutlet {
        /// The pipeline's name in the configuration.
        pipeline: String,
    },
    /// A metric of the pipelines is there already.
    #[error("the metrics of the pipelines could not be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A processor panicked, and with it the pipeline ended. What it held is counted as unaccounted.
    #[error(
        "pipeline `{pipeline}` ended by a panic of a processor: please report it with the log; restart the node"
    )]
    Panicked {
        /// The pipeline's name in the configuration.
        pipeline: String,
    },
    /// The pipeline did not end by its deadline: a processor has been computing since.
    #[error("pipeline `{pipeline}` did not stop by its deadline: a processor is still at work")]
    Overdue {
        /// The pipeline's name in the configuration.
        pipeline: String,
    },
}

impl PipelineError {
    /// A fault in the settings of `processor`.
    pub fn setting(processor: &str, problem: impl Into<String>) -> Self {
        Self::Setting {
            processor: processor.to_owned(),
            problem: problem.into(),
        }
    }
}
