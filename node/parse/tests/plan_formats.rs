//! One plan in every format and frame, and what PostgreSQL and its tools do to plans.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use ringwatch_parse::plan::{Degraded, Engine, Format, Limits, Plan, PlanError, Property, parse};

fn plan(text: &str) -> Plan<'_> {
    parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const JSON: &str = r#"[
  {
    "Plan": {
      "Node Type": "Aggregate",
      "Strategy": "Sorted",
      "Partial Mode": "Simple",
      "Parallel Aware": false,
      "Startup Cost": 1.25,
      "Total Cost": 9.50,
      "Plan Rows": 3,
      "Plan Width": 16,
      "Actual Startup Time": 0.015,
      "Actual Total Time": 1.500,
      "Actual Rows": 2.50,
      "Actual Loops": 2,
      "Output": ["b", "count(*)"],
      "Grouping Sets": [
        {
          "Group Keys": [
            ["a.b", "a.v"],
            ["a.b"],
            []
          ]
        }
      ],
      "Filter": "(count(*) > 1)",
      "Plans": [
        {
          "Node Type": "Seq Scan",
          "Parent Relationship": "Outer",
          "Parallel Aware": true,
          "Relation Name": "a",
          "Schema": "public",
          "Alias": "a_1",
          "Total Cost": 8.00,
          "Plan Rows": 100,
          "One-Time Filter": "false",
          "Filter": "(c ~ '<\"x\" & y>\\n'::text)",
          "Rows Removed by Filter": 7,
          "I/O Read Time": 0.250,
          "Full-sort Groups": {
            "Group Count": 5,
            "Sort Methods Used": ["quicksort"],
            "Sort Space Memory": {
              "Peak Sort Space Used": 27
            }
          },
          "Workers": [
            {
              "Worker Number": 0,
              "Actual Rows": 40
            }
          ]
        }
      ]
    },
    "Settings": {
      "work_mem": "100"
    },
    "Planning": {
      "Shared Hit Blocks": 3
    },
    "Planning Time": 0.250,
    "Triggers": [
      {
        "Trigger Name": "t",
        "Calls": 1
      }
    ],
    "Execution Time": 2.750
  }
]"#;

const XML: &str = r#"<explain xmlns="http://www.postgresql.org/2009/explain">
  <Query>
    <Plan>
      <Node-Type>Aggregate</Node-Type>
      <Strategy>Sorted</Strategy>
      <Partial-Mode>Simple</Partial-Mode>
      <Parallel-Aware>false</Parallel-Aware>
      <Startup-Cost>1.25</Startup-Cost>
      <Total-Cost>9.50</Total-Cost>
      <Plan-Rows>3</Plan-Rows>
      <Plan-Width>16</Plan-Width>
      <Actual-Startup-Time>0.015</Actual-Startup-Time>
      <Actual-Total-Time>1.500</Actual-Total-Time>
      <Actual-Rows>2.50</Actual-Rows>
      <Actual-Loops>2</Actual-Loops>
      <Output>
        <Item>b</Item>
        <Item>count(*)</Item>
      </Output>
      <Grouping-Sets>
        <Grouping-Set>
          <Group-Keys>
            <Group-Key>
              <Item>a.b</Item>
              <Item>a.v</Item>
            </Group-Key>
            <Group-Key>
              <Item>a.b</Item>
            </Group-Key>
            <Group-Key>
            </Group-Key>
          </Group-Keys>
        </Grouping-Set>
      </Grouping-Sets>
      <Filter>(count(*) &gt; 1)</Filter>
      <Plans>
        <Plan>
          <Node-Type>Seq Scan</Node-Type>
          <Parent-Relationship>Outer</Parent-Relationship>
          <Parallel-Aware>true</Parallel-Aware>
          <Relation-Name>a</Relation-Name>
          <Schema>public</Schema>
          <Alias>a_1</Alias>
          <Total-Cost>8.00</Total-Cost>
          <Plan-Rows>100</Plan-Rows>
          <One-Time-Filter>false</One-Time-Filter>
          <Filter>(c ~ '&lt;"x" &amp; y&gt;\n'::text)</Filter>
          <Rows-Removed-by-Filter>7</Rows-Removed-by-Filter>
          <I-O-Read-Time>0.250</I-O-Read-Time>
          <Incremental-Sort-Groups>
            <Group-Count>5</Group-Count>
            <Sort-Methods-Used>
              <Item>quicksort</Item>
            </Sort-Methods-Used>
            <Sort-Space-Memory>
              <Peak-Sort-Space-Used>27</Peak-Sort-Space-Used>
            </Sort-Space-Memory>
          </Incremental-Sort-Groups>
          <Workers>
            <Worker>
              <Worker-Number>0</Worker-Number>
              <Actual-Rows>40</Actual-Rows>
            </Worker>
          </Workers>
        </Plan>
      </Plans>
    </Plan>
    <Settings>
      <work_mem>100</work_mem>
    </Settings>
    <Planning>
      <Shared-Hit-Blocks>3</Shared-Hit-Blocks>
    </Planning>
    <Planning-Time>0.250</Planning-Time>
    <Triggers>
      <Trigger>
        <Trigger-Name>t</Trigger-Name>
        <Calls>1</Calls>
      </Trigger>
    </Triggers>
    <Execution-Time>2.750</Execution-Time>
  </Query>
