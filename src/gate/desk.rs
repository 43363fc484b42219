//! The broker as requests meet it: who asks, under which grant, and with which token a request of
//! theirs goes on. There is no other way to a [`Bearer`] than through here.

use super::ask::Inquiry;
use super::context::Context;
use super::store::Stores;
use crate::broker::{
    self, Budget, Cache, Caller, Credential, Demand, Draw, Extent, Grant, Held, Need, Purse, Rates,
    Refusal, Roster, Tally, Ticket, Tickets, Tokens, oidc,
};
use crate::github::{Allowed, Repositories, Scope};
use crate::publish::asked::{Asked, What};
use crate::publish::operation::Access;
use crate::publish::profile::Policy;
use crate::publish::scope::{self, Directory, Limit};
use crate::types::{Level, Name, Owner, Permissions, Repository, RouteKey, Secret};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::HeaderValue;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The header in which a caller says whose installation it means, where its grants leave that open.
pub(super) const OWNER: &str = "x-hubgate-owner";
/// For so long after it was made, a token may be refused by a part of GitHub that has not heard of
/// it yet.
pub(super) const YOUNG: Duration = Duration::from_secs(5);

/// What a token's installation has.
#[async_trait]
pub trait Installations: Send + Sync + fmt::Debug {
    /// The names of its repositories.
    async fn repositories(&self, app: &Name, owner: &Owner) -> Result<Vec<String>, Refusal>;
}

/// All that callers are judged by, and what they are given from.
#[derive(Debug)]
pub struct Desk {
    /// Who they are.
    pub roster: Roster,
    /// How often they may ask.
    pub rates: Rates,
    /// What they have asked, each at its place in the list.
    pub tallies: Vec<Arc<Tally>>,
    /// By whose tokens they may be known.
    pub issuers: Arc<oidc::Issuers>,
    /// What they are given.
    pub tokens: Tokens,
    /// How much may be asked of GitHub.
    pub budget: Arc<Budget>,
    /// Answers that GitHub may say are still so; none where none are held.
    pub cache: Option<Arc<Cache>>,
    /// What they are given where GitHub gives credentials for single objects.
    pub tickets: Arc<Tickets>,
    /// What installations have.
    pub installations: Arc<dyn Installations>,
    /// For each caller, for each of its grants.
    pub reaches: Vec<Vec<GrantReach>>,
}

/// What a grant lets through, beside its permissions.
#[derive(Debug)]
pub struct GrantReach {
    /// Which repositories.
    pub limit: Limit,
    /// Which operations.
    pub policy: Arc<Policy>,
}

/// The App that a service is used as.
#[derive(Debug)]
pub struct Brokered {
    /// The App.
    pub app: Name,
    /// Who gives its tokens out.
    pub desk: Arc<Desk>,
    /// Where the bytes come from that its answers lead to.
    pub stores: Stores,
}

/// A caller who is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Its place in the list.
    pub(super) index: usize,
    /// How many more requests it may make at once.
    pub(super) remaining: u32,
}

/// A caller who is known, and the grant that a request of theirs goes by.
#[derive(Debug)]
pub(super) struct Party {
    desk: Arc<Desk>,
    app: Name,
    caller: usize,
    grant: usize,
}

/// A token that a request goes on with.
#[derive(Debug)]
pub(super) struct Bearer {
    pub(super) need: Need,
    pub(super) held: Arc<Held>,
    basic: bool,
}

impl Desk {
    /// Whose request this is; counted against their rate.
    pub(super) async fn identify(
        &self,
        headers: &HeaderMap,
        context: &mut Context,
    ) -> Result<Known, Refusal> {
        let credential = Credential::of(headers);
        let connection = context.connection.as_ref();
        let names = connection.map_or(&[][..], |connection| &connection.names);
        let index = self
            .roster
            .identify(&credential, names, &self.issuers)
            .await?;
        let caller = self.roster.caller(index);
        context.note.caller = caller.map(|caller| caller.name.clone());
        let remaining = self.admit(index, context)?;
        Ok(Known { index, remaining })
    }

