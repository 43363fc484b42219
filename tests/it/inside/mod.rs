//! A GitHub server under its internal name: git's own HTTP backend, giftless for large files, and
//! the API as Prism or GitHub's recordings give it, behind one TLS front with the manners that a
//! GitHub server has and these do not: one name, private mode, ids in links, entity tags.

mod api;
mod git;
mod lfs;
mod manners;
mod program;
mod recordings;
mod tests;

use crate::world::{INTERNAL, SERVER, World, all_of};
pub use api::{EXAMPLE, SECRET_REPOSITORY};
use bytes::Bytes;
pub use git::{backend, bare, commits, git};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
pub use program::fetched;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

pub type Body = BoxBody<Bytes, io::Error>;
pub type Answer = Response<Body>;

/// The token of the one who may do anything here.
pub const TOKEN: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";
/// The token in GitHub's recordings.
pub const RECORDED_TOKEN: &str = "0000000000000000000000000000000000000001";

/// The head of a request that arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    whole: Arc<AtomicBool>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether it came to its end, and so was acted on: known of those that have a planted answer.
    pub fn whole(&self) -> bool {
        self.whole.load(Ordering::SeqCst)
    }
}

/// The server; it is there as long as its world.
#[derive(Clone)]
pub struct Ghes(Arc<Inside>);

struct Inside {
    repositories: PathBuf,
    upstream: Client<HttpConnector, Body>,
    seen: Mutex<Vec<Seen>>,
    planted: Mutex<HashMap<String, Response<Bytes>>>,
    asking: Mutex<HashSet<String>>,
    recording: Mutex<Option<recordings::Recording>>,
    programs: Mutex<Vec<program::Program>>,
    listening: Mutex<Option<AbortHandle>>,
}

impl Ghes {
    /// Listens, and has no repositories and no API yet.
    pub async fn open(world: &World) -> Self {
        let repositories = world.path("repositories");
        std::fs::create_dir(&repositories).unwrap();
        let ghes = Self(Arc::new(Inside {
            repositories,
            upstream: Client::builder(TokioExecutor::new()).build_http(),
            seen: Mutex::default(),
            planted: Mutex::default(),
            asking: Mutex::default(),
            recording: Mutex::default(),
            programs: Mutex::default(),
            listening: Mutex::default(),
        }));
        let acceptor = TlsAcceptor::from(world.corp.server(&all_of(INTERNAL)));
        let listener = tokio::net::TcpListener::bind(SERVER).await.unwrap();
        let served = ghes.clone();
        let listening = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, ghes) = (acceptor.clone(), served.clone());
                connections.spawn(async move {
                    // One who does not trust the certificate goes again.
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = hyper::service::service_fn(move |request| {
                        let ghes = ghes.clone();
                        async move { Ok::<_, io::Error>(ghes.answer(request).await) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    drop(connection.await);
                });
            }
        });
        *ghes.0.listening.lock().unwrap() = Some(listening.abort_handle());
        ghes
    }

    /// Is gone, with every connection.
    pub fn close(&self) {
        self.0.listening.lock().unwrap().take().unwrap().abort();
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.0.seen.lock().unwrap().clone()
    }

    pub fn forget(&self) {
        self.0.seen.lock().unwrap().clear();
    }

    /// Answers this path and query as told, before anything else does.
    pub fn plant(&self, target: &str, answer: Response<impl Into<Bytes>>) {
        let (head, body) = answer.into_parts();
        let answer = Response::from_parts(head, body.into());
        let mut planted = self.0.planted.lock().unwrap();
        planted.insert(target.to_owned(), answer);
    }

    /// The same for who shows a token; others are told that they must.
    pub fn plant_for_the_known(&self, target: &str, answer: Response<Vec<u8>>) {
        self.0.asking.lock().unwrap().insert(target.to_owned());
        self.plant(target, answer);
    }

    fn keep(&self, program: program::Program) {
        self.0.programs.lock().unwrap().push(program);
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let target = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let came: Arc<AtomicBool> = Arc::default();
        self.0.seen.lock().unwrap().push(Seen {
            whole: came.clone(),
            method: head.method.clone(),
            target: target.to_owned(),
            headers: head.headers.clone(),
        });
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.unwrap_or_default().to_owned();
        if !all_of(INTERNAL).contains(&host) {
            // What is asked for by another name is sent to the right one.
            let right = format!("https://{INTERNAL}{target}");
            return with(StatusCode::FOUND, &[(LOCATION.as_str(), &right)], "");
        }
        let wishes = manners::Wishes::of(&head);
        let planted = self.0.planted.lock().unwrap().get(target).cloned();
        let shut = self.0.asking.lock().unwrap().contains(target) && !known(&head.headers);
        if let Some(planted) = planted.filter(|_| !shut) {
            // As any server, it acts when it has the whole.
            if body.collect().await.is_err() {
                return with(StatusCode::BAD_REQUEST, &[], "half a request");
            }
            came.store(true, Ordering::SeqCst);
            let (parts, body) = planted.into_parts();
            return Response::from_parts(parts, whole(body));
        }
        // The URL of an archive or of a large file is signed for this one download.
        let signed = host.starts_with("codeload.") || target.contains("/info/lfs/objects/storage/");
        if !signed && !known(&head.headers) {
            return manners::unknown(&head);
        }
        let request = Request::from_parts(head, body.map_err(io::Error::other).boxed());
        let path = request.uri().path().to_owned();
        if let Some(rest) = path.strip_prefix("/api/v3") {
            let answer = if self.records() {
                self.recorded("api.github.com", rest, request).await
            } else {
                self.described(rest, request).await
            };
            wishes.grant(answer).await
        } else if let Some(rest) = path.strip_prefix("/api/uploads") {
            let answer = self.recorded("uploads.github.com", rest, request).await;
            wishes.grant(answer).await
        } else if host.starts_with("codeload.") {
            self.recorded("codeload.github.com", &path, request).await
        } else if path.contains(".git/info/lfs/") {
            self.large(request).await
        } else if path.contains(".git/") {
            self.git(request).await
        } else {
            with(StatusCode::NOT_FOUND, &[], "no such page")
        }
    }

    /// Passes a request on to a program on this machine, with this path and query.
    async fn pass(&self, port: u16, target: &str, mut request: Request<Body>) -> Answer {
        let url = format!("http://127.0.0.1:{port}{target}");
        *request.uri_mut() = url.parse::<Uri>().unwrap();
        match self.0.upstream.request(request).await {
            Ok(answer) => answer.map(|body| body.map_err(io::Error::other).boxed()),
            Err(failed) => with(StatusCode::BAD_GATEWAY, &[], &failed.to_string()),
        }
    }
}

/// Whether the caller shows a token that we know: a private server tells others nothing.
fn known(headers: &HeaderMap) -> bool {
    use base64::Engine as _;
    let Some(shown) = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok()) else {
        return false;
    };
    let (scheme, token) = shown.split_once(' ').unwrap_or_default();
    let token = if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64::engine::general_purpose::STANDARD.decode(token);
        let decoded = String::from_utf8(decoded.unwrap_or_default()).unwrap_or_default();
        decoded.split_once(':').unwrap_or_default().1.to_owned()
    } else {
        token.to_owned()
    };
    [TOKEN, RECORDED_TOKEN].contains(&&*token)
}

pub fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into())
        .map_err(|never| match never {})
        .boxed()
}

fn with(status: StatusCode, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    if !body.is_empty() && headers.is_empty() {
        answer = answer.header(CONTENT_TYPE, "text/plain");
    }
    answer.body(whole(body.to_owned())).unwrap()
}
