//! `/debug/pipelinez`: the pipelines, and how many rows went through each of their processors.

use std::sync::Arc;

use ringwatch_pipeline::PipelineMetrics;

use super::html::{escape, table};

/// A pipeline as the configuration has it.
#[derive(Clone)]
pub(crate) struct Pipe {
    pub(crate) name: String,
    pub(crate) receivers: Vec<String>,
    pub(crate) processors: Vec<String>,
    pub(crate) exporters: Vec<String>,
    /// How many frames wait before the first processor.
    pub(crate) waiting: Arc<dyn Fn() -> usize + Send + Sync>,
    /// The counts of the processors.
    pub(crate) metrics: PipelineMetrics,
}

/// The page.
pub(super) fn body(pipes: &[Pipe]) -> String {
    let mut body = String::new();
    for pipe in pipes {
        let list = |names: &[String]| escape(&names.join(", "));
        body.push_str(&format!("<h2>{}</h2>", escape(&pipe.name)));
        let facts = [
            ("receivers", list(&pipe.receivers)),
            ("exporters", list(&pipe.exporters)),
            ("waiting frames", (pipe.waiting)().to_string()),
        ];
        let facts = facts.map(|(name, value)| vec![name.to_owned(), value]);
        body.push_str(&table(&["what", "value"], facts));
        body.push_str("<p></p>");
        let rows = pipe.processors.iter().map(|processor| {
            let (rows_in, rows_out) = pipe.metrics.rows(processor, &pipe.name);
            vec![escape(processor), rows_in.to_string(), rows_out.to_string()]
        });
        body.push_str(&table(&["processor", "rows in", "rows out"], rows));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_processor_has_its_counts() {
        let metrics = PipelineMetrics::new(&prometheus::Registry::new()).unwrap();
        let pipe = Pipe {
            name: "metrics".into(),
            receivers: vec!["postgresql".into()],
            processors: vec!["batch".into(), "resource/<x>".into()],
            exporters: vec!["otlp".into()],
            waiting: Arc::new(|| 3),
            metrics,
        };
        let html = body(&[pipe]);
        for part in [
            "<td>batch</td><td class=\"n\">0</td><td class=\"n\">0</td>",
            "<td>resource/&lt;x&gt;</td><td class=\"n\">0</td>",
            "<td>waiting frames</td><td class=\"n\">3</td>",
        ] {
            assert!(html.contains(part), "no {part} in {html}");
        }
    }
}
