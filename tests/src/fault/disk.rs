//! A small disk of its own, which a test can fill.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system of a few MiB; unmounted when dropped.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts one on a folder.
    ///
    /// # Panics
    /// When this user may not mount: the test needs root, or CAP_SYS_ADMIN in a container.
    pub fn mount(at: &Path, mib: u32) -> Self {
        std::fs::create_dir_all(at).expect("a folder to mount on");
        let done = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={mib}m,mode=0700"),
                "tmpfs",
            ])
            .arg(at)
            .output()
            .expect("mount starts");
        assert!(
            done.status.success(),
            "tests of a full disk mount a tmpfs; run them as root (in a container with `--cap-add SYS_ADMIN`): {}",
            String::from_utf8_lossy(&done.stderr)
        );
        Self {
            at: at.to_path_buf(),
        }
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }

    /// Fills it to the last byte.
    ///
    /// # Panics
    /// When it takes more than it can hold.
    pub fn fill(&self) {
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
            .expect("a file for ballast");
        for size in [1 << 16, 1] {
            let piece = vec![b'.'; size];
            for n in 0.. {
                if file.write_all(&piece).is_err() {
                    break;
                }
                assert!(n < 1 << 20, "the disk does not get full");
            }
        }
    }

    /// Makes room again.
    ///
    /// # Panics
    /// When it was not filled.
    pub fn free(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast goes");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever still uses it ends soon.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}