    /// Counts a request of a caller who is known; says how many more may come at once.
    fn admit(&self, caller: usize, context: &Context) -> Result<u32, Refusal> {
        let tally = self.tallies.get(caller);
        tally.inspect(|tally| tally.asked(context.received));
        let admitted = self.rates.admit(caller);
        if admitted.is_err() {
            tally.inspect(|tally| tally.limited());
        }
        admitted.map_err(Refusal::Rate)
    }

    /// Notes that a token was put into a caller's hands.
    pub(super) fn handed(&self, caller: usize) {
        self.tallies.get(caller).inspect(|tally| tally.handed());
    }

    /// The caller at this place.
    pub(super) fn caller(&self, index: usize) -> Option<&Caller> {
        self.roster.caller(index)
    }

    /// A token under a grant, for what a scope says or for all that fits the grant.
    pub(super) async fn token(
        &self,
        grant: &Grant,
        wanted: broker::Narrowed,
    ) -> Result<(Need, Arc<Held>), Refusal> {
        let scope = match wanted {
            broker::Narrowed::Scope(scope) => scope,
            broker::Narrowed::Matching(permissions) => Scope {
                repositories: self.matching(grant).await?,
                permissions,
            },
        };
        let need = Need {
            app: grant.app.clone(),
            owner: grant.owner.clone(),
            scope,
            grant: grant.digest(),
        };
        let held = self.tokens.take(&need).await?;
        Ok((need, held))
    }

    async fn matching(&self, grant: &Grant) -> Result<Repositories, Refusal> {
        let installed = self.installations.repositories(&grant.app, &grant.owner);
        let names = installed.await?;
        match grant.matching(names.iter().map(String::as_str)) {
            // None of them: what GitHub takes an empty list for is everything.
            Some(Repositories::Named(names)) if names.is_empty() => Err(Refusal::NotGranted),
            Some(repositories) => Ok(repositories),
            None => Err(Refusal::TooMany),
        }
    }
}

/// What a grant of the gateway's own says, by which it looks at what installations have: names and
/// numbers, and nothing that is in them.
pub fn looking(app: &Name, owner: &Owner) -> Option<Grant> {
    let mut permissions = Permissions::none();
    permissions.set("metadata", Level::Read).ok()?;
    Some(Grant {
        app: app.clone(),
        owner: owner.clone(),
        reach: broker::Reach::All,
        permissions: Allowed::Only(permissions),
        uses: broker::Uses {
            proxy: false,
            token: false,
        },
    })
}

impl Brokered {
    /// Chooses the grant of a caller that a request goes by: the first that lets it through.
    /// Answers the same whether there is no grant or nothing there.
    pub(super) async fn choose(
        &self,
        caller: usize,
        asked: &Asked,
        headers: &HeaderMap,
        request: &scope::Request<'_>,
        (inquiry, known): (&Inquiry, &Directory),
    ) -> Result<(Party, Option<scope::Body>), Refusal> {
        let candidates = self.candidates(caller, headers)?;
        // What a document names is known when GitHub has the head, and so the token, already.
        let open = matches!(asked.what(), What::Graphql(_)) || lists_own(asked);
        if open && candidates.len() > 1 {
            return Err(Refusal::Ambiguous);
        }
        for index in candidates {
            let Some((grant, reach)) = self.desk.grant(caller, index) else {
                continue;
            };
            let judged = if open {
                Ok(None)
            } else {
                self.judge(grant, &reach.limit, request, (inquiry, known))
                    .await
            };
            match judged {
                Ok(body) => {
                    let party = Party {
                        desk: self.desk.clone(),
                        app: self.app.clone(),
                        caller,
                        grant: index,
                    };
                    return Ok((party, body));
                }
                Err(Refusal::NotGranted) => {}
                Err(other) => return Err(other),
            }
        }
        Err(Refusal::NotGranted)
    }

