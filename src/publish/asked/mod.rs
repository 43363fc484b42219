//! What a request asks for: a REST operation, git, LFS, GraphQL, a token, a page for browsers.
//! One reading of method, host, path and query; nothing here decides whether it may.

mod lfs;
mod shape;
mod stop;

pub use lfs::{BatchFault, batch};

use super::never::{self, Never};
use super::operation::{self, Access, Operation, Subject, Verb};
use super::path::{Fault, Path};
use shape::Shape;

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site<'a> {
    /// The instance's own host: pages, git, and the API below `/api/v3`.
    Main,
    /// A host whose root is the API's.
    Api,
    /// A host for one part of the instance, by the label before the main host's name, such as
    /// `codeload`. What is at `codeload.HOST/x` is what is at `HOST/codeload/x` of an instance
    /// without subdomains.
    Part(&'a str),
    /// A service that is no server of GitHub's: of its paths nothing is known, and none is closed
    /// to everyone.
    Tool,
}

/// A request, read.
#[derive(Debug, Clone)]
pub struct Asked {
    verb: Option<Verb>,
    path: Path,
    what: What,
    subject: Subject,
    never: Option<Never>,
    /// The segment at which the API's path begins, in `path`.
    api: Option<usize>,
    /// The API's path of what was asked for in another way, in each reading.
    stops: Vec<Path>,
    /// What else a lenient server could read here.
    readings: Vec<Operation>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An operation of the REST API, also where one of its redirects leads.
    Operation(Operation),
    /// Something below the API's root that GHES 3.19 does not describe.
    Unknown,
    /// GraphQL; what the document does, once it was read.
    Graphql(Option<Access>),
    /// A fetch or a push over HTTP.
    Git(Access),
    /// LFS objects or locks; of a batch, once its body was read.
    Lfs(Option<Access>),
    /// An OAuth token endpoint.
    Token,
    /// A page for an employee's browser.
    Page,
    /// Whatever is asked of a service that is no server of GitHub's.
    Tool,
    /// Anything else.
    Other,
}

/// A body that has to be read before it is known what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A GraphQL request.
    Graphql,
    /// The request of LFS's batch API: see [`batch`].
    LfsBatch,
}

/// Why a request is not read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its path could be read in two ways.
    #[error(transparent)]
    Path(#[from] Fault),
    /// Its path is something else to a server that decodes more, or does not care for case.
    #[error("the path is something else to a server that reads less strictly")]
    Ambiguous,
    /// `info/refs` with anything but `service=git-upload-pack` or `service=git-receive-pack`.
    #[error(
        "`info/refs` needs `service=git-upload-pack` or `service=git-receive-pack`, and no more"
    )]
    GitService,
    /// Git's old protocol, `git archive`, or a method that git does not use.
    #[error("git is spoken by smart HTTP only")]
    GitProtocol,
    /// A git or LFS path with no repository in it.
    #[error("the path names no repository")]
    GitRepository,
    /// A part of LFS's API that is not known.
    #[error("LFS has no such request")]
    Lfs,
    /// GraphQL by anything but `POST`.
    #[error("GraphQL is asked by `POST`")]
    GraphqlMethod,
}

impl<'a> Site<'a> {
    /// Which site `host` is, given the main host's name; both as the instance has them, without
    /// ports. A host that is not below the main one is a part of the name of its first label.
    #[must_use]
    pub fn of(main: &str, host: &'a str) -> Self {
        if host.eq_ignore_ascii_case(main) {
            return Self::Main;
        }
        match host.split('.').next().unwrap_or_default() {
            "api" => Self::Api,
            label => Self::Part(label),
        }
    }

    fn above(self) -> ([&'a str; 2], usize) {
        match self {
            Self::Main | Self::Api | Self::Tool => ([""; 2], 0),
            // Its paths are those of `/api/uploads`.
            Self::Part("uploads") => (["api", "uploads"], 2),
            Self::Part(label) => ([label, ""], 1),
        }
    }
}

impl Asked {
    /// Reads a request: its method, where it came in, the path as it came and the query, if any.
    ///
    /// # Errors
    /// Why it can be let through by no profile at all.
    pub fn read(
        method: &str,
        site: Site<'_>,
        path: &str,
        query: Option<&str>,
    ) -> Result<Self, Refusal> {
        let (above, count) = site.above();
        let above = above.get(..count).unwrap_or_default();
        let path = Path::parse_under(above, path)?;
        let tool = site == Site::Tool;
        let mut asked = Self {
            verb: Verb::of(method),
            never: never::find(&path, above.len()).filter(|_| !tool),
            what: if tool { What::Tool } else { What::Other },
            subject: Subject::Unsaid,
            api: None,
            stops: Vec::new(),
            readings: Vec::new(),
            path,
        };
        if !tool && !matches!(asked.never, Some(Never::Exposed(_))) {
            let shape = Shape::of(&asked.path, site)?;
            asked.settle(shape, query)?;
        }
        Ok(asked)
    }

