//! The rules of `[[caller]]`, `[broker]`, `client_ca` and `credentials`.

use super::{Place, RIGHT, config};
use crate::broker::{Proof, Reach};
use crate::edge::source::From;
use crate::github::Allowed;

const CALLER: &str = r#"
[[certificate]]
hosts = ["broker.example.com"]
self_signed = true
[[github]]
name = "ghes"
url = "https://github.corp.internal"
[[caller]]
name = "build-bot"
key = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
[[caller.grant]]
app = "sync"
owner = "Acme"
repositories = ["web-*", "docs"]
permissions = { contents = "read", issues = "write" }
as = ["proxy", "token"]
[broker]
url = "https://broker.example.com/gate"
"#;

fn changed(from: &str, to: &str) -> String {
    assert!(CALLER.contains(from), "{from}");
    format!("{RIGHT}{}", CALLER.replacen(from, to, 1))
}

#[test]
fn what_is_written_of_callers_is_what_comes_out() {
    let config = config(&changed("", ""));
    let [warning] = config.warnings.as_slice() else {
        panic!("{:?}", config.warnings);
    };
    assert!(
        warning.contains("no `[[app]]` is called `sync`"),
        "{warning}"
    );
    let caller = &config.callers[0].caller;
    assert_eq!(caller.name.as_str(), "build-bot");
    assert!(matches!(caller.proofs.as_slice(), [Proof::Key(_)]));
    assert_eq!(caller.rate.to_string(), "600/m");
    let grant = &caller.grants[0];
    assert_eq!((grant.app.as_str(), grant.owner.as_str()), ("sync", "acme"));
    assert!(grant.uses.proxy && grant.uses.token);
    let Reach::Some(patterns) = &grant.reach else {
        panic!("all");
    };
    let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
    assert_eq!(patterns, ["acme/web-*", "acme/docs"]);
    let Allowed::Only(permissions) = &grant.permissions else {
        panic!("all");
    };
    assert_eq!(permissions.to_string(), "contents: read, issues: write");
    let broker = config.broker.as_ref().unwrap();
    assert_eq!(broker.url.as_str(), "https://broker.example.com/gate");
    assert_eq!(broker.from, From::Anywhere);
}

#[test]
fn all_and_other_proofs_have_to_be_written() {
    let all = changed(
        "repositories = [\"web-*\", \"docs\"]",
        "repositories = \"all\"",
    );
    let all = all.replace(
        "permissions = { contents = \"read\", issues = \"write\" }",
        "permissions = \"all\"",
    );
    let all = all.replace(
        "name = \"build-bot\"",
        r#"name = "build-bot"
certificate = "spiffe://corp/build-bot"
rate = "3/s"
oidc = { issuer = "https://token.actions.githubusercontent.com", audience = "hubgate", claims = { repository_owner_id = "1234" } }"#,
    );
    let config = config(&all);
    let caller = &config.callers[0].caller;
    assert_eq!(caller.proofs.len(), 3);
    assert_eq!(caller.rate.to_string(), "3/s");
    assert_eq!(caller.grants[0].reach, Reach::All);
    assert_eq!(caller.grants[0].permissions, Allowed::All);
}

/// Each is a change of what is right, the key that is told, and words that are told of it.
fn each_is_a_mistake(rows: &[(&str, &str, &str, &str)]) {
    let place = Place::new();
    for (from, to, key, words) in rows {
        let Err(mistakes) = place.read(&changed(from, to)) else {
            panic!("is taken for right: {to}");
        };
        let told: Vec<String> = mistakes
            .iter()
            .map(|mistake| format!("{}: {}", mistake.key, mistake.text))
            .collect();
        let key = format!("{key}: ");
        let fits = |one: &String| one.starts_with(&key) && one.contains(words);
        assert!(told.iter().any(fits), "{to}: {told:#?}");
        assert!(!told.join("").contains("hgk_"), "{told:?}");
    }
}

