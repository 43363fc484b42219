//! One order: from our account to a chain and its key.

use super::account::{account, forget};
use super::challenge::Answered;
use super::client::{Client, Told};
use super::failure::{Failure, bounded};
use super::window::identifier;
use super::{Parts, Way};
use crate::edge::certificate::{Authority, HostPattern};
use crate::types::Secret;
use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use std::time::Duration;

/// For an authority to look at all names.
const LONGEST_LOOK: Duration = Duration::from_secs(90);
/// For it to issue what was proved.
const LONGEST_ISSUE: Duration = Duration::from_secs(60);
/// One try by one way, whatever happens.
const LONGEST: Duration = Duration::from_secs(240);

/// How often an order is begun again whose requests were refused for the nonces that the authority
/// gave, each three times: one that does not share them among its servers does that.
const TIMES: u32 = 6;

/// Has a certificate issued for these hosts; returns chain and key in PEM. Where one way of showing
/// that a name leads here fails, the next is tried.
pub(super) async fn issue(
    parts: &Parts,
    authority: &Authority,
    hosts: &[HostPattern],
) -> Result<Secret, Failure> {
    let mut failed = Vec::new();
    for way in &parts.ways {
        match within(parts, authority, hosts, *way).await {
            Err(Failure::Unproved { way, host, why }) => {
                tracing::warn!(host, "{} failed: {why}", way.code());
                failed.push(Failure::Unproved { way, host, why });
            }
            done => return done,
        }
    }
    if failed.is_empty() {
        let why = "no listener can answer an authority; it needs one with `only = \"redirect\"` \
                   or one with TLS";
        return Err(Failure::other(why.to_owned()));
    }
    let told: Vec<String> = failed.iter().map(ToString::to_string).collect();
    Err(Failure::other(told.join("; ")))
}

async fn within(
    parts: &Parts,
    authority: &Authority,
    hosts: &[HostPattern],
    way: Way,
) -> Result<Secret, Failure> {
    let client = Client::new(authority.roots.as_deref()).map_err(Failure::other)?;
    let told = client.told();
    let work = async {
        let (mut times, mut forgotten) = (0, false);
        loop {
            times += 1;
            match one(parts, authority, hosts, way, &client).await {
                Err(Failure::AccountUnknown) if !forgotten => {
                    tracing::warn!(directory = %authority.directory, "our account is unknown there; another is made");
                    forget(parts, authority).await?;
                    forgotten = true;
                }
                Err(Failure::BadNonce) if times < TIMES => {
                    tracing::debug!("the authority refused its own nonces; it is ordered again");
                }
                done => return done,
            }
        }
    };
    let done = tokio::time::timeout(LONGEST, work).await;
    let late = format!(
        "the authority did not finish within {} s",
        LONGEST.as_secs()
    );
    done.unwrap_or_else(|_| Err(Failure::other(late)))
        .map_err(|failure| match failure {
            Failure::Other { why, retry_after } => Failure::Other {
                why,
                retry_after: retry_after.or_else(|| told.retry_after()),
            },
            Failure::Unproved { .. } | Failure::AccountUnknown | Failure::BadNonce => failure,
        })
}

async fn one(
    parts: &Parts,
    authority: &Authority,
    hosts: &[HostPattern],
    way: Way,
    client: &Client,
) -> Result<Secret, Failure> {
    let account = account(parts, authority, client).await?;
    let mut order = ordered(parts, authority, hosts, &account, &client.told()).await?;
    // Answered until the authority has looked at all of them.
    let answered = prove(parts, &mut order, way).await?;
    let policy = RetryPolicy::new().timeout(LONGEST_LOOK);
    let looked = order.poll_ready(&policy).await;
    drop(answered);
    match looked {
        Ok(OrderStatus::Ready) => {}
        // The request was refused: that says nothing of the names, and no more is asked.
        Err(fault) if client.told().refused() => return Err(fault.into()),
        Ok(_) | Err(Error::Api(_)) => {
            return Err(unproved(&mut order, way, looked.err(), &client.told()).await);
        }
        Err(fault) => return Err(fault.into()),
    }
    let made = |fault: rcgen::Error| Failure::other(format!("cannot make a request: {fault}"));
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(made)?;
    let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut asked = rcgen::CertificateParams::new(names).map_err(made)?;
    asked.distinguished_name = rcgen::DistinguishedName::new();
    let request = asked.serialize_request(&key).map_err(made)?;
    order.finalize_csr(request.der()).await?;
    let policy = RetryPolicy::new().timeout(LONGEST_ISSUE);
    let chain = order.poll_certificate(&policy).await?;
    let mut bytes = key.serialize_pem().into_bytes();
    bytes.push(b'\n');
    bytes.extend_from_slice(chain.as_bytes());
    Ok(Secret::new(bytes))
}

