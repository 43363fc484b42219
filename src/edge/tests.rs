//! Tests of the doors over real sockets, with a real TLS client and pingora's proxy behind.

use super::certificate::{Certificate, HostPattern, Origin, Store};
use super::source::{Directory, From};
use super::*;
use crate::types::SystemClock;
use arc_swap::ArcSwap;
use bytes::Bytes;
use pingora::http::ResponseHeader;
use pingora::proxy::{HttpProxy, ProxyHttp, Session, http_proxy};
use pingora::upstreams::peer::HttpPeer;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

mod stopping;
mod writing;

/// Short, so that tests of them are quick; long enough for a busy machine in all others.
const SHORT: Duration = Duration::from_millis(300);

/// Answers what it knows of the connection and how long the body was. `/wait` answers when told
/// to, `/refuse` without reading the body, `/large` with many megabytes.
struct Gate {
    arrived: mpsc::Sender<()>,
    go_on: Arc<Notify>,
}

#[async_trait::async_trait]
impl ProxyHttp for Gate {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> pingora::Result<Box<HttpPeer>> {
        pingora::Error::e_explain(pingora::ErrorType::InternalError, "there is none")
    }

    async fn request_filter(&self, session: &mut Session, (): &mut ()) -> pingora::Result<bool> {
        let path = session.req_header().uri.path().to_owned();
        if path == "/refuse" {
            session.respond_error(413).await?;
            return Ok(true);
        }
        let mut length = 0;
        while let Some(piece) = session.read_request_body().await? {
            length += piece.len();
        }
        if path == "/wait" {
            self.arrived.send(()).await.unwrap();
            self.go_on.notified().await;
        }
        let known = connection().expect("a request is served within its connection");
        if path == "/chunks" {
            return writing::in_chunks(session, &known).await;
        }
        if known.closing() {
            session.set_keepalive(None);
        }
        let body = serde_json::json!({
            "listener": known.listener, "client": known.client.to_string(), "tls": known.tls,
            "sni": known.sni.as_deref(), "h2": known.h2, "requests": known.requests(),
            "path": path, "length": length,
            "pingora_sees": session.client_addr().map(ToString::to_string),
        });
        let body = if path == "/large" {
            Bytes::from(vec![b'x'; 64 << 20])
        } else {
            Bytes::from(body.to_string())
        };
        let mut response = ResponseHeader::build(200, None)?;
        response.insert_header("Content-Length", body.len().to_string())?;
        session
            .write_response_header(Box::new(response), false)
            .await?;
        session.write_response_body(Some(body), true).await?;
        Ok(true)
    }
}

#[derive(Debug, Default)]
struct Witnessed(Mutex<Vec<Dropped>>);

impl Witness for Witnessed {
    fn dropped(&self, dropped: Dropped) {
        self.0.lock().unwrap().push(dropped);
    }
}

/// A door that is open until this is dropped.
struct Run {
    address: SocketAddr,
    connections: Connections,
    witnessed: Arc<Witnessed>,
    store: Arc<Store>,
    stop: watch::Sender<bool>,
    arrived: mpsc::Receiver<()>,
    go_on: Arc<Notify>,
    service: JoinSet<()>,
}

struct Setup {
    listener: Listener,
    certificates: Vec<Certificate>,
    networks: Vec<IpNet>,
    bounds: Bounds,
    deadlines: Deadlines,
}

fn setup() -> Setup {
    Setup {
        listener: Listener {
            name: "public".parse().unwrap(),
            address: "127.0.0.1:0".parse().unwrap(),
            tls: true,
            h2: false,
            redirect: false,
            proxy_protocol: None,
            clients: None,
        },
        certificates: vec![self_signed("localhost")],
        networks: vec![net("127.0.0.0/8")],
        bounds: Bounds::default(),
        deadlines: Deadlines::default(),
    }
}

