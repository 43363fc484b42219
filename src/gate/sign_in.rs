//! The OAuth token endpoint of a published GitHub some of whose Apps' people's tokens are held here:
//! asked by the gate itself, so that what GitHub gives is on disk before anybody hears of it.
//!
//! GitHub is never sent what came, but a question that is written anew from what was read of it:
//! whose token it is about is decided here, and GitHub cannot read another App there.

mod said;

use super::context::{Context, Outcome};
use super::next_piece;
use super::person::Holder;
use super::refuse::{Answer, Refusal};
use crate::apps::App;
use crate::broker;
use crate::github::client::{SignIn, SignedIn};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use pingora::proxy::Session;
use said::Said;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The longest question: honest ones have some hundred bytes.
const LONGEST: usize = 64 << 10;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Xml,
    Pairs,
}

/// Asks GitHub what was asked here, and answers with handles in place of tokens.
pub(super) async fn answer(
    session: &mut Session,
    context: &mut Context,
    holder: &Holder,
) -> Result<(Answer, Outcome), Refusal> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(piece) = next_piece(session).await? {
        context.note.bytes += piece.len() as u64;
        if body.len() + piece.len() > LONGEST {
            return Err(Refusal::DocumentTooLarge);
        }
        body.extend_from_slice(&piece);
    }
    let head = session.req_header();
    if head.method != Method::GET && head.method != Method::POST {
        return Err(Refusal::Method("GET, POST"));
    }
    let wanted = Form::of(&head.headers);
    let said = Said::read(&head.method, head.uri.query(), &head.headers, &body);
    let said = said.map_err(Refusal::SignIn)?;
    let (app, any) = find(holder, said.client_id()).await?;
    let body = said.write();
    let asked = SignIn {
        method: Method::POST,
        query: None,
        headers: headers(&head.headers, app.is_some()),
        body: body.as_bytes(),
    };
    let signed_in = any.client().sign_in(asked).await;
    let signed_in = signed_in.map_err(|fault| {
        tracing::warn!(request = %context.request, "nobody can sign in: {fault}");
        Refusal::ServiceUnavailable
    })?;
    let Some(app) = app else {
        return Ok(passed(signed_in));
    };
    context.note.app = Some(app.name().clone());
    let document = match signed_in.tokens() {
        Some((tokens, scope)) => {
            let handle = holder.people.take_in(&app, said.client(), tokens).await;
            let handle = handle.map_err(Refusal::User)?;
            json!({ "access_token": handle.as_str(), "scope": scope, "token_type": "bearer" })
        }
        None => refusal(&signed_in)?,
    };
    let status = signed_in.status;
    let document = document.as_object().cloned().unwrap_or_default();
    let answer = wanted.answer(status, &document);
    let reason = if document.contains_key("error") {
        "passed"
    } else {
        "signed_in"
    };
    Ok((answer, Outcome::allow(reason, status)))
}

/// The App that is signed in to, if its people's tokens are held; and one that can ask.
async fn find(holder: &Holder, id: &str) -> Result<(Option<Arc<App>>, Arc<App>), Refusal> {
    let apps = holder.apps();
    let any = apps.first().cloned().ok_or(Refusal::ServiceUnavailable)?;
    let mut unknown = None;
    let asked = apps.into_iter().map(|app| async move {
        let own = app.client_id().await;
        (app, own)
    });
    let mut asked: FuturesUnordered<_> = asked.collect();
    while let Some((app, own)) = asked.next().await {
        match own {
            Ok(Some(own)) if own.trim().eq_ignore_ascii_case(id) => return Ok((Some(app), any)),
            Ok(Some(_)) => {}
            Ok(None) => {
                tracing::error!(
                    app = %app.name(),
                    "GitHub does not say what this App is called in OAuth"
                );
                unknown.get_or_insert(Refusal::ServiceUnavailable);
            }
            Err(why) => {
                tracing::warn!(app = %app.name(), "its name in OAuth is not known: {why}");
                unknown = Some(Refusal::Broker(broker::Refusal::Unreachable));
            }
        }
    }
    // What is not known to be another App's must not pass: it could be a token that is held.
    if let Some(refusal) = unknown {
        return Err(refusal);
    }
    Ok((None, any))
}

/// The answer about an App whose people's tokens are not held here.
fn passed(signed_in: SignedIn) -> (Answer, Outcome) {
    let kind = signed_in.kind.as_ref().and_then(|kind| kind.to_str().ok());
    let mut answer = Answer::json(signed_in.status, String::new());
    answer.content_type = kind.map(Into::into);
    answer.body = signed_in.body.to_vec().into();
    answer.extra = Some((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    (answer, Outcome::allow("passed", signed_in.status))
}

/// GitHub's word on why there is no token, and nothing else of what it said.
fn refusal(signed_in: &SignedIn) -> Result<Value, Refusal> {
    const TOLD: [&str; 4] = ["error", "error_description", "error_uri", "interval"];
    let document: Option<Map<String, Value>> = serde_json::from_slice(&signed_in.body).ok();
    let document = document.ok_or(Refusal::ServiceUnavailable)?;
    let told = document
        .into_iter()
        .filter(|(name, _)| TOLD.contains(&name.as_str()));
    Ok(Value::Object(told.collect()))
}

/// What is said of the answer's form and of the question's.
fn headers(came: &HeaderMap, held: bool) -> HeaderMap {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
    let json = HeaderValue::from_static("application/json");
    let accept = if held { Some(&json) } else { came.get(ACCEPT) };
    headers.extend(accept.map(|accept| (ACCEPT, accept.clone())));
    headers
}

impl Form {
    /// As GitHub chooses it.
    fn of(headers: &HeaderMap) -> Self {
        let wanted = headers.get(ACCEPT).and_then(|kind| kind.to_str().ok());
        match wanted.unwrap_or_default() {
            wanted if wanted.contains("json") => Self::Json,
            wanted if wanted.contains("xml") => Self::Xml,
            _ => Self::Pairs,
        }
    }

    fn answer(self, status: StatusCode, document: &Map<String, Value>) -> Answer {
        let text = |value: &Value| {
            let text = value.as_str().map(str::to_owned);
            text.unwrap_or_else(|| value.to_string())
        };
        let (kind, body) = match self {
            Self::Json => {
                let whole = Value::Object(document.clone());
                ("application/json; charset=utf-8", whole.to_string())
            }
            Self::Pairs => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(document.iter().map(|(name, value)| (name, text(value))));
                (
                    "application/x-www-form-urlencoded; charset=utf-8",
                    form.finish(),
                )
            }
            Self::Xml => {
                let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<OAuth>".to_owned();
                for (name, value) in document {
                    let value = text(value).replace('&', "&amp;").replace('<', "&lt;");
                    // Writing to a `String` cannot fail.
                    write!(out, "<{name}>{value}</{name}>").unwrap_or_default();
                }
                out.push_str("</OAuth>\n");
                ("application/xml; charset=utf-8", out)
            }
        };
        let mut answer = Answer::json(status, body);
        answer.content_type = Some(kind.into());
        answer.extra = Some((CACHE_CONTROL, HeaderValue::from_static("no-store")));
        answer
    }
}
