//! The OAuth token endpoint of a published GitHub some of whose Apps' people's tokens are held here:
//! asked by the gate itself, so that what GitHub gives is on disk before anybody hears of it.

use super::context::{Context, Outcome};
use super::next_piece;
use super::person::Holder;
use super::refuse::{Answer, Refusal};
use crate::apps::App;
use crate::broker;
use crate::github::client::{SignIn, SignedIn};
use crate::types::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use pingora::proxy::Session;
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
    let mut headers = head.headers.clone();
    let wanted = Form::of(&headers);
    let said = parameters(head.uri.query(), &headers, &body);
    let client = client(&headers, &said);
    let (app, any) = find(holder, &client.0).await?;
    if app.is_some() {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    }
    if head.method == Method::GET {
        headers.remove(CONTENT_TYPE);
    }
    let asked = SignIn {
        method: head.method.clone(),
        query: head.uri.query(),
        headers,
        body: &body,
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
            let handle = holder.people.take_in(&app, client, tokens).await;
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
    for app in apps {
        // What is not known to be another App's must not pass: it could be a token that is held.
        match app.client_id().await {
            Ok(Some(own)) if own == id => return Ok((Some(app), any)),
            Ok(Some(_)) => {}
            Ok(None) => {
                tracing::error!(
                    app = %app.name(),
                    "GitHub does not say what this App is called in OAuth; nobody can sign in"
                );
                return Err(Refusal::ServiceUnavailable);
            }
            Err(why) => {
                tracing::warn!(app = %app.name(), "nobody can sign in: {why}");
                return Err(Refusal::Broker(broker::Refusal::Unreachable));
            }
        }
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

/// What a question says: in its query, and in its body as a form or as JSON.
fn parameters(query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.contains("json")) {
        let document: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let texts = document
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        all.extend(texts);
    } else {
        all.extend(form_urlencoded::parse(body).into_owned());
    }
    let query = query.unwrap_or_default().as_bytes();
    all.extend(form_urlencoded::parse(query).into_owned());
    all
}

/// Which App is signed in to, and its secret: said as parameters, or by `Basic`.
fn client(headers: &HeaderMap, said: &[(String, String)]) -> (String, Secret) {
    let found = |name: &str| {
        let mut all = said.iter().filter(|(known, _)| known == name);
        all.next().map(|(_, value)| value.clone())
    };
    let basic = headers.get(AUTHORIZATION).and_then(|line| {
        let (scheme, rest) = line.to_str().ok()?.split_once(' ')?;
        let bytes = scheme
            .eq_ignore_ascii_case("basic")
            .then(|| STANDARD.decode(rest.trim()).ok())??;
        let (id, secret) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
        Some((id.to_owned(), secret.to_owned()))
    });
    let (id, secret) = basic.unwrap_or_default();
    let id = found("client_id").unwrap_or(id);
    let secret = found("client_secret").unwrap_or(secret);
    (id, Secret::new(secret.into_bytes()))
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