fn plain() -> Setup {
    let mut setup = setup();
    setup.listener.tls = false;
    setup
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn self_signed(host: &str) -> Certificate {
    Certificate {
        hosts: vec![HostPattern {
            wildcard: false,
            name: host.parse().unwrap(),
        }],
        origin: Origin::SelfSigned,
    }
}

impl Setup {
    fn run(self) -> Run {
        let (store, _) = Store::load(&self.certificates, Arc::new(SystemClock)).unwrap();
        let directory = Directory::new([("known".parse().unwrap(), self.networks)]);
        let known = From::Sources(vec!["known".parse().unwrap()]);
        let admission = directory.compile(&known).unwrap();
        let connections = Connections::new(self.bounds);
        let witnessed = Arc::new(Witnessed::default());
        let challenges = Arc::<acme::Challenges>::default();
        let house = House {
            challenges: Arc::clone(&challenges),
            entry: Arc::new(ArcSwap::from_pointee(Entry {
                directory: Arc::new(directory),
                admission,
            })),
            tls: Tls::new(Arc::clone(&store), None, Arc::clone(&challenges)).unwrap(),
            connections: connections.clone(),
            ledger: Arc::new(Ledger::new(Arc::clone(&witnessed) as _)),
            deadlines: self.deadlines,
        };
        let (arrival, arrived) = mpsc::channel(8);
        let go_on = Arc::new(Notify::new());
        let gate = Gate {
            arrived: arrival,
            go_on: Arc::clone(&go_on),
        };
        let app: Arc<HttpProxy<Gate>> = Arc::new(http_proxy(&Arc::default(), gate));
        let (stop, shutdown) = watch::channel(false);
        let door = Door::bind(&self.listener, &mut Kept::default()).unwrap();
        let address = door.address();
        let mut service = JoinSet::new();
        service.spawn(door.open(app, house, shutdown));
        Run {
            address,
            connections,
            witnessed,
            store,
            stop,
            arrived,
            go_on,
            service,
        }
    }
}

impl Run {
    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn tls(&self, host: &str) -> std::io::Result<TlsStream<TcpStream>> {
        self.tls_over(self.tcp().await, host).await
    }

    async fn tls_over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        host: &str,
    ) -> std::io::Result<TlsStream<S>> {
        self.client()
            .connect(ServerName::try_from(host.to_owned()).unwrap(), stream)
            .await
    }

    fn client(&self) -> TlsConnector {
        TlsConnector::from(Arc::new(self.client_config(&["http/1.1"])))
    }

    fn client_config(&self, protocols: &[&str]) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        for served in self.store.list() {
            for host in served.hosts {
                if let Some(pem) = self.store.self_signed_pem(&host.parse().unwrap()) {
                    let made = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
                    roots.add(made).unwrap();
                }
            }
        }
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        config
    }

    fn reasons(&self) -> Vec<Reason> {
        let witnessed = self.witnessed.0.lock().unwrap();
        witnessed.iter().map(|dropped| dropped.reason).collect()
    }
}

/// A response: its status line and fields, and its body.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> (String, Bytes) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a whole response head"));
    }
    let head = String::from_utf8(head).unwrap();
    let lower = head.to_ascii_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    (head, body.into())
}

