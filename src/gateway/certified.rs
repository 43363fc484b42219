//! Certificates: what authorities issue by themselves, and what is told of all.

use super::{World, listed, warn};
use crate::admin::answer::{Certificate, Renewed, Window};
use crate::config::Config;
use crate::edge::acme::{Acme, Keeper, Standing, Way};
use crate::edge::certificate::{self, HostPattern, Served};
use crate::types::{Clock, Entropy};
use std::sync::Arc;
use std::time::Duration;

/// How long one who asks for a renewal waits for it; the command waits a little longer.
const PATIENCE: Duration = Duration::from_secs(50);

/// The certificates that are there, and what authorities are to issue, as far as this process's
/// listeners can answer them.
pub(super) fn certificates(
    config: &Config,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> anyhow::Result<(Arc<certificate::Store>, Acme)> {
    let store = certificate::Store::load(&config.certificates, clock.clone());
    let (store, expired) = store.map_err(|faults| listed(&faults))?;
    warn(&expired);
    let ways = Way::of(config.listeners.iter());
    let acme = Acme::new(store.clone(), ways, clock.clone(), entropy.clone());
    Ok((store, acme))
}

impl World {
    /// Sees to the certificates that the configuration wants of authorities, and to no others.
    pub(super) fn certify(&self) {
        for keeper in self.acme.apply(&self.config.load().certificates) {
            let stop = self.tasks.stopping();
            self.tasks
                .supervise("acme", move || keeper.clone().keep(stop.clone()));
        }
    }

    /// Removes what authorities issued once and nobody can use any more.
    pub(super) fn tidy(&self, config: &Config) {
        let place = config.gateway.state_dir.join("acme");
        certificate::tidy(&place, &config.certificates, self.clock.now());
    }

    pub(super) fn served(&self) -> Vec<Certificate> {
        let keepers = self.acme.keepers();
        // First, so that one that says of a certificate that it was issued is never shown beside
        // the one before.
        let standings = keepers.iter().map(|keeper| (&**keeper, keeper.standing()));
        let standings: Vec<(&Keeper, Standing)> = standings.collect();
        let served = self.certificates.list().into_iter();
        served
            .map(|served| self.shown(served, &standings))
            .collect()
    }

    fn shown(&self, served: Served, standings: &[(&Keeper, Standing)]) -> Certificate {
        let now = self.clock.now();
        let left = served.not_after.as_millis() - now.as_millis();
        let its = |keeper: &Keeper| served.origin == "acme" && is_of(keeper, &served.hosts);
        let standing = standings.iter().find(|(keeper, _)| its(keeper));
        let standing = standing.map(|(_, standing)| standing.clone());
        let (window, window_error) = standing.as_ref().map_or((None, None), window);
        let issued = standing.as_ref().and_then(|standing| standing.issued);
        Certificate {
            origin: served.origin.to_owned(),
            issuer: served.issuer,
            stands_in: served.stands_in,
            not_after: Some(served.not_after.to_string()),
            days_left: Some(left.div_euclid(86_400_000)),
            age_seconds: Some(now.since(served.not_before).as_secs()),
            next_attempt: standing.as_ref().map(|standing| standing.next.to_string()),
            next_attempt_reason: standing
                .as_ref()
                .map(|standing| standing.due.code().to_owned()),
            failures: standing.as_ref().map(|standing| standing.failures),
            last_error: standing.and_then(|standing| standing.last_error),
            issued_reason: issued.map(|due| due.code().to_owned()),
            window,
            window_error,
            hosts: served.hosts,
        }
    }

    /// Has those renewed that authorities issued, or the one for `host`.
    pub(super) async fn renew(&self, host: Option<&str>) -> Vec<Renewed> {
        let keepers = self.acme.keepers();
        let asked = keepers.iter().filter(|keeper| {
            host.is_none_or(|host| keeper.hosts().iter().any(|it| it.to_string() == host))
        });
        let renewals = asked.map(|keeper| async {
            let outcome = keeper.renew(PATIENCE).await;
            let hosts = named(keeper.hosts());
            let not_after = self.served().into_iter().find(|one| one.hosts == hosts);
            Renewed {
                not_after: not_after.and_then(|one| one.not_after),
                error: outcome.err(),
                hosts,
            }
        });
        futures_util::future::join_all(renewals).await
    }
}

/// When the authority wants it renewed, or why that is not known.
fn window(standing: &Standing) -> (Option<Window>, Option<String>) {
    let window = standing.window.as_ref().map(|window| Window {
        start: window.start.to_string(),
        end: window.end.to_string(),
        explanation: window.explanation.as_ref().map(ToString::to_string),
    });
    (window, standing.window_error.clone())
}

fn is_of(keeper: &Keeper, hosts: &[String]) -> bool {
    named(keeper.hosts()) == hosts
}

fn named(hosts: &[HostPattern]) -> Vec<String> {
    hosts.iter().map(ToString::to_string).collect()
}
