//! Follows the policy file and loads what the control plane has accepted.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_zero_compile::{Diagnostics, StdioServer};
use notify::{RecursiveMode, Watcher as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::config;
use crate::servers::Servers;

/// Quiet after the last event before the files are read.
const DEBOUNCE: Duration = Duration::from_millis(80);
/// Other files of the folders may never be quiet.
const LONGEST: Duration = Duration::from_millis(400);
/// Reading again without any event.
const POLL: Duration = Duration::from_secs(2);
/// The largest policy file, as for the control plane.
const LARGEST: u64 = 4 << 20;

/// The files to follow.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// The policy.
    pub(crate) policy: PathBuf,
    /// The hash of the version that was accepted; absent means that every version is.
    pub(crate) accepted: Option<PathBuf>,
}

/// What a look at the files gives.
#[derive(Debug)]
enum Seen {
    /// The version that is loaded already, or one that nobody has accepted.
    Nothing,
    /// Another one: what stands for it, its bytes, and the key of tags.
    Version {
        mark: String,
        bytes: Vec<u8>,
        key: Option<TagKey>,
    },
}

/// The key by which control plane and bridge tell definitions of servers apart.
pub(crate) type TagKey = [u8; 32];

impl Files {
    fn look(&self, loaded: Option<&str>) -> io::Result<Seen> {
        let Some(accepted) = &self.accepted else {
            let bytes = contents(&self.policy)?;
            let hash = hex(&Sha256::digest(&bytes));
            return Ok(match loaded == Some(&hash) {
                true => Seen::Nothing,
                false => Seen::Version {
                    mark: hash,
                    bytes,
                    key: None,
                },
            });
        };
        let mark = match std::fs::read_to_string(accepted) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Seen::Nothing),
            Err(error) => return Err(error),
        };
        if loaded == Some(&mark) {
            return Ok(Seen::Nothing);
        }
        let mut lines = mark.lines();
        let hash = lines.next().unwrap_or_default();
        let key = lines.next().and_then(key_in);
        let key = key.ok_or_else(|| io::Error::other("the accepted file holds no key"))?;
        // The file may have changed since to one that is refused: then the control plane's copy
        // of the last good one counts.
        for path in [&self.policy, &accepted.with_extension("policy")] {
            if let Ok(bytes) = contents(path)
                && hex(&Sha256::digest(&bytes)) == hash
            {
                return Ok(Seen::Version {
                    mark,
                    bytes,
                    key: Some(key),
                });
            }
        }
        Ok(Seen::Nothing)
    }

    fn read(&self, bytes: &[u8]) -> Result<Vec<StdioServer>, Diagnostics> {
        config::servers(&self.policy, bytes)
    }
}

fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("larger than 4 MiB"));
    }
    Ok(bytes)
}

fn key_in(line: &str) -> Option<TagKey> {
    if line.len() != 64 || !line.is_ascii() {
        return None;
    }
    let mut key = TagKey::default();
    for (byte, at) in key.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(line.get(at..at + 2)?, 16).ok()?;
    }
    Some(key)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Loads every version that may be loaded, for ever.
pub(crate) async fn follow(files: Files, servers: Arc<Servers>) {
    let (sender, mut events) = mpsc::channel::<()>(1);
    let paths: Vec<&Path> = std::iter::once(&files.policy)
        .chain(&files.accepted)
        .map(PathBuf::as_path)
        .collect();
    // Kept to the end of this function.
    let _watcher = start(&paths, sender);
    let mut loaded: Option<String> = None;
    let mut trouble: Option<String> = None;
    loop {
        let outcome = match files.look(loaded.as_deref()) {
            Ok(Seen::Nothing) => Ok(()),
            Ok(Seen::Version { mark, bytes, key }) => {
                let read = files.read(&bytes);
                // A version that cannot be read is told of once.
                loaded = Some(mark);
                match read {
                    Ok(specs) => {
                        tracing::info!(
                            policy = %files.policy.display(),
                            servers = specs.len(),
                            "a policy is loaded"
                        );
                        servers.load(specs, key.as_ref());
                        Ok(())
                    }
                    Err(error) => Err(error.to_string()),
                }
            }
            Err(error) => Err(error.to_string()),
        };
        match outcome {
            Ok(()) => trouble = None,
            Err(error) if trouble.as_ref() == Some(&error) => {}
            Err(error) => {
                tracing::error!(policy = %files.policy.display(), "{error}");
                trouble = Some(error);
            }
        }
        tokio::select! {
            Some(()) = events.recv() => {
                // More events while it is written only make the quiet begin again.
                let begin = Instant::now();
                while begin.elapsed() < LONGEST
                    && tokio::time::timeout(DEBOUNCE, events.recv()).await.is_ok_and(|e| e.is_some()) {}
            }
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Files are replaced by renames and links, so their directories are watched.
fn start(paths: &[&Path], events: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Our own reading is an event too.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            // A full channel already says that something happened.
            let _ = events.try_send(());
        }
    });
    let watching = watcher.and_then(|mut watcher| {
        for path in paths {
            let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
            watcher.watch(
                parent.unwrap_or(Path::new(".")),
                RecursiveMode::NonRecursive,
            )?;
        }
        Ok(watcher)
    });
    match watching {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "no file notifications; the policy file is polled");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_accepted_version_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let policy = directory.path().join("policy.yaml");
        let accepted = directory.path().join("accepted");
        let files = Files {
            policy: policy.clone(),
            accepted: Some(accepted.clone()),
        };
        let free = Files {
            policy: policy.clone(),
            accepted: None,
        };
        assert!(free.look(None).is_err(), "no policy");
        std::fs::write(&policy, "version: 1\n").unwrap();
        assert!(
            matches!(files.look(None), Ok(Seen::Nothing)),
            "none accepted"
        );
        let hash = hex(&Sha256::digest(b"version: 1\n"));
        std::fs::write(&accepted, format!("{hash}\n")).unwrap();
        assert!(files.look(None).is_err(), "no key");
        let mark = format!("{hash}\n{}\n", "0a".repeat(32));
        std::fs::write(&accepted, &mark).unwrap();
        assert!(matches!(files.look(None), Ok(Seen::Version { key, .. }) if key == Some([10; 32])));
        assert!(
            matches!(files.look(Some(&mark)), Ok(Seen::Nothing)),
            "loaded"
        );
        std::fs::write(&policy, "version: 2\n").unwrap();
        assert!(
            matches!(files.look(Some(&mark)), Ok(Seen::Nothing)),
            "another"
        );
        assert!(matches!(free.look(Some(&hash)), Ok(Seen::Version { .. })));
        // A bridge that starts now has the last good version all the same, and no other.
        let copy = accepted.with_extension("policy");
        std::fs::write(&copy, "version: 3\n").unwrap();
        assert!(matches!(files.look(None), Ok(Seen::Nothing)), "altered");
        std::fs::write(&copy, "version: 1\n").unwrap();
        let seen = files.look(None);
        assert!(matches!(seen, Ok(Seen::Version { bytes, .. }) if bytes == b"version: 1\n"));
    }
}
