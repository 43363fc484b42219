//! Host names in fields that have no form of their own: whatever a service writes there, its
//! internal names do not leave.

use super::hosts::is_host;
use super::names::Names;

impl Names {
    /// The value with public names for internal ones, wherever they stand: origins first, then
    /// bare hosts and names below them. Nothing where there is none.
    pub(super) fn sweep(&self, value: &[u8]) -> Option<Vec<u8>> {
        if !self.hosts().mentioned(value) {
            return None;
        }
        let mut out = Vec::with_capacity(value.len() + 32);
        let mut rest = value;
        while let Some(&byte) = rest.first() {
            let len = if let Some((len, to)) = self.origin_here(rest, &out) {
                out.extend_from_slice(to.as_bytes());
                len
            } else if let Some(len) = escape(rest) {
                out.extend_from_slice(rest.get(..len).unwrap_or_default());
                len
            } else if is_host(byte) || byte == b'[' {
                let len = word(rest);
                let text = rest.get(..len).unwrap_or_default();
                match self.hosts().word(text, addressed(&out)) {
                    Some(public) => out.extend_from_slice(&public),
                    None => out.extend_from_slice(text),
                }
                len
            } else {
                out.push(byte);
                1
            };
            rest = rest.get(len.max(1)..).unwrap_or_default();
        }
        (out != value).then_some(out)
    }

    /// Whether an internal name can still be read in the value, also where it is
    /// percent-encoded, once or twice.
    pub(super) fn lingers(&self, value: &[u8]) -> bool {
        if !value.contains(&b'%') && !self.hosts().mentioned(value) {
            return false;
        }
        let mut text = value.to_ascii_lowercase();
        for _ in 0..3 {
            if self.hosts().legible(&text) {
                return true;
            }
            if !text.contains(&b'%') {
                return false;
            }
            text = decoded(&text).to_ascii_lowercase();
        }
        false
    }

    /// The internal origin that begins here, its length and what goes in its place: with the
    /// path of the public base where it has a path itself.
    fn origin_here(&self, rest: &[u8], before: &[u8]) -> Option<(usize, &str)> {
        let byte = *rest.first()?;
        if before.last().is_some_and(|last| is_host(*last)) || !self.table().starts(byte) {
            return None;
        }
        let ends = |byte: &u8| !byte.is_ascii_graphic() || b"\"'<>,;()|\\%".contains(byte);
        let token = rest.split(ends).next()?;
        let (len, to) = self.table().plain(token)?;
        let whole = token.len() == len;
        Some((len, if whole { to.origin() } else { to.as_str() }))
    }
}

/// The length of the word that begins here: of host characters, or a bracketed literal.
fn word(rest: &[u8]) -> usize {
    if rest.first() == Some(&b'[') {
        return rest
            .iter()
            .position(|byte| *byte == b']')
            .map_or(1, |at| at + 1);
    }
    let len = rest.iter().take_while(|byte| is_host(**byte)).count();
    let text = rest.get(..len).unwrap_or_default();
    // The dot behind a name belongs to the sentence, or to the root.
    let dots = text.iter().rev().take_while(|byte| **byte == b'.').count();
    (len - dots).max(1)
}

/// The length of a percent-encoded character, which separates words.
fn escape(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => Some(3),
        _ => None,
    }
}

/// Whether what comes next stands where an address has its host.
fn addressed(before: &[u8]) -> bool {
    let ends = |end: &[u8]| {
        let at = before.len().checked_sub(end.len());
        at.and_then(|at| before.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    ends(b"//") || ends(b"@") || ends(b"%2f%2f") || ends(b"%40")
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}
