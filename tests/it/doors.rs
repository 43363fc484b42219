//! Each kind of listener, and what a client can do to it byte by byte.

use crate::harness::{Gate, HOST, SECRET, Site, Tool, eventually, guid, sign};
use rustls_pki_types::pem::PemObject as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const BODY: &[u8] = br#"{"repository":{"full_name":"acme/web"}}"#;

/// Listens as `keys` say, with one more plain listener that redirects.
async fn start(site: &Site, tool: &Tool, keys: &str) -> (Gate, SocketAddr) {
    site.configure_hook("max_body = \"4KiB\"", tool.address, "");
    let file = site.path("hubgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let address = "address = \"127.0.0.1:0\"";
    let plain =
        format!("[[listen]]\nname = \"plain\"\n{address}\ntls = false\nonly = \"redirect\"");
    let text = text.replace(address, &format!("{address}\n{keys}\n{plain}"));
    std::fs::write(&file, text).unwrap();
    let gate = site.start().await;
    let status = site.status().unwrap();
    let listeners = status["listeners"].as_array().unwrap();
    let plain = listeners.iter().find(|one| one["name"] == "plain").unwrap();
    (gate, plain["address"].as_str().unwrap().parse().unwrap())
}

/// A TLS connection that begins with `first` in clear.
async fn connect(site: &Site, gate: &Gate, first: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    speaking(site, gate, first, &[]).await
}

/// The same, offering these protocols.
async fn speaking(
    site: &Site,
    gate: &Gate,
    first: &[u8],
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let pem = std::fs::read(site.path("chain.pem")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let certificate = rustls_pki_types::CertificateDer::from_pem_slice(&pem).unwrap();
    roots.add(certificate).unwrap();
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let mut tls = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let mut plain = TcpStream::connect(gate.address).await?;
    plain.write_all(first).await?;
    let tls = tokio_rustls::TlsConnector::from(Arc::new(tls));
    tls.connect(HOST.try_into().unwrap(), plain).await
}

/// A delivery's head, without what says how long its body is.
fn head(guid: &str, body: &[u8]) -> String {
    let signature = sign(SECRET, body);
    format!(
        "POST /hook HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n\
         X-GitHub-Event: push\r\nX-GitHub-Delivery: {guid}\r\nX-Hub-Signature-256: {signature}\r\n"
    )
}

fn whole(body: &[u8]) -> Vec<u8> {
    let head = head(&guid(), body);
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), length.as_bytes(), body].concat()
}

