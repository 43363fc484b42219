//! The broker's own questions: a token in the caller's hands, and who the caller is.

use super::context::{Context, Outcome};
use super::desk::Desk;
use super::next_piece;
use super::refuse::{Answer, Refusal};
use crate::broker::{self, Caller, Grant, Held, Narrowed, Reach, TokenRequest, narrowed};
use crate::github::{Allowed, Repositories};
use http::{Method, StatusCode};
use pingora::proxy::Session;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The longest request for a token: 500 names of 100 characters and what is around them.
const LONGEST: usize = 64 << 10;

/// Answers a question below `base`.
pub(super) async fn answer(
    session: &mut Session,
    context: &mut Context,
    desk: &Desk,
    base: &str,
) -> Result<(Answer, Outcome), Refusal> {
    let head = session.req_header();
    let path = head.uri.path();
    let below = path.strip_prefix(base).unwrap_or(path).to_owned();
    let method = head.method.clone();
    match below.as_str() {
        "/token" | "/whoami" => {}
        _ => return Err(Refusal::NoRoute),
    }
    let caller = desk.identify(&session.req_header().headers, context).await;
    let known = caller.map_err(Refusal::Broker)?;
    let caller = desk
        .caller(known.index)
        .ok_or(Refusal::Broker(broker::Refusal::Caller))?;
    match (below.as_str(), method) {
        ("/token", Method::POST) => {
            let handed = token(session, context, desk, caller).await?;
            desk.handed(known.index);
            Ok(handed)
        }
        ("/whoami", Method::GET | Method::HEAD) => {
            let said = whoami(desk, caller, known.remaining);
            let answer = Answer::json(StatusCode::OK, said.to_string());
            Ok((answer, Outcome::allow("whoami", StatusCode::OK)))
        }
        ("/token", _) => Err(Refusal::Method("POST")),
        _ => Err(Refusal::Method("GET, HEAD")),
    }
}

async fn token(
    session: &mut Session,
    context: &mut Context,
    desk: &Desk,
    caller: &Caller,
) -> Result<(Answer, Outcome), Refusal> {
    let mut body = Vec::new();
    while let Some(piece) = next_piece(session).await? {
        context.note.bytes += piece.len() as u64;
        if body.len() + piece.len() > LONGEST {
            return Err(Refusal::DocumentTooLarge);
        }
        body.extend_from_slice(&piece);
    }
    let request = TokenRequest::read(&body).map_err(Refusal::Broker)?;
    context.note.app = Some(request.app.clone());
    let (grant, wanted) = choose(caller, &request).map_err(Refusal::Broker)?;
    let (_, held) = desk.token(grant, wanted).await.map_err(Refusal::Broker)?;
    context.note.token = Some(held.hashed.clone());
    let document = document(&held)?;
    let status = StatusCode::CREATED;
    Ok((
        Answer::json(status, document.to_string()),
        Outcome::allow("token_issued", status),
    ))
}

/// The first of the caller's grants that has all of it.
fn choose<'a>(
    caller: &'a Caller,
    request: &TokenRequest,
) -> Result<(&'a Grant, Narrowed), broker::Refusal> {
    let mut refused = broker::Refusal::NotGranted;
    for grant in &caller.grants {
        if grant.app != request.app || grant.owner != request.owner || !grant.uses.token {
            continue;
        }
        match narrowed(grant, request) {
            Ok(wanted) => return Ok((grant, wanted)),
            Err(broker::Refusal::NotGranted) => {}
            Err(other) => refused = other,
        }
    }
    Err(refused)
}

fn document(held: &Held) -> Result<Value, Refusal> {
    let token = std::str::from_utf8(held.minted.token.expose());
    let token = token.or(Err(Refusal::Broker(broker::Refusal::Unexpected)))?;
    Ok(json!({
        "token": token,
        "expires_at": held.minted.expires,
        "permissions": held.minted.permissions,
        "repositories": repositories(&held.minted.repositories),
        "installation_id": held.minted.installation.0,
    }))
}

fn repositories(repositories: &Repositories) -> Value {
    match repositories {
        Repositories::All => json!("all"),
        Repositories::Named(names) => json!(names),
    }
}

fn whoami(desk: &Desk, caller: &Caller, remaining: u32) -> Value {
    let grants: Vec<Value> = caller.grants.iter().map(shown).collect();
    json!({
        "caller": caller.name,
        "rate": { "limit": caller.rate.to_string(), "remaining": remaining },
        "grants": grants,
        "quota": quota(desk, caller),
    })
}

/// What GitHub last said is left to the Apps of the caller's grants, shared by all who use them.
fn quota(desk: &Desk, caller: &Caller) -> Vec<Value> {
    let apps = caller.grants.iter().map(|grant| (&grant.app, &grant.owner));
    let apps: BTreeSet<_> = apps.collect();
    let each = apps.into_iter().flat_map(|(app, owner)| {
        let left = desk.budget.left(app, owner).into_iter();
        left.map(move |left| {
            json!({
                "app": app,
                "owner": owner.as_str(),
                "installation_id": left.installation.0,
                "resource": left.resource.as_str(),
                "limit": left.limit,
                "remaining": left.remaining,
                "resets_at": left.resets,
            })
        })
    });
    each.collect()
}

fn shown(grant: &Grant) -> Value {
    let names = |patterns: &Vec<crate::types::RepositoryPattern>| {
        let names = patterns.iter().map(crate::types::RepositoryPattern::name);
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let uses = [("proxy", grant.uses.proxy), ("token", grant.uses.token)];
    let uses: Vec<&str> = uses
        .iter()
        .filter(|(_, may)| *may)
        .map(|(word, _)| *word)
        .collect();
    json!({
        "app": grant.app,
        "owner": grant.owner.as_str(),
        "repositories": match &grant.reach {
            Reach::All => json!("all"),
            Reach::Some(patterns) => json!(names(patterns)),
        },
        "permissions": match &grant.permissions {
            Allowed::All => json!("all"),
            Allowed::Only(permissions) => json!(permissions),
        },
        "as": uses,
    })
}