    /// Who shows a ticket, by the grant that it was given under; counted against their rate.
    pub(super) fn resume(&self, ticket: &Ticket, context: &mut Context) -> Result<Party, Refusal> {
        let callers = self.desk.roster.callers().iter().enumerate();
        let mut named = callers.filter(|(_, caller)| caller.name.as_str() == ticket.caller);
        let (index, caller) = named.next().ok_or(Refusal::Caller)?;
        let fits = |grant: &Grant| {
            grant.app == self.app && grant.uses.proxy && grant.digest() == ticket.grant
        };
        let grant = caller.grants.iter().position(fits).ok_or(Refusal::Caller)?;
        context.note.caller = Some(caller.name.clone());
        self.desk.admit(index, context)?;
        Ok(Party {
            desk: self.desk.clone(),
            app: self.app.clone(),
            caller: index,
            grant,
        })
    }

    /// The caller's grants of this App that may be used so, of the owner that the request names.
    fn candidates(&self, caller: usize, headers: &HeaderMap) -> Result<Vec<usize>, Refusal> {
        let owner = match headers.get(OWNER) {
            None => None,
            Some(value) => {
                let owner = value
                    .to_str()
                    .ok()
                    .and_then(|text| text.parse::<Owner>().ok());
                Some(owner.ok_or(Refusal::NotGranted)?)
            }
        };
        let Some(caller) = self.desk.caller(caller) else {
            return Err(Refusal::Caller);
        };
        let fits = |grant: &Grant| {
            grant.app == self.app
                && grant.uses.proxy
                && owner.as_ref().is_none_or(|owner| *owner == grant.owner)
        };
        let each = caller.grants.iter().enumerate();
        let found: Vec<usize> = each
            .filter(|(_, grant)| fits(grant))
            .map(|(index, _)| index)
            .collect();
        if found.is_empty() {
            return Err(Refusal::NotGranted);
        }
        Ok(found)
    }

    async fn judge(
        &self,
        grant: &Grant,
        limit: &Limit,
        request: &scope::Request<'_>,
        (inquiry, known): (&Inquiry, &Directory),
    ) -> Result<Option<scope::Body>, Refusal> {
        // Most requests name what they are about, and nobody has to be asked.
        match limit.judge(request, known) {
            scope::Verdict::Inside => return Ok(None),
            scope::Verdict::Body(body) => return Ok(Some(body)),
            scope::Verdict::Outside(_) => return Err(Refusal::NotGranted),
            scope::Verdict::Unknown(_) => {}
        }
        let credentials = self.desk.credentials(&self.app, &grant.owner).await?;
        let question = inquiry.with(Some(&credentials));
        let judge = |known: &Directory| limit.judge(request, known);
        match scope::settle(known, &question, judge).await {
            Ok(body) => Ok(body),
            Err(scope::Refusal::Unresolved) => Err(Refusal::Unreachable),
            Err(_) => Err(Refusal::NotGranted),
        }
    }
}

/// An operation whose answer GitHub limits to what the token is for.
fn lists_own(asked: &Asked) -> bool {
    asked
        .operation()
        .is_some_and(|operation| operation.id() == "apps/list-repos-accessible-to-installation")
}

impl Desk {
    /// Credentials with which the gateway itself looks at an installation.
    async fn credentials(&self, app: &Name, owner: &Owner) -> Result<HeaderValue, Refusal> {
        let grant = looking(app, owner).ok_or(Refusal::NotGranted)?;
        let permissions = grant.permissions.clone();
        let wanted = broker::Narrowed::Scope(Scope {
            repositories: Repositories::All,
            permissions,
        });
        let (_, held) = self.token(&grant, wanted).await?;
        bearer(&held.minted.token, false).ok_or(Refusal::Unexpected)
    }

    fn grant(&self, caller: usize, grant: usize) -> Option<(&Grant, &GrantReach)> {
        let reach = self.reaches.get(caller)?.get(grant)?;
        let grant = self.caller(caller)?.grants.get(grant)?;
        Some((grant, reach))
    }
}

impl Party {
    /// What the grant lets through.
    pub(super) fn reach(&self) -> Option<&GrantReach> {
        self.desk
            .grant(self.caller, self.grant)
            .map(|(_, reach)| reach)
    }

    /// Credentials with which the gateway itself looks at the installation that it is about.
    pub(super) async fn credentials(&self) -> Result<HeaderValue, Refusal> {
        let (grant, _) = self
            .desk
            .grant(self.caller, self.grant)
            .ok_or(Refusal::NotGranted)?;
        self.desk.credentials(&self.app, &grant.owner).await
    }

