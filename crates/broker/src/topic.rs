//! Topic patterns as RabbitMQ matches them: `*` is one word, `#` any number of words.

/// Whether a binding with this pattern takes a message with this key.
pub(crate) fn matches(pattern: &str, key: &str) -> bool {
    let pattern: Vec<&str> = words(pattern);
    let key: Vec<&str> = words(key);
    matches_words(&pattern, &key)
}

fn words(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split('.').collect() }
}

fn matches_words(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern, key) {
        ([], []) => true,
        (["#", rest @ ..], _) => (0..=key.len()).any(|skip| matches_words(rest, &key[skip..])),
        (["*", pattern @ ..], [_, key @ ..]) => matches_words(pattern, key),
        ([word, pattern @ ..], [first, key @ ..]) => word == first && matches_words(pattern, key),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_rabbitmq() {
        for (pattern, key, want) in [
            ("#", "", true),
            ("#", "a.b.c", true),
            ("a.#", "a", true),
            ("a.#", "a.b.c", true),
            ("a.#", "ab", false),
            ("a.*", "a", false),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", false),
            ("*.b.#", "a.b", true),
            ("#.c", "a.b.c", true),
            ("a.#.c", "a.c", true),
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
        ] {
            assert_eq!(matches(pattern, key), want, "{pattern} {key}");
        }
    }
}
