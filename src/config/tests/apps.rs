//! The rules of `[[github]]` and `[[app]]`.

use super::{Place, RIGHT};
use crate::apps::fake::{pem, pkcs8};
use crate::apps::store::{Place as Shelf, Store, Stored};
use crate::config::Config;
use crate::github::Product;
use crate::types::AppId;

const APPS: &str = r#"
[[github]]
name = "ghes"
url = "https://github.corp.internal"
[[app]]
name = "sync"
github = "ghes"
id = 12
keys = ["file:sync.pem"]
"#;

fn place() -> Place {
    let place = Place::new();
    place.write("sync.pem", pem("PRIVATE KEY", &pkcs8(0)).expose());
    place.write("newer.pem", pem("PRIVATE KEY", &pkcs8(1)).expose());
    place.write("odd.pem", "hunter2");
    place.write_certificate("ca.pem", "ca.key", &["ca"]);
    place
}

fn changed((from, to): (&str, &str)) -> String {
    assert!(APPS.contains(from), "{from}");
    format!("{RIGHT}{}", APPS.replacen(from, to, 1))
}

fn right(change: (&str, &str)) -> Config {
    let config = place().read(&changed(change));
    config.unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

const URL: &str = "\"https://github.corp.internal\"";
const KEYS: &str = "[\"file:sync.pem\"]";

#[test]
fn what_is_written_of_hosts_and_apps_is_what_comes_out() {
    let config = right((
        URL,
        "\"https://github.corp.internal:8443/\"\nca = \"ca.pem\"\nvia = \"http://proxy:3128\"",
    ));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let site = &config.sites[0];
    assert_eq!(site.product, Product::Server);
    assert_eq!(site.api(), "https://github.corp.internal:8443/api/v3");
    assert!(site.ca.as_ref().unwrap().ends_with("ca.pem"));
    assert_eq!(site.via.as_ref().unwrap().as_str(), "http://proxy:3128/");
    let app = &config.apps[0];
    assert_eq!((app.name.as_str(), app.id.0), ("sync", 12));
    assert_eq!(app.site.name.as_str(), "ghes");
    assert!(app.webhook_secret.is_none() && !app.recover);
    let config = right((
        KEYS,
        "[\"file:newer.pem\", \"file:sync.pem\"]\nwebhook_secret = \"inline:of the App's own webhook\"",
    ));
    let app = &config.apps[0];
    assert_eq!(app.keys.len(), 2);
    let secret = app.webhook_secret.as_ref().unwrap();
    assert_eq!(secret.expose(), b"of the App's own webhook");
    let shown = format!("{config:?}");
    assert!(!shown.contains("BEGIN") && !shown.contains("own webhook"));
}

#[test]
fn a_host_is_told_to_be_what_it_is() {
    let table = [
        (
            "https://github.com",
            Product::Cloud,
            "https://api.github.com",
        ),
        (
            "https://acme.ghe.com/",
            Product::Cloud,
            "https://api.acme.ghe.com",
        ),
        (
            "https://ghe.example.com",
            Product::Server,
            "https://ghe.example.com/api/v3",
        ),
        (
            "https://notghe.com",
            Product::Server,
            "https://notghe.com/api/v3",
        ),
    ];
    for (url, product, api) in table {
        let config = right((URL, &format!("{url:?}")));
        let site = &config.sites[0];
        assert_eq!((site.product, &*site.api()), (product, api), "{url}");
    }
    let config = right((URL, "\"http://github.corp.internal\""));
    let warning = &config.warnings[0];
    assert!(warning.contains("github[0].url: is http"), "{warning}");
}

#[test]
fn a_host_or_an_app_that_is_wrong_says_where_and_what_would_be_right() {
    const KEY: &str =
        "expected the RSA private key of a GitHub App, as downloaded from its settings";
    let only = "expected `https://github.com` or `https://SUB.ghe.com`";
    let table = [
        (URL, "\"https://api.github.com\"", format!("github[0].url: found `https://api.github.com`, {only}")),
        (URL, "\"https://ghe.com\"", format!("github[0].url: found `https://ghe.com`, {only}")),
        (URL, "\"https://api.acme.ghe.com\"", "github[0].url: found `https://api.acme.ghe.com`, expected the host of its pages, `https://SUB.ghe.com`".to_owned()),
        (URL, "\"http://github.com\"", "github[0].url: found `http://github.com`, expected https".to_owned()),
        (URL, "\"https://ghes/api/v3\"", "github[0].url: found `https://ghes/api/v3`, expected the host alone: where its API is follows from it".to_owned()),
        (URL, "\"https://ghes\"\nvia = \"http://proxy/x\"", "github[0].via: found `http://proxy/x`, expected a proxy such as `http://proxy.corp.internal:3128`".to_owned()),
        (URL, "\"https://ghes\"\nvia = \"proxy:3128\"", "github[0].via: `proxy:3128` does not begin with `https://` or `http://`; expected an address such as `https://hooks.example.com/jira`".to_owned()),
        (URL, "\"https://ghes\"\nvia = \"https://proxy/\"\n[broker]\nurl = \"https://hooks.example.com/b\"", "github[0].via: is https, and callers use Apps there: what they ask passes a proxy that is spoken to in plain http only; expected `http://HOST:PORT`".to_owned()),
        ("github = \"ghes\"", "github = \"gehs\"", "app[0].github: there is no `[[github]]` named `gehs`; did you mean `ghes`?".to_owned()),
        ("github = \"ghes\"", "", "app[0].github: missing; expected the name of a `[[github]]`".to_owned()),
        ("id = 12", "id = 0", "app[0].id: found `0`, expected the App id that its settings at GitHub show, such as `12`".to_owned()),
        ("id = 12", "id = 12\nrecovr = true", "app[0].recovr: unknown key; did you mean `recover`?".to_owned()),
        (KEYS, "[]", "app[0].keys: has 0 keys, expected 1 to 25: a list of secrets such as `[\"file:sync.pem\"]`".to_owned()),
        (KEYS, "[\"file:odd.pem\"]", format!("app[0].keys[0]: `file:odd.pem` is no PEM; {KEY}")),
        (KEYS, "[\"inline:hunter2\"]", format!("app[0].keys[0]: `inline:…` is no PEM; {KEY}")),
        (KEYS, "[\"file:sync.pem\", \"file:sync.pem\"]", "app[0].keys[1]: is the same key as `app[0].keys[0]`".to_owned()),
        (KEYS, "[\"SHA256:x\"]", "app[0].keys: names a key by its fingerprint, which is one that a signer holds; expected `[gateway].signer`, or the key itself".to_owned()),
        (KEYS, "[\"file:none.pem\"]", "app[0].keys[0]: cannot read secret file `DIR/none.pem`: No such file or directory (os error 2)".to_owned()),
    ];
    let place = place();
    for (from, to, expected) in table {
        let Err(mistakes) = place.read(&changed((from, to))) else {
            panic!("is taken for right: {to}");
        };
        let all: Vec<String> = mistakes
            .iter()
            .map(|mistake| format!("{}: {}", mistake.key, mistake.text))
            .collect();
        assert_eq!(place.without_directory(&all.join("\n")), expected, "{to}");
    }
}

#[test]
fn one_app_cannot_stand_there_twice() {
    let second = r#"
[[app]]
name = "again"
github = "ghes"
id = 12
keys = ["file:sync.pem"]
"#;
    let said = place().complaint(&format!("{}{second}", changed(("", ""))));
    assert!(
        said.contains("app[1].id: `12 at ghes` is taken by `app[0].id`"),
        "{said}"
    );
}

#[test]
fn keys_that_a_signer_holds_are_named_by_their_fingerprints() {
    let print = crate::apps::fake::key(0).fingerprint().to_string();
    let text = |keys: &str| {
        let gateway = "[gateway]\nsigner = \"/run/signer.sock\"\n[[listen]]";
        changed((KEYS, keys)).replace("[[listen]]", gateway)
    };
    let place = place();
    let config = place.read(&text(&format!("[{print:?}]"))).unwrap();
    let (socket, keys) = config.apps[0].apart.as_ref().unwrap();
    assert_eq!(
        (socket.to_str().unwrap(), keys.len()),
        ("/run/signer.sock", 1)
    );
    assert!(config.apps[0].keys.is_empty());
    let said = place.complaint(&text(&format!("[{print:?}, \"file:sync.pem\"]")));
    assert!(
        said.contains("some keys are here and some are the signer's"),
        "{said}"
    );
    let said = place.complaint(&text("[\"SHA256:AAAA\"]"));
    assert!(
        said.contains("app[0].keys[0]: found `SHA256:AAAA`, expected a key's fingerprint"),
        "{said}"
    );
    let odd = text(KEYS).replace("/run/signer.sock", "signer.sock");
    let said = place.complaint(&odd);
    assert!(
        said.contains("gateway.signer: found `signer.sock`, expected an absolute path"),
        "{said}"
    );
}

/// An App that was made here, in the state directory of this text.
fn shelved(place: &Place, name: &str, id: u64, github: &str) -> String {
    let shelf = Shelf {
        directory: place.path("state/apps"),
        key: None,
    };
    let stored = Stored {
        name: name.parse().unwrap(),
        github: github.parse().unwrap(),
        id: AppId(id),
        slug: "made".to_owned(),
        client_id: "Iv1".to_owned(),
        client_secret: pem("X", b"canary"),
        webhook_secret: None,
        keys: vec![pem("PRIVATE KEY", &pkcs8(1))],
    };
    Store::make(&shelf).unwrap().put(&stored).unwrap();
    let state = place.path("state").display().to_string();
    let gateway = format!("[gateway]\nstate_dir = {state:?}\n");
    let apps = changed(("", ""));
    apps.replace("[[listen]]", &format!("{gateway}[[listen]]"))
}

#[test]
fn apps_that_were_made_here_count_like_those_of_the_file() {
    let place = place();
    let text = shelved(&place, "made", 13, "ghes");
    let config = place.read(&text).unwrap();
    let names: Vec<&str> = config.apps.iter().map(|app| app.name.as_str()).collect();
    assert_eq!(names, ["sync", "made"]);
    assert_eq!(config.made_here.len(), 1);
    assert!(config.apps[1].recover && config.app_place.key.is_none());
    // A credential, where there is one, is the key.
    place.write("apps-key", [7; 32]);
    let said = place.complaint(&text);
    assert!(
        said.contains("made.app` was not sealed with the key in `DIR/apps-key`"),
        "{said}"
    );
}

#[test]
fn an_app_that_was_made_here_and_does_not_fit_the_file_is_told() {
    let rows = [
        (
            "sync",
            13,
            "ghes",
            "the App `sync` was made here and stands in the file too",
        ),
        (
            "made",
            12,
            "ghes",
            "the App `made` was made here and stands in the file too",
        ),
        (
            "made",
            13,
            "gone",
            "the App `made` was made here for the `[[github]]` `gone`, which is not there",
        ),
    ];
    for (name, id, github, expected) in rows {
        let place = place();
        let text = shelved(&place, name, id, github);
        let said = place.complaint(&text);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_route_takes_what_an_app_signs_as_soon_as_the_app_is_there() {
    let route = "secrets = [\"inline:of the hook itself\", \"app:sync\"]";
    let read = |apps: &str| {
        let own = format!("{RIGHT}{apps}");
        let mut lines = own.lines();
        let old = lines.find(|line| line.starts_with("secrets = [")).unwrap();
        place().read(&own.replacen(old, route, 1)).unwrap()
    };
    let warned = |config: &Config, what: &str| {
        assert_eq!(config.webhooks[0].secrets.len(), 1);
        assert!(
            config
                .warnings
                .iter()
                .any(|one| one.to_string().contains(what)),
            "{:?}",
            config.warnings
        );
    };
    warned(&read(""), "no App `sync` is held here yet");
    warned(&read(APPS), "`sync` has no webhook secret");
    let secret = "webhook_secret = \"inline:of the App's own webhook\"\nkeys =";
    let config = read(&APPS.replacen("keys =", secret, 1));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let secrets = config.webhooks[0].secrets.iter();
    let secrets: Vec<_> = secrets.map(|one| one.read().unwrap()).collect();
    assert_eq!(secrets[1].expose(), b"of the App's own webhook");
}

#[test]
fn a_key_in_hardware_is_the_signers_to_name() {
    let named = "[\"pkcs11:token=hubgate;object=sync\"]";
    let mistakes = place().read(&changed((KEYS, named))).unwrap_err();
    let said = mistakes.to_string();
    assert!(
        said.contains("with which `hubgate signer` speaks"),
        "{said}"
    );
}
