//! One conditional GET with every bound that it needs: time, size, redirects.

use crate::types::with_causes;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Why the document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The system gives no client: no certificates to trust, most likely.
    #[error("cannot set up an HTTPS client: {0}")]
    Client(String),
    /// It was not answered, or not to the end.
    #[error("cannot fetch `{url}`: {why}")]
    Unanswered {
        /// The document.
        url: String,
        /// The whole chain of causes.
        why: String,
    },
    /// It was answered with something else than the document.
    #[error("cannot fetch `{url}`: it answers {status}, expected 200 or 304")]
    Status {
        /// The document.
        url: String,
        /// What was answered.
        status: u16,
    },
    /// It is larger than such a document ever is.
    #[error("cannot fetch `{url}`: the answer is larger than 5 MiB")]
    TooLarge {
        /// The document.
        url: String,
    },
}

pub(super) enum Answer {
    /// 304.
    Unchanged,
    /// 200.
    Document { body: Vec<u8>, etag: Option<String> },
}

#[derive(Debug)]
pub(super) struct Fetcher {
    url: url::Url,
    /// Made when it is first needed: making one reads the system's certificates, and a gateway
    /// must start without them.
    client: OnceCell<reqwest::Client>,
}

impl Fetcher {
    pub(super) const fn new(url: url::Url) -> Self {
        Self {
            url,
            client: OnceCell::const_new(),
        }
    }

    /// Asks for the document, unless it is still the one with this `ETag`. Goes through the proxy
    /// that `HTTPS_PROXY` names, where it does.
    pub(super) async fn fetch(&self, etag: Option<&str>) -> Result<Answer, FetchError> {
        let unanswered = |failure: reqwest::Error| FetchError::Unanswered {
            url: self.url.to_string(),
            why: with_causes(&failure.without_url()),
        };
        let mut request = self.client().await?.get(self.url.clone());
        let etag = etag.and_then(|etag| http::HeaderValue::from_str(etag).ok());
        if let Some(etag) = etag.clone() {
            request = request.header(http::header::IF_NONE_MATCH, etag);
        }
        let mut response = request.send().await.map_err(unanswered)?;
        match response.status() {
            http::StatusCode::OK => {}
            // Without an ETag there is nothing that it could be unchanged from.
            http::StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Answer::Unchanged),
            status => {
                return Err(FetchError::Status {
                    url: self.url.to_string(),
                    status: status.as_u16(),
                });
            }
        }
        let etag = response
            .headers()
            .get(http::header::ETAG)
            .and_then(|etag| etag.to_str().ok())
            .filter(|etag| etag.len() <= LONGEST_ETAG)
            .map(ToOwned::to_owned);
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(unanswered)? {
            if body.len() + piece.len() > LARGEST {
                return Err(FetchError::TooLarge {
                    url: self.url.to_string(),
                });
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer::Document { body, etag })
    }

    async fn client(&self) -> Result<&reqwest::Client, FetchError> {
        self.client
            .get_or_try_init(|| async {
                reqwest::Client::builder()
                    .user_agent(concat!("hubgate/", env!("CARGO_PKG_VERSION")))
                    .default_headers(http::HeaderMap::from_iter([(
                        http::header::ACCEPT,
                        http::HeaderValue::from_static("application/json"),
                    )]))
                    .redirect(reqwest::redirect::Policy::custom(same_origin))
                    .timeout(LONGEST)
                    .pool_max_idle_per_host(0)
                    .build()
                    .map_err(|failure| FetchError::Client(with_causes(&failure)))
            })
            .await
    }
}

/// A redirect may lead to another path, never to another host or out of TLS.
fn same_origin(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    let asked = attempt.previous().first().map(url::Url::origin);
    if attempt.previous().len() > MOST_REDIRECTS {
        attempt.error("too many redirects")
    } else if asked.is_some_and(|origin| origin == attempt.url().origin()) {
        attempt.follow()
    } else {
        attempt.error("it redirects to another host")
    }
}

/// From the connection to the last byte.
const LONGEST: Duration = Duration::from_secs(10);
/// GitHub's document is under 1 MiB.
const LARGEST: usize = 5 << 20;
const LONGEST_ETAG: usize = 200;
const MOST_REDIRECTS: usize = 3;
