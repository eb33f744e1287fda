//! The faults, each under load and each followed by a check. `size` is about how many
//! requests it takes.

use super::check::{Excuse, Found};
use super::load::{Kind, Load, Seen, Sight, Stream};
use super::{Disk, Site, children, is_alive, now_ms, resident_kib};
use crate::{signal, wait};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Within this a good number of requests is answered, on however busy a machine.
const LONG: Duration = Duration::from_secs(90);
const CLIENTS: usize = 6;
const MIB: u64 = 1 << 20;
/// What Envoy's memory may grow by over many changes of the policy.
const GROWTH_KIB: u64 = 64 * 1024;

/// Envoy is killed; it comes back, and only what it had not flushed is missing.
///
/// # Panics
/// As all here: when something does not hold.
pub fn kill_envoy(site: &mut Site, size: usize) -> Found {
    let load = site.load(CLIENTS);
    load.more(size / 2, LONG);
    let at = site.kill_envoy();
    load.more(size / 2, LONG);
    let seen = load.end();
    let strange = seen
        .iter()
        .filter(|s| matches!(s.sight, Sight::Failed(status) if status != 503))
        .count();
    assert_eq!(strange, 0, "while Envoy starts there is 503 or nothing");
    site.check(seen, &Excuse::Killed(vec![at]))
}

/// `mcp-zero run` is killed: its Envoy ends too; started again it takes up the audit where
/// it was and repeats nothing.
pub fn kill_gateway(site: &mut Site, size: usize) -> Found {
    let load = site.load(CLIENTS);
    let stdio = site.stdio_load(2);
    stdio.more(size / 20, LONG);
    load.more(size / 2, LONG);
    let mut processes = children(site.control_pid());
    processes.extend(children(site.bridge_pid()));
    assert!(
        processes.len() >= 3,
        "Envoy, the bridge, a process behind it"
    );
    let at = now_ms();
    site.kill_control();
    wait("the end of all it started", || {
        processes.iter().all(|pid| !is_alive(*pid))
    });
    site.start_control();
    load.more(size / 2, LONG);
    stdio.more(size / 20, LONG);
    let mut seen = load.end();
    seen.extend(stdio.end());
    site.check(seen, &Excuse::Killed(vec![at]))
}

/// The bridge is killed: the processes behind it end, calls to them fail and go on in new
/// sessions; nobody else notices.
pub fn kill_bridge(site: &mut Site, size: usize) -> Found {
    behind_the_bridge(site, size, |site| {
        let bridge = site.bridge_pid();
        let processes = children(bridge);
        assert!(!processes.is_empty(), "a process behind the bridge");
        signal(bridge, "KILL");
        wait("the end of what it started", || {
            processes.iter().all(|pid| !is_alive(*pid))
        });
    })
}

/// A process behind the bridge is killed: its session ends, the others go on.
pub fn kill_child(site: &mut Site, size: usize) -> Found {
    behind_the_bridge(site, size, |site| {
        let processes = children(site.bridge_pid());
        signal(
            *processes.first().expect("a process behind the bridge"),
            "KILL",
        );
    })
}

fn behind_the_bridge(site: &mut Site, size: usize, fault: impl FnOnce(&mut Site)) -> Found {
    let load = site.load(2);
    let stdio = site.stdio_load(4);
    stdio.more(size / 4, LONG);
    let failed = stdio.failed();
    fault(site);
    wait("a failed call", || stdio.failed() > failed);
    stdio.more(size / 4, LONG);
    untouched(&load, "other servers are not affected");
    let mut seen = stdio.end();
    let unanswered = |s: &&Seen| matches!(s.sight, Sight::Broken(_)) && s.status != 0;
    assert_eq!(seen.iter().filter(unanswered).count(), 0);
    seen.extend(load.end());
    site.check(seen, &Excuse::None)
}

/// A control plane beside Envoy is killed and started again: no client notices, a policy
/// that changed meanwhile applies then.
pub fn kill_control_plane(site: &mut Site, size: usize) -> Found {
    site.set_policy(true);
    let stream = Stream::open(site.address(), site.token());
    let load = site.load(CLIENTS);
    load.more(size / 3, LONG);
    site.kill_control();
    load.more(size / 3, LONG);
    site.set_policy(false);
    // Gateways connect again before there are keys: they keep what they have till then.
    site.delay_issuer(3000);
    site.start_control();
    wait_for_flip(site, "deny");
    site.delay_issuer(0);
    load.more(size / 3, LONG);
    stream.more(2);
    drop(stream);
    untouched(&load, "the control plane is not in the data path");
    let found = site.check(load.end(), &Excuse::None);
    assert!(found.versions >= 2 && !found.last_flip_allowed, "{found:?}");
    found
}

/// The server is killed: its calls fail in the gateway's words, and go on when it is back.
pub fn kill_server(site: &mut Site, size: usize) -> Found {
    let load = site.load(CLIENTS);
    load.more(size / 4, LONG);
    site.kill_server();
    let failed = load.failed();
    wait("a failed call", || load.failed() > failed + 20);
    site.start_server();
    load.more(size / 4, LONG);
    let seen = load.end();
    let broken = |s: &&Seen| matches!(s.sight, Sight::Broken(_)) && s.kind != Kind::Events;
    let broken: Vec<_> = seen.iter().filter(broken).collect();
    assert!(broken.is_empty(), "only a stream may break: {broken:?}");
    site.check(seen, &Excuse::None)
}

