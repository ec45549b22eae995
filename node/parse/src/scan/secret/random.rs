//! Whether a text looks as if it had been drawn by lot.

/// Whether it is long and mixed enough to be a key: hexadecimal digits, or letters and digits of which few
/// repeat.
pub(super) fn is_random(value: &[u8], least: usize) -> bool {
    if value.len() < least {
        return false;
    }
    let mut seen = [0_u16; 256];
    for byte in value {
        if let Some(count) = seen.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let count = |is: fn(&u8) -> bool| value.iter().filter(|b| is(b)).count();
    let digits = count(u8::is_ascii_digit);
    let (lower, upper) = (count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase));
    let others = value.len() - digits - lower - upper;
    let bits = entropy(&seen, value.len());
    let is_hex = value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    if is_hex {
        let letters = lower + upper;
        return value.len() - others >= 32 && digits > 2 && letters > 2 && bits >= 3.0;
    }
    // Names of things are joined by signs and written in one case; a key that holds signs is written in both.
    let is_mixed = digits > 0 && lower > 0 && upper > 0;
    let is_plain = others == 0 && digits * 8 >= value.len() && lower + upper > 0;
    (is_mixed || is_plain) && bits >= 3.5
}

/// Bits of information in each byte, by how often each occurs (Shannon).
fn entropy(seen: &[u16; 256], length: usize) -> f64 {
    let length = length as f64;
    let share = |count: &u16| f64::from(*count) / length;
    let bits = seen
        .iter()
        .filter(|count| **count > 0)
        .map(share)
        .map(|p| -p * p.log2());
    bits.sum()
}

#[cfg(test)]
mod tests {
    use super::is_random;

    #[test]
    fn keys_are_told_from_names() {
        for key in [
            "9f86d081884c7d659a2feaa0c55ad015",
            "c1B7/xQe09LmZt4uYw+Rk2sVhPd8oNaJfGiT5b3E",
            "q8r7w2z5t1m9k3x6v4b0n2c8",
        ] {
            assert!(is_random(key.as_bytes(), 20), "{key}");
        }
        for name in [
            "customer_order_2024_partition_key_name",
            "idx_orders_on_customer_id_and_created_at",
            "00000000000000000000000000000000",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
            "application-name-of-the-service-v2",
            "short1A",
        ] {
            assert!(!is_random(name.as_bytes(), 20), "{name}");
        }
    }
}
