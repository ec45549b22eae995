//! The database's side: who has sessions at each target and who holds its lock, sampled on a connection of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use sqlx::ConnectOptions as _;
use sqlx::Row as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::sockets;
use crate::postgres::questions::{self, Question};
use crate::postgres::{SUPERUSER, SUPERUSER_PASSWORD, Server};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(50);
/// A look that takes longer fails: the server is down.
const PATIENCE: Duration = Duration::from_secs(2);
/// As many faults and changes are kept.
const KEPT: usize = 1_000;

/// Sessions of nodes: server process, name, where from.
const SESSIONS: &str = "select pid, application_name, host(client_addr), client_port from pg_stat_activity
    where backend_type = 'client backend' and application_name like 'ringwatch%' and client_port > 0";

/// Advisory locks that are held: key, server process, name of the session.
const LOCKS: &str = "select l.classid::int8, l.objid::int8, l.pid, coalesce(a.application_name, '')
    from pg_locks l left join pg_stat_activity a on a.pid = l.pid where l.locktype = 'advisory' and l.granted";

/// A lock: the two halves of its key.
pub type Key = (i64, i64);

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Looks that succeeded.
    pub looks: u64,
    /// Looks that failed: the server was down.
    pub failed: u64,
    /// The longest time between two looks.
    pub longest_pause: Duration,
    /// The most sessions of nodes at each target at once, with their names.
    pub most: BTreeMap<String, Vec<String>>,
    /// Locks that two sessions held at once.
    pub shared: Vec<String>,
    /// Who holds each lock, as seen last.
    pub holders: BTreeMap<Key, String>,
    /// Locks that came to another holder: when, in milliseconds since 1970, which, from whom, to whom.
    pub changes: Vec<(i64, Key, String, String)>,
    /// At which targets each server process was seen, as the numbers of processes come again.
    places: HashMap<u32, Vec<Place>>,
}

/// A time in which a server process was seen at a target, in milliseconds since 1970.
#[derive(Clone, Debug)]
struct Place {
    target: String,
    from: i64,
    until: i64,
}

/// A session that begins or ends is seen so much later or earlier at most, in milliseconds.
const UNSEEN: i64 = 1_000;

impl Seen {
    /// The most sessions that any target had at once.
    pub fn most_sessions(&self) -> usize {
        self.most.values().map(Vec::len).max().unwrap_or(0)
    }

    /// The targets that had more than `budget` sessions at once, with the names of the sessions.
    pub fn over(&self, budget: usize) -> Vec<(&String, &Vec<String>)> {
        self.most
            .iter()
            .filter(|(_, names)| names.len() > budget)
            .collect()
    }

    /// The target at which a server process was at this time.
    pub fn place(&self, backend: u32, at: i64) -> Option<&String> {
        let places = self.places.get(&backend)?;
        let holds = |place: &&Place| (place.from - UNSEEN..=place.until + UNSEEN).contains(&at);
        places.iter().find(holds).map(|place| &place.target)
    }

    /// A server process is at a target now.
    pub(super) fn note_place(&mut self, backend: u32, target: &str, now: i64) {
        let places = self.places.entry(backend).or_default();
        match places.last_mut() {
            Some(last) if last.target == target => last.until = now,
            _ => places.push(Place {
                target: target.to_owned(),
                from: now,
                until: now,
            }),
        }
    }

    /// Readings of each target in its busiest second, by the server's log. What opens a session, asks for locks or for
    /// the owner's life is no reading.
    pub fn busiest_second(&self, log: &str) -> BTreeMap<String, usize> {
        let mut by_second: BTreeMap<(&String, i64), usize> = BTreeMap::new();
        let readings = questions::read(log);
        for question in readings.iter().filter(|q| is_reading(q)) {
            if let Some(target) = self.place(question.backend, question.at) {
                *by_second.entry((target, question.at / 1_000)).or_default() += 1;
            }
        }
        let mut busiest: BTreeMap<String, usize> = BTreeMap::new();
        for ((target, _), count) in by_second {
            let most = busiest.entry(target.clone()).or_default();
            *most = (*most).max(count);
        }
        busiest
    }
}