</explain>"#;

const YAML: &str = r#"- Plan: 
    Node Type: "Aggregate"
    Strategy: "Sorted"
    Partial Mode: "Simple"
    Parallel Aware: false
    Startup Cost: 1.25
    Total Cost: 9.50
    Plan Rows: 3
    Plan Width: 16
    Actual Startup Time: 0.015
    Actual Total Time: 1.500
    Actual Rows: 2.50
    Actual Loops: 2
    Output: 
      - "b"
      - "count(*)"
    Grouping Sets: 
      - Group Keys: 
          - ["a.b", "a.v"]
          - ["a.b"]
          - []
    Filter: "(count(*) > 1)"
    Plans: 
      - Node Type: "Seq Scan"
        Parent Relationship: "Outer"
        Parallel Aware: true
        Relation Name: "a"
        Schema: "public"
        Alias: "a_1"
        Total Cost: 8.00
        Plan Rows: 100
        One-Time Filter: "false"
        Filter: "(c ~ '<\"x\" & y>\\n'::text)"
        Rows Removed by Filter: 7
        I/O Read Time: 0.250
        Full-sort Groups: 
          Group Count: 5
          Sort Methods Used: 
            - "quicksort"
          Sort Space Memory: 
            Peak Sort Space Used: 27
        Workers: 
          - Worker Number: 0
            Actual Rows: 40
  Settings: 
    work_mem: "100"
  Planning: 
    Shared Hit Blocks: 3
  Planning Time: 0.250
  Triggers: 
    - Trigger Name: "t"
      Calls: 1
  Execution Time: 2.750"#;

#[test]
fn every_format_is_the_same_tree() {
    let json = plan(JSON);
    assert_eq!(
        (json.engine, json.format, json.degraded),
        (Engine::PostgreSql, Format::Json, None)
    );
    assert_eq!((json.planning_ms, json.execution_ms), (Some(0.25), Some(2.75)));
    let [root, scan] = &json.nodes[..] else {
        panic!("{json:?}")
    };
    assert_eq!(
        (root.node_type.as_ref(), root.strategy.as_deref()),
        ("Aggregate", Some("Sorted"))
    );
    assert_eq!(
        (root.startup_cost, root.total_cost, root.plan_width),
        (Some(1.25), Some(9.5), Some(16.0))
    );
    assert_eq!(
        (root.actual_startup_ms, root.actual_total_ms),
        (Some(0.015), Some(1.5))
    );
    assert_eq!((root.actual_rows, root.actual_loops), (Some(2.5), Some(2.0)));
    let keys = vec!["a.b".into(), "a.v".into(), "a.b".into()];
    assert_eq!(root.property("Grouping Sets"), Some(&Property::Texts(keys)));
    assert_eq!(root.text("Settings work_mem"), Some("100"));
    assert_eq!(root.number("Planning Shared Hit Blocks"), Some(3.0));
    assert_eq!((scan.parent, scan.depth, scan.parallel_aware), (Some(0), 1, true));
    assert_eq!(scan.relationship.as_deref(), Some("Outer"));
    assert_eq!(
        (scan.relation.as_deref(), scan.alias.as_deref()),
        (Some("a"), Some("a_1"))
    );
    assert_eq!(scan.text("Filter"), Some("(c ~ '<\"x\" & y>\\n'::text)"));
    assert_eq!(scan.text("One-Time Filter"), Some("false"));
    assert_eq!(
        scan.number("Full-sort Groups Sort Space Memory Peak Sort Space Used"),
        Some(27.0)
    );
    assert_eq!(scan.actual_rows, None, "a worker's rows are not the node's");

    for (text, format) in [(XML, Format::Xml), (YAML, Format::Yaml)] {
        let other = plan(text);
        assert_eq!(other.nodes, json.nodes);
        assert_eq!(
            (other.engine, other.format, other.degraded),
            (Engine::PostgreSql, format, None)
        );
        assert_eq!((other.planning_ms, other.execution_ms), (Some(0.25), Some(2.75)));
    }
}

