//! GitHub as an App meets it: installations, tokens, and documents with tags that cost nothing of a
//! limit where they have not changed. As fast as can be, since it stands beside what is measured.

use crate::Options;
use crate::body::{Body, field};
use crate::origin::{acceptor, until_input_ends};
use anyhow::{Context as _, bail};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

const BUFFER: usize = 16 << 10;
const API: &str = "/api/v3";
/// So much that nobody is ever refused.
const LIMIT: u64 = 1_000_000_000;

struct Github {
    document: String,
    /// How often each document has changed.
    versions: RwLock<HashMap<String, u64>>,
    /// What was used of the limit.
    used: AtomicU64,
    /// Requests for documents, whatever they cost.
    asked: AtomicU64,
    minted: AtomicU64,
    reset: u64,
}

struct Request {
    method: String,
    path: String,
    token: String,
    known: Option<String>,
    body: Vec<u8>,
}

pub async fn serve(options: &Options) -> anyhow::Result<()> {
    let acceptor = acceptor(options)?;
    let path = options.text("document")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let github = Arc::new(Github {
        document: std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?,
        versions: RwLock::default(),
        used: AtomicU64::new(0),
        asked: AtomicU64::new(0),
        minted: AtomicU64::new(0),
        reset: now + 3600,
    });
    let socket = TcpListener::bind(options.text("listen")?).await?;
    until_input_ends();
    loop {
        let (stream, _) = socket.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, github) = (acceptor.clone(), Arc::clone(&github));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            if let Err(failure) = github.talk(stream).await
                && failure.downcast_ref::<std::io::Error>().is_none()
            {
                eprintln!("hubgate-load github: {failure:#}");
            }
        });
    }
}

impl Github {
    async fn talk(&self, mut stream: TlsStream<TcpStream>) -> anyhow::Result<()> {
        let mut input = Vec::with_capacity(BUFFER);
        loop {
            let (mut request, mut body, length) = loop {
                if let Some(found) = head(&input)? {
                    break found;
                }
                if stream.read_buf(&mut input).await? == 0 {
                    anyhow::ensure!(input.is_empty(), "a request that does not end");
                    return Ok(());
                }
            };
            input.drain(..length);
            loop {
                let used = body.feed(&input, |bytes| {
                    request.body.extend_from_slice(bytes);
                    Ok(())
                })?;
                input.drain(..used);
                if body.is_done() {
                    break;
                }
                if stream.read_buf(&mut input).await? == 0 {
                    bail!("a body that does not end");
                }
            }
            let answer = self.answer(&request)?;
            stream.write_all(answer.as_bytes()).await?;
            stream.flush().await?;
        }
    }

