//! The conversation with the peers: who has been met, and what of theirs is believed. It touches no socket.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use chacha20poly1305::aead::OsRng;
use chacha20poly1305::aead::rand_core::RngCore as _;
use tokio::time::Instant;

use super::challenge::Challenges;
use super::cipher::Cipher;
use super::letter::{HEADER, Kind, Letter, NOBODY, NOTHING, Session};
use super::limit::Limit;
use super::window::Window;
use super::{LONGEST, START, TAG};
use crate::gossip::meters::Reason;

/// More peers than this are not talked to at a time.
pub(super) const MOST_PEERS: usize = 1_024;
/// The longest body of one letter, in bytes.
const LONGEST_BODY: usize = LONGEST - START - HEADER - TAG;
/// An address gets no two hellos within this time.
const HELLO_EVERY: Duration = Duration::from_millis(50);
/// An address gets no two answers within this time.
const ANSWER_EVERY: Duration = Duration::from_millis(10);
/// Strangers, all together, get no more hellos and no more answers than this in a second.
const MOST_HELLOS: u32 = 200;
const MOST_ANSWERS: u32 = 2_000;
/// What waited longer for a peer to answer is not sent any more.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What goes out: where to, and what.
pub(super) type Outgoing = (SocketAddr, Vec<u8>);

/// One process's side of all conversations.
pub(super) struct Talk {
    cipher: Cipher,
    me: Session,
    number: u64,
    challenges: Challenges,
    routes: HashMap<SocketAddr, Route>,
    met: HashMap<Session, Met>,
    hellos: Limit,
    answers: Limit,
    assembled: Vec<u8>,
    out: Vec<Outgoing>,
}

/// An address that we talk to.
struct Route {
    /// Who answered there last; `None`: nobody yet.
    session: Option<Session>,
    hello: Option<Instant>,
    /// The last that could not be said yet.
    waiting: Option<(Instant, Vec<u8>)>,
    used: Instant,
}

/// A process that answered a challenge of ours. What it sent before its answer is not believed any more.
struct Met {
    window: Window,
    /// The head of what came last, and its number.
    head: Option<(u64, Vec<u8>)>,
}

impl Talk {
    /// Begins a session; `None` when the system gives no randomness.
    pub(super) fn new(cipher: Cipher, now: Instant) -> Option<Self> {
        let mut me = NOBODY;
        OsRng.try_fill_bytes(&mut me).ok()?;
        Some(Self {
            cipher,
            me,
            number: 0,
            challenges: Challenges::new(now)?,
            routes: HashMap::new(),
            met: HashMap::new(),
            hellos: Limit::new(HELLO_EVERY, MOST_HELLOS, now),
            answers: Limit::new(ANSWER_EVERY, MOST_ANSWERS, now),
            assembled: Vec::new(),
            out: Vec::new(),
        })
    }

    /// What must be sent now.
    pub(super) fn outgoing(&mut self) -> impl Iterator<Item = Outgoing> {
        self.out.drain(..)
    }

    /// Says `plain` to whoever is at `to`, as soon as we have met.
    pub(super) fn say(&mut self, now: Instant, to: SocketAddr, plain: &[u8]) {
        self.make_room(to);
        let route = self.routes.entry(to).or_insert_with(|| Route::new(now));
        route.used = now;
        if let Some(session) = route.session {
            self.send_data(to, session, plain);
            return;
        }
        route.waiting = Some((now, plain.to_vec()));
        self.greet(now, to);
    }

