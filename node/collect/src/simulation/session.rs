//! Sessions of simulated servers.

use super::*;
use crate::fence::{Lock, Locked, Other};
use crate::names::Station;
use crate::session::{Activity, Asked, LastQuestion, Whose};
use tokio::time::Instant;

/// The question what another's sessions are at.
pub(super) const ACTIVITY: &str = "activity of others";

/// A session as its server knows it.
struct Known {
    host: String,
    node: &'static str,
    station: Station,
    /// When its last question began, and when it will have been answered.
    asked: (Instant, Instant),
    /// What that was for.
    question: Asked,
}

/// All sessions of all servers, and their locks.
#[derive(Default)]
pub(super) struct Sessions {
    known: BTreeMap<i64, Known>,
    count: i64,
    /// By host: the session and its epoch.
    locks: BTreeMap<String, (i64, Epoch)>,
    /// The most that each node ever had at one host.
    most: BTreeMap<(String, &'static str), usize>,
    /// Whether nothing may be asked without the lock, and how often it was.
    pub(super) locked: bool,
    /// The server does not tell whose the lock is.
    pub(super) nameless: bool,
    /// Nobody may end others' sessions.
    pub(super) other_role: bool,
    pub(super) unlocked: usize,
}

impl Sessions {
    fn open(&mut self, host: &str, node: &'static str, station: Station) -> i64 {
        self.count += 1;
        let now = Instant::now();
        let known = Known {
            host: host.to_owned(),
            node,
            station,
            asked: (now, now),
            question: Asked::Before,
        };
        self.known.insert(self.count, known);
        let open = self.of(host, node).count();
        let most = self.most.entry((host.to_owned(), node)).or_default();
        *most = (*most).max(open);
        self.count
    }

    fn of(&self, host: &str, node: &str) -> impl Iterator<Item = &Known> {
        let known = self.known.values();
        known.filter(move |known| known.host == host && known.node == node)
    }

    /// The session is gone, with its lock.
    pub(super) fn close(&mut self, number: i64) {
        self.known.remove(&number);
        self.locks.retain(|_, (holder, _)| *holder != number);
    }

    /// A question begins. Says whether the session is there.
    fn asks(&mut self, number: i64, took: Duration, sql: &str) -> bool {
        let is_reading = sql != ACTIVITY;
        let now = Instant::now();
        let Some(known) = self.known.get_mut(&number) else {
            return false;
        };
        known.asked = (now, now + took);
        known.question = match is_reading {
            true => Asked::Stream(sql.to_owned()),
            false => Asked::Before,
        };
        let holder = self.locks.get(&known.host).map(|(holder, _)| *holder);
        let node = holder
            .and_then(|holder| self.known.get(&holder))
            .map(|known| known.node);
        if self.locked && is_reading && node != self.known.get(&number).map(|known| known.node) {
            self.unlocked += 1;
        }
        true
    }

    fn enlist(&mut self, number: i64) {
        if let Some(known) = self.known.get_mut(&number) {
            known.station = Station::Lane;
        }
    }

    fn lock(&mut self, number: i64, epoch: Epoch) -> Locked {
        let Some(known) = self.known.get(&number) else {
            return Locked::Unfit("the session is gone".into());
        };
        let (holder, since) = *self.locks.entry(known.host.clone()).or_insert((number, epoch));
        if holder == number {
            return Locked::Taken;
        }
        self.elsewhere(holder, since)
    }

    fn elsewhere(&self, holder: i64, since: Epoch) -> Locked {
        Locked::Elsewhere(Some(Other {
            session: holder,
            node: self
                .known
                .get(&holder)
                .map(|known| known.node.to_owned())
                .filter(|_| !self.nameless),
            epoch: Some(since),
        }))
    }

    fn look(&self, host: &str) -> Locked {
        match self.locks.get(host) {
            Some((holder, since)) => self.elsewhere(*holder, *since),
            None => Locked::Elsewhere(None),
        }
    }

    /// Ends the sessions of a node's lanes.
    pub(super) fn end_lanes(&mut self, host: &str, node: &str) -> Vec<LastQuestion> {
        let now = Instant::now();
        let is_lane =
            |known: &Known| known.host == host && known.node == node && known.station == Station::Lane;
        let lanes: Vec<i64> = self
            .known
            .iter()
            .filter(|(_, known)| is_lane(known))
            .map(|(number, _)| *number)
            .collect();
        let mut last = Vec::new();
        for number in lanes {
            if let Some(known) = self.known.remove(&number) {
                last.push(LastQuestion {
                    asked: known.question,
                    active: known.asked.1 > now,
                    age: now - known.asked.0,
                    database: None,
                });
            }
            self.close(number);
        }
        last
    }

