//! What the system says of this process, under the names that Prometheus' own clients use.

use std::fmt::Write as _;

/// Appends what `/proc` tells; a number that cannot be read is left out.
pub(super) fn render(text: &mut String) {
    let stat = read("/proc/self/stat");
    let ticks = rustix::param::clock_ticks_per_second();
    let page = rustix::param::page_size() as u64;
    let booted = read("/proc/stat")
        .lines()
        .find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok());
    let field = |number| after_name(&stat, number);

    let cpu = field(14).zip(field(15)).map(|(user, system)| user + system);
    gauge(
        text,
        ("process_cpu_seconds_total", "counter"),
        "CPU time of this process, its own and the system's for it",
        cpu.map(|spent| seconds(spent, ticks)),
    );
    gauge(
        text,
        ("process_resident_memory_bytes", "gauge"),
        "Memory of this process that is in RAM",
        field(24).map(|pages| (pages * page).to_string()),
    );
    gauge(
        text,
        ("process_virtual_memory_bytes", "gauge"),
        "Address space of this process",
        field(23).map(|bytes| bytes.to_string()),
    );
    gauge(
        text,
        ("process_threads", "gauge"),
        "Threads of this process",
        field(20).map(|threads| threads.to_string()),
    );
    gauge(
        text,
        ("process_open_fds", "gauge"),
        "Open files and sockets of this process",
        open_files().map(|count| count.to_string()),
    );
    gauge(
        text,
        ("process_max_fds", "gauge"),
        "How many files and sockets this process may open",
        rustix::process::getrlimit(rustix::process::Resource::Nofile)
            .current
            .map(|most| most.to_string()),
    );
    let started = booted
        .zip(field(22))
        .map(|(booted, after)| seconds(booted.saturating_mul(ticks).saturating_add(after), ticks));
    gauge(
        text,
        ("process_start_time_seconds", "gauge"),
        "When this process started, in seconds since 1970",
        started,
    );
}

fn gauge(text: &mut String, (name, kind): (&str, &str), help: &str, value: Option<String>) {
    if let Some(value) = value {
        // Writing to a String cannot fail.
        let _done = writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
        );
    }
}

/// Field `number` of `/proc/self/stat`, counted from 1 as proc(5) does. The second, the
/// program's name, may hold spaces and parentheses: counting starts behind its last one.
fn after_name(stat: &str, number: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace()
        .nth(number.checked_sub(3)?)?
        .parse()
        .ok()
}

fn seconds(ticks: u64, per_second: u64) -> String {
    let per_second = per_second.max(1);
    format!(
        "{}.{:02}",
        ticks / per_second,
        ticks % per_second * 100 / per_second
    )
}

fn open_files() -> Option<usize> {
    // Reading the directory holds one open itself.
    Some(
        std::fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .saturating_sub(1),
    )
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 12 34 0 0 20 0 3 0 99 1024 5 0";
        assert_eq!(after_name(stat, 14), Some(12));
        assert_eq!(after_name(stat, 15), Some(34));
        assert_eq!(after_name(stat, 20), Some(3));
        assert_eq!(after_name(stat, 24), Some(5));
        assert_eq!(after_name("nonsense", 14), None);
        assert_eq!(seconds(1234, 100), "12.34");
    }
}