/// Whether a question of a node reads what it is there to read: its stream is named in it. What opens a session, asks for
/// locks or for the owner's life names none, and the end of the transaction of a first reading is not one more.
pub fn is_reading(question: &Question) -> bool {
    question.application.starts_with("ringwatch")
        && question.text.starts_with("/* ringwatch ")
        && !question.text.starts_with("/* ringwatch */")
        && !question.text.ends_with("*/ COMMIT")
}

/// The same of those that an owner makes.
pub fn is_owners_reading(question: &Question) -> bool {
    is_reading(question) && !of_standby(question)
}

/// The same of those that a standby makes, which covers.
pub fn is_standbys_reading(question: &Question) -> bool {
    is_reading(question) && of_standby(question)
}

/// A standby's session is named so.
fn of_standby(question: &Question) -> bool {
    question.application.ends_with("/standby")
}

/// The number of the target of an owner's session, `3f00a1b2` of `ringwatch/node-1@demo/3f00a1b2/12`.
pub fn target_of(application: &str) -> Option<&str> {
    application.strip_prefix("ringwatch/")?.split('/').nth(1)
}

/// The name of the node of a session, `node-1` of `ringwatch/node-1@demo/3f00a1b2/12`.
pub fn node_of(application: &str) -> Option<&str> {
    application.strip_prefix("ringwatch/")?.split(['/', '@']).next()
}

/// The sampler. It ends when dropped.
#[derive(Debug)]
pub struct Sampler {
    seen: Arc<Mutex<Seen>>,
    task: AbortHandle,
}

