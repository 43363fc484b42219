//! A gate between a world's inside and its outside: what every configuration of one begins with.

use crate::harness::Site;
use crate::world::{GATE, PUBLIC, World, all_of};

/// The beginning of a configuration whose gate has the public names, and a certificate for them;
/// with these keys of its listener.
pub fn front(world: &World, site: &Site, listen: &str) -> String {
    let names = all_of(PUBLIC);
    let (chain, key) = (site.path("public.pem"), site.path("public.key"));
    world.public.issue_to(&names, &chain, &key);
    let here = site.path("");
    let here = here.display();
    let names = names.join("\", \"");
    format!(
        r#"insecure_inline_secrets = true
[gateway]
state_dir = "{here}state"
drain = "5s"
[[listen]]
name = "public"
address = "{GATE}"
{listen}
[[certificate]]
hosts = ["{names}"]
chain = "{here}public.pem"
key = "file:{here}public.key"
[[source]]
name = "outside"
networks = ["198.51.100.0/24"]
[admin]
socket = "{here}admin.sock"
[audit]
file = "{here}audit.jsonl"
"#
    )
}
