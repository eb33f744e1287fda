//! Faults in random order for some minutes.

use mcp_zero_tests::fault::{Disk, Found, Mode, Site, now_ms, open_files, resident_kib, scenario};
use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Requests of one fault.
const SIZE: usize = 3000;
/// Envoy may die so often in a minute before `run` gives up.
const DEATHS: usize = 3;
const MINUTE: Duration = Duration::from_secs(62);

/// Runs, and prints what was covered. A violated assertion ends it with a panic.
pub(crate) fn run(minutes: &str, seed: Option<&&str>) -> ExitCode {
    let minutes: u64 = minutes.parse().expect("minutes");
    let seed: u64 = seed.map_or_else(now_ms, |seed| seed.parse().expect("a seed"));
    println!("soak: {minutes} minutes, seed {seed}");
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let mut dice = Dice(seed | 1);
    let program = std::env::current_exe().expect("this program");
    let mut disks = Vec::new();
    let mut local = Site::start(Mode::Run, &program, |folder| {
        // Large enough for a long run's logs; the ballast takes the rest.
        disks.push(Disk::mount(&folder.join("state"), 900));
        disks.push(Disk::mount(&folder.join("audit"), 900));
    });
    let mut apart = Site::start(Mode::Serve, &program, |_| ());
    let mut sum = Sum::default();
    let mut deaths: VecDeque<Instant> = VecDeque::new();
    while Instant::now() < end {
        deaths.retain(|death| death.elapsed() < MINUTE);
        let choice = dice.throw(10);
        if matches!(choice, 0 | 1) && deaths.len() >= DEATHS {
            continue;
        }
        let begin = Instant::now();
        let (name, found) = match choice {
            0 => {
                deaths.push_back(begin);
                ("kill Envoy", scenario::kill_envoy(&mut local, SIZE))
            }
            1 => {
                deaths.clear();
                ("kill run", scenario::kill_gateway(&mut local, SIZE))
            }
            8 => ("kill bridge", scenario::kill_bridge(&mut local, SIZE)),
            9 => ("kill child", scenario::kill_child(&mut local, SIZE)),
            2 => ("kill serve", scenario::kill_control_plane(&mut apart, SIZE)),
            3 => ("kill server", scenario::kill_server(&mut local, SIZE)),
            4 => ("hung server", scenario::hung_server(&mut local, SIZE)),
            5 => {
                let pause = Duration::from_millis(dice.throw(20));
                (
                    "1,000 policies",
                    scenario::push_storm(&mut local, 1000, pause),
                )
            }
            6 => {
                let disk = disks.first().expect("the disk of the log");
                (
                    "full disk of the log",
                    scenario::full_log_disk(&mut local, disk, SIZE),
                )
            }
            _ => {
                let disk = disks.last().expect("the disk of the audit");
                (
                    "full disk of the audit",
                    scenario::full_audit_disk(&mut local, disk, SIZE),
                )
            }
        };
        println!("{:>5} s  {name}: {found:?}", begin.elapsed().as_secs());
        sum.add(&found);
        sum.look(&apart);
    }
    sum.tell();
    drop((local, apart, disks));
    println!("soak: good");
    ExitCode::SUCCESS
}

/// Numbers that a seed gives again (xorshift64).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[derive(Default)]
struct Sum {
    faults: usize,
    found: Found,
    /// Seconds, memory of control plane and Envoy in KiB, open files of both: of the site
    /// whose Envoy is never killed.
    looks: Vec<(f64, [u64; 4])>,
    begin: Option<Instant>,
}

impl Sum {
    fn add(&mut self, found: &Found) {
        self.faults += 1;
        self.found.exchanges += found.exchanges;
        self.found.failed += found.failed;
        self.found.calls += found.calls;
        self.found.records += found.records;
        self.found.gaps += found.gaps;
        self.found.unrecorded += found.unrecorded;
        self.found.versions += found.versions;
    }

    fn look(&mut self, site: &Site) {
        let begin = *self.begin.get_or_insert_with(Instant::now);
        let files = |pid| u64::try_from(open_files(pid)).unwrap_or(u64::MAX);
        let (control, envoy) = (site.control_pid(), site.envoy_pid());
        let now = [
            resident_kib(control),
            resident_kib(envoy),
            files(control),
            files(envoy),
        ];
        self.looks.push((begin.elapsed().as_secs_f64(), now));
    }

    fn tell(&self) {
        println!("\n{} faults: {:?}", self.faults, self.found);
        let names = ["mcp-zero KiB", "Envoy KiB", "mcp-zero files", "Envoy files"];
        for (at, name) in names.iter().enumerate() {
            let of = |look: Option<&(f64, [u64; 4])>| {
                look.and_then(|(_, values)| values.get(at).copied())
                    .unwrap_or(0)
            };
            println!(
                "{name}: first {}, last {}, {:.1} a minute",
                of(self.looks.first()),
                of(self.looks.last()),
                60.0 * self.slope(at)
            );
        }
    }

    /// Least squares, a second.
    fn slope(&self, at: usize) -> f64 {
        let points: Vec<(f64, f64)> = self
            .looks
            .iter()
            .filter_map(|(time, values)| {
                Some((*time, f64::from(u32::try_from(*values.get(at)?).ok()?)))
            })
            .collect();
        let count = f64::from(u32::try_from(points.len()).unwrap_or(u32::MAX)).max(1.0);
        let x = points.iter().map(|p| p.0).sum::<f64>() / count;
        let y = points.iter().map(|p| p.1).sum::<f64>() / count;
        let up: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
        let down: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
        if down > 0.0 { up / down } else { 0.0 }
    }
}
