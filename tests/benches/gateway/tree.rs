//! What a process and its descendants have used, from `/proc` (proc(5)).

use std::collections::BTreeMap;
use std::time::Duration;

/// CPU time by program name, over a process tree; children that have ended count with the
/// process that waited for them.
pub(crate) fn cpu(root: u32) -> BTreeMap<String, Duration> {
    let mut used = BTreeMap::new();
    for process in tree(root) {
        *used.entry(process.program).or_insert(Duration::ZERO) += process.cpu;
    }
    used
}

/// Resident memory by program name, in bytes.
pub(crate) fn memory(root: u32) -> BTreeMap<String, u64> {
    let mut used = BTreeMap::new();
    for process in tree(root) {
        *used.entry(process.program).or_insert(0) += resident(process.pid);
    }
    used
}

/// The ids of a process and its descendants.
pub(crate) fn processes(root: u32) -> Vec<u32> {
    tree(root).into_iter().map(|process| process.pid).collect()
}

#[derive(Debug)]
struct Process {
    pid: u32,
    parent: u32,
    program: String,
    cpu: Duration,
}

fn tree(root: u32) -> Vec<Process> {
    let mut all: Vec<Process> = std::fs::read_dir("/proc")
        .expect("/proc is there")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(read)
        .collect();
    let mut ours: Vec<Process> = Vec::new();
    loop {
        let is_ours = |p: &Process| p.pid == root || ours.iter().any(|o| o.pid == p.parent);
        let (found, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(is_ours);
        if found.is_empty() {
            return ours;
        }
        ours.extend(found);
        all = rest;
    }
}

fn read(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and parentheses.
    let (front, fields) = stat.rsplit_once(')')?;
    let (_, program) = front.split_once('(')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    // Fields 14 to 17: of itself in user and system mode, of children likewise.
    let ticks = ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?;
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        program: program.to_owned(),
        // USER_HZ is 100 on every architecture that we build for.
        cpu: Duration::from_millis(ticks * 10),
    })
}

fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