/// A cell as psql draws it: a mark at the end of each line but the last.
fn drawn(text: &str, left: &str, mark: &str, right: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = format!("{left}{:^90}{right}\n{}\n", "QUERY PLAN", "-".repeat(92));
    for (at, line) in lines.iter().enumerate() {
        let mark = if at + 1 < lines.len() { mark } else { "" };
        out.push_str(&format!("{left}{line:90}{mark}{right}\n"));
    }
    out + "(1 row)\n"
}

#[test]
fn frames_come_off() {
    for (text, format) in [(JSON, Format::Json), (XML, Format::Xml), (YAML, Format::Yaml)] {
        let bare = plan(text).nodes;
        let one_line: String = text.lines().collect::<Vec<_>>().join("\\n");
        let tabbed = text.replace('\n', "\n\t");
        let mut framed = vec![
            drawn(text, " ", "+", ""),
            drawn(text, "| ", "+", "|"),
            drawn(text, "\u{2502} ", "\u{21b5}", "\u{2502}"),
            format!("-[ RECORD 1 ]{}\n{}", "-".repeat(40), {
                let lines = text.lines().map(|line| format!("           | {line:80}+\n"));
                lines
                    .collect::<String>()
                    .replacen("           |", "QUERY PLAN |", 1)
            }),
            format!("postgres=# EXPLAIN SELECT 1;\n{}", drawn(text, " ", "+", "")),
            format!("\u{feff}{text}\n(1 row)\n"),
            format!("\"{}\"", text.replace('"', "\"\"")),
            format!("QUERY PLAN\n\"{}\"\n", text.replace('"', "\"\"")),
            format!(
                "2026-03-01 10:00:00 UTC [77]: [3-1] user=u,db=d LOG:  duration: 3.1 ms  plan:\n\t{tabbed}"
            ),
        ];
        if format == Format::Json {
            let row = text
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            framed.push(format!("[{{\"QUERY PLAN\": {text}}}]"));
            framed.push(format!("[{{\"QUERY PLAN\": \"{row}\"}}]"));
            framed.push(one_line.replace("\\\\n", "\\\\\\\\n").replace("\\\"", "\\\\\""));
        }
        for text in framed {
            let plan = plan(&text);
            assert_eq!((plan.format, plan.degraded), (format, None), "{text}");
            assert_eq!(plan.nodes, bare, "{text}");
        }
    }
}

#[test]
fn a_plan_is_found_in_any_object() {
    let cases = [
        (
            r#"{"Query Text": "SELECT 1", "Plan": {"Node Type": "Result"}}"#,
            Some("SELECT 1"),
        ),
        (
            r#"{"Query Text": "a \"Plan\" {", "Query Parameters": "$1 = '{'", "Plan": {"Node Type": "Result"}}"#,
            Some("a \"Plan\" {"),
        ),
        (r#"{"Node Type": "Result"}"#, None),
        // A column of type jsonb sorts keys by their length.
        (
            r#"[{"JIT": {"Plan": {}}, "Plan": {"Plans": [], "Node Type": "Result"}, "Triggers": []}]"#,
            None,
        ),
        (
            r#"["Utility Statement", {"Plan": {"Node Type": "Result"}}]"#,
            None,
        ),
        (
            r#"[{"Plan": {"Node Type": "Result"}}, {"Plan": {"Node Type": "Seq Scan"}}]"#,
            None,
        ),
        (
            r#"{"Plan": {"Node Type": "Result", "Node Type": "Seq Scan"}}"#,
            None,
        ),
    ];
    for (text, query) in cases {
        let plan = plan(text);
        let types: Vec<&str> = plan.nodes.iter().map(|node| node.node_type.as_ref()).collect();
        assert_eq!(
            (&types[..], plan.query.as_deref(), plan.degraded),
            (&["Result"][..], query, None),
            "{text}"
        );
    }
    let custom = r#"[{"Plan": {"Node Type": "Custom Scan",
      "Distributed Query": {"Job": {"Task Count": 2, "Tasks": [
        {"Node": "host=x", "Remote Plan": [[{"Plan": {"Node Type": "Seq Scan"}, "Triggers": []}]]}]}}}}]"#;
    let plan = plan(custom);
    assert_eq!(plan.nodes.len(), 2);
    assert_eq!(plan.nodes[1].parent, Some(0));
    assert_eq!(
        plan.nodes[0].number("Distributed Query Job Task Count"),
        Some(2.0)
    );
}

