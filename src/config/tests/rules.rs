//! The rules of each section, by table: what is a mistake, what a warning, what is right.

use super::{Place, RIGHT, config, each_is_a_mistake, each_is_right, with};
use crate::edge::source::{From, Origin};
use crate::spool::Order;
use crate::telemetry::log::Format;
use crate::types::ByteSize;
use crate::webhook::Mode;
use std::path::Path;
use std::time::Duration;

const LISTEN: &str = "address = \"127.0.0.1:8443\"";
const NETWORKS: &str = "networks = [\"192.0.2.0/24\"]";
const URL: &str = "url = \"https://hooks.example.com/jira\"";
const FROM: &str = "from = [\"office\"]";
const TO: &str = "url = \"https://jira.corp.example/hook\"";
const SELF_SIGNED: &str = "self_signed = true";

#[test]
fn what_is_left_out_has_its_default() {
    let config = config(RIGHT);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.gateway.state_dir, Path::new("/var/lib/hubgate"));
    assert_eq!(config.gateway.workers, 0);
    assert_eq!(config.gateway.drain, Duration::from_secs(30));
    let listener = &config.listeners[0];
    assert!(listener.tls && !listener.h2 && !listener.redirect);
    assert_eq!(listener.proxy_protocol, None);
    let route = &config.webhooks[0];
    assert_eq!(route.key.as_str(), "hooks.example.com/jira");
    assert_eq!(route.mode, Mode::Store);
    assert_eq!(route.max_body, ByteSize::new(25 << 20));
    assert_eq!(route.redelivery_window, Duration::from_secs(10));
    assert!(route.events.is_empty() && route.filter.is_none());
    let target = &route.to[0];
    assert_eq!(target.timeout, Duration::from_secs(30));
    assert_eq!(target.attempts.lasting, Duration::from_secs(72 * 3600));
    assert_eq!(target.attempts.first, Duration::from_secs(1));
    assert_eq!(target.attempts.most, Duration::from_secs(3600));
    assert_eq!(target.concurrency, 8);
    assert_eq!(target.order, Order::None);
    assert!(target.headers.is_empty() && target.allow.is_empty());
    assert!(target.resign.is_none() && target.ca.is_none());
    assert_eq!(config.spool.directory, Path::new("/var/lib/hubgate/spool"));
    assert_eq!(config.spool.keep, Duration::from_secs(7 * 86_400));
    assert_eq!(config.spool.max_size, ByteSize::new(20 << 30));
    assert_eq!(config.admin.socket, Path::new("/run/hubgate/admin.sock"));
    assert!(config.admin.address.is_none() && config.admin.token.is_none());
    assert_eq!(config.audit.file, None);
    assert_eq!(config.log.format, Format::Json);
    assert_eq!(config.log.level, "info");
}

#[test]
fn what_is_written_is_what_comes_out() {
    let place = Place::new();
    place.write_certificate("hooks.pem", "hooks.key", &["hooks.example.com"]);
    place.write("jira-basic", "Basic abc");
    let mut config = place
        .read(
            r#"
insecure_inline_secrets = true
[gateway]
state_dir = "/srv/hubgate"
workers = 4
drain = "5s"
[[listen]]
name = "public"
address = "[::]:443"
h2 = true
proxy_protocol = ["10.0.0.10", "2001:db8::/32"]
[[listen]]
name = "plain"
address = "[::]:80"
tls = false
only = "redirect"
[[certificate]]
hosts = ["*.Example.com"]
chain = "hooks.pem"
key = "file:hooks.key"
[[source]]
name = "github"
meta = { url = "https://api.github.com/meta", sections = ["hooks", "web"], refresh = "2h" }
[[webhook]]
url = "https://Hooks.example.com:8443/a/b/"
from = ["github"]
secrets = ["inline:the newer one of two", "inline:the older one of two"]
events = ["push", "pull_request.opened"]
filter = 'event == "push"'
max_body = "1MiB"
redelivery_window = "1m"
[[webhook.to]]
name = "jira"
url = "https://jira.corp.example:8443/hook?x=1"
timeout = "5s"
attempts = { for = "1h", first = "2s", most = "1m" }
concurrency = 3
order = "repository"
headers = { Authorization = "file:jira-basic" }
allow = ["10.2.0.0/16:8443", "10.2.0.7", "[2001:db8::/32]:443", "2001:db8::1"]
resign = "inline:a secret of our own"
ca = "hooks.pem"
[spool]
engine = "sqlite"
keep = "1d"
max_size = "1GiB"
[admin]
socket = "/run/admin.sock"
address = "10.0.0.1:9180"
token = "inline:a token for the admins"
[audit]
file = "/var/log/audit.jsonl"
[log]
format = "text"
level = "info,hubgate=debug"
"#,
        )
        .unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    // How a compiled filter looks is nobody's business.
    assert!(config.webhooks[0].filter.take().is_some());
    let debug = place.without_directory(&format!("{config:#?}"));
    insta::assert_snapshot!(debug);
}

