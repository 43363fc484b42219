//! An issuer of OIDC tokens on this machine, as GitHub Actions is one.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::{Json, Router, routing::get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

pub struct Issuer {
    name: String,
    key: Vec<u8>,
}

impl Issuer {
    pub async fn open() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let public = key.public_key().as_ref().to_vec();
        let shown = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "one",
            "x": URL_SAFE_NO_PAD.encode(&public[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&public[33..65]),
        }]});
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let name = format!("http://{}", listener.local_addr().unwrap());
        let told = json!({ "issuer": name, "jwks_uri": format!("{name}/keys") });
        let app = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(move || async move { Json(told) }),
            )
            .route("/keys", get(move || async move { Json(shown) }));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            name,
            key: key.to_pkcs8v1().unwrap().as_ref().to_vec(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn token(&self, audience: &str, subject: &str, owner: &str) -> String {
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "iss": self.name, "aud": audience, "sub": subject, "repository_owner_id": owner,
            "iat": now, "nbf": now, "exp": now + 300,
        });
        let mut head = Header::new(Algorithm::ES256);
        head.kid = Some("one".to_owned());
        encode(&head, &claims, &EncodingKey::from_ec_der(&self.key)).unwrap()
    }
}
