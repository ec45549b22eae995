use super::*;
use crate::gossip::Keyring;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn talk() -> Talk {
    Talk::new(
        Cipher::new(&Keyring::of_name("key"), "prod").unwrap(),
        Instant::now(),
    )
    .unwrap()
}

fn now() -> Instant {
    Instant::now()
}

async fn later(millis: u64) {
    tokio::time::advance(Duration::from_millis(millis)).await;
}

/// The only datagram that goes out now.
fn one(talk: &mut Talk) -> Vec<u8> {
    let mut all: Vec<_> = talk.outgoing().map(|(_, datagram)| datagram).collect();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn hear(talk: &mut Talk, from: SocketAddr, datagram: &[u8]) -> Result<Option<Vec<u8>>, Reason> {
    let mut datagram = datagram.to_vec();
    let heard = talk.hear(now(), from, &mut datagram);
    heard.map(|message| message.map(<[u8]>::to_vec))
}

/// Two processes and every datagram that went between them.
struct Pair {
    a: Talk,
    b: Talk,
    a_at: SocketAddr,
    b_at: SocketAddr,
    to_a: Vec<Vec<u8>>,
    to_b: Vec<Vec<u8>>,
    heard_by_a: Vec<Vec<u8>>,
    heard_by_b: Vec<Vec<u8>>,
}

impl Pair {
    fn new() -> Self {
        Self {
            a: talk(),
            b: talk(),
            a_at: address(1),
            b_at: address(2),
            to_a: Vec::new(),
            to_b: Vec::new(),
            heard_by_a: Vec::new(),
            heard_by_b: Vec::new(),
        }
    }

    /// Carries datagrams until nobody has any more to send. Gives what was refused.
    fn carry(&mut self) -> Vec<Reason> {
        let mut refused = Vec::new();
        loop {
            let to_b: Vec<_> = self.a.outgoing().map(|(_, datagram)| datagram).collect();
            let to_a: Vec<_> = self.b.outgoing().map(|(_, datagram)| datagram).collect();
            if to_a.is_empty() && to_b.is_empty() {
                return refused;
            }
            for datagram in to_b {
                match hear(&mut self.b, self.a_at, &datagram) {
                    Ok(message) => self.heard_by_b.extend(message),
                    Err(reason) => refused.push(reason),
                }
                self.to_b.push(datagram);
            }
            for datagram in to_a {
                match hear(&mut self.a, self.b_at, &datagram) {
                    Ok(message) => self.heard_by_a.extend(message),
                    Err(reason) => refused.push(reason),
                }
                self.to_a.push(datagram);
            }
        }
    }

    /// A pair that has met and said something both ways.
    fn met() -> Self {
        let mut pair = Self::new();
        pair.a.say(now(), pair.b_at, b"syn");
        assert_eq!(pair.carry(), []);
        pair.b.say(now(), pair.a_at, b"syn-ack");
        assert_eq!(pair.carry(), []);
        assert_eq!(pair.heard_by_b, [b"syn"]);
        assert_eq!(pair.heard_by_a, [b"syn-ack"]);
        pair
    }
}

#[tokio::test(start_paused = true)]
async fn strangers_meet_in_one_exchange_and_answers_are_no_longer_than_questions() {
    let pair = Pair::met();
    let lengths = |datagrams: &[Vec<u8>]| datagrams.iter().map(Vec::len).collect::<Vec<_>>();
    let (to_a, to_b) = (lengths(&pair.to_a), lengths(&pair.to_b));
    assert_eq!(
        (to_a.len(), to_b.len()),
        (2, 3),
        "hello, ack, ack, and one datagram each way"
    );
    assert_eq!(to_a[0], to_b[0]);
    assert_eq!(to_a[0], to_b[1]);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_was_recorded_passes_anywhere() {
    let mut pair = Pair::met();
    let recorded = std::mem::take(&mut pair.to_b);
    later(100).await;
    let hellos = |talk: &mut Talk| talk.outgoing().count();

    // The same process: the hello is answered, which changes nothing; all else has been there.
    let again: Vec<_> = recorded
        .iter()
        .map(|datagram| hear(&mut pair.b, pair.a_at, datagram))
        .collect();
    assert_eq!(again, [Ok(None), Err(Reason::Replay), Err(Reason::Replay)]);
    assert_eq!(hellos(&mut pair.b), 1);

    // Another process, or the same node after a restart, long ago or at once.
    for wait in [0, 60_000] {
        let mut other = talk();
        later(wait).await;
        let there: Vec<_> = recorded
            .iter()
            .map(|datagram| hear(&mut other, pair.a_at, datagram))
            .collect();
        assert_eq!(there, [Ok(None), Err(Reason::Session), Err(Reason::Session)]);
        assert_eq!(
            hellos(&mut other),
            2,
            "one answer and one question, however much was refused"
        );
        assert!(other.met.is_empty() && other.routes.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_restarted_peer_is_met_anew() {
    let mut pair = Pair::met();
    pair.b = talk();
    later(100).await;
    pair.a.say(now(), pair.b_at, b"for the dead");
    assert_eq!(pair.carry(), [Reason::Session]);
    assert_eq!(pair.a.met.len(), 1, "the former session is forgotten");
    pair.a.say(now(), pair.b_at, b"hello again");
    pair.b.say(now(), pair.a_at, b"and you");
    assert_eq!(pair.carry(), []);
    assert_eq!(pair.heard_by_b[1..], [b"hello again"]);
    assert_eq!(pair.heard_by_a[1..], [b"and you"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_must_be_asked_for_fresh_and_from_there() {
    let mut pair = Pair::new();
    pair.a.say(now(), pair.b_at, b"syn");
    let hello = one(&mut pair.a);
    hear(&mut pair.b, pair.a_at, &hello).unwrap();
    let ack = one(&mut pair.b);
    assert_eq!(
        hear(&mut pair.a, address(3), &ack),
        Err(Reason::Challenge),
        "from elsewhere"
    );
    later(2_001).await;
    assert_eq!(
        hear(&mut pair.a, pair.b_at, &ack),
        Err(Reason::Challenge),
        "too late"
    );
    assert!(pair.a.met.is_empty());

    later(100).await;
    pair.a.say(now(), pair.b_at, b"syn");
    let hello = one(&mut pair.a);
    hear(&mut pair.b, pair.a_at, &hello).unwrap();
    let ack = one(&mut pair.b);
    later(2_000).await;
    assert_eq!(hear(&mut pair.a, pair.b_at, &ack), Ok(None));
    assert_eq!(hear(&mut pair.a, pair.b_at, &ack), Err(Reason::Replay));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_forgotten_is_not_believed_on_what_it_said_before() {
    let mut pair = Pair::met();
    let recorded = pair.to_b.clone();
    pair.b.routes.clear();
    pair.b.met.clear();
    for datagram in &recorded[1..] {
        assert!(hear(&mut pair.b, pair.a_at, datagram).is_err());
    }
    pair.b.outgoing().for_each(drop);
    later(100).await;
    pair.b.say(now(), pair.a_at, b"who are you");
    assert_eq!(pair.carry(), []);
    for datagram in &recorded[1..] {
        assert_eq!(hear(&mut pair.b, pair.a_at, datagram), Err(Reason::Replay));
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_travels_in_two() {
    for length in [LONGEST_BODY, LONGEST_BODY + 1, LONGEST] {
        let mut pair = Pair::met();
        let long: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        pair.a.say(now(), pair.b_at, &long);
        assert_eq!(pair.carry(), []);
        assert!(pair.to_b.iter().all(|datagram| datagram.len() <= LONGEST));
        assert_eq!(pair.heard_by_b[1], long);
    }
}

#[tokio::test(start_paused = true)]
async fn halves_of_different_messages_are_not_put_together() {
    let mut pair = Pair::met();
    let long = vec![1; LONGEST];
    pair.a.say(now(), pair.b_at, &long);
    let first: Vec<_> = pair.a.outgoing().collect();
    pair.a.say(now(), pair.b_at, &long);
    let second: Vec<_> = pair.a.outgoing().collect();
    assert_eq!(hear(&mut pair.b, pair.a_at, &first[0].1), Ok(None));
    assert_eq!(hear(&mut pair.b, pair.a_at, &second[1].1), Ok(None));
    assert_eq!(hear(&mut pair.b, pair.a_at, &second[0].1), Ok(None));
    assert_eq!(hear(&mut pair.b, pair.a_at, &first[1].1), Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_authentic_replays_drives_nobody_out_and_is_hardly_answered() {
    let mut pair = Pair::met();
    let mut foreign = Pair::met();
    let recorded = foreign
        .to_a
        .drain(..)
        .chain(foreign.to_b.drain(..))
        .collect::<Vec<_>>();
    let mut answers = 0;
    for round in 0..20_000_u16 {
        let from = SocketAddr::from(([10, 0, (round >> 8) as u8, round as u8], 7_946));
        let datagram = &recorded[usize::from(round) % recorded.len()];
        let _ = hear(&mut pair.b, from, datagram);
        answers += pair.b.outgoing().count();
    }
    let most = u32::try_from(answers).unwrap();
    assert!(
        most <= MOST_ANSWERS + MOST_HELLOS,
        "{answers} answers within one moment"
    );
    assert_eq!((pair.b.routes.len(), pair.b.met.len()), (1, 1));
    pair.a.say(now(), pair.b_at, b"still here");
    assert_eq!(pair.carry(), []);
    assert_eq!(pair.heard_by_b[1..], [b"still here"]);
}

#[tokio::test(start_paused = true)]
async fn addresses_where_nobody_answers_give_way_first() {
    let mut pair = Pair::met();
    for port in 0..3_000 {
        later(1).await;
        pair.a.say(now(), SocketAddr::from(([10, 0, 0, 1], port)), b"syn");
    }
    pair.a.outgoing().for_each(drop);
    assert_eq!(pair.a.routes.len(), MOST_PEERS);
    pair.a.say(now(), pair.b_at, b"you answered");
    assert_eq!(pair.carry(), []);
    assert_eq!(pair.heard_by_b[1..], [b"you answered"]);
}

#[tokio::test(start_paused = true)]
async fn hellos_are_rare_and_the_last_word_waits() {
    let mut pair = Pair::new();
    for word in [b"one", b"two"] {
        pair.a.say(now(), pair.b_at, word);
    }
    assert_eq!(pair.carry(), []);
    assert_eq!(pair.heard_by_b, [b"two"]);
    assert_eq!(pair.to_b.len(), 3, "hello, ack, and the last word");
}

#[tokio::test(start_paused = true)]
async fn our_own_datagrams_do_not_come_back() {
    let mut alone = talk();
    alone.say(now(), address(2), b"syn");
    let hello = one(&mut alone);
    assert_eq!(hear(&mut alone, address(2), &hello), Err(Reason::Session));
    assert_eq!(alone.outgoing().count(), 0);
}