    fn activity(&self, host: &str, node: &str) -> Activity {
        let now = Instant::now();
        let lanes: Vec<_> = self
            .of(host, node)
            .filter(|known| known.station == Station::Lane)
            .collect();
        let sign = lanes
            .iter()
            .map(|known| known.asked.1.min(now).max(known.asked.0))
            .max();
        Activity {
            sessions: lanes.len() as u64,
            active: lanes.iter().any(|known| known.asked.1 > now),
            age: sign.map(|sign| now - sign),
            locked_by_others: self.holder(host).is_some_and(|(_, holder)| holder != node),
        }
    }

    /// A session of a stranger, or of a node that this test does not run, which holds the lock.
    pub(super) fn locked_by(&mut self, host: &str, node: &'static str, epoch: Epoch) -> i64 {
        let number = self.open(host, node, Station::Lane);
        self.locks.insert(host.to_owned(), (number, epoch));
        number
    }

    /// A session of another lane of such a node.
    pub(super) fn opened_by(&mut self, host: &str, node: &'static str) {
        self.open(host, node, Station::Lane);
    }

    /// The session that holds the lock has asked now, or not lately, and its epoch is this one from now on.
    pub(super) fn holder_asked(&mut self, host: &str, now: bool, epoch: Epoch) {
        let Some((number, since)) = self.locks.get_mut(host) else {
            return;
        };
        *since = epoch;
        if let Some(known) = self.known.get_mut(number).filter(|_| now) {
            known.asked = (Instant::now(), Instant::now());
            known.question = Asked::Stream("activity".into());
        }
    }

    /// The session that holds the lock, and its node.
    pub(super) fn holder(&self, host: &str) -> Option<(i64, &'static str)> {
        let (number, _) = *self.locks.get(host)?;
        Some((number, self.known.get(&number)?.node))
    }

    /// The sessions that `node` has at `host`, and those of them that are of its lanes.
    pub(super) fn open_of(&self, host: &str, node: &str) -> usize {
        self.of(host, node).count()
    }

    pub(super) fn lanes(&self, host: &str, node: &str) -> usize {
        self.of(host, node)
            .filter(|known| known.station == Station::Lane)
            .count()
    }

    /// The most sessions that `node` ever had at `host`.
    pub(super) fn most(&self, host: &str, node: &'static str) -> usize {
        self.most.get(&(host.to_owned(), node)).copied().unwrap_or(0)
    }
}

impl Connector for Servers {
    type Session = FakeSession;

    async fn connect(
        &self,
        target: &TargetSpec,
        (reader, database): (&Reader, &str),
        station: Station,
    ) -> Result<FakeSession, Fault> {
        let host = target.endpoint.host.clone();
        let behaviour = self.send(&host, "connect");
        if behaviour.refuse.contains(&database) {
            return Err(Fault::new(FaultKind::Login, "no entry in pg_hba.conf"));
        }
        if behaviour.cut_from == Some(self.node) && !self.node.is_empty() {
            return Err(Fault::new(FaultKind::Connection, "no route"));
        }
        if behaviour.hangs {
            tokio::time::sleep(reader.plan.timeout()).await;
            return Err(Fault::new(FaultKind::Deadline, "no answer"));
        }
        tokio::time::sleep(behaviour.connects_in).await;
        let number = self.with(|world| {
            let open = world.open.entry(host.clone()).or_default();
            *open += 1;
            let most = world.most_open.entry(host.clone()).or_default();
            *most = (*most).max(*open);
            world.sessions.open(&host, self.node, station)
        });
        Ok(FakeSession {
            host,
            servers: self.clone(),
            number,
            readings: 0,
            under_way: false,
        })
    }
}

pub(crate) struct FakeSession {
    host: String,
    servers: Servers,
    /// Its number at the server.
    number: i64,
    readings: usize,
    /// A reading was begun and not ended.
    under_way: bool,
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        self.servers.with(|world| {
            *world.open.get_mut(&self.host).unwrap() -= 1;
            world.sessions.close(self.number);
        });
    }
}