#[test]
fn a_caller_that_is_wrong_says_where_and_what_would_be_right() {
    each_is_a_mistake(&[
        (
            "key = \"sha256:e3",
            "key = \"hgk_e3",
            "caller[0].key",
            "is no digest of a key",
        ),
        (
            "key = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
            "",
            "caller[0]",
            "cannot prove who it is",
        ),
        (
            "name = \"build-bot\"",
            "name = \"build-bot\"\nrate = \"0/m\"",
            "caller[0].rate",
            "a rate such as",
        ),
        (
            "name = \"build-bot\"",
            "name = \"build-bot\"\ncertificate = \"a b\"",
            "caller[0].certificate",
            "a URI or DNS name",
        ),
        (
            "name = \"build-bot\"",
            "name = \"build-bot\"\noidc = { issuer = \"https://x.example\", audience = \"y\", claims = {} }",
            "caller[0].oidc.claims",
            "everybody of this issuer",
        ),
        (
            "name = \"build-bot\"",
            "name = \"build-bot\"\noidc = { issuer = \"https://x.example\", audience = \"y\", claims = { sub = \"*\" } }",
            "caller[0].oidc.claims.sub",
            "not for all of it",
        ),
        (
            "name = \"build-bot\"",
            "name = \"build-bot\"\noidc = { issuer = \"http://x.example\", audience = \"y\", claims = { sub = \"z\" } }",
            "caller[0].oidc.issuer",
            "is not https",
        ),
        (
            "url = \"https://broker.example.com/gate\"",
            "url = \"https://other.example.com/\"",
            "broker.url",
            "no `[[certificate]]`",
        ),
        (
            "url = \"https://broker.example.com/gate\"",
            "from = [\"office\"]",
            "broker.url",
            "missing",
        ),
        (
            "[broker]",
            "[[caller]]\nname = \"two\"\nkey = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n[[caller.grant]]\napp = \"sync\"\nowner = \"acme\"\nrepositories = \"all\"\npermissions = \"all\"\nas = [\"token\"]\n[broker]",
            "caller[1].key",
            "is taken by",
        ),
    ]);
}

#[test]
fn a_grant_that_is_wrong_says_where_and_what_would_be_right() {
    each_is_a_mistake(&[
        (
            "repositories = [\"web-*\", \"docs\"]",
            "repositories = []",
            "caller[0].grant[0].repositories",
            "is empty",
        ),
        (
            "repositories = [\"web-*\", \"docs\"]",
            "repositories = \"every\"",
            "caller[0].grant[0].repositories",
            "or `\"all\"`",
        ),
        (
            "\"web-*\"",
            "\"*\"",
            "caller[0].grant[0].repositories[0]",
            "expected `repositories = \"all\"`",
        ),
        (
            "\"web-*\"",
            "\"acme/web\"",
            "caller[0].grant[0].repositories[0]",
            "without its owner",
        ),
        (
            "\"web-*\"",
            "\"..\"",
            "caller[0].grant[0].repositories[0]",
            "a repository's name",
        ),
        (
            "contents = \"read\", issues = \"write\"",
            "",
            "caller[0].grant[0].permissions",
            "GitHub would take for all",
        ),
        (
            "contents = \"read\"",
            "contents = \"all\"",
            "caller[0].grant[0].permissions.contents",
            "`read`, `write` or `admin`",
        ),
        (
            "owner = \"Acme\"",
            "owner = \"a/b\"",
            "caller[0].grant[0].owner",
            "an organization or a user",
        ),
        (
            "owner = \"Acme\"",
            "",
            "caller[0].grant[0].owner",
            "missing",
        ),
        (
            "as = [\"proxy\", \"token\"]",
            "as = []",
            "caller[0].grant[0].as",
            "is empty",
        ),
        (
            "as = [\"proxy\", \"token\"]",
            "",
            "caller[0].grant[0].as",
            "missing",
        ),
        (
            "as = [\"proxy\", \"token\"]",
            "as = [\"proxy\"]\nallow = [\"floww\"]",
            "caller[0].grant[0].allow[0]",
            "did you mean `flow`",
        ),
    ]);
}

#[test]
fn clients_certificates_need_their_authorities_and_tls() {
    let place = Place::new();
    place.write_certificate("ca.pem", "ca.key", &["ca"]);
    let listen = |keys: &str| {
        RIGHT.replacen(
            "name = \"public\"",
            &format!("name = \"public\"\n{keys}"),
            1,
        )
    };
    let config = place
        .read(&listen(
            "client_ca = \"ca.pem\"\nclient_auth = \"required\"",
        ))
        .unwrap();
    let clients = config.listeners[0].clients.as_ref().unwrap();
    assert!(clients.required && clients.authorities.len() == 1);
    for (keys, words) in [
        (
            "client_auth = \"required\"",
            "has no effect without `client_ca`",
        ),
        ("client_ca = \"nothing.pem\"", "cannot be read"),
        ("client_ca = \"ca.key\"", "holds no certificate"),
    ] {
        let mistakes = place.read(&listen(keys)).unwrap_err().to_string();
        assert!(mistakes.contains(words), "{mistakes}");
    }
}
