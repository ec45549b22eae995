//! Waiting for a state, with a deadline and the last state in the error.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

const PAUSE: Duration = Duration::from_millis(25);

/// Asks `probe` again and again until it gives a value. What it says instead is the state so far.
///
/// # Errors
/// After `limit`: what was waited for, and the last state seen.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return Ok(value),
            Err(state) if begun.elapsed() >= limit => {
                bail!("waited {limit:?} for {what}; last state: {state}")
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Shorthand for a probe's answer: `Ok` where `fits`, else the state in words.
///
/// # Errors
/// The state, where it does not fit.
pub fn when(fits: bool, state: impl FnOnce() -> String) -> Result<(), String> {
    if fits { Ok(()) } else { Err(state()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_error_holds_the_last_state() {
        let mut n = 0;
        let fault = until("five", Duration::from_millis(60), async || {
            n += 1;
            when(n > 1000, || format!("at {n}"))
        })
        .await
        .unwrap_err()
        .to_string();
        assert!(fault.contains("for five; last state: at "), "{fault}");
    }

    #[tokio::test]
    async fn ends_as_soon_as_the_state_is_there() {
        let mut n = 0;
        let seen = until("two", Duration::from_secs(5), async || {
            n += 1;
            if n == 2 { Ok(n) } else { Err(n.to_string()) }
        });
        assert_eq!(seen.await.unwrap(), 2);
    }
}
