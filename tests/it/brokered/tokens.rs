//! Tokens in callers' own hands.

use super::{Broker, Caller, WIDE, asker, asking, url};
use crate::world::{PUBLIC, world};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SanType};
use serde_json::json;

#[test]
fn a_caller_is_given_what_it_asks_for_and_never_more_than_its_grant() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        let (status, given) = broker
            .token(
                &world,
                &caller.key,
                &json!({ "app": "sync", "owner": "Acme", "repositories": ["web-1"],
                    "permissions": { "issues": "read" } }),
            )
            .await;
        assert_eq!(status, 201, "{given}");
        assert_eq!(given["repositories"], json!(["web-1"]));
        assert_eq!(
            given["permissions"],
            json!({ "issues": "read", "metadata": "read" })
        );
        assert_eq!(given["installation_id"], broker.installation);
        let token = given["token"].as_str().unwrap().to_owned();
        let minted = broker.minted();
        assert_eq!(minted.len(), 1);
        assert_eq!(minted[0].text, token);
        let (names, permissions) = broker.reach(&token).unwrap();
        assert_eq!(names, ["acme/web-1"]);
        assert_eq!(permissions, json!({ "issues": "read", "metadata": "read" }));

        // What is left out is what the grant says: those of its repositories that are there.
        let (status, all) = broker
            .token(
                &world,
                &caller.key,
                &json!({ "app": "sync", "owner": "acme" }),
            )
            .await;
        assert_eq!(status, 201, "{all}");
        assert_eq!(all["repositories"], json!(["docs", "web-1", "web-2"]));
        assert_eq!(all["permissions"]["contents"], "write");
        assert_eq!(all["permissions"].get("pull_requests"), None);

        for (what, request, expected) in [
            (
                "another repository",
                json!({ "app": "sync", "owner": "acme", "repositories": ["secret"] }),
                (403, "not_granted"),
            ),
            (
                "one that is not there",
                json!({ "app": "sync", "owner": "acme", "repositories": ["nothing"] }),
                (403, "not_granted"),
            ),
            (
                "one that fits and is not there",
                json!({ "app": "sync", "owner": "acme", "repositories": ["web-9"] }),
                (403, "not_granted"),
            ),
            (
                "another owner",
                json!({ "app": "sync", "owner": "other" }),
                (403, "not_granted"),
            ),
            (
                "another App",
                json!({ "app": "ops", "owner": "acme" }),
                (403, "not_granted"),
            ),
            (
                "more",
                json!({ "app": "sync", "owner": "acme", "permissions": { "contents": "admin" } }),
                (403, "not_granted"),
            ),
            (
                "other permissions",
                json!({ "app": "sync", "owner": "acme", "permissions": { "pull_requests": "read" } }),
                (403, "not_granted"),
            ),
            (
                "an empty list",
                json!({ "app": "sync", "owner": "acme", "repositories": [] }),
                (400, "request_invalid"),
            ),
            (
                "no permission",
                json!({ "app": "sync", "owner": "acme", "permissions": {} }),
                (400, "request_invalid"),
            ),
            ("nothing", json!({}), (400, "request_invalid")),
        ] {
            let before = broker.minted().len();
            let (status, said) = broker.token(&world, &caller.key, &request).await;
            let code = said["error"]["code"].as_str().unwrap_or_default();
            assert_eq!((status, code), expected, "{what}: {said}");
            assert_eq!(broker.minted().len(), before, "{what}");
        }
        let record = broker
            .audited(|record| record["reason"] == "token_issued")
            .await;
        assert_eq!(record["caller"], "build-bot");
        assert_eq!(record["app"], "sync");
        let minted = broker
            .audited(|one| one["kind"] == "token" && one["token"] == record["token"])
            .await;
        assert_eq!(minted["repositories"], json!(["web-1"]));
        assert_eq!(minted["permissions"]["issues"], "read");
        assert_eq!(minted["outcome"], "ok");
        let handed = vec![token, all["token"].as_str().unwrap().to_owned()];
        broker.no_secret_escaped(&[&caller.key], &handed);
    });
}

