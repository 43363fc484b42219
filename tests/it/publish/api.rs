//! Programs that use the API, through the gate.

use super::{Published, code, described, url};
use crate::inside::{EXAMPLE, Ghes, SECRET_REPOSITORY, Seen, TOKEN};
use crate::outside::Client;
use crate::stories::api;
use crate::world::{World, world};

const READS: &str = "allow = [\"read-only\"]";

#[test]
fn clients_read_every_page_by_id_and_never_see_the_inside() {
    world(async |world| {
        let Some((ghes, published)) = described(&world, READS, "").await else {
            return;
        };
        let client = Client::outside(&world);
        api::octokit(&client, &ghes).await;
        api::pygithub(&client, &ghes).await;
        api::gh(&client, &ghes).await;
        let all = published.nothing_leaked();
        assert!(
            all.iter()
                .all(|one| one.headers.one("x-github-enterprise-version").is_some())
        );
        // Page 2 is another spelling of the operation that page 1 is.
        let record = published
            .audited(|record| {
                let path = record["path"].as_str().unwrap_or_default();
                path.ends_with(&format!("/repositories/{}/pulls", EXAMPLE.0))
            })
            .await;
        assert_eq!(record["operation"], "pulls/list", "{record}");
    });
}

#[test]
fn page_two_is_allowed_by_what_allows_page_one_and_nothing_else_is() {
    world(async |world| {
        let profile = "[[profile]]\nname = \"here\"\nallow = [\"pulls/list\"]";
        let keys = "allow = [\"here\"]\nrepositories = [\"octocat/*\"]";
        let Some((ghes, published)) = described(&world, keys, profile).await else {
            return;
        };
        api::octokit_pages(&Client::outside(&world), &ghes).await;
        let id = SECRET_REPOSITORY.0;
        for path in [
            format!("/repositories/{id}/pulls?page=2"),
            format!("/repos/{}/pulls", SECRET_REPOSITORY.1),
            "/repositories/999999/pulls".to_owned(),
            format!("/repositories/{}/issues", EXAMPLE.0),
            format!("/repositories/{}", EXAMPLE.0),
            format!("/repositories/0{id}/pulls"),
            format!("/repositories/+{id}/pulls"),
            format!("/REPOSITORIES/{id}/pulls"),
            format!("/repositories/{}/../{id}/pulls", EXAMPLE.0),
        ] {
            ghes.forget();
            let asked = published.asker(&world).get(url(&format!("/api/v3{path}")));
            let answer = asked.bearer_auth(TOKEN).send().await.unwrap();
            // The client makes the last one plain before it sends it.
            assert!(
                [400, 403, 404].contains(&answer.status().as_u16()),
                "{path}: {answer:?}"
            );
            code(answer).await;
            // To learn whose an id is the gate may ask, but for nothing else.
            let asked: Vec<_> = ghes.seen().into_iter().map(|seen| seen.target).collect();
            assert!(
                !asked.iter().any(|target| target.contains("pulls")),
                "{path}: {asked:?}"
            );
        }
        published.nothing_leaked();
    });
}

async fn tag(published: &Published, world: &World, unless: Option<&str>) -> (u16, String) {
    let mut asked = published
        .asker(world)
        .get(url(&format!("/api/v3/repos/{}", EXAMPLE.1)))
        .bearer_auth(TOKEN);
    if let Some(tag) = unless {
        asked = asked.header("if-none-match", tag);
    }
    let answer = asked.send().await.unwrap();
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), tag)
}

/// Asking again for what has not changed costs nothing of the caller's allowance.
#[test]
fn a_tag_from_the_outside_is_known_inside() {
    world(async |world| {
        let Some((ghes, published)) = described(&world, READS, "").await else {
            return;
        };
        let (status, first) = tag(&published, &world, None).await;
        assert_eq!(status, 200);
        assert!(first.starts_with("W/\""), "{first}");
        let (status, again) = tag(&published, &world, Some(&first)).await;
        assert_eq!((status, &again), (304, &first));
        let asked = ghes.seen().pop().unwrap();
        let inner = asked.header("if-none-match").unwrap();
        assert_ne!(inner, first, "the server's own tag was not restored");
        assert_eq!(tag(&published, &world, Some("\"another\"")).await.0, 200);
        published.nothing_leaked();
    });
}

