//! The table, read once, and the tree that finds an operation by its path.

use super::Operation;
use crate::publish::tree::{Step, Tree, Verb};
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

pub(super) static TABLE: LazyLock<Table> = LazyLock::new(Table::read);

#[derive(Debug)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    pub(super) by_id: HashMap<&'static str, Operation>,
    pub(super) tags: BTreeSet<&'static str>,
    pub(super) roots: BTreeSet<&'static str>,
    pub(super) tree: Tree<Operation>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) verb: Verb,
    pub(super) pattern: &'static str,
    pub(super) id: &'static str,
    pub(super) admin: bool,
    pub(super) secret: bool,
    pub(super) twin: Option<Operation>,
    /// The names of the parameters, in the order of the path.
    pub(super) parameters: Vec<&'static str>,
}

impl Table {
    fn read() -> Self {
        let mut table = Self {
            rows: ROWS.lines().filter_map(Row::read).collect(),
            by_id: HashMap::new(),
            tags: BTreeSet::new(),
            roots: BTreeSet::from(["organizations", "repositories"]),
            tree: Tree::new(),
        };
        for (index, row) in table.rows.iter().enumerate() {
            let Ok(index) = u16::try_from(index) else {
                break;
            };
            table.by_id.insert(row.id, Operation(index));
            table.tags.extend(row.id.split('/').next());
            table.roots.extend(
                row.pattern
                    .split('/')
                    .nth(1)
                    .filter(|root| !root.is_empty()),
            );
            // `{base}...{head}` is `{basehead}` by another name.
            if !row.pattern.contains("}...{") {
                let node = table.tree.node(0, steps(row.pattern));
                table.tree.set(node, row.verb, Operation(index));
            }
        }
        table.empty_ends();
        table.aliases();
        table.twins();
        table.mark();
        table
    }

    /// The last parameter of these may be left out: the root of the tree, all references, the
    /// default branch.
    fn empty_ends(&mut self) {
        for id in [
            "repos/get-content",
            "git/list-matching-refs",
            "repos/download-tarball-archive",
            "repos/download-zipball-archive",
        ] {
            let Some((operation, verb, pattern)) = self.by_id.get(id).and_then(|operation| {
                let row = self.rows.get(operation.index())?;
                Some((*operation, row.verb, row.pattern.rsplit_once('/')?.0))
            }) else {
                continue;
            };
            let node = self.tree.node(0, steps(pattern));
            self.tree.set(node, verb, operation);
        }
    }

    /// What GHES's own links and redirects use instead of names.
    fn aliases(&mut self) {
        let repository = self.tree.node(0, steps("/repos/{owner}/{repo}"));
        let from = self.tree.node(0, steps("/repositories"));
        self.tree.attach(from, Step::Number, repository);
        let organization = self.tree.node(0, steps("/orgs/{org}"));
        let from = self.tree.node(0, steps("/organizations"));
        self.tree.attach(from, Step::Number, organization);
        let team = self.tree.node(0, steps("/orgs/{org}/teams/{team_slug}"));
        let from = self.tree.node(from, [Step::One, Step::Word("team")]);
        self.tree.attach(from, Step::Number, team);
        let user = self.tree.node(0, steps("/users/{username}"));
        let from = self.tree.node(0, steps("/user"));
        self.tree.attach(from, Step::Number, user);
    }

    fn twins(&mut self) {
        for (one, other) in [
            (
                "repos/compare-commits",
                "repos/compare-commits-with-basehead",
            ),
            // `/user/{id}` is the alias of `/users/{username}` and an operation of its own.
            ("users/get-by-id", "users/get-by-username"),
        ] {
            let both = self
                .by_id
                .get(one)
                .copied()
                .zip(self.by_id.get(other).copied());
            let Some((one, other)) = both else {
                continue;
            };
            for (row, twin) in [(one, other), (other, one)] {
                if let Some(row) = self.rows.get_mut(row.index()) {
                    row.twin = Some(twin);
                }
            }
        }
    }

    fn mark(&mut self) {
        for (kind, what) in markers() {
            for row in self.rows.iter_mut().filter(|row| row.is(what)) {
                match kind {
                    "admin" => row.admin = true,
                    _ => row.secret = true,
                }
            }
        }
    }
}

impl Row {
    fn read(line: &'static str) -> Option<Self> {
        let mut columns = line.split('\t');
        let (verb, pattern) = (columns.next()?, columns.next()?);
        let parameters = pattern.split('/').filter_map(parameter).collect();
        Some(Self {
            verb: Verb::of(verb)?,
            pattern,
            id: columns.next()?,
            admin: false,
            secret: false,
            twin: None,
            parameters,
        })
    }

    pub(super) fn is(&self, what: &str) -> bool {
        if what.starts_with('/') {
            let below = self.pattern.strip_prefix(what);
            return below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        }
        match what.strip_suffix('*') {
            Some(tag) => self.id.starts_with(tag),
            None => self.id == what,
        }
    }
}

/// Kind and operations of each marker.
pub(super) fn markers() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = MARKERS.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' '))
}

/// The steps of an operation's pattern.
fn steps(pattern: &'static str) -> impl Iterator<Item = Step<'static>> {
    let segments = pattern
        .split('/')
        .skip(1)
        .filter(|segment| !segment.is_empty());
    let mut before = "";
    segments.map(move |segment| {
        let step = match parameter(segment) {
            Some(name) => taken(name, before),
            None => Step::Word(segment),
        };
        before = segment;
        step
    })
}

/// What a parameter takes. Those of several segments are those that the description calls so; free
/// are those whose values are made up by people, a `/` among them.
fn taken(name: &str, before: &str) -> Step<'static> {
    match (name, before) {
        ("branch" | "commit_sha" | "ref" | "path" | "tree_sha" | "dir" | "tag", _)
        | ("basehead", "compare")
        | ("sha", "statuses") => Step::Several,
        ("environment_name" | "package_name" | "custom_property_name", _) | ("name", "labels") => {
            Step::Free
        }
        ("account_id", _) => Step::Number,
        _ => Step::One,
    }
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

const ROWS: &str = include_str!("ghes-3.19.tsv");
const MARKERS: &str = include_str!("markers.txt");
