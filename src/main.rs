//! The `hubgate` command; everything is in the library.

use std::process::ExitCode;

/// Returns memory to the system after a burst of connections, and is fast with small objects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hubgate::cli::main()
}
