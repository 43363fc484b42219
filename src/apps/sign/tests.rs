//! Tests of what is signed.

use super::*;
use crate::apps::fake::key;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::json;

const NOW: i64 = 1_800_000_000_999;

async fn signed() -> String {
    let ring: Keyring = [key(0), key(1)].into_iter().collect();
    let now = Timestamp::from_millis(NOW);
    let jwt = ring
        .sign(key(0).fingerprint(), AppId(12), now)
        .await
        .unwrap();
    assert!(!format!("{jwt:?}").contains("eyJ"));
    String::from_utf8(jwt.expose().to_vec()).unwrap()
}

#[tokio::test]
async fn a_jwt_says_who_and_when_and_nothing_else() {
    let jwt = signed().await;
    let parts: Vec<Vec<u8>> = jwt
        .split('.')
        .map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap())
        .collect();
    let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    assert_eq!(read(&parts[0]), json!({"alg": "RS256", "typ": "JWT"}));
    let seconds = 1_800_000_000;
    let expected = json!({"iat": seconds - 60, "exp": seconds + 540, "iss": "12"});
    assert_eq!(read(&parts[1]), expected);
}

#[tokio::test]
async fn a_jwt_is_verified_with_the_public_key_and_no_other() {
    let jwt = signed().await;
    let (message, signature) = jwt.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let verify = |key: &Key| {
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public());
        public.verify(message.as_bytes(), &signature).is_ok()
    };
    assert!(verify(&key(0)));
    assert!(!verify(&key(1)));
}

#[tokio::test]
async fn a_key_that_is_not_held_signs_nothing() {
    let ring: Keyring = [key(0)].into_iter().collect();
    let other = key(1).fingerprint();
    let refused = ring
        .sign(other, AppId(12), Timestamp::from_millis(NOW))
        .await;
    assert_eq!(refused.unwrap_err(), SignError::Unknown(other));
    assert!(ring.holds(key(0).fingerprint()) && !ring.holds(other));
}