#[test]
fn listeners_have_their_rules() {
    each_is_a_mistake(&[
        (
            "name = \"public\"",
            "name = \"\"",
            "listen[0].name: found ``, expected a name of 1 to 63 lower-case letters, digits and `-`",
        ),
        (
            LISTEN,
            "address = \"localhost:443\"",
            "listen[0].address: found `localhost:443`, expected an address and port such as `[::]:443` or `127.0.0.1:9180`",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\n[[listen]]\nname = \"b\"\naddress = \"127.0.0.1:8443\"",
            "listen[1].address: `127.0.0.1:8443` is taken by `listen[0].address`",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\nonly = \"redirect\"",
            "listen[0].only: a listener with TLS has nothing to redirect to; expected `tls = false`\n\
             webhook[0].url: no listener serves it: all of them only redirect",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\nproxy_protocol = []",
            "listen[0].proxy_protocol: is empty, expected networks such as `203.0.113.0/24`",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\nproxy_protocol = [\"::/0\"]",
            "listen[0].proxy_protocol[0]: `::/0` is everybody; expected the addresses of the load balancers",
        ),
    ]);
    each_is_right(&[
        (
            LISTEN,
            "address = \"127.0.0.1:0\"\n[[listen]]\nname = \"b\"\naddress = \"127.0.0.1:0\"",
            "",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\ntls = false",
            "configuration:6: listen[0].tls: listener `public` serves https routes such as \
             `hooks.example.com/jira` without TLS; is right only behind something that ends TLS",
        ),
    ]);
}

#[test]
fn every_https_host_needs_a_certificate_where_a_listener_speaks_tls() {
    each_is_a_mistake(&[
        (
            "hosts = [\"hooks.example.com\"]",
            "hosts = [\"other.example.com\"]",
            "webhook[0].url: there is no `[[certificate]]` whose `hosts` name `hooks.example.com`",
        ),
        (
            "hosts = [\"hooks.example.com\"]",
            "hosts = [\"*.com\"]",
            "webhook[0].url: there is no `[[certificate]]` whose `hosts` name `hooks.example.com`",
        ),
        (
            "hosts = [\"hooks.example.com\"]",
            "hosts = [\"hooks.example.com\", \"Hooks.Example.com\"]",
            "certificate[0].hosts[1]: `hooks.example.com` is taken by `certificate[0].hosts[0]`",
        ),
    ]);
    each_is_right(&[
        (
            "hosts = [\"hooks.example.com\"]",
            "hosts = [\"*.example.com\"]",
            "",
        ),
        (
            URL,
            "url = \"http://else.example.com/jira\"",
            "configuration:13: webhook[0].url: is http, and every listener that serves it speaks TLS",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\n[[listen]]\nname = \"b\"\naddress = \"127.0.0.1:80\"\ntls = false\nonly = \"redirect\"",
            "",
        ),
    ]);
}

#[test]
fn a_certificate_comes_from_its_files_or_is_self_signed() {
    let place = Place::new();
    place.write_certificate("a.pem", "a.key", &["hooks.example.com"]);
    place.write_certificate("b.pem", "b.key", &["hooks.example.com"]);
    place.write("text", "no PEM at all");
    place.write(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
    );
    std::fs::create_dir(place.path("directory")).unwrap();
    let rows = [
        ("chain = \"a.pem\"\nkey = \"file:a.key\"", ""),
        (
            "chain = \"a.pem\"\nkey = \"file:b.key\"",
            "certificate[0].key: is not the key of the first certificate in `chain`",
        ),
        (
            "chain = \"a.pem\"",
            "certificate[0].key: missing; expected a secret such as `file:hooks.key`",
        ),
        (
            "chain = \"none.pem\"\nkey = \"file:a.key\"",
            "certificate[0].chain: `DIR/none.pem` cannot be read: No such file or directory (os error 2); expected a PEM file with certificates",
        ),
        (
            "chain = \"directory\"\nkey = \"file:a.key\"",
            "certificate[0].chain: `DIR/directory` is not a regular file; expected a PEM file with certificates",
        ),
        (
            "chain = \"text\"\nkey = \"file:a.key\"",
            "certificate[0].chain: `DIR/text` holds no certificate; expected a PEM file with certificates",
        ),
        (
            "chain = \"broken.pem\"\nkey = \"file:a.key\"",
            "certificate[0].chain: `DIR/broken.pem` is not well-formed PEM; expected a PEM file with certificates",
        ),
        (
            "chain = \"a.pem\"\nkey = \"file:text\"",
            "certificate[0].key: is not a private key in PEM; expected one that begins with `-----BEGIN PRIVATE KEY-----` or alike",
        ),
        (
            "self_signed = true\nchain = \"a.pem\"",
            "certificate[0].chain: has no use with `self_signed = true`; expected one or the other",
        ),
        (
            "self_signed = false",
            "certificate[0]: says nothing of where it comes from; expected `chain` and `key`, or `self_signed = true`",
        ),
    ];
    for (origin, expected) in rows {
        let said = place.complaint(&with(SELF_SIGNED, origin));
        let said: String = said.lines().take_while(|l| *l != "1 mistake").collect();
        let said = said.splitn(3, ':').nth(2).unwrap_or_default().trim();
        assert_eq!(said, expected, "{origin}");
    }
}

const SOURCES: &[(&str, &str)] = &[
    (
        "networks = []",
        "source[0].networks: is empty, expected networks such as `203.0.113.0/24`",
    ),
    (
        "networks = [\"0.0.0.0/0\"]",
        "source[0].networks[0]: `0.0.0.0/0` is everybody; expected `from = \"anywhere\"` where everybody may come",
    ),
    (
        "networks = [\"::/0\"]",
        "source[0].networks[0]: `::/0` is everybody; expected `from = \"anywhere\"` where everybody may come",
    ),
    (
        "networks = [\"0.0.0.0/1\", \"128.0.0.0/1\"]",
        "source[0].networks: together are everybody; expected `from = \"anywhere\"` where everybody may come",
    ),
    (
        "networks = [\"192.0.2.1/24\"]",
        "source[0].networks[0]: `192.0.2.1/24` has bits set beyond its prefix; expected `192.0.2.0/24` or `192.0.2.1`",
    ),
    (
        "networks = [\"::ffff:192.0.2.0/120\"]",
        "source[0].networks[0]: `::ffff:192.0.2.0/120` is an IPv4 network; expected `192.0.2.0/24`",
    ),
    (
        "networks = [\"office.example.com\"]",
        "source[0].networks[0]: found `office.example.com`, expected a network such as `203.0.113.0/24` or `2001:db8::/32`",
    ),
    (
        "networks = [\"192.0.2.1\"]\nmeta = { url = \"https://a.example/meta\", sections = [\"hooks\"] }",
        "source[0]: has both `networks` and `meta`; expected one of them",
    ),
    (
        "",
        "source[0]: names no addresses; expected `networks` or `meta`",
    ),
    (
        "meta = { url = \"http://api.github.com/meta\", sections = [\"hooks\"] }",
        "source[0].meta.url: `http://api.github.com/meta` is not https; expected https, since it says who may come in",
    ),
    (
        "meta = { url = \"https://api.github.com/meta\", sections = [] }",
        "source[0].meta.sections: is empty, expected a list such as `[\"hooks\"]`",
    ),
    (
        "meta = { url = \"https://api.github.com/meta\" }",
        "source[0].meta.sections: missing; expected a list such as `[\"hooks\"]`",
    ),
    (
        "meta = { url = \"https://api.github.com/meta\", sections = [\"hooks\"], refresh = \"59s\" }",
        "source[0].meta.refresh: found `59s`, expected a duration from 1m to 7d",
    ),
];

#[test]
fn sources_have_their_rules() {
    let rows: Vec<_> = SOURCES
        .iter()
        .map(|(to, expected)| (NETWORKS, *to, *expected))
        .collect();
    each_is_a_mistake(&rows);
    each_is_a_mistake(&[
        (
            "name = \"office\"",
            "name = \"office\"\nnetworks = [\"10.0.0.1\"]\n[[source]]\nname = \"office\"",
            "source[1].name: `office` is taken by `source[0].name`",
        ),
        (
            "[[source]]",
            "[[source]]\nname = \"anywhere\"\nnetworks = [\"10.0.0.1\"]\n[[source]]",
            "source[0].name: `anywhere` is not a name: it means everybody in `from`",
        ),
    ]);
    each_is_right(&[
        (
            NETWORKS,
            "meta = { url = \"http://127.0.0.1:1/meta\", sections = [\"x\"] }",
            "",
        ),
        (
            NETWORKS,
            "meta = { url = \"http://localhost/meta\", sections = [\"x\"] }",
            "",
        ),
        (
            NETWORKS,
            "meta = { url = \"http://[::1]/meta\", sections = [\"x\"] }",
            "",
        ),
        (
            NETWORKS,
            "meta = { url = \"https://api.github.com/meta\", sections = [\"hook\"] }",
            "configuration:11: source[0].meta.sections[0]: `hook` is not a list that GitHub is \
             known to publish; did you mean `hooks`?",
        ),
        (
            "[[webhook]]",
            "[[source]]\nname = \"spare\"\nnetworks = [\"10.0.0.1\"]\n[[webhook]]",
            "configuration:13: source[1].name: no `from` names the source `spare`",
        ),
    ]);
}

#[test]
fn who_may_come_must_be_written_by_a_person() {
    let expected =
        "expected a list of source names such as `[\"github-hooks\"]`, or `\"anywhere\"`";
    each_is_a_mistake(&[
        (FROM, "", &format!("webhook[0].from: missing; {expected}")),
        (
            FROM,
            "from = []",
            &format!("webhook[0].from: is empty, which admits nobody; {expected}"),
        ),
        (
            FROM,
            "from = \"office\"",
            &format!("webhook[0].from: found `office`, {expected}"),
        ),
        (
            FROM,
            "from = [\"offices\"]",
            "webhook[0].from[0]: there is no `[[source]]` named `offices`; did you mean `office`?",
        ),
        (
            FROM,
            "from = [\"Anywhere\"]",
            "webhook[0].from[0]: there is no `[[source]]` named `Anywhere`; did you mean `anywhere`?",
        ),
        (
            FROM,
            "from = [\"office\", \"anywhere\"]",
            "webhook[0].from[1]: `anywhere` stands alone: the other names say nothing beside it",
        ),
    ]);
    for anywhere in ["from = \"anywhere\"", "from = [\"anywhere\"]"] {
        let config = config(&with(FROM, anywhere));
        assert_eq!(config.webhooks[0].from, From::Anywhere);
        assert!(config.warnings[0].contains("no `from` names the source"));
    }
    let config = config(RIGHT);
    assert_eq!(
        config.webhooks[0].from,
        From::Sources(vec!["office".parse().unwrap()])
    );
    assert!(matches!(&config.sources[0].origin, Origin::Networks(list) if list.len() == 1));
}

const ADDRESSES: &[(&str, &str)] = &[
    (
        "ftp://hooks.example.com/",
        "does not begin with `https://` or `http://`; expected an address such as `https://hooks.example.com/jira`",
    ),
    (
        "hooks.example.com/jira",
        "does not begin with `https://` or `http://`; expected an address such as `https://hooks.example.com/jira`",
    ),
    (
        "https:///jira",
        "is not well formed; expected an address such as `https://hooks.example.com/jira`",
    ),
    (
        "https://hooks.example.com\\jira",
        "is not well formed; expected an address such as `https://hooks.example.com/jira`",
    ),
    (
        "https://hooks.example.com/jira#a",
        "has a query or a fragment; expected only host and path",
    ),
    (
        "https://hooks.example.com/a//b",
        "has `//` in its path; expected one `/`",
    ),
    (
        "https://hooks.example.com/a/../b",
        "has `.` or `..` in its path; expected the path itself",
    ),
    (
        "https://hooks.example.com/./b",
        "has `.` or `..` in its path; expected the path itself",
    ),
    (
        "https://hooks.example.com/%6Aira",
        "has a character in its path that must not be percent-encoded; expected plain letters where they can be",
    ),
    (
        "https://hooks.example.com/a%2Fb",
        "has a character in its path that must not be percent-encoded; expected plain letters where they can be",
    ),
    (
        "https://hooks.example.com/%2E%2E",
        "has a character in its path that must not be percent-encoded; expected plain letters where they can be",
    ),
    (
        "https://hooks.example.com/a%00",
        "has a control character in its path; expected plain letters where they can be",
    ),
    (
        "https://hooks.example.com/a%c3",
        "has a `%` in its path without two upper-case hexadecimal digits after it; expected plain letters where they can be",
    ),
    (
        "https://hooks.example.com/jirä",
        "has a character in its path that must be percent-encoded; expected plain letters where they can be",
    ),
];

#[test]
fn a_route_has_one_address_in_one_spelling() {
    let place = Place::new();
    for (url, expected) in ADDRESSES {
        let text = with(
            "https://hooks.example.com/jira",
            &url.escape_debug().to_string(),
        );
        let mistakes = place.read(&text).unwrap_err();
        let said: Vec<String> = mistakes
            .iter()
            .map(|mistake| mistake.text.clone())
            .collect();
        assert_eq!(said.len(), 1, "{url}: {mistakes}");
        assert!(said[0].ends_with(expected), "{url}: {}", said[0]);
    }
    for (url, key) in [
        ("https://hooks.example.com", "hooks.example.com/"),
        ("https://hooks.example.com/", "hooks.example.com/"),
        ("https://HOOKS.example.com/jira/", "hooks.example.com/jira"),
        (
            "https://hooks.example.com:8443/Jira",
            "hooks.example.com/Jira",
        ),
        ("https://hooks.example.com/a%20b", "hooks.example.com/a%20b"),
    ] {
        let config = config(&with("https://hooks.example.com/jira", url));
        assert_eq!(config.webhooks[0].key.as_str(), key);
    }
    let second = "[[webhook]]\nurl = \"http://hooks.example.com:81/jira/\"\nfrom = [\"office\"]\n\
                  secrets = [\"inline:a secret of some length\"]\n\
                  to = [{ name = \"b\", url = \"https://b.example/\" }]\n[[webhook]]\n";
    each_is_a_mistake(&[(
        "[[webhook]]\n",
        second,
        "webhook[1].url: `hooks.example.com/jira` is taken by `webhook[0].url`",
    )]);
}

#[test]
fn webhooks_have_their_rules() {
    let rows = [
        (
            "events = []",
            "webhook[0].events: is empty, which takes nothing; leave it out to take all events",
        ),
        (
            "events = [\"a b\"]",
            "webhook[0].events[0]: found `a b`, expected `event`, `event.action`, `event.*` or `*`, such as `pull_request.opened`",
        ),
        (
            "max_body = \"0\"",
            "webhook[0].max_body: found `0B`, expected a size from 1B to 25MiB",
        ),
        (
            "max_body = \"26MiB\"",
            "webhook[0].max_body: found `26MiB`, expected a size from 1B to 25MiB",
        ),
        (
            "redelivery_window = \"0s\"",
            "webhook[0].redelivery_window: found `0s`, expected a duration from 1ms to 1d",
        ),
        (
            "mode = \"throgh\"",
            "webhook[0].mode: found `throgh`, expected `store` or `through`; did you mean `through`?",
        ),
        (
            "mode = \"through\"\n[[webhook.to]]\nname = \"b\"\nurl = \"https://b.example/\"",
            "webhook[0].to: `mode = \"through\"` answers what its one target answers, and there are 2; expected one",
        ),
        (
            "[[webhook.to]]\nname = \"jira\"\nurl = \"https://b.example/\"",
            "webhook[0].to[1].name: `jira` is taken by `webhook[0].to[0].name`",
        ),
    ];
    let rows: Vec<_> = rows
        .iter()
        .map(|(to, expected)| (FROM, format!("{FROM}\n{to}"), *expected))
        .collect();
    let rows: Vec<_> = rows
        .iter()
        .map(|(from, to, expected)| (*from, to.as_str(), *expected))
        .collect();
    // A target before the secrets would take them for its own.
    let place = Place::new();
    for (_, to, expected) in rows {
        let secrets = "secrets = [\"inline:a secret of some length\"]\n";
        let text = with(secrets, "").replacen(FROM, &format!("{secrets}{to}"), 1);
        let mistakes = place.read(&text).unwrap_err();
        let said: Vec<String> = mistakes
            .iter()
            .map(|mistake| format!("{}: {}", mistake.key, mistake.text))
            .collect();
        assert_eq!(said, [expected], "{to}");
    }
    let secrets = "secrets = [\"inline:a secret of some length\"]";
    each_is_a_mistake(&[
        (
            secrets,
            "",
            "webhook[0].secrets: missing; expected the secrets that GitHub signs with, such as `[\"file:jira-hook\"]`",
        ),
        (
            secrets,
            "secrets = []",
            "webhook[0].secrets: is empty, expected the secrets that GitHub signs with, such as `[\"file:jira-hook\"]`",
        ),
        (
            "[[webhook.to]]\nname = \"jira\"\nurl = \"https://jira.corp.example/hook\"",
            "to = []",
            "webhook[0].to: is empty, expected at least one `[[webhook.to]]` with `name` and `url`",
        ),
        (
            "[[webhook.to]]\nname = \"jira\"\nurl = \"https://jira.corp.example/hook\"",
            "",
            "webhook[0].to: missing; expected at least one `[[webhook.to]]` with `name` and `url`",
        ),
    ]);
    each_is_right(&[(
        secrets,
        "secrets = [\"inline:short\"]",
        "configuration:15: webhook[0].secrets[0]: the secret is shorter than 16 bytes and can be guessed",
    )]);
}

#[test]
fn a_filter_must_compile() {
    let place = Place::new();
    let mistakes = place
        .read(&with(FROM, &format!("{FROM}\nfilter = \"\"")))
        .unwrap_err();
    let said = mistakes.to_string();
    assert!(
        said.contains("webhook[0].filter: `` is not a filter: "),
        "{said}"
    );
    let right = config(&with(
        FROM,
        &format!("{FROM}\nfilter = 'event == \"push\"'"),
    ));
    assert!(right.webhooks[0].filter.is_some());
}

const TARGETS: &[(&str, &str)] = &[
    (
        "timeout = \"0s\"",
        "timeout: found `0s`, expected a duration from 1ms to 10m",
    ),
    (
        "timeout = \"11m\"",
        "timeout: found `11m`, expected a duration from 1ms to 10m",
    ),
    (
        "concurrency = 0",
        "concurrency: found `0`, expected a number from 1 to 1024",
    ),
    (
        "concurrency = 1025",
        "concurrency: found `1025`, expected a number from 1 to 1024",
    ),
    (
        "concurrency = -1",
        "concurrency: found `-1`, expected a number from 1 to 1024",
    ),
    (
        "attempts.for = \"0s\"",
        "attempts.for: found `0s`, expected a duration from 1ms to 30d",
    ),
    (
        "attempts.first = \"2h\"",
        "attempts.first: is longer than `most`, which is `1h`",
    ),
    (
        "attempts.most = \"2d\"",
        "attempts.most: found `2d`, expected a duration from 1ms to 1d",
    ),
    (
        "allow = []",
        "allow: is empty, which admits no address; expected some such as `10.2.0.0/16:8080`",
    ),
    (
        "allow = [\"10.2.0.0/16:0\"]",
        "allow[0]: `10.2.0.0/16:0` has no port from 1 to 65535 after the `:`; expected one, such as `10.2.0.0/16:8080`",
    ),
    (
        "allow = [\"10.2.0.0/16:+8\"]",
        "allow[0]: `10.2.0.0/16:+8` has no port from 1 to 65535 after the `:`; expected one, such as `10.2.0.0/16:8080`",
    ),
    (
        "allow = [\"jira:80\"]",
        "allow[0]: found `jira`, expected a network such as `203.0.113.0/24` or `2001:db8::/32`",
    ),
    (
        "ca = \"none.pem\"",
        "ca: `DIR/none.pem` cannot be read: No such file or directory (os error 2); expected a PEM file with certificates",
    ),
    (
        "headers.Host = \"inline:x\"",
        "headers.Host: is a header that the gateway writes itself; expected another",
    ),
    (
        "headers.X-GitHub-Event = \"inline:x\"",
        "headers.X-GitHub-Event: is a header that the gateway writes itself; expected another",
    ),
    (
        "headers.X-Hub-Signature-256 = \"inline:x\"",
        "headers.X-Hub-Signature-256: is a header that the gateway writes itself; expected another",
    ),
    (
        "headers.Content-Length = \"inline:x\"",
        "headers.Content-Length: is a header that the gateway writes itself; expected another",
    ),
    (
        "headers.\"a b\" = \"inline:x\"",
        "headers.\"a b\": is not the name of a header, expected one such as `Authorization`",
    ),
    (
        "headers.A = \"inline:x\"\nheaders.a = \"inline:y\"",
        "headers.a: `a` is taken by `webhook[0].to[0].headers.A`",
    ),
    (
        "headers.A = \"inline:x\\ny\"",
        "headers.A: the secret cannot be the value of a header: it has a control character",
    ),
];

#[test]
fn targets_have_their_rules() {
    let rows: Vec<_> = TARGETS
        .iter()
        .map(|(to, expected)| {
            (
                format!("{TO}\n{to}"),
                format!("webhook[0].to[0].{expected}"),
            )
        })
        .collect();
    let rows: Vec<_> = rows
        .iter()
        .map(|(to, expected)| (TO, to.as_str(), expected.as_str()))
        .collect();
    each_is_a_mistake(&rows);
    each_is_a_mistake(&[
        (
            TO,
            "",
            "webhook[0].to[0].url: missing; expected an address such as `http://jira.corp.internal:8080/hook`",
        ),
        (
            TO,
            "url = \"https://user:pass@jira.corp.example/hook\"",
            "webhook[0].to[0].url: `…@jira.corp.example/hook` has a user name or password; expected none",
        ),
        (
            TO,
            "url = \"https://jira.corp.example/hook#x\"",
            "webhook[0].to[0].url: `https://jira.corp.example/hook` has a fragment; expected host, path and query",
        ),
        (
            TO,
            "url = \"https://jira.corp.example:0/\"",
            "webhook[0].to[0].url: `https://jira.corp.example:0/` has no usable host and port; expected an address such as `http://jira.corp.internal:8080/hook`",
        ),
        (
            TO,
            "url = \"http://10.2.0.7:8080/\"\nallow = [\"10.2.0.0/16:80\"]",
            "webhook[0].to[0].allow: does not allow the address and port in `url` itself",
        ),
    ]);
    each_is_right(&[
        (
            TO,
            "url = \"http://10.2.0.7:8080/\"\nallow = [\"10.2.0.0/16:8080\"]",
            "",
        ),
        (
            TO,
            "url = \"http://[2001:db8::1]/\"\nallow = [\"[2001:db8::/32]:80\"]",
            "",
        ),
        (
            TO,
            "url = \"http://jira.example/\"\nattempts.most = \"100ms\"",
            "",
        ),
    ]);
    let through = "from = [\"office\"]\nmode = \"through\"";
    let text = with(FROM, through).replacen(TO, &format!("{TO}\norder = \"none\""), 1);
    assert_eq!(
        config(&text).warnings,
        [
            "configuration:20: webhook[0].to[0].order: has no effect with `mode = \"through\"`, which tries once"
        ]
    );
}

const THE_REST: &[(&str, &str)] = &[
    (
        "[gateway]\nstate_dir = \"x\"",
        "gateway.state_dir: found `x`, expected an absolute path",
    ),
    (
        "[gateway]\nworkers = 1025",
        "gateway.workers: found `1025`, expected a number from 0 to 1024",
    ),
    (
        "[gateway]\ndrain = \"61m\"",
        "gateway.drain: found `61m`, expected a duration from 1ms to 1h",
    ),
    (
        "[spool]\nkeep = \"0s\"",
        "spool.keep: found `0s`, expected a duration from 1s to 365d",
    ),
    (
        "[spool]\nmax_size = \"1KiB\"",
        "spool.max_size: found `1KiB`, expected a size from 1MiB to 16TiB",
    ),
    (
        "[spool]\nengine = \"jetstream\"",
        "spool.engine: found `jetstream`, expected `sqlite`",
    ),
    (
        "[admin]\nsocket = \"x\"",
        "admin.socket: found `x`, expected an absolute path",
    ),
    (
        "[admin]\naddress = \"10.0.0.1:9180\"",
        "admin.token: missing; expected a secret such as `file:admin-token`, since `admin.address` is not a loopback address",
    ),
    (
        "[admin]\naddress = \"127.0.0.1:8443\"",
        "admin.address: `127.0.0.1:8443` is taken by `listen[0].address`",
    ),
    (
        "[audit]\nfile = \"x\"",
        "audit.file: found `x`, expected an absolute path",
    ),
    (
        "[audit]\nfile = \"/\"",
        "audit.file: is a directory, expected a file",
    ),
    (
        "[log]\nlevel = \"inof\"",
        "log.level: found `inof`, expected a level such as `info`, or levels by module such as `info,hubgate=debug`; did you mean `info`?",
    ),
    (
        "[log]\nlevel = \"info,hubgate=loud\"",
        "log.level: found `hubgate=loud`, expected a level such as `info`, or levels by module such as `info,hubgate=debug`",
    ),
    (
        "[log]\nformat = \"txt\"",
        "log.format: found `txt`, expected `json` or `text`; did you mean `text`?",
    ),
];

#[test]
fn the_rest_has_its_rules() {
    let rows: Vec<_> = THE_REST
        .iter()
        .map(|(to, expected)| (format!("{to}\n[[listen]]"), *expected))
        .collect();
    let rows: Vec<_> = rows
        .iter()
        .map(|(to, expected)| ("[[listen]]", to.as_str(), *expected))
        .collect();
    each_is_a_mistake(&rows);
    let long = format!("[admin]\nsocket = \"/{}\"\n[[listen]]", "x".repeat(107));
    each_is_a_mistake(&[(
        "[[listen]]",
        &long,
        "admin.socket: is longer than the 107 bytes that a socket's path may have",
    )]);
    each_is_right(&[
        (
            "[[listen]]",
            "[admin]\naddress = \"[::1]:9180\"\n[[listen]]",
            "",
        ),
        ("[[listen]]", "[log]\nlevel = \"WARN\"\n[[listen]]", ""),
        (
            "[[listen]]",
            "[spool]\nmax_size = \"99MiB\"\n[[listen]]",
            "configuration:4: spool.max_size: `99MiB` holds fewer than four of the largest payloads, 25MiB",
        ),
    ]);
    let (listeners_only, _) = RIGHT.split_once("[[source]]").unwrap();
    assert_eq!(
        config(listeners_only).warnings,
        ["configuration: webhook: there is no `[[webhook]]`: every request is answered 404"]
    );
}

#[test]
fn a_restart_is_needed_for_what_a_reload_cannot_change() {
    let base = config(RIGHT);
    assert_eq!(base.restart_needed(&config(RIGHT)), Vec::<String>::new());
    let rows: [(&str, &str, &[&str]); 10] = [
        (LISTEN, "address = \"127.0.0.1:8444\"", &["listen"]),
        (
            "[[listen]]",
            "[gateway]\nworkers = 2\n[[listen]]",
            &["gateway.workers"],
        ),
        (
            "[[listen]]",
            "[gateway]\nstate_dir = \"/srv\"\n[[listen]]",
            &["gateway.state_dir"],
        ),
        (
            "[[listen]]",
            "[spool]\nkeep = \"1d\"\n[[listen]]",
            &["spool.keep"],
        ),
        (
            "[[listen]]",
            "[spool]\nmax_size = \"1GiB\"\n[[listen]]",
            &["spool.max_size"],
        ),
        (
            "[[listen]]",
            "[admin]\nsocket = \"/x\"\n[[listen]]",
            &["admin.socket"],
        ),
        (
            "[[listen]]",
            "[admin]\naddress = \"127.0.0.1:1\"\ntoken = \"inline:0123456789abcdef\"\n[[listen]]",
            &["admin.address", "admin.token"],
        ),
        ("[[listen]]", "[gateway]\ndrain = \"1s\"\n[[listen]]", &[]),
        ("[[listen]]", "[log]\nlevel = \"debug\"\n[[listen]]", &[]),
        (URL, "url = \"https://hooks.example.com/other\"", &[]),
    ];
    for (from, to, expected) in rows {
        assert_eq!(
            base.restart_needed(&config(&with(from, to))),
            expected,
            "{to}"
        );
    }
}
