//! The shape of the file, mirrored in serde: names, types and what the schema says of them.
//! No logic: what a value means and whether it is right is judged where its section is translated,
//! so every key is optional here.

mod acme;
mod broker;
mod github;
mod words;

pub(super) use acme::{Acme, Eab};
pub(super) use broker::{Broker, Caller, CallerGrant, GrantedPermissions, Oidc, Use};
pub(super) use github::{App, Github};
pub(super) use words::OneOrMany;

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The configuration of hubgate. Durations are written `"10s"`, `"1h"`, `"7d"`; sizes `"64KiB"`,
/// `"25MiB"`, `"20GiB"`; secrets `"file:NAME"` or `"env:NAME"`.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "hubgate.toml")]
pub(super) struct File {
    /// Lets this file, and no other, write secrets as `"inline:…"`. For trials and tests.
    #[schemars(extend("default" = false))]
    #[expect(
        dead_code,
        reason = "`document` reads it before the rest, whatever else is wrong with the file"
    )]
    pub(super) insecure_inline_secrets: Option<bool>,
    /// The process itself.
    pub(super) gateway: Option<Gateway>,
    /// The doors: sockets that requests come in by. At least one.
    pub(super) listen: Option<Vec<Listen>>,
    /// Certificates of the TLS listeners, chosen by the name that a client asks for.
    pub(super) certificate: Option<Vec<Certificate>>,
    /// Who may come: named lists of networks.
    pub(super) source: Option<Vec<Source>>,
    /// Webhooks from GitHub to internal tools.
    pub(super) webhook: Option<Vec<Webhook>>,
    /// Internal services, published under another name.
    pub(super) publish: Option<Vec<Publish>>,
    /// Access profiles besides those that are built in.
    pub(super) profile: Option<Vec<Profile>>,
    /// GitHub hosts.
    pub(super) github: Option<Vec<Github>>,
    /// GitHub Apps whose keys are held here.
    pub(super) app: Option<Vec<App>>,
    /// Who may use Apps through the gateway.
    pub(super) caller: Option<Vec<Caller>>,
    /// Where callers are answered.
    pub(super) broker: Option<Broker>,
    /// Where accepted deliveries are kept.
    pub(super) spool: Option<Spool>,
    /// How the gateway is watched and steered.
    pub(super) admin: Option<Admin>,
    /// The trail of who came in, why, and what left.
    pub(super) audit: Option<Audit>,
    /// Logs, on standard error.
    pub(super) log: Option<Log>,
}

/// The process itself.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Gateway {
    /// The directory of the spool and of what is learned, such as source lists. An absolute path.
    /// A change needs a restart.
    #[schemars(extend("default" = "/var/lib/hubgate"))]
    pub(super) state_dir: Option<String>,
    /// Threads that serve requests, 0 to 1024; 0: one per core. A change needs a restart.
    #[schemars(extend("default" = 0), range(min = 0, max = 1024))]
    pub(super) workers: Option<i64>,
    /// How long running requests may finish at a stop: a duration, at most 1h.
    #[schemars(extend("default" = "30s"))]
    pub(super) drain: Option<String>,
    /// The socket of `hubgate signer`, which holds keys of Apps. An absolute path. Absent: none.
    pub(super) signer: Option<String>,
}

/// A socket that requests come in by. A change needs a restart.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Listen {
    /// Its name, unique among listeners: `[a-z0-9-]`, at most 63 characters.
    #[schemars(required)]
    pub(super) name: Option<String>,
    /// Address and port, such as `"[::]:443"` (all addresses, IPv4 too) or `"10.0.0.5:8443"`.
    #[schemars(required)]
    pub(super) address: Option<String>,
    /// Whether TLS ends here.
    #[schemars(extend("default" = true))]
    pub(super) tls: Option<bool>,
    /// Whether HTTP/2 is offered beside HTTP/1.1. Needs `tls`.
    #[schemars(extend("default" = false))]
    pub(super) h2: Option<bool>,
    /// `"redirect"`: serve nothing, answer everything 308 to https. Needs `tls = false`.
    pub(super) only: Option<Only>,
    /// Networks of load balancers: a PROXY protocol header (v1 or v2) is required of them, and
    /// connections from anywhere else are dropped. Absent: no such header is read.
    pub(super) proxy_protocol: Option<Vec<String>>,
    /// A PEM file of the authorities that clients' certificates may come from; clients are asked
    /// for one then. Needs `tls`. A relative path starts at this file's directory.
    pub(super) client_ca: Option<String>,
    /// `"optional"`: a client may come without a certificate; `"required"`: it may not. Needs
    /// `client_ca`.
    #[schemars(extend("default" = "optional"))]
    pub(super) client_auth: Option<ClientAuth>,
}

