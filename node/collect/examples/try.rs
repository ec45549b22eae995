//! temp
#![allow(clippy::all, clippy::pedantic, missing_docs)]
use std::sync::{Arc, Mutex};
use std::time::Duration;
use ringwatch_collect::*;
use ringwatch_frame::*;
struct S(Mutex<u64>);
impl Sink for S {
    fn offer(&self, f: Frame) {
        *self.0.lock().unwrap() += 1;
        if std::env::var("SHOW").is_ok_and(|s| f.id().stream.to_string().contains(&s)) && f.rows() > 0 {
            let b = f.batch();
            for r in 0..b.num_rows().min(4) {
                let row: Vec<String> = b.schema().fields().iter().zip(b.columns()).map(|(n, c)| format!("{}={}", n.name(), format!("{:?}", c.slice(r,1)).replace('\n'," "))).collect();
                println!("{} {}", f.id().stream, row.join("|").chars().take(3000).collect::<String>());
            }
        }
        println!("frame {} {} rows={} resource={:?}", f.id().stream, f.id().tick, f.rows(), f.meta().resource.len());
        f.deliver();
    }
}
#[tokio::main]
async fn main() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_writer(std::io::stdout).init();
    let yaml = std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap();
    let secs: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let settings: ringwatch_config::settings::PostgresqlReceiver = serde_saphyr::from_str(&yaml).unwrap();
    let cat = ringwatch_catalogue::Catalogue::embedded().unwrap();
    let plan = ReceiverPlan::new(cat.engine("postgresql").unwrap(), "postgresql", &settings, Wants { metrics: true, logs: true });
    let tw = start_targets(vec![plan]).await;
    let registry = prometheus::Registry::new();
    let books = Arc::new(Books::default());
    let sink = Arc::new(S(Mutex::new(0)));
    let c = start_collector(CollectorParts { clock: Clock::system(), books: books.clone(), registry: registry.clone(), ownership: Arc::new(SoleOwner), sink: sink.clone(), targets: tw.receiver() }).unwrap();
    tokio::time::sleep(Duration::from_secs(secs)).await;
    for s in c.status().iter().take(3) { println!("{s:?}"); }
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    if std::env::var("QUIET").is_err() { println!("{text}"); } else { println!("{}", text.lines().filter(|l| l.contains("lateness") || l.contains("outcome=\"") && !l.contains("collected")).collect::<Vec<_>>().join("\n")); }
    println!("{}", std::fs::read_to_string("/proc/self/status").unwrap().lines().filter(|l| l.starts_with("VmRSS")||l.starts_with("VmHWM")).collect::<Vec<_>>().join(" "));
    println!("stopped clean: {}", c.stop(Duration::from_secs(5)).await);
    println!("{:?} frames={}", books.snapshot().balanced(), sink.0.lock().unwrap());
    tw.stop().await;
}
