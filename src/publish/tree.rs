//! A tree of path patterns, walked a segment at a time: literals before parameters.

use super::path::Path;
use std::cmp::Ordering;

/// The methods that mean something in a pattern. `HEAD` is `GET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// `GET` and `HEAD`.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

impl Verb {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// As it is written in a request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The verb of a method; none for those that no pattern is written for.
    #[must_use]
    pub fn of(method: &str) -> Option<Self> {
        match method {
            "GET" | "HEAD" => Some(Self::Get),
            "POST" => Some(Self::Post),
            "PUT" => Some(Self::Put),
            "PATCH" => Some(Self::Patch),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Get => 0,
            Self::Post => 1,
            Self::Put => 2,
            Self::Patch => 3,
            Self::Delete => 4,
        }
    }
}

/// What one step of a pattern takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// This word.
    Word(&'a str),
    /// This word, in capitals or not: names of owners and repositories.
    Name(&'a str),
    /// One segment of plain characters.
    One,
    /// One segment whose value may hold an encoded `/`, `?`, `#` or `%`.
    Free,
    /// One segment or several, of any characters.
    Several,
    /// One segment that is a decimal number.
    Number,
}

/// Patterns, each with a value for a verb.
#[derive(Debug, Clone)]
pub(super) struct Tree<V> {
    nodes: Vec<Node<V>>,
}

#[derive(Debug, Clone)]
struct Node<V> {
    /// By length, then without regard to case.
    words: Vec<Word>,
    parameters: Vec<(Parameter, usize)>,
    values: [Option<V>; 5],
}

#[derive(Debug, Clone)]
struct Word {
    text: Box<str>,
    any_case: bool,
    node: usize,
}

/// In the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Parameter {
    One,
    Free,
    Several,
    Number,
}

/// Where the parameters of a match stand: ranges of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Captures {
    ranges: [(u16, u16); 8],
    len: usize,
}

/// How words are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// As GHES does.
    Exact,
    /// As a server might that does not care for case, or for a format after the last word: where a
    /// segment is a word but for that, it is taken for the word and for a parameter, and both
    /// readings are found.
    Any,
}

impl<V: Copy> Tree<V> {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node::new()],
        }
    }

    /// The node at the end of these steps below `from`, made where there is none.
    pub(super) fn node<'a>(
        &mut self,
        from: usize,
        steps: impl IntoIterator<Item = Step<'a>>,
    ) -> usize {
        let mut at = from;
        for step in steps {
            at = match self.nodes.get(at).and_then(|node| node.child(step)) {
                Some(node) => node,
                None => {
                    let new = self.nodes.len();
                    self.nodes.push(Node::new());
                    self.attach(at, step, new);
                    new
                }
            };
        }
        at
    }

    /// Lets `step` lead from one node to another that may be reached by other ways too.
    pub(super) fn attach(&mut self, from: usize, step: Step<'_>, to: usize) {
        let Some(node) = self.nodes.get_mut(from) else {
            return;
        };
        let (text, any_case) = match step {
            Step::Word(text) => (text, false),
            Step::Name(text) => (text, true),
            Step::One => return node.parameter(Parameter::One, to),
            Step::Free => return node.parameter(Parameter::Free, to),
            Step::Several => return node.parameter(Parameter::Several, to),
            Step::Number => return node.parameter(Parameter::Number, to),
        };
        let at = node
            .words
            .partition_point(|word| fold_order(&word.text, text).is_lt());
        let text = text.into();
        node.words.insert(
            at,
            Word {
                text,
                any_case,
                node: to,
            },
        );
    }

    /// Sets the value of `verb` at a node, unless there is one; says whether it was set.
    pub(super) fn set(&mut self, node: usize, verb: Verb, value: V) -> bool {
        let slot = self.nodes.get_mut(node);
        let slot = slot.and_then(|node| node.values.get_mut(verb.index()));
        match slot {
            Some(slot @ None) => {
                *slot = Some(value);
                true
            }
            Some(Some(_)) | None => false,
        }
    }

    /// The value for the path's segments from `from` on.
    pub(super) fn find(&self, path: &Path, from: usize, verb: Verb) -> Option<(V, Captures)> {
        let mut found = None;
        let mut on = |value: V, captures: &Captures| found = Some((value, *captures));
        let mut walk = Walk {
            tree: self,
            path,
            verb,
            case: Case::Exact,
            captures: Captures::default(),
            on: &mut on,
        };
        walk.step(0, from);
        found
    }

    /// The value of every reading of the path by a server that does not care for case.
    pub(super) fn find_any_case(
        &self,
        path: &Path,
        from: usize,
        verb: Verb,
        mut on: impl FnMut(V),
    ) {
        let mut on = |value: V, _: &Captures| on(value);
        let mut walk = Walk {
            tree: self,
            path,
            verb,
            case: Case::Any,
            captures: Captures::default(),
            on: &mut on,
        };
        walk.step(0, from);
    }
}

