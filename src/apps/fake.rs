//! Keys and Apps for the tests of this room.

use super::{App, Apps, Key, Settings};
use crate::github::fake::{Fake, Turned};
use crate::types::{AppId, Clock, Secret};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::sync::{Arc, LazyLock};

/// Making one takes a while.
static KEYS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        der.as_ref().to_vec()
    })
});

/// A key in PKCS#8.
pub(crate) fn pkcs8(index: usize) -> Vec<u8> {
    KEYS[index].clone()
}

/// PEM with this label.
pub(crate) fn pem(label: &str, der: &[u8]) -> Secret {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let lines = lines.join("\n");
    Secret::new(format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n").into_bytes())
}

pub(crate) fn key(index: usize) -> Key {
    Key::parse("`key.pem`", &pem("PRIVATE KEY", &pkcs8(index))).unwrap()
}

pub(crate) fn settings(fake: &Fake, keys: &[usize]) -> Settings {
    Settings {
        name: "sync".parse().unwrap(),
        site: fake.site(),
        id: AppId(12),
        keys: keys.iter().map(|index| key(*index)).collect(),
        apart: None,
        webhook_secret: None,
        recover: false,
        user_tokens: false,
    }
}

pub(crate) fn apps(settings: Settings, clock: &Arc<Turned>) -> Apps {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    Apps::build(vec![settings], &clock, None).unwrap()
}

/// The one App of a test.
pub(crate) fn app(fake: &Fake, keys: &[usize], clock: &Arc<Turned>) -> Arc<App> {
    let apps = apps(settings(fake, keys), clock);
    let app = apps.iter().next().unwrap();
    Arc::clone(app)
}