    /// The token that the request goes on with: for the repository that it names, or for all of
    /// the grant where it names none; with no more than git needs, where it is git.
    pub(super) async fn bearer(
        &self,
        asked: &Asked,
        repository: Option<&Repository>,
    ) -> Result<Bearer, Refusal> {
        let (grant, _) = self
            .desk
            .grant(self.caller, self.grant)
            .ok_or(Refusal::NotGranted)?;
        let git = |access| match access {
            Access::Read => grant.for_git(Level::Read).ok_or(Refusal::NotGranted),
            Access::Write => grant.for_git(Level::Write).ok_or(Refusal::NotGranted),
        };
        let (basic, permissions) = match asked.what() {
            What::Git(access) | What::Lfs(Some(access)) => (true, git(access)?),
            // What a batch does is known when GitHub has the head already.
            What::Lfs(None) => (true, git(Access::Write).or_else(|_| git(Access::Read))?),
            What::Operation(_)
            | What::Unknown
            | What::Graphql(_)
            | What::Token
            | What::Page
            | What::Tool
            | What::Other => (false, grant.permissions.clone()),
        };
        let wanted = match repository {
            Some(repository) => broker::Narrowed::Scope(Scope {
                permissions,
                ..grant.scope_of(repository)
            }),
            None => match grant.extent() {
                Extent::Known(repositories) => broker::Narrowed::Scope(Scope {
                    repositories,
                    permissions,
                }),
                Extent::Matching => broker::Narrowed::Matching(permissions),
            },
        };
        let (need, held) = self.desk.token(grant, wanted).await?;
        Ok(Bearer { need, held, basic })
    }

    /// Lets the request go as far as GitHub's limits are concerned, once there is room for it.
    pub(super) async fn draw(
        &self,
        host: &str,
        bearer: &Bearer,
        demand: Demand,
    ) -> Result<Draw, Refusal> {
        let caller = self.desk.caller(self.caller).ok_or(Refusal::Caller)?;
        let purse = Purse {
            host,
            app: &bearer.need.app,
            owner: &bearer.need.owner,
            installation: bearer.held.minted.installation,
        };
        self.desk.budget.draw(&purse, &caller.name, demand).await
    }

    /// The answers that are held.
    pub(super) fn cache(&self) -> Option<&Arc<Cache>> {
        self.desk.cache.as_ref()
    }

    /// A ticket of this caller's, under this grant, for nothing yet.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        let (grant, _) = self.desk.grant(self.caller, self.grant)?;
        let caller = self.desk.caller(self.caller)?;
        Some(Ticket::empty(&caller.name, grant.digest()))
    }

    /// The `Authorization` by which a ticket is shown.
    pub(super) fn issue(&self, route: &RouteKey, ticket: &Ticket) -> Option<String> {
        self.desk.tickets.issue(route, ticket)
    }

    /// Another token in place of one that GitHub refused.
    pub(super) async fn replace(&self, refused: &Bearer) -> Result<Arc<Held>, Refusal> {
        self.desk.tokens.replace(&refused.need, &refused.held).await
    }

    /// How old a token is.
    pub(super) fn age(&self, held: &Held) -> Duration {
        self.desk.tokens.age(held)
    }
}

impl Bearer {
    /// The header that carries it, as git and as the API take it.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        bearer(&self.held.minted.token, self.basic)
    }
}

/// The header that carries a token, as git or as the API takes it.
pub(super) fn bearer(token: &Secret, basic: bool) -> Option<HeaderValue> {
    let mut line = zeroize::Zeroizing::new(Vec::new());
    if basic {
        let mut pair = zeroize::Zeroizing::new(b"x-access-token:".to_vec());
        pair.extend_from_slice(token.expose());
        line.extend_from_slice(b"Basic ");
        line.extend_from_slice(STANDARD.encode(pair.as_slice()).as_bytes());
    } else {
        line.extend_from_slice(b"Bearer ");
        line.extend_from_slice(token.expose());
    }
    let mut value = HeaderValue::from_bytes(&line).ok()?;
    value.set_sensitive(true);
    Some(value)
}
