//! Our account at an authority: made once, kept, and made anew where the authority forgot it.

use super::Parts;
use super::client::Client;
use super::failure::Failure;
use crate::edge::certificate::{Authority, Binding, issued};
use crate::types::Secret;
use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use std::path::PathBuf;

/// The account that is kept, or a new one.
pub(super) async fn account(
    parts: &Parts,
    authority: &Authority,
    client: &Client,
) -> Result<Account, Failure> {
    let _making = parts.accounts.lock().await;
    let path = authority.account_file();
    if let Some(credentials) = kept(path.clone()).await? {
        let builder = Account::builder_with_http(Box::new(client.clone()));
        return Ok(builder.from_credentials(credentials).await?);
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

/// Forgets the account, since the authority does not know it.
pub(super) async fn forget(parts: &Parts, authority: &Authority) -> Result<(), Failure> {
    let _making = parts.accounts.lock().await;
    let path = authority.account_file();
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
