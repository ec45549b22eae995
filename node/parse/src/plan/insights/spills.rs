//! What did not fit into memory.

use super::super::shape::sane;
use super::figures::{count, name, size};
use super::{At, Found, Severity};

/// Kilobytes of a page.
const PAGE: f64 = 8.0;
/// Kilobytes from which on a spill is critical.
const MUCH: f64 = 1024.0 * 1024.0;

pub(super) fn look(found: &mut Found<'_, '_, '_>, at: At<'_, '_>) {
    let node = at.node;
    let number = |key| sane(node.number(key)).unwrap_or(0.0);
    let method = node.text("Sort Method").unwrap_or_default();
    let space = number("Sort Space Used").max(number("Disk Usage"));
    let blocks = temporary(found, at);
    let name = name(node);
    if node.text("Sort Space Type") == Some("Disk") || method.starts_with("external") {
        let message = format!(
            "{name} sorted on disk ({}); raise work_mem for this statement",
            size(space)
        );
        return found.add("spill", severity(space), at, space, message);
    }
    let batches = number("Hash Batches").max(number("HashAgg Batches"));
    if batches > 1.0 || number("Disk Usage") > 0.0 {
        let space = number("Disk Usage").max(blocks * PAGE);
        let mut message = format!("{name} did not fit into memory");
        if batches > 1.0 {
            message.push_str(&format!(" and was done in {} batches", count(batches)));
        }
        if space > 0.0 {
            message.push_str(&format!(", {} on disk", size(space)));
        }
        message.push_str("; raise work_mem or hash_mem_multiplier for this statement");
        let value = if batches > 1.0 { batches } else { space };
        return found.add("spill", severity(space), at, value, message);
    }
    if blocks > 0.0 {
        let space = blocks * PAGE;
        let message = format!(
            "{name} wrote and read {} of temporary files; raise work_mem for this statement",
            size(space)
        );
        found.add("spill", severity(space), at, space, message);
    }
}

fn severity(kilobytes: f64) -> Severity {
    if kilobytes >= MUCH {
        Severity::Critical
    } else {
        Severity::Warning
    }
}

/// The pages of temporary files that are its own: those of its children are counted in its own figures.
fn temporary(found: &Found<'_, '_, '_>, at: At<'_, '_>) -> f64 {
    let of = |at: usize| {
        let node = found.shape.node(at);
        let number = |key| sane(node.and_then(|node| node.number(key))).unwrap_or(0.0);
        number("Temp Read Blocks") + number("Temp Written Blocks")
    };
    let below: f64 = found.shape.children(at.at).iter().map(|child| of(*child)).sum();
    (of(at.at) - below).max(0.0)
}
