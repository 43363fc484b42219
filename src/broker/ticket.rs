//! Tickets: what a caller is given in place of what GitHub says of an object's place and of the
//! credentials for it. Nothing is kept of them here: a ticket holds it all, sealed with a key that
//! lives as long as the process, for one address of the gate's, for a while.

use super::grant::Digest;
use crate::apps::seal::Sealer;
use crate::types::{Name, RouteKey, Timestamp};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, HeaderMap};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use zeroize::{Zeroize as _, Zeroizing};

/// How long a ticket is good: it has to last until its object's turn comes, among the hundred of a
/// batch.
pub const LIFE: Duration = Duration::from_mins(30);
/// What a ticket begins with, so that a person and a secret scanner know it.
const PREFIX: &str = "hgt_";
/// How git-lfs is told to send it: the word that GitHub's own batches have.
const SCHEME: &str = "RemoteAuth";
/// The longest that is looked at: signed addresses have 1 to 3 KiB.
const LONGEST: usize = 24 << 10;
const PURPOSE: &str = "tickets";

/// What a ticket is for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Who was given it.
    pub caller: String,
    /// Under which grant: it ends with that.
    pub grant: Digest,
    /// The repository.
    pub repository: Option<String>,
    /// Where it may be shown: a path below the route.
    pub at: String,
    /// The method that may be asked with.
    pub method: String,
    /// The address of the object as GitHub gave it.
    pub address: String,
    /// What is sent there: credentials for it, and whatever else GitHub said.
    pub headers: Vec<(String, String)>,
    /// Whether GitHub wants the App's own token there.
    pub own_token: bool,
    /// Until when it is good, in milliseconds.
    pub until: i64,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket")
            .field("caller", &self.caller)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl Ticket {
    /// One that is for nothing yet.
    #[must_use]
    pub fn empty(caller: &Name, grant: Digest) -> Self {
        Self {
            caller: caller.to_string(),
            grant,
            repository: None,
            at: String::new(),
            method: String::new(),
            address: String::new(),
            headers: Vec::new(),
            own_token: false,
            until: 0,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.address.zeroize();
        for (_, value) in &mut self.headers {
            value.zeroize();
        }
    }
}

/// Makes tickets and reads them.
#[derive(Debug)]
pub struct Tickets(Sealer);

impl Tickets {
    /// With a key of its own; none where the system has no random numbers.
    #[must_use]
    pub fn new() -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        rand::fill(&mut *key).ok()?;
        Sealer::new(&*key, PURPOSE).map(Self)
    }

    /// The `Authorization` by which it is shown at this route.
    #[must_use]
    pub fn issue(&self, route: &RouteKey, ticket: &Ticket) -> Option<String> {
        let text = Zeroizing::new(serde_json::to_vec(ticket).ok()?);
        let sealed = self.0.seal(route.as_str(), &text)?;
        Some(format!(
            "{SCHEME} {PREFIX}{}",
            URL_SAFE_NO_PAD.encode(sealed)
        ))
    }

    /// The ticket that a request shows at this route; `Some(None)` for one that is no good here or
    /// any more, none where there is none.
    #[must_use]
    pub fn shown(
        &self,
        route: &RouteKey,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Option<Option<Ticket>> {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let line = match (lines.next(), lines.next()) {
            (Some(line), None) if line.len() <= LONGEST => line.to_str().ok()?,
            _ => return None,
        };
        let (scheme, rest) = line.split_once(' ')?;
        let text = rest.trim().strip_prefix(PREFIX)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let good = |ticket: &Ticket| now < Timestamp::from_millis(ticket.until);
        Some(self.read(route, text).filter(good))
    }

    fn read(&self, route: &RouteKey, text: &str) -> Option<Ticket> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let opened = self.0.open(route.as_str(), &sealed)?;
        serde_json::from_slice(&opened).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn route(path: &str) -> RouteKey {
        RouteKey::new(&"broker.example.com".parse().unwrap(), path)
    }

    fn ticket(until: i64) -> Ticket {
        Ticket {
            caller: "build-bot".to_owned(),
            grant: Digest::of_bytes([7; 32]),
            repository: Some("acme/web".to_owned()),
            at: "/storage/lfs/download/abc".to_owned(),
            method: "GET".to_owned(),
            address: "https://media.corp.internal/lfs/abc?token=secret".to_owned(),
            headers: vec![("Authorization".to_owned(), "RemoteAuth secret".to_owned())],
            own_token: false,
            until,
        }
    }

    fn headers(line: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(line).unwrap())])
    }

    #[test]
    fn a_ticket_is_good_at_its_route_until_it_ends_and_shows_nothing() {
        let tickets = Tickets::new().unwrap();
        let made = ticket(10_000);
        let line = tickets.issue(&route("/github/a"), &made).unwrap();
        let bytes = URL_SAFE_NO_PAD
            .decode(line.strip_prefix("RemoteAuth hgt_").unwrap())
            .unwrap();
        assert!(memchr::memmem::find(&bytes, b"secret").is_none());
        assert!(memchr::memmem::find(&bytes, b"corp.internal").is_none());
        assert!(!format!("{made:?}").contains("secret"));
        let at = |millis| Timestamp::from_millis(millis);
        let shown = |path: &str, now| tickets.shown(&route(path), &headers(&line), at(now));
        assert_eq!(shown("/github/a", 9_999), Some(Some(made)));
        assert_eq!(shown("/github/a", 10_000), Some(None));
        assert_eq!(shown("/github/b", 0), Some(None));
        let other = Tickets::new().unwrap();
        assert_eq!(
            other.shown(&route("/github/a"), &headers(&line), at(0)),
            Some(None)
        );
    }

    #[test]
    fn what_is_no_ticket_is_left_to_others() {
        let tickets = Tickets::new().unwrap();
        let now = Timestamp::from_millis(0);
        for line in ["Bearer hgk_abc", "RemoteAuth abc", "Bearer hgt_abc", "x"] {
            assert_eq!(
                tickets.shown(&route("/"), &headers(line), now),
                None,
                "{line}"
            );
        }
        assert_eq!(tickets.shown(&route("/"), &HeaderMap::new(), now), None);
        let broken = headers("RemoteAuth hgt_!!!");
        assert_eq!(tickets.shown(&route("/"), &broken, now), Some(None));
    }
}