/// Orders, and says which certificate is to be replaced where the authority wants to know (RFC 9773
/// section 5). It may not like that, such as where it thinks that one replaced already, or where
/// another account had it issued: then it is ordered as if there were none.
async fn ordered(
    parts: &Parts,
    authority: &Authority,
    hosts: &[HostPattern],
    account: &Account,
    told: &Told,
) -> Result<Order, Failure> {
    let names = hosts.iter().map(|host| Identifier::Dns(host.to_string()));
    let names: Vec<Identifier> = names.collect();
    let served = parts.store.issued(authority, hosts);
    if let Some(replaced) = served.and_then(|(_, leaf)| identifier(&leaf)) {
        let asked = NewOrder::new(&names).replaces(replaced);
        match account.new_order(&asked).await {
            Ok(order) => return Ok(order),
            Err(Error::Unsupported(_)) => {}
            Err(fault) => {
                let told = told.takes_requests();
                let failure = Failure::from(fault);
                let ours = matches!(failure, Failure::AccountUnknown | Failure::BadNonce);
                if !told || ours {
                    return Err(failure);
                }
                tracing::warn!(
                    "the authority takes no order that names the certificate to be replaced; it \
                     is ordered without: {failure}"
                );
            }
        }
    }
    Ok(account.new_order(&NewOrder::new(&names)).await?)
}

/// Shows for each name that it leads here, and says that it is shown.
async fn prove(parts: &Parts, order: &mut Order, way: Way) -> Result<Vec<Answered>, Failure> {
    let mut answered = Vec::new();
    let mut names = order.authorizations();
    while let Some(name) = names.next().await {
        let mut name = name?;
        let host = name.identifier().to_string();
        match name.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Invalid
            | AuthorizationStatus::Revoked
            | AuthorizationStatus::Expired
            | AuthorizationStatus::Deactivated => {
                let why = format!("the authorization for `{host}` is {:?}", name.status);
                return Err(Failure::other(why));
            }
        }
        let kind = match way {
            Way::Http01 => ChallengeType::Http01,
            Way::TlsAlpn01 => ChallengeType::TlsAlpn01,
        };
        let Some(mut challenge) = name.challenge(kind) else {
            let why = "the authority does not offer it".to_owned();
            return Err(Failure::Unproved { way, host, why });
        };
        let proof = challenge.key_authorization();
        let shown = match way {
            Way::Http01 => {
                let token = challenge.token.clone();
                parts.challenges.answer_http(&host, &token, proof.as_str())
            }
            Way::TlsAlpn01 => {
                let shown = parts.challenges.answer_tls(&host, proof.digest().as_ref());
                shown.map_err(|fault| Failure::other(fault.to_string()))?
            }
        };
        answered.push(shown);
        challenge.set_ready().await?;
    }
    Ok(answered)
}

/// Which name was not proved, and what the authority saw.
async fn unproved(order: &mut Order, way: Way, fault: Option<Error>, told: &Told) -> Failure {
    let mut names = order.authorizations();
    while let Some(Ok(mut name)) = names.next().await {
        let host = name.identifier().to_string();
        let state = match name.refresh().await {
            Ok(state) => state,
            Err(_) if told.takes_requests() => continue,
            Err(fault) => return fault.into(),
        };
        let mut errors = state.challenges.iter().filter_map(|one| one.error.as_ref());
        if let Some(error) = errors.next() {
            let why = bounded(error.to_string());
            return Failure::Unproved { way, host, why };
        }
    }
    match fault {
        Some(fault) => fault.into(),
        None => Failure::other("the authority says that the order is invalid".to_owned()),
    }
}
