//! Where GitHub sends its clients for bytes: at the server itself, or at one of the hosts of its own
//! that are known by name. There is no other place that the gate follows it to.

use super::upstream::Upstream;
use crate::publish::rewrite::Origin;
use http::uri::PathAndQuery;
use url::Url;

/// A host from which GitHub serves bytes.
#[derive(Debug)]
pub struct Store {
    /// Where it is.
    pub origin: Origin,
    /// Where that is dialled.
    pub upstream: Upstream,
}

/// All places from which a server's bytes come.
#[derive(Debug)]
pub struct Stores {
    /// The server itself.
    pub own: Origin,
    /// Its other hosts.
    pub others: Vec<Store>,
}

/// One of these places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    /// The server itself.
    Own,
    /// Another host of its own.
    Other(usize),
}

/// What is asked for at such a place. `Debug` does not show it: addresses in stores are signed, and
/// whoever has one has what is there.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) spot: Spot,
    pub(super) path: PathAndQuery,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({:?}, ..)", self.spot)
    }
}

impl Stores {
    /// What an address leads to, given where it was read; none where that is somebody else's.
    pub(super) fn target(&self, from: Spot, address: &str) -> Option<Target> {
        let base = self.origin(from)?.to_string();
        let url = Url::parse(&base).ok()?.join(address).ok()?;
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let path = url.query().map_or_else(
            || url.path().to_owned(),
            |query| format!("{}?{query}", url.path()),
        );
        Some(Target {
            spot: self.spot(&url)?,
            path: path.parse().ok()?,
        })
    }

    /// The origin of one of these places.
    pub(super) fn origin(&self, spot: Spot) -> Option<&Origin> {
        match spot {
            Spot::Own => Some(&self.own),
            Spot::Other(index) => self.others.get(index).map(|store| &store.origin),
        }
    }

    /// Where one of them is dialled; the server itself is dialled as ever.
    pub(super) fn upstream(&self, spot: Spot) -> Option<&Upstream> {
        match spot {
            Spot::Own => None,
            Spot::Other(index) => self.others.get(index).map(|store| &store.upstream),
        }
    }

    fn spot(&self, url: &Url) -> Option<Spot> {
        let is = |origin: &Origin| {
            origin.scheme().as_str() == url.scheme()
                && url.host_str() == Some(origin.host().as_str())
                && url.port_or_known_default() == Some(origin.port())
        };
        if is(&self.own) {
            return Some(Spot::Own);
        }
        let other = self.others.iter().position(|store| is(&store.origin));
        other.map(Spot::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::rewrite::Base;
    use crate::webhook::deliver::SystemResolver;
    use std::sync::Arc;
    use std::time::Duration;

    fn stores() -> Stores {
        let origin = |text: &str| text.parse::<Base>().unwrap().origin().clone();
        let other = |text: &str| {
            let url = text.parse().unwrap();
            let manners = (Duration::from_secs(1), false);
            let upstream = Upstream::new(&url, None, Arc::new(SystemResolver), manners);
            Store {
                origin: origin(text),
                upstream: upstream.unwrap(),
            }
        };
        Stores {
            own: origin("https://github.com"),
            others: vec![
                other("https://codeload.github.com"),
                other("https://objects.githubusercontent.com"),
            ],
        }
    }

    #[test]
    fn an_address_leads_to_the_server_to_one_of_its_stores_or_nowhere() {
        let stores = stores();
        let own = |path| Some((Spot::Own, path));
        let other = |index, path| Some((Spot::Other(index), path));
        for (address, expected) in [
            ("https://github.com/a/b?token=x", own("/a/b?token=x")),
            ("https://GitHub.com:443/a", own("/a")),
            ("/storage/lfs/7", own("/storage/lfs/7")),
            ("https://codeload.github.com/a/b", other(0, "/a/b")),
            (
                "https://objects.githubusercontent.com/x?s=1#f",
                other(1, "/x?s=1"),
            ),
            ("//codeload.github.com/a", other(0, "/a")),
            ("http://codeload.github.com/a", None),
            ("https://codeload.github.com:8443/a", None),
            ("https://codeload.github.com.evil.example/a", None),
            ("https://codeload.github.com@evil.example/a", None),
            ("https://me:secret@codeload.github.com/a", None),
            ("https://evil.example/codeload.github.com", None),
            ("https://169.254.169.254/latest/meta-data", None),
            ("file:///etc/passwd", None),
            ("https://", None),
        ] {
            let found = stores.target(Spot::Own, address);
            let found = found.map(|target| (target.spot, target.path.to_string()));
            let expected = expected.map(|(spot, path): (Spot, &str)| (spot, path.to_owned()));
            assert_eq!(found, expected, "{address}");
        }
        // A path alone is meant at the place where it was read.
        let next = stores.target(Spot::Other(1), "/y").unwrap();
        assert_eq!((next.spot, next.path.as_str()), (Spot::Other(1), "/y"));
        let shown = format!("{:?}", stores.target(Spot::Own, "/y?signature=secret"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
