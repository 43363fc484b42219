//! What is a mistake, a warning or right of a listener, and of the names it shows.

use super::{LISTEN, URL};
use crate::config::tests::{each_is_a_mistake, each_is_right};

#[test]
fn listeners_have_their_rules() {
    each_is_a_mistake(&[
        (
            "name = \"public\"",
            "name = \"\"",
            "listen[0].name: found ``, expected a name of 1 to 63 lower-case letters, digits and `-`",
        ),
        (
            LISTEN,
            "address = \"localhost:443\"",
            "listen[0].address: found `localhost:443`, expected an address and port such as `[::]:443` or `127.0.0.1:9180`",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\n[[listen]]\nname = \"b\"\naddress = \"127.0.0.1:8443\"",
            "listen[1].address: `127.0.0.1:8443` is taken by `listen[0].address`",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\nonly = \"redirect\"",
            "listen[0].only: a listener with TLS has nothing to redirect to; expected `tls = false`\n\
             webhook[0].url: no listener serves it: all of them only redirect",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\nproxy_protocol = []",
            "listen[0].proxy_protocol: is empty, expected networks such as `203.0.113.0/24`",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\nproxy_protocol = [\"::/0\"]",
            "listen[0].proxy_protocol[0]: `::/0` is everybody; expected the addresses of the load balancers",
        ),
    ]);
    each_is_right(&[
        (
            LISTEN,
            "address = \"127.0.0.1:0\"\n[[listen]]\nname = \"b\"\naddress = \"127.0.0.1:0\"",
            "",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\ntls = false",
            "configuration:6: listen[0].tls: listener `public` serves https routes such as \
             `hooks.example.com/jira` without TLS; is right only behind something that ends TLS",
        ),
    ]);
}

#[test]
fn every_https_host_needs_a_certificate_where_a_listener_speaks_tls() {
    each_is_a_mistake(&[
        (
            "hosts = [\"hooks.example.com\"]",
            "hosts = [\"other.example.com\"]",
            "webhook[0].url: there is no `[[certificate]]` whose `hosts` name `hooks.example.com`",
        ),
        (
            "hosts = [\"hooks.example.com\"]",
            "hosts = [\"*.com\"]",
            "webhook[0].url: there is no `[[certificate]]` whose `hosts` name `hooks.example.com`",
        ),
        (
            "hosts = [\"hooks.example.com\"]",
            "hosts = [\"hooks.example.com\", \"Hooks.Example.com\"]",
            "certificate[0].hosts[1]: `hooks.example.com` is taken by `certificate[0].hosts[0]`",
        ),
    ]);
    each_is_right(&[
        (
            "hosts = [\"hooks.example.com\"]",
            "hosts = [\"*.example.com\"]",
            "",
        ),
        (
            URL,
            "url = \"http://else.example.com/jira\"",
            "configuration:13: webhook[0].url: is http, and every listener that serves it speaks TLS",
        ),
        (
            LISTEN,
            "address = \"127.0.0.1:8443\"\n[[listen]]\nname = \"b\"\naddress = \"127.0.0.1:80\"\ntls = false\nonly = \"redirect\"",
            "",
        ),
    ]);
}
