//! From checked `[[caller]]`s, `[broker]` and `[[app]]`s to what callers are answered by.

use super::published::{self, Surroundings};
use crate::apps::people::People;
use crate::apps::{self, Apps};
use crate::broker::{
    Budget, Cache, Mint, Rates, Refusal, Roster, Tallies, Tickets, Tokens, oidc, token,
};
use crate::config::{Broker, Config};
use crate::edge::source::Directory;
use crate::gate::desk::{Desk, GrantReach, Installations, looking};
use crate::gate::route::Counts;
use crate::gate::{Route, Table, Way};
use crate::github::{Minted, Product, Repositories, Scope, Site};
use crate::publish::profile::Policy;
use crate::publish::scope::Limit;
use crate::publish::{self, Allow, Browser, Place, Rewrite, Service};
use crate::telemetry::Tasks;
use crate::telemetry::audit::{self, Audit, Record};
use crate::types::{Clock, Entropy, Name, Owner, RepositoryPattern, RouteKey, Secret};
use anyhow::Context as _;
use arc_swap::{ArcSwap, ArcSwapOption};
use async_trait::async_trait;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::Url;

/// How long a published GitHub may be silent, as with `[[publish]]`.
const SILENCE: Duration = Duration::from_mins(5);
/// How long revoking may take after a reload; what is left ends within the hour.
const REVOKING: Duration = Duration::from_secs(30);

/// What the broker has beyond a reload: tokens, issuers' keys, what is known of Apps, what is left
/// of GitHub's limits and of callers' rates, answers that are held.
#[derive(Debug)]
pub(super) struct Office {
    /// The Apps of the configuration that is in force.
    pub(super) apps: Arc<ArcSwap<Apps>>,
    /// What is given out.
    pub(super) tokens: Tokens,
    issuers: Arc<oidc::Issuers>,
    tickets: Arc<Tickets>,
    tallies: Tallies,
    people: OnceLock<People>,
    tasks: Tasks,
    keys: Arc<Keys>,
    budget: Arc<Budget>,
    /// The desk that is in force.
    desk: ArcSwapOption<Desk>,
}

/// Tells the Apps in force of deliveries.
#[derive(Debug)]
pub(super) struct Lookout(pub(super) Arc<ArcSwap<Apps>>);

impl crate::gate::Lookout for Lookout {
    fn observe(&self, event: &str, action: Option<&str>, payload: &[u8], secret: &Secret) {
        for app in self.0.load().observe(event, action, payload, secret) {
            tracing::info!(app = %app.name(), event, action, "an installation has changed");
        }
    }
}

/// Mints with the keys of the Apps in force, and tells the audit trail.
#[derive(Debug)]
struct Keys {
    apps: Arc<ArcSwap<Apps>>,
    audit: Audit,
    clock: Arc<dyn Clock>,
}

impl Office {
    /// An office whose Apps are those in force.
    pub(super) fn open(
        apps: Arc<ArcSwap<Apps>>,
        audit: &Audit,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        let keys = Arc::new(Keys {
            apps: apps.clone(),
            audit: audit.clone(),
            clock: clock.clone(),
        });
        let documents = Arc::new(Fetcher::new()?);
        let tickets = Tickets::new().context("the system has no random numbers")?;
        Ok(Self {
            tokens: Tokens::new(keys.clone(), clock.clone(), entropy.clone(), tasks.clone()),
            issuers: Arc::new(oidc::Issuers::new(documents, clock.clone())),
            budget: Arc::new(Budget::new(clock.clone())),
            desk: ArcSwapOption::empty(),
            tickets: Arc::new(tickets),
            tallies: Tallies::default(),
            people: OnceLock::new(),
            tasks: tasks.clone(),
            apps,
            keys,
        })
    }

    /// Who holds people's tokens, opened when an App first wants it; none where none does.
    pub(super) fn people(&self, config: &Config) -> Result<Option<People>, Vec<String>> {
        if !config.apps.iter().any(|app| app.user_tokens) {
            return Ok(None);
        }
        let place = apps::store::Place {
            directory: config.gateway.state_dir.join("users"),
            key: config.app_place.key.clone(),
        };
        if let Some(people) = self.people.get() {
            if *people.place() != place {
                tracing::error!(
                    open = ?people.place(), configured = ?place,
                    "people's tokens stay sealed with the key that they were opened with; after \
                     the next start those that the configured key does not open are not known, \
                     and these people sign in once more"
                );
            }
            return Ok(Some(people.clone()));
        }
        let keys = &self.keys;
        let opened = People::open(&place, &keys.audit, (&keys.clock, &self.tasks));
        let opened = opened.map_err(|fault| vec![fault.to_string()])?;
        Ok(Some(self.people.get_or_init(|| opened).clone()))
    }

