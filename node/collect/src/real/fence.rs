//! The lock of a target and what others' sessions are at, on real servers.

use std::time::Duration;

use ringwatch_cluster_tests::mysql::{Flavour, Server as MyServer};
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD};
use ringwatch_frame::{Epoch, TargetId};
use tokio::time::Instant;

use super::*;
use crate::fence::{Lock, LockKey, Locked, Other};
use crate::names::session_node;
use crate::session::{Activity, Whose};
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

    async fn activity(&self, session: &mut AnySession, node: &str) -> Activity {
        let whose = Whose {
            lock: LockKey::of(CLUSTER, &self.target.id),
            node: &session_node(CLUSTER, node),
            roles: &self.roles,
        };
        session.activity(&whose).await.unwrap()
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
    a_name_counts_for_nothing_with_another_role(&real, &nodes).await;
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

async fn a_name_counts_for_nothing_with_another_role(real: &Real, nodes: &Nodes) {
    use ringwatch_cluster_tests::postgres::sql::execute;
    let mut standby = nodes.session("n2", Station::Standby).await;
    let mut named = real.server.connect("postgres").await.unwrap();
    execute(
        &mut named,
        &format!("set application_name = 'ringwatch/n7@{CLUSTER}'"),
    )
    .await
    .unwrap();
    assert_eq!(nodes.activity(&mut standby, "n7").await.sessions, 1);
    let others = Nodes {
        target: Arc::clone(&nodes.target),
        roles: vec!["nobody".to_owned()],
        names: true,
    };
    assert_eq!(others.activity(&mut standby, "n7").await.sessions, 0);
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
}
