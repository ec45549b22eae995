//! How much memory there is and how much of it this process holds, as Linux tells it.

use std::fs::read_to_string;

/// Where the kernel's control groups are.
const CGROUPS: &str = "/sys/fs/cgroup";
/// Version 1 has no word for "no limit", only a number that no machine reaches.
const NO_LIMIT_V1: u64 = 1 << 60;

/// The memory of this process in bytes, where the system tells it.
pub fn process_rss() -> Option<u64> {
    kibibytes(&read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// The memory that this process may come to in bytes: the machine's, or less where its control group, or one
/// around it, is limited.
pub fn available_memory() -> Option<u64> {
    let machine = read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| kibibytes(&text, "MemTotal:"));
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = limit_files(&groups)
        .into_iter()
        .filter_map(|file| limit(&read_to_string(file).ok()?));
    machine.into_iter().chain(limits).min()
}

/// The value in bytes of a line such as `VmRSS:   123 kB`.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let (number, unit) = line.trim().split_once(' ')?;
    (unit.trim() == "kB").then(|| number.parse::<u64>().ok()?.checked_mul(1024))?
}

/// The limit in bytes that such a file holds, if it holds one.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT_V1)
}

/// The files that may limit this process: of its own group and of every group around it. `groups` is
/// `/proc/self/cgroup`, with one line `number:controllers:path` for each hierarchy; version 2 names no controllers.
fn limit_files(groups: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (root, file) = match controllers {
            "" => (CGROUPS.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (format!("{CGROUPS}/memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let mut path = path.trim_end_matches('/');
        files.push(format!("{root}{path}/{file}"));
        while let Some((outer, _)) = path.rsplit_once('/') {
            path = outer;
            files.push(format!("{root}{path}/{file}"));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_lines_are_read() {
        let status = "Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t3\n";
        for (text, key, expected) in [
            (status, "VmRSS:", Some(1234 * 1024)),
            (
                "MemTotal:       16000000 kB\nMemFree: 1 kB\n",
                "MemTotal:",
                Some(16_000_000 * 1024),
            ),
            (status, "VmSwap:", None),
            ("VmRSS: x kB", "VmRSS:", None),
            ("VmRSS: 12 pages", "VmRSS:", None),
            ("VmRSS: 18446744073709551615 kB", "VmRSS:", None),
            ("", "VmRSS:", None),
        ] {
            assert_eq!(kibibytes(text, key), expected, "{text}");
        }
    }

    #[test]
    fn limits_of_both_versions_are_read() {
        for (text, expected) in [
            ("max\n", None),
            ("536870912\n", Some(536_870_912)),
            ("9223372036854771712\n", None),
            ("", None),
            ("-1", None),
        ] {
            assert_eq!(limit(text), expected, "{text}");
        }
    }

    #[test]
    fn a_group_and_all_around_it_are_looked_at() {
        for (groups, expected) in [
            ("0::/\n", vec!["/sys/fs/cgroup/memory.max"]),
            (
                "0::/a/b\n",
                vec![
                    "/sys/fs/cgroup/a/b/memory.max",
                    "/sys/fs/cgroup/a/memory.max",
                    "/sys/fs/cgroup/memory.max",
                ],
            ),
            (
                "5:cpu,cpuacct:/x\n4:memory:/docker/1\n",
                vec![
                    "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes",
                    "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
                    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                ],
            ),
            ("", vec![]),
            ("nonsense\n", vec![]),
        ] {
            assert_eq!(limit_files(groups), expected, "{groups}");
        }
    }

    #[test]
    fn this_process_is_smaller_than_its_machine() {
        let (rss, available) = (process_rss().unwrap(), available_memory().unwrap());
        assert!(rss > 100_000 && rss < available, "{rss} of {available}");
    }
}
