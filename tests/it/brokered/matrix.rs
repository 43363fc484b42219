//! Callers, grants and requests, and what comes of each, in any order: nobody's requests change
//! what another may get, and what is remembered is nobody's right.

use super::{Broker, Caller, WIDE, asker, url};
use crate::world::{World, world};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};

/// What is asked.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Api(&'static str, &'static str),
    Token(&'static str, &'static str, &'static str),
    Graphql(&'static str),
}

/// What comes of it: GitHub's own answer, or the gate's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    Passes(u16),
    Refused(u16),
}

use Ask::{Api, Graphql, Token};
use Comes::{Passes, Refused};

const NO: Comes = Refused(403);
const UNKNOWN: Comes = Refused(401);

/// The requests, and what comes of them for: one who may all; a reader of `web-*` through the
/// gate; one who may hold tokens for issues of `docs`; one whose grant is another owner's; one
/// whom nobody knows.
const TABLE: [(Ask, [Comes; 5]); 15] = [
    (
        Api("GET", "/repos/acme/web-1"),
        [Passes(200), Passes(200), NO, NO, UNKNOWN],
    ),
    (
        Api("GET", "/repos/acme/web-2"),
        [Passes(200), Passes(200), NO, NO, UNKNOWN],
    ),
    (
        Api("GET", "/repos/acme/docs"),
        [Passes(200), NO, NO, NO, UNKNOWN],
    ),
    (Api("GET", "/repos/acme/secret"), [NO, NO, NO, NO, UNKNOWN]),
    (
        Api("GET", "/repos/other/web-1"),
        [NO, NO, NO, Passes(200), UNKNOWN],
    ),
    (
        Api("POST", "/repos/acme/web-1/issues"),
        [Passes(201), Passes(403), NO, NO, UNKNOWN],
    ),
    (
        Api("POST", "/repos/acme/docs/issues"),
        [Passes(201), NO, NO, NO, UNKNOWN],
    ),
    (Api("GET", "/orgs/acme/repos"), [NO, NO, NO, NO, UNKNOWN]),
    (
        Api("DELETE", "/installation/token"),
        [NO, NO, NO, NO, UNKNOWN],
    ),
    (
        Token("acme", "docs", "issues"),
        [Passes(201), NO, Passes(201), NO, UNKNOWN],
    ),
    (
        Token("acme", "docs", "contents"),
        [Passes(201), NO, NO, NO, UNKNOWN],
    ),
    (
        Token("acme", "web-1", "contents"),
        [Passes(201), NO, NO, NO, UNKNOWN],
    ),
    (
        Token("acme", "secret", "contents"),
        [NO, NO, NO, NO, UNKNOWN],
    ),
    (
        Token("other", "web-1", "contents"),
        [NO, NO, NO, Passes(201), UNKNOWN],
    ),
    (Graphql("docs"), [Passes(200), NO, NO, NO, UNKNOWN]),
];

impl Broker {
    async fn comes(&self, world: &World, key: &str, ask: Ask) -> Comes {
        let client = asker(world);
        let asked = match ask {
            Api(method, path) => {
                let asked = client.request(
                    method.parse().unwrap(),
                    url(&format!("/github/sync/api/v3{path}")),
                );
                if method == "POST" {
                    asked.json(&json!({ "title": "made" }))
                } else {
                    asked
                }
            }
            Token(owner, name, kind) => client.post(url("/v1/token")).json(&json!({
                "app": "sync", "owner": owner, "repositories": [name], "permissions": { kind: "read" },
            })),
            Graphql(name) => {
                let query = format!("{{ repository(owner: \"acme\", name: \"{name}\") {{ nameWithOwner }} }}");
                client
                    .post(url("/github/sync/api/graphql"))
                    .json(&json!({ "query": query }))
            }
        };
        let answer = asked.bearer_auth(key).send().await.unwrap();
        let status = answer.status().as_u16();
        let said: Value = answer.json().await.unwrap();
        if said["error"]["code"].is_string() {
            Refused(status)
        } else {
            Passes(status)
        }
    }
}

