//! Any content of a file with a number: nothing may panic, and what stands behind the first word changes nothing.
#![no_main]

use keepalived::track::file::{CONTENT_MAX, Reading, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let reading = read(data);
    assert!(matches!(reading, Reading::Value(_) | Reading::NoNumber));
    let start = data.iter().position(|byte| !byte.is_ascii_whitespace());
    let word = data
        .split(u8::is_ascii_whitespace)
        .find(|word| !word.is_empty());
    if let (Some(start), Some(word)) = (start, word)
        && start + word.len() < CONTENT_MAX
    {
        assert_eq!(reading, read(word));
        if let Ok(text) = std::str::from_utf8(word)
            && let Ok(value) = text.parse::<i32>()
            && !text.trim_start_matches(['+', '-']).starts_with('0')
        {
            assert_eq!(reading, Reading::Value(value));
        }
    }
});
