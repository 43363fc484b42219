//! Large files, kept by giftless.

use super::{Answer, Body, Ghes, program::fetched};
use crate::harness::skipped;
use crate::world::World;
use http::{HeaderValue, Request};
use std::process::Command;

const PORT: u16 = 5055;

/// giftless with a directory of its own; it is told the scheme by the front, and the name by Host.
const GIFTLESS: &str = r#"
import sys
from giftless.app import init_app
from werkzeug.serving import make_server
app = init_app(additional_config={
    "LEGACY_ENDPOINTS": False,
    "AUTH_PROVIDERS": ["giftless.auth.allow_anon:read_write"],
    "TRANSFER_ADAPTERS": {"basic": {"options": {"storage_options": {"path": sys.argv[1]}}}},
    "MIDDLEWARE": [{
        "class": "werkzeug.middleware.proxy_fix:ProxyFix",
        "kwargs": {"x_for": 0, "x_proto": 1, "x_host": 0, "x_port": 0, "x_prefix": 0},
    }],
})
make_server("127.0.0.1", int(sys.argv[2]), app, threaded=True).serve_forever()
"#;

impl Ghes {
    /// Lets the server have large files; false where giftless is not there.
    pub async fn keep_large_files(&self, world: &World) -> bool {
        let Some(python) = fetched("clients-python/bin/python") else {
            skipped("giftless is not in .cache");
            return false;
        };
        let store = world.path("large");
        std::fs::create_dir(&store).unwrap();
        let mut command = Command::new(python);
        command
            .args(["-W", "ignore", "-c", GIFTLESS])
            .arg(&store)
            .arg(PORT.to_string())
            .current_dir(world.dir());
        self.run(command, PORT, &world.path("giftless.log")).await;
        true
    }

    pub(super) async fn large(&self, mut request: Request<Body>) -> Answer {
        let https = HeaderValue::from_static("https");
        request.headers_mut().insert("x-forwarded-proto", https);
        let target = request.uri().path_and_query().unwrap().to_string();
        self.pass(PORT, &target, request).await
    }
}