#[test]
fn what_the_server_packs_is_rewritten_or_asked_for_plain() {
    world(async |world| {
        let Some((_ghes, published)) = described(&world, READS, "").await else {
            return;
        };
        let answer = published
            .asker(&world)
            .get(url(&format!("/api/v3/repos/{}", EXAMPLE.1)))
            .bearer_auth(TOKEN)
            .header("accept-encoding", "gzip, br, zstd")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert!(!answer.bytes().await.unwrap().is_empty());
        let all = published.nothing_leaked();
        let said = all.last().unwrap().json();
        assert_eq!(said["url"], url(&format!("/api/v3/repos/{}", EXAMPLE.1)));
    });
}

/// The server's own refusals pass as they are: clients tell by them what is wrong.
#[test]
fn the_servers_refusals_pass_and_the_gates_own_do_not_look_like_them() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let published = Published::open(&world, READS, "").await;
        let asker = published.asker(&world);
        let asked = asker.get(url("/api/v3/user")).bearer_auth("wrong");
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(answer.headers().contains_key("x-github-request-id"));
        assert_eq!(
            answer.json::<serde_json::Value>().await.unwrap()["message"],
            "Bad credentials"
        );
        ghes.forget();
        let asked = asker.post(url("/api/v3/user/repos")).bearer_auth(TOKEN);
        let answer = asked
            .json(&serde_json::json!({ "name": "new" }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 403);
        code(answer).await;
        assert_eq!(ghes.seen().len(), 0);
    });
}

/// What a query is answered has URLs under names that the caller made up.
#[test]
fn queries_pass_with_public_urls_and_mutations_do_not() {
    world(async |world| {
        let ghes = Ghes::open(&world).await;
        let whole = r#"{"data":{"a":{"b":"https://github.corp.internal/octocat/Hello-World"}}}"#;
        let json = http::Response::builder().header("content-type", "application/json");
        ghes.plant("/api/graphql", json.body(whole).unwrap());
        let published = Published::allowing(&world, "\"graphql:query\"").await;
        let client = Client::outside(&world);
        let query = "query { a: repository(owner: \"octocat\", name: \"Hello-World\") { b: url } }";
        let said = client
            .gh(&["graphql", "-f", &format!("query={query}")])
            .await;
        let Some(said) = said else { return };
        assert_eq!(said[0]["data"]["a"]["b"], url("/octocat/Hello-World"));
        ghes.forget();
        let mutation = "mutation { addStar(input: {starrableId: \"x\"}) { clientMutationId } }";
        let one = |text: &str| serde_json::json!({ "query": text });
        let both = format!("{query} {mutation}");
        for document in [
            one(mutation),
            one("subscription { a }"),
            one(&both.replace("query {", "query A {")),
            one("query {"),
            one(""),
            serde_json::json!([one(query), one(mutation)]),
            serde_json::json!({ "query": query, "Query": mutation }),
            serde_json::json!({ "a": query }),
        ] {
            let asked = published
                .asker(&world)
                .post(url("/api/graphql"))
                .bearer_auth(TOKEN);
            let answer = asked.json(&document).send().await.unwrap();
            assert!(
                [400, 403].contains(&answer.status().as_u16()),
                "{document}: {answer:?}"
            );
            code(answer).await;
        }
        // Two members of one name: which one counts is not for the gate to guess.
        let twice = format!("{{\"query\":{:?},\"query\":{:?}}}", "{a}", mutation);
        let asked = published
            .asker(&world)
            .post(url("/api/graphql"))
            .bearer_auth(TOKEN);
        let asked = asked.header("content-type", "application/json").body(twice);
        assert!(asked.send().await.unwrap().status().is_client_error());
        // The head may be there before the body is judged; nothing is done before all is there.
        assert!(!ghes.seen().iter().any(Seen::whole), "{:?}", ghes.seen());
        published.nothing_leaked();
    });
}
