//! The head of an answer, from internal names to public ones, and what becomes of its body.
//!
//! No field may carry an internal name. Fields that hold references are read as such; in all the
//! others public names take the place of internal ones wherever they stand; a field in which one
//! can be read even then goes.

use super::edit::Edits;
use super::names::Names;
use super::reference::Place;
use super::request::Pending;
use super::{Mode, Scanner, Surface, cookie, forward, link, media, tag};
use http::StatusCode;
use http::header::{
    ACCEPT_RANGES, ALT_SVC, CONTENT_LENGTH, CONTENT_LOCATION, ETAG, HeaderName, HeaderValue, LINK,
    LOCATION, REFRESH, SET_COOKIE,
};
use http::response::Parts;
use std::sync::Arc;

/// What is to be done to an answer.
#[derive(Debug)]
pub struct Response {
    /// Changes of the head.
    pub edits: Edits,
    /// What becomes of the body.
    pub body: Body,
}

/// What becomes of a body.
#[derive(Debug)]
pub enum Body {
    /// It passes as it is.
    Pass,
    /// It goes through this. Its length is not known before its end: the edits take
    /// `Content-Length` out of the head, so that it is sent in chunks, or counted by who holds it.
    Rewrite(Scanner),
}

/// An answer that must not leave, since it would carry internal names or lead to another place.
/// It is answered with 502.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Leak {
    /// A redirect to none of the names.
    #[error(
        "the service sent `{name}: {value}`, which is in no pair of names; \
             an address of this route's `to` or `hosts` would be passed"
    )]
    Elsewhere {
        /// The field.
        name: HeaderName,
        /// What it said; for the log only.
        value: String,
    },
    /// A JSON document that cannot be read, although it was asked for plainly.
    #[error("the service sent JSON with a `Content-Encoding`; `identity` was asked for")]
    Encoded,
    /// A part of a JSON document.
    #[error("the service sent a part of a JSON document; only a whole one can be rewritten")]
    Partial,
    /// A page, which is full of internal addresses, to a program that did not ask for one.
    #[error("the service sent an HTML page with status {0}, as it does while it is ill")]
    Page(StatusCode),
    /// Another protocol, whose bytes nothing would look at.
    #[error("the service went over to another protocol, which it was not asked for")]
    Switched,
}

impl Leak {
    /// The stable word for it in refusals, metrics and audit.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Elsewhere { .. } => "upstream_redirect_elsewhere",
            Self::Encoded => "upstream_body_encoded",
            Self::Partial => "upstream_body_partial",
            Self::Page(_) => "upstream_page",
            Self::Switched => "upstream_switched",
        }
    }
}

/// Fields that tell of the very bytes of a body.
const OF_BYTES: [&str; 4] = ["content-digest", "content-md5", "digest", "repr-digest"];

