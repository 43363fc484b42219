//! While an authority looks at a host, others ask for what is not theirs. The test stands between
//! the authority and the gate, so that each look lasts as long as it wants.

use super::pebble::{Pebble, Ports};
use super::{Doors, HOSTS, certificate, configure, issued, plain};
use crate::harness::{Gate, Site, eventually};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Its certificate is not an authority's.
const OWN: &str = HOSTS[1];

/// Where the authority looks, which does not lead to the gate by itself.
async fn between(of: SocketAddr) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((of.ip(), 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn certificates(pebble: &Pebble) -> String {
    certificate(&HOSTS[..1], &pebble.keys("")) + &certificate(&[OWN], "self_signed = true")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_answered_for_its_own_host_alone() {
    let (site, ports) = (Site::new(), Ports::vacant().await);
    let (listener, http) = between(ports.http).await;
    let Some(pebble) = Pebble::start(Ports { http, ..ports }, "").await else {
        return;
    };
    let certificates = certificates(&pebble);
    configure(&site, ports, Doors::Both, &certificates, "127.0.0.0/8");
    let _gate = site.start().await;
    let mut looks = 0;
    let order = issued(&site);
    tokio::pin!(order);
    loop {
        let mut stream = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            _ = &mut order => break,
        };
        looks += 1;
        let path = asked(&mut stream).await;
        let token = path.rsplit('/').next().unwrap();
        for (host, other) in [
            (OWN, path.clone()),
            ("other.example.com", path.clone()),
            ("localhost", path.clone()),
            (HOSTS[0], format!("{path}x")),
            (HOSTS[0], path.strip_suffix(|_| true).unwrap().to_owned()),
            (HOSTS[0], format!("{path}/")),
            (HOSTS[0], path.to_lowercase() + "A"),
            (HOSTS[0], "/.well-known/acme-challenge/".to_owned()),
        ] {
            let answer = plain(ports, host, &other).await;
            assert!(
                !answer.contains(&format!("{token}.")),
                "{host} {other}: {answer}"
            );
            assert!(
                answer.starts_with("HTTP/1.1 404"),
                "{host} {other}: {answer}"
            );
            assert!(answer.contains("unknown_challenge"), "{answer}");
        }
        let answer = plain(ports, HOSTS[0], &path).await;
        assert!(answer.contains(&format!("{token}.")), "{answer}");
        // One that has looked enough is gone.
        drop(stream.write_all(answer.as_bytes()).await);
    }
    assert!(looks > 0);
}

/// The path that the authority asks for.
async fn asked(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.contains(&format!("Host: {}", HOSTS[0])), "{head}");
    head.split(' ').nth(1).unwrap().to_owned()
}

/// One who takes any certificate, even one with an extension that must be understood and is not,
/// as the one of a challenge has it.
#[derive(Debug)]
struct Credulous(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The names of the certificate that one is shown who asks for the one of a challenge.
async fn shown_to(gate: &Gate, host: &str) -> std::io::Result<Vec<String>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let plain = TcpStream::connect(gate.address).await?;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, plain).await?;
    let (_, session) = stream.get_ref();
    assert_eq!(session.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    let leaf = &session.peer_certificates().unwrap()[0];
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf).unwrap();
    let names = parsed.subject_alternative_name().unwrap().unwrap();
    let names = names.value.general_names.iter();
    Ok(names.map(ToString::to_string).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_a_challenge_is_shown_for_its_own_host_alone() {
    let (site, ports) = (Site::new(), Ports::vacant().await);
    let (listener, tls) = between(ports.tls).await;
    let Some(pebble) = Pebble::start(Ports { tls, ..ports }, "").await else {
        return;
    };
    let certificates = certificates(&pebble);
    configure(&site, ports, Doors::TlsOnly, &certificates, "127.0.0.0/8");
    let gate = site.start().await;
    let mut shown = 0;
    let order = issued(&site);
    tokio::pin!(order);
    loop {
        let mut stream = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            _ = &mut order => break,
        };
        // Without a name, too: none is sent for an address.
        for host in [OWN, "other.example.com", "a.hooks.example.com", "127.0.0.1"] {
            let shown = shown_to(&gate, host).await;
            assert!(shown.is_err(), "{host}: {shown:?}");
        }
        // It may look again when another look was enough and the order is over.
        if let Ok(own) = shown_to(&gate, HOSTS[0]).await {
            assert_eq!(own, [format!("DNSName({})", HOSTS[0])]);
            shown += 1;
        }
        let mut passed = TcpStream::connect(gate.address).await.unwrap();
        drop(tokio::io::copy_bidirectional(&mut stream, &mut passed).await);
    }
    assert!(shown > 0);
    let refused = |record: &Value| record["reason"] == "unknown_challenge";
    eventually(|| site.audit().into_iter().find(refused)).await;
    assert!(shown_to(&gate, HOSTS[0]).await.is_err());
}
