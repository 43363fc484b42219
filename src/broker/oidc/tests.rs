//! Tests of OIDC tokens: an issuer with real keys, whose documents come from memory.

use super::super::credential::Credential;
use super::*;
use crate::types::Timestamp;
use async_trait::async_trait;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A clock that stands.
#[derive(Debug)]
pub(in crate::broker) struct Fixed(pub(in crate::broker) Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// An issuer.
#[derive(Debug)]
pub(in crate::broker) struct Issuer {
    name: String,
    keys: Mutex<Vec<(String, Vec<u8>, Value)>>,
    silent: AtomicBool,
    asked: AtomicUsize,
    /// How often it was asked at all.
    tried: AtomicUsize,
    discovery: Mutex<Option<Value>>,
}

impl Issuer {
    pub(in crate::broker) fn new(name: &str) -> Self {
        let issuer = Self {
            name: name.to_owned(),
            keys: Mutex::default(),
            silent: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
            tried: AtomicUsize::new(0),
            discovery: Mutex::default(),
        };
        issuer.turn_key("first");
        issuer
    }

    /// Signs with a new key from now on, and shows it alone.
    fn turn_key(&self, id: &str) {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let pkcs8 = key.to_pkcs8v1().unwrap();
        let public = key.public_key().as_ref().to_vec();
        let (x, y) = (&public[1..33], &public[33..65]);
        let shown = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        });
        let mut keys = self.keys.lock().unwrap();
        keys.clear();
        keys.push((id.to_owned(), pkcs8.as_ref().to_vec(), shown));
    }

    fn sign(&self, claims: &Value) -> String {
        let keys = self.keys.lock().unwrap();
        let (id, key, _) = keys.first().unwrap();
        let mut head = Header::new(Algorithm::ES256);
        head.kid = Some(id.clone());
        encode(&head, claims, &EncodingKey::from_ec_der(key)).unwrap()
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.name, "aud": "hubgate", "sub": "repo:acme/web:ref:refs/heads/main",
            "iat": NOW, "nbf": NOW, "exp": NOW + 300, "repository_owner_id": "1234", "run_id": 7,
        })
    }
}

#[async_trait]
impl Documents for Issuer {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, Silence> {
        self.tried.fetch_add(1, Ordering::Relaxed);
        if self.silent.load(Ordering::Relaxed) {
            return Err(Silence);
        }
        let base = self.name.trim_end_matches('/');
        let document = if url.as_str() == format!("{base}/.well-known/openid-configuration") {
            let told = json!({ "issuer": self.name, "jwks_uri": format!("{base}/keys") });
            self.discovery.lock().unwrap().clone().unwrap_or(told)
        } else {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let keys: Vec<Value> = self
                .keys
                .lock()
                .unwrap()
                .iter()
                .map(|key| key.2.clone())
                .collect();
            json!({ "keys": keys })
        };
        Ok(document.to_string().into_bytes())
    }
}

const NOW: i64 = 1_800_000_000;
const NAME: &str = "https://token.actions.example";

fn trust(claims: &[(&str, &str)]) -> Trust {
    Trust {
        issuer: NAME.parse().unwrap(),
        name: NAME.into(),
        audience: "hubgate".into(),
        claims: claims
            .iter()
            .map(|(name, text)| (Box::from(*name), text.parse().unwrap()))
            .collect(),
    }
}

fn token(text: &str) -> SignedToken {
    let mut headers = http::HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {text}").parse().unwrap());
    let Credential::Token(token) = Credential::of(&headers) else {
        panic!("not a token");
    };
    token
}

fn world() -> (Arc<Issuer>, Issuers) {
    let issuer = Arc::new(Issuer::new(NAME));
    let clock = Arc::new(Fixed(Timestamp::from_millis(NOW * 1000)));
    let issuers = Issuers::new(issuer.clone(), clock);
    (issuer, issuers)
}

async fn judged(issuers: &Issuers, text: &str) -> Result<Claims, Refusal> {
    issuers
        .verify(
            &token(text),
            std::iter::once(&trust(&[("sub", "repo:acme/*")])),
        )
        .await
}

#[tokio::test]
async fn a_token_of_the_issuer_is_taken_and_its_claims_are_matched() {
    let (issuer, issuers) = world();
    let claims = judged(&issuers, &issuer.sign(&issuer.claims()))
        .await
        .unwrap();
    for (wanted, fits) in [
        (&[("repository_owner_id", "1234")][..], true),
        (
            &[
                ("repository_owner_id", "1234"),
                ("sub", "repo:acme/*:ref:refs/heads/main"),
            ],
            true,
        ),
        (&[("run_id", "7")], true),
        (&[("sub", "repo:acme/*:ref:refs/heads/release")], false),
        (&[("sub", "acme")], false),
        (&[("sub", "REPO:*")], false),
        (&[("repository_owner_id", "123")], false),
        (&[("missing", "x")], false),
        (&[("repository_owner_id", "1234"), ("run_id", "8")], false),
    ] {
        assert_eq!(trust(wanted).fits(&claims), fits, "{wanted:?}");
    }
    let other = Trust {
        audience: "other".into(),
        ..trust(&[("run_id", "7")])
    };
    assert!(!other.fits(&claims));
    let elsewhere = Trust {
        name: "https://other.example".into(),
        ..trust(&[("run_id", "7")])
    };
    assert!(!elsewhere.fits(&claims));
}

