//! Our account at an authority: made once, kept, and made anew where the authority forgot it.

use super::Parts;
use super::client::Client;
use super::failure::Failure;
use crate::edge::certificate::{Authority, Binding, issued};
use crate::types::Secret;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One lock for each file with an account, held by who makes or forgets it, so that two do not make
/// the same; of those that somebody holds or waits for.
#[derive(Debug, Default)]
pub(super) struct Accounts(Mutex<HashMap<PathBuf, Weak<tokio::sync::Mutex<()>>>>);

impl Accounts {
    fn of(&self, path: &Path) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = locks.get(path).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        locks.insert(path.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

/// The account that is kept, or a new one. Who finds one waits for nobody.
pub(super) async fn account(
    parts: &Parts,
    authority: &Authority,
    client: &Client,
) -> Result<Account, Failure> {
    let path = authority.account_file();
    if let Some(credentials) = kept(path.clone()).await? {
        return known(credentials, client).await;
    }
    let lock = parts.accounts.of(&path);
    let making = lock.lock().await;
    if let Some(credentials) = kept(path.clone()).await? {
        drop(making);
        return known(credentials, client).await;
    }
    let binding = authority.binding.as_ref().map(|binding| {
        let text = binding.key.read().map_err(|fault| fault.to_string())?;
        let key = Binding::decoded(&text)?;
        Ok::<_, String>(ExternalAccountKey::new(binding.kid.clone(), key.expose()))
    });
    let binding = binding.transpose().map_err(Failure::other)?;
    let contact = format!("mailto:{}", authority.contact);
    let wanted = NewAccount {
        contact: &[&contact],
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let builder = Account::builder_with_http(Box::new(client.clone()));
    let directory = authority.directory.to_string();
    let (account, credentials) = builder.create(&wanted, directory, binding.as_ref()).await?;
    let text =
        serde_json::to_vec(&credentials).map_err(|fault| Failure::other(fault.to_string()))?;
    let text = Secret::new(text);
    keep(path, text).await?;
    tracing::info!(directory = %authority.directory, id = account.id(), "an account was made");
    Ok(account)
}

async fn known(credentials: AccountCredentials, client: &Client) -> Result<Account, Failure> {
    let builder = Account::builder_with_http(Box::new(client.clone()));
    Ok(builder.from_credentials(credentials).await?)
}

/// Nobody's account, for what is asked without a signature: no request goes out for it but the one
/// for the directory, and its key, which the library wants, signs nothing.
pub(super) async fn nobody(authority: &Authority, client: &Client) -> Result<Account, Failure> {
    let made =
        |fault: &dyn std::fmt::Display| Failure::other(format!("cannot make a key: {fault}"));
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256);
    let key = key.map_err(|fault| made(&fault))?;
    let credentials = serde_json::json!({
        "id": "",
        "key_pkcs8": BASE64_URL_SAFE_NO_PAD.encode(key.serialize_der()),
        "directory": authority.directory.as_str(),
    });
    let credentials = serde_json::from_value(credentials).map_err(|fault| made(&fault))?;
    known(credentials, client).await
}

/// Forgets the account, since the authority does not know it.
pub(super) async fn forget(parts: &Parts, authority: &Authority) -> Result<(), Failure> {
    let path = authority.account_file();
    let lock = parts.accounts.of(&path);
    let _forgetting = lock.lock().await;
    let removed = tokio::fs::remove_file(&path).await;
    removed.map_err(|fault| Failure::other(format!("cannot remove `{}`: {fault}", path.display())))
}

async fn kept(path: PathBuf) -> Result<Option<AccountCredentials>, Failure> {
    let read = tokio::task::spawn_blocking(move || issued::read(&path)).await;
    let found = read.map_err(|fault| Failure::other(fault.to_string()))?;
    let Some(text) = found.map_err(|fault| Failure::other(fault.to_string()))? else {
        return Ok(None);
    };
    match serde_json::from_slice(text.expose()) {
        Ok(credentials) => Ok(Some(credentials)),
        // The text is a key: nothing of it is told.
        Err(_) => {
            tracing::error!("the account that is kept cannot be read; another is made");
            Ok(None)
        }
    }
}

async fn keep(path: PathBuf, text: Secret) -> Result<(), Failure> {
    let write = tokio::task::spawn_blocking(move || issued::write(&path, text.expose())).await;
    let written = write.map_err(|fault| Failure::other(fault.to_string()))?;
    written.map_err(|fault| Failure::other(fault.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_makes_an_account_holds_up_those_alone_who_want_the_same() {
        let accounts = Accounts::default();
        let (one, other) = (Path::new("/state/one"), Path::new("/state/other"));
        let lock = accounts.of(one);
        let making = lock.lock().await;
        assert!(accounts.of(one).try_lock().is_err());
        assert!(accounts.of(other).try_lock().is_ok());
        drop(making);
        assert!(accounts.of(one).try_lock().is_ok());
        drop(lock);
        // Nothing is remembered of what nobody makes.
        drop(accounts.of(other));
        assert_eq!(accounts.0.lock().map_or(0, |locks| locks.len()), 1);
    }
}
