//! From settings to bytes.

use ringwatch_config::settings::MemoryLimiter as Settings;

const MIB: u64 = 1024 * 1024;

/// From how many bytes on frames are refused: the limit less the spike. `available` is asked for the memory of the
/// machine or container only where a share of it is set.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(super) fn refuse_from(
    settings: &Settings,
    available: impl FnOnce() -> Option<u64>,
) -> Result<u64, String> {
    let total = if settings.limit_percentage.is_some() || settings.spike_limit_percentage.is_some() {
        let total = available();
        Some(total.ok_or("the memory of the machine is not known: write `limit_mib` and no percentages")?)
    } else {
        None
    };
    let share = |percent: Option<u64>| percent.zip(total).map(|(percent, total)| total / 100 * percent);
    let limit = one_of(settings.limit_mib, share(settings.limit_percentage), "limit")?
        .ok_or("no limit is set: write `limit_mib` or `limit_percentage`")?;
    let spike = one_of(
        settings.spike_limit_mib,
        share(settings.spike_limit_percentage),
        "spike_limit",
    )?
    .unwrap_or(limit / 5);
    match limit.checked_sub(spike) {
        None | Some(0) => {
            Err("the spike limit is not below the limit, so every frame would be refused".into())
        }
        Some(refuse_from) => Ok(refuse_from),
    }
}

fn one_of(mib: Option<u64>, share: Option<u64>, name: &str) -> Result<Option<u64>, String> {
    match (mib, share) {
        (Some(_), Some(_)) => Err(format!(
            "both `{name}_mib` and `{name}_percentage` are set: write one of them"
        )),
        (mib, share) => Ok(mib.map(|mib| mib.saturating_mul(MIB)).or(share)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_less_the_spike() {
        let total = Some(1000 * MIB);
        for (limit, percent, spike, spike_percent, total, expected) in [
            (Some(500), None, None, None, None, Some(400)),
            (Some(500), None, Some(50), None, None, Some(450)),
            (None, Some(50), None, None, total, Some(400)),
            (None, Some(50), None, Some(10), total, Some(400)),
            (Some(500), None, None, Some(10), total, Some(400)),
            (None, Some(50), Some(1), None, total, Some(499)),
            (None, Some(50), None, None, None, None),
            (None, None, None, None, total, None),
            (Some(500), Some(50), None, None, total, None),
            (Some(500), None, Some(500), None, None, None),
            (Some(500), None, Some(501), None, None, None),
            (Some(500), None, Some(5), Some(5), total, None),
        ] {
            let settings = Settings {
                check_interval: ringwatch_config::Duration::from_secs(1),
                limit_mib: limit,
                spike_limit_mib: spike,
                limit_percentage: percent,
                spike_limit_percentage: spike_percent,
            };
            let refuse_from = refuse_from(&settings, || total).ok();
            assert_eq!(refuse_from, expected.map(|mib: u64| mib * MIB), "{settings:?}");
        }
    }
}
