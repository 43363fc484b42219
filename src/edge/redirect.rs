//! The application of listeners that only say `https`: every request is answered 308 to the same
//! host and path there.

use crate::types::Host;
use bytes::Bytes;
use pingora::apps::{HttpServerApp, ReusedHttpStream};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Redirect;

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
                answer(&mut session, None).await.ok()?;
                return None;
            }
        }
        if *shutdown.borrow() {
            session.set_keepalive(None);
        }
        let location = location(session.req_header());
        answer(&mut session, location.as_deref()).await.ok()?;
        let settings = pingora::apps::HttpPersistentSettings::for_session(&session);
        let stream = session.finish().await.ok()??;
        Some(ReusedHttpStream::from_reusable_stream(stream, settings))
    }
}

async fn answer(session: &mut ServerSession, location: Option<&str>) -> pingora::Result<()> {
    let (status, body) = match location {
        Some(_) => (308, Bytes::new()),
        None => (
            400,
            Bytes::from_static(
                br#"{"error":{"code":"malformed_request","message":"the Host or the path cannot be redirected"}}"#,
            ),
        ),
    };
    let mut response = ResponseHeader::build(status, Some(4))?;
    response.insert_header("Content-Length", body.len().to_string())?;
    match location {
        Some(location) => response.insert_header("Location", location)?,
        None => response.insert_header("Content-Type", "application/json")?,
    }
    session.write_response_header(Box::new(response)).await?;
    session.write_response_body(body, true).await
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
