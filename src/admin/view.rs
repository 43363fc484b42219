//! What this room may see of the others. The gateway implements it over the snapshot that runs.

use super::answer::{
    Caller, Certificate, Learned, Listener, Refreshed, Renewed, Route, SetupWindow, Source,
    TargetState,
};
use crate::spool::Spool;
use crate::types::Timestamp;
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The running gateway, as far as it concerns those who watch it. Nothing here blocks.
#[async_trait]
pub trait View: Send + Sync + fmt::Debug {
    /// Since when it runs, and where it listens.
    fn status(&self) -> Running;

    /// The routes, in the order of the configuration.
    fn routes(&self) -> Vec<Route>;

    /// What the published route was asked for; `None` where there is no such route.
    fn learned(&self, route: &str) -> Option<Learned>;

    /// Lets an App's manifest be converted through the published route for so long, or ends that;
    /// `None` where there is no such route.
    fn open_setup(&self, route: &str, lasting: Duration) -> Option<SetupWindow>;

    /// The sources, in the order of the configuration.
    fn sources(&self) -> Vec<Source>;

    /// The broker's callers, in the order of the configuration.
    fn callers(&self) -> Vec<Caller>;

    /// The certificates that are chosen from.
    fn certificates(&self) -> Vec<Certificate>;

    /// The targets that are configured; what waits for them is asked of the spool.
    fn targets(&self) -> Vec<Target>;

    /// Where deliveries are kept.
    fn spool(&self) -> Arc<dyn Spool>;

    /// Whether traffic is taken.
    ///
    /// # Errors
    /// Why it is not, each reason in words: draining, the spool is full, …
    fn ready(&self) -> Result<(), Vec<String>>;

    /// Reads the configuration again; says what changed.
    ///
    /// # Errors
    /// Every mistake in it, in words. Then nothing changed.
    async fn reload(&self) -> Result<String, String>;

    /// Fetches every source list that is fetched, now.
    async fn refresh_sources(&self) -> Vec<Refreshed>;

    /// Has every certificate renewed that an authority issues, or the one for a host; waits for
    /// what each comes to, a minute at most.
    async fn renew_certificates(&self, host: Option<&str>) -> Vec<Renewed>;
}

/// The process.
#[derive(Debug, Clone)]
pub struct Running {
    /// When it was ready first.
    pub started: Timestamp,
    /// Its listeners, with the addresses they really have.
    pub listeners: Vec<Listener>,
}

/// A target that is configured.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Where it is, without any credentials.
    pub url: String,
    /// The routes that feed it.
    pub routes: Vec<String>,
    /// Whether deliveries are sent to it or it is only probed.
    pub state: TargetState,
}