#[test]
fn who_is_not_known_or_has_no_grant_to_hold_a_token_gets_none() {
    world(async |world| {
        let (caller, user) = (Caller::make(), Caller::make());
        let proxy = "repositories = \"all\"\npermissions = \"all\"\nas = [\"proxy\"]";
        let sections = format!(
            "{}{}",
            caller.section("build-bot", WIDE),
            user.section("user", proxy)
        );
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        let request = json!({ "app": "sync", "owner": "acme" });
        let (status, said) = broker.token(&world, &user.key, &request).await;
        assert_eq!(
            (status, &said["error"]["code"]),
            (403, &json!("not_granted"))
        );
        for line in [
            None,
            Some(format!("Bearer {}x", caller.key)),
            Some("Bearer hgk_unknown".to_owned()),
            Some("Basic Og==".to_owned()),
            Some("Bearer ghp_0123456789abcdefghijklmnopqrstuvwxyz".to_owned()),
            Some("Bearer eyJhbGciOiJub25lIn0.e30.x".to_owned()),
        ] {
            let mut asked = asker(&world).post(url("/v1/token")).json(&request);
            if let Some(line) = &line {
                asked = asked.header("authorization", line);
            }
            let answer = asked.send().await.unwrap();
            assert!(answer.headers().contains_key("www-authenticate"));
            let refused = super::refused(answer).await;
            assert_eq!(refused, (401, "caller_unknown".to_owned()), "{line:?}");
        }
        assert!(broker.minted().is_empty());
        let answer = broker.get(&world, &caller.key, "/v1/whoami").await;
        let said: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(said["caller"], "build-bot");
        assert_eq!(said["grants"][0]["repositories"], json!(["web-*", "docs"]));
        assert_eq!(said["grants"][0]["as"], json!(["proxy", "token"]));
        assert_eq!(said["rate"]["limit"], "600/m");
        assert!(said["rate"]["remaining"].as_u64().unwrap() < 600, "{said}");
        let answer = broker.get(&world, &caller.key, "/v1/token").await;
        assert_eq!(
            super::refused(answer).await,
            (405, "method_not_allowed".to_owned())
        );
    });
}

#[test]
fn a_person_has_a_token_from_the_command_line() {
    world(async |world| {
        let caller = Caller::make();
        let Some(broker) = Broker::open(&world, &caller.section("build-bot", WIDE)).await else {
            return;
        };
        let (key, authority) = (world.path("key"), world.path("public-ca.pem"));
        std::fs::write(&key, format!("{}\n", caller.key)).unwrap();
        crate::harness::private(&key);
        let hubgate = async |more: &[&str]| {
            let mut words = vec!["token", "sync", "--owner", "acme"];
            let (base, key) = (url("/"), key.to_str().unwrap().to_owned());
            words.extend(["--broker", &base, "--key-file", &key]);
            words.extend(["--ca", authority.to_str().unwrap()]);
            words.extend(more);
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hubgate"));
            command.args(words);
            let out = tokio::task::spawn_blocking(move || command.output());
            let out = out.await.unwrap().unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            (out.status.success(), text(out.stdout), text(out.stderr))
        };
        let (well, token, _) = hubgate(&["--repo", "web-1", "--permission", "issues=read"]).await;
        assert!(well);
        let (names, permissions) = broker.reach(token.trim()).unwrap();
        assert_eq!(names, ["acme/web-1"]);
        assert_eq!(permissions, json!({ "issues": "read", "metadata": "read" }));
        let (well, said, _) = hubgate(&["--repo", "docs", "--json"]).await;
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert!(well && said["repositories"] == json!(["docs"]), "{said}");
        for (more, words) in [
            (&["--repo", "secret"][..], "not_granted"),
            (&["--permission", "contents"], "has no level"),
            (
                &["--permission", "contents=all"],
                "`read`, `write` or `admin`",
            ),
        ] {
            let (well, out, complaint) = hubgate(more).await;
            assert!(
                !well && out.is_empty() && complaint.contains(words),
                "{complaint}"
            );
            assert!(!complaint.contains(&caller.key));
        }
    });
}

