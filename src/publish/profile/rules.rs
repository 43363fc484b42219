//! The rules of one side of a policy, by what they are about.

use super::pattern::{Pattern, Root};
use super::rule::{Parsed, Side};
use crate::publish::asked::{Asked, What};
use crate::publish::operation::{Access, Operation, Verb};
use crate::publish::path::Path;
use crate::publish::tree::{Captures, Step, Tree};

/// A rule's place among those of the policy.
pub(super) type Place = u32;

/// The rules of one side. The first that is about something decides about it.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    everything: Option<Place>,
    /// By [`Operation::index`].
    operations: Vec<Option<Place>>,
    git: Transport,
    lfs: Transport,
    graphql: Transport,
    api: Tree<Place>,
    instance: Tree<Place>,
    /// Whether there are rules for paths at all.
    paths: bool,
    /// Those that are about more than operations.
    words: Vec<Place>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Transport {
    read: Option<Place>,
    write: Option<Place>,
}

impl Rules {
    pub(super) fn new() -> Self {
        Self {
            everything: None,
            operations: vec![None; Operation::count()],
            git: Transport::default(),
            lfs: Transport::default(),
            graphql: Transport::default(),
            api: Tree::new(),
            instance: Tree::new(),
            paths: false,
            words: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, rule: &Parsed, place: Place, side: Side) {
        match rule {
            Parsed::Operations(operations) => {
                for operation in operations {
                    if let Some(slot) = self.operations.get_mut(operation.index()) {
                        slot.get_or_insert(place);
                    }
                }
                return;
            }
            Parsed::Everything => {
                self.everything.get_or_insert(place);
            }
            Parsed::Git(access) => self.git.add(*access, place),
            Parsed::Lfs(access) => self.lfs.add(*access, place),
            Parsed::Graphql(access) => self.graphql.add(*access, place),
            Parsed::Path(verb, pattern) => self.add_path(*verb, pattern, place, side),
        }
        self.words.push(place);
    }

    fn add_path(&mut self, verb: Verb, pattern: &Pattern, place: Place, side: Side) {
        self.paths = true;
        let tree = match pattern.root {
            Root::Api => &mut self.api,
            Root::Instance => &mut self.instance,
        };
        // What is denied is denied whatever characters a parameter holds.
        let one = match side {
            Side::Allow => Step::One,
            Side::Deny => Step::Free,
        };
        let node = tree.node(0, pattern.steps(one));
        tree.set(node, verb, place);
        for (steps, open) in pattern.by_id(one) {
            // An id may be the named one's: enough to deny, not enough to allow.
            if open || side == Side::Deny {
                let node = tree.node(0, steps);
                tree.set(node, verb, place);
            }
        }
    }

    pub(super) fn everything(&self) -> Option<Place> {
        self.everything
    }

    pub(super) fn words(&self) -> &[Place] {
        &self.words
    }

    pub(super) fn operation(&self, operation: Operation) -> Option<Place> {
        self.operations.get(operation.index()).copied().flatten()
    }

    /// The rule that is about just this request.
    pub(super) fn allows(&self, asked: &Asked) -> Option<Place> {
        let stated = match asked.what() {
            What::Operation(operation) => self.operation(operation),
            What::Git(access) => return self.git.of(access),
            What::Lfs(access) => return self.lfs.both(access),
            What::Graphql(access) => return self.graphql.both(access),
            What::Unknown | What::Token | What::Page | What::Tool | What::Other => None,
        };
        stated.or_else(|| self.path(asked))
    }

    fn path(&self, asked: &Asked) -> Option<Place> {
        let verb = asked.verb().filter(|_| self.paths)?;
        let found = match asked.api() {
            Some(from) => self.api.find(asked.path(), from, verb),
            None => {
                let mut stops = asked.stops().iter();
                let first = stops.next().and_then(|stop| self.api.find(stop, 0, verb));
                let all = stops.all(|stop| self.api.find(stop, 0, verb).is_some());
                let stop = first.filter(|_| all);
                stop.or_else(|| self.page(asked.path(), verb))
            }
        };
        found.map(|(place, _)| place)
    }

    /// The rule for a path outside the API, where one lets it through however it is read.
    fn page(&self, path: &Path, verb: Verb) -> Option<(Place, Captures)> {
        let find = |path: &Path| self.instance.find(path, 0, verb);
        find(path).filter(|_| path.readings().iter().all(|path| find(path).is_some()))
    }

    /// The rule that is about this request in any way that it could be read.
    pub(super) fn denies(&self, asked: &Asked) -> Option<Place> {
        let transport = match asked.what() {
            What::Git(access) => self.git.of(access),
            What::Lfs(access) => self.lfs.either(access),
            What::Graphql(access) => self.graphql.either(access),
            What::Operation(_)
            | What::Unknown
            | What::Token
            | What::Page
            | What::Tool
            | What::Other => None,
        };
        let operations = asked
            .operation()
            .into_iter()
            .chain(asked.readings().iter().copied());
        let operation = operations
            .filter_map(|operation| self.operation(operation))
            .next();
        transport.or(operation).or_else(|| self.any_path(asked))
    }

    fn any_path(&self, asked: &Asked) -> Option<Place> {
        let verb = asked.verb().filter(|_| self.paths)?;
        let mut found = None;
        let mut look = |tree: &Tree<Place>, path: &Path, from| {
            tree.find_any_case(path, from, verb, |place| {
                found.get_or_insert(place);
            });
        };
        if let Some(from) = asked.api() {
            look(&self.api, asked.path(), from);
        } else {
            look(&self.instance, asked.path(), 0);
            for reading in asked.path().readings() {
                look(&self.instance, &reading, 0);
            }
        }
        for stop in asked.stops() {
            look(&self.api, stop, 0);
        }
        found
    }
}

impl Transport {
    fn add(&mut self, access: Access, place: Place) {
        let slot = match access {
            Access::Read => &mut self.read,
            Access::Write => &mut self.write,
        };
        slot.get_or_insert(place);
    }

    fn of(self, access: Access) -> Option<Place> {
        match access {
            Access::Read => self.read,
            Access::Write => self.write,
        }
    }

    /// Where it is not known what is asked for, it has to be both.
    fn both(self, access: Option<Access>) -> Option<Place> {
        match access {
            Some(access) => self.of(access),
            None => self.read.and(self.write),
        }
    }

    fn either(self, access: Option<Access>) -> Option<Place> {
        match access {
            Some(access) => self.of(access),
            None => self.read.or(self.write),
        }
    }
}