#[test]
fn what_a_caller_may_does_not_hang_on_what_others_did_before() {
    world(async |world| {
        let callers: Vec<Caller> = (0..5).map(|_| Caller::make()).collect();
        let reader =
            "repositories = [\"web-*\"]\npermissions = { contents = \"read\" }\nas = [\"proxy\"]";
        let holder =
            "repositories = [\"docs\"]\npermissions = { issues = \"write\" }\nas = [\"token\"]";
        let stranger = "repositories = \"all\"\npermissions = { contents = \"read\" }\nas = [\"proxy\", \"token\"]";
        let other = callers[3]
            .section("other", stranger)
            .replace("owner = \"acme\"", "owner = \"other\"");
        let sections = [
            callers[0].section("all", WIDE),
            callers[1].section("reader", reader),
            callers[2].section("holder", holder),
            other,
        ]
        .concat();
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        broker.github.install_on(broker.app, "other", &["web-1"]);
        let mut all: Vec<(usize, usize)> = (0..TABLE.len())
            .flat_map(|row| (0..callers.len()).map(move |caller| (row, caller)))
            .collect();
        for seed in 0..4 {
            all.shuffle(&mut StdRng::seed_from_u64(seed));
            for (row, caller) in &all {
                let (ask, expected) = &TABLE[*row];
                let comes = broker.comes(&world, &callers[*caller].key, *ask).await;
                assert_eq!(
                    comes, expected[*caller],
                    "caller {caller}: {ask:?}, order {seed}"
                );
            }
        }
        // And nobody's token reaches further than the grant that it was made for.
        for token in broker.minted() {
            let (names, permissions) = broker.reach(&token.text).unwrap();
            assert!(!names.iter().any(|name| name == "acme/secret"), "{names:?}");
            assert_eq!(permissions.get("pull_requests"), None);
        }
        let keys: Vec<&str> = callers.iter().map(|caller| caller.key.as_str()).collect();
        let handed: Vec<String> = broker
            .github
            .tokens()
            .into_iter()
            .map(|token| token.text)
            .collect();
        broker.no_secret_escaped(&keys, &handed);
    });
}

#[test]
fn who_has_grants_of_two_owners_says_which_one_is_meant() {
    world(async |world| {
        let caller = Caller::make();
        let mut section = caller.section("build-bot", WIDE);
        section.push_str(
            "[[caller.grant]]\napp = \"sync\"\nowner = \"other\"\nrepositories = [\"web-1\"]\n\
             permissions = { contents = \"read\" }\nas = [\"proxy\"]\n",
        );
        let Some(broker) = Broker::open(&world, &section).await else {
            return;
        };
        broker.github.install_on(broker.app, "other", &["web-1"]);
        let client = asker(&world);
        let ask = async |owner: Option<&str>, of: &str| {
            let query =
                format!("{{ repository(owner: \"{of}\", name: \"web-1\") {{ nameWithOwner }} }}");
            let mut asked = client
                .post(url("/github/sync/api/graphql"))
                .bearer_auth(&caller.key)
                .json(&json!({ "query": query }));
            if let Some(owner) = owner {
                asked = asked.header("x-hubgate-owner", owner);
            }
            asked.send().await.unwrap()
        };
        let open = super::refused(ask(None, "acme").await).await;
        assert_eq!(open, (403, "grant_ambiguous".to_owned()));
        for owner in ["acme", "Other"] {
            assert_eq!(ask(Some(owner), &owner.to_lowercase()).await.status(), 200);
        }
        let crossed = super::refused(ask(Some("acme"), "other").await).await;
        assert_eq!(crossed, (403, "graphql_outside_repositories".to_owned()));
        let nobody = super::refused(ask(Some("nobody"), "acme").await).await;
        assert_eq!(nobody, (403, "not_granted".to_owned()));
        // What names its owner needs no header, and the header does not go on.
        for owner in ["acme", "other"] {
            let path = format!("/github/sync/api/v3/repos/{owner}/web-1");
            assert_eq!(broker.get(&world, &caller.key, &path).await.status(), 200);
        }
        let seen = broker.github.seen();
        assert!(
            seen.iter()
                .all(|seen| seen.header("x-hubgate-owner").is_none())
        );
    });
}