#[tokio::test]
async fn what_is_wrong_in_a_token_makes_it_nobodys() {
    let (issuer, issuers) = world();
    let changed = |name: &str, value: Value| {
        let mut claims = issuer.claims();
        claims[name] = value;
        issuer.sign(&claims)
    };
    let without = |name: &str| {
        let mut claims = issuer.claims();
        claims.as_object_mut().unwrap().remove(name);
        issuer.sign(&claims)
    };
    let good = issuer.sign(&issuer.claims());
    let stranger = Issuer::new(NAME);
    let (head, rest) = good.split_once('.').unwrap();
    let none = URL_SAFE_NO_PAD.encode(br#"{"alg":"none"}"#);
    let hmac = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","kid":"first"}"#);
    let mut flipped = good.clone();
    let last = flipped.pop().unwrap();
    flipped.push(if last == 'A' { 'Q' } else { 'A' });
    for (what, text) in [
        (
            "another issuer",
            changed("iss", json!("https://other.example")),
        ),
        (
            "its name with a slash",
            changed("iss", json!(format!("{NAME}/"))),
        ),
        ("another audience", changed("aud", json!("other"))),
        ("no audience", without("aud")),
        ("no issuer", without("iss")),
        ("no end", without("exp")),
        ("ended", changed("exp", json!(NOW - 61))),
        ("an end that is no number", changed("exp", json!("never"))),
        ("not begun", changed("nbf", json!(NOW + 120))),
        ("issued tomorrow", changed("iat", json!(NOW + 86_400))),
        ("another's signature", stranger.sign(&issuer.claims())),
        ("no signature", format!("{none}.{rest}")),
        ("a shared secret's", format!("{hmac}.{rest}")),
        ("no head", format!("x{head}.{rest}")),
        ("a flipped bit", flipped),
    ] {
        assert_eq!(
            judged(&issuers, &text).await.unwrap_err(),
            Refusal::Caller,
            "{what}"
        );
    }
    assert!(judged(&issuers, &good).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_turned_is_found_and_made_up_ones_do_not_make_us_ask_for_ever() {
    let (issuer, issuers) = world();
    assert!(
        judged(&issuers, &issuer.sign(&issuer.claims()))
            .await
            .is_ok()
    );
    assert_eq!(issuer.asked.load(Ordering::Relaxed), 1);
    issuer.turn_key("second");
    let text = issuer.sign(&issuer.claims());
    // Asked but a moment ago.
    assert!(judged(&issuers, &text).await.is_err());
    assert_eq!(issuer.asked.load(Ordering::Relaxed), 1);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(judged(&issuers, &text).await.is_ok());
    assert_eq!(issuer.asked.load(Ordering::Relaxed), 2);
    issuer.turn_key("third");
    let stranger = issuer.sign(&issuer.claims());
    issuer.turn_key("second");
    for _ in 0..50 {
        assert!(judged(&issuers, &stranger).await.is_err());
    }
    assert_eq!(issuer.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn while_the_issuer_is_silent_known_keys_are_good_for_a_day() {
    let (issuer, issuers) = world();
    let text = issuer.sign(&issuer.claims());
    issuer.silent.store(true, Ordering::Relaxed);
    for _ in 0..20 {
        assert_eq!(
            judged(&issuers, &text).await.unwrap_err(),
            Refusal::Unreachable
        );
    }
    // One that is silent is not asked by everybody who comes.
    assert_eq!(issuer.tried.load(Ordering::Relaxed), 1);
    issuer.silent.store(false, Ordering::Relaxed);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(judged(&issuers, &text).await.is_ok());
    issuer.silent.store(true, Ordering::Relaxed);
    tokio::time::advance(Duration::from_hours(23)).await;
    assert!(judged(&issuers, &text).await.is_ok());
    tokio::time::advance(Duration::from_hours(2)).await;
    assert_eq!(
        judged(&issuers, &text).await.unwrap_err(),
        Refusal::Unreachable
    );
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_not_believed() {
    for told in [
        json!({ "issuer": "https://other.example", "jwks_uri": format!("{NAME}/keys") }),
        json!({ "issuer": NAME, "jwks_uri": "http://token.actions.example/keys" }),
        json!({ "issuer": NAME }),
        json!([]),
    ] {
        let (issuer, issuers) = world();
        *issuer.discovery.lock().unwrap() = Some(told.clone());
        let text = issuer.sign(&issuer.claims());
        assert_eq!(
            judged(&issuers, &text).await.unwrap_err(),
            Refusal::Unreachable,
            "{told}"
        );
        assert_eq!(issuer.asked.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn a_pattern_is_anchored_and_never_everything() {
    for (pattern, text, fits) in [
        ("repo:acme/*", "repo:acme/web", true),
        ("repo:acme/*", "xrepo:acme/web", false),
        ("*:main", "a:main", true),
        ("*:main", "a:main2", false),
        ("a*b*c", "abc", true),
        ("a*b*c", "acbc", true),
        ("a*b*c", "ac", false),
        ("a*a", "a", false),
        ("main", "main", true),
        ("main", "Main", false),
    ] {
        let pattern: ClaimPattern = pattern.parse().unwrap();
        assert_eq!(pattern.fits(text), fits, "{pattern} {text}");
    }
    for text in ["", "*", "**"] {
        assert!(text.parse::<ClaimPattern>().is_err(), "{text}");
    }
}