#[test]
fn who_asks_too_often_waits_and_others_do_not() {
    world(async |world| {
        let (caller, other) = (Caller::make(), Caller::make());
        let slow = caller
            .section("slow", WIDE)
            .replace("[[caller.grant]]", "rate = \"3/h\"\n[[caller.grant]]");
        let sections = format!("{slow}{}", other.section("other", WIDE));
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        for _ in 0..3 {
            assert_eq!(
                broker.get(&world, &caller.key, "/v1/whoami").await.status(),
                200
            );
        }
        let answer = broker.get(&world, &caller.key, "/v1/whoami").await;
        let wait = answer.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u64>();
        assert!((1000..=1200).contains(&wait.unwrap()));
        assert_eq!(
            super::refused(answer).await,
            (429, "caller_rate_limited".to_owned())
        );
        assert_eq!(
            broker.get(&world, &other.key, "/v1/whoami").await.status(),
            200
        );
    });
}

#[test]
fn a_client_certificate_of_the_listeners_authority_is_a_caller() {
    world(async |world| {
        let caller = Caller::make();
        let sections = caller
            .section("build-bot", WIDE)
            .replace(&caller.line, "certificate = \"spiffe://corp/build-bot\"");
        let listen = format!("client_ca = \"{}\"", world.path("corp-ca.pem").display());
        let shape = crate::simulator::Shape::Ghes;
        let Some(broker) = Broker::with(&world, shape, &listen, &sections).await else {
            return;
        };
        let with = |identity: Option<String>| {
            let mut asking = asking(&world).resolve(PUBLIC, crate::world::GATE);
            if let Some(pem) = identity {
                asking = asking.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
            }
            asking.build().unwrap().get(url("/v1/whoami")).send()
        };
        let own = with(Some(certificate(&world.corp, "spiffe://corp/build-bot")))
            .await
            .unwrap();
        assert_eq!(own.status(), 200);
        let said: serde_json::Value = own.json().await.unwrap();
        assert_eq!(said["caller"], "build-bot");
        // Optional: who shows none may come, and is not known.
        for identity in [None, Some(certificate(&world.corp, "spiffe://corp/other"))] {
            let answer = with(identity).await.unwrap();
            assert_eq!(
                super::refused(answer).await,
                (401, "caller_unknown".to_owned())
            );
        }
        // Another authority's is not taken at all.
        let strange = certificate(&world.public, "spiffe://corp/build-bot");
        assert!(with(Some(strange)).await.is_err());
        drop(broker);
    });
}

/// A client's certificate with this URI, and its key.
pub fn certificate(authority: &crate::world::Authority, uri: &str) -> String {
    let key = KeyPair::generate().unwrap();
    let mut asked = CertificateParams::default();
    asked.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    asked.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    format!("{}{}", authority.sign(asked, &key), key.serialize_pem())
}

#[test]
fn a_build_with_a_token_of_its_oidc_issuer_is_a_caller() {
    world(async |world| {
        let issuer = super::issuer::Issuer::open().await;
        let caller = Caller::make();
        let oidc = format!(
            "oidc = {{ issuer = \"{}\", audience = \"hubgate\", claims = {{ repository_owner_id = \"1234\", sub = \"repo:acme/*\" }} }}",
            issuer.name()
        );
        let sections = caller.section("builds", WIDE).replace(&caller.line, &oidc);
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        let good = issuer.token("hubgate", "repo:acme/web-1:ref:refs/heads/main", "1234");
        let answer = broker.get(&world, &good, "/v1/whoami").await;
        let said: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(said["caller"], "builds", "{said}");
        for bad in [
            issuer.token("other", "repo:acme/web-1:ref:refs/heads/main", "1234"),
            issuer.token("hubgate", "repo:evil/web-1:ref:refs/heads/main", "1234"),
            issuer.token("hubgate", "repo:acme/web-1:ref:refs/heads/main", "12345"),
            super::issuer::Issuer::open()
                .await
                .token("hubgate", "repo:acme/x", "1234"),
        ] {
            let answer = broker.get(&world, &bad, "/v1/whoami").await;
            assert_eq!(
                super::refused(answer).await,
                (401, "caller_unknown".to_owned())
            );
        }
        broker.no_secret_escaped(&[&good], &[]);
    });
}

