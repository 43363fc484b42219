//! The way to a service through an outbound proxy: `CONNECT` (RFC 9110, section 9.3.6), then TLS
//! with the service itself as without one. The proxy sees its name, and nothing of what passes.

use async_trait::async_trait;
use pingora::connectors::l4::Connect;
use pingora::prelude::{Error, ErrorType};
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use std::net::SocketAddr as Inet;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For the proxy to be reached and to reach the service: it may try several of its addresses.
const PATIENCE: Duration = Duration::from_secs(8);
/// The longest head of its answer.
const LONGEST: usize = 8 << 10;

/// A way to one service.
#[derive(Debug)]
pub(super) struct Tunnel {
    /// `host:port` of the service.
    to: Box<str>,
}

impl Tunnel {
    /// To this host and port.
    pub(super) fn to(host: &str, port: u16) -> Self {
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        Self {
            to: format!("{host}:{port}").into(),
        }
    }

    async fn open(&self, proxy: Inet) -> Result<TcpStream, String> {
        let said = |fault: std::io::Error| fault.to_string();
        let mut stream = TcpStream::connect(proxy).await.map_err(said)?;
        let to = &self.to;
        let ask = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
        stream.write_all(ask.as_bytes()).await.map_err(said)?;
        let mut head = Vec::new();
        // Byte by byte: what comes after the head is the service's.
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() == LONGEST {
                return Err("its answer is too long".to_owned());
            }
            head.push(stream.read_u8().await.map_err(said)?);
        }
        match status(&head) {
            Some(200..=299) => Ok(stream),
            Some(status) => Err(format!("it answered {status}")),
            None => Err("its answer is no HTTP".to_owned()),
        }
    }
}

#[async_trait]
impl Connect for Tunnel {
    async fn connect(&self, proxy: &SocketAddr) -> Result<Stream, Box<Error>> {
        let failed = |kind: ErrorType, why: &str| {
            let text = format!("the proxy at {proxy} does not lead to {}: {why}", self.to);
            Error::explain(kind, text)
        };
        let Some(at) = proxy.as_inet() else {
            return Err(failed(ErrorType::InternalError, "it has no address"));
        };
        match timeout(PATIENCE, self.open(*at)).await {
            Ok(Ok(stream)) => Ok(stream.into()),
            Ok(Err(why)) => Err(failed(ErrorType::ConnectError, &why)),
            Err(_) => Err(failed(ErrorType::ConnectTimedout, "it does not answer")),
        }
    }
}

/// The status of an answer's head.
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.get(2..5)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// What a proxy that answers so leads to.
    async fn through(answer: &'static [u8]) -> (Result<Stream, Box<Error>>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let proxy = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 512];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer).await.unwrap();
            asked.truncate(length);
            (String::from_utf8(asked).unwrap(), stream)
        };
        let tunnel = Tunnel::to("github.com", 443);
        let at = SocketAddr::Inet(at);
        let (opened, (asked, _)) = tokio::join!(tunnel.connect(&at), proxy);
        (opened, asked)
    }

    #[tokio::test]
    async fn a_tunnel_is_asked_for_and_what_comes_after_is_the_services() {
        let (opened, asked) = through(b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\nhello").await;
        assert_eq!(
            asked,
            "CONNECT github.com:443 HTTP/1.1\r\nHost: github.com:443\r\n\r\n"
        );
        let mut rest = [0; 5];
        opened.unwrap().read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"hello");
        assert_eq!(&*Tunnel::to("2001:db8::1", 443).to, "[2001:db8::1]:443");
    }

    #[tokio::test]
    async fn a_proxy_that_does_not_lead_there_is_an_error() {
        for (answer, why) in [
            (
                &b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..],
                "it answered 407",
            ),
            (b"SSH-2.0-x\r\n\r\n", "its answer is no HTTP"),
        ] {
            let (opened, _) = through(answer).await;
            let text = opened.err().unwrap().to_string();
            assert!(text.contains(why), "{text}");
        }
    }
}
