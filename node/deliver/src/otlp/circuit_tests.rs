use ringwatch_config::Duration as Setting;

use super::*;

fn retry() -> RetryOnFailure {
    RetryOnFailure {
        enabled: true,
        initial_interval: Setting::from_secs(5),
        randomization_factor: 0.0,
        multiplier: 2.0,
        max_interval: Setting::from_secs(30),
        max_elapsed_time: Setting::from_secs(0),
    }
}

/// What happens at a second, told in a word: `?` asks and keeps the permit, if one is given; `+`, `-` and `r7` end the
/// oldest permit as taken, as failed, and with the wish for seven seconds of rest; `r` names no time; `x` withdraws it;
/// `h` hurries. What is expected stands behind `=`: what the last question was answered with (`go`, `probe`, `wait` or
/// the second from which one may try), or the state (`closed`, `open`, `half`).
struct Story {
    title: &'static str,
    circuit: Circuit,
    start: Instant,
    permits: Vec<Permit>,
    answer: String,
}

impl Story {
    fn new(title: &'static str) -> Self {
        let start = Instant::now();
        Self {
            title,
            circuit: Circuit::new(&retry(), start),
            start,
            permits: Vec::new(),
            answer: String::new(),
        }
    }

    fn end(&mut self, outcome: Outcome, now: Instant) {
        let permit = self.permits.remove(0);
        self.circuit.ended(permit, outcome, now, 0.5);
    }

    fn step(&mut self, second: u64, word: &str) {
        let now = self.start + Duration::from_secs(second);
        match word.split_at(1) {
            ("?", _) => {
                self.answer = match self.circuit.ask(now) {
                    Answer::Go(permit) => {
                        self.permits.push(permit);
                        if permit.probe { "probe".into() } else { "go".into() }
                    }
                    Answer::Later(until) => (until - self.start).as_secs().to_string(),
                    Answer::AfterProbe => "wait".into(),
                }
            }
            ("+", _) => self.end(Outcome::Alive, now),
            ("-", _) => self.end(Outcome::Failed, now),
            ("r", told) => self.end(Outcome::Rest(told.parse().ok().map(Duration::from_secs)), now),
            ("x", _) => {
                let permit = self.permits.remove(0);
                self.circuit.withdrawn(permit, now);
            }
            ("h", _) => self.circuit.hurry(now),
            ("=", wanted) => {
                let state = match self.circuit.state() {
                    CircuitState::Closed => "closed",
                    CircuitState::Open => "open",
                    CircuitState::HalfOpen => "half",
                };
                let said = [self.answer.as_str(), state];
                assert!(
                    said.contains(&wanted),
                    "{}: {wanted} at {second}, but {said:?}",
                    self.title
                );
            }
            _ => panic!("what is {word}?"),
        }
    }
}

/// Second and words.
type Tale = (&'static str, &'static [(u64, &'static str)]);

const TALES: &[Tale] = &[
    (
        "five failures in a row open it, whoever made them, and a success between begins anew",
        &[
            (0, "? - ? - ? - ? - ? + =closed"),
            (1, "? ? ? ? - - - - =closed ? - =open"),
            (2, "? =6"),
        ],
    ),
    (
        "attempts that were under way when it opened change nothing",
        &[(0, "? ? ? ? ? ? ? ? - - - - - =open - - + =open"), (1, "? =5")],
    ),
    (
        "after the back-off one tries, the others wait, and then all go on",
        &[
            (0, "? ? ? ? ? - - - - - =open"),
            (5, "? =probe ? =wait ? =wait =half"),
            (6, "+ =closed ? =go ? =go"),
        ],
    ),
    (
        "each probe that fails makes the next pause longer, up to the longest",
        &[
            (0, "? ? ? ? ? - - - - -"),
            (5, "? =probe - ? =15"),
            (15, "? =probe - ? =35"),
            (35, "? =probe - ? =65"),
            (65, "? =probe - ? =95"),
            (95, "? =probe + =closed"),
        ],
    ),
    (
        "a backend that tells a time gets it, at the first word",
        &[
            (0, "? r7 =open ? =7"),
            (7, "? =probe r9 ? =16"),
            (16, "? =probe + =closed"),
        ],
    ),
    (
        "the longest rest that anyone was told counts, and never a shorter one",
        &[(0, "? ? ? ? r7 r20 r3 ? =20 r ? =20"), (20, "? =probe")],
    ),
    (
        "without a time the back-off decides",
        &[
            (0, "? r ? =5"),
            (5, "? =probe r ? =15"),
            (15, "? =probe + =closed"),
        ],
    ),
    (
        "a backend that gives up again soon is left alone for longer; one that was well for a while begins anew",
        &[
            (0, "? r ? =5"),
            (5, "? + =closed"),
            (6, "? r ? =16"),
            (16, "? + =closed"),
            (27, "? r ? =32"),
        ],
    ),
    (
        "a probe that is never made makes room for another",
        &[
            (0, "? r7"),
            (7, "? =probe ? =wait x =open ? =probe x ? =probe + =closed"),
        ],
    ),
    (
        "an attempt of before that is withdrawn does not disturb the probe",
        &[(0, "? ? r7"), (7, "? =probe x =half ? =wait + =closed")],
    ),
    (
        "who stops does not wait, and there is one that tries all the same",
        &[
            (0, "? r60 ? =60"),
            (1, "h ? =probe ? =wait h ? =wait r60 ? =61"),
            (2, "h ? =probe + h =closed"),
        ],
    ),
];

#[tokio::test(start_paused = true)]
async fn the_tales_of_the_circuit() {
    for (title, steps) in TALES {
        let mut story = Story::new(title);
        for (second, words) in *steps {
            for word in words.split(' ') {
                story.step(*second, word);
            }
        }
    }
}

/// Whatever happens, at most one tries while the circuit is not closed, and it never stays open for ever.
#[tokio::test(start_paused = true)]
async fn whatever_happens_one_probe_at_a_time() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let start = Instant::now();
        let mut circuit = Circuit::new(&retry(), start);
        let mut permits: Vec<Permit> = Vec::new();
        let mut now = start;
        for _ in 0..500 {
            now += Duration::from_millis(random.u64(0..3000));
            if random.bool() || permits.is_empty() {
                if let Answer::Go(permit) = circuit.ask(now) {
                    permits.push(permit);
                }
            } else {
                let permit = permits.swap_remove(random.usize(..permits.len()));
                match random.u8(0..5) {
                    0 => circuit.withdrawn(permit, now),
                    1 => circuit.ended(permit, Outcome::Alive, now, 0.5),
                    2 => circuit.ended(permit, Outcome::Rest(None), now, 0.5),
                    3 => circuit.ended(permit, Outcome::Rest(Some(Duration::from_secs(2))), now, 0.5),
                    _ => circuit.ended(permit, Outcome::Failed, now, 0.5),
                }
            }
            let probes = permits
                .iter()
                .filter(|permit| permit.probe && permit.turn == circuit.turn)
                .count();
            let half = circuit.state() == CircuitState::HalfOpen;
            assert!(probes <= 1 && (!half || probes == 1), "seed {seed}");
        }
        for permit in permits {
            circuit.ended(permit, Outcome::Failed, now, 0.5);
        }
        now += Duration::from_secs(61);
        let Answer::Go(permit) = circuit.ask(now) else {
            panic!("seed {seed}: it stays open");
        };
        circuit.ended(permit, Outcome::Alive, now, 0.5);
        assert_eq!(circuit.state(), CircuitState::Closed, "seed {seed}");
    }
}
