//! The one reading of a request's path. What two servers could read differently is refused here,
//! so that everything after this decides about the path that is served.

use std::fmt;

/// A path, decoded once and cut into segments. It holds no dot segment, no empty segment, no
/// control character, no `\`, no `;`, nothing that decodes a second time, and is valid UTF-8.
///
/// A `/` at the end says nothing: GHES serves the same with and without it.
#[derive(Clone, PartialEq, Eq)]
pub struct Path {
    /// The segments, decoded, joined by `/`.
    text: String,
    spans: Vec<Span>,
    marks: Marks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u16,
    end: u16,
}

/// What a lenient server could read in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Marks {
    /// A capital letter.
    capital: bool,
    /// A `/` that came encoded.
    slash: bool,
    /// A `?`, `#` or `%` that came encoded.
    odd: bool,
}

/// Why a path is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It does not begin with `/`.
    #[error("the path does not begin with `/`")]
    NotAbsolute,
    /// It is longer than 8 KiB.
    #[error("the path is longer than 8 KiB")]
    TooLong,
    /// A byte that does not belong in a path: not ASCII, a space, `?` or `#`.
    #[error("the path has a character that has to be encoded")]
    Unencoded,
    /// A control character, in any encoding.
    #[error("the path has a control character")]
    Control,
    /// `\`, in any encoding.
    #[error("the path has a `\\`")]
    Backslash,
    /// `;`, in any encoding: some servers take it for the end of the path.
    #[error("the path has a `;`")]
    Semicolon,
    /// `%` without two hexadecimal digits.
    #[error("the path has a `%` that encodes nothing")]
    Percent,
    /// What is decoded could be decoded again.
    #[error("the path is encoded twice")]
    Twice,
    /// What is decoded is not UTF-8.
    #[error("the path is not UTF-8")]
    Utf8,
    /// `.` or `..`, in any encoding, also where a format such as `.json` follows.
    #[error("the path has a `.` or `..`")]
    Dots,
    /// `//`, in any encoding.
    #[error("the path has an empty segment")]
    Empty,
}

impl Path {
    /// Reads the path of a request: what stands before the `?`.
    ///
    /// A literal percent sign (`100%25.md`) is read, unless two hexadecimal digits follow it: then
    /// a server that decodes twice would read something else.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(raw: &str) -> Result<Self, Fault> {
        Self::parse_under(&[], raw)
    }

    /// Reads a path that stands below `above`, as `codeload.HOST/x` is `/codeload/x`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_under(above: &[&str], raw: &str) -> Result<Self, Fault> {
        let rest = raw.strip_prefix('/').ok_or(Fault::NotAbsolute)?;
        if raw.len() > LONGEST {
            return Err(Fault::TooLong);
        }
        let mut bytes = Vec::with_capacity(rest.len() + 16);
        let mut spans = Vec::with_capacity(12);
        for segment in above {
            begin(&mut bytes, &spans);
            let start = bytes.len();
            bytes.extend_from_slice(segment.as_bytes());
            spans.push(Span::new(start, bytes.len())?);
        }
        let mut marks = Marks::default();
        let mut segments = rest.split('/').peekable();
        while let Some(segment) = segments.next() {
            let last = segments.peek().is_none();
            if segment.is_empty() {
                if last {
                    break;
                }
                return Err(Fault::Empty);
            }
            begin(&mut bytes, &spans);
            let start = bytes.len();
            decode(segment, &mut bytes, &mut marks)?;
            if marks.slash || marks.odd || bytes.get(start) == Some(&b'.') {
                // A `/` at the end is nothing to many servers.
                let ends = segments.peek().is_none_or(|next| next.is_empty());
                pieces(bytes.get(start..).unwrap_or_default(), last, ends)?;
            }
            spans.push(Span::new(start, bytes.len())?);
        }
        let text = String::from_utf8(bytes).or(Err(Fault::Utf8))?;
        if !text.is_ascii() && text.chars().any(char::is_control) {
            return Err(Fault::Control);
        }
        if marks.odd && decodes_again(text.as_bytes()) {
            return Err(Fault::Twice);
        }
        Ok(Self { text, spans, marks })
    }

    /// The path of these segments, taken as they are.
    #[must_use]
    pub(super) fn of<'a>(segments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut path = Self {
            text: String::new(),
            spans: Vec::new(),
            marks: Marks::default(),
        };
        for segment in segments {
            if !path.spans.is_empty() {
                path.text.push('/');
            }
            let start = path.text.len();
            path.text.push_str(segment);
            if let Ok(span) = Span::new(start, path.text.len()) {
                path.spans.push(span);
            }
            for byte in segment.bytes() {
                path.marks.note(byte);
            }
        }
        path
    }

    /// How many segments there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it is the root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The segment at `index`, decoded; empty where there is none.
    #[must_use]
    pub fn segment(&self, index: usize) -> &str {
        self.span(index, index + 1)
    }

    /// The segments from `from` up to `to`, decoded and joined.
    #[must_use]
    pub fn span(&self, from: usize, to: usize) -> &str {
        let start = self.spans.get(from).map(|span| usize::from(span.start));
        let end = to.checked_sub(1).and_then(|last| self.spans.get(last));
        let end = end.map(|span| usize::from(span.end));
        start
            .zip(end)
            .and_then(|(start, end)| self.text.get(start..end))
            .unwrap_or_default()
    }

    /// The segments, decoded.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.segment(index))
    }

    /// The whole path, decoded, without its first `/`. A `/` that came encoded looks like any
    /// other: for the eyes, and for what has to be seen in every reading.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether some `/` came encoded.
    #[must_use]
    pub fn has_encoded_slash(&self) -> bool {
        self.marks.slash
    }

    /// Whether some `/`, `?`, `#` or `%` came encoded.
    #[must_use]
    pub(super) fn is_odd(&self) -> bool {
        self.marks.slash || self.marks.odd
    }

    /// Whether a server that does not care for case could read it otherwise.
    #[must_use]
    pub(super) fn has_capitals(&self) -> bool {
        self.marks.capital
    }

    /// Whether its last segment could end in a format, such as `.json`.
    #[must_use]
    pub(super) fn has_format(&self) -> bool {
        self.len()
            .checked_sub(1)
            .is_some_and(|last| self.segment(last).contains('.'))
    }

    /// The other paths that a lenient server could read here: encoded slashes taken for slashes,
    /// `?` and `#` for the end of the path, or both.
    #[must_use]
    pub(super) fn readings(&self) -> Vec<Self> {
        if !self.is_odd() {
            return Vec::new();
        }
        let cut = self.text.find(['?', '#']).unwrap_or(self.text.len());
        let cut = self.text.get(..cut).unwrap_or_default();
        let flat = |text: &str| Self::of(text.split('/').filter(|segment| !segment.is_empty()));
        let mut readings = vec![flat(&self.text)];
        if cut.len() < self.text.len() {
            readings.push(flat(cut));
            let whole = self
                .spans
                .iter()
                .take_while(|span| usize::from(span.start) < cut.len());
            readings.push(Self::of(whole.filter_map(|span| {
                cut.get(usize::from(span.start)..usize::from(span.end).min(cut.len()))
            })));
        }
        readings
    }
}

