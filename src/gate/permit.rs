//! The evidence that a request may go to a service, and what it allows: to dial, to put heads into
//! the other side's words. There is no other way to a [`Permit`] than [`authorize`].

mod as_app;
mod detour;
mod held;
mod words;

pub(super) use as_app::Again;
pub(super) use held::Keeping;
pub(super) use words::{Outgoing, Outward, Outwards};

use super::context::{Context, Outcome};
use super::desk::{Bearer, Party};
use super::person::{Holder, Visitor};
use super::refuse::{Answer, Refusal};
use super::service::Service;
use super::subject::{About, gives_tokens, repository, speaks_git, surface};
use super::upstream::Upstream;
use crate::broker::Draw;
use crate::publish::asked::{self, Asked, Wanted, What};
use crate::publish::operation::Access;
use crate::publish::profile::{Circumstances, Decision};
use crate::publish::rewrite::{Pending, Surface};
use crate::publish::{self, Browser, graphql, scope};
use crate::types::{Clock, Repository, RouteKey, Timestamp};
use bytes::Bytes;
use detour::{Detour, Own};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use pingora::prelude::HttpPeer;
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
    /// Who asks as an App, and under which grant.
    party: Option<Party>,
    /// The App's token that the request goes on with.
    bearer: Option<Bearer>,
    /// How often GitHub refused a token.
    refused: u32,
    /// It comes again without a condition, and with the token that it had.
    plainly: bool,
    /// What it draws from GitHub's limits.
    draw: Option<Draw>,
    /// How an answer that is held may be served, or this one held.
    recall: held::Recall,
    /// The repository that it names.
    repository: Option<Repository>,
    /// Whether it is a GET or a HEAD.
    reads: bool,
    /// The store of GitHub's that it goes on to.
    detour: Option<Detour>,
    /// Whether what is answered tells of LFS objects, and of credentials for them.
    tells: bool,
    /// Who comes with a handle.
    visitor: Option<Visitor>,
    /// The digest of the person's token that it shows.
    person: Option<[u8; 32]>,
    /// What came of an answer that may hold a token, as far as it is looked at.
    watched: Option<Vec<u8>>,
}

/// What is known of a request once its document was read, for audit.
#[derive(Debug)]
pub(super) struct Told {
    /// What was asked.
    pub(super) operation: &'static str,
    /// The rule that decided.
    pub(super) rule: Option<Box<str>>,
}