/// The server never answers some calls, and then none at all: each gets its 504, the others
/// their answers.
pub fn hung_server(site: &mut Site, size: usize) -> Found {
    let hung = Load::of(&site.target(), 3, &[Kind::Hang]);
    let load = site.load(CLIENTS);
    load.more(size, LONG);
    wait("calls that hang", || hung.failed() >= 3);
    untouched(&load, "others are not affected");
    site.freeze_server(true);
    wait("calls that fail", || load.failed() >= CLIENTS);
    site.freeze_server(false);
    load.more(size / 4, LONG);
    let mut seen = hung.end();
    assert!(
        seen.iter().all(|s| s.sight == Sight::Failed(504)),
        "{seen:?}"
    );
    seen.extend(load.end());
    for s in &seen {
        assert!(!matches!(s.sight, Sight::Broken(_)), "no answer: {s:?}");
    }
    site.check(seen, &Excuse::None)
}

/// The policy changes so many times while clients call and a stream is open.
pub fn push_storm(site: &mut Site, changes: usize, pause: Duration) -> Found {
    site.set_policy(true);
    wait_for_flip(site, "allow");
    let stream = Stream::open(site.address(), site.token());
    // The pushes are the load here.
    let load = site.load(2);
    let before = site.log().matches("live: ").count();
    let mut memory = 0;
    for n in 0..changes {
        site.set_policy(n % 2 == 1);
        std::thread::sleep(pause);
        if n == changes / 4 {
            memory = resident_kib(site.envoy_pid());
        }
    }
    site.set_policy(false);
    wait_for_flip(site, "deny");
    let memory_after = resident_kib(site.envoy_pid());
    load.more(60, LONG);
    untouched(&load, "a good policy breaks nothing");
    stream.more(3);
    drop(stream);
    let live = site.log().matches("live: ").count() - before;
    assert!(
        live >= changes / 50,
        "only {live} of {changes} changes went live"
    );
    assert!(
        memory_after < memory + GROWTH_KIB,
        "Envoy grew from {memory} to {memory_after} KiB"
    );
    let seen = load.end();
    let found = site.check(seen, &Excuse::None);
    assert!(found.versions >= 2 && !found.last_flip_allowed, "{found:?}");
    found
}

/// The access log gets several MiB of lines; what is recorded takes no space any more.
pub fn long_log(site: &mut Site) -> Found {
    let load = site.load(CLIENTS);
    while site.log_size().0 < 4 * MIB {
        load.more(200, LONG);
    }
    let found = site.check(load.end(), &Excuse::None);
    let (length, space) = site.log_size();
    assert!(space < 2 * MIB, "{space} of {length} bytes are on the disk");
    found
}

/// The disk of the access log is full for a while: Envoy drops lines, and the gap tells how
/// many.
pub fn full_log_disk(site: &mut Site, disk: &Disk, size: usize) -> Found {
    let load = site.load(CLIENTS);
    load.more(size / 3, LONG);
    let full = AtomicBool::new(true);
    std::thread::scope(|scope| {
        // The space of recorded lines is freed; somebody else takes that too.
        scope.spawn(|| {
            while full.load(Ordering::Relaxed) {
                disk.fill();
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        load.more(size / 3, LONG);
        full.store(false, Ordering::Relaxed);
    });
    disk.free();
    load.more(size / 3, LONG);
    untouched(&load, "the log is not in the data path");
    let found = site.check(load.end(), &Excuse::FullDisk);
    assert!(
        found.unrecorded > 0 && found.gaps > 0,
        "the disk was not full: {found:?}"
    );
    found
}

/// The disk of `audit.file` is full for a while: records wait, and none is lost.
pub fn full_audit_disk(site: &mut Site, disk: &Disk, size: usize) -> Found {
    let load = site.load(CLIENTS);
    load.more(size / 3, LONG);
    let waits = "they wait in the access log";
    // Before it is full: it is told once, maybe while the last bytes of the ballast are written.
    let before = site.log().matches(waits).count();
    disk.fill();
    wait("a full disk", || site.log().matches(waits).count() > before);
    load.more(size / 3, LONG);
    disk.free();
    load.more(size / 3, LONG);
    untouched(&load, "the audit file is not in the data path");
    site.check(load.end(), &Excuse::None)
}

/// Waits until calls of `flip` are decided so, as their clients see it.
fn wait_for_flip(site: &Site, decision: &str) {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"flip"}}"#;
    let bearer = format!("Bearer {}", site.token());
    let text = crate::request("POST", "/mcp/s", &[("authorization", &bearer)], call);
    wait("the last policy", || {
        let answer = crate::exchange(site.address(), text.as_bytes());
        let denied = answer.body.contains("Access denied");
        denied == (decision == "deny")
    });
}

fn untouched(load: &Load, why: &str) {
    assert_eq!(load.failed(), 0, "{why}: {:?}", load.failures());
}
