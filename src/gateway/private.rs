//! What the process has in memory stays there.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::io;

/// Leaves no core dump, by no handler of them, and lets no other process of the same user look
/// into this one: keys, tokens and bodies of requests are in its memory.
///
/// # Errors
/// Where the system refuses.
pub fn keep_memory_private() -> io::Result<()> {
    let nothing = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, nothing)?;
    // A handler that is named in `core_pattern` as a pipe is given dumps whatever the limit is.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn neither_a_dump_nor_a_look_is_allowed() {
        super::keep_memory_private().unwrap();
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