    fn settle(&mut self, shape: Shape, query: Option<&str>) -> Result<(), Refusal> {
        match shape {
            Shape::Rest(from) => self.rest(from),
            Shape::Upload(from) => self.upload(from),
            Shape::Graphql => {
                if self.verb != Some(Verb::Post) {
                    return Err(Refusal::GraphqlMethod);
                }
                self.what = What::Graphql(None);
            }
            Shape::Token => self.what = What::Token,
            Shape::Page => self.what = What::Page,
            Shape::Refs(part) => {
                self.subject = part.subject(&self.path)?;
                self.what = What::Git(self.service(query)?);
            }
            Shape::Pack(part, access) => {
                self.subject = part.subject(&self.path)?;
                if self.verb != Some(Verb::Post) {
                    return Err(Refusal::GitProtocol);
                }
                self.what = What::Git(access);
            }
            Shape::Dumb => return Err(Refusal::GitProtocol),
            Shape::Lfs(part, request) => {
                self.subject = part.subject(&self.path)?;
                self.what = What::Lfs(request.access(self.verb).ok_or(Refusal::Lfs)?);
            }
            Shape::LfsStore => match self.verb {
                Some(Verb::Get) => self.what = What::Lfs(Some(Access::Read)),
                _ => self.what = What::Lfs(Some(Access::Write)),
            },
            Shape::Stop(stop) => self.stop(stop)?,
            Shape::Other => {}
        }
        Ok(())
    }

    fn rest(&mut self, from: usize) {
        self.api = Some(from);
        self.what = What::Unknown;
        let Some(verb) = self.verb else {
            return;
        };
        let found = operation::find(verb, &self.path, from);
        let operation = found.map(|found| found.operation);
        if let Some(found) = &found {
            self.what = What::Operation(found.operation);
            self.subject = found.subject();
        }
        self.readings = operation::readings(verb, &self.path, from, operation);
        self.stops = self.path.readings();
        self.stops
            .iter_mut()
            .for_each(|path| *path = Path::of(path.segments().skip(from)));
    }

    /// The one operation that is asked for at the host of uploads.
    fn upload(&mut self, from: usize) {
        let asset = Operation::named("repos/upload-release-asset");
        let found = self
            .verb
            .and_then(|verb| operation::find(verb, &self.path, from));
        if let Some(found) = found.filter(|found| Some(found.operation) == asset) {
            self.what = What::Operation(found.operation);
            self.subject = found.subject();
            self.api = Some(from);
        }
    }

    /// Git itself sends exactly this one parameter; a second one, or another spelling, could be
    /// read otherwise by GHES.
    fn service(&self, query: Option<&str>) -> Result<Access, Refusal> {
        match (self.verb, query) {
            (Some(Verb::Get), Some("service=git-upload-pack")) => Ok(Access::Read),
            (Some(Verb::Get), Some("service=git-receive-pack")) => Ok(Access::Write),
            (Some(Verb::Get), _) => Err(Refusal::GitService),
            _ => Err(Refusal::GitProtocol),
        }
    }

    /// What is asked for.
    #[must_use]
    pub fn what(&self) -> What {
        self.what
    }

    /// Whom it is about.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The path, read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The REST operation, where it is one.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        match self.what {
            What::Operation(operation) => Some(operation),
            What::Unknown
            | What::Graphql(_)
            | What::Git(_)
            | What::Lfs(_)
            | What::Token
            | What::Page
            | What::Tool
            | What::Other => None,
        }
    }

    /// Whether it is asked of the API itself, and not where one of the API's redirects leads.
    #[must_use]
    pub fn is_at_the_api(&self) -> bool {
        self.api.is_some()
    }

    /// What it is called in the audit log: an operation's id, or a word such as `git:read`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.what {
            What::Operation(operation) => operation.id(),
            What::Unknown => "unknown",
            What::Graphql(None) => "graphql",
            What::Graphql(Some(Access::Read)) => "graphql:query",
            What::Graphql(Some(Access::Write)) => "graphql:mutation",
            What::Git(Access::Read) => "git:read",
            What::Git(Access::Write) => "git:write",
            What::Lfs(None) => "lfs",
            What::Lfs(Some(Access::Read)) => "lfs:read",
            What::Lfs(Some(Access::Write)) => "lfs:write",
            What::Token => "oauth",
            What::Page => "page",
            What::Tool | What::Other => "other",
        }
    }

    /// Whether it is a page for an employee's browser, which `browser = "redirect"` sends to the
    /// instance itself.
    #[must_use]
    pub fn is_page(&self) -> bool {
        self.never.is_none() && self.what == What::Page
    }

    /// The body that has to be read before this can be decided, given what it says by
    /// [`Asked::with_access`].
    #[must_use]
    pub fn wants(&self) -> Option<Wanted> {
        match self.what {
            What::Graphql(None) => Some(Wanted::Graphql),
            What::Lfs(None) => Some(Wanted::LfsBatch),
            What::Operation(_)
            | What::Unknown
            | What::Graphql(Some(_))
            | What::Git(_)
            | What::Lfs(Some(_))
            | What::Token
            | What::Page
            | What::Tool
            | What::Other => None,
        }
    }

    /// The same request, its body read: a query reads, a mutation or a subscription writes; a
    /// download reads, an upload writes. Changes nothing where no body was wanted.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        match self.wants() {
            Some(Wanted::Graphql) => self.what = What::Graphql(Some(access)),
            Some(Wanted::LfsBatch) => self.what = What::Lfs(Some(access)),
            None => {}
        }
        self
    }

    pub(super) fn verb(&self) -> Option<Verb> {
        self.verb
    }

    pub(super) fn never(&self) -> Option<Never> {
        self.never
    }

    pub(super) fn api(&self) -> Option<usize> {
        self.api
    }

    pub(super) fn stops(&self) -> &[Path] {
        &self.stops
    }

    pub(super) fn readings(&self) -> &[Operation] {
        &self.readings
    }
}

#[cfg(test)]
mod tests;