/// The next answer on a connection: its head in small letters, and its body.
async fn answer(connection: &mut (impl AsyncRead + Unpin)) -> (String, Vec<u8>) {
    let read = async {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().unwrap());
                if bytes.len() >= end + 4 + length {
                    return (head, bytes[end + 4..].to_vec());
                }
            }
            let mut piece = [0; 1024];
            let count = connection.read(&mut piece).await.unwrap_or(0);
            assert!(
                count > 0,
                "closed after {}",
                String::from_utf8_lossy(&bytes)
            );
            bytes.extend_from_slice(&piece[..count]);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), read)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_in_a_proxy_header_of_a_load_balancer_counts() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let (gate, _) = start(&site, &tool, "proxy_protocol = [\"127.0.0.1\"]").await;
    let v1 = b"PROXY TCP4 127.0.0.77 127.0.0.1 5000 443\r\n".to_vec();
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    v2.extend([127, 0, 0, 78, 127, 0, 0, 1, 0x13, 0x88, 0x01, 0xbb]);
    for first in [v1, v2] {
        let mut connection = connect(&site, &gate, &first).await.unwrap();
        connection.write_all(&whole(BODY)).await.unwrap();
        let (head, _) = answer(&mut connection).await;
        assert!(head.starts_with("http/1.1 202"), "{head}");
    }
    eventually(|| (tool.count() == 2).then_some(())).await;
    let mut clients: Vec<String> = tool
        .all()
        .iter()
        .map(|got| got.headers["x-forwarded-for"].clone())
        .collect();
    clients.sort();
    assert_eq!(clients, ["127.0.0.77", "127.0.0.78"]);

    // An address that no route admits, a wrong header and none at all are dropped.
    let dropped: [&[u8]; 3] = [
        b"PROXY TCP4 203.0.113.9 127.0.0.1 5000 443\r\n",
        b"PROXY TCP9 127.0.0.1\r\n",
        b"",
    ];
    for first in dropped {
        assert!(connect(&site, &gate, first).await.is_err());
    }
    for reason in ["source_not_allowed", "proxy_header"] {
        eventually(|| {
            let mut audit = site.audit().into_iter();
            audit.find(|record| record["kind"] == "connection" && record["reason"] == reason)
        })
        .await;
    }
    assert_eq!(tool.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_header_from_anybody_else_is_refused() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let (gate, _) = start(&site, &tool, "proxy_protocol = [\"192.0.2.1\"]").await;
    let first = b"PROXY TCP4 127.0.0.77 127.0.0.1 5000 443\r\n";
    assert!(connect(&site, &gate, first).await.is_err());
    let record = eventually(|| {
        let mut audit = site.audit().into_iter();
        audit.find(|record| record["kind"] == "connection")
    })
    .await;
    assert_eq!(record["reason"], "not_a_load_balancer");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_load_balancer_is_named_a_proxy_header_is_no_tls() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let (gate, _) = start(&site, &tool, "").await;
    let first = b"PROXY TCP4 127.0.0.77 127.0.0.1 5000 443\r\n";
    assert!(connect(&site, &gate, first).await.is_err());
    assert_eq!(tool.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_listener_sends_everything_to_https_and_takes_nothing() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let (_gate, plain) = start(&site, &tool, "").await;
    let mut connection = TcpStream::connect(plain).await.unwrap();
    connection.write_all(&whole(BODY)).await.unwrap();
    let (head, _) = answer(&mut connection).await;
    assert!(head.starts_with("http/1.1 308"), "{head}");
    assert!(
        head.contains(&format!("location: https://{HOST}/hook")),
        "{head}"
    );
    assert_eq!(tool.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_where_a_listener_offers_it_and_only_there() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let (gate, _) = start(&site, &tool, "h2 = true").await;
    let connection = speaking(&site, &gate, b"", &[b"h2", b"http/1.1"]).await;
    let connection = connection.unwrap();
    assert_eq!(connection.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, driver) = h2::client::handshake(connection).await.unwrap();
    tokio::spawn(driver);
    for (secret, status) in [(SECRET, 202), ("another secret", 401)] {
        let request = http::Request::post(format!("https://{HOST}/hook"))
            .header("content-type", "application/json")
            .header("x-github-event", "push")
            .header("x-github-delivery", guid())
            .header("x-hub-signature-256", sign(secret, BODY))
            .body(())
            .unwrap();
        let mut client = client.clone().ready().await.unwrap();
        let (answer, mut body) = client.send_request(request, false).unwrap();
        body.send_data(BODY.into(), true).unwrap();
        assert_eq!(answer.await.unwrap().status(), status);
    }
    assert_eq!(tool.one().await.body, BODY);
    assert_eq!(tool.count(), 1);

    let site = Site::new();
    let (gate, _) = start(&site, &tool, "").await;
    let plain = speaking(&site, &gate, b"", &[b"h2", b"http/1.1"]).await;
    let plain = plain.unwrap();
    assert_eq!(plain.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_chunks_is_taken_whole_or_refused_while_it_comes() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let (gate, _) = start(&site, &tool, "").await;
    let mut connection = connect(&site, &gate, b"").await.unwrap();
    let begin = |body: &[u8]| format!("{}Transfer-Encoding: chunked\r\n\r\n", head(&guid(), body));
    connection.write_all(begin(BODY).as_bytes()).await.unwrap();
    for piece in BODY.chunks(7) {
        let piece = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        connection.write_all(&piece).await.unwrap();
        connection.flush().await.unwrap();
    }
    connection.write_all(b"0\r\n\r\n").await.unwrap();
    let (head, _) = answer(&mut connection).await;
    assert!(head.starts_with("http/1.1 202"), "{head}");

    // The same connection: longer than the route takes, which no length announced.
    let long = vec![b' '; 5000];
    connection.write_all(begin(&long).as_bytes()).await.unwrap();
    connection.write_all(b"1388\r\n").await.unwrap();
    connection.write_all(&long).await.unwrap();
    connection.flush().await.unwrap();
    let (head, body) = answer(&mut connection).await;
    assert!(head.starts_with("http/1.1 413"), "{head}");
    let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(said["error"]["code"], "body_too_large");
    assert_eq!(tool.one().await.body, BODY);
    assert_eq!(tool.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_two_could_read_in_two_ways_is_refused() {
    let (site, tool) = (Site::new(), Tool::open().await);
    let (gate, _) = start(&site, &tool, "").await;
    let good = String::from_utf8(whole(BODY)).unwrap();
    let length = format!("Content-Length: {}\r\n", BODY.len());
    for (name, wrong) in [
        (
            "two lengths",
            good.replace(&length, &format!("{length}Content-Length: 2\r\n")),
        ),
        (
            "a length with a sign",
            good.replace("Content-Length: ", "Content-Length: +"),
        ),
        (
            "another encoding",
            good.replace(&length, "Transfer-Encoding: gzip, chunked\r\n"),
        ),
        (
            "two hosts",
            good.replace("\r\nContent-Type", "\r\nHost: other.test\r\nContent-Type"),
        ),
        ("no host", good.replace(&format!("Host: {HOST}\r\n"), "")),
        (
            "a line that ends early",
            good.replace(&length, &length.replace('\r', "")),
        ),
        (
            "a space before a colon",
            good.replace("Content-Length: ", "Content-Length : "),
        ),
        (
            "a folded line",
            good.replace("X-GitHub-Event: push", "X-GitHub-Event:\r\n push"),
        ),
    ] {
        assert_ne!(wrong, good, "{name}");
        let mut connection = connect(&site, &gate, b"").await.unwrap();
        connection.write_all(wrong.as_bytes()).await.unwrap();
        let (head, _) = answer(&mut connection).await;
        assert!(head.starts_with("http/1.1 4"), "{name}: {head}");
    }
    assert_eq!(tool.count(), 0);
}