    /// Whether people's tokens are sealed with another key than this configuration's.
    pub(super) fn is_sealed_otherwise(&self, config: &Config) -> bool {
        let open = self.people.get();
        open.is_some_and(|people| people.place().key != config.app_place.key)
    }

    /// The desk that is in force.
    pub(super) fn in_force(&self) -> Option<Arc<Desk>> {
        self.desk.load_full()
    }

    /// The desk of a configuration. What callers of the one that is in force have asked, they
    /// have asked.
    pub(super) fn desk(&self, config: &Config) -> Arc<Desk> {
        let callers = config.callers.iter().map(|granted| granted.caller.clone());
        let roster = Roster::new(callers.collect());
        let reaches = config.callers.iter().map(|granted| {
            let each = granted.caller.grants.iter().zip(&granted.policies);
            let reach = |(grant, policy): (&crate::broker::Grant, &Arc<Policy>)| GrantReach {
                limit: limit(grant),
                policy: policy.clone(),
            };
            each.map(reach).collect()
        });
        let each = roster.callers().iter();
        let each = each.map(|caller| (&caller.name, caller.rate));
        let before = self.desk.load();
        let bytes = config.broker.as_ref().map(|broker| broker.cache);
        let bytes = bytes.unwrap_or(Broker::CACHE).bytes();
        let kept = before.as_ref().and_then(|desk| desk.cache.as_ref());
        let kept = kept.filter(|cache| cache.bytes() == bytes).cloned();
        Arc::new(Desk {
            rates: match before.as_ref() {
                Some(before) => Rates::of(each, &before.rates),
                None => Rates::of(each, &Rates::default()),
            },
            budget: self.budget.clone(),
            cache: kept.or_else(|| Cache::new(bytes).map(Arc::new)),
            tallies: self
                .tallies
                .of(roster.callers().iter().map(|caller| &caller.name)),
            issuers: self.issuers.clone(),
            tokens: self.tokens.clone(),
            tickets: self.tickets.clone(),
            installations: self.keys.clone(),
            reaches: reaches.collect(),
            roster,
        })
    }

    /// Ends all that was given out, and what the gateway itself looks with.
    pub(super) async fn close(&self, within: Duration) {
        let apps = self.apps.load_full();
        let looked = futures_util::future::join_all(apps.iter().map(|app| app.close()));
        let looked = tokio::time::timeout(within, looked);
        let (_, looked) = tokio::join!(self.tokens.revoke_all(within), looked);
        if looked.is_err() {
            tracing::warn!(
                "not every token for looking could be revoked; they end within the hour"
            );
        }
    }

    /// Ends what was given out of Apps that were there before, and are gone or others now by the
    /// same name: at once, so that no token is shown to another host, and by what they were.
    pub(super) fn part_with(&self, before: &Apps) {
        let now = self.apps.load_full();
        let gone: Vec<Arc<apps::App>> = before.gone(&now).cloned().collect();
        let names = gone.iter().map(|app| app.name().clone()).collect();
        let ended = self.tokens.give_up(&names);
        let keys = self.keys.clone();
        self.tasks.spawn("token revocation", async move {
            let each = ended.iter().filter_map(|(name, held)| {
                let mut gone = gone.iter();
                let app = gone.find(|app| app.name() == name)?;
                Some(keys.revoke_by(app, &held.minted.token))
            });
            let looked = gone.iter().map(|app| app.close());
            let all = async {
                futures_util::future::join_all(each).await;
                futures_util::future::join_all(looked).await;
            };
            if tokio::time::timeout(REVOKING, all).await.is_err() {
                tracing::warn!("not every token of an App that is gone could be revoked");
            }
        });
    }

    /// From now on this desk is in force.
    pub(super) fn open_with(&self, desk: &Arc<Desk>) {
        self.desk.store(Some(desk.clone()));
    }

    /// The same after a reload: ends what was given out under grants that are gone.
    pub(super) fn settle(&self, desk: &Arc<Desk>, tasks: &Tasks) {
        self.open_with(desk);
        let mut grants: HashSet<_> = desk.roster.digests();
        let apps = self.apps.load();
        for caller in desk.roster.callers() {
            for grant in &caller.grants {
                if apps.app(&grant.app).is_some() {
                    grants.extend(looking(&grant.app, &grant.owner).map(|grant| grant.digest()));
                }
            }
        }
        let tokens = self.tokens.clone();
        tasks.spawn("token revocation", async move {
            tokens.retain(&grants, REVOKING).await;
        });
    }
}

