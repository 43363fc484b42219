//! Is the body one well-formed JSON value (RFC 8259), and what does it say about itself?
//!
//! One pass without recursion and without building anything: the stack is a bit per level. It
//! keeps where `action` and `repository.full_name` are, since routing needs no more.

use std::ops::Range;

/// The deepest nesting taken. GitHub's deepest payloads nest less than ten.
pub const DEEPEST: u32 = 128;

/// What a payload says about itself. Texts are as they stand in the payload, unescaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// The top-level `action`, where it is a string.
    pub action: Option<String>,
    /// `repository.full_name`, where it is a string.
    pub repository: Option<String>,
}

/// Not one well-formed JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct Malformed {
    /// Where, from 0.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// Checks a whole body.
///
/// # Errors
/// At the first byte that cannot be part of a JSON value in UTF-8 nested at most [`DEEPEST`]
/// deep, or at the end where the value is not complete.
pub fn outline(body: &[u8]) -> Result<Outline, Malformed> {
    if let Err(fault) = std::str::from_utf8(body) {
        return Err(Malformed {
            offset: fault.valid_up_to(),
            what: "invalid UTF-8",
        });
    }
    let mut scan = Scan {
        bytes: body,
        at: 0,
        objects: 0,
        depth: 0,
        in_repository: false,
        action: None,
        full_name: None,
    };
    scan.document()?;
    Ok(Outline {
        action: scan.action.and_then(|range| unescape(body, range)),
        repository: scan.full_name.and_then(|range| unescape(body, range)),
    })
}

fn unescape(body: &[u8], quoted: Range<usize>) -> Option<String> {
    serde_json::from_slice(body.get(quoted)?).ok()
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// A bit per open level, the innermost lowest: 1 for an object, 0 for an array.
    objects: u128,
    depth: u32,
    /// Whether level 2, while it is open, is the value of the top-level `repository`.
    in_repository: bool,
    action: Option<Range<usize>>,
    full_name: Option<Range<usize>>,
}

/// The name of the member whose value comes next, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    Action,
    Repository,
    FullName,
    Other,
}

impl Scan<'_> {
    fn document(&mut self) -> Result<(), Malformed> {
        let mut member = Member::Other;
        'value: loop {
            self.blank();
            let start = self.at;
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    match member {
                        Member::Action => self.action = Some(start..self.at),
                        Member::FullName => self.full_name = Some(start..self.at),
                        Member::Repository | Member::Other => {}
                    }
                }
                Some(b'{') => {
                    self.open(true, member)?;
                    self.blank();
                    if self.peek() != Some(b'}') {
                        member = self.member()?;
                        continue 'value;
                    }
                }
                Some(b'[') => {
                    self.open(false, member)?;
                    self.blank();
                    if self.peek() != Some(b']') {
                        member = Member::Other;
                        continue 'value;
                    }
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                Some(_) => return Err(self.wrong("expected a value")),
                None => return Err(self.wrong("the value is not complete")),
            }
            // A value has ended, or a container is about to.
            loop {
                self.blank();
                let Some(byte) = self.peek() else {
                    return match self.depth {
                        0 => Ok(()),
                        _ => Err(self.wrong("the value is not complete")),
                    };
                };
                if self.depth == 0 {
                    return Err(self.wrong("something follows the value"));
                }
                let object = self.objects & 1 == 1;
                match (byte, object) {
                    (b',', true) => {
                        self.at += 1;
                        self.blank();
                        member = self.member()?;
                        continue 'value;
                    }
                    (b',', false) => {
                        self.at += 1;
                        member = Member::Other;
                        continue 'value;
                    }
                    (b'}', true) | (b']', false) => {
                        self.at += 1;
                        self.depth -= 1;
                        self.objects >>= 1;
                    }
                    (_, true) => return Err(self.wrong("expected `,` or `}`")),
                    (_, false) => return Err(self.wrong("expected `,` or `]`")),
                }
            }
        }
    }

    fn open(&mut self, object: bool, member: Member) -> Result<(), Malformed> {
        if self.depth == DEEPEST {
            return Err(self.wrong("nested deeper than 128"));
        }
        self.at += 1;
        self.depth += 1;
        self.objects = (self.objects << 1) | u128::from(object);
        if self.depth == 2 {
            self.in_repository = object && member == Member::Repository;
        }
        Ok(())
    }

    /// A member's name and its colon.
    fn member(&mut self) -> Result<Member, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("expected a member's name"));
        }
        let start = self.at;
        self.string()?;
        let member = self.known(start..self.at);
        // Of members with the same name the last one counts, as for every parser behind us.
        match member {
            Member::Action => self.action = None,
            Member::Repository | Member::FullName => self.full_name = None,
            Member::Other => {}
        }
        self.blank();
        if self.peek() != Some(b':') {
            return Err(self.wrong("expected `:`"));
        }
        self.at += 1;
        Ok(member)
    }

    /// Which member a name is, however it is written.
    fn known(&self, quoted: Range<usize>) -> Member {
        let here: &[(&str, Member)] = match self.depth {
            1 => &[
                ("\"action\"", Member::Action),
                ("\"repository\"", Member::Repository),
            ],
            2 if self.in_repository => &[("\"full_name\"", Member::FullName)],
            _ => return Member::Other,
        };
        let written = self.bytes.get(quoted.clone()).unwrap_or_default();
        let is_escaped = written.contains(&b'\\');
        let plain = is_escaped.then(|| unescape(self.bytes, quoted)).flatten();
        let is = |name: &str| match &plain {
            Some(plain) => name.trim_matches('"') == plain,
            None => name.as_bytes() == written,
        };
        let found = here.iter().find(|(name, _)| is(name));
        found.map_or(Member::Other, |(_, member)| *member)
    }

    /// A string, from its opening quote to behind its closing one.
    fn string(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        loop {
            self.at += plain(self.bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.wrong("a control character in a string")),
                None => return Err(self.wrong("the string is not complete")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.wrong("expected four hexadecimal digits"));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.wrong("not an escape sequence")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Malformed> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.wrong("expected a digit"));
        }
        Ok(())
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), Malformed> {
        if self
            .bytes
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.wrong("expected `true`, `false` or `null`"))
        }
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn wrong(&self, what: &'static str) -> Malformed {
        Malformed {
            offset: self.at,
            what,
        }
    }
}

/// How many bytes from the start are neither `"`, `\` nor a control character. Eight at a time:
/// most of a payload is the inside of strings.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let zero_in = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let quote = zero_in(word ^ (ONES * b'"' as u64));
        let backslash = zero_in(word ^ (ONES * b'\\' as u64));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        // The lowest bit set is right: a borrow can only set bits above a true one.
        let found = quote | backslash | control;
        if found != 0 {
            return length + (found.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    length
        + rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
            .unwrap_or(rest.len())
}
