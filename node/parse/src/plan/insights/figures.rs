//! Names and figures in messages.

use super::super::Node;

/// The longest part of a name that is shown, in characters.
const NAME: usize = 128;

/// A node in words: `Index Scan on orders using orders_pkey`.
pub(crate) fn name(node: &Node<'_>) -> String {
    let mut name = String::new();
    if node.parallel_aware && !node.node_type.starts_with("Parallel") {
        name.push_str("Parallel ");
    }
    name.push_str(&visible(&node.node_type));
    if let Some(operation) = node
        .operation
        .as_deref()
        .filter(|_| node.node_type == "ModifyTable")
    {
        name = visible(operation);
    }
    let other = ["Function Name", "CTE Name", "Table Function Name"];
    let on = node.relation.as_deref();
    let on = on.or_else(|| other.iter().find_map(|key| node.text(key)));
    if let Some(on) = on.or(node.alias.as_deref()) {
        name.push_str(" on ");
        name.push_str(&visible(on));
    }
    if let Some(index) = &node.index {
        name.push_str(" using ");
        name.push_str(&visible(index));
    }
    name
}

/// A name without what would steer a terminal, and not too long.
pub(crate) fn visible(name: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    name.chars().take(NAME).map(clean).collect()
}

/// A number of rows or loops: `1,234,567`.
pub(crate) fn count(number: f64) -> String {
    if !number.is_finite() {
        return "?".to_owned();
    }
    if number.fract() != 0.0 && number.abs() < 10.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{:.0}", number.abs());
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0.0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share as `12 %`; with a digit more where it matters.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 99.0 && percent < 100.0 || percent < 1.0 && percent > 0.0 {
        // Rounded down, so that nothing is said to be all that is not.
        format!("{:.2} %", (percent * 100.0).floor() / 100.0)
    } else {
        format!("{percent:.0} %")
    }
}

/// Milliseconds, or seconds from ten of them on.
pub(crate) fn time(ms: f64) -> String {
    if ms >= 10_000.0 {
        format!("{:.1} s", ms / 1000.0)
    } else if ms >= 100.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{ms:.3} ms")
    }
}

/// Kilobytes as megabytes where they are many.
pub(crate) fn size(kilobytes: f64) -> String {
    if kilobytes >= 10_240.0 {
        format!("{:.0} MB", kilobytes / 1024.0)
    } else {
        format!("{kilobytes:.0} kB")
    }
}
