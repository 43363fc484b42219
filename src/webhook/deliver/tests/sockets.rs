//! The sender over real sockets.

use super::bench::target;
use crate::spool::Header;
use crate::types::{RequestId, Secret, SecretSource};
use crate::webhook::deliver::{
    Answer, Body, Carry as _, Parcel, Reach, Resolve, SendError, Sender, SystemResolver,
};
use async_trait::async_trait;
use axum::body::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
struct Names(Vec<IpAddr>);

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(self.0.clone())
    }
}

fn parcel(body: impl Into<Bytes>) -> Parcel {
    let header = |name: &'static str, value: &str| Header {
        name: name.into(),
        value: value.as_bytes().into(),
    };
    Parcel {
        request: RequestId::fresh(),
        headers: Arc::new([
            header("content-type", "application/json"),
            header("x-hub-signature", "sha1=00"),
            header("x-hub-signature-256", "sha256=00"),
        ]),
        body: body.into(),
    }
}

fn whole(text: &str) -> Body {
    Body::Whole(Bytes::copy_from_slice(text.as_bytes()))
}

async fn server(app: axum::Router) -> SocketAddr {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    crate::telemetry::Tasks::new().spawn("server", async move {
        axum::serve(socket, app).await.unwrap();
    });
    address
}

async fn send(
    url: String,
    resolve: Arc<dyn Resolve>,
    parcel: &Parcel,
) -> Result<Answer, SendError> {
    let mut to = target("jira");
    to.url = url.parse().unwrap();
    Sender::new(&to, resolve).unwrap().carry(parcel, 3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_body_arrives_byte_for_byte() {
    let sum = |body: &[u8]| crc32fast::hash(body).to_string();
    let app = axum::Router::new()
        .fallback(
            move |body: Bytes| async move { format!("{} {}", body.len(), crc32fast::hash(&body)) },
        )
        .layer(axum::extract::DefaultBodyLimit::disable());
    let address = server(app).await;
    let body: Vec<u8> = (0..25_u32 << 20)
        .map(|n| (n % 251).to_le_bytes()[0])
        .collect();
    let expected = format!("{} {}", body.len(), sum(&body));
    let answer = send(
        format!("http://{address}/"),
        Arc::new(SystemResolver),
        &parcel(body),
    )
    .await;
    assert_eq!(answer.unwrap().body, whole(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let app = axum::Router::new().fallback(|| async {
        (
            http::StatusCode::TEMPORARY_REDIRECT,
            [("location", "http://127.0.0.1:1/")],
        )
    });
    let address = server(app).await;
    let answer = send(
        format!("http://{address}/"),
        Arc::new(SystemResolver),
        &parcel("{}"),
    )
    .await;
    assert_eq!(answer.unwrap().status, 307);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_resolves_to_this_machine_or_to_metadata_is_not_dialled() {
    for ip in ["127.0.0.1", "169.254.169.254", "::1"] {
        let names = Arc::new(Names(vec![ip.parse().unwrap()]));
        let fault = send("http://jira.corp/".to_owned(), names, &parcel("{}"))
            .await
            .unwrap_err();
        assert!(
            matches!(&fault, SendError::Dial(dial) if dial.to_string().contains("`allow`")),
            "{fault}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_dialled_at_the_first_address_that_its_target_may_be_at() {
    let address = server(axum::Router::new().fallback(|| async { "here" })).await;
    let mut to = target("jira");
    to.url = format!("http://jira.corp:{}/", address.port())
        .parse()
        .unwrap();
    to.allow = vec![Reach {
        network: "127.0.0.1/32".parse().unwrap(),
        port: Some(address.port()),
    }];
    let names = Names(vec![
        "10.9.8.7".parse().unwrap(),
        "127.0.0.1".parse().unwrap(),
    ]);
    let answer = Sender::new(&to, Arc::new(names))
        .unwrap()
        .carry(&parcel("{}"), 1)
        .await
        .unwrap();
    assert_eq!(
        (answer.body, answer.address),
        (whole("here"), Some(address))
    );
}

/// An address where nobody accepts and nothing is refused: its queue is full.
async fn silent(
    ip: &str,
) -> (
    SocketAddr,
    Vec<tokio::net::TcpStream>,
    tokio::net::TcpListener,
) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{ip}:0").parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let patience = Duration::from_millis(200);
    while let Ok(stream) =
        tokio::time::timeout(patience, tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 100, "the queue does not fill");
    }
    (address, waiting, listener)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_silent_leaves_time_for_the_others() {
    let (mute, _waiting, _listener) = silent("127.0.0.3").await;
    let good = SocketAddr::new("127.0.0.4".parse().unwrap(), mute.port());
    let socket = tokio::net::TcpListener::bind(good).await.unwrap();
    let app = axum::Router::new().fallback(|| async { "here" });
    crate::telemetry::Tasks::new().spawn("server", async move {
        axum::serve(socket, app).await.unwrap();
    });
    let refused = "127.0.0.5".parse().unwrap();
    for names in [
        vec![mute.ip(), good.ip()],
        vec![refused, mute.ip(), good.ip()],
        vec![mute.ip(), refused, good.ip()],
    ] {
        for timeout in [500, 2_000] {
            let mut to = target("jira");
            to.url = format!("http://jira.corp:{}/", mute.port())
                .parse()
                .unwrap();
            to.timeout = Duration::from_millis(timeout);
            to.allow = vec![Reach {
                network: "127.0.0.0/8".parse().unwrap(),
                port: None,
            }];
            let sender = Sender::new(&to, Arc::new(Names(names.clone()))).unwrap();
            let answer = sender.carry(&parcel("{}"), 1).await.unwrap();
            assert_eq!((answer.body, answer.address), (whole("here"), Some(good)));
        }
    }
    // Where nobody accepts, it is the time-out that says so, or the last failure.
    let mut to = target("jira");
    to.url = format!("http://{mute}/").parse().unwrap();
    to.timeout = Duration::from_millis(300);
    let sender = Sender::new(&to, Arc::new(SystemResolver)).unwrap();
    let fault = sender.carry(&parcel("{}"), 1).await.unwrap_err();
    assert!(fault.is_timeout(), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn resigning_replaces_githubs_signatures_and_attempts_are_told() {
    let app = axum::Router::new().fallback(|headers: http::HeaderMap| async move {
        let of = |name: &str| {
            headers
                .get(name)
                .map_or("-", |v| v.to_str().unwrap())
                .to_owned()
        };
        format!(
            "{} {} {}",
            of("x-hub-signature-256"),
            of("x-hub-signature"),
            of("x-hubgate-attempt")
        )
    });
    let address = server(app).await;
    let mut to = target("jira");
    to.url = format!("http://{address}/").parse().unwrap();
    to.resign = Some(SecretSource::Held(Secret::new(
        b"It's a Secret to Everybody".to_vec(),
    )));
    let sender = Sender::new(&to, Arc::new(SystemResolver)).unwrap();
    let answer = sender.carry(&parcel("Hello, World!"), 3).await.unwrap();
    let published = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17 - 3";
    assert_eq!(answer.body, whole(published));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_any_length_costs_64_kib_and_a_silent_target_its_time_out() {
    let app = axum::Router::new()
        .route(
            "/long",
            axum::routing::post(|| async { "x".repeat(1 << 20) }),
        )
        .route("/silent", axum::routing::post(std::future::pending::<()>));
    let address = server(app).await;
    let long = send(
        format!("http://{address}/long"),
        Arc::new(SystemResolver),
        &parcel("{}"),
    )
    .await
    .unwrap();
    assert_eq!((long.status.as_u16(), long.body), (200, Body::TooLarge));
    let mut to = target("jira");
    to.url = format!("http://{address}/silent").parse().unwrap();
    to.timeout = Duration::from_millis(50);
    let sender = Sender::new(&to, Arc::new(SystemResolver)).unwrap();
    assert!(
        sender
            .carry(&parcel("{}"), 1)
            .await
            .unwrap_err()
            .is_timeout()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_with_a_private_authority_is_trusted_by_that_alone() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let made = rcgen::generate_simple_self_signed(vec!["jira.corp".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    crate::telemetry::Tasks::new().spawn("server", async move {
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let service = hyper::service::service_fn(|_| async {
                Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::new(
                    Bytes::from_static(b"tls"),
                )))
            });
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(hyper_util::rt::TokioIo::new(stream), service)
                    .await,
            );
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, made.cert.pem()).unwrap();
    let mut to = target("jira");
    to.url = format!("https://jira.corp:{port}/").parse().unwrap();
    to.allow = vec![Reach {
        network: "127.0.0.0/8".parse().unwrap(),
        port: None,
    }];
    let names = || Arc::new(Names(vec!["127.0.0.1".parse().unwrap()]));
    let stranger = Sender::new(&to, names())
        .unwrap()
        .carry(&parcel("{}"), 1)
        .await
        .unwrap_err();
    assert!(
        stranger.to_string().contains("no TLS with 127.0.0.1"),
        "{stranger}"
    );
    to.ca = Some(path);
    let answer = Sender::new(&to, names())
        .unwrap()
        .carry(&parcel("{}"), 1)
        .await
        .unwrap();
    assert_eq!(answer.body, whole("tls"));
}
