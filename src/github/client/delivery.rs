//! What GitHub tried to deliver, and having it sent again.

use super::page::next;
use super::{Ask, Client, Cursor, Page, moment};
use crate::github::{Credential, Fault};
use crate::types::{Guid, Owner, Repository, Timestamp};
use http::Method;
use serde::Deserialize;

/// A hook whose deliveries GitHub lists. Those of a whole server and of an enterprise are not
/// among them: there is no such API.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hook {
    /// The App's own; asked for by the App itself.
    App,
    /// An organization's, by its number.
    Organization(Owner, u64),
    /// A repository's, by its number.
    Repository(Repository, u64),
}

/// One attempt to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number, which can pass 2^53.
    pub id: u64,
    /// The event's, which every attempt repeats.
    pub guid: Guid,
    /// When it was tried.
    pub at: Timestamp,
    /// Whether somebody had it sent again.
    pub again: bool,
    /// `OK`, or what went wrong in GitHub's words.
    pub status: String,
    /// What the receiver answered; 0 where it did not.
    pub status_code: u16,
    /// The event.
    pub event: String,
    /// Its action, where it has one.
    pub action: Option<String>,
    /// The repository that it is about, by number.
    pub repository: Option<u64>,
}

impl Delivery {
    /// Whether the receiver took it. GitHub's filter by status leaves out failures that were not
    /// HTTP, so that this is asked of each.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == "OK"
    }
}

impl Hook {
    fn path(&self) -> Option<String> {
        match self {
            Self::App => Some("/app/hook".to_owned()),
            Self::Organization(owner, id) => Some(format!("/orgs/{owner}/hooks/{id}")),
            Self::Repository(name, _) if matches!(name.name(), "." | "..") => None,
            Self::Repository(name, id) => Some(format!("/repos/{name}/hooks/{id}")),
        }
    }
}

impl Client {
    /// One page of what GitHub tried to deliver, newest first.
    ///
    /// # Errors
    /// Where GitHub does not say.
    pub async fn deliveries(
        &self,
        credential: Credential<'_>,
        hook: &Hook,
        from: Option<&Cursor>,
    ) -> Result<Page<Delivery>, Fault> {
        let root = hook.path().ok_or(Fault::NotFound)?;
        let cursor = from.map(|cursor| format!("&cursor={}", cursor.encoded()));
        let cursor = cursor.unwrap_or_default();
        let path = format!("{root}/deliveries?per_page={PER_PAGE}{cursor}");
        let answer = self.ask(Ask::get(path, credential)).await?;
        let page: Vec<Raw> = answer.read("deliveries should have come")?;
        let items = page.into_iter().map(Raw::checked).collect::<Option<_>>();
        Ok(Page {
            items: items.ok_or(Fault::Unreadable("a delivery has no GUID"))?,
            next: next(&answer.headers, "cursor"),
        })
    }

    /// Has a delivery sent again.
    ///
    /// # Errors
    /// Where GitHub does not take the request.
    pub async fn redeliver(
        &self,
        credential: Credential<'_>,
        hook: &Hook,
        id: u64,
    ) -> Result<(), Fault> {
        let root = hook.path().ok_or(Fault::NotFound)?;
        let path = format!("{root}/deliveries/{id}/attempts");
        self.ask(Ask::new(Method::POST, path, credential)).await?;
        Ok(())
    }
}

#[derive(Deserialize)]
struct Raw {
    id: u64,
    guid: String,
    #[serde(deserialize_with = "moment")]
    delivered_at: Timestamp,
    #[serde(default)]
    redelivery: bool,
    #[serde(default)]
    status: String,
    #[serde(default)]
    status_code: u16,
    event: String,
    action: Option<String>,
    repository_id: Option<u64>,
}

impl Raw {
    fn checked(self) -> Option<Delivery> {
        Some(Delivery {
            id: self.id,
            guid: self.guid.parse().ok()?,
            at: self.delivered_at,
            again: self.redelivery,
            status: self.status,
            status_code: self.status_code,
            event: self.event,
            action: self.action,
            repository: self.repository_id,
        })
    }
}

const PER_PAGE: u32 = 100;
