//! Rows of `pg_stat_statements` of a real server, as the reference configuration asks for them.

use anyhow::{Context, Result};
use arrow_array::RecordBatch;
use ringwatch_cluster_tests::postgres::{Server, sql};
use ringwatch_frame::{Cell, ColumnType, Columns};
use sqlx::Row as _;

/// Statements made; the frames hold the first of them.
pub(crate) const STATEMENTS: usize = 5200;
const TABLES: usize = 52;
const COLUMNS: usize = 100;

/// One row.
pub(crate) struct Row {
    id: String,
    pub(crate) text: String,
    calls: i64,
    numbers: [f64; 5],
    counts: [i64; 3],
    pub(crate) plan: String,
}

/// Makes statements of several shapes and reads what the server counted.
pub(crate) async fn of_server(server: &Server) -> Result<Vec<Row>> {
    let mut session = server.connect("postgres").await?;
    for table in 0..TABLES {
        let columns: Vec<String> = (0..COLUMNS).map(|n| format!("attribute_{n} int")).collect();
        sql::execute(
            &mut session,
            &format!(
                "create table orders_{table} (id int, customer text, placed timestamptz, {})",
                columns.join(", ")
            ),
        )
        .await?;
    }
    for table in 0..TABLES {
        let statements: Vec<String> = (0..COLUMNS).map(|column| statement(table, column)).collect();
        sql::execute(&mut session, &statements.join(";")).await?;
    }
    let rows = sqlx::query(
        "select queryid::text, left(query, 500), calls, total_exec_time, mean_exec_time, stddev_exec_time, rows, \
         shared_blks_hit, shared_blks_read, blk_read_time, blk_write_time from pg_stat_statements \
         where query like '%orders_%' and query not like 'create%' order by mean_exec_time desc",
    )
    .fetch_all(&mut session)
    .await
    .context("read pg_stat_statements")?;
    let mut plans = plans(&mut session, rows.len()).await?.into_iter();
    rows.iter()
        .map(|row| {
            Ok(Row {
                id: row.try_get(0)?,
                text: row.try_get(1)?,
                calls: row.try_get(2)?,
                numbers: [
                    row.try_get(3)?,
                    row.try_get(4)?,
                    row.try_get(5)?,
                    row.try_get(9)?,
                    row.try_get(10)?,
                ],
                counts: [row.try_get(6)?, row.try_get(7)?, row.try_get(8)?],
                plan: plans.next().unwrap_or_default(),
            })
        })
        .collect()
}

/// The server's plans of such statements, each its own.
async fn plans(session: &mut sqlx::PgConnection, count: usize) -> Result<Vec<String>> {
    let mut plans = Vec::with_capacity(count);
    for n in 0..count {
        let statement = statement(n / COLUMNS % TABLES, n % COLUMNS);
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("explain (format json) {statement}")))
            .fetch_one(&mut *session)
            .await
            .context("explain a statement")?;
        // json comes as its text
        plans.push(row.try_get_unchecked(0)?);
    }
    Ok(plans)
}

/// Shapes as applications have them, short and long.
fn statement(table: usize, column: usize) -> String {
    let name = format!("attribute_{column}");
    match column % 5 {
        0 => format!("select id, customer from orders_{table} where {name} = {column} limit 10"),
        1 => format!(
            "update orders_{table} set {name} = 5, placed = now() where id = 7 and customer = 'Smith'"
        ),
        2 => format!(
            "select o.id, o.customer, o.placed, sum(o.{name}) as total from orders_{table} o left join orders_0 p on p.id = o.id \
             where o.placed > now() - interval '30 days' and o.customer in ('a', 'b', 'c') and o.{name} between 100 and 2000 \
             group by o.id, o.customer, o.placed order by total desc limit 50"
        ),
        3 => format!(
            "insert into orders_{table} (id, customer, {name}) values (1, 'x', 2), (2, 'y', 3) on conflict do nothing"
        ),
        _ => format!(
            "select count(*) from orders_{table} where {name} is not null and customer like 'A%' /* page 3 */"
        ),
    }
}

/// The first `size` rows as they would be read at tick number `tick`, each with its plan or none with one.
pub(crate) fn columns(rows: &[Row], size: usize, tick: i64, has_plans: bool) -> Result<RecordBatch> {
    let mut columns = Columns::new([
        ("query_id", ColumnType::Text),
        ("query_text", ColumnType::Text),
        ("calls", ColumnType::Int),
        ("total_exec_time", ColumnType::Double),
        ("mean_exec_time", ColumnType::Double),
        ("stddev_exec_time", ColumnType::Double),
        ("rows", ColumnType::Int),
        ("shared_blks_hit", ColumnType::Int),
        ("shared_blks_read", ColumnType::Int),
        ("blk_read_time", ColumnType::Double),
        ("blk_write_time", ColumnType::Double),
        ("cpu_time", ColumnType::Double),
        ("query_plan", ColumnType::Text),
    ]);
    anyhow::ensure!(
        rows.len() >= size,
        "the server kept only {} statements",
        rows.len()
    );
    for row in rows.iter().take(size) {
        let [total, mean, deviation, read, write] = row.numbers.map(Cell::Double);
        let [count, hit, missed] = row.counts.map(|n| Cell::Int(n + tick));
        columns.push(&[
            Cell::Text(&row.id),
            Cell::Text(&row.text),
            Cell::Int(row.calls + tick),
            total,
            mean,
            deviation,
            count,
            hit,
            missed,
            read,
            write,
            Cell::Null,
            if has_plans {
                Cell::Text(&row.plan)
            } else {
                Cell::Null
            },
        ])?;
    }
    Ok(columns.finish()?)
}
