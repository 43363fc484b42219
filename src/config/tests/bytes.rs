//! Whatever the file holds, reading it ends with a configuration or with mistakes.

use super::RIGHT;
use crate::config::Config;
use proptest::prelude::*;
use std::path::Path;

fn read(text: &str) {
    if let Err(mistakes) = Config::from_text(text, Path::new("/nowhere")) {
        assert!(!mistakes.is_empty());
        assert!(mistakes.to_string().contains("mistake"));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,300}") {
        read(&text);
    }

    #[test]
    fn any_bytes_put_into_a_right_file_are_read_without_a_panic(
        at in 0..RIGHT.len(),
        cut in 0..40_usize,
        bytes in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut text = RIGHT.as_bytes().to_vec();
        let end = (at + cut).min(text.len());
        text.splice(at..end, bytes);
        read(&String::from_utf8_lossy(&text));
    }

    #[test]
    fn any_value_of_any_key_is_read_without_a_panic(
        line in 0..RIGHT.lines().count(),
        value in prop_oneof![
            "-?[0-9]{1,20}",
            "\"[ -!#-\\[\\]-~]{0,40}\"",
            Just("[]".to_owned()),
            Just("{}".to_owned()),
            Just("[[1]]".to_owned()),
            Just("true".to_owned()),
            Just("nan".to_owned()),
            Just("1979-05-27T07:32:00Z".to_owned()),
            "\"https?://[!#-\\[\\]-~]{0,30}\"",
            "\\[\"[0-9a-f.:/\\[\\]]{0,30}\"\\]",
        ],
    ) {
        let text: String = RIGHT
            .lines()
            .enumerate()
            .map(|(number, text)| match text.split_once(" = ") {
                Some((key, _)) if number == line => format!("{key} = {value}\n"),
                _ => format!("{text}\n"),
            })
            .collect();
        read(&text);
    }
}
