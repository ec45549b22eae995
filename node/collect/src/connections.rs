//! Connections of every kind: each reader says by its driver which it is.

use arrow_array::RecordBatch;
use ringwatch_config::settings::Driver;

use crate::fault::Fault;
use crate::fence::{Lock, Locked};
use crate::mysql::{Mysql, MysqlSession};
use crate::names::{Names, Station};
use crate::postgres::{PgSession, Postgres};
use crate::reader::Reader;
use crate::session::{
    Activity, Connector, Described, Explain, Explained, Extension, LastQuestion, NoPlan, Query, Question,
    Refused, Session, Whose,
};
use crate::sqlquery::Answered;
use crate::target::TargetSpec;

/// Opens connections of the kind that a reader needs.
#[derive(Debug)]
pub(crate) struct Connections {
    postgres: Postgres,
    mysql: Mysql,
}

/// A connection of some kind.
pub(crate) enum AnySession {
    /// To PostgreSQL.
    Postgres(Box<PgSession>),
    /// To MySQL or MariaDB.
    Mysql(Box<MysqlSession>),
}

impl Connections {
    /// Opens connections to all that can be read, under these names.
    pub(crate) fn new(names: Names) -> Self {
        Self {
            postgres: Postgres::new(names.clone()),
            mysql: Mysql::new(names),
        }
    }
}

impl Connector for Connections {
    type Session = AnySession;

    async fn connect(
        &self,
        target: &TargetSpec,
        login: (&Reader, &str),
        station: Station,
    ) -> Result<AnySession, Fault> {
        match login.0.plan.driver() {
            Driver::Postgres => {
                let session = Box::pin(self.postgres.connect(target, login, station)).await?;
                Ok(AnySession::Postgres(Box::new(session)))
            }
            Driver::Mysql => {
                let session = Box::pin(self.mysql.connect(target, login, station)).await?;
                Ok(AnySession::Mysql(Box::new(session)))
            }
        }
    }
}

impl Session for AnySession {
    fn version(&self) -> u32 {
        match self {
            Self::Postgres(session) => session.version(),
            Self::Mysql(session) => session.version(),
        }
    }

    async fn read(&mut self, question: &Question<'_>) -> Result<RecordBatch, Fault> {
        match self {
            Self::Postgres(session) => session.read(question).await,
            Self::Mysql(session) => session.read(question).await,
        }
    }

    async fn extension(&mut self, name: &str) -> Result<Option<Extension>, Fault> {
        match self {
            Self::Postgres(session) => session.extension(name).await,
            Self::Mysql(session) => session.extension(name).await,
        }
    }

    async fn has_role(&mut self, name: &str) -> Result<bool, Fault> {
        match self {
            Self::Postgres(session) => session.has_role(name).await,
            Self::Mysql(session) => session.has_role(name).await,
        }
    }

    async fn databases(&mut self) -> Result<Vec<String>, Fault> {
        match self {
            Self::Postgres(session) => session.databases().await,
            Self::Mysql(session) => session.databases().await,
        }
    }

    async fn query(&mut self, query: &Query<'_>) -> Result<Answered, Refused> {
        match self {
            Self::Postgres(session) => Box::pin(session.query(query)).await,
            Self::Mysql(session) => Box::pin(session.query(query)).await,
        }
    }

    async fn describe(&mut self, query: &Query<'_>) -> Result<Described, Refused> {
        match self {
            Self::Postgres(session) => Box::pin(session.describe(query)).await,
            Self::Mysql(session) => Box::pin(session.describe(query)).await,
        }
    }

    async fn explain(&mut self, explain: &Explain<'_>) -> Result<Explained, NoPlan> {
        match self {
            Self::Postgres(session) => Box::pin(session.explain(explain)).await,
            Self::Mysql(session) => Box::pin(session.explain(explain)).await,
        }
    }

    async fn started(&mut self) -> Result<Option<i64>, Fault> {
        match self {
            Self::Postgres(session) => session.started().await,
            Self::Mysql(session) => session.started().await,
        }
    }

    async fn activity(&mut self, whose: &Whose<'_>) -> Result<Activity, Fault> {
        match self {
            Self::Postgres(session) => session.activity(whose).await,
            Self::Mysql(session) => session.activity(whose).await,
        }
    }

    async fn enlist(&mut self) -> Result<(), Fault> {
        match self {
            Self::Postgres(session) => session.enlist().await,
            Self::Mysql(session) => session.enlist().await,
        }
    }

    async fn lock(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        match self {
            Self::Postgres(session) => Box::pin(session.lock(lock)).await,
            Self::Mysql(session) => Box::pin(session.lock(lock)).await,
        }
    }

    async fn holder(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        match self {
            Self::Postgres(session) => session.holder(lock).await,
            Self::Mysql(session) => session.holder(lock).await,
        }
    }

    async fn stamp(&mut self, lock: &Lock) -> Result<(), Fault> {
        match self {
            Self::Postgres(session) => session.stamp(lock).await,
            Self::Mysql(session) => session.stamp(lock).await,
        }
    }

    async fn end_lanes(&mut self, whose: &Whose<'_>) -> Result<Vec<LastQuestion>, Fault> {
        match self {
            Self::Postgres(session) => session.end_lanes(whose).await,
            Self::Mysql(session) => session.end_lanes(whose).await,
        }
    }

    async fn end_session(&mut self, session: i64) -> Result<(), Fault> {
        match self {
            Self::Postgres(own) => own.end_session(session).await,
            Self::Mysql(own) => own.end_session(session).await,
        }
    }

    async fn close(self) {
        match self {
            Self::Postgres(session) => session.close().await,
            Self::Mysql(session) => session.close().await,
        }
    }
}
