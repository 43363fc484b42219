//! Asks a published service what a judgement needs to know: which repository an id is. Asked with
//! the very credentials of the request that is judged, within bounds of time and size.

use crate::publish::scope::{Ask, Silence};
use async_trait::async_trait;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use std::path::Path;
use std::time::Duration;
use url::Url;

/// From the question to the end of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const LARGEST: usize = 1 << 20;

/// Where a server's API is.
const API: &str = "/api/v3";

/// A way to ask one service.
#[derive(Debug, Clone)]
pub struct Inquiry {
    client: reqwest::Client,
    /// The root of its API, without a slash at the end.
    api: String,
}

impl Inquiry {
    /// A way to ask the GitHub Enterprise Server at `service`, by the proxy `via` where one is given.
    ///
    /// # Errors
    /// Where its authorities cannot be used.
    pub fn new(
        service: &Url,
        authorities: Option<&Path>,
        via: Option<&Url>,
    ) -> Result<Self, String> {
        let api = format!("{}{API}", service.as_str().trim_end_matches('/'));
        Self::at(api, authorities, via)
    }

    /// A way to ask the server whose API is at `api`, without a slash at the end.
    ///
    /// # Errors
    /// Where its authorities cannot be used.
    pub fn at(api: String, authorities: Option<&Path>, via: Option<&Url>) -> Result<Self, String> {
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("hubgate/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .pool_max_idle_per_host(4)
            .no_proxy();
        if let Some(proxy) = via {
            let proxy = reqwest::Proxy::all(proxy.clone());
            client = client.proxy(proxy.map_err(|fault| fault.to_string())?);
        }
        if let Some(path) = authorities {
            let pem = std::fs::read(path)
                .map_err(|fault| format!("cannot read `{}`: {fault}", path.display()))?;
            let found = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|fault| format!("cannot use `{}`: {fault}", path.display()))?;
            client = client.tls_certs_only(found);
        }
        Ok(Self {
            client: client.build().map_err(|fault| fault.to_string())?,
            api,
        })
    }

    /// Whether the server shows its pages to whoever comes, and so is not in private mode; none
    /// where it does not answer.
    pub async fn is_open(&self) -> Option<bool> {
        let page = self.api.strip_suffix(API).unwrap_or(&self.api);
        let answer = self.client.get(format!("{page}/")).send().await.ok()?;
        // In private mode every page leads to the one to sign in at.
        Some(answer.status().is_success())
    }

    /// The same for one request's credentials.
    #[must_use]
    pub fn with(&self, credentials: Option<&HeaderValue>) -> Question<'_> {
        let credentials = credentials.cloned().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Question {
            inquiry: self,
            credentials,
        }
    }
}

/// A question on behalf of one request.
#[derive(Debug)]
pub struct Question<'a> {
    inquiry: &'a Inquiry,
    credentials: Option<HeaderValue>,
}

#[async_trait]
impl Ask for Question<'_> {
    async fn get(&self, path: &str) -> Result<Option<Vec<u8>>, Silence> {
        let url = format!("{}{path}", self.inquiry.api);
        let mut request = self
            .inquiry
            .client
            .get(url)
            .header(ACCEPT, "application/vnd.github+json");
        if let Some(credentials) = &self.credentials {
            request = request.header(AUTHORIZATION, credentials);
        }
        let silent = |fault: reqwest::Error| {
            tracing::warn!("a published service was asked about a repository: {fault}");
            Silence
        };
        let mut answer = request.send().await.map_err(silent)?;
        let status = answer.status();
        if status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS {
            return Err(Silence);
        }
        if status != http::StatusCode::OK {
            return Ok(None);
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(silent)? {
            if body.len() + piece.len() > LARGEST {
                return Err(Silence);
            }
            body.extend_from_slice(&piece);
        }
        Ok(Some(body))
    }
}
