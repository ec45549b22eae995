//! Small pages that need nothing but themselves.

use std::fmt::{Display, Write as _};

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

const STYLE: &str = "body{font:14px/1.4 system-ui,sans-serif;margin:1.5em;color-scheme:light dark}\
table{border-collapse:collapse}th,td{padding:.25em .7em;border:1px solid #8884;text-align:left;vertical-align:top}\
td.n{text-align:right;font-variant-numeric:tabular-nums}code{overflow-wrap:anywhere}";

/// A whole page with links to the others. No script runs in it, whatever is shown.
pub(super) fn page(title: &str, body: &str) -> Response {
    let (title, links) = (
        escape(title),
        "<nav><a href=\"tracez\">tracez</a> <a href=\"pipelinez\">pipelinez</a> <a href=\"servicez\">servicez</a></nav>",
    );
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>{links}<h1>{title}</h1>{body}</body></html>"
    );
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(html)).into_response()
}

/// A table; cells are HTML already.
pub(super) fn table(head: &[impl Display], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut html = String::from("<table><tr>");
    for cell in head {
        // Writing to a string cannot fail.
        let _ = write!(html, "<th>{cell}</th>");
    }
    html.push_str("</tr>");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            let class = if cell.starts_with(|c: char| c.is_ascii_digit()) {
                " class=\"n\""
            } else {
                ""
            };
            let _ = write!(html, "<td{class}>{cell}</td>");
        }
        html.push_str("</tr>");
    }
    html.push_str("</table>");
    html
}

/// Text as HTML shows it.
pub(super) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

/// Text as a value of a link's query (RFC 3986).
pub(super) fn query(text: &str) -> String {
    let mut link = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            link.push(byte.into());
        } else {
            let _ = write!(link, "%{byte:02X}");
        }
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escape("<a href='x'>&\"</a>"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;"
        );
        assert_eq!(query("a b&c=\u{e9}"), "a%20b%26c%3D%C3%A9");
    }

    #[test]
    fn a_table_has_its_head_and_its_rows() {
        let html = table(&["a", "b"], [vec!["x".to_owned(), "12".to_owned()]]);
        let expected =
            "<table><tr><th>a</th><th>b</th></tr><tr><td>x</td><td class=\"n\">12</td></tr></table>";
        assert_eq!(html, expected);
    }
}
