//! The application of listeners that only say `https`: every request is answered 308 to the same
//! host and path there, but for those by which an authority looks whether a host leads here.

use super::FOR_BROWSERS;
use super::acme::Challenges;
use super::code::{MALFORMED, UNKNOWN_CHALLENGE};
use crate::types::Host;
use bytes::Bytes;
use pingora::apps::{HttpServerApp, ReusedHttpStream};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use std::sync::Arc;

/// Where authorities ask for tokens (RFC 8555 section 8.3).
const CHALLENGES: &[u8] = b"/.well-known/acme-challenge/";

#[derive(Debug)]
pub(super) struct Redirect {
    pub(super) challenges: Arc<Challenges>,
}

enum Answer {
    Moved(String),
    Malformed,
    Proof(Bytes),
    UnknownChallenge,
}

#[async_trait::async_trait]
impl HttpServerApp for Redirect {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        match session.read_request().await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(failure) => {
                tracing::debug!("a request to be redirected cannot be read: {failure}");
                answer(&mut session, Answer::Malformed).await.ok()?;
                return None;
            }
        }
        if *shutdown.borrow() {
            session.set_keepalive(None);
        }
        let told = self.judge(session.req_header());
        answer(&mut session, told).await.ok()?;
        let settings = pingora::apps::HttpPersistentSettings::for_session(&session);
        let stream = session.finish().await.ok()??;
        Some(ReusedHttpStream::from_reusable_stream(stream, settings))
    }
}

impl Redirect {
    fn judge(&self, request: &RequestHeader) -> Answer {
        if !request.raw_path().starts_with(CHALLENGES) {
            return location(request).map_or(Answer::Malformed, Answer::Moved);
        }
        let proof = || {
            if request.method != http::Method::GET {
                return None;
            }
            let host = request.headers.get("host")?.to_str().ok()?;
            let host = Host::from_authority(host).ok()?;
            let token = request.raw_path().strip_prefix(CHALLENGES)?;
            self.challenges
                .http(&host, std::str::from_utf8(token).ok()?)
        };
        proof().map_or(Answer::UnknownChallenge, Answer::Proof)
    }
}

async fn answer(session: &mut ServerSession, answer: Answer) -> pingora::Result<()> {
    let (status, header, body) = match answer {
        Answer::Moved(location) => (308, ("Location", location), Bytes::new()),
        Answer::Proof(proof) => (200, kind("application/octet-stream"), proof),
        Answer::Malformed => refusal(MALFORMED, "the Host or the path cannot be redirected"),
        Answer::UnknownChallenge => refusal(
            UNKNOWN_CHALLENGE,
            "no certificate is being ordered for this host by this token",
        ),
    };
    let mut response = ResponseHeader::build(status, Some(4))?;
    for (name, value) in FOR_BROWSERS {
        response.insert_header(name, value)?;
    }
    response.insert_header("Content-Length", body.len().to_string())?;
    response.insert_header(header.0, header.1)?;
    session.write_response_header(Box::new(response)).await?;
    session.write_response_body(body, true).await
}

fn refusal((code, status): (&str, u16), message: &str) -> (u16, (&'static str, String), Bytes) {
    let body = format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#);
    (status, kind("application/json"), body.into())
}

fn kind(kind: &str) -> (&'static str, String) {
    ("Content-Type", kind.to_owned())
}

/// `https://HOST/PATH`, made of nothing but what was read as a host and a path.
fn location(request: &RequestHeader) -> Option<String> {
    let host = request.headers.get("host")?.to_str().ok()?;
    let host = Host::from_authority(host).ok()?;
    let path = request.raw_path();
    let clean = |byte: &u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(byte);
    if !path.starts_with(b"/") || !path.iter().all(clean) {
        return None;
    }
    let path = std::str::from_utf8(path).ok()?;
    let host = host.as_str();
    if host.contains(':') {
        Some(format!("https://[{host}]{path}"))
    } else {
        Some(format!("https://{host}{path}"))
    }
}
