//! One GitHub host, asked within every bound: time, size, pages, redirects. What is asked is in
//! the siblings; what a failure means is in `fault`.

mod app;
mod delivery;
mod hook;
mod manifest;
mod page;
mod token;
mod user;

pub use app::{Installation, Registration, Suspension};
pub use delivery::{Delivery, Hook};
pub use hook::{HookChange, HookConfig, HookEntry};
pub use manifest::Created;
pub use page::{Cursor, Page};
pub use token::Listed;
pub use user::{Renewed, SignIn, SignedIn, UserTokens};

use super::{Credential, Fault, Site};
use crate::types::{Clock, Secret, Timestamp};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The authorities or the proxy of a host cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot set up the client of `[[github]]` `{site}`: {why}")]
pub struct Unusable {
    site: crate::types::Name,
    why: String,
}

/// A way to ask one GitHub host. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    site: Arc<Site>,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// A client of this host. Reads its authorities; opens no connection.
    ///
    /// # Errors
    /// Where the authorities or the proxy cannot be used.
    pub fn new(site: Arc<Site>, clock: Arc<dyn Clock>) -> Result<Self, Unusable> {
        let http = http_client(&site).map_err(|why| Unusable {
            site: site.name.clone(),
            why,
        })?;
        Ok(Self { http, site, clock })
    }

    /// The host.
    #[must_use]
    pub const fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Asks below the API's root and hands back what was answered, if that was a success.
    async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Fault> {
        let url = format!("{}{}", self.site.api(), ask.path);
        self.exchange(&url, &ask).await?.success(self.clock.now())
    }

    /// The same, following one redirect to the same host: a renamed repository's.
    async fn ask_through_a_rename(&self, ask: Ask<'_>) -> Result<Answer, Fault> {
        let url = format!("{}{}", self.site.api(), ask.path);
        let mut answer = self.exchange(&url, &ask).await?;
        if MOVED.contains(&answer.status) {
            let there = answer.location(&url);
            let there = there.ok_or(Fault::Unexpected(answer.status.as_u16()))?;
            answer = self.exchange(there.as_str(), &ask).await?;
        }
        answer.success(self.clock.now())
    }

    /// One request and its answer, whatever that is.
    async fn exchange(&self, url: &str, ask: &Ask<'_>) -> Result<Answer, Fault> {
        let mut request = self
            .http
            .request(ask.method.clone(), url)
            .header(ACCEPT, ask.accept);
        if let Some(credential) = ask.credential {
            let value = credential.header();
            // Nothing that GitHub gives out has characters that a header cannot have.
            let value = value.ok_or(Fault::Unauthorized { date: None })?;
            request = request.header(AUTHORIZATION, value);
        }
        if let Some((kind, body)) = &ask.body {
            request = request.header(CONTENT_TYPE, *kind).body(body.to_vec());
        }
        let mut response = request.send().await.map_err(Fault::of)?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(piece) = response.chunk().await.map_err(Fault::of)? {
            if body.len() + piece.len() > LARGEST {
                return Err(Fault::Unreadable("it is larger than 8 MiB"));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }
}

/// What is asked.
#[derive(Debug)]
struct Ask<'a> {
    method: Method,
    /// Path and query below the API's root.
    path: String,
    credential: Option<Credential<'a>>,
    accept: &'static str,
    body: Option<(&'static str, Zeroizing<Vec<u8>>)>,
}

impl<'a> Ask<'a> {
    fn new(method: Method, path: impl Into<String>, credential: Credential<'a>) -> Self {
        Self {
            method,
            path: path.into(),
            credential: Some(credential),
            accept: GITHUB_JSON,
            body: None,
        }
    }

    fn get(path: impl Into<String>, credential: Credential<'a>) -> Self {
        Self::new(Method::GET, path, credential)
    }

    fn json(mut self, body: &impl serde::Serialize) -> Result<Self, Fault> {
        let body = serde_json::to_vec(body).ok();
        let body = body.ok_or(Fault::Unreadable("what should be asked is no JSON"))?;
        self.body = Some(("application/json", Zeroizing::new(body)));
        Ok(self)
    }
}

/// What was answered. The body may hold a token or a key.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    fn success(self, now: Timestamp) -> Result<Self, Fault> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(Fault::answered(self.status, &self.headers, &self.body, now))
    }

    /// The body as what it should be. The parser's own words are not kept: they quote.
    fn read<T: DeserializeOwned>(&self, otherwise: &'static str) -> Result<T, Fault> {
        match serde_json::from_slice(&self.body) {
            Ok(value) => Ok(value),
            Err(_) => Err(Fault::Unreadable(otherwise)),
        }
    }

    /// Where it leads, if that is on the same host.
    fn location(&self, asked: &str) -> Option<url::Url> {
        let asked: url::Url = asked.parse().ok()?;
        let there = asked
            .join(self.headers.get(LOCATION)?.to_str().ok()?)
            .ok()?;
        (there.origin() == asked.origin()).then_some(there)
    }
}

fn http_client(site: &Site) -> Result<reqwest::Client, String> {
    let version = (VERSION_HEADER, HeaderValue::from_static(API_VERSION));
    let mut client = reqwest::Client::builder()
        .user_agent(concat!("hubgate/", env!("CARGO_PKG_VERSION")))
        .default_headers(HeaderMap::from_iter([version]))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .timeout(WHOLE)
        .pool_max_idle_per_host(IDLE)
        .no_proxy();
    if let Some(via) = &site.via {
        let proxy = reqwest::Proxy::all(via.clone()).map_err(|fault| fault.to_string())?;
        client = client.proxy(proxy);
    }
    if let Some(path) = &site.ca {
        let pem = std::fs::read(path)
            .map_err(|fault| format!("cannot read `{}`: {fault}", path.display()))?;
        let found = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|fault| format!("cannot use `{}`: {fault}", path.display()))?;
        client = client.tls_certs_only(found);
    }
    client.build().map_err(|fault| fault.to_string())
}

/// A moment as GitHub writes it.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let moment: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
    Ok(Timestamp::from_millis(moment.as_millisecond()))
}

fn some_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    struct Moment(#[serde(deserialize_with = "moment")] Timestamp);
    Ok(Option::<Moment>::deserialize(deserializer)?.map(|moment| moment.0))
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    Ok(Secret::new(String::deserialize(deserializer)?.into_bytes()))
}

fn some_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text
        .filter(|text| !text.is_empty())
        .map(|text| Secret::new(text.into_bytes())))
}

const GITHUB_JSON: &str = "application/vnd.github+json";
const VERSION_HEADER: http::HeaderName = http::HeaderName::from_static("x-github-api-version");
/// The version whose shapes are read here; older servers do not know the header and answer alike.
const API_VERSION: &str = "2022-11-28";
const MOVED: [StatusCode; 4] = [
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
];
/// A connection inside a network is there in milliseconds, one through a proxy in a second.
const CONNECT: Duration = Duration::from_secs(5);
/// Between two pieces of an answer.
const SILENCE: Duration = Duration::from_secs(10);
/// From the request to the end of the answer: GitHub itself gives up after ten seconds.
const WHOLE: Duration = Duration::from_secs(20);
/// A hundred repositories with all their fields are about 1 MiB.
const LARGEST: usize = 8 << 20;
const IDLE: usize = 8;

#[cfg(test)]
mod tests;
