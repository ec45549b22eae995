//! The lock of a target and what others' sessions are at, on real servers.

use std::time::Duration;

use ringwatch_cluster_tests::mysql::{Flavour, Server as MyServer};
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD};
use ringwatch_frame::{Epoch, TargetId};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, SqlSafeStr as _};
use tokio::time::Instant;

use super::*;
use crate::fence::{Lock, LockKey, Locked, Other};
use crate::names::{lane_of, session_node};
use crate::session::{Activity, Asked, Whose};
use crate::target::TargetSpec;

const CLUSTER: &str = "test";

/// Sessions of several nodes at one target.
struct Nodes {
    target: Arc<TargetSpec>,
    roles: Vec<String>,
    /// Whether the server tells the name of the node that holds a lock.
    names: bool,
}

impl Nodes {
    fn of(plan: &ReaderPlan, role: &str, names: bool) -> Self {
        Self {
            target: targets_of(plan)[0].clone(),
            roles: vec![role.to_owned()],
            names,
        }
    }

    async fn session(&self, node: &str, station: Station) -> AnySession {
        let login = (&*self.target.readers[0], "");
        let connections = Connections::new(Names::of(CLUSTER, node));
        connections.connect(&self.target, login, station).await.unwrap()
    }

    fn lock(&self, epoch: u64) -> Lock {
        Lock {
            key: LockKey::of(CLUSTER, &self.target.id),
            epoch: Epoch(epoch),
        }
    }

    /// `node` as names have it.
    fn whose<'a>(&'a self, node: &'a str) -> Whose<'a> {
        Whose {
            lock: LockKey::of(CLUSTER, &self.target.id),
            node,
            roles: &self.roles,
        }
    }

    async fn activity(&self, session: &mut AnySession, node: &str) -> Activity {
        let node = session_node(CLUSTER, node);
        session.activity(&self.whose(&node)).await.unwrap()
    }

