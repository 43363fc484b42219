//! Which of GitHub's hooks lead to a route of this gateway, and with what their deliveries are
//! listed.

use super::{Unfinished, Wants, ended};
use crate::apps::{App, Refusal, Standing, Trouble};
use crate::github::client::{Hook, HookEntry};
use crate::github::{Allowed, Fault, Repositories, Scope};
use crate::types::{Host, Level, Owner, Permissions, Secret};
use url::Url;

/// A hook, the route that it leads to, and what its deliveries are listed with.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) hook: Hook,
    pub(super) wants: Wants,
    /// None: the App itself.
    pub(super) token: Option<Secret>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) found: Vec<Found>,
}

impl Places {
    /// Whether the hook with this number is among them.
    pub(super) fn has(&self, number: &str) -> bool {
        self.found.iter().any(|found| match &found.hook {
            Hook::App => false,
            Hook::Organization(_, id) | Hook::Repository(_, id) => id.to_string() == number,
        })
    }
}

/// Asks GitHub: the App's own hook always, those of organizations and repositories where it may.
pub(super) async fn find(app: &App, routes: &[Wants]) -> Result<Places, Unfinished> {
    if app.known().reconciled.is_none() {
        app.reconcile().await?;
    }
    let mut places = Places::default();
    let config = app.as_app(|jwt| async move { app.client().hook_config(&jwt).await });
    match config.await {
        Ok(config) => match config.url.as_deref().and_then(|url| route_of(url, routes)) {
            Some(wants) => places.found.push(Found {
                hook: Hook::App,
                wants: wants.clone(),
                token: None,
            }),
            None => tracing::info!(
                app = %app.name(),
                "the App's webhook leads to no `[[webhook]]` of this gateway"
            ),
        },
        // An App without a webhook.
        Err(Trouble::Github(Fault::NotFound)) => {}
        Err(trouble) => return Err(trouble.into()),
    }
    for (owner, standing) in app.known().standings {
        let Standing::Installed(installation) = standing else {
            continue;
        };
        let may = |kind: &str| installation.permissions.level(kind) >= Some(Level::Write);
        if may(ORGANIZATION) {
            organization(app, &owner, routes, &mut places).await?;
        }
        if may(REPOSITORY) {
            repositories(app, &owner, routes, &mut places).await?;
        }
    }
    Ok(places)
}

async fn organization(
    app: &App,
    owner: &Owner,
    routes: &[Wants],
    places: &mut Places,
) -> Result<(), Unfinished> {
    let Some(token) = token(app, owner, ORGANIZATION).await? else {
        return Ok(());
    };
    match app.client().organization_hooks(&token, owner).await {
        Ok(hooks) => add(places, &token, routes, hooks, |id| {
            Hook::Organization(owner.clone(), id)
        }),
        // A user has no such hooks.
        Err(Fault::NotFound) => ended(app, &token).await,
        Err(fault) => return Err(Trouble::from(fault).into()),
    }
    Ok(())
}

async fn repositories(
    app: &App,
    owner: &Owner,
    routes: &[Wants],
    places: &mut Places,
) -> Result<(), Unfinished> {
    let listed = match app.repositories(owner).await {
        Ok(listed) => listed,
        Err(why) => return told(app, owner, &why),
    };
    let Some(token) = token(app, owner, REPOSITORY).await? else {
        return Ok(());
    };
    if listed.len() > MOST_REPOSITORIES {
        tracing::warn!(
            app = %app.name(), %owner,
            "only the hooks of the first {MOST_REPOSITORIES} repositories are looked at; a hook of \
             the organization, or the App's own, has no such bound"
        );
    }
    for repository in listed.iter().take(MOST_REPOSITORIES) {
        match app
            .client()
            .repository_hooks(&token, &repository.name)
            .await
        {
            Ok(hooks) => add(places, &token, routes, hooks, |id| {
                Hook::Repository(repository.name.clone(), id)
            }),
            Err(Fault::NotFound) => {}
            Err(fault) => return Err(Trouble::from(fault).into()),
        }
    }
    Ok(())
}

fn add(
    places: &mut Places,
    token: &Secret,
    routes: &[Wants],
    hooks: Vec<HookEntry>,
    hook: impl Fn(u64) -> Hook,
) {
    for entry in hooks {
        if let Some(wants) = entry.url.as_deref().and_then(|url| route_of(url, routes)) {
            places.found.push(Found {
                hook: hook(entry.id),
                wants: wants.clone(),
                token: Some(token.clone()),
            });
        }
    }
}

/// A token that may do this alone; it outlasts what is known of hooks, and ends by itself.
async fn token(app: &App, owner: &Owner, kind: &str) -> Result<Option<Secret>, Unfinished> {
    let mut permissions = Permissions::none();
    if permissions.set(kind, Level::Write).is_err() {
        return Ok(None);
    }
    let scope = Scope {
        repositories: Repositories::All,
        permissions: Allowed::Only(permissions),
    };
    match app.mint(owner, &scope).await {
        Ok(minted) => Ok(Some(minted.token)),
        Err(why) => told(app, owner, &why).map(|()| None),
    }
}

/// One installation that does not work does not hold up the others.
fn told(app: &App, owner: &Owner, why: &Refusal) -> Result<(), Unfinished> {
    tracing::warn!(app = %app.name(), %owner, "the hooks there are not looked at: {why}");
    Ok(())
}

/// The route that an address leads to: that with the longest path that it begins with.
fn route_of<'a>(address: &str, routes: &'a [Wants]) -> Option<&'a Wants> {
    let url: Url = address.parse().ok()?;
    let host: Host = url.host_str()?.parse().ok()?;
    let path = url.path();
    let leads = |wants: &&Wants| {
        let prefix = wants.key.path().trim_end_matches('/');
        let rest = path.strip_prefix(prefix);
        wants.key.host() == host.as_str()
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let fitting = routes.iter().filter(leads);
    fitting.max_by_key(|wants| wants.key.path().len())
}

const ORGANIZATION: &str = "organization_hooks";
const REPOSITORY: &str = "repository_hooks";
/// One request for each, every half hour.
const MOST_REPOSITORIES: usize = 500;