fn limit(grant: &crate::broker::Grant) -> Limit {
    let patterns: Vec<RepositoryPattern> = match &grant.reach {
        crate::broker::Reach::All => format!("{}/*", grant.owner).parse().into_iter().collect(),
        crate::broker::Reach::Some(patterns) => patterns.clone(),
    };
    Limit::new(patterns.into_iter().collect())
}

/// The routes of the broker: GitHub as each App.
pub(super) fn routes(config: &Config) -> Vec<(publish::Route, Option<Api>)> {
    let Some(broker) = &config.broker else {
        return Vec::new();
    };
    let apps = config.apps.iter();
    apps.filter_map(|app| route(broker, &app.name, &app.site))
        .collect()
}

/// Where the API is, where it is not below the server's own address; and how many of a route's
/// places have names to be rewritten.
pub(super) type Api = (String, usize);

fn route(broker: &Broker, app: &Name, site: &Site) -> Option<(publish::Route, Option<Api>)> {
    let base = format!("{}/github/{app}", broker.url.as_str().trim_end_matches('/'));
    let place = |below: &str, internal: &str| {
        Some(Place {
            host: broker.host.clone(),
            public: format!("{base}{below}").parse::<Url>().ok()?,
            internal: internal.parse::<Url>().ok()?,
        })
    };
    let mut places = vec![place("", &site.root())?];
    let mut api = None;
    if site.product == Product::Cloud {
        places.push(place("/api/v3", &site.api())?);
        places.push(place("/api/uploads", &site.uploads())?);
        // GraphQL is asked beside `/api/v3`, and is at the same host as REST.
        api = Some((site.api(), places.len()));
        places.push(place("/api", &site.api())?);
    }
    let route = publish::Route {
        key: RouteKey::new(&broker.host, places.first()?.public.path()),
        places,
        ca: site.ca.clone(),
        from: broker.from.clone(),
        allow: Allow::Everything,
        policy: Arc::new(Policy::everything()),
        limit: None,
        service: Service::Github,
        rewrite: Rewrite::Github,
        learn: false,
        require_header: None,
        browser: Browser::Judge,
        timeout: SILENCE,
        websocket: false,
        app: Some(app.clone()),
    };
    Some((route, api))
}

/// Adds the broker to the table.
pub(super) fn publish(
    config: &Config,
    routes: &[(publish::Route, Option<Api>)],
    directory: &Directory,
    surroundings: &Surroundings<'_>,
    table: &mut Table,
) -> Result<(), String> {
    let Some(broker) = &config.broker else {
        return Ok(());
    };
    for (route, api) in routes {
        let surroundings = Surroundings {
            api: api.as_ref().map(|(api, named)| (api.as_str(), *named)),
            ..*surroundings
        };
        published::publish(route, directory, &surroundings, table)?;
    }
    let path = format!("{}/v1", broker.url.path().trim_end_matches('/'));
    let key = RouteKey::new(&broker.host, &path);
    let admission = directory.compile(&broker.from);
    let route = Route {
        admission: admission.map_err(|fault| fault.to_string())?,
        way: Way::Vend(surroundings.desk.clone(), path.as_str().into()),
        counts: Counts::of(&key),
        key,
    };
    table.add(broker.host.clone(), &path, Arc::new(route));
    Ok(())
}

#[async_trait]
impl Mint for Keys {
    async fn mint(&self, app: &Name, owner: &Owner, scope: &Scope) -> Result<Minted, Refusal> {
        let known = self.apps.load().app(app).cloned();
        let known = known.ok_or(Refusal::NotGranted)?;
        let mut minted = known.mint(owner, scope).await;
        // Its keys may have been changed while this was under way.
        if matches!(minted, Err(apps::Refusal::KeyRefused))
            && self.apps.load().has(&known)
            && let Some(now) = self.apps.load().app(app).cloned()
            && !Arc::ptr_eq(&now, &known)
        {
            minted = now.mint(owner, scope).await;
        }
        // A token of an App that is another one by now is not for whoever asked.
        if let Ok(found) = &minted
            && !self.apps.load().has(&known)
        {
            drop(self.revoke_by(&known, &found.token).await);
            minted = Err(apps::Refusal::NotGranted);
        }
        let told = minted.as_ref();
        let outcome = told.map_or_else(|why| refusal(why).code(), |_| "ok");
        if let Err(why) = told {
            tracing::warn!(%app, %owner, "no token: {why}");
        }
        let minted = minted.map_err(|why| refusal(&why));
        self.tell(app, Some(owner), "minted", outcome, minted.as_ref().ok())
            .await;
        minted
    }