/// Whether a client certificate is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClientAuth {
    /// A client may come without one.
    Optional,
    /// It may not.
    Required,
}

/// What a listener is limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Only {
    /// Everything is answered 308 to https.
    Redirect,
}

/// A certificate: from files (`chain` and `key`), by `acme`, or `self_signed`.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Certificate {
    /// The host names it is chosen for; a leading `*.` stands for one label.
    #[schemars(required)]
    pub(super) hosts: Option<Vec<String>>,
    /// A PEM file with the certificate and its intermediates, leaf first; read again when it
    /// changes. A relative path starts at this file's directory.
    pub(super) chain: Option<String>,
    /// The private key in PEM, as a secret; read again when it changes.
    #[schemars(regex(pattern = "^(file|env|inline):"))]
    pub(super) key: Option<String>,
    /// Make a certificate at start that nobody trusts, for trials.
    #[schemars(extend("default" = false))]
    pub(super) self_signed: Option<bool>,
    /// Have it issued, and renewed in time, by an authority that speaks ACME.
    pub(super) acme: Option<Acme>,
}

/// A named list of networks: `networks` or `meta`.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    /// Its name, unique among sources: `[a-z0-9-]`, at most 63 characters.
    #[schemars(required)]
    pub(super) name: Option<String>,
    /// Networks such as `"203.0.113.0/24"`, or single addresses.
    pub(super) networks: Option<Vec<String>>,
    /// Networks from a document that is fetched again and again.
    pub(super) meta: Option<Meta>,
}

/// A document like `https://api.github.com/meta`; the last good list is kept on disk.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Meta {
    /// Where it is fetched: https (http to a loopback address).
    #[schemars(required)]
    pub(super) url: Option<String>,
    /// Which of its lists are read, such as `["hooks"]`.
    #[schemars(required)]
    pub(super) sections: Option<Vec<String>>,
    /// How often it is fetched: a duration from 1m to 7d.
    #[schemars(extend("default" = "1h"))]
    pub(super) refresh: Option<String>,
}

/// A webhook of GitHub's, and the internal tools that are to have it.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    /// The public address, as it is entered at GitHub. Its host and path are the route: a request
    /// belongs to the longest path that it begins with, on a `/` boundary.
    #[schemars(required)]
    pub(super) url: Option<String>,
    /// Who may use it: a list of source names, or `"anywhere"`.
    #[schemars(required)]
    pub(super) from: Option<OneOrMany>,
    /// The secrets that GitHub signs with, newest first; several while one is changed.
    #[schemars(required)]
    pub(super) secrets: Option<Vec<String>>,
    /// Which events are taken: `"push"`, `"pull_request.opened"`, `"installation.*"`. Absent: all.
    pub(super) events: Option<Vec<String>>,
    /// A CEL expression over `event`, `action`, `headers` and `body`; what does not satisfy it is
    /// answered 202 and dropped.
    pub(super) filter: Option<String>,
    /// `"store"`: answer 202 once it is on disk, deliver after; `"through"`: answer what the one
    /// target answers.
    #[schemars(extend("default" = "store"))]
    pub(super) mode: Option<Mode>,
    /// The largest payload: a size, at most 25MiB.
    #[schemars(extend("default" = "25MiB"))]
    pub(super) max_body: Option<String>,
    /// Within this time the same delivery again is a duplicate and not stored twice; later it is a
    /// redelivery: a duration, at most 24h.
    #[schemars(extend("default" = "10s"))]
    pub(super) redelivery_window: Option<String>,
    /// Who is to have it; at least one, each with its own fate.
    #[schemars(required)]
    pub(super) to: Option<Vec<Target>>,
}

/// When a webhook is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// 202 once it is on disk.
    Store,
    /// What the one target answers.
    Through,
}