fn status(answer: &(String, Bytes)) -> u16 {
    answer.0.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> serde_json::Value {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answered = answer(stream).await;
    assert_eq!(status(&answered), 200, "{answered:?}");
    serde_json::from_slice(&answered.1).unwrap()
}

/// Whether the other side ends the connection, cleanly or not, without sending anything.
async fn ends(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    ended.is_ok()
}

fn alert(failure: &std::io::Error) -> Option<rustls::AlertDescription> {
    if let rustls::Error::AlertReceived(alert) = failure.get_ref()?.downcast_ref()? {
        Some(*alert)
    } else {
        None
    }
}

#[tokio::test]
async fn requests_are_served_over_one_connection_with_what_is_known_of_it() {
    let run = setup().run();
    let mut stream = run.tls("localhost").await.unwrap();
    let own = stream.get_ref().0.local_addr().unwrap().to_string();
    for number in 1..4 {
        let known = ask(&mut stream, "/a").await;
        assert_eq!(known["listener"], "public");
        assert_eq!(known["client"], "127.0.0.1");
        assert_eq!(known["pingora_sees"], own.as_str());
        assert_eq!(known["tls"], "TLSv1_3");
        assert_eq!(known["sni"], "localhost");
        assert_eq!(known["h2"], false);
        assert_eq!(known["requests"], number);
    }
    assert_eq!(run.connections.open(), 1);
}

#[tokio::test]
async fn the_certificate_is_chosen_by_the_name_asked_for() {
    let mut setup = setup();
    setup.certificates = vec![self_signed("a.test"), self_signed("b.test")];
    let run = setup.run();
    for host in ["a.test", "b.test"] {
        let stream = run.tls(host).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
        assert_eq!(shown, run.store.find(host).unwrap().cert[0].to_vec());
    }
}

#[tokio::test]
async fn an_unknown_or_absent_name_is_answered_with_the_alert_for_it() {
    let run = setup().run();
    for host in ["unknown.test", "127.0.0.1"] {
        let failure = run.tls(host).await.unwrap_err();
        assert_eq!(
            alert(&failure),
            Some(rustls::AlertDescription::UnrecognisedName),
            "{host}: {failure}"
        );
    }
    assert_eq!(run.reasons(), [Reason::UnknownServerName]);
}

#[tokio::test]
async fn http2_is_spoken_only_where_the_listener_asks_for_it() {
    let run = setup().run();
    let connector = TlsConnector::from(Arc::new(run.client_config(&["h2", "http/1.1"])));
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector
        .connect(name.clone(), run.tcp().await)
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let only = TlsConnector::from(Arc::new(run.client_config(&["h2"])));
    assert!(only.connect(name.clone(), run.tcp().await).await.is_err());

    let mut setup = setup();
    setup.listener.h2 = true;
    // The pace of bodies is no matter of a connection with many streams, which may rest.
    setup.deadlines.body_gap = Duration::ZERO;
    setup.deadlines.body_rate = u64::MAX;
    let run = setup.run();
    let connector = TlsConnector::from(Arc::new(run.client_config(&["h2"])));
    let stream = connector.connect(name, run.tcp().await).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { connection.await.unwrap() });
    for number in 1..3 {
        let request = http::Request::get("https://localhost/over")
            .body(())
            .unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        let mut body = response.await.unwrap().into_body();
        let mut text = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece.unwrap();
            body.flow_control().release_capacity(piece.len()).unwrap();
            text.extend_from_slice(&piece);
        }
        let known: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(known["h2"], true);
        assert_eq!(known["path"], "/over");
        assert_eq!(known["client"], "127.0.0.1");
        assert_eq!(known["requests"], number);
    }
}

#[tokio::test]
async fn an_address_that_no_route_admits_is_dropped_before_tls_and_reported_once() {
    let mut setup = setup();
    setup.networks = vec![net("192.0.2.0/24")];
    let run = setup.run();
    for _ in 0..3 {
        assert!(ends(&mut run.tcp().await).await);
    }
    assert_eq!(run.reasons(), [Reason::SourceNotAllowed]);
    let witnessed = run.witnessed.0.lock().unwrap();
    assert_eq!(
        witnessed[0].client.map(|client| client.to_string()),
        Some("127.0.0.1".to_owned())
    );
}

#[tokio::test]
async fn a_dual_stack_listener_sees_ipv4_clients_by_their_ipv4_address() {
    let mut setup = plain();
    setup.listener.address = "[::]:0".parse().unwrap();
    let mut run = setup.run();
    run.address.set_ip("127.0.0.1".parse().unwrap());
    assert_eq!(ask(&mut run.tcp().await, "/").await["client"], "127.0.0.1");
}

fn behind_balancer(balancers: &str) -> Setup {
    let mut setup = setup();
    setup.listener.proxy_protocol = Some(vec![net(balancers)]);
    setup.networks = vec![net("192.0.2.0/24")];
    setup
}

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 12345 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x30\x39\x01\xbb";
const V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