impl Pending {
    /// What is to be done to the answer.
    ///
    /// # Errors
    /// Where the answer must not leave.
    pub fn response(&self, head: &Parts) -> Result<Response, Leak> {
        let mut edits = Edits::default();
        let switching = head.status == StatusCode::SWITCHING_PROTOCOLS;
        if switching && !self.upgrade {
            return Err(Leak::Switched);
        }
        forward::hop_by_hop(&head.headers, switching, &mut edits);
        let empty = self.head_only
            || head.status.is_informational()
            || matches!(
                head.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        if self.is_page(head) && !empty {
            return Err(Leak::Page(head.status));
        }
        let rewritten = self.rewritten(head, empty)?;
        for name in head.headers.keys() {
            self.field(name, rewritten, head, &mut edits)?;
        }
        Ok(Response {
            edits,
            body: if rewritten && !empty {
                Body::Rewrite(Scanner::new(Arc::clone(&self.names)))
            } else {
                Body::Pass
            },
        })
    }

    /// Whether it is a page that says to a person what went wrong. HTML that was asked for, such
    /// as rendered Markdown, is content.
    fn is_page(&self, head: &Parts) -> bool {
        let failed = head.status.is_client_error() || head.status.is_server_error();
        let program = self.mode == Mode::Github && self.surface != Surface::Page;
        failed && program && media::is_html(&head.headers)
    }

    /// Whether the body is, or would be, one that is rewritten.
    fn rewritten(&self, head: &Parts, empty: bool) -> Result<bool, Leak> {
        let file = media::is_attachment(&head.headers) || self.octets;
        if self.mode != Mode::Github
            || self.surface == Surface::Git
            || !media::is_json(&head.headers)
            || (head.status.is_success() && file)
            || head.status == StatusCode::NOT_MODIFIED
        {
            return Ok(false);
        }
        if head.status == StatusCode::PARTIAL_CONTENT {
            return Err(Leak::Partial);
        }
        if media::is_encoded(&head.headers) && !empty {
            return Err(Leak::Encoded);
        }
        Ok(true)
    }

    /// One field of the answer, with all its lines.
    fn field(
        &self,
        name: &HeaderName,
        rewritten: bool,
        head: &Parts,
        edits: &mut Edits,
    ) -> Result<(), Leak> {
        let of_body =
            *name == CONTENT_LENGTH || *name == ACCEPT_RANGES || OF_BYTES.contains(&name.as_str());
        let session = *name == SET_COOKIE && self.surface != Surface::Page;
        let telling = self.mode != Mode::None && self.names.lingers(name.as_str().as_bytes());
        if (rewritten && of_body) || session || telling || *name == ALT_SVC {
            edits.remove(name.clone());
            return Ok(());
        }
        // Most fields stay as they are, and cost no copy of their lines.
        let mut changed: Option<Vec<HeaderValue>> = None;
        let all = head.headers.get_all(name);
        for (at, line) in all.iter().enumerate() {
            let fate = self.line(name, line, rewritten, head)?;
            if matches!(fate, Fate::Stay) && changed.is_none() {
                continue;
            }
            let lines = changed.get_or_insert_with(|| all.iter().take(at).cloned().collect());
            match fate {
                Fate::Stay => lines.push(line.clone()),
                Fate::Become(new) => lines.push(new),
                Fate::Go => {}
            }
        }
        if let Some(lines) = changed {
            edits.lines(name, lines);
        }
        Ok(())
    }

    fn line(
        &self,
        name: &HeaderName,
        line: &HeaderValue,
        rewritten: bool,
        head: &Parts,
    ) -> Result<Fate, Leak> {
        if *name == ETAG {
            return Ok(self.tag(line, rewritten, head.status));
        }
        if self.mode == Mode::None {
            return Ok(Fate::Stay);
        }
        let fate = match line.to_str() {
            Ok(text) => self.reference(name, text)?,
            // A redirect with foreign letters in it is read differently by everyone.
            Err(_) if *name == LOCATION => return Err(elsewhere(name, &lossy(line))),
            Err(_) => Fate::Stay,
        };
        let current = match &fate {
            Fate::Stay => line.as_bytes(),
            Fate::Become(new) => new.as_bytes(),
            Fate::Go => return Ok(Fate::Go),
        };
        let swept = self.names.sweep(current);
        if self.names.lingers(swept.as_deref().unwrap_or(current)) {
            return if *name == LOCATION {
                Err(elsewhere(name, &lossy(line)))
            } else {
                Ok(Fate::Go)
            };
        }
        Ok(match swept.map(|text| HeaderValue::from_bytes(&text)) {
            Some(Ok(new)) => Fate::Become(new),
            Some(Err(_)) => Fate::Go,
            None => fate,
        })
    }

    /// Fields that hold references, or the places of cookies.
    fn reference(&self, name: &HeaderName, text: &str) -> Result<Fate, Leak> {
        let names: &Names = &self.names;
        let place = |text: &str| names.place(&self.pair, text);
        let inside = |text: &str| match place(text) {
            Place::Inside(changed) => Some(changed),
            Place::Same | Place::Elsewhere => None,
        };
        let new = if *name == LOCATION {
            match place(text) {
                Place::Same => None,
                Place::Inside(changed) => Some(changed),
                Place::Elsewhere => return Err(elsewhere(name, text)),
            }
        } else if *name == CONTENT_LOCATION {
            match place(text) {
                Place::Same => None,
                Place::Inside(changed) => Some(changed),
                Place::Elsewhere => return Ok(Fate::Go),
            }
        } else if *name == REFRESH {
            match link::refresh(text).map(|(before, to, after)| (before, place(to), after)) {
                None | Some((_, Place::Same, _)) => None,
                Some((before, Place::Inside(to), after)) => Some(format!("{before}{to}{after}")),
                Some((_, Place::Elsewhere, _)) => return Err(elsewhere(name, text)),
            }
        } else if *name == LINK {
            link::link(text, inside)
        } else if *name == SET_COOKIE {
            cookie::cookie(names, &self.pair, text)
        } else {
            None
        };
        Ok(match new.map(HeaderValue::try_from) {
            None => Fate::Stay,
            Some(Ok(new)) => Fate::Become(new),
            Some(Err(_)) => Fate::Go,
        })
    }

    /// The tag of a rewritten body, or of the one that the client has and may keep.
    fn tag(&self, line: &HeaderValue, rewritten: bool, status: StatusCode) -> Fate {
        let Ok(text) = line.to_str() else {
            return if rewritten { Fate::Go } else { Fate::Stay };
        };
        let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let kept = status == StatusCode::NOT_MODIFIED
            && self.held.iter().any(|held| bare(held) == bare(text));
        if !rewritten && !kept {
            return Fate::Stay;
        }
        let new = tag::mark(text, self.names.version()).map(HeaderValue::try_from);
        match new {
            Some(Ok(new)) => Fate::Become(new),
            Some(Err(_)) | None => Fate::Go,
        }
    }
}

/// A place that leads elsewhere, without what may be a secret in it: a query, a fragment, a
/// password.
fn elsewhere(name: &HeaderName, text: &str) -> Leak {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let (place, hidden) = text.split_at(end);
    let mut value = match place.split_once("//") {
        Some((scheme, rest)) => {
            let authority = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(authority);
            match authority.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}//…@{host}{path}"),
                None => place.to_owned(),
            }
        }
        None => place.to_owned(),
    };
    if !hidden.is_empty() {
        value.push_str("?…");
    }
    Leak::Elsewhere {
        name: name.clone(),
        value,
    }
}

fn lossy(line: &HeaderValue) -> String {
    String::from_utf8_lossy(line.as_bytes()).into_owned()
}

/// What becomes of a line.
enum Fate {
    Stay,
    Become(HeaderValue),
    Go,
}