/// An internal tool that webhooks are delivered to.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    /// Its name, unique among all targets: `[a-z0-9-]`, at most 63 characters.
    #[schemars(required)]
    pub(super) name: Option<String>,
    /// Where deliveries are sent by POST: http or https.
    #[schemars(required)]
    pub(super) url: Option<String>,
    /// From dialling to the end of the answer: a duration, at most 10m.
    #[schemars(extend("default" = "30s"))]
    pub(super) timeout: Option<String>,
    /// How long and how often a delivery is tried.
    pub(super) attempts: Option<Attempts>,
    /// Deliveries under way at once, 1 to 1024.
    #[schemars(extend("default" = 8), range(min = 1, max = 1024))]
    pub(super) concurrency: Option<i64>,
    /// `"none"`: whatever is due, oldest first; `"repository"`: one at a time per repository, in
    /// the order of acceptance.
    #[schemars(extend("default" = "none"))]
    pub(super) order: Option<Order>,
    /// Headers of your own; each value is a secret, such as `"file:jira-basic"`.
    pub(super) headers: Option<BTreeMap<String, String>>,
    /// What the host may resolve to: `"10.2.0.0/16:8080"`, `"10.2.0.7"`, `"[2001:db8::/32]:443"`.
    /// Absent: anything but loopback, link-local and metadata addresses.
    pub(super) allow: Option<Vec<String>>,
    /// A secret to sign anew with; absent: GitHub's signature passes untouched.
    #[schemars(regex(pattern = "^(file|env|inline):"))]
    pub(super) resign: Option<String>,
    /// A PEM file of the authorities that its certificate may come from; absent: the system's. A
    /// relative path starts at this file's directory.
    pub(super) ca: Option<String>,
}

/// How long and how often a delivery is tried: exponential pauses with jitter, then parked as
/// dead.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Attempts {
    /// How long, counted from the first failure: a duration, at most 30d.
    #[serde(rename = "for")]
    #[schemars(extend("default" = "72h"))]
    pub(super) lasting: Option<String>,
    /// The longest first pause: a duration, at most `most`.
    #[schemars(extend("default" = "1s"))]
    pub(super) first: Option<String>,
    /// The longest pause: a duration, at most 24h.
    #[schemars(extend("default" = "1h"))]
    pub(super) most: Option<String>,
}

/// In which order a target takes what waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Whatever is due, oldest first.
    None,
    /// One at a time per repository, in the order of acceptance.
    Repository,
}

/// An internal service, published under another name.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Publish {
    /// The public address. A request belongs to the longest path that it begins with, on a `/`
    /// boundary.
    #[schemars(required)]
    pub(super) url: Option<String>,
    /// The service, by the address that it knows itself by: http or https.
    #[schemars(required)]
    pub(super) to: Option<String>,
    /// A PEM file of the authorities that its certificate may come from; absent: the system's. A
    /// relative path starts at this file's directory.
    pub(super) ca: Option<String>,
    /// Who may use it: a list of source names, or `"anywhere"`.
    #[schemars(required)]
    pub(super) from: Option<OneOrMany>,
    /// What may be done: a list of access profiles, or `"everything"`.
    #[schemars(required)]
    pub(super) allow: Option<OneOrMany>,
    /// Which repositories may be reached: `"acme/*"`, `"acme/web-*"`. Absent: all that the
    /// credential can see.
    pub(super) repositories: Option<Vec<String>>,
    /// `"github"`: a GitHub Enterprise Server, whose operations profiles can name; `"other"`: any
    /// other service, for which profiles hold rules of method and path alone.
    #[schemars(extend("default" = "github"))]
    pub(super) service: Option<Service>,
    /// `"github"`: internal addresses become public in headers and JSON; `"host"`: in headers
    /// alone; `"none"`: nowhere. Absent: `"github"`, or `"host"` for another service.
    pub(super) rewrite: Option<Rewrite>,
    /// More hosts, internal = public: `{ "codeload.github.corp.internal" = "codeload.ghe.example.com" }`.
    pub(super) hosts: Option<BTreeMap<String, String>>,
    /// `"caller"`: requests pass with the caller's own credentials; `"app:NAME"`: callers are known
    /// by `[[caller]]`, and their requests go on as that App, within their grants.
    #[schemars(extend("default" = "caller"), regex(pattern = "^(caller|app:[a-z0-9-]{1,63})$"))]
    pub(super) credentials: Option<String>,
    /// Let everything pass that is not denied for all, and record what a profile would need.
    #[schemars(extend("default" = false))]
    pub(super) learn: Option<bool>,
    /// A header that every request must carry; checked, then taken off.
    pub(super) require_header: Option<RequiredHeader>,
    /// `"redirect"`: pages for employees' browsers are sent to the internal address. Absent: they
    /// are judged like everything else.
    pub(super) browser: Option<Browser>,
    /// How long the service may say nothing: a duration, at most 1h.
    #[schemars(extend("default" = "5m"))]
    pub(super) timeout: Option<String>,
    /// Whether WebSocket connections pass.
    #[schemars(extend("default" = false))]
    pub(super) websocket: Option<bool>,
}

