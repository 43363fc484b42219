//! The evidence that a request may go to a service, and what it allows: to dial, to put heads into
//! the other side's words. There is no other way to a [`Permit`] than [`authorize`].

use super::context::{Context, Outcome};
use super::passage::Passage;
use super::refuse::{Answer, Refusal};
use super::service::{Place, Service};
use super::{Gate, Passed};
use crate::publish::asked::{self, Asked, Wanted, What};
use crate::publish::operation::{Access, Subject};
use crate::publish::profile::{Circumstances, Decision};
use crate::publish::rewrite::{Arrival, Body, Edit, Edits, Leak, Pending, Surface, request};
use crate::publish::{self, Browser, graphql, scope};
use crate::types::{Repository, RouteKey, Timestamp};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::uri::Uri;
use http::{Method, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::prelude::{Error, ErrorType, HttpPeer};
use pingora::proxy::Session;
use std::sync::Arc;

/// A request that may go on.
#[derive(Debug)]
pub(super) struct Permit {
    service: Arc<Service>,
    place: usize,
    surface: Surface,
    document: Option<Document>,
    /// The head, where a document is judged by it.
    head: Option<http::request::Parts>,
    circumstances: Circumstances,
    received: Timestamp,
    /// What the document told.
    told: Option<Told>,
    pending: Option<Pending>,
}

/// What is known of a request once its document was read, for audit.
#[derive(Debug)]
pub(super) struct Told {
    /// What was asked.
    pub(super) operation: &'static str,
    /// The rule that decided.
    pub(super) rule: Option<Box<str>>,
}

/// A document that has to be read before it passes.
#[derive(Debug, Clone)]
pub(super) enum Document {
    /// What GraphQL or an LFS batch asks for.
    Asked(Box<Asked>, Wanted),
    /// A body that may choose another repository.
    Scope(scope::Body),
}

/// Whether a request may go on, by its head; what only its body tells is judged when it is there.
///
/// The order is from cheap to dear, and what concerns everybody comes before what the route allows:
/// the header, the one reading of the path, what is never exposed, the browser's pages, the
/// profiles, the repositories.
pub(super) async fn authorize(
    gate: &Gate,
    session: &Session,
    context: &mut Context,
    service: &Arc<Service>,
    place: usize,
) -> Result<Passed, Refusal> {
    let head: &http::request::Parts = session.req_header();
    carries(service, &head.headers)?;
    let asked = read(service, place, head)?;
    context.note.operation = Some(asked.name().into());
    context.note.repository = repository(asked.subject());
    if service.browser == Browser::Redirect && asked.is_page() {
        return Ok(inside(service, place, head));
    }
    let circumstances = Circumstances {
        setup_open: service.memory.setup_until(&*gate.clock).is_some(),
    };
    let mut permit = Permit {
        service: service.clone(),
        place,
        surface: surface(&asked),
        document: None,
        pending: None,
        head: None,
        circumstances,
        received: context.received,
        told: None,
    };
    match asked.wants() {
        Some(wanted) => {
            if wanted == Wanted::Graphql {
                graphql::admit(head).map_err(refused_graphql)?;
            } else if head.headers.contains_key(http::header::CONTENT_ENCODING) {
                return Err(Refusal::DocumentEncoded);
            }
            permit.document = Some(Document::Asked(Box::new(asked), wanted));
        }
        None => {
            let decision = permit.decide(&asked);
            context.note.rule = rule(&decision);
            allowed(&decision)?;
            permit.document = permit.within(&asked, head).await?.map(Document::Scope);
            permit.learn(&asked);
        }
    }
    if permit.document.is_some() {
        permit.head = Some(session.req_header().as_owned_parts());
    }
    let seat = gate.flight.clone().board();
    Ok(Passed::On(Box::new(Passage::new(permit, seat))))
}

/// Whether the header that every request must carry is there, once, with its value. Compared in a
/// time that does not depend on where it differs.
fn carries(service: &Service, head: &HeaderMap) -> Result<(), Refusal> {
    let Some((name, secret)) = &service.required else {
        return Ok(());
    };
    let mut values = head.get_all(name).iter();
    let same = match (values.next(), values.next()) {
        (Some(value), None) => {
            aws_lc_rs::constant_time::verify_slices_are_equal(value.as_bytes(), secret.expose())
                .is_ok()
        }
        _ => false,
    };
    if same {
        Ok(())
    } else {
        Err(Refusal::Publish(publish::Refusal::Header))
    }
}

/// What is asked for, below the route's own path.
fn read(service: &Service, place: usize, head: &http::request::Parts) -> Result<Asked, Refusal> {
    let base = service
        .places
        .get(place)
        .map_or("", |place| place.pair.public.path());
    let path = head.uri.path();
    let below = path.strip_prefix(base).unwrap_or(path);
    let below = if below.is_empty() { "/" } else { below };
    Asked::read(
        head.method.as_str(),
        service.site(place),
        below,
        head.uri.query(),
    )
    .map_err(|refusal| Refusal::Publish(publish::Refusal::Asked(refusal)))
}

/// Sends a browser to where it can see the page itself. A form that is posted stays one.
fn inside(service: &Service, place: usize, head: &http::request::Parts) -> Passed {
    let status = if head.method == Method::GET || head.method == Method::HEAD {
        StatusCode::FOUND
    } else {
        StatusCode::TEMPORARY_REDIRECT
    };
    let pair = service.places.get(place).map(|place| &place.pair);
    let asked = head
        .uri
        .path_and_query()
        .map_or("/", |asked| asked.as_str());
    let to = pair.map_or_else(String::new, |pair| {
        let below = asked.strip_prefix(pair.public.path()).unwrap_or(asked);
        format!("{}{below}", pair.internal)
    });
    let mut answer = Answer::json(status, String::new());
    answer.content_type = None;
    answer.location = HeaderValue::try_from(to).ok();
    Passed::Answered(answer, Outcome::allow("redirected_inside", status))
}

const fn refused_graphql(refusal: graphql::Refusal) -> Refusal {
    Refusal::Publish(publish::Refusal::Graphql(refusal))
}

fn surface(asked: &Asked) -> Surface {
    match asked.what() {
        // Where a redirect of the API leads, bytes are served.
        What::Operation(_) if asked.path().segment(0) != "api" => Surface::Git,
        What::Operation(_) | What::Unknown | What::Graphql(_) | What::Token => Surface::Api,
        What::Git(_) => Surface::Git,
        What::Lfs(None) => Surface::Api,
        What::Lfs(Some(_)) => Surface::Git,
        What::Page | What::Tool | What::Other => Surface::Page,
    }
}

impl Permit {
    /// The route, for logs.
    pub(super) fn route(&self) -> &RouteKey {
        &self.service.key
    }

    /// What its document told.
    pub(super) const fn take_told(&mut self) -> Option<Told> {
        self.told.take()
    }

    /// What has to be read before it passes.
    pub(super) fn document(&self) -> Option<Document> {
        self.document.clone()
    }

    /// Whom to dial; `None` where there is nobody.
    pub(super) async fn peer(&self, attempt: usize) -> Option<HttpPeer> {
        self.place()?.upstream.peer(attempt).await
    }

    /// How many addresses there are to dial.
    pub(super) fn addresses(&self) -> usize {
        self.place().map_or(0, |place| place.upstream.choices())
    }

    /// Judges a document, which the service has not had yet.
    pub(super) async fn judge(
        &mut self,
        document: &Document,
        whole: &Bytes,
    ) -> Result<(), Refusal> {
        let Some(head) = self.head.take() else {
            return Err(Refusal::Malformed);
        };
        match document {
            Document::Asked(asked, Wanted::Graphql) => {
                let read = graphql::read(&head, whole).map_err(refused_graphql)?;
                let access = match read.kind {
                    graphql::Kind::Query => Access::Read,
                    graphql::Kind::Mutation => Access::Write,
                };
                let asked = asked.as_ref().clone().with_access(access);
                self.settle(&asked)?;
                self.ask(&head, |limit, known| limit.judge_graphql(&read, known))
                    .await?;
                self.learn(&asked);
            }
            Document::Asked(asked, Wanted::LfsBatch) => {
                let access =
                    asked::batch(whole).or(Err(Refusal::Publish(publish::Refusal::Batch)))?;
                let asked = asked.as_ref().clone().with_access(access);
                self.settle(&asked)?;
                self.within(&asked, &head).await?;
                self.learn(&asked);
            }
            Document::Scope(body) => {
                if let Some(limit) = &self.service.limit {
                    let judged = body.judge(limit, &head, whole);
                    judged.map_err(|why| Refusal::Publish(publish::Refusal::Scope(why)))?;
                }
            }
        }
        Ok(())
    }

    /// Decides what the body has told.
    fn settle(&mut self, asked: &Asked) -> Result<(), Refusal> {
        let decision = self.decide(asked);
        self.told = Some(Told {
            operation: asked.name(),
            rule: rule(&decision),
        });
        allowed(&decision)
    }

    /// Notes what passes, where it is learned what a profile would need.
    fn learn(&self, asked: &Asked) {
        if self.service.learn {
            self.service.memory.learned.note(asked, self.received);
        }
    }

    /// What the profiles say.
    fn decide(&self, asked: &Asked) -> Decision {
        self.service.policy.decide(asked, self.circumstances)
    }

    /// Whether it stays inside the repositories of the route; what is left to judge is its body.
    async fn within(
        &self,
        asked: &Asked,
        head: &http::request::Parts,
    ) -> Result<Option<scope::Body>, Refusal> {
        // A token is a credential, and no repository's; what it is used for is judged then.
        if asked.what() == What::Token {
            return Ok(None);
        }
        let targets = targets(asked);
        let basehead = basehead(asked);
        let request = scope::Request {
            operation: asked.operation().map(|operation| operation.id()),
            targets: &targets,
            crossings: scope::Crossings {
                basehead: basehead.as_deref(),
                query: head.uri.query(),
            },
        };
        let asked_by = self.ask(head, |limit, known| limit.judge(&request, known));
        match asked_by.await {
            // Git sends no credentials before it is asked for them.
            Err(Refusal::Publish(publish::Refusal::Scope(scope::Refusal::Outside)))
                if speaks_git(asked) && !head.headers.contains_key(AUTHORIZATION) =>
            {
                Err(Refusal::CredentialsRequired)
            }
            judged => judged,
        }
    }

    /// Judges by the limit, if there is one, asking the service what has to be known for it.
    async fn ask(
        &self,
        head: &http::request::Parts,
        judge: impl Fn(&scope::Limit, &scope::Directory) -> scope::Verdict + Send + Sync,
    ) -> Result<Option<scope::Body>, Refusal> {
        let (Some(limit), Some(inquiry)) = (&self.service.limit, &self.service.inquiry) else {
            return Ok(None);
        };
        let question = inquiry.with(head.headers.get(AUTHORIZATION));
        let directory = &self.service.memory.directory;
        scope::settle(directory, &question, |known| judge(limit, known))
            .await
            .map_err(|why| Refusal::Publish(publish::Refusal::Scope(why)))
    }

    fn place(&self) -> Option<&Place> {
        self.service.places.get(self.place)
    }

    /// Puts a request's head into the words of the inside.
    pub(super) fn inwards(
        &mut self,
        context: &Context,
        head: &mut RequestHeader,
    ) -> Result<(), Box<Error>> {
        let (Some(place), Some(connection)) = (
            self.service.places.get(self.place),
            context.connection.as_ref(),
        ) else {
            return Err(Error::explain(ErrorType::InternalError, "no connection"));
        };
        let arrival = Arrival {
            client: connection.client,
            // What the client wrote, even where a load balancer in front of the gate ends TLS.
            scheme: place.pair.public.origin().scheme(),
            authority: context.note.host.as_deref().unwrap_or_default(),
            pair: &place.pair,
            surface: self.surface,
            upgrade: self.service.websocket,
        };
        let change = request(&self.service.names, self.service.rewrite, &arrival, head);
        edit(head, &change.edits)?;
        if let Some((name, _)) = &self.service.required {
            head.remove_header(name);
        }
        head.insert_header("x-request-id", context.request.to_string())?;
        // Origin-form always: an authority in the target would take the place of Host.
        let asked = head.uri.path_and_query().cloned();
        if let Some(target) = change.target.or(asked) {
            head.set_uri(Uri::from(target));
        }
        self.pending = Some(change.pending);
        Ok(())
    }

    /// Puts an answer's head into the words of the outside.
    pub(super) fn outwards(&self, head: &mut ResponseHeader) -> Result<Body, Outwards> {
        let Some(pending) = &self.pending else {
            return Ok(Body::Pass);
        };
        let change = pending.response(head)?;
        edit_answer(head, &change.edits)?;
        // The words behind a status may be anything, and mean nothing.
        head.set_reason_phrase(None)?;
        Ok(change.body)
    }
}

/// Why an answer's head was not put into other words.
#[derive(Debug)]
pub(super) enum Outwards {
    /// It must not leave.
    Leak(Leak),
    /// It cannot be written.
    Head(Box<Error>),
}

impl From<Leak> for Outwards {
    fn from(leak: Leak) -> Self {
        Self::Leak(leak)
    }
}

impl From<Box<Error>> for Outwards {
    fn from(error: Box<Error>) -> Self {
        Self::Head(error)
    }
}

/// Pingora's heads keep the case of names, so that only they can change themselves.
fn edit(head: &mut RequestHeader, edits: &Edits) -> Result<(), Box<Error>> {
    for change in edits.iter() {
        match change {
            Edit::Remove(name) => drop(head.remove_header(name)),
            Edit::Set(name, value) => head.insert_header(name.clone(), value.clone())?,
            Edit::Append(name, value) => drop(head.append_header(name.clone(), value.clone())?),
        }
    }
    Ok(())
}

fn edit_answer(head: &mut ResponseHeader, edits: &Edits) -> Result<(), Box<Error>> {
    for change in edits.iter() {
        match change {
            Edit::Remove(name) => drop(head.remove_header(name)),
            Edit::Set(name, value) => head.insert_header(name.clone(), value.clone())?,
            Edit::Append(name, value) => drop(head.append_header(name.clone(), value.clone())?),
        }
    }
    Ok(())
}

fn allowed(decision: &Decision) -> Result<(), Refusal> {
    match decision {
        Decision::Allow(_) => Ok(()),
        Decision::Deny(reason, _) => Err(Refusal::Publish(publish::Refusal::Policy(*reason))),
    }
}

fn rule(decision: &Decision) -> Option<Box<str>> {
    decision.rule().map(|rule| rule.to_string().into())
}

fn speaks_git(asked: &Asked) -> bool {
    matches!(asked.what(), What::Git(_) | What::Lfs(_))
}

/// What a path names, as a limit to repositories looks at it.
fn targets(asked: &Asked) -> Vec<scope::Target> {
    let renames = if speaks_git(asked) {
        scope::Renames::Followed
    } else {
        scope::Renames::Redirected
    };
    let target = match asked.subject() {
        Subject::Repository { owner, name } => format!("{owner}/{name}")
            .parse()
            .ok()
            .map(|name| scope::Target::Repository(name, renames)),
        Subject::RepositoryId(id) => Some(scope::Target::RepositoryId(*id)),
        Subject::Organization(name) | Subject::Account(name) => {
            Some(scope::Target::Owner(name.clone()))
        }
        Subject::OrganizationId(id) | Subject::AccountId(id) => Some(scope::Target::OwnerId(*id)),
        Subject::Gist(_) | Subject::Unsaid => None,
    };
    target.into_iter().collect()
}

/// What stands behind `/compare/`.
fn basehead(asked: &Asked) -> Option<String> {
    let operation = asked.operation()?;
    if !operation.id().starts_with("repos/compare-commits") {
        return None;
    }
    let words = asked.path().segments();
    let behind: Vec<&str> = words
        .skip_while(|word| *word != "compare")
        .skip(1)
        .collect();
    Some(behind.join("/"))
}

/// The repository, for audit.
fn repository(subject: &Subject) -> Option<Repository> {
    match subject {
        Subject::Repository { owner, name } => format!("{owner}/{name}").parse().ok(),
        Subject::RepositoryId(_)
        | Subject::Organization(_)
        | Subject::OrganizationId(_)
        | Subject::Account(_)
        | Subject::AccountId(_)
        | Subject::Gist(_)
        | Subject::Unsaid => None,
    }
}