impl FakeSession {
    /// Takes its time, and answers or not.
    async fn answers(&mut self, sql: &str) -> Result<(), Fault> {
        let behaviour = self.servers.send(&self.host, sql);
        assert!(!self.under_way, "the rest of what was broken off would be sent");
        self.under_way = true;
        let took = behaviour.takes[self.readings % behaviour.takes.len()];
        let is_there = self.servers.with(|world| {
            let took = if behaviour.hangs { SECOND * 5 } else { took };
            world.sessions.asks(self.number, took, sql)
        });
        if !is_there || (behaviour.cut_from == Some(self.servers.node) && !self.servers.node.is_empty()) {
            return Err(Fault::new(FaultKind::Connection, "connection reset"));
        }
        if behaviour.breaks && self.readings > 0 {
            self.servers.set(&self.host, |behaviour| behaviour.breaks = false);
            return Err(Fault::new(FaultKind::Connection, "broken pipe"));
        }
        if behaviour.hangs {
            tokio::time::sleep(SECOND * 5).await;
            return Err(Fault::new(FaultKind::Deadline, "no answer"));
        }
        tokio::time::sleep(behaviour.takes[self.readings % behaviour.takes.len()]).await;
        if behaviour.in_steps {
            self.servers.send(&self.host, "execute");
            tokio::time::sleep(behaviour.takes[self.readings % behaviour.takes.len()]).await;
        }
        self.readings += 1;
        self.under_way = false;
        let fault = behaviour.faults.get(sql).copied();
        fault.map_or(Ok(()), |kind| Err(Fault::new(kind, "as told")))
    }
}

impl Session for FakeSession {
    fn version(&self) -> u32 {
        150_004
    }

    async fn read(&mut self, question: &Question<'_>) -> Result<RecordBatch, Fault> {
        self.answers(question.sql).await?;
        let mut columns = Columns::new(question.columns.iter().map(|column| (column.name, column.kind)));
        let calls = if &**question.sql == "calls" {
            self.servers.count(&self.host)
        } else {
            0
        };
        let cell = |name: &str| Cell::Int(if name == "calls" { calls } else { 1 });
        let cells: Vec<_> = question.columns.iter().map(|column| cell(column.name)).collect();
        columns.push(&cells).unwrap();
        Ok(columns.finish().unwrap())
    }

    async fn extension(&mut self, name: &str) -> Result<Option<Extension>, Fault> {
        let schema = self.servers.send(&self.host, name).extension;
        Ok(schema.map(|schema| Extension {
            version: "1.10".into(),
            schema: schema.into(),
        }))
    }

    async fn has_role(&mut self, name: &str) -> Result<bool, Fault> {
        Ok(self.servers.send(&self.host, name).granted)
    }

    async fn databases(&mut self) -> Result<Vec<String>, Fault> {
        let behaviour = self.servers.send(&self.host, "databases");
        Ok(behaviour.databases.into_iter().map(str::to_owned).collect())
    }

    async fn query(&mut self, query: &Query<'_>) -> Result<Answered, Refused> {
        self.answers(query.sql).await?;
        if let Some(tracking) = query.tracking {
            self.servers
                .with(|world| world.tracked.push(tracking.map(str::to_owned)));
        }
        let calls = self.servers.count(&self.host);
        let mut answer = Answer::new(query, &[("a".to_owned(), ColumnType::Int)])?;
        answer.push(&[Cell::Int(calls)])?;
        Ok(answer.finish()?)
    }

    async fn describe(&mut self, _: &Query<'_>) -> Result<Described, Refused> {
        Ok(vec![("a".to_owned(), ColumnType::Int)])
    }

    async fn started(&mut self) -> Result<Option<i64>, Fault> {
        Ok(Some(1))
    }

    async fn activity(&mut self, whose: &Whose<'_>) -> Result<Activity, Fault> {
        self.answers(ACTIVITY).await?;
        Ok(self
            .servers
            .with(|world| world.sessions.activity(&self.host, whose.node)))
    }

    async fn enlist(&mut self) -> Result<(), Fault> {
        self.servers.with(|world| world.sessions.enlist(self.number));
        Ok(())
    }

    async fn lock(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        let behaviour = self.servers.send(&self.host, "lock");
        tokio::time::sleep(behaviour.takes[0]).await;
        Ok(self
            .servers
            .with(|world| world.sessions.lock(self.number, lock.epoch)))
    }

    async fn holder(&mut self, _: &Lock) -> Result<Locked, Fault> {
        self.servers.send(&self.host, "holder");
        Ok(self.servers.with(|world| world.sessions.look(&self.host)))
    }

    async fn end_lanes(&mut self, whose: &Whose<'_>) -> Result<Vec<LastQuestion>, Fault> {
        self.servers.send(&self.host, "end lanes");
        Ok(self.servers.with(|world| match world.sessions.other_role {
            true => Vec::new(),
            false => world.sessions.end_lanes(&self.host, whose.node),
        }))
    }

    async fn end_session(&mut self, session: i64) -> Result<(), Fault> {
        self.servers.send(&self.host, "end session");
        if self.servers.with(|world| world.sessions.other_role) {
            return Err(Fault::new(FaultKind::Grant, "must be a member of the role"));
        }
        self.servers.with(|world| world.sessions.close(session));
        Ok(())
    }

    async fn close(self) {
        assert!(!self.under_way, "the rest of what was broken off would be sent");
    }
}
