//! What is sent: one real payload in many variants, each signed before the clock runs, and a head
//! of its own for each request, with a GUID as GitHub makes them.

use crate::Options;
use anyhow::Context as _;
use aws_lc_rs::hmac;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of all variants together.
const ROOM: usize = 16 << 20;
/// From 1582 to 1970, in the 100 ns of a UUID.
const GREGORIAN: u64 = 0x01b2_1dd2_1381_4000;

pub struct Shots {
    host: String,
    event: String,
    variants: Vec<Variant>,
    next: AtomicU64,
    /// The time of the newest GUID.
    newest: AtomicU64,
}

struct Variant {
    body: Vec<u8>,
    /// The fields of the head that depend on the body.
    signed: String,
}

impl Shots {
    pub fn new(options: &Options) -> anyhow::Result<Self> {
        let secret = options.text("secret")?;
        let path = options.text("body")?;
        let body = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
        let digits = commit(&body).with_context(|| format!("no commit id in {path}"))?;
        let count = (ROOM / body.len()).clamp(8, 256);
        let sha256 = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let sha1 = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        let variants = (0..count)
            .map(|number| {
                let mut body = body.clone();
                let id = format!("{:040x}", 0x9e37_79b9_7f4a_7c15_u128 * (number as u128 + 1));
                body[digits..digits + 40].copy_from_slice(id.as_bytes());
                let signed = format!(
                    "Content-Length: {}\r\nX-Hub-Signature: sha1={}\r\n\
                     X-Hub-Signature-256: sha256={}\r\n",
                    body.len(),
                    hex(hmac::sign(&sha1, &body).as_ref()),
                    hex(hmac::sign(&sha256, &body).as_ref()),
                );
                Variant { body, signed }
            })
            .collect();
        Ok(Self {
            host: options.text("host")?.to_owned(),
            event: options.text("event")?.to_owned(),
            variants,
            next: AtomicU64::new(0),
            newest: AtomicU64::new(0),
        })
    }

    /// Writes the next request into `out`.
    pub fn load(&self, out: &mut Vec<u8>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let variant = &self.variants[number as usize % self.variants.len()];
        out.clear();
        out.extend_from_slice(
            format!(
                "POST /hook HTTP/1.1\r\n\
                 Host: {}\r\n\
                 User-Agent: GitHub-Hookshot/044aadd\r\n\
                 Accept: */*\r\n\
                 Content-Type: application/json\r\n\
                 X-GitHub-Delivery: {}\r\n\
                 X-GitHub-Event: {}\r\n\
                 X-GitHub-Hook-ID: 292430182\r\n\
                 X-GitHub-Hook-Installation-Target-ID: 79929171\r\n\
                 X-GitHub-Hook-Installation-Target-Type: repository\r\n\
                 {}\r\n",
                self.host,
                self.guid(),
                self.event,
                variant.signed,
            )
            .as_bytes(),
        );
        out.extend_from_slice(&variant.body);
    }

    /// A UUID of version 1: a time that no other has.
    fn guid(&self) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| (since.as_nanos() / 100) as u64)
            + GREGORIAN;
        let newest = |newest: u64| Some(now.max(newest + 1));
        let time = self
            .newest
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, newest)
            .map_or(now, |before| now.max(before + 1));
        let (low, mid, high) = (time as u32, (time >> 32) as u16, (time >> 48) & 0x0fff);
        format!("{low:08x}-{mid:04x}-1{high:03x}-9a7c-3ef4b1c07d52")
    }
}

/// Where the first commit id, 40 hexadecimal digits in quotes, begins.
fn commit(body: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'"', body)
        .map(|quote| quote + 1)
        .find(|start| {
            body.get(*start..start + 41)
                .and_then(|text| text.split_last())
                .is_some_and(|(end, id)| *end == b'"' && id.iter().all(u8::is_ascii_hexdigit))
        })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
