//! A look over a document's text before it is parsed: bounds that hold whatever the parser does,
//! and no spelling on which parsers are known to disagree.

use super::Refusal;

/// How deeply brackets of any kind may nest. The parser descends once per bracket and takes about
/// 5 KB of stack for each (25 KB unoptimised), of the 2 MiB that a thread has; the introspection
/// query of common clients needs 8.
const DEEPEST: usize = 32;

/// How many tokens a document may have: a query of one hundred aliased repositories with fifty
/// fields each has under 12,000, and each token costs the parser some hundred bytes.
const MOST_TOKENS: usize = 50_000;

/// Whether the text may be parsed.
///
/// # Errors
/// [`Refusal::TooDeep`], [`Refusal::TooLarge`], or [`Refusal::Unparsable`] for what parsers read
/// differently: control characters (a lone carriage return ends a comment for some), characters
/// outside ASCII between tokens, and block strings that hold a quotation mark, a backslash or
/// unusual white space, whose end and indentation are found in different ways.
pub(super) fn admit(text: &str) -> Result<(), Refusal> {
    let mut rest = Rest(text.as_bytes());
    let (mut depth, mut tokens) = (0_usize, 0_usize);
    while let Some(byte) = rest.next()? {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => continue,
            b'#' => {
                rest.comment()?;
                continue;
            }
            b'"' => rest.string()?,
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(Refusal::TooDeep);
                }
            }
            b')' | b']' | b'}' => depth = depth.checked_sub(1).ok_or(Refusal::Unparsable)?,
            b'!' | b'$' | b'&' | b':' | b'=' | b'@' | b'|' | b'.' => {}
            b'-' | b'+' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => rest.word(),
            0..=b' ' | b'%' | b'\'' | b'*' | b'/' | b';'..=b'~' | 0x7f..=0xff => {
                return Err(Refusal::Unparsable);
            }
        }
        tokens += 1;
        if tokens > MOST_TOKENS {
            return Err(Refusal::TooLarge);
        }
    }
    Ok(())
}

/// What has not been looked at yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// The next byte, refusing control characters wherever they stand.
    fn next(&mut self) -> Result<Option<u8>, Refusal> {
        let Some((&byte, rest)) = self.0.split_first() else {
            return Ok(None);
        };
        self.0 = rest;
        match byte {
            b'\r' if rest.first() != Some(&b'\n') => Err(Refusal::Unparsable),
            b'\t' | b'\r' | b'\n' => Ok(Some(byte)),
            0..=0x1f | 0x7f => Err(Refusal::Unparsable),
            0x20..=0x7e | 0x80..=0xff => Ok(Some(byte)),
        }
    }

    fn comment(&mut self) -> Result<(), Refusal> {
        while self.next()?.is_some_and(|byte| byte != b'\n') {}
        Ok(())
    }

    /// The rest of a name or a number.
    fn word(&mut self) {
        let length = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        self.0 = self.0.get(length..).unwrap_or_default();
    }

    /// The rest of a string, its opening quotation mark taken.
    fn string(&mut self) -> Result<(), Refusal> {
        if let Some(block) = self.0.strip_prefix(b"\"\"") {
            self.0 = block;
            return self.block();
        }
        loop {
            match self.next()? {
                Some(b'"') => return Ok(()),
                Some(b'\\') => match self.next()? {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u') => {}
                    Some(_) | None => return Err(Refusal::Unparsable),
                },
                Some(b'\r' | b'\n') | None => return Err(Refusal::Unparsable),
                Some(_) => {}
            }
        }
    }

    /// The rest of a block string.
    fn block(&mut self) -> Result<(), Refusal> {
        let start = self.0;
        loop {
            match self.next()? {
                Some(b'"') => break,
                Some(b'\\') | None => return Err(Refusal::Unparsable),
                Some(_) => {}
            }
        }
        let inside = start
            .get(..start.len().saturating_sub(self.0.len() + 1))
            .unwrap_or_default();
        let odd_space = std::str::from_utf8(inside)
            .or(Err(Refusal::Unparsable))?
            .chars()
            .any(|letter| !letter.is_ascii() && letter.is_whitespace());
        match self.0.strip_prefix(b"\"\"") {
            Some(after) if !odd_space && after.first() != Some(&b'"') => {
                self.0 = after;
                Ok(())
            }
            Some(_) | None => Err(Refusal::Unparsable),
        }
    }
}
