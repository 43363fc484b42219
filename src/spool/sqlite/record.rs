//! How a delivery is written into a row, and how a row becomes a delivery again: the headers'
//! form, the checksum, the key. Rows are outside bytes: what does not fit is damage, told as such.

use crate::spool::{Header, Intake};
use crate::types::{ClientAddr, Guid};
use bytes::{Buf as _, BufMut as _, Bytes};
use std::sync::Arc;

/// The headers as one blob: for each the length of its name (u16) and of its value (u32), in
/// big endian, then both.
pub(super) fn encode(headers: &[Header]) -> Vec<u8> {
    let room = headers.iter().map(|h| 6 + h.name.len() + h.value.len());
    let mut blob = Vec::with_capacity(room.sum());
    for header in headers {
        // Names and values come from a request's head, which is far below these bounds; what
        // would not fit is left out whole rather than cut.
        if let (Ok(name), Ok(value)) = (
            u16::try_from(header.name.len()),
            u32::try_from(header.value.len()),
        ) {
            blob.put_u16(name);
            blob.put_u32(value);
            blob.put_slice(header.name.as_bytes());
            blob.put_slice(&header.value);
        }
    }
    blob
}

/// The headers of a blob, if it is one.
pub(super) fn decode(mut blob: &[u8]) -> Option<Arc<[Header]>> {
    let mut headers = Vec::new();
    while !blob.is_empty() {
        let name = usize::from(blob.try_get_u16().ok()?);
        let value = usize::try_from(blob.try_get_u32().ok()?).ok()?;
        let (name, rest) = blob.split_at_checked(name)?;
        let (value, rest) = rest.split_at_checked(value)?;
        headers.push(Header {
            name: std::str::from_utf8(name).ok()?.to_owned().into(),
            value: value.into(),
        });
        blob = rest;
    }
    Some(headers.into())
}

/// The checksum over headers and body.
pub(super) fn checksum(headers: &[u8], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(headers);
    crc.update(body);
    crc.finalize()
}

/// Where all deliveries with this route, hook and GUID are found; others may share it, so rows
/// found are compared. GitHub's GUIDs are of version 1 and hold the time: with it in front the
/// index grows at its end, which spares about a page a delivery.
pub(super) fn key(intake: &Intake) -> i64 {
    let mut crc = crc32fast::Hasher::new();
    for part in [intake.route.as_str(), &*intake.hook, intake.guid.as_str()] {
        crc.update(part.as_bytes());
        crc.update(&[0]);
    }
    let crc = i64::from(crc.finalize());
    match ticks(&intake.guid) {
        // In units of 26 ms, which leaves 22 of 63 bits for the checksum until the year 3400.
        Some(ticks) => ((ticks >> 18) << 22) | (crc & 0x003f_ffff),
        None => crc,
    }
}

/// A version 1 GUID's time in units of 100 ns since 1582; at most 60 bits.
fn ticks(guid: &Guid) -> Option<i64> {
    let id = uuid::Uuid::try_parse(guid.as_str()).ok()?;
    if id.get_version_num() != 1 {
        return None;
    }
    let (low, middle, high, _) = id.as_fields();
    Some((i64::from(high & 0x0fff) << 48) | (i64::from(middle) << 32) | i64::from(low))
}

/// What a row says about a delivery, before it is believed.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) received: i64,
    pub(super) crc: i64,
    pub(super) route: String,
    pub(super) guid: String,
    pub(super) event: String,
    pub(super) action: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) client: String,
    pub(super) request: String,
    pub(super) headers: Vec<u8>,
    pub(super) body: Vec<u8>,
}

impl Row {
    /// The columns that [`Row::read`] wants, in its order.
    pub(super) const COLUMNS: &str = "received, crc, route, guid, event, action, repository, \
                                      client, request, headers, body";

    /// Reads the row that was selected with [`Row::COLUMNS`].
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            received: row.get(0)?,
            crc: row.get(1)?,
            route: row.get(2)?,
            guid: row.get(3)?,
            event: row.get(4)?,
            action: row.get(5)?,
            repository: row.get(6)?,
            client: row.get(7)?,
            request: row.get(8)?,
            headers: row.get(9)?,
            body: row.get(10)?,
        })
    }

    /// Whether headers and body are still what was acknowledged.
    pub(super) fn is_whole(&self) -> bool {
        i64::from(checksum(&self.headers, &self.body)) == self.crc
    }

    /// The delivery as it was accepted, without what only `put` needs. `None`: it is damaged.
    pub(super) fn believe(self) -> Option<Arc<Intake>> {
        if !self.is_whole() {
            return None;
        }
        let action = match self.action {
            Some(action) => Some(action.parse().ok()?),
            None => None,
        };
        let repository = match self.repository {
            Some(repository) => Some(repository.parse().ok()?),
            None => None,
        };
        Some(Arc::new(Intake {
            route: crate::types::RouteKey::recorded(&self.route),
            request: self.request.parse().ok()?,
            received: crate::types::Timestamp::from_millis(self.received),
            client: ClientAddr::new(self.client.parse().ok()?),
            hook: Box::from(""),
            guid: self.guid.parse().ok()?,
            event: self.event.parse().ok()?,
            action,
            repository,
            headers: decode(&self.headers)?,
            body: Bytes::from(self.body),
            targets: Arc::from([]),
            window: std::time::Duration::ZERO,
        }))
    }
}

#[cfg(test)]
mod tests;