/// The path as it is meant, with its first `/`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.text)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.segments()).finish()
    }
}

impl Span {
    fn new(start: usize, end: usize) -> Result<Self, Fault> {
        let short = |at: usize| u16::try_from(at).or(Err(Fault::TooLong));
        Ok(Self {
            start: short(start)?,
            end: short(end)?,
        })
    }
}

impl Marks {
    fn note(&mut self, byte: u8) {
        self.capital |= byte.is_ascii_uppercase();
        self.slash |= byte == b'/';
        self.odd |= matches!(byte, b'?' | b'#' | b'%');
    }
}

fn begin(bytes: &mut Vec<u8>, spans: &[Span]) {
    if !spans.is_empty() {
        bytes.push(b'/');
    }
}

fn decode(segment: &str, into: &mut Vec<u8>, marks: &mut Marks) -> Result<(), Fault> {
    let mut bytes = segment.bytes();
    while let Some(raw) = bytes.next() {
        let byte = match raw {
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = (digit(bytes.next()), digit(bytes.next()));
                let (high, low) = high.zip(low).ok_or(Fault::Percent)?;
                u8::try_from(high * 16 + low).or(Err(Fault::Percent))?
            }
            b'?' | b'#' | b' ' | 0x80.. => return Err(Fault::Unencoded),
            plain => plain,
        };
        match byte {
            b'\\' => return Err(Fault::Backslash),
            b';' => return Err(Fault::Semicolon),
            control if control.is_ascii_control() => return Err(Fault::Control),
            byte => {
                marks.note(byte);
                into.push(byte);
            }
        }
    }
    Ok(())
}

/// Refuses what would be a dot segment or an empty one if an encoded `/` were a `/`, and an
/// encoded `?` or `#` the end. An encoded `/` may end the path (`matching-refs/heads%2F`).
fn pieces(segment: &[u8], last: bool, ends: bool) -> Result<(), Fault> {
    let mut pieces = segment.split(|byte| *byte == b'/').peekable();
    while let Some(piece) = pieces.next() {
        let (end, ends) = (
            last && pieces.peek().is_none(),
            ends && pieces.peek().is_none(),
        );
        let seen = piece.split(|byte| matches!(byte, b'?' | b'#')).next();
        match seen.unwrap_or_default() {
            b"." | b".." => return Err(Fault::Dots),
            // What a server leaves that takes `.json` at the end for a format.
            seen if ends && matches!(stem(seen), b"." | b"..") => return Err(Fault::Dots),
            b"" if piece.is_empty() && !end => return Err(Fault::Empty),
            _ => {}
        }
    }
    Ok(())
}

/// What stands before the last `.`, where something stands behind it.
fn stem(piece: &[u8]) -> &[u8] {
    let dot = piece.iter().rposition(|byte| *byte == b'.');
    let dot = dot.filter(|dot| dot + 1 < piece.len());
    dot.and_then(|dot| piece.get(..dot)).unwrap_or_default()
}

fn decodes_again(text: &[u8]) -> bool {
    text.windows(3).any(|three| {
        matches!(three, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    })
}

/// Longer than any path that GHES serves, and short enough for a span to be two small numbers.
const LONGEST: usize = 8 * 1024;

#[cfg(test)]
mod tests;