#[test]
fn damaged_plans_are_read_as_far_as_they_go() {
    use Degraded::{Invalid, Truncated};
    let cases = [
        (
            r#"[{"Plan": {"Node Type": "Limit", "Total Cost": 1.5, "Plans": [{"Node Type": "Seq Sc"#,
            "Limit",
            Some(Truncated),
        ),
        (
            r#"[{"Plan": {"Node Type": "Limit", "Plans": [{"Node Type": "Seq Scan", "Total Cost": 12"#,
            "Limit/Seq Scan",
            Some(Truncated),
        ),
        (
            r#"[{"Plan": {"Node Type": "Limit", "Total Cost": N.N, "Plans": [{"Node Type": "Seq Scan",}]}}]"#,
            "Limit/Seq Scan",
            Some(Invalid),
        ),
        (
            r#"[{"Plan": {"Node Type": "Limit", %%% "Plans": [{"Node Type": "Seq Scan"]}}]"#,
            "Limit/Seq Scan",
            Some(Invalid),
        ),
        (
            r#"[{"Plan": {"Node Type": "Limit", "Plans": [{"Total Cost": 1e999, "Plan Rows": -1}]}}]"#,
            "Limit/Unknown",
            Some(Invalid),
        ),
        (
            "<explain><Query><Plan><Node-Type>Limit</Node-Type><Plans><Plan><Node-Type>Seq Scan</Node-Type><Alias>x",
            "Limit/Seq Scan",
            Some(Truncated),
        ),
        (
            "<explain><Query><Plan><Node-Type>Limit</Node-Type></Bad></Plan></Query></explain>",
            "Limit",
            Some(Invalid),
        ),
        (
            "- Plan: \n    Node Type: \"Limit\"\n    Plans: \n      - Node Type: \"Seq Scan\"\n        Alias: \"x",
            "Limit/Seq Scan",
            Some(Truncated),
        ),
        (
            "- Plan: \n    Node Type: \"Limit\"\n    %%%\n    Plans: \n      - Node Type: \"Seq Scan\"",
            "Limit/Seq Scan",
            Some(Invalid),
        ),
    ];
    for (text, expected, degraded) in cases {
        let plan = plan(text);
        let types: Vec<&str> = plan.nodes.iter().map(|node| node.node_type.as_ref()).collect();
        assert_eq!(
            (types.join("/").as_str(), plan.degraded),
            (expected, degraded),
            "{text}"
        );
        assert!(
            plan.nodes
                .iter()
                .all(|node| node.alias.is_none() && node.total_cost != Some(12.0)),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_plan_is_said_to_be_none() {
    for text in [
        "",
        " \n",
        "{}",
        "[]",
        "[1, 2]",
        "null",
        "\"",
        "{\"a\": {\"b\": 1}}",
        "<html><body/></html>",
        "SELECT 1",
        "-",
    ] {
        assert_eq!(
            parse(text, &Limits::default()),
            Err(PlanError::NotAPlan),
            "{text}"
        );
    }
    for text in [
        r#"{"Plan": {}}"#,
        r#"{"query_block": {"#,
        "<explain></explain>",
        r#"{"Plan": {"Node Type": "Res"#,
    ] {
        let read = parse(text, &Limits::default());
        let refused = matches!(read, Err(PlanError::Invalid { .. }));
        let unknown = read.is_ok_and(|plan| plan.degraded.is_some());
        assert!(refused || unknown, "{text}");
    }
}