#[tokio::test]
async fn a_named_load_balancer_says_who_the_client_is() {
    let run = behind_balancer("127.0.0.1/32").run();
    for header in [V1, V2] {
        let mut stream = run.tcp().await;
        stream.write_all(header).await.unwrap();
        let mut stream = run.tls_over(stream, "localhost").await.unwrap();
        let known = ask(&mut stream, "/").await;
        assert_eq!(known["client"], "192.0.2.7");
        assert_eq!(known["pingora_sees"], "192.0.2.7:12345");
    }
    // For itself, as for a health check: it is the client then.
    let mut stream = run.tcp().await;
    stream.write_all(V2_LOCAL).await.unwrap();
    let mut stream = run.tls_over(stream, "localhost").await.unwrap();
    assert_eq!(ask(&mut stream, "/").await["client"], "127.0.0.1");
    assert_eq!(run.reasons(), []);
}

#[tokio::test]
async fn a_header_that_arrives_with_the_hello_loses_none_of_it() {
    let mut setup = behind_balancer("127.0.0.1/32");
    setup.listener.tls = false;
    let run = setup.run();
    let mut stream = run.tcp().await;
    let mut both = V2.to_vec();
    both.extend(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(&both).await.unwrap();
    assert_eq!(status(&answer(&mut stream).await), 200);
}

#[tokio::test]
async fn others_than_the_named_load_balancers_are_dropped() {
    let run = behind_balancer("10.0.0.0/8").run();
    assert!(ends(&mut run.tcp().await).await);
    assert_eq!(run.reasons(), [Reason::NotALoadBalancer]);
}

#[tokio::test]
async fn a_client_behind_the_load_balancer_must_be_admitted_too() {
    let run = behind_balancer("127.0.0.1/32").run();
    let mut stream = run.tcp().await;
    stream
        .write_all(b"PROXY TCP4 203.0.113.9 10.0.0.1 1 443\r\n")
        .await
        .unwrap();
    assert!(ends(&mut stream).await);
    assert_eq!(run.reasons(), [Reason::SourceNotAllowed]);
}

#[tokio::test]
async fn a_proxy_header_that_is_wrong_late_or_missing_ends_the_connection() {
    let mut setup = behind_balancer("127.0.0.1/32");
    setup.deadlines.proxy_header = SHORT;
    let run = setup.run();
    for beginning in [&b"GET / HTTP/1.1\r\n"[..], b"PROXY TCP4 192", b""] {
        let mut stream = run.tcp().await;
        stream.write_all(beginning).await.unwrap();
        assert!(ends(&mut stream).await);
    }
    assert_eq!(run.reasons(), [Reason::ProxyHeader]);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_at_its_deadline() {
    let mut setup = setup();
    setup.deadlines.handshake = SHORT;
    let run = setup.run();
    assert!(ends(&mut run.tcp().await).await);
    assert_eq!(run.reasons(), [Reason::TlsTimeout]);
}

#[tokio::test]
async fn a_head_in_drops_is_answered_408_at_its_deadline() {
    let mut setup = setup();
    setup.deadlines.head = SHORT;
    let run = setup.run();
    let mut stream = run.tls("localhost").await.unwrap();
    let (mut read, mut write) = tokio::io::split(&mut stream);
    let drip = async {
        let mut tick = tokio::time::interval(SHORT / 10);
        loop {
            tick.tick().await;
            if write.write_all(b"G").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let answered = tokio::select! {
        answered = answer(&mut read) => answered,
        () = drip => panic!("dripped for ever"),
    };
    assert_eq!(status(&answered), 408);
    assert!(answered.0.contains("Connection: close"));
    assert_eq!(run.reasons(), [Reason::HeadTimeout]);
}

#[tokio::test]
async fn idle_connections_are_closed_at_their_deadlines() {
    let mut setup = setup();
    setup.deadlines.first_request = SHORT;
    let run = setup.run();
    assert!(ends(&mut run.tls("localhost").await.unwrap()).await);

    let mut setup = self::setup();
    setup.deadlines.keep_alive = SHORT;
    let run = setup.run();
    let mut stream = run.tls("localhost").await.unwrap();
    ask(&mut stream, "/").await;
    assert!(ends(&mut stream).await);
    assert_eq!(run.reasons(), []);
}

#[tokio::test]
async fn there_are_bounds_on_connections_from_one_address_and_in_all() {
    for (bounds, reason) in [
        ((10, 1), Reason::TooManyFromAddress),
        ((1, 10), Reason::TooManyConnections),
    ] {
        let mut setup = plain();
        setup.bounds = Bounds {
            total: bounds.0,
            per_address: bounds.1,
        };
        let run = setup.run();
        let mut first = run.tcp().await;
        ask(&mut first, "/").await;
        assert!(ends(&mut run.tcp().await).await);
        assert_eq!(run.reasons(), [reason]);
        // The place is given back.
        first
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        answer(&mut first).await;
        assert!(ends(&mut first).await);
        while run.connections.open() > 0 {
            tokio::task::yield_now().await;
        }
        ask(&mut run.tcp().await, "/").await;
    }
}

#[tokio::test]
async fn heads_that_are_too_large_or_malformed_are_refused_before_the_application_sees_them() {
    let large = format!("GET /{} HTTP/1.1\r\n", "a".repeat(head::LONGEST));
    let rows = [
        (large.as_str(), 431, "header_too_large"),
        ("GET / HTTP/1.1\r\n\r\n", 400, "request_malformed"),
        ("GET / HTTP/1.1\nHost: a\n\n", 400, "request_malformed"),
        (
            "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
            400,
            "request_malformed",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            400,
            "request_malformed",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            400,
            "request_malformed",
        ),
    ];
    let run = setup().run();
    for (request, expected, code) in rows {
        let mut stream = run.tls("localhost").await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let answered = answer(&mut stream).await;
        assert_eq!(status(&answered), expected, "{request:?}");
        let body: serde_json::Value = serde_json::from_slice(&answered.1).unwrap();
        assert_eq!(body["error"]["code"], code);
        assert!(body["error"]["request_id"].is_string());
        assert!(ends(&mut stream).await);
    }
    assert_eq!(run.reasons(), [Reason::HeadTooLarge, Reason::HeadMalformed]);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let run = setup().run();
    let mut stream = run.tls("localhost").await.unwrap();
    let mut requests = String::new();
    for number in 0..20 {
        let body = "b".repeat(number * 1000);
        let length = body.len();
        requests += &format!(
            "POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"
        );
    }
    // A malformed one behind them is refused as if it had come alone.
    requests += "GET / HTTP/1.1\r\n\r\n";
    let (mut read, mut write) = tokio::io::split(stream);
    let mut sending = JoinSet::new();
    sending.spawn(async move {
        write.write_all(requests.as_bytes()).await.unwrap();
        write
    });
    for number in 0..20 {
        let answered = answer(&mut read).await;
        assert_eq!(status(&answered), 200);
        let known: serde_json::Value = serde_json::from_slice(&answered.1).unwrap();
        assert_eq!(known["path"], format!("/{number}"));
        assert_eq!(known["length"], number * 1000);
        assert_eq!(known["requests"], number + 1);
    }
    assert_eq!(status(&answer(&mut read).await), 400);
    stream = read.unsplit(sending.join_next().await.unwrap().unwrap());
    assert!(ends(&mut stream).await);
}

#[tokio::test]
async fn chunked_bodies_and_bodies_in_pieces_arrive_whole() {
    let run = setup().run();
    let mut stream = run.tls("localhost").await.unwrap();
    for _ in 0..2 {
        stream
            .write_all(b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        for piece in ["5\r\nhel", "lo\r\n", "3;x=y\r\nabc\r\n", "0\r\n\r\n"] {
            stream.write_all(piece.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
        let answered = answer(&mut stream).await;
        let known: serde_json::Value = serde_json::from_slice(&answered.1).unwrap();
        assert_eq!(known["length"], 8);
    }
    let body = vec![7; 3 << 20];
    let head = format!(
        "POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let answered = answer(&mut stream).await;
    let known: serde_json::Value = serde_json::from_slice(&answered.1).unwrap();
    assert_eq!(known["length"], body.len());
    assert_eq!(known["requests"], 3);
}

#[tokio::test]
async fn an_answer_before_the_body_reaches_a_client_that_still_sends() {
    let run = setup().run();
    let stream = run.tls("localhost").await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let mut sending = JoinSet::new();
    sending.spawn(async move {
        let head = b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n";
        write.write_all(head).await.unwrap();
        // Far more than the sockets' buffers take: only a server that reads on gets it all.
        for _ in 0..50 {
            write.write_all(&vec![7; 1 << 20]).await.unwrap();
        }
    });
    sending.join_next().await.unwrap().unwrap();
    let answered = answer(&mut read).await;
    assert_eq!(status(&answered), 413);
    assert!(
        answered
            .0
            .to_ascii_lowercase()
            .contains("connection: close")
    );
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_cut_off() {
    let mut setup = plain();
    setup.deadlines.write = SHORT;
    let run = setup.run();
    let mut stream = run.tcp().await;
    stream
        .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    stream.readable().await.unwrap();
    let gone = async {
        while run.connections.open() > 0 {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .expect("cut off");
}

#[tokio::test]
async fn a_body_slower_than_the_least_rate_is_cut_off() {
    let mut setup = plain();
    setup.deadlines.body_gap = SHORT;
    setup.deadlines.body_rate = 1 << 20;
    setup.deadlines.linger = Duration::ZERO;
    let run = setup.run();
    let mut stream = run.tcp().await;
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n")
        .await
        .unwrap();
    let mut tick = tokio::time::interval(SHORT / 5);
    let mut sent = 0;
    while sent < 1000 && stream.write_all(b"x").await.is_ok() {
        sent += 1;
        tick.tick().await;
    }
    assert!(sent < 100, "{sent} bytes were taken");
}

#[tokio::test]
async fn tickets_resume_sessions_until_the_certificate_changes() {
    let dir = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let issue = |serial: u64| {
        let mut asked = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        asked.serial_number = Some(serial.into());
        asked.self_signed(&key).unwrap()
    };
    let chain = dir.path().join("chain.pem");
    let first = issue(1);
    std::fs::write(&chain, first.pem()).unwrap();
    let key = crate::types::Secret::new(key.serialize_pem().into_bytes());
    let mut setup = setup();
    setup.certificates[0].origin = Origin::Files {
        chain: chain.clone(),
        key: crate::types::SecretSource::Held(key),
    };
    let run = setup.run();
    let mut config = run.client_config(&["http/1.1"]);
    let second = issue(2);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(first.der().clone()).unwrap();
    roots.add(second.der().clone()).unwrap();
    config.dangerous().set_certificate_verifier(
        rustls::client::WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
        )
        .build()
        .unwrap(),
    );
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let mut kinds = Vec::new();
    for step in 0..3 {
        if step == 2 {
            let new = dir.path().join("new.pem");
            std::fs::write(&new, second.pem()).unwrap();
            std::fs::rename(new, &chain).unwrap();
            assert!(run.store.refresh().is_empty());
        }
        let tcp = run.tcp().await;
        let mut stream = connector.connect(name.clone(), tcp).await.unwrap();
        ask(&mut stream, "/").await;
        let session = stream.get_ref().1;
        kinds.push(session.handshake_kind().unwrap());
        if step == 2 {
            assert_eq!(session.peer_certificates().unwrap()[0], *second.der());
        }
    }
    use rustls::HandshakeKind::{Full, Resumed};
    assert_eq!(kinds, [Full, Resumed, Full]);
}

#[tokio::test]
async fn a_redirect_listener_sends_every_path_to_https_and_reflects_no_garbage() {
    let mut setup = plain();
    setup.listener.redirect = true;
    let run = setup.run();
    let rows = [
        (
            "GET /a/b?c=d HTTP/1.1\r\nHost: Hooks.Example.com:80",
            Some("https://hooks.example.com/a/b?c=d"),
        ),
        (
            "POST / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nContent-Length: 0",
            Some("https://[2001:db8::1]/"),
        ),
        (
            "GET //evil.test/ HTTP/1.1\r\nHost: a.test",
            Some("https://a.test//evil.test/"),
        ),
        ("GET / HTTP/1.1\r\nHost: a b", None),
        ("GET / HTTP/1.1\r\nHost: a@b", None),
        ("GET / HTTP/1.1\r\nHost: a/b", None),
        ("GET /\"<script> HTTP/1.1\r\nHost: a", None),
        ("OPTIONS * HTTP/1.1\r\nHost: a", None),
        ("GET / HTTP/1.1", None),
    ];
    for (request, location) in rows {
        let mut stream = run.tcp().await;
        let whole = format!("{request}\r\n\r\n");
        stream.write_all(whole.as_bytes()).await.unwrap();
        let answered = answer(&mut stream).await;
        match location {
            Some(location) => {
                assert_eq!(status(&answered), 308, "{request}");
                assert!(
                    answered.0.contains(&format!("ocation: {location}\r\n")),
                    "{answered:?}"
                );
                stream.write_all(whole.as_bytes()).await.unwrap();
                assert_eq!(status(&answer(&mut stream).await), 308, "kept alive");
            }
            None => {
                assert_eq!(status(&answered), 400, "{request}");
                assert!(!answered.0.to_ascii_lowercase().contains("location:"));
            }
        }
    }
}

async fn is_pending(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    tokio::select! {
        biased;
        () = future => false,
        () = tokio::task::yield_now() => true,
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_dropped_connections_is_reported_within_bounds() {
    let witnessed = Arc::new(Witnessed::default());
    let ledger = Ledger::new(Arc::clone(&witnessed) as _);
    let listener = "public".parse().unwrap();
    let enter = |ip: u32| {
        let ip = std::net::Ipv4Addr::from_bits(ip);
        let client = crate::types::ClientAddr::new(ip.into());
        ledger.enter(&listener, Some(client), Reason::SourceNotAllowed);
    };
    let take = || std::mem::take(&mut *witnessed.0.lock().unwrap());
    for _ in 0..5 {
        enter(1);
    }
    assert_eq!(take().len(), 1);
    for ip in 2..5000 {
        enter(ip);
    }
    assert_eq!(take().len(), 999);
    tokio::time::advance(Duration::from_secs(60)).await;
    enter(1);
    let mut reports = take();
    reports.sort_by_key(|report| report.unreported);
    let counts: Vec<u64> = reports.iter().map(|report| report.unreported).collect();
    assert_eq!(counts, [0, 4, 3999]);
    assert_eq!(reports[2].client, None);
}

#[test]
fn addresses_of_one_ipv6_network_count_as_one_host() {
    let connections = Connections::new(Bounds {
        total: 10,
        per_address: 1,
    });
    let client = |text: &str| crate::types::ClientAddr::new(text.parse().unwrap());
    let mut first = connections.admit().unwrap();
    assert!(first.count_for(client("2001:db8::1")));
    let mut second = connections.admit().unwrap();
    assert!(!second.count_for(client("2001:db8::2")));
    assert!(second.count_for(client("2001:db8:0:1::2")));
    drop(first);
    assert!(
        connections
            .admit()
            .unwrap()
            .count_for(client("2001:db8::2"))
    );
}

#[test]
fn a_listener_that_cannot_be_bound_says_which_where_and_what_to_do() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let mut listener = setup().listener;
    let door = Door::bind(&listener, &mut Kept::default()).unwrap();
    listener.address = door.address();
    let said = Door::bind(&listener, &mut Kept::default())
        .unwrap_err()
        .to_string();
    assert!(said.contains("listen `public`: cannot listen on 127.0.0.1:"));
    assert!(said.contains("another process listens there"), "{said}");
    listener.address = "192.0.2.1:0".parse().unwrap();
    let said = Door::bind(&listener, &mut Kept::default())
        .unwrap_err()
        .to_string();
    assert!(said.contains("no interface of this machine"), "{said}");
}