    /// Tries until it is ours, and says how long that took.
    async fn take(&self, session: &mut AnySession, epoch: u64) -> Duration {
        let start = Instant::now();
        while session.lock(&self.lock(epoch)).await.unwrap() != Locked::Taken {
            assert!(start.elapsed() < Duration::from_secs(5), "the lock is not let go");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        start.elapsed()
    }

    async fn one_session_has_the_lock_and_says_under_which_epoch(&self) {
        let mut one = self.session("n1", Station::Lane).await;
        let mut two = self.session("n2", Station::Lane).await;
        assert_eq!(one.lock(&self.lock(5)).await.unwrap(), Locked::Taken);
        let other = |locked| match locked {
            Locked::Elsewhere(Some(other)) => other,
            other => panic!("{other:?}"),
        };
        let seen: Other = other(two.lock(&self.lock(6)).await.unwrap());
        assert_eq!(seen.epoch, Some(Epoch(5)));
        assert_eq!(
            seen.node.as_deref(),
            self.names.then_some(&*session_node(CLUSTER, "n1"))
        );
        one.stamp(&self.lock(9)).await.unwrap();
        let seen = other(two.lock(&self.lock(6)).await.unwrap());
        assert_eq!(seen.epoch, Some(Epoch(9)));
        // An own session of an earlier life is known everywhere.
        let mut again = self.session("n1", Station::Lane).await;
        let seen = other(again.lock(&self.lock(10)).await.unwrap());
        assert_eq!(seen.node, Some(session_node(CLUSTER, "n1")));
        // The other target's lock is another one.
        let key = LockKey::of(CLUSTER, &TargetId::from_name("test://elsewhere:1"));
        let epoch = Epoch(1);
        assert_eq!(two.lock(&Lock { key, epoch }).await.unwrap(), Locked::Taken);
        one.close().await;
        self.take(&mut two, 11).await;
        for session in [two, again] {
            session.close().await;
        }
    }

    async fn the_session_of_another_node_is_ended(&self) {
        let mut stale = self.session("n1", Station::Lane).await;
        let mut two = self.session("n2", Station::Lane).await;
        self.take(&mut stale, 5).await;
        let Locked::Elsewhere(Some(other)) = two.lock(&self.lock(6)).await.unwrap() else {
            panic!("it is held");
        };
        two.end_session(other.session).await.unwrap();
        two.end_session(other.session).await.unwrap();
        let took = self.take(&mut two, 6).await;
        println!("{}: the lock was free {took:?} after the end", self.target.id);
        let gone = stale.lock(&self.lock(5)).await.unwrap_err();
        assert!(gone.kind.loses_connection(), "{gone:?}");
        two.close().await;
    }

    /// `tells`: the server knows what a session asked last.
    async fn all_lanes_of_a_node_are_ended(&self, tells: bool) {
        let mut owner = self.session("n1", Station::Lane).await;
        let mut lane = self.session("n1", Station::Lane).await;
        let mut waiting = self.session("n1", Station::Standby).await;
        let mut two = self.session("n2", Station::Lane).await;
        self.take(&mut owner, 5).await;
        let sql: Arc<str> = "/* ringwatch some.stream */ SELECT 1 AS a".into();
        let columns = [crate::session::Expected {
            name: "a",
            kind: ringwatch_frame::ColumnType::Int,
        }];
        let question = crate::session::Question {
            sql: &sql,
            args: &[],
            columns: &columns,
        };
        lane.read(&question).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let node = session_node(CLUSTER, "n1");
        let whose = self.whose(&node);
        let ended = two.end_lanes(&whose).await.unwrap();
        assert_eq!(ended.len(), 2, "{ended:?}");
        let named = ended
            .iter()
            .find(|last| last.asked == Asked::Stream("some.stream".into()));
        assert_eq!(named.is_some(), tells, "{ended:?}");
        for last in named.into_iter().chain(&ended) {
            assert!(!last.active, "{ended:?}");
            let expected = Duration::from_millis(1000)..Duration::from_secs(4);
            assert!(expected.contains(&last.age), "{ended:?}");
        }
        self.take(&mut two, 6).await;
        for gone in [&mut owner, &mut lane] {
            let fault = gone.read(&question).await.unwrap_err();
            assert!(fault.kind.loses_connection(), "{fault:?}");
        }
        waiting.read(&question).await.unwrap();
        assert_eq!(two.end_lanes(&whose).await.unwrap(), []);
        for session in [two, waiting] {
            session.close().await;
        }
    }

    async fn what_others_are_at_is_told(&self) {
        let mut standby = self.session("n2", Station::Standby).await;
        let nothing = self.activity(&mut standby, "n1").await;
        assert_eq!((nothing.sessions, nothing.active), (0, false));
        let mut lane = self.session("n1", Station::Lane).await;
        let waiting = self.session("n1", Station::Standby).await;
        let begun = Instant::now();
        // Its last sign of life is its opening, then each question.
        for _ in 0..2 {
            lane.started().await.unwrap();
            // The server has a little to do when it has answered.
            let mut told = self.activity(&mut standby, "n1").await;
            while told.active && begun.elapsed() < Duration::from_secs(5) {
                told = self.activity(&mut standby, "n1").await;
            }
            assert_eq!((told.sessions, told.active), (1, false), "{told:?}");
            let age = told.age.unwrap();
            assert!(age <= begun.elapsed() + Duration::from_millis(50), "{age:?}");
        }
        tokio::time::sleep(Duration::from_millis(1200)).await;
        let age = self.activity(&mut standby, "n1").await.age.unwrap();
        assert!(
            (Duration::from_secs(1)..Duration::from_secs(5)).contains(&age),
            "{age:?}"
        );
        assert_eq!(
            self.activity(&mut standby, "n2").await.sessions,
            0,
            "it waits and is no lane"
        );
        standby.enlist().await.unwrap();
        assert_eq!(self.activity(&mut lane, "n2").await.sessions, 1);
        waiting.close().await;
        lane.close().await;
        let mut tries = 0;
        while self.activity(&mut standby, "n1").await.sessions > 0 {
            tries += 1;
            assert!(tries < 500, "a session that said goodbye is gone");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        standby.close().await;
    }
}

#[tokio::test]
async fn all_holds_for_postgresql() {
    let real = Real::start().await;
    let plan = real.plan("- {sql: 'SELECT 1 AS a', logs: [{body_column: a}]}");
    let nodes = Nodes::of(&plan, SUPERUSER, true);
    nodes.one_session_has_the_lock_and_says_under_which_epoch().await;
    nodes.the_session_of_another_node_is_ended().await;
    nodes.what_others_are_at_is_told().await;
    a_question_under_way_is_told(&nodes).await;
    a_lane_counts_for_nothing_with_another_role(&nodes).await;
    nodes.all_lanes_of_a_node_are_ended(true).await;
    who_has_just_connected_has_read_nothing(&real, &nodes).await;
    who_has_only_prepared_a_question_has_read_nothing(&real, &nodes).await;
}

/// To the server, a session that has prepared a statement and one that has executed it look alike. Ours do both in a
/// transaction, the first time.
async fn who_has_only_prepared_a_question_has_read_nothing(real: &Real, nodes: &Nodes) {
    let sql: Arc<str> = "/* ringwatch some.stream */ SELECT 1 AS a".into();
    let question = crate::session::Question {
        sql: &sql,
        args: &[],
        columns: &[crate::session::Expected {
            name: "a",
            kind: ringwatch_frame::ColumnType::Int,
        }],
    };
    let node = session_node(CLUSTER, "n1");
    let whose = nodes.whose(&node);
    let mut lane = nodes.session("n1", Station::Lane).await;
    let watch = format!(
        "SELECT query FROM pg_stat_activity WHERE application_name = '{}'",
        lane_of(&node, whose.lock)
    );
    let mut watcher = connect_as(real, "watcher").await;
    for ends_in_commit in [true, false] {
        lane.read(&question).await.unwrap();
        let watch = sqlx::query_scalar(AssertSqlSafe(watch.clone()));
        let last: String = watch.fetch_one(&mut watcher).await.unwrap();
        assert_eq!(
            last.ends_with("COMMIT"),
            ends_in_commit,
            "it is prepared once: {last}"
        );
    }
    lane.close().await;
    let mut two = nodes.session("n2", Station::Lane).await;
    for (prepared_only, asked) in [
        (true, Asked::Before),
        (false, Asked::Stream("some.stream".into())),
    ] {
        let mut lane = connect_as(real, &lane_of(&node, whose.lock)).await;
        lane.execute("/* ringwatch */ BEGIN READ ONLY").await.unwrap();
        let text = AssertSqlSafe(Arc::clone(&sql)).into_sql_str();
        (&mut lane).prepare(text).await.unwrap();
        if !prepared_only {
            lane.execute("/* ringwatch some.stream */ COMMIT").await.unwrap();
        }
        let ended = two.end_lanes(&whose).await.unwrap();
        let told: Vec<_> = ended.iter().map(|last| (&last.asked, last.active)).collect();
        assert_eq!(told, [(&asked, false)]);
    }
    two.close().await;
}

/// A session of the superuser under this name.
async fn connect_as(real: &Real, name: &str) -> sqlx::PgConnection {
    let url = format!(
        "postgresql://{SUPERUSER}:{SUPERUSER_PASSWORD}@{}/postgres?sslmode=disable",
        real.server.endpoint()
    );
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    options.application_name(name).connect().await.unwrap()
}

/// Such a session knows no question yet: it is not one whose question the server does not tell.
async fn who_has_just_connected_has_read_nothing(real: &Real, nodes: &Nodes) {
    let node = session_node(CLUSTER, "n1");
    let whose = nodes.whose(&node);
    let fresh = connect_as(real, &lane_of(&node, whose.lock)).await;
    let mut two = nodes.session("n2", Station::Lane).await;
    let ended = two.end_lanes(&whose).await.unwrap();
    let asked: Vec<_> = ended.iter().map(|last| &last.asked).collect();
    assert_eq!(asked, [&Asked::Before], "{ended:?}");
    two.close().await;
    drop(fresh);
}

async fn a_question_under_way_is_told(nodes: &Nodes) {
    let mut standby = nodes.session("n2", Station::Standby).await;
    let mut lane = nodes.session("n1", Station::Lane).await;
    let sql: Arc<str> = "SELECT pg_sleep(1)::text AS a".into();
    let columns = [crate::session::Expected {
        name: "a",
        kind: ringwatch_frame::ColumnType::Text,
    }];
    let question = crate::session::Question {
        sql: &sql,
        args: &[],
        columns: &columns,
    };
    let look = async {
        let mut tries = 0;
        while !nodes.activity(&mut standby, "n1").await.active {
            tries += 1;
            assert!(tries < 100, "it is at its question");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (asked, ()) = tokio::join!(lane.read(&question), look);
    asked.unwrap();
    assert!(!nodes.activity(&mut standby, "n1").await.active);
    lane.close().await;
    standby.close().await;
}

async fn a_lane_counts_for_nothing_with_another_role(nodes: &Nodes) {
    let mut standby = nodes.session("n2", Station::Standby).await;
    let lane = nodes.session("n7", Station::Lane).await;
    assert_eq!(nodes.activity(&mut standby, "n7").await.sessions, 1);
    let others = Nodes {
        target: Arc::clone(&nodes.target),
        roles: vec!["nobody".to_owned()],
        names: true,
    };
    assert_eq!(others.activity(&mut standby, "n7").await.sessions, 0);
    let node = session_node(CLUSTER, "n7");
    let whose = others.whose(&node);
    assert_eq!(standby.end_lanes(&whose).await.unwrap(), []);
    lane.close().await;
    standby.close().await;
}

#[tokio::test]
async fn all_holds_for_mysql_too() {
    on_mysql(Flavour::MySql).await;
}

#[tokio::test]
async fn all_holds_for_mariadb_too() {
    on_mysql(Flavour::MariaDb).await;
}

async fn on_mysql(flavour: Flavour) {
    if !flavour.is_at_hand() {
        return;
    }
    let log = tempfile::tempdir().unwrap();
    let server = MyServer::start(flavour, &log.path().join("log")).await.unwrap();
    let tls = match flavour {
        Flavour::MySql => "ssl-mode=REQUIRED",
        Flavour::MariaDb => "ssl-mode=DISABLED",
    };
    let endpoint = server.endpoint();
    let datasource = format!("mysql://{MONITOR}:{MONITOR_PASSWORD}@{endpoint}/performance_schema?{tls}");
    let query = "- {sql: 'SELECT 1 AS a', logs: [{body_column: a}]}";
    let yaml = format!("driver: mysql\ndatasource: '{datasource}'\nqueries:\n{query}");
    let nodes = Nodes::of(&plan_of("sqlquery/my", &yaml), MONITOR, false);
    nodes.one_session_has_the_lock_and_says_under_which_epoch().await;
    nodes.the_session_of_another_node_is_ended().await;
    nodes.what_others_are_at_is_told().await;
    nodes
        .all_lanes_of_a_node_are_ended(flavour == Flavour::MySql)
        .await;
}
