//! The configuration file, turned into each room's own types. No room below imports this one.
//!
//! `layers` reads the files, `document` makes each fit the shape in `file`, the sections' files
//! translate, `whole` judges what concerns several sections; `mistake` gathers all that is wrong.

mod acme;
mod app;
mod caller;
mod certificate;
mod document;
mod environment;
mod file;
mod gateway;
mod github;
mod key;
mod layers;
mod listen;
mod mistake;
mod mistakes;
mod pem;
mod profile;
mod publish;
mod restart;
mod schema;
mod secret;
mod source;
mod stored;
mod target;
mod translation;
mod url;
mod webhook;
mod whole;

pub use caller::{Broker, Granted};
pub use mistake::Mistake;
pub use mistakes::Mistakes;
pub use schema::schema;

use crate::types::Name;
use crate::{
    admin, apps, edge, github as hub, publish as service, spool, telemetry, webhook as hook,
};
use environment::Environment;
use layers::Layers;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use translation::{Taken, Translation};

/// Everything the file says, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[gateway]`.
    pub gateway: Gateway,
    /// `[[listen]]`.
    pub listeners: Vec<edge::Listener>,
    /// `[[certificate]]`.
    pub certificates: Vec<edge::certificate::Certificate>,
    /// `[[source]]`.
    pub sources: Vec<edge::source::Source>,
    /// `[[webhook]]`.
    pub webhooks: Vec<hook::Route>,
    /// `[[publish]]`.
    pub published: Vec<service::Route>,
    /// `[[profile]]`, beside those that are built in.
    pub profiles: service::profile::Profiles,
    /// `[[github]]`.
    pub sites: Vec<Arc<hub::Site>>,
    /// `[[app]]`, and the Apps that were made here.
    pub apps: Vec<apps::Settings>,
    /// Which of them were made here.
    pub made_here: Vec<Name>,
    /// Where those are kept.
    pub app_place: apps::store::Place,
    /// `[[caller]]`.
    pub callers: Vec<Granted>,
    /// `[broker]`.
    pub broker: Option<Broker>,
    /// `[spool]`.
    pub spool: spool::Settings,
    /// `[admin]`.
    pub admin: admin::Settings,
    /// `[log]`.
    pub log: telemetry::log::Settings,
    /// `[audit]`.
    pub audit: telemetry::audit::Settings,
    /// What is right but perhaps not meant, in words, with the key's path.
    pub warnings: Vec<String>,
}

/// `[gateway]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Where the spool and learned things are kept.
    pub state_dir: PathBuf,
    /// Threads that serve requests; 0: one per core.
    pub workers: usize,
    /// How long running requests may finish at a stop.
    pub drain: Duration,
    /// Where the process listens that holds keys of Apps, where one does.
    pub signer: Option<PathBuf>,
}

/// Under which names a service manager handed sockets over, as `sd_listen_fds(3)` says it.
#[must_use]
pub fn socket_names() -> String {
    let environment = Environment::of_process();
    environment
        .value("LISTEN_FDNAMES")
        .unwrap_or_default()
        .to_owned()
}

impl Config {
    /// Reads `path`, the files `conf.d/*.toml` beside it and the environment. Touches no network.
    ///
    /// # Errors
    /// All that is wrong with them, at once.
    pub fn load(path: &Path) -> Result<Self, Mistakes> {
        Self::load_with(path, &Environment::of_process(), None)
    }

