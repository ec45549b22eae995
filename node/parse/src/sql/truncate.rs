//! Text cut to a length.

/// The first `chars` characters of `text`, or all of it when there are no more.
pub fn truncate_chars(text: &str, chars: usize) -> &str {
    match text.char_indices().nth(chars) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::truncate_chars;

    #[test]
    fn text_is_cut_between_characters() {
        for (text, chars, expected) in [
            ("", 0, ""),
            ("", 5, ""),
            ("select", 0, ""),
            ("select", 3, "sel"),
            ("select", 6, "select"),
            ("select", 7, "select"),
            ("größe", 3, "grö"),
            ("日本語", 2, "日本"),
            ("a🦀b", 2, "a🦀"),
        ] {
            assert_eq!(truncate_chars(text, chars), expected, "{text} {chars}");
        }
    }
}