    async fn revoke(&self, app: &Name, token: &Secret) -> Result<(), Refusal> {
        let known = self.apps.load().app(app).cloned();
        let Some(known) = known else {
            return Err(Refusal::NotGranted);
        };
        self.revoke_by(&known, token).await
    }
}

impl Keys {
    async fn revoke_by(&self, app: &apps::App, token: &Secret) -> Result<(), Refusal> {
        let revoked = app.revoke(token).await;
        let revoked = revoked.map_err(|fault| refusal(&apps::Refusal::from(fault)));
        let outcome = revoked.as_ref().map_or_else(Refusal::code, |()| "ok");
        let record = audit::Token {
            token: Some(token::hashed(token)),
            ..self.record(app.name(), None, "revoked", outcome)
        };
        self.audit.record(Record::Token(record)).await;
        revoked
    }

    async fn tell(
        &self,
        app: &Name,
        owner: Option<&Owner>,
        action: &'static str,
        outcome: &'static str,
        minted: Option<&Minted>,
    ) {
        let mut record = self.record(app, owner, action, outcome);
        if let Some(minted) = minted {
            record.token = Some(token::hashed(&minted.token));
            record.installation = Some(minted.installation.0);
            record.permissions = Some(minted.permissions.clone());
            record.repositories = Some(match &minted.repositories {
                Repositories::All => vec!["all".into()],
                Repositories::Named(names) => names.iter().cloned().collect(),
            });
            record.expires = Some(minted.expires);
        }
        self.audit.record(Record::Token(record)).await;
    }

    fn record(
        &self,
        app: &Name,
        owner: Option<&Owner>,
        action: &'static str,
        outcome: &'static str,
    ) -> audit::Token {
        audit::Token {
            time: self.clock.now(),
            action,
            app: app.clone(),
            owner: owner.map(ToString::to_string),
            installation: None,
            repositories: None,
            permissions: None,
            expires: None,
            token: None,
            outcome,
        }
    }
}

#[async_trait]
impl Installations for Keys {
    async fn repositories(&self, app: &Name, owner: &Owner) -> Result<Vec<String>, Refusal> {
        let known = self.apps.load().app(app).cloned();
        let known = known.ok_or(Refusal::NotGranted)?;
        let listed = known.repositories(owner).await;
        let listed = listed.map_err(|why| refusal(&why))?;
        let names = listed.iter().map(|listed| listed.name.name().to_owned());
        Ok(names.collect())
    }
}

/// What a caller is told of why an App gives no token.
fn refusal(why: &apps::Refusal) -> Refusal {
    match why {
        apps::Refusal::Suspended => Refusal::Suspended,
        apps::Refusal::NotInstalled { page } => Refusal::NotInstalled(page.clone()),
        apps::Refusal::NotGranted => Refusal::NotGranted,
        apps::Refusal::Unreachable { .. } => Refusal::Unreachable,
        apps::Refusal::TimedOut => Refusal::TimedOut,
        apps::Refusal::Limited { retry_after } => Refusal::Limited(*retry_after),
        apps::Refusal::KeyRefused | apps::Refusal::Signer(_) => Refusal::Key,
        apps::Refusal::IpNotAllowed { .. } => Refusal::Address,
        apps::Refusal::Wider | apps::Refusal::Unexpected { .. } => Refusal::Unexpected,
    }
}

/// Fetches the documents of OIDC issuers.
#[derive(Debug)]
struct Fetcher(reqwest::Client);

impl Fetcher {
    /// From the question to the end of the answer.
    const PATIENCE: Duration = Duration::from_secs(5);
    /// The longest document that is read; honest ones have under 20 KB.
    const LARGEST: usize = 1 << 20;

    fn new() -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("hubgate/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Self::PATIENCE);
        Ok(Self(client.build()?))
    }
}

#[async_trait]
impl oidc::Documents for Fetcher {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, oidc::Silence> {
        let silent = |fault: reqwest::Error| {
            tracing::warn!("a document of an OIDC issuer cannot be had: {fault}");
            oidc::Silence
        };
        let asked = self.0.get(url.clone()).send().await.map_err(silent)?;
        let mut answer = asked.error_for_status().map_err(silent)?;
        if answer.status() != http::StatusCode::OK {
            return Err(oidc::Silence);
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(silent)? {
            if body.len() + piece.len() > Self::LARGEST {
                return Err(oidc::Silence);
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}
