//! A record as one line of JSON in ASCII: whatever an outsider put into a path or a name can
//! neither break a line nor steer the terminal of the person who reads it.

use super::Record;
use serde::Serialize as _;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};
use std::cell::RefCell;
use std::io::{self, Write};

thread_local! {
    /// Reused, so that a record costs no allocation.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Hands the record's line, line break included, to `take`.
pub(super) fn with<T>(record: &Record, take: impl FnOnce(&[u8]) -> T) -> T {
    LINE.with_borrow_mut(|line| {
        line.clear();
        write(record, line);
        let taken = take(line);
        line.shrink_to(LARGEST_KEPT);
        taken
    })
}

fn write(record: &Record, line: &mut Vec<u8>) {
    let mut serializer = Serializer::with_formatter(&mut *line, Ascii);
    if let Err(failure) = record.serialize(&mut serializer) {
        // A Vec takes every byte and the records hold nothing that JSON cannot say.
        line.clear();
        tracing::error!("an audit record cannot be written as JSON: {failure}");
        return;
    }
    line.push(b'\n');
}

/// `serde_json` escapes quotes and the controls below U+0020 by itself; the rest is escaped here.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let plain = |byte: &u8| byte.is_ascii() && *byte != 0x7f;
        if fragment.as_bytes().iter().all(plain) {
            return CompactFormatter.write_string_fragment(writer, fragment);
        }
        let mut units = [0; 2];
        for letter in fragment.chars() {
            if letter.is_ascii() && letter != '\u{7f}' {
                write!(writer, "{letter}")?;
            } else {
                for unit in letter.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// What one thread keeps between records; a path is a few KiB at most.
const LARGEST_KEPT: usize = 16 << 10;
