//! Memory of the process and of the machine, from files of the kernel.

use std::fs::read_to_string;

/// The kernel's page size on every platform that Ringwatch is built for.
const PAGE: u64 = 4096;

/// Resident memory of this process in bytes; `None` where the kernel does not tell.
pub fn process_rss() -> Option<u64> {
    parse_statm(&read_to_string("/proc/self/statm").ok()?)
}

/// The memory that this process may use: the least of the machine's and its control group's.
pub(super) fn total_memory() -> Option<u64> {
    let machine = read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| parse_meminfo(&text));
    let files = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let groups = files
        .iter()
        .filter_map(|file| parse_limit(&read_to_string(file).ok()?));
    groups.chain(machine).min()
}

/// Second field of `/proc/[pid]/statm` (proc(5)): resident pages.
fn parse_statm(text: &str) -> Option<u64> {
    Some(text.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE)
}

/// `MemTotal` of `/proc/meminfo`, which is in KiB.
fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// A limit of a control group in bytes; `max` is none.
fn parse_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(parse_statm("1000 25 10 1 0 20 0\n"), Some(25 * PAGE));
        assert_eq!(parse_statm(""), None);
        assert_eq!(
            parse_meminfo("MemFree: 1 kB\nMemTotal:       2048 kB\n"),
            Some(2048 * 1024)
        );
        assert_eq!(parse_limit("536870912\n"), Some(536_870_912));
        assert_eq!(parse_limit("max\n"), None);
        assert!(process_rss().is_some_and(|bytes| bytes > 100_000));
    }
}