impl Sampler {
    /// Starts to look at a server, whose targets are `targets`.
    pub fn start(server: &Server, targets: &[String]) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let known = targets.iter().filter_map(|target| {
            let (host, _) = target.rsplit_once(':')?;
            Some((host.parse().ok()?, target.clone()))
        });
        let look = Look {
            port: server.port(),
            targets: known.collect(),
            seen: Arc::clone(&seen),
        };
        let task = tokio::spawn(look.run()).abort_handle();
        Self { seen, task }
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets how many sessions there were at most, to look at what comes.
    pub fn forget_most(&self) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .most
            .clear();
    }

    /// What must never be: more sessions at a target than `budget`, a lock with two holders; and it has looked often
    /// enough to say so.
    ///
    /// # Errors
    /// It was.
    pub fn ensure_within(&self, budget: usize) -> Result<Seen> {
        let seen = self.seen();
        ensure!(seen.looks > 0, "invalid run: nobody looked at the database");
        let over = seen.over(budget);
        ensure!(over.is_empty(), "more than {budget} sessions at once: {over:?}");
        ensure!(
            seen.shared.is_empty(),
            "locks with two holders: {:?}",
            seen.shared
        );
        Ok(seen)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Look {
    port: u16,
    targets: HashMap<Ipv4Addr, String>,
    seen: Arc<Mutex<Seen>>,
}

impl Look {
    async fn run(self) {
        let mut times = interval(EVERY);
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut session, mut last) = (None, Instant::now());
        loop {
            times.tick().await;
            let looked = timeout(PATIENCE, self.look(&mut session)).await;
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(looked, Ok(Ok(()))) {
                seen.looks += 1;
                seen.longest_pause = seen.longest_pause.max(last.elapsed());
            } else {
                seen.failed += 1;
                session = None;
            }
            last = Instant::now();
        }
    }

    async fn look(&self, session: &mut Option<PgConnection>) -> Result<()> {
        let session = match session {
            Some(session) => session,
            None => session.insert(connect(self.port).await?),
        };
        let sessions = sqlx::query(SESSIONS).fetch_all(&mut *session).await?;
        let locks = sqlx::query(LOCKS).fetch_all(&mut *session).await?;
        let sockets = sockets::of_port(self.port);
        let mut at_once: BTreeMap<&String, Vec<String>> = BTreeMap::new();
        let mut places = Vec::new();
        for row in sessions {
            let (pid, name): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
            let (from, port): (String, i32) = (row.try_get(2)?, row.try_get(3)?);
            let from = (from.parse()?, u16::try_from(port)?);
            // One that has ended since is not in the table of the system any more.
            if let Some(target) = sockets.get(&from).and_then(|at| self.targets.get(at)) {
                at_once.entry(target).or_default().push(name);
                places.push((u32::try_from(pid)?, target));
            }
        }
        let mut holders: BTreeMap<Key, BTreeSet<(i32, String)>> = BTreeMap::new();
        for row in locks {
            let holder = (row.try_get(2)?, row.try_get(3)?);
            let key = (row.try_get(0)?, row.try_get(1)?);
            holders.entry(key).or_default().insert(holder);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = questions::now();
        for (pid, target) in places {
            seen.note_place(pid, target, now);
        }
        for (target, names) in at_once {
            if seen.most.get(target).is_none_or(|most| most.len() < names.len()) {
                seen.most.insert(target.clone(), names);
            }
        }
        seen.note_holders(holders);
        Ok(())
    }
}

impl Seen {
    fn note_holders(&mut self, holders: BTreeMap<Key, BTreeSet<(i32, String)>>) {
        for (key, sessions) in holders {
            if sessions.len() > 1 && self.shared.len() < KEPT {
                self.shared.push(format!("{key:?}: {sessions:?}"));
            }
            let Some((_, name)) = sessions.into_iter().next() else {
                continue;
            };
            let before = self.holders.insert(key, name.clone()).unwrap_or_default();
            if before != name && self.changes.len() < KEPT {
                self.changes.push((questions::now(), key, before, name));
            }
        }
    }
}

async fn connect(port: u16) -> Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(SUPERUSER)
        .password(SUPERUSER_PASSWORD)
        .database("postgres")
        .ssl_mode(PgSslMode::Disable)
        .application_name("oracle")
        .disable_statement_logging();
    let mut session: PgConnection = options.connect().await?;
    // Its own statements would fill the log.
    sqlx::query("set log_statement = 'none'")
        .execute(&mut session)
        .await?;
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_holders_and_changes_are_told() {
        let mut seen = Seen::default();
        let of = |holders: &[(i32, &str)]| {
            let set = holders
                .iter()
                .map(|(pid, name)| (*pid, (*name).to_owned()))
                .collect();
            BTreeMap::from([((1, 2), set)])
        };
        seen.note_holders(of(&[(7, "ringwatch/a/1")]));
        seen.note_holders(of(&[(7, "ringwatch/a/1")]));
        seen.note_holders(of(&[(8, "ringwatch/b/2")]));
        assert!(seen.shared.is_empty());
        let changes: Vec<_> = seen
            .changes
            .iter()
            .map(|(_, _, from, to)| (&**from, &**to))
            .collect();
        assert_eq!(
            changes,
            [("", "ringwatch/a/1"), ("ringwatch/a/1", "ringwatch/b/2")]
        );
        seen.note_holders(of(&[(8, "ringwatch/b/2"), (9, "ringwatch/c/3")]));
        assert_eq!(seen.shared.len(), 1);
        assert_eq!(node_of("ringwatch/b@test/2"), Some("b"));
    }

    #[test]
    fn the_busiest_second_is_of_readings() {
        let line = |second: u32, app: &str, text: &str| {
            format!("1970-01-01 00:00:0{second}.250 UTC [7] app={app} user=u db=d LOG:  execute s: {text}\n")
        };
        let log = [
            line(1, "ringwatch/a", "/* ringwatch s */ select 1"),
            line(2, "ringwatch/a", "/* ringwatch s */ select 1"),
            line(2, "ringwatch/a/3", "/* ringwatch t */ select 2"),
            line(2, "ringwatch/b/standby", "/* ringwatch s */ select 3"),
            line(
                2,
                "ringwatch/a/3",
                "/* ringwatch */ select pg_try_advisory_lock(1)",
            ),
            line(2, "harness", "select 4"),
        ]
        .concat();
        let mut seen = Seen::default();
        seen.note_place(7, "x:1", 1_500);
        seen.note_place(7, "x:1", 2_500);
        seen.note_place(7, "y:1", 9_000);
        assert_eq!(seen.busiest_second(&log), [("x:1".to_owned(), 3)].into());
        let owners = questions::read(&log)
            .iter()
            .filter(|q| is_owners_reading(q))
            .count();
        assert_eq!(owners, 3);
    }
}
