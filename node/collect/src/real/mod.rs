//! Statements of users against a real PostgreSQL.

mod answers;
mod fence;
mod mysql;
mod mysql_plans;
mod mysql_streams;
mod plans;
mod refusals;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, StringArray};
use ringwatch_cluster_tests::postgres::{SUPERUSER, SUPERUSER_PASSWORD, Server, Wish};
use tempfile::TempDir;

use crate::clean::Cleaner;
use crate::connections::{AnySession, Connections};
use crate::fault::Fault;
use crate::names::{Names, Station};
use crate::reader::ReaderPlan;
use crate::session::{Connector, Session};
use crate::sqlquery::tests::plan_of;
use crate::sqlquery::{Answered, PlannedQuery, QueryMemory, ask_user};
use crate::target::targets_of;

/// A server and its log.
struct Real {
    server: Server,
    _log: TempDir,
}

impl Real {
    async fn start() -> Self {
        let log = tempfile::tempdir().unwrap();
        let server = Server::start(&Wish::default(), &log.path().join("log"))
            .await
            .unwrap();
        Self { server, _log: log }
    }

    /// A receiver with these queries, in the form of YAML.
    fn plan(&self, queries: &str) -> ReaderPlan {
        let (endpoint, role, password) = (self.server.endpoint(), SUPERUSER, SUPERUSER_PASSWORD);
        let datasource = format!("postgresql://{role}:{password}@{endpoint}/postgres?sslmode=disable");
        plan_of(
            "sqlquery/real",
            &format!("driver: postgres\ndatasource: {datasource}\nqueries:\n{queries}"),
        )
    }

    /// Asks the only query of a receiver, as often as the memory says.
    async fn asking(&self, queries: &str) -> Asking {
        let plan = self.plan(queries);
        let target = targets_of(&plan)[0].clone();
        let session = Connections::new(Names::of_nobody())
            .connect(&target, (&*target.readers[0], ""), Station::Lane)
            .await
            .unwrap();
        let ReaderPlan::Sql(plan) = plan else {
            unreachable!()
        };
        Asking {
            query: Arc::clone(&plan.queries()[0]),
            memory: QueryMemory::default(),
            session,
        }
    }
}

struct Asking {
    query: Arc<PlannedQuery>,
    memory: QueryMemory,
    session: AnySession,
}

impl Asking {
    async fn ask(&mut self) -> Result<Answered, Fault> {
        let cleaner = Arc::new(Cleaner::new());
        let answered = ask_user(&self.query, &mut self.memory, &mut self.session, &cleaner).await?;
        if answered.tracking.is_some() {
            self.memory.tracking.clone_from(&answered.tracking);
        }
        Ok(answered)
    }

    async fn end(self) {
        self.session.close().await;
    }
}

/// A cell as text, with the letter of its column's type.
fn cell(rows: &RecordBatch, name: &str, at: usize) -> String {
    let column = rows
        .column_by_name(name)
        .unwrap_or_else(|| panic!("no column {name}"));
    let (kind, value) = if let Some(array) = column.as_primitive_opt::<Int64Type>() {
        ('i', format!("{:?}", array.value(at)))
    } else if let Some(array) = column.as_primitive_opt::<Float64Type>() {
        ('d', format!("{:?}", array.value(at)))
    } else if let Some(array) = column.as_primitive_opt::<TimestampNanosecondType>() {
        ('t', format!("{:?}", array.value(at)))
    } else if let Some(array) = column.as_boolean_opt() {
        ('b', format!("{:?}", array.value(at)))
    } else {
        let texts = column
            .as_dictionary::<Int32Type>()
            .downcast_dict::<StringArray>()
            .unwrap();
        (
            's',
            texts.into_iter().nth(at).unwrap().unwrap_or_default().to_owned(),
        )
    };
    format!("{kind} {}", if column.is_null(at) { "null" } else { &value })
}
