//! Faults under load, a few thousand requests in all; `make soak` does the same for longer.
//! Each joins what clients, server and audit log saw.

use mcp_zero_tests::fault::{Disk, Mode, Site, scenario};
use std::path::Path;
use std::time::Duration;

const SIZE: usize = 1200;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mcp-zero-faults"))
}

fn site(mode: Mode) -> Site {
    Site::start(mode, program(), |_| ())
}

#[test]
fn a_killed_envoy_comes_back_and_only_its_last_moment_is_unrecorded() {
    scenario::kill_envoy(&mut site(Mode::Run), SIZE);
}

#[test]
fn a_killed_gateway_leaves_no_envoy_and_repeats_no_record() {
    scenario::kill_gateway(&mut site(Mode::Run), SIZE);
}

#[test]
fn a_killed_bridge_is_missed_by_its_own_sessions_only() {
    scenario::kill_bridge(&mut site(Mode::Run), SIZE);
}

#[test]
fn a_killed_child_is_missed_by_its_own_session_only() {
    scenario::kill_child(&mut site(Mode::Run), SIZE);
}

#[test]
fn a_killed_control_plane_is_missed_by_nobody() {
    scenario::kill_control_plane(&mut site(Mode::Serve), SIZE);
}

#[test]
fn a_killed_server_fails_its_calls_until_it_is_back() {
    scenario::kill_server(&mut site(Mode::Run), SIZE);
}

#[test]
fn a_hung_server_holds_up_its_own_calls_only() {
    scenario::hung_server(&mut site(Mode::Run), SIZE);
}

#[test]
fn a_thousand_policies_break_nothing_and_the_last_one_wins() {
    let pause = Duration::from_millis(5);
    scenario::push_storm(&mut site(Mode::Run), 1000, pause);
}

#[test]
fn a_long_access_log_takes_little_space() {
    for mode in [Mode::Run, Mode::Serve] {
        scenario::long_log(&mut site(mode));
    }
}

#[test]
fn a_full_disk_of_the_access_log_leaves_a_gap_that_is_counted() {
    let mut disk = None;
    let mut site = Site::start(Mode::Run, program(), |folder| {
        disk = Some(Disk::mount(&folder.join("state"), 16));
    });
    let disk = disk.expect("it was mounted");
    scenario::full_log_disk(&mut site, &disk, SIZE);
    drop(site);
}

#[test]
fn a_full_disk_of_the_audit_file_loses_no_record() {
    let mut disk = None;
    let mut site = Site::start(Mode::Run, program(), |folder| {
        disk = Some(Disk::mount(&folder.join("audit"), 16));
    });
    let disk = disk.expect("it was mounted");
    scenario::full_audit_disk(&mut site, &disk, SIZE);
    drop(site);
}
