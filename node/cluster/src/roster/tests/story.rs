//! A story of one roster, told in looks at the gossip: when, what is seen, and what the members are then.
//!
//! Seen: `b1+R` is life 1 of node b, alive (`-`: silent), saying that it is ready (`J` joining, `D` draining,
//! `L` left, `?` no words), `b1+R!c1` that it excludes life 1 of c. `me:D` is what this node (a, life 5) says
//! from then on, `paused` and `heard:b1` are what the roster is told before the look. Members: `b:R` ready,
//! `J` joining, `D` draining, `S` suspect, `X` dead; then `no-quorum`, `out:` excluded lives, `unheard:` and
//! `rival:`, each only when there is something to say.

use super::super::*;

pub(super) struct Story {
    pub(super) roster: Roster,
    start: Instant,
    stage: Stage,
}

pub(super) fn story() -> Story {
    let me = Me {
        who: life("a5"),
        gossip_address: None,
    };
    Story {
        roster: Roster::new(me, Timing::default()),
        start: Instant::now(),
        stage: Stage::Ready,
    }
}

impl Story {
    /// Looks after so many milliseconds.
    pub(super) fn look(&mut self, millis: u64, seen: &str) -> Membership {
        let now = Moment {
            instant: self.start + Duration::from_millis(millis),
            tick: Tick::from_unix_nanos(i64::try_from(millis).unwrap() * 1_000_000),
        };
        let mut sightings = Vec::new();
        for word in seen.split_whitespace() {
            match word.split_once(':') {
                Some(("me", letter)) => self.stage = stage(letter).unwrap(),
                Some(("heard", who)) => self.roster.heard_from(&life(who), now.instant),
                _ if word == "paused" => self.roster.paused(now.instant),
                _ => sightings.push(sighting(word)),
            }
        }
        self.roster.step(now, &sightings, &said(self.stage, None))
    }

    pub(super) fn goes(mut self, looks: &[(u64, &str, &str)]) -> Self {
        for (millis, seen, expected) in looks {
            let told = tell(&self.look(*millis, seen));
            assert_eq!(told, *expected, "at {millis} ms, seeing {seen}");
        }
        self
    }
}

pub(super) fn life(text: &str) -> Incarnation {
    let (node, generation) = text.split_at(1);
    Incarnation {
        node: NodeId::new(node),
        generation: generation.parse().unwrap(),
    }
}

fn stage(letter: &str) -> Option<Stage> {
    match letter {
        "J" => Some(Stage::Joining),
        "R" => Some(Stage::Ready),
        "D" => Some(Stage::Draining),
        "L" => Some(Stage::Left),
        "?" => None,
        other => panic!("no stage {other}"),
    }
}

fn said(stage: Stage, excluded: Option<&str>) -> Said {
    Said {
        stage,
        grpc_address: "127.0.0.1:1".into(),
        version: "0".into(),
        points: 256,
        view: 0,
        targets: 0,
        owned: Arc::default(),
        excluded: excluded.map(life).into_iter().collect(),
        raft: None,
        dataset: (0, 0),
        protocol: crate::member::PROTOCOL,
    }
}

fn sighting(word: &str) -> Sighting {
    let (word, excluded) = word
        .split_once('!')
        .map_or((word, None), |(word, who)| (word, Some(who)));
    let (who, rest) = word.split_at(word.find(['+', '-']).unwrap());
    let elsewhere = who.strip_suffix('@');
    let address = elsewhere.map_or("127.0.0.1:2", |_| "127.0.0.2:2");
    Sighting {
        who: life(elsewhere.unwrap_or(who)),
        gossip_address: address.parse().unwrap(),
        live: rest.starts_with('+'),
        said: stage(&rest[1..]).map(|stage| said(stage, excluded)),
    }
}

fn tell(membership: &Membership) -> String {
    let letter = |state: State| match state {
        State::Joining => "J",
        State::Ready => "R",
        State::Draining => "D",
        State::Suspect => "S",
        State::Dead => "X",
    };
    let name = |who: &Incarnation| format!("{}{}", who.node, who.generation);
    let mut words: Vec<String> = Vec::new();
    words.extend(
        membership
            .members
            .iter()
            .map(|m| format!("{}:{}", m.who.node, letter(m.state))),
    );
    words.extend((!membership.quorum).then(|| "no-quorum".into()));
    words.extend(membership.excluded.iter().map(|who| format!("out:{}", name(who))));
    words.extend(membership.unheard.iter().map(|node| format!("unheard:{node}")));
    words.extend(
        membership
            .rivals
            .iter()
            .map(|rival| format!("rival:{}", name(&rival.who))),
    );
    words.join(" ")
}
