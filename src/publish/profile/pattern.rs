//! Paths of rules, such as `/repos/{owner}/{repo}/topics`.

use crate::publish::operation::{Operation, Verb};
use crate::publish::path::Path;
use crate::publish::tree::Step;

/// A path with parameters, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) root: Root,
    pub(super) segments: Vec<Segment>,
}

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// Below `/api/v3`.
    Api,
    /// At the root of the instance.
    Instance,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Word(String),
    /// `{name}`
    One,
    /// `{+name}`
    Several,
}

impl Pattern {
    /// Reads the path of a rule for a server of GitHub's.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut segments = Self::read(text)?;
        let (root, skip) = match segments.as_slice() {
            [Segment::Word(api), Segment::Word(v3), ..] if api == "api" && v3 == "v3" => {
                (Root::Api, 2)
            }
            [] => (Root::Api, 0),
            [Segment::Word(first), ..] if Operation::roots().any(|root| root == first) => {
                (Root::Api, 0)
            }
            _ => (Root::Instance, 0),
        };
        segments.drain(..skip);
        Ok(Self { root, segments })
    }

    /// Reads the path of a rule for any other service: it begins where it is written to begin.
    pub(super) fn parse_plain(text: &str) -> Result<Self, String> {
        Ok(Self {
            root: Root::Instance,
            segments: Self::read(text)?,
        })
    }

    fn read(text: &str) -> Result<Vec<Segment>, String> {
        let rest = text
            .strip_prefix('/')
            .ok_or("expected a path that begins with `/`")?;
        if rest.contains('*') {
            let text = "`*` is no wildcard in a path: `{name}` stands for one segment, `{+name}` \
                        for one or more";
            return Err(text.to_owned());
        }
        let mut segments = Vec::new();
        for segment in rest.split('/').filter(|_| !rest.is_empty()) {
            segments.push(Segment::parse(segment)?);
        }
        Ok(segments)
    }

    /// The operation that is asked for by just these paths, whatever its parameters are called.
    pub(super) fn operation(&self, verb: Verb) -> Option<Operation> {
        if self.root == Root::Instance {
            return None;
        }
        let named = Operation::all().filter(|operation| operation.verb() == verb);
        let like = |operation: &Operation| self.is_like(operation.pattern());
        named.clone().find(like).or_else(|| {
            let by_name = self.by_name()?;
            named
                .clone()
                .find(|operation| by_name.is_like(operation.pattern()))
        })
    }

    fn is_like(&self, pattern: &str) -> bool {
        let mut others = pattern
            .split('/')
            .skip(1)
            .filter(|segment| !segment.is_empty());
        let alike = self
            .segments
            .iter()
            .all(|segment| match (segment, others.next()) {
                (Segment::Word(word), Some(other)) => word == other,
                (Segment::One | Segment::Several, Some(other)) => other.starts_with('{'),
                (_, None) => false,
            });
        alike && others.next().is_none()
    }

    /// A path with ids, as the one with names that it stands for.
    fn by_name(&self) -> Option<Self> {
        let word = |text: &str| Segment::Word(text.to_owned());
        let (head, rest) = match self.segments.as_slice() {
            [Segment::Word(first), Segment::One, rest @ ..] => match first.as_str() {
                "repositories" => (vec![word("repos"), Segment::One, Segment::One], rest),
                "organizations" => (vec![word("orgs"), Segment::One], rest),
                "user" => (vec![word("users"), Segment::One], rest),
                _ => return None,
            },
            _ => return None,
        };
        let segments = head.into_iter().chain(rest.iter().cloned()).collect();
        Some(Self {
            root: self.root,
            segments,
        })
    }

    /// The steps of the pattern in a tree. Names of accounts and repositories are compared as GHES
    /// does it, without regard to case.
    pub(super) fn steps(&self, one: Step<'static>) -> Vec<Step<'_>> {
        let names = self.names();
        let steps = self.segments.iter().enumerate();
        let steps = steps.map(|(index, segment)| match segment {
            Segment::Word(word) if (1..=names).contains(&index) => Step::Name(word),
            Segment::Word(word) => Step::Word(word),
            Segment::One => one,
            Segment::Several => Step::Several,
        });
        steps.collect()
    }

    /// The same with an id in place of the names, and whether those are parameters: a rule for one
    /// repository says nothing of which ids are its own.
    pub(super) fn by_id(&self, one: Step<'static>) -> Vec<(Vec<Step<'_>>, bool)> {
        let names = self.names();
        let steps = self.steps(one);
        let open = |names| {
            let named = self.segments.iter().skip(1).take(names);
            named.into_iter().all(|segment| *segment == Segment::One)
        };
        let put = |head: &[Step<'static>], names: usize| {
            let rest = steps.iter().skip(1 + names);
            (head.iter().chain(rest).copied().collect(), open(names))
        };
        let number = Step::Number;
        match (self.root, self.first(), names) {
            (Root::Api, "repos", 2) => vec![put(&[Step::Word("repositories"), number], 2)],
            (Root::Api, "users", 1) => vec![put(&[Step::Word("user"), number], 1)],
            (Root::Api, "orgs", 1) => {
                let mut forms = vec![put(&[Step::Word("organizations"), number], 1)];
                if matches!(self.segments.get(2), Some(Segment::Word(word)) if word == "teams")
                    && self.segments.len() > 3
                {
                    let head = [
                        Step::Word("organizations"),
                        number,
                        Step::Word("team"),
                        number,
                    ];
                    let (steps, _) = put(&head, 3);
                    let slug = self.segments.get(3) == Some(&Segment::One);
                    forms.push((steps, open(1) && slug));
                }
                forms
            }
            _ => Vec::new(),
        }
    }

    /// How many segments after the first are names.
    fn names(&self) -> usize {
        let names = match (self.root, self.first()) {
            (Root::Api, "repos") => 2,
            (Root::Api, "orgs" | "users") => 1,
            _ => 0,
        };
        let several = self
            .segments
            .iter()
            .position(|segment| *segment == Segment::Several);
        let plain = several.unwrap_or(self.segments.len());
        if plain > names { names } else { 0 }
    }

    fn first(&self) -> &str {
        match self.segments.first() {
            Some(Segment::Word(word)) => word,
            Some(Segment::One | Segment::Several) | None => "",
        }
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        // As the API's own description writes a comparison.
        if let Some((base, head)) = text.split_once("}...{") {
            let whole = Self::parse(&format!("{base}}}")) == Ok(Self::One)
                && Self::parse(&format!("{{{head}")) == Ok(Self::One);
            if whole {
                return Ok(Self::Several);
            }
        }
        let inner = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        if let Some(name) = inner {
            let (several, name) = match name.strip_prefix('+') {
                Some(name) => (true, name),
                None => (false, name),
            };
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(fits) {
                return Err(format!(
                    "`{text}` is no parameter: expected `{{name}}` or `{{+name}}`"
                ));
            }
            return Ok(if several { Self::Several } else { Self::One });
        }
        let plain = !text.contains(['{', '}', '%']) && Path::parse(&format!("/{text}")).is_ok();
        if text.is_empty() || !plain {
            return Err(format!(
                "`{text}` is no segment of a path: expected plain characters, or a parameter such \
                 as `{{name}}`"
            ));
        }
        Ok(Self::Word(text.to_owned()))
    }
}