    /// Opens what came from `from`. Gives what it says to us, if it says anything.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(super) fn hear<'a>(
        &'a mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &'a mut [u8],
    ) -> Result<Option<&'a [u8]>, Reason> {
        let letter = Letter::read(self.cipher.open(datagram)?)?;
        if letter.from == self.me {
            return Err(Reason::Session);
        }
        if letter.kind == Kind::Hello {
            let (_, challenge) = letter.challenges()?;
            if self.answers.pass(now, from) {
                let ours = self.challenges.put(from, now);
                self.send(from, letter.from, Kind::Ack, &[&challenge, &ours]);
            }
            return Ok(None);
        }
        if letter.to != self.me {
            self.greet(now, from);
            return Err(Reason::Session);
        }
        if letter.kind == Kind::Ack {
            return self.acknowledged(now, from, &letter).map(|()| None);
        }
        let here = self
            .routes
            .get(&from)
            .is_some_and(|route| route.session == Some(letter.from));
        let Some(met) = self.met.get_mut(&letter.from).filter(|_| here) else {
            self.greet(now, from);
            return Err(Reason::Session);
        };
        if !met.window.pass(letter.number) {
            return Err(Reason::Replay);
        }
        match letter.kind {
            Kind::Head => {
                met.head = Some((letter.number, letter.body.to_vec()));
                Ok(None)
            }
            Kind::Tail => {
                let head = met
                    .head
                    .take()
                    .filter(|(number, _)| number.checked_add(1) == Some(letter.number));
                let Some((_, head)) = head else {
                    return Ok(None);
                };
                self.assembled = head;
                self.assembled.extend_from_slice(letter.body);
                if self.assembled.len() > LONGEST {
                    return Err(Reason::Malformed);
                }
                Ok(Some(&self.assembled))
            }
            Kind::Whole | Kind::Hello | Kind::Ack => Ok(Some(letter.body)),
        }
    }

    /// Meets the sender of an ack, if it answers a challenge of ours to that address.
    fn acknowledged(&mut self, now: Instant, from: SocketAddr, ack: &Letter<'_>) -> Result<(), Reason> {
        if let Some(met) = self.met.get_mut(&ack.from)
            && !met.window.pass(ack.number)
        {
            return Err(Reason::Replay);
        }
        let (answered, put) = ack.challenges()?;
        if !self.challenges.is_answer(answered, from, now) {
            return Err(Reason::Challenge);
        }
        self.make_room(from);
        let route = self.routes.entry(from).or_insert_with(|| Route::new(now));
        route.used = now;
        let before = route.session.replace(ack.from);
        let waiting = route.waiting.take();
        if let Some(before) = before.filter(|before| *before != ack.from) {
            self.forget(before);
        }
        self.met.entry(ack.from).or_insert_with(|| Met {
            window: Window::after(ack.number),
            head: None,
        });
        if put != NOTHING {
            self.send(from, ack.from, Kind::Ack, &[&put, &NOTHING]);
        }
        if let Some((since, plain)) = waiting
            && now.duration_since(since) <= LONGEST_WAIT
        {
            self.send_data(from, ack.from, &plain);
        }
        Ok(())
    }

    /// Asks whoever is at `to` to answer a challenge, not too often.
    fn greet(&mut self, now: Instant, to: SocketAddr) {
        let due = match self.routes.get_mut(&to) {
            Some(route) => {
                let due = route
                    .hello
                    .is_none_or(|last| now.duration_since(last) >= HELLO_EVERY);
                if due {
                    route.hello = Some(now);
                }
                due
            }
            None => self.hellos.pass(now, to),
        };
        if due {
            let challenge = self.challenges.put(to, now);
            // As long as its answer.
            self.send(to, NOBODY, Kind::Hello, &[&NOTHING, &challenge]);
        }
    }

    fn send_data(&mut self, to: SocketAddr, session: Session, plain: &[u8]) {
        match plain.split_at_checked(LONGEST_BODY) {
            Some((head, tail)) if !tail.is_empty() => {
                self.send(to, session, Kind::Head, &[head]);
                self.send(to, session, Kind::Tail, &[tail]);
            }
            _ => self.send(to, session, Kind::Whole, &[plain]),
        }
    }

    fn send(&mut self, to: SocketAddr, session: Session, kind: Kind, body: &[&[u8]]) {
        self.number += 1;
        let letter = Letter {
            from: self.me,
            to: session,
            kind,
            number: self.number,
            body: &[],
        };
        let header = letter.header();
        let mut parts = vec![&header[..]];
        parts.extend_from_slice(body);
        if let Some(datagram) = self.cipher.seal(&parts) {
            self.out.push((to, datagram));
        }
    }

    /// Makes room for a route to `to`: those that nobody answered on go first, then the one that was not used
    /// for longest.
    fn make_room(&mut self, to: SocketAddr) {
        if self.routes.len() < MOST_PEERS || self.routes.contains_key(&to) {
            return;
        }
        let oldest = self
            .routes
            .iter()
            .min_by_key(|(_, route)| (route.session.is_some(), route.used));
        let Some(oldest) = oldest.map(|(address, _)| *address) else {
            return;
        };
        if let Some(session) = self.routes.remove(&oldest).and_then(|route| route.session) {
            self.forget(session);
        }
    }

    /// Forgets a session that no route leads to. It is believed again only after it has answered a new
    /// challenge.
    fn forget(&mut self, session: Session) {
        if !self.routes.values().any(|route| route.session == Some(session)) {
            self.met.remove(&session);
        }
    }
}

impl Route {
    fn new(now: Instant) -> Self {
        Self {
            session: None,
            hello: None,
            waiting: None,
            used: now,
        }
    }
}

#[cfg(test)]
mod tests;
