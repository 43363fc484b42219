//! The rules of each section, by table: what is a mistake, what a warning, what is right. The large
//! ones have files of their own.

mod certificate;
mod listen;
mod source;
mod target;
mod webhook;

use super::{Place, RIGHT, config, each_is_a_mistake, each_is_right};
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
        [
            "configuration: webhook: there is no `[[webhook]]` and no `[[publish]]`: every request is answered 404"
        ]
    );
}
