//! A GitHub host: where its pages, its API and its uploads are.

use crate::types::Name;
use std::path::PathBuf;
use url::Url;

/// Which product it is; they put their APIs in different places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// `github.com`, or an enterprise with data residency at `SUB.ghe.com`: the API has a host of
    /// its own.
    Cloud,
    /// A GitHub Enterprise Server: the API is below `/api/v3`.
    Server,
}

/// Hosts from which github.com serves bytes.
const CLOUD: [&str; 9] = [
    "codeload.github.com",
    "github-cloud.githubusercontent.com",
    "github-cloud.s3.amazonaws.com",
    "github-releases.githubusercontent.com",
    "lfs.github.com",
    "media.githubusercontent.com",
    "objects.githubusercontent.com",
    "raw.githubusercontent.com",
    "release-assets.githubusercontent.com",
];
/// Parts of a server that serve bytes, where each has a host of its own.
const ISOLATED: [&str; 3] = ["codeload", "media", "raw"];

fn cloud() -> impl Iterator<Item = String> {
    CLOUD.iter().map(|host| format!("https://{host}"))
}

/// `[[github]]`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// What it is called here.
    pub name: Name,
    /// What it is.
    pub product: Product,
    /// Where its pages and its repositories are.
    pub web: Url,
    /// The authorities that its certificate may come from; none: the system's.
    pub ca: Option<PathBuf>,
    /// The proxy by which it is reached.
    pub via: Option<Url>,
}

impl Site {
    /// The root of its REST API, without a slash at the end.
    #[must_use]
    pub fn api(&self) -> String {
        match self.product {
            Product::Cloud => self.beside("api."),
            Product::Server => format!("{}/api/v3", self.root()),
        }
    }

    /// Where GraphQL is asked.
    #[must_use]
    pub fn graphql(&self) -> String {
        match self.product {
            Product::Cloud => format!("{}/graphql", self.beside("api.")),
            Product::Server => format!("{}/api/graphql", self.root()),
        }
    }

    /// The root of uploads, without a slash at the end.
    #[must_use]
    pub fn uploads(&self) -> String {
        match self.product {
            Product::Cloud => self.beside("uploads."),
            Product::Server => format!("{}/api/uploads", self.root()),
        }
    }

    /// Where pages and repositories are, without a slash at the end.
    #[must_use]
    pub fn root(&self) -> String {
        self.web.as_str().trim_end_matches('/').to_owned()
    }

    /// The hosts of its own beside that of its pages from which it serves bytes: archives, raw
    /// files, release assets, LFS objects. What its answers send a client to elsewhere is somebody
    /// else's.
    ///
    /// Sources: github.com's by "Self-hosted runners reference", a server's by "Enabling subdomain
    /// isolation", of `docs.github.com`.
    #[must_use]
    pub fn stores(&self) -> Vec<String> {
        // There is nothing below an address.
        let named = matches!(self.web.host(), Some(url::Host::Domain(_)));
        let isolated = ISOLATED
            .iter()
            .filter(|_| named)
            .map(|label| self.beside(&format!("{label}.")));
        match self.product {
            Product::Cloud if self.web.host_str() == Some("github.com") => cloud().collect(),
            Product::Cloud => isolated.chain(cloud()).collect(),
            Product::Server => isolated.collect(),
        }
    }

    /// The page on which an App is installed.
    #[must_use]
    pub fn install_page(&self, slug: &str) -> String {
        let kind = match self.product {
            Product::Cloud => "apps",
            Product::Server => "github-apps",
        };
        format!("{}/{kind}/{slug}/installations/new", self.root())
    }

    /// The page on which an App's owner changes it, makes keys and deletes it.
    #[must_use]
    pub fn settings_page(&self, slug: &str, organization: Option<&str>) -> String {
        let root = self.root();
        match organization {
            Some(owner) => format!("{root}/organizations/{owner}/settings/apps/{slug}"),
            None => format!("{root}/settings/apps/{slug}"),
        }
    }

    fn beside(&self, label: &str) -> String {
        let root = self.root();
        match root.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{label}{rest}"),
            None => root,
        }
    }
}