    fn answer(&self, request: &Request) -> anyhow::Result<String> {
        let path = request.path.split('?').next().unwrap_or_default();
        let below = path.strip_prefix(API).unwrap_or(path);
        let parts: Vec<&str> = below.split('/').skip(1).collect();
        Ok(match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["app"]) => json(
                200,
                r#"{"id":7,"slug":"sync","name":"sync","owner":{"login":"org-0","type":"Organization"},"permissions":{"metadata":"read","contents":"read"},"events":[]}"#,
            ),
            ("GET", ["app", "installations"]) => json(200, "[]"),
            ("GET", ["orgs", owner, "installation"]) => json(200, &installation(owner)?),
            ("POST", ["app", "installations", _, "access_tokens"]) => {
                json(201, &self.token(&request.body)?)
            }
            ("DELETE", ["installation", "token"]) => json(204, ""),
            ("GET", ["repos", _, _, _]) => self.document(request, below),
            ("POST", ["bench", "change", ..]) => {
                let changed = below.strip_prefix("/bench/change").unwrap_or_default();
                let mut versions = self.versions.write().expect("nobody panics with it");
                *versions.entry(changed.to_owned()).or_insert(0) += 1;
                json(200, "{}")
            }
            ("GET", ["bench", "used"]) => {
                let (used, asked) = (&self.used, &self.asked);
                let minted = self.minted.load(Ordering::Relaxed);
                json(
                    200,
                    &format!(
                        r#"{{"used":{},"asked":{},"minted":{minted}}}"#,
                        used.load(Ordering::Relaxed),
                        asked.load(Ordering::Relaxed),
                    ),
                )
            }
            _ => bail!("nobody asks for {} {}", request.method, request.path),
        })
    }

    /// A document, or that it has not changed. Its tag is of the token, as GitHub's are.
    fn document(&self, request: &Request, path: &str) -> String {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let versions = self.versions.read().expect("nobody panics with it");
        let version = versions.get(path).copied().unwrap_or(0);
        drop(versions);
        let end = request.token.len().saturating_sub(16);
        let tag = format!("\"{:064x}-{}\"", version, &request.token[end..]);
        let same = request.known.as_deref().is_some_and(|known| {
            let mut all = known
                .split(',')
                .map(|one| one.trim().trim_start_matches("W/"));
            all.any(|one| one == tag)
        });
        let used = self.used.fetch_add(u64::from(!same), Ordering::Relaxed);
        let mut answer = String::with_capacity(2048 + self.document.len());
        let status = if same { "304 Not Modified" } else { "200 OK" };
        write!(
            answer,
            "HTTP/1.1 {status}\r\n\
             Server: GitHub.com\r\n\
             Date: Fri, 20 Nov 2026 10:00:00 GMT\r\n\
             Cache-Control: private, max-age=60, s-maxage=60\r\n\
             Vary: Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With\r\n\
             ETag: W/{tag}\r\n\
             X-GitHub-Media-Type: github.v3; format=json\r\n\
             X-GitHub-Api-Version-Selected: 2022-11-28\r\n\
             X-GitHub-Enterprise-Version: 3.19.0\r\n\
             X-RateLimit-Limit: {LIMIT}\r\n\
             X-RateLimit-Remaining: {}\r\n\
             X-RateLimit-Used: {used}\r\n\
             X-RateLimit-Reset: {}\r\n\
             X-RateLimit-Resource: core\r\n\
             Access-Control-Allow-Origin: *\r\n\
             Strict-Transport-Security: max-age=31536000; includeSubdomains; preload\r\n\
             X-Frame-Options: deny\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Referrer-Policy: origin-when-cross-origin, strict-origin-when-cross-origin\r\n\
             Content-Security-Policy: default-src 'none'\r\n\
             X-GitHub-Request-Id: C0DE:1F2E:3D4C5B:6A7988:691EE2D0\r\n",
            LIMIT - used,
            self.reset,
        )
        .expect("a string takes everything");
        if same {
            answer.push_str("\r\n");
            return answer;
        }
        // What changed begins otherwise.
        let changed = if version == 0 {
            String::new()
        } else {
            format!("[{{\"version\":{version}}},")
        };
        let rest = if version == 0 {
            self.document.as_str()
        } else {
            self.document.strip_prefix('[').unwrap_or(&self.document)
        };
        let length = changed.len() + rest.len();
        write!(
            answer,
            "Content-Type: application/json; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{changed}{rest}"
        )
        .expect("a string takes everything");
        answer
    }

    /// A token for what is asked for, and no more.
    fn token(&self, body: &[u8]) -> anyhow::Result<String> {
        let asked = std::str::from_utf8(body)?;
        let number = self.minted.fetch_add(1, Ordering::Relaxed);
        let permissions = part(asked, "\"permissions\":{", '}').context("no permissions")?;
        let names = part(asked, "\"repositories\":[", ']').context("no repositories")?;
        let each = names.split(',').enumerate().map(|(at, name)| {
            let name = name.trim().trim_matches('"');
            format!(
                r#"{{"id":{},"name":"{name}","full_name":"org/{name}"}}"#,
                at + 1
            )
        });
        let each: Vec<String> = each.collect();
        Ok(format!(
            r#"{{"token":"ghs_{number:036}","expires_at":"2099-01-01T00:00:00Z","permissions":{{{permissions}}},"repository_selection":"selected","repositories":[{}]}}"#,
            each.join(",")
        ))
    }
}

fn part<'t>(text: &'t str, begin: &str, end: char) -> Option<&'t str> {
    text.split_once(begin)?.1.split(end).next()
}

/// `org-7` has the installation 1007.
fn installation(owner: &str) -> anyhow::Result<String> {
    let number: u64 = owner
        .strip_prefix("org-")
        .context("an owner that is none of the bench's")?
        .parse()?;
    Ok(format!(
        r#"{{"id":{},"app_id":7,"app_slug":"sync","account":{{"login":"{owner}","type":"Organization"}},"repository_selection":"all","permissions":{{"metadata":"read","contents":"read"}},"events":[]}}"#,
        1000 + number
    ))
}

fn json(status: u16, body: &str) -> String {
    let words = match status {
        201 => "Created",
        204 => return "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        _ => "OK",
    };
    format!(
        "HTTP/1.1 {status} {words}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A request, its body's framing and the head's length, once the head is whole.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(Request, Body, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(bytes)? else {
        return Ok(None);
    };
    let (method, path) = head
        .method
        .zip(head.path)
        .context("a request for nothing")?;
    let text = |name: &str| {
        let value = field(head.headers, name)?;
        std::str::from_utf8(value).ok().map(str::to_owned)
    };
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        token: text("authorization").unwrap_or_default(),
        known: text("if-none-match"),
        body: Vec::new(),
    };
    let body = Body::of(head.headers)?.unwrap_or(Body::Length(0));
    Ok(Some((request, body, length)))
}
