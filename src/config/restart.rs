//! What a reload cannot change: it is named, and stays as it runs until a restart.

use super::Config;
use super::environment::Environment;
use super::mistakes::Mistakes;
use crate::edge::Listener;
use crate::types::SecretSource;
use std::collections::BTreeSet;
use std::path::Path;

impl Config {
    /// Reads the configuration of a process that runs under this one, for a reload: what only a
    /// restart can change stays as it runs, and is named by key as long as the file says otherwise.
    ///
    /// # Errors
    /// All that is wrong with it, at once.
    pub fn load_again(&self, path: &Path) -> Result<(Self, Vec<String>), Mistakes> {
        self.load_again_with(path, &Environment::of_process())
    }

    pub(super) fn load_again_with(
        &self,
        path: &Path,
        environment: &Environment,
    ) -> Result<(Self, Vec<String>), Mistakes> {
        let mut new = Self::load_with(path, environment, None)?;
        let waiting = self.restart_needed(&new);
        if self.gateway.state_dir != new.gateway.state_dir {
            // Much lies in it that follows from other keys, such as the Apps that were made here.
            new = Self::load_with(path, environment, Some(&self.gateway.state_dir))?;
        }
        new.gateway.workers = self.gateway.workers;
        new.listeners.clone_from(&self.listeners);
        new.spool.clone_from(&self.spool);
        new.admin.clone_from(&self.admin);
        Ok((new, waiting))
    }

    /// Which settings differ in `new` that only a restart can change, by key; what is not named
    /// can be reloaded.
    pub(super) fn restart_needed(&self, new: &Self) -> Vec<String> {
        let (old_admin, admin) = (&self.admin, &new.admin);
        let same = [
            (
                "gateway.state_dir",
                self.gateway.state_dir == new.gateway.state_dir,
            ),
            (
                "gateway.workers",
                self.gateway.workers == new.gateway.workers,
            ),
            ("spool.keep", self.spool.keep == new.spool.keep),
            ("spool.max_size", self.spool.max_size == new.spool.max_size),
            ("admin.socket", old_admin.socket == admin.socket),
            ("admin.address", old_admin.address == admin.address),
            (
                "admin.token",
                is_same(old_admin.token.as_ref(), admin.token.as_ref()),
            ),
        ];
        let changed = same.into_iter().filter(|(_, same)| !same);
        let mut named: Vec<String> = changed.map(|(key, _)| key.to_owned()).collect();
        named.extend(listeners(&self.listeners, &new.listeners));
        named
    }
}

/// The keys of `[[listen]]` that differ; the list itself, where it is longer or shorter.
fn listeners(old: &[Listener], new: &[Listener]) -> Vec<String> {
    if old.len() != new.len() {
        return vec!["listen".to_owned()];
    }
    let pairs = old.iter().zip(new);
    let keys: BTreeSet<&str> = pairs.flat_map(|(old, new)| changed(old, new)).collect();
    keys.iter().map(|key| format!("listen.{key}")).collect()
}

fn changed(old: &Listener, new: &Listener) -> impl Iterator<Item = &'static str> {
    let (authorities, required) = (
        |listener: &Listener| listener.clients.as_ref().map(|it| it.authorities.clone()),
        |listener: &Listener| listener.clients.as_ref().is_some_and(|it| it.required),
    );
    [
        ("name", old.name == new.name),
        ("address", old.address == new.address),
        ("tls", old.tls == new.tls),
        ("h2", old.h2 == new.h2),
        ("only", old.redirect == new.redirect),
        ("proxy_protocol", old.proxy_protocol == new.proxy_protocol),
        ("client_ca", authorities(old) == authorities(new)),
        ("client_auth", required(old) == required(new)),
    ]
    .into_iter()
    .filter_map(|(key, same)| (!same).then_some(key))
}

/// Whether two sources give the same secret. Those that stand here were read with the
/// configuration, so that a file with something else in it is another one.
fn is_same(one: Option<&SecretSource>, other: Option<&SecretSource>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(SecretSource::File(one)), Some(SecretSource::File(other))) => one == other,
        (Some(SecretSource::Held(one)), Some(SecretSource::Held(other))) => {
            one.expose() == other.expose()
        }
        (None | Some(_), None | Some(_)) => false,
    }
}