/// What kind of service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Service {
    /// A GitHub Enterprise Server.
    Github,
    /// Any other.
    Other,
}

/// Where internal addresses become public ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rewrite {
    /// In headers and JSON.
    Github,
    /// In headers.
    Host,
    /// Nowhere.
    None,
}

/// What becomes of pages for employees' browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Browser {
    /// They are sent to the internal address.
    Redirect,
}

/// A header that every request must carry.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RequiredHeader {
    /// Its name.
    #[schemars(required)]
    pub(super) name: Option<String>,
    /// Its value, as a secret.
    #[schemars(required, regex(pattern = "^(file|env|inline):"))]
    pub(super) value: Option<String>,
}

/// An access profile: what may be done through a published service. Rules are operations
/// (`"pulls/list"`, `"pulls/*"`, `"pulls:read"`), `"METHOD /path/{pattern}"`, or one of
/// `"git:read"`, `"git:write"`, `"lfs:read"`, `"lfs:write"`, `"graphql:query"`,
/// `"graphql:mutation"`.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    /// Its name, unique among profiles and not that of one that is built in: `[a-z0-9-]`, at most
    /// 63 characters.
    #[schemars(required)]
    pub(super) name: Option<String>,
    /// Profiles whose rules it has besides its own.
    pub(super) base: Option<Vec<String>>,
    /// What it lets through.
    pub(super) allow: Option<Vec<String>>,
    /// What it refuses, whatever is allowed.
    pub(super) deny: Option<Vec<String>>,
}

/// Where accepted deliveries are kept. A change needs a restart.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spool {
    /// Where: `"sqlite"`, embedded.
    #[schemars(extend("default" = "sqlite"))]
    pub(super) engine: Option<Engine>,
    /// How long delivered ones are kept, for the log and for sending again: a duration, at most
    /// 365d.
    #[schemars(extend("default" = "7d"))]
    pub(super) keep: Option<String>,
    /// The most it may hold on disk, from 1MiB to 16TiB; beyond it, and on a full disk, webhooks
    /// are answered 503.
    #[schemars(extend("default" = "20GiB"))]
    pub(super) max_size: Option<String>,
}

/// An engine of the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Engine {
    /// Embedded; one gateway.
    Sqlite,
}

/// How the gateway is watched and steered. A change needs a restart.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    /// The Unix socket that the command line talks to. An absolute path.
    #[schemars(extend("default" = "/run/hubgate/admin.sock"))]
    pub(super) socket: Option<String>,
    /// Where the API and `/metrics` are served over TCP besides, such as `"127.0.0.1:9180"`.
    /// Absent: nowhere.
    pub(super) address: Option<String>,
    /// What a client over TCP must show, as `Authorization: Bearer`, as a secret. Required unless
    /// `address` is a loopback address.
    #[schemars(regex(pattern = "^(file|env|inline):"))]
    pub(super) token: Option<String>,
}

/// The trail of who came in, why, and what left.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Audit {
    /// A file that gets one JSON object a line; opened anew on a reload. An absolute path. Absent:
    /// no trail.
    pub(super) file: Option<String>,
}

/// Logs, on standard error.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    /// `"json"`: one object a line; `"text"`: for people.
    #[schemars(extend("default" = "json"))]
    pub(super) format: Option<Format>,
    /// `error`, `warn`, `info`, `debug` or `trace`, or by module: `"info,hubgate=debug"`.
    #[schemars(extend("default" = "info"))]
    pub(super) level: Option<String>,
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}