/// What becomes of a request by its head.
#[derive(Debug)]
pub(super) enum Authorized {
    /// It may go on.
    On(Box<Permit>),
    /// It is answered here.
    Answered(Answer, Outcome),
    /// Somebody signs in, and the token is held here.
    SignIn(Arc<Holder>),
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
    clock: &dyn Clock,
    session: &Session,
    context: &mut Context,
    service: &Arc<Service>,
    place: usize,
) -> Result<Authorized, Refusal> {
    let head: &http::request::Parts = session.req_header();
    carries(service, &head.headers)?;
    let caller = match &service.brokered {
        None => None,
        Some(brokered) => {
            context.note.app = Some(brokered.app.clone());
            let tickets = &brokered.desk.tickets;
            if let Some(ticket) = tickets.shown(&service.key, &head.headers, clock.now()) {
                let way = (service, place);
                return detour::redeem(clock, session, context, way, (brokered, ticket)).await;
            }
            let known = brokered.desk.identify(&head.headers, context).await;
            Some(known.map_err(Refusal::Broker)?.index)
        }
    };
    let asked = read(service, place, head)?;
    context.note.operation = Some(asked.name().into());
    context.note.repository = repository(asked.subject());
    if service.browser == Browser::Redirect && asked.is_page() {
        return Ok(inside(service, place, head));
    }
    let mut permit = Permit::new(clock, context, (service, place), &asked, &head.method);
    permit.visit(context, head).await?;
    let entering = caller.map(|caller| (caller, About::of(&asked)));
    if let Some((caller, about)) = &entering {
        permit.enter(*caller, &asked, about, head).await?;
    }
    match asked.wants() {
        Some(wanted) => {
            if wanted == Wanted::Graphql {
                graphql::admit(head).map_err(refused_graphql)?;
            } else if head.headers.contains_key(http::header::CONTENT_ENCODING) {
                return Err(Refusal::DocumentEncoded);
            } else {
                // Whenever it is answered, before its body was judged too.
                permit.tells = permit.party.is_some();
            }
            permit.document = Some(Document::Asked(Box::new(asked.clone()), wanted));
        }
        None => {
            let decision = permit.decide(&asked);
            context.note.rule = rule(&decision);
            allowed(&decision)?;
            let body = permit.within(&asked, head).await?;
            permit.document = body.map(Document::Scope).or(permit.document);
            permit.learn(&asked);
            if let Some(holder) = service.holder.as_ref().filter(|_| gives_tokens(&asked)) {
                return Ok(Authorized::SignIn(holder.clone()));
            }
        }
    }
    if let Some((_, about)) = &entering {
        permit.fetch(context, &asked, about).await?;
        permit.draw(&asked, &head.method).await?;
    }
    if permit.document.is_some() {
        permit.head = Some(session.req_header().as_owned_parts());
    }
    Ok(Authorized::On(Box::new(permit)))
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
fn inside(service: &Service, place: usize, head: &http::request::Parts) -> Authorized {
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
    Authorized::Answered(answer, Outcome::allow("redirected_inside", status))
}

const fn refused_graphql(refusal: graphql::Refusal) -> Refusal {
    Refusal::Publish(publish::Refusal::Graphql(refusal))
}

impl Permit {
    fn new(
        clock: &dyn Clock,
        context: &Context,
        (service, place): (&Arc<Service>, usize),
        asked: &Asked,
        method: &Method,
    ) -> Self {
        let circumstances = Circumstances {
            setup_open: service.memory.setup_until(clock).is_some(),
        };
        Self {
            service: service.clone(),
            place,
            surface: surface(asked),
            document: None,
            pending: None,
            head: None,
            circumstances,
            received: context.received,
            told: None,
            party: None,
            bearer: None,
            refused: 0,
            repository: None,
            reads: method == Method::GET || method == Method::HEAD,
            detour: None,
            tells: false,
            visitor: None,
            person: None,
            watched: gives_tokens(asked).then(Vec::new),
            plainly: false,
            draw: None,
            recall: held::Recall::default(),
        }
    }

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
        self.upstream()?.peer(attempt).await
    }

    /// How many addresses there are to dial.
    pub(super) fn addresses(&self) -> usize {
        self.upstream().map_or(0, Upstream::choices)
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
                for limit in self.limits() {
                    self.ask(&head, |known| limit.judge_graphql(&read, known))
                        .await?;
                }
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
                for limit in self.limits() {
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

    /// What the profiles say: the route's, and the grant's where one is needed.
    fn decide(&self, asked: &Asked) -> Decision {
        let decision = self.service.policy.decide(asked, self.circumstances);
        match self.party.as_ref().and_then(Party::reach) {
            Some(reach) if decision.is_allowed() => {
                let granted = reach.policy.decide(asked, self.circumstances);
                // The rule that says less than "everything" is the one that tells something.
                match granted.rule().and_then(publish::profile::Rule::profile) {
                    None if granted.is_allowed() => decision,
                    _ => granted,
                }
            }
            _ => decision,
        }
    }

    /// The limits to repositories that it has to stay inside: the route's and the grant's.
    fn limits(&self) -> impl Iterator<Item = &scope::Limit> {
        let granted = self.party.as_ref().and_then(Party::reach);
        let granted = granted.map(|reach| &reach.limit);
        self.service.limit.iter().chain(granted)
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
        // What the grant says was judged when it was chosen.
        let Some(limit) = &self.service.limit else {
            return Ok(None);
        };
        let about = About::of(asked);
        let request = about.request(head.uri.query());
        let judged = self.ask(head, |known| limit.judge(&request, known));
        match judged.await {
            // Git sends no credentials before it is asked for them.
            Err(Refusal::Publish(publish::Refusal::Scope(scope::Refusal::Outside)))
                if speaks_git(asked) && !head.headers.contains_key(AUTHORIZATION) =>
            {
                Err(Refusal::CredentialsRequired)
            }
            judged => judged,
        }
    }

    /// Judges by a limit, asking the service what has to be known for it: with the credentials of
    /// the request, or with the App's where the request's own are the gateway's.
    async fn ask(
        &self,
        head: &http::request::Parts,
        judge: impl Fn(&scope::Directory) -> scope::Verdict + Send + Sync,
    ) -> Result<Option<scope::Body>, Refusal> {
        let Some(inquiry) = &self.service.inquiry else {
            return Err(Refusal::Publish(publish::Refusal::Scope(
                scope::Refusal::Unresolved,
            )));
        };
        let directory = &self.service.memory.directory;
        let known = match judge(directory) {
            scope::Verdict::Unknown(_) => None,
            known @ (scope::Verdict::Inside
            | scope::Verdict::Body(_)
            | scope::Verdict::Outside(_)) => Some(known),
        };
        let credentials = match (&known, &self.party) {
            (None, Some(party)) => Some(party.credentials().await.map_err(Refusal::Broker)?),
            (None, None) => match &self.visitor {
                Some(visitor) => visitor.header(),
                None => head.headers.get(AUTHORIZATION).cloned(),
            },
            (Some(_), _) => None,
        };
        let question = inquiry.with(credentials.as_ref());
        scope::settle(directory, &question, judge)
            .await
            .map_err(|why| Refusal::Publish(publish::Refusal::Scope(why)))
    }

    fn upstream(&self) -> Option<&Upstream> {
        let place = |place: usize| self.service.places.get(place).map(|place| &place.upstream);
        match self.store() {
            Some(Ok(store)) => Some(store),
            // The server itself is at the first of the places.
            Some(Err(Own)) => place(0),
            None => place(self.place),
        }
    }
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