impl<V> Node<V> {
    fn new() -> Self {
        Self {
            words: Vec::new(),
            parameters: Vec::new(),
            values: [None, None, None, None, None],
        }
    }

    fn parameter(&mut self, parameter: Parameter, to: usize) {
        let at = self
            .parameters
            .partition_point(|(other, _)| *other <= parameter);
        self.parameters.insert(at, (parameter, to));
    }

    fn child(&self, step: Step<'_>) -> Option<usize> {
        let parameter = match step {
            Step::Word(text) | Step::Name(text) => {
                let any_case = matches!(step, Step::Name(_));
                let same = |word: &&Word| *word.text == *text && word.any_case == any_case;
                return self.words.iter().find(same).map(|word| word.node);
            }
            Step::One => Parameter::One,
            Step::Free => Parameter::Free,
            Step::Several => Parameter::Several,
            Step::Number => Parameter::Number,
        };
        let same = |(other, _): &&(Parameter, usize)| *other == parameter;
        self.parameters.iter().find(same).map(|(_, node)| *node)
    }

    /// The words that are `segment` without regard to case.
    fn words(&self, segment: &str) -> impl Iterator<Item = &Word> {
        let from = self
            .words
            .partition_point(|word| fold_order(&word.text, segment).is_lt());
        let rest = self.words.get(from..).unwrap_or_default().iter();
        rest.take_while(|word| word.text.eq_ignore_ascii_case(segment))
    }
}

impl Captures {
    /// The ranges, first parameter first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        let ranges = self.ranges.get(..self.len).unwrap_or_default().iter();
        ranges.map(|(from, to)| (usize::from(*from), usize::from(*to)))
    }

    fn with(mut self, from: usize, to: usize) -> Self {
        let range = u16::try_from(from).ok().zip(u16::try_from(to).ok());
        if let Some((slot, range)) = self.ranges.get_mut(self.len).zip(range) {
            *slot = range;
            self.len += 1;
        }
        self
    }
}

struct Walk<'a, V> {
    tree: &'a Tree<V>,
    path: &'a Path,
    verb: Verb,
    case: Case,
    captures: Captures,
    on: &'a mut dyn FnMut(V, &Captures),
}

impl<V: Copy> Walk<'_, V> {
    /// Tries a node for the segments from `at` on; whether there was a value.
    fn step(&mut self, node: usize, at: usize) -> bool {
        let Some(node) = self.tree.nodes.get(node) else {
            return false;
        };
        if at >= self.path.len() {
            let value = node.values.get(self.verb.index()).copied().flatten();
            if let Some(value) = value {
                (self.on)(value, &self.captures);
            }
            return value.is_some();
        }
        let segment = self.path.segment(at);
        let mut found = false;
        for word in node.words(segment) {
            let exact = *word.text == *segment;
            if exact || word.any_case || self.case == Case::Any {
                let here = self.step(word.node, at + 1);
                if here && (exact || self.case == Case::Exact) {
                    return true;
                }
                found |= here;
            }
        }
        if let Some(stem) = self.stem(segment, at) {
            for word in node.words(stem) {
                found |= self.step(word.node, at + 1);
            }
        }
        for (parameter, next) in &node.parameters {
            if self.parameter(*parameter, *next, at) {
                return true;
            }
        }
        found
    }

    /// The word that the last segment is to a server that takes `.json` and its like for a format.
    fn stem<'s>(&self, segment: &'s str, at: usize) -> Option<&'s str> {
        let last = self.case == Case::Any && at + 1 == self.path.len();
        let (stem, _) = segment.rsplit_once('.').filter(|_| last)?;
        Some(stem)
    }

    fn parameter(&mut self, parameter: Parameter, next: usize, at: usize) -> bool {
        let segment = self.path.segment(at);
        let fits = match parameter {
            Parameter::One => !self.path.is_odd() || plain(segment),
            Parameter::Number => number(segment),
            Parameter::Free | Parameter::Several => true,
        };
        if !fits {
            return false;
        }
        let before = self.captures;
        let ends = match parameter {
            // The shortest first: what stands in a pattern after it is a word of GHES's.
            Parameter::Several => at + 1..=self.path.len(),
            Parameter::One | Parameter::Free | Parameter::Number => at + 1..=at + 1,
        };
        let mut found = false;
        for end in ends {
            self.captures = before.with(at, end);
            found = self.step(next, end);
            if found {
                break;
            }
        }
        self.captures = before;
        found
    }
}

fn plain(segment: &str) -> bool {
    !segment
        .bytes()
        .any(|byte| matches!(byte, b'/' | b'?' | b'#' | b'%'))
}

fn number(segment: &str) -> bool {
    !segment.is_empty() && segment.len() < 20 && segment.bytes().all(|byte| byte.is_ascii_digit())
}

fn fold_order(one: &str, other: &str) -> Ordering {
    let fold = |byte: u8| byte.to_ascii_lowercase();
    let by_length = one.len().cmp(&other.len());
    by_length.then_with(|| one.bytes().map(fold).cmp(other.bytes().map(fold)))
}
