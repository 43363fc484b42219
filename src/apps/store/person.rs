//! What is stored of a person's tokens for an App.

use super::{Place, Store, StoreError};
use crate::types::{Name, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

/// A user-to-server token that is held here, and what renews it.
#[derive(Debug, Clone)]
pub struct Person {
    /// What the handle is known by: part of its digest.
    pub name: Name,
    /// The App.
    pub app: Name,
    /// Which App of which server that was; none where that was not written down.
    pub at: Option<Box<str>>,
    /// What the App is called in OAuth, and its secret: whoever signed the person in said them.
    pub client: (String, Secret),
    /// The token.
    pub access: Secret,
    /// When it ends; none: it does not.
    pub expires: Option<Timestamp>,
    /// What renews it, once.
    pub refresh: Option<Secret>,
    /// When that ends.
    pub refresh_expires: Option<Timestamp>,
    /// When GitHub gave it.
    pub since: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Text {
    app: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    client_id: String,
    client_secret: String,
    access: String,
    expires: Option<i64>,
    refresh: Option<String>,
    refresh_expires: Option<i64>,
    since: i64,
}

impl Drop for Text {
    fn drop(&mut self) {
        self.client_secret.zeroize();
        self.access.zeroize();
        self.refresh.zeroize();
    }
}

const PERSON: &str = "user";

impl Store {
    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The tokens of people; and why others cannot be had, whose files stay as they are.
    ///
    /// # Errors
    /// Where none of them can be read.
    pub fn people(&self) -> Result<(Vec<Person>, Vec<StoreError>), StoreError> {
        let (mut all, mut lost) = (Vec::new(), Vec::new());
        for (name, path) in self.names(PERSON)? {
            let text = self.unseal(&name, PERSON, &path);
            let read = text.and_then(|text| {
                let read = Person::read(name, &text);
                read.ok_or(StoreError::Odd(path))
            });
            match read {
                Ok(person) => all.push(person),
                Err(fault) => lost.push(fault),
            }
        }
        Ok((all, lost))
    }

    /// Keeps a person's tokens: when this returns they are on disk.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn put_person(&self, person: &Person) -> Result<(), StoreError> {
        self.seal(&person.name, PERSON, &person.write())
    }

    /// Forgets a person's tokens.
    ///
    /// # Errors
    /// Where they cannot be removed.
    pub fn forget_person(&self, name: &Name) -> Result<(), StoreError> {
        self.wipe(&self.path(name, PERSON))
    }
}

impl Person {
    fn write(&self) -> Zeroizing<Vec<u8>> {
        let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
        let written = Text {
            app: self.app.to_string(),
            at: self.at.as_deref().map(str::to_owned),
            client_id: self.client.0.clone(),
            client_secret: text(&self.client.1),
            access: text(&self.access),
            expires: self.expires.map(Timestamp::as_millis),
            refresh: self.refresh.as_ref().map(text),
            refresh_expires: self.refresh_expires.map(Timestamp::as_millis),
            since: self.since.as_millis(),
        };
        // Strings and numbers alone: that cannot fail.
        Zeroizing::new(serde_json::to_vec(&written).unwrap_or_default())
    }

    fn read(name: Name, bytes: &[u8]) -> Option<Self> {
        let found: Text = serde_json::from_slice(bytes).ok()?;
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        Some(Self {
            name,
            app: found.app.parse().ok()?,
            at: found.at.as_deref().map(Box::from),
            client: (found.client_id.clone(), secret(&found.client_secret)),
            access: secret(&found.access),
            expires: found.expires.map(Timestamp::from_millis),
            refresh: found.refresh.as_deref().map(secret),
            refresh_expires: found.refresh_expires.map(Timestamp::from_millis),
            since: Timestamp::from_millis(found.since),
        })
    }
}
