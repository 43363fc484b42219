//! Where the server is, under which names, and what it records.

use crate::simulator::{AppKey, Opening, Shape, Simulator};
use crate::world::world;

#[tokio::test]
async fn every_request_is_recorded() {
    let Some(github) = Simulator::start_plain(Shape::Dotcom).await else {
        return;
    };
    let url = format!("{}/app?a=b", github.api());
    let request = github
        .client()
        .get(&url)
        .bearer_auth("ghs_none")
        .body("{\"a\":1}");
    assert_eq!(request.send().await.unwrap().status(), 401);
    let seen = &github.seen()[0];
    assert!(seen.at <= jiff::Timestamp::now());
    assert_eq!((seen.path.as_str(), seen.query.as_str()), ("/app", "a=b"));
    assert_eq!(seen.authorization(), Some("Bearer ghs_none"));
    assert_eq!(
        (seen.json()["a"].as_u64(), seen.status),
        (Some(1), Some(401))
    );
    assert!(seen.digest.starts_with("015abd7f"));
}

#[test]
fn in_a_world_it_has_the_names_that_it_has_in_life() {
    world(async |world| {
        for (shape, api, page) in [
            (
                Shape::Dotcom,
                "https://api.github.com",
                "https://github.com/app",
            ),
            (
                Shape::Ghes,
                "https://github.corp.internal/api/v3",
                "https://github.corp.internal/app",
            ),
        ] {
            let opening = Opening::within(&world, shape);
            let Some(github) = Simulator::open(opening).await else {
                return;
            };
            let authority = [&world.public, &world.corp][usize::from(shape == Shape::Ghes)];
            let trusted = reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
            let client = reqwest::Client::builder()
                .tls_certs_only([trusted])
                .build()
                .unwrap();
            assert_eq!(github.api(), api);
            let app = github.app("Bot", "acme", &AppKey::number(0), &[]);
            for (url, status) in [(format!("{api}/app"), 200), (page.to_owned(), 404)] {
                let jwt = github.jwt(app, &AppKey::number(0));
                let answer = client.get(&url).bearer_auth(jwt).send().await.unwrap();
                assert_eq!(answer.status(), status, "{url}");
            }
        }
    });
}
