//! A way to Pebble that passes everything on, adds what Debian's has not learned yet (renewal
//! information, RFC 9773), answers orders itself where a test wants that, and writes down what came.

use super::pebble::{Pebble, acme};
use crate::harness::vacant;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HOST, RETRY_AFTER, TRANSFER_ENCODING};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio_rustls::TlsAcceptor;

const RENEWAL_INFO: &str = "/renewal-info/";
/// Where Pebble takes new orders.
const NEW_ORDER: &str = "/order-plz";
/// Where Pebble says how an order stands.
const ORDERS: &str = "/my-order/";
/// Where it says how a name of one stands.
const NAMES: &str = "/authZ/";
const BAD_NONCE: &str = "urn:ietf:params:acme:error:badNonce";

/// What is answered instead of asking Pebble.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Bytes,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            retry_after: None,
            body: body.into(),
        }
    }

    /// A window, and when to ask again.
    pub fn window(start: jiff::Timestamp, end: jiff::Timestamp, explanation: &str) -> Self {
        let body = json!({
            "suggestedWindow": { "start": start.to_string(), "end": end.to_string() },
            "explanationURL": explanation,
        });
        Self::new(200, body.to_string()).after("21600")
    }

    pub fn after(self, retry_after: &str) -> Self {
        Self {
            retry_after: Some(retry_after.to_owned()),
            ..self
        }
    }
}

/// How it behaves, and what came.
#[derive(Default)]
pub struct Book {
    /// What is said of certificates whose name is not in `windows`; none: nothing is offered.
    pub window: Option<Answer>,
    pub windows: HashMap<String, Answer>,
    /// Whether an order that names what it replaces is answered as the standard wants it.
    pub forgets_replaced: bool,
    /// The answer to new orders.
    pub refusal: Option<Answer>,
    /// The answer to those that name what they replace.
    pub refuses_replaced: Option<Answer>,
    /// The answer to whoever looks how an order stands.
    pub standing: Option<Answer>,
    /// What was asked of orders and their names since then.
    pub looks: Vec<String>,
    /// How far ahead of the machine's time the gate is.
    pub turned: i64,
    /// Of which certificates it was asked.
    pub asked: Vec<Question>,
    pub orders: Vec<NewOrder>,
    /// How many requests Pebble refused for their nonce.
    pub refused_nonces: usize,
}

impl Book {
    /// The answer to who looks how an order stands.
    fn looked(&mut self, path: &str) -> Option<Answer> {
        let standing = self.standing.clone()?;
        let of_order = path.starts_with(ORDERS);
        if of_order || (path.starts_with(NAMES) && !self.looks.is_empty()) {
            self.looks.push(path.to_owned());
        }
        of_order.then_some(standing)
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now() + jiff::SignedDuration::from_secs(self.turned)
    }
}

pub struct Question {
    /// When it came, by the gate's clock.
    pub at: jiff::Timestamp,
    /// What the certificate is called.
    pub name: String,
}

pub struct NewOrder {
    /// When it came, by the gate's clock.
    pub at: jiff::Timestamp,
    pub replaces: Option<String>,
}

pub struct Relay {
    pub address: SocketAddr,
    ca: PathBuf,
    book: Arc<Mutex<Book>>,
    serving: tokio::task::JoinHandle<()>,
}

struct Inner {
    address: SocketAddr,
    pebble: SocketAddr,
    client: reqwest::Client,
    book: Arc<Mutex<Book>>,
}

impl Relay {
    pub async fn start(pebble: &Pebble) -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let address = vacant().await;
        let socket = tokio::net::TcpListener::bind(address).await.unwrap();
        let acceptor = TlsAcceptor::from(pebble.own().server(&[address.ip().to_string()]));
        let root = reqwest::Certificate::from_pem(pebble.own().pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only([root])
            .build()
            .unwrap();
        let book: Arc<Mutex<Book>> = Arc::default();
        let inner = Arc::new(Inner {
            address,
            pebble: pebble.address(),
            client,
            book: book.clone(),
        });
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = socket.accept().await.unwrap();
                let (inner, acceptor) = (inner.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = hyper::service::service_fn(move |request| {
                        let inner = inner.clone();
                        async move { inner.answer(request).await }
                    });
                    let server = hyper::server::conn::http1::Builder::new();
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self {
            address,
            ca: pebble.ca(),
            book,
            serving,
        }
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    /// `acme = { … }`.
    pub fn keys(&self) -> String {
        let directory = format!("https://{}/dir", self.address);
        acme(&directory, &self.ca, "")
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Inner {
    /// Where Pebble is away, the connection ends without an answer.
    async fn answer(&self, request: Request<Incoming>) -> reqwest::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let path = head.uri.path().to_owned();
        if let Some(name) = path.strip_prefix(RENEWAL_INFO) {
            assert_eq!(head.method, Method::GET);
            let mut book = self.book.lock().unwrap();
            let question = Question {
                at: book.now(),
                name: name.to_owned(),
            };
            book.asked.push(question);
            let answer = book.windows.get(name).or(book.window.as_ref()).cloned();
            return Ok(given(answer.expect("it was not offered")));
        }
        let mut replaced = None;
        if path == NEW_ORDER {
            let mut book = self.book.lock().unwrap();
            replaced = replaces(&body);
            let order = NewOrder {
                at: book.now(),
                replaces: replaced.clone(),
            };
            book.orders.push(order);
            let of_replaced = book.refuses_replaced.clone();
            let of_replaced = of_replaced.filter(|_| replaced.is_some());
            if let Some(refusal) = book.refusal.clone().or(of_replaced) {
                return Ok(given(refusal));
            }
        }
        if let Some(standing) = self.book.lock().unwrap().looked(&path) {
            return Ok(given(standing));
        }
        let url = format!("https://{}{}", self.pebble, head.uri);
        let mut headers = head.headers;
        // It makes its addresses of this, and so all of them lead here.
        headers.insert(HOST, self.address.to_string().parse().unwrap());
        let asked = self.client.request(head.method, url).headers(headers);
        let answer = asked.body(body).send().await?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        let mut bytes = answer.bytes().await?;
        {
            let mut book = self.book.lock().unwrap();
            if let Ok(mut told) = serde_json::from_slice::<Value>(&bytes) {
                if told["type"] == BAD_NONCE {
                    book.refused_nonces += 1;
                }
                if path == "/dir" && book.window.is_some() {
                    let url = format!("https://{}{RENEWAL_INFO}", self.address);
                    told["renewalInfo"] = url.trim_end_matches('/').into();
                }
                if status == StatusCode::CREATED && replaced.is_some() && !book.forgets_replaced {
                    told["replaces"] = replaced.into();
                }
                bytes = told.to_string().into();
            }
        }
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
        let mut response = Response::new(Full::new(bytes));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

fn given(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.status);
    if let Some(pause) = answer.retry_after {
        response = response.header(RETRY_AFTER, pause);
    }
    response.body(Full::new(answer.body)).unwrap()
}

/// What a new order says that it replaces.
fn replaces(body: &[u8]) -> Option<String> {
    let signed: Value = serde_json::from_slice(body).unwrap();
    let payload = signed["payload"].as_str().unwrap();
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    Some(payload["replaces"].as_str()?.to_owned())
}
