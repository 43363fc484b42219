//! `[gateway]`, `[spool]`, `[admin]`, `[audit]` and `[log]`: the sections that are there once.

use super::Gateway;
use super::file::{Engine, Format};
use super::layers::Layers;
use super::mistake::{did_you_mean, shown};
use super::translation::{Translation, hours, seconds};
use crate::types::{ByteSize, SecretSource};
use crate::{admin, spool, telemetry};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const STATE_DIR: &str = "/var/lib/hubgate";
const ADMIN_SOCKET: &str = "/run/hubgate/admin.sock";
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// More threads than any machine that this runs on has cores.
const MOST_WORKERS: usize = 1024;

/// The longest path of a Unix socket that Linux takes (`sun_path`, less its final zero).
const LONGEST_SOCKET_PATH: usize = 107;

impl Translation<'_> {
    /// `[gateway]`.
    pub(super) fn gateway(&mut self, layers: &Layers) -> Gateway {
        let section = layers.table("gateway", |file| &file.gateway);
        let (key, signer) = section.key("signer", |s| &s.signer);
        let signer = signer.map(|path| self.absolute_path((key, Some(path)), ""));
        Gateway {
            signer,
            state_dir: self.absolute_path(section.key("state_dir", |s| &s.state_dir), STATE_DIR),
            workers: self.number(section.key("workers", |s| &s.workers), 0, 0..=MOST_WORKERS),
            drain: self.duration(
                section.key("drain", |s| &s.drain),
                seconds(30),
                Duration::from_millis(1)..=hours(1),
            ),
        }
    }

    /// `[spool]`, in the state directory.
    pub(super) fn spool(&mut self, layers: &Layers, state_dir: &Path) -> spool::Settings {
        let section = layers.table("spool", |file| &file.spool);
        match section.key("engine", |s| &s.engine).1 {
            None | Some(Engine::Sqlite) => {}
        }
        spool::Settings {
            directory: state_dir.join("spool"),
            keep: self.duration(
                section.key("keep", |s| &s.keep),
                hours(7 * 24),
                seconds(1)..=hours(365 * 24),
            ),
            max_size: self.size(
                section.key("max_size", |s| &s.max_size),
                ByteSize::new(20 << 30),
                ByteSize::new(1 << 20)..=ByteSize::new(16 << 40),
            ),
        }
    }

    /// `[admin]`.
    pub(super) fn admin(&mut self, layers: &Layers) -> admin::Settings {
        let section = layers.table("admin", |file| &file.admin);
        let (key, socket) = section.key("socket", |s| &s.socket);
        let socket = self.absolute_path((key.clone(), socket), ADMIN_SOCKET);
        if socket.as_os_str().len() > LONGEST_SOCKET_PATH {
            let text = format!(
                "is longer than the {LONGEST_SOCKET_PATH} bytes that a socket's path may have"
            );
            self.wrong(&key, text);
        }
        let (token_key, token) = section.key("token", |s| &s.token);
        let source = token.and_then(|token| self.held_secret(&token_key, token));
        let (key, address) = section.key("address", |s| &s.address);
        let address = address.and_then(|address| self.socket_address(&key, address));
        if address.is_some_and(|address| !address.ip().to_canonical().is_loopback())
            && token.is_none()
        {
            let text = "missing; expected a secret such as `file:admin-token`, since \
                        `admin.address` is not a loopback address";
            self.wrong(&token_key, text);
        }
        admin::Settings {
            socket,
            address,
            token: source.map(SecretSource::Held),
        }
    }

    /// `[audit]`.
    pub(super) fn audit(&mut self, layers: &Layers) -> telemetry::audit::Settings {
        let section = layers.table("audit", |file| &file.audit);
        let (key, file) = section.key("file", |s| &s.file);
        let file = file.map(|file| self.absolute_path((key.clone(), Some(file)), ""));
        if file.as_ref().is_some_and(|file| file.is_dir()) {
            self.wrong(&key, "is a directory, expected a file");
        }
        telemetry::audit::Settings { file }
    }

    /// `[log]`.
    pub(super) fn log(&mut self, layers: &Layers) -> telemetry::log::Settings {
        let section = layers.table("log", |file| &file.log);
        let format = match section.key("format", |s| &s.format).1 {
            None | Some(Format::Json) => telemetry::log::Format::Json,
            Some(Format::Text) => telemetry::log::Format::Text,
        };
        let (key, level) = section.key("level", |s| &s.level);
        let level = level.map_or("info", String::as_str);
        if let Err(why) = judge_level(level) {
            self.wrong(&key, why);
        }
        telemetry::log::Settings {
            format,
            level: level.to_owned(),
        }
    }

    /// An address and port to listen on.
    pub(super) fn socket_address(
        &mut self,
        key: &super::key::Key,
        text: &str,
    ) -> Option<SocketAddr> {
        let address = text.parse().ok();
        if address.is_none() {
            let found = shown(text);
            self.wrong(
                key,
                format!("found {found}, expected an address and port such as `[::]:443` or `127.0.0.1:9180`"),
            );
        }
        address
    }
}

/// A level, or directives. The parser takes a bare word that is no level for a module to log
/// everything of, which is never what a slip such as `inof` meant.
fn judge_level(text: &str) -> Result<(), String> {
    let expected = "a level such as `info`, or levels by module such as `info,hubgate=debug`";
    for directive in text.split(',') {
        let level = directive
            .rsplit_once('=')
            .map_or(directive, |(_, level)| level);
        let level = level.trim().to_lowercase();
        if !LEVELS.contains(&level.as_str()) {
            let nearest = did_you_mean(&level, LEVELS).unwrap_or_default();
            return Err(format!(
                "found {}, expected {expected}{nearest}",
                shown(directive)
            ));
        }
    }
    // As it is read when it is put to work.
    match telemetry::log::parse(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("found {}, expected {expected}", shown(text))),
    }
}
