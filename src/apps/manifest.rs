//! The making of an App: what GitHub is to make, the page that takes a person there, and what
//! becomes of what GitHub hands back.

use super::key::Key;
use super::store::{Pending, Stage, Stored};
use crate::github::client::Created;
use crate::github::{Client, Fault, Site};
use crate::types::{EventName, Name, Owner, Permissions, Secret, Timestamp};
use std::fmt::Write as _;
use std::time::Duration;
use url::Url;

/// An App that is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What it is to be called here.
    pub name: Name,
    /// Whose it is to be; none: the one who goes to GitHub.
    pub organization: Option<Owner>,
    /// Its name for people; GitHub makes its name in addresses of it.
    pub title: String,
    /// What it is to be allowed.
    pub permissions: Permissions,
    /// Which events it is to get.
    pub events: Vec<EventName>,
    /// Where its deliveries are to be sent.
    pub webhook: Option<Url>,
    /// By which address a person's browser reaches this gateway, without a slash at the end.
    pub base: String,
}

/// Why an App could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmade {
    /// GitHub does not know the code: it was used, or is over an hour old.
    #[error(
        "GitHub does not know the code any more: it works once, and for an hour. If the App is there all the same, its key is lost: make one in the App's settings and name it in `[[app]]`, or delete the App there"
    )]
    Spent,
    /// GitHub cannot be asked; the code still works.
    #[error("{0}; nothing is lost: load this page again in a moment")]
    Again(Fault),
    /// GitHub may have made the App and told its keys to nobody.
    #[error(
        "{0}. If the App is there, its key is lost: make one in the App's settings and name it in `[[app]]`, or delete the App there"
    )]
    Lost(String),
}

impl Wanted {
    /// Begins it: `state` is what comes back with the code.
    #[must_use]
    pub fn begin(&self, site: &Site, state: &Secret, now: Timestamp) -> Pending {
        let shown = String::from_utf8_lossy(state.expose());
        let root = site.root();
        let post = match &self.organization {
            Some(owner) => format!("{root}/organizations/{owner}/settings/apps/new?state={shown}"),
            None => format!("{root}/settings/apps/new?state={shown}"),
        };
        Pending {
            name: self.name.clone(),
            github: site.name.clone(),
            post,
            manifest: self.manifest(site).to_string(),
            open: format!("{}{PAGES}{shown}", self.base),
            state: state.clone(),
            until: now.after(LASTING),
            stage: Stage::Waiting,
        }
    }

    fn manifest(&self, site: &Site) -> serde_json::Value {
        let events: Vec<&str> = self.events.iter().map(EventName::as_str).collect();
        let mut manifest = serde_json::json!({
            "name": self.title,
            "url": site.root(),
            "redirect_url": format!("{}{PAGES}callback", self.base),
            "public": false,
            "default_permissions": self.permissions,
            "default_events": events,
        });
        if let (Some(webhook), Some(map)) = (&self.webhook, manifest.as_object_mut()) {
            let hook = serde_json::json!({ "url": webhook.as_str(), "active": true });
            map.insert("hook_attributes".to_owned(), hook);
        }
        manifest
    }
}

/// A state that nobody can guess; none where the system gives no chance.
#[must_use]
pub fn fresh_state() -> Option<Secret> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    let mut text = String::with_capacity(64);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _done = write!(text, "{byte:02x}");
    }
    Some(Secret::new(text.into_bytes()))
}

impl Pending {
    /// Whether this is the state that it was begun with, told in constant time.
    #[must_use]
    pub fn is_of(&self, state: &str) -> bool {
        let own = self.state.expose();
        aws_lc_rs::constant_time::verify_slices_are_equal(own, state.as_bytes()).is_ok()
    }

    /// Whether it may still be finished.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.stage == Stage::Waiting && now < self.until
    }

    /// Has GitHub turn the code into an App. Its key is read before it is believed.
    ///
    /// # Errors
    /// Where there is no App now, or none whose keys we have.
    pub async fn convert(&self, client: &Client, code: &str) -> Result<Stored, Unmade> {
        let created = match client.convert(code).await {
            Ok(created) => created,
            Err(Fault::NotFound | Fault::Unprocessable { .. }) => return Err(Unmade::Spent),
            // Nothing was sent, or it was turned away.
            Err(
                fault @ (Fault::Limited { .. }
                | Fault::Unreachable { .. }
                | Fault::Unexpected(502 | 503)),
            ) => return Err(Unmade::Again(fault)),
            Err(fault) => return Err(Unmade::Lost(fault.to_string())),
        };
        if let Err(why) = Key::parse("what GitHub sent", &created.pem) {
            return Err(Unmade::Lost(why.to_string()));
        }
        Ok(self.stored(created))
    }

    fn stored(&self, created: Created) -> Stored {
        Stored {
            name: self.name.clone(),
            github: self.github.clone(),
            id: created.id,
            slug: created.slug,
            client_id: created.client_id,
            client_secret: created.client_secret,
            webhook_secret: created.webhook_secret,
            keys: vec![created.pem],
        }
    }

    /// The page that takes a person to GitHub.
    #[must_use]
    pub fn page(&self) -> String {
        let (post, manifest) = (escaped(&self.post), escaped(&self.manifest));
        let body = format!(
            "<p>GitHub will show what the App <b>{}</b> may do, and make it when you agree.</p>\n\
             <form method=\"post\" action=\"{post}\">\n\
             <input type=\"hidden\" name=\"manifest\" value=\"{manifest}\">\n\
             <button id=\"go\">Go on to GitHub</button>\n</form>",
            escaped(self.name.as_str())
        );
        page("Make a GitHub App", &body)
    }
}

/// The page after it was made.
#[must_use]
pub fn made_page(app: &Stored, install: &str) -> String {
    let body = format!(
        "<p>The App <b>{}</b> is made, and its key is here.</p>\n\
         <p><a id=\"install\" href=\"{}\">Install it</a> for the repositories that it is for.</p>",
        escaped(&app.slug),
        escaped(install)
    );
    page("The App is made", &body)
}

/// The page where it was not.
#[must_use]
pub fn unmade_page(why: &str) -> String {
    page("The App is not made", &format!("<p>{}.</p>", escaped(why)))
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <style>body{{font:16px sans-serif;max-width:40em;margin:4em auto;padding:0 1em}}</style>\
         </head>\n<body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
}

/// Where the pages are.
pub const PAGES: &str = "/setup/apps/";
/// As long as GitHub's code works.
const LASTING: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests;
