//! `[[listen]]`.

use super::file;
use super::key::Key;
use super::layers::Layers;
use super::mistake::shown;
use super::translation::{Taken, Translation, optional};
use crate::edge::{Clients, Listener};

impl Translation<'_> {
    /// `[[listen]]`, each with where it stands.
    pub(super) fn listeners(&mut self, layers: &Layers) -> Vec<(Key, Listener)> {
        let mut names = Taken::default();
        let mut addresses = Taken::default();
        let mut any = false;
        let listeners = layers
            .list("listen", |file| &file.listen)
            .filter_map(|(key, listen)| {
                any = true;
                let listener = self.listener(&key, listen, &mut names, &mut addresses)?;
                Some((key, listener))
            })
            .collect();
        if !any {
            let key = layers.root().child("listen");
            let expected = "expected at least one `[[listen]]` with `name` and `address`";
            let webhooks = layers
                .list("webhook", |file| &file.webhook)
                .next()
                .is_some();
            let published = layers
                .list("publish", |file| &file.publish)
                .next()
                .is_some();
            let broker = layers.table("broker", |file| &file.broker);
            let (_, broker) = broker.key("url", |broker| &broker.url);
            if webhooks || published || broker.is_some() {
                self.wrong(&key, format!("missing; {expected}"));
            } else {
                // As it is installed: what it is to do comes later.
                let so_far = "missing, and so are routes: nothing is open to the world yet";
                self.warn(&key, format!("{so_far}; {expected}, then routes"));
            }
        }
        listeners
    }

    fn listener(
        &mut self,
        key: &Key,
        listen: &file::Listen,
        names: &mut Taken,
        addresses: &mut Taken,
    ) -> Option<Listener> {
        let name = self.name(key, listen.name.as_ref(), names);
        let at = key.child("address");
        let address = self
            .required(
                &at,
                listen.address.as_ref(),
                "an address and port such as `[::]:443`",
            )
            .and_then(|address| self.socket_address(&at, address));
        // Port 0 is another free port each time.
        if let Some(address) = address.filter(|address| address.port() != 0) {
            addresses.take(self, &at, &address.to_string());
        }
        let tls = listen.tls.unwrap_or(true);
        let h2 = listen.h2.unwrap_or(false);
        let redirect = listen.only.is_some();
        if h2 && !tls {
            self.wrong(
                &key.child("h2"),
                "HTTP/2 is offered with TLS only; expected `tls = true`",
            );
        }
        if redirect && tls {
            let text = "a listener with TLS has nothing to redirect to; expected `tls = false`";
            self.wrong(&key.child("only"), text);
        }
        let proxy_protocol = listen.proxy_protocol.as_ref().map(|networks| {
            let instead = "the addresses of the load balancers";
            self.networks(&key.child("proxy_protocol"), networks, instead)
        });
        let clients = self.clients(key, listen, tls);
        Some(Listener {
            name: name?,
            address: address?,
            tls,
            h2,
            redirect,
            proxy_protocol,
            clients: optional(clients)?,
        })
    }

    /// Whose certificates are asked for.
    fn clients(&mut self, key: &Key, listen: &file::Listen, tls: bool) -> Option<Option<Clients>> {
        let Some(path) = &listen.client_ca else {
            if listen.client_auth.is_some() {
                let text = "has no effect without `client_ca`, the authorities of the clients";
                self.wrong(&key.child("client_auth"), text);
            }
            return None;
        };
        let at = key.child("client_ca");
        if !tls {
            let text = "client certificates need TLS; expected `tls = true`";
            self.wrong(&at, text);
        }
        let found = self.certificates(&at, path);
        if let Some((path, certificates)) = &found {
            for certificate in certificates {
                let added = rustls::RootCertStore::empty().add(certificate.clone());
                if let Err(why) = added {
                    let path = shown(&path.to_string_lossy());
                    self.wrong(&at, format!("{path} cannot be used: {why}"));
                }
            }
        }
        Some(found.map(|(_, authorities)| Clients {
            authorities,
            required: listen.client_auth == Some(file::ClientAuth::Required),
        }))
    }
}
