//! The extensions `pprof` and `zpages`.

use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::node::{Node, Plan, free_ports, get, request, text};

fn start(extensions: &[(&str, String)]) -> Node {
    let [database] = free_ports();
    let node = Node::launch(&Plan {
        id: "n1",
        targets: &[database],
        telemetry: "}",
        processors: &[("batch", "{}".into())],
        extensions,
        ..Plan::default()
    });
    node.wait_ready();
    node
}

/// The lengths of the fields of a protobuf message by their numbers, if it is one.
fn fields(mut bytes: &[u8]) -> Option<Vec<u64>> {
    let varint = |bytes: &mut &[u8]| {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = bytes.split_first()?;
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    let mut numbers = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => drop(varint(&mut bytes)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                bytes = bytes.get(length..)?;
            }
            _ => return None,
        }
        numbers.push(key >> 3);
    }
    Some(numbers)
}

/// A profile of so many seconds, as soon as no other one is being made.
fn profile(port: u16, seconds: u64) -> Option<(u16, Vec<u8>)> {
    loop {
        match request(
            port,
            "GET",
            &format!("/debug/pprof/profile?seconds={seconds}"),
            "",
        )? {
            (429, _) => {}
            answer => return Some(answer),
        }
    }
}

/// Whether another profile is being made.
fn is_refused(port: u16) -> bool {
    let answer = request(port, "GET", "/debug/pprof/profile?seconds=1", "");
    answer.is_some_and(|(status, _)| status == 429)
}

#[test]
fn profiles_are_gzipped_protobuf_one_at_a_time() {
    let [port] = free_ports();
    let node = start(&[("pprof", format!("{{ endpoint: 127.0.0.1:{port} }}"))]);
    let (status, index) = get(port, "/debug/pprof/").unwrap();
    assert!(status == 200 && index.contains("profile?seconds="), "{index}");
    for seconds in ["0", "121", "x"] {
        assert_eq!(
            get(port, &format!("/debug/pprof/profile?seconds={seconds}"))
                .unwrap()
                .0,
            400
        );
    }
    let first = std::thread::spawn(move || profile(port, 2).unwrap());
    node.wait("the second to be refused", || is_refused(port));
    // Gives the node something to do.
    while !first.is_finished() {
        get(node.metrics, "/metrics").unwrap();
    }
    let (status, gzipped) = first.join().unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&gzipped));
    let mut bytes = Vec::new();
    GzDecoder::new(&*gzipped).read_to_end(&mut bytes).unwrap();
    let fields = fields(&bytes).unwrap();
    // Types, samples, locations, functions, texts, when it was and for how long, and the period.
    for number in [1, 2, 4, 5, 6, 9, 10, 11, 12] {
        assert!(fields.contains(&number), "no field {number} in {fields:?}");
    }
    let texts = String::from_utf8_lossy(&bytes);
    assert!(texts.contains("tokio::runtime"), "functions have their names");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_profile_under_way_does_not_hold_the_end_up() {
    let [port] = free_ports();
    let node = start(&[("pprof", format!("{{ endpoint: 127.0.0.1:{port} }}"))]);
    let asked = std::thread::spawn(move || profile(port, 120));
    node.wait("the profile to be under way", || is_refused(port));
    assert_eq!(node.stop(), Some(0));
    let answer = asked.join().unwrap();
    assert!(
        answer.as_ref().is_none_or(|(status, _)| *status == 503),
        "{answer:?}"
    );
}

#[test]
fn pages_show_spans_pipelines_and_the_node() {
    let [port] = free_ports();
    let node = start(&[("zpages", format!("{{ endpoint: 127.0.0.1:{port} }}"))]);
    let link = |page: &str| {
        let (_, rest) = page.split_once("<a href=\"?span=tick&amp;kind=")?;
        let (kind, _) = rest.split_once('"')?;
        Some(format!("/debug/tracez?span=tick&kind={kind}"))
    };
    node.wait("a tick", || {
        get(port, "/debug/tracez").is_some_and(|(_, page)| link(&page).is_some())
    });
    let page = get(port, "/debug/tracez").unwrap().1;
    let (status, samples) = get(port, &link(&page).unwrap()).unwrap();
    assert!(status == 200 && samples.contains("postgresql."), "{samples}");
    assert_eq!(get(port, "/debug/tracez?span=nothing&kind=0").unwrap().0, 404);
    let (_, pipelines) = get(port, "/debug/pipelinez").unwrap();
    for word in ["metrics", "postgresql", "batch", "debug", "waiting frames"] {
        assert!(pipelines.contains(word), "no {word} in {pipelines}");
    }
    let (_, service) = get(port, "/debug/servicez").unwrap();
    assert!(
        service.contains("n1") && service.contains(env!("CARGO_PKG_VERSION")),
        "{service}"
    );
    let (_, metrics) = get(node.metrics, "/metrics").unwrap();
    for name in [
        "otelcol_processor_batch_timeout_trigger_send{processor=\"batch\"}",
        "otelcol_processor_batch_latency_seconds_bucket{processor=\"batch\",le=\"1\"}",
        "otelcol_processor_incoming_items{pipeline=\"metrics\",processor=\"batch\"}",
    ] {
        assert!(metrics.contains(name), "no {name} in {metrics}");
    }
    let (_, head) = request(port, "HEAD", "/debug/servicez", "").unwrap();
    assert_eq!(text(&head), "");
    assert_eq!(node.stop(), Some(0));
}
