//! What a request of ours shows GitHub: a JWT as the App itself, or an installation's token.

use crate::types::Secret;
use http::HeaderValue;

/// A signed App JWT. Whoever has it is the App until it ends, so that it is kept like a token.
#[derive(Debug, Clone)]
pub struct Jwt(Secret);

impl Jwt {
    /// Takes in `header.claims.signature`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Secret::new(text.into_bytes()))
    }

    /// The three parts, for the one place that sends them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// The App.
    App(&'a Jwt),
    /// One of its installations.
    Token(&'a Secret),
}

impl Credential<'_> {
    /// `Bearer …`, marked so that nothing prints it; none where it cannot stand in a header.
    pub(super) fn header(self) -> Option<HeaderValue> {
        let bytes = match self {
            Self::App(jwt) => jwt.expose(),
            Self::Token(token) => token.expose(),
        };
        let text = zeroize::Zeroizing::new([b"Bearer ", bytes].concat());
        let mut value = HeaderValue::from_bytes(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}
