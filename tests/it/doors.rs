//! Each kind of listener, and what a client can do to it byte by byte.

use crate::harness::{HOST, SECRET, Site, Tool, guid, sign};