#[test]
fn what_is_given_out_ends_with_the_grant_and_with_the_gateway() {
    world(async |world| {
        let (caller, other) = (Caller::make(), Caller::make());
        let narrow =
            "repositories = [\"docs\"]\npermissions = { contents = \"read\" }\nas = [\"token\"]";
        let gone = other.section("gone", narrow);
        let sections = format!("{}{gone}", caller.section("build-bot", WIDE));
        let Some(mut broker) = Broker::open(&world, &sections).await else {
            return;
        };
        let request = json!({ "app": "sync", "owner": "acme", "repositories": ["docs"] });
        let (_, kept) = broker.token(&world, &caller.key, &request).await;
        let (_, ended) = broker.token(&world, &other.key, &request).await;
        let alive =
            |token: &serde_json::Value| broker.reach(token["token"].as_str().unwrap()).is_some();
        assert!(alive(&kept) && alive(&ended));
        let text = std::fs::read_to_string(broker.site.path("hubgate.toml")).unwrap();
        broker.site.write(&text.replace(&gone, ""));
        broker.gate.signal("-HUP");
        crate::harness::eventually(|| (!alive(&ended)).then_some(())).await;
        assert!(alive(&kept));
        let (status, _) = broker.token(&world, &other.key, &request).await;
        assert_eq!(status, 401);
        broker.gate.signal("-TERM");
        assert!(broker.gate.ended().await.success());
        assert!(
            broker.github.alive().is_empty(),
            "{:?}",
            broker.github.alive().len()
        );
    });
}

#[test]
fn an_operator_sees_who_asks_and_how_often_and_no_key() {
    world(async |world| {
        let (caller, other) = (Caller::make(), Caller::make());
        let sections = format!(
            "{}{}",
            caller.section("build-bot", WIDE).replacen(
                "[[caller.grant]]",
                "rate = \"3/h\"\n[[caller.grant]]",
                1
            ),
            other.section("idle", WIDE)
        );
        let Some(broker) = Broker::open(&world, &sections).await else {
            return;
        };
        let wanted = json!({ "app": "sync", "owner": "acme", "repositories": ["web-1"] });
        assert_eq!(broker.token(&world, &caller.key, &wanted).await.0, 201);
        let statuses = [200, 200, 429].map(|status| (status, "/v1/whoami"));
        for (status, path) in statuses {
            let answer = broker.get(&world, &caller.key, path).await;
            assert_eq!(answer.status(), status);
        }
        let socket = broker.site.path("admin.sock");
        let listed = || {
            let words = [
                "caller",
                "list",
                "--json",
                "--socket",
                socket.to_str().unwrap(),
            ];
            let out = broker.site.hubgate(&words);
            assert!(out.status.success(), "{out:?}");
            let said: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
            said
        };
        let said = listed();
        assert_eq!(said[0]["name"], "build-bot");
        assert_eq!(said[0]["proofs"], json!(["key"]));
        assert_eq!(said[0]["rate"], "3/h");
        assert_eq!(said[0]["remaining"], 0);
        assert_eq!(said[0]["requests"], 4);
        assert_eq!(said[0]["rate_limited"], 1);
        assert_eq!(said[0]["tokens"], 1);
        assert!(said[0]["last_seen"].is_string());
        let grant = json!({
            "app": "sync",
            "owner": "acme",
            "repositories": ["web-*", "docs"],
            "permissions": { "contents": "write", "issues": "write" },
            "as": ["proxy", "token"],
        });
        assert_eq!(said[0]["grants"], json!([grant]));
        assert_eq!(
            (&said[1]["name"], &said[1]["requests"]),
            (&json!("idle"), &json!(0))
        );
        assert!(said[1]["last_seen"].is_null());
        // What was counted stays where a reload changes something else.
        broker.rewritten("drain = \"5s\"", "drain = \"6s\"");
        assert_eq!(listed()[0]["requests"], 4);
        let digest = caller.line.split('"').nth(1).unwrap();
        assert!(!said.to_string().contains(digest), "{said}");
    });
}