    /// With another state directory than the one that it names.
    fn load_with(
        path: &Path,
        environment: &Environment,
        state_dir: Option<&Path>,
    ) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let secrets = environment.secrets_directory();
        match Layers::read(path, environment, &mut mistakes) {
            Ok(layers) => Self::translate(&layers, environment, (secrets, state_dir), mistakes),
            Err(()) => Err(mistakes.in_order()),
        }
    }

    /// Reads one text as if it were a file in `base`, where its secret files are looked for too.
    /// No other file is layered over it, and no setting of the environment.
    ///
    /// # Errors
    /// All that is wrong with it, at once.
    pub fn from_text(text: &str, base: &Path) -> Result<Self, Mistakes> {
        let environment = Environment::of_process();
        let mut mistakes = Mistakes::default();
        match Layers::of_text(text, base, &mut mistakes) {
            Ok(layers) => Self::translate(&layers, &environment, (base.to_owned(), None), mistakes),
            Err(()) => Err(mistakes.in_order()),
        }
    }

    fn translate(
        layers: &Layers,
        environment: &Environment,
        (secrets, state_dir): (PathBuf, Option<&Path>),
        mistakes: Mistakes,
    ) -> Result<Self, Mistakes> {
        let mut translation = Translation {
            mistakes,
            warnings: Vec::new(),
            environment,
            secrets,
            policies: Vec::new(),
        };
        let mut gateway = translation.gateway(layers);
        if let Some(state_dir) = state_dir {
            state_dir.clone_into(&mut gateway.state_dir);
        }
        let listeners = translation.listeners(layers);
        let certificates = translation.certificate_list(layers, &gateway.state_dir);
        let mut sources = translation.source_list(layers);
        let mut taken = Taken::default();
        let sites = translation.sites(layers);
        let mut apps = translation.apps(layers, &sites, gateway.signer.as_deref());
        let app_place = translation.app_place(&gateway.state_dir);
        let made_here = translation.stored_apps(layers, &app_place, &sites, &mut apps);
        let routes = translation.webhooks(layers, &apps, &mut sources, &mut taken);
        let profiles = translation.profiles(layers);
        let published = translation.published(layers, &mut sources, profiles.as_ref(), &mut taken);
        let (broker_url, broker) = translation.broker(layers, &mut sources, &mut taken);
        let callers = translation.callers(layers, &made_here, profiles.as_ref());
        translation.judge_apps(layers, &made_here, &published, &apps);
        translation.judge_proxies(layers, broker.is_some(), &published, &apps);
        let spool = translation.spool(layers, &gateway.state_dir);
        let admin = translation.admin(layers);
        let audit = translation.audit(layers);
        let log = translation.log(layers);
        let urls = routes.iter().map(|found| (&found.key, &found.url));
        let places = published.iter().flat_map(|found| &found.urls);
        let brokers = broker_url.iter();
        let urls: Vec<_> = urls
            .chain(places.chain(brokers).map(|(key, url)| (key, url)))
            .collect();
        translation.judge_acme(&certificates.all, &listeners);
        translation.judge_doors(&listeners, &certificates.hosts, &urls);
        translation.judge_unused(&sources);
        let section = layers.table("admin", |file| &file.admin);
        let (key, _) = section.key("address", |admin| &admin.address);
        translation.judge_addresses(&key, &admin, &listeners);
        let section = layers.table("spool", |file| &file.spool);
        let (key, _) = section.key("max_size", |spool| &spool.max_size);
        translation.judge_room(&key, &spool, &routes);
        if urls.is_empty() {
            let text =
                "there is no `[[webhook]]` and no `[[publish]]`: every request is answered 404";
            translation.warn(&layers.root().child("webhook"), text);
        }
        if !translation.mistakes.is_empty() {
            return Err(translation.mistakes.in_order());
        }
        Ok(Self {
            gateway,
            listeners: listeners
                .into_iter()
                .map(|(_, listener)| listener)
                .collect(),
            certificates: certificates
                .all
                .into_iter()
                .map(|(_, certificate)| certificate)
                .collect(),
            sources: sources.all,
            webhooks: routes.into_iter().filter_map(|found| found.route).collect(),
            profiles: profiles.unwrap_or_else(service::profile::Profiles::built_in),
            published: published
                .into_iter()
                .filter_map(|found| found.route)
                .collect(),
            sites: sites.all,
            apps,
            made_here,
            app_place,
            callers,
            broker,
            spool,
            admin,
            log,
            audit,
            warnings: translation
                .warnings
                .iter()
                .map(ToString::to_string)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests;
