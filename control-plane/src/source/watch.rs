//! Notices that a policy file, or the file of its cases, may have changed.
//!
//! Editors replace files and Kubernetes swaps links, so the directory is watched
//! and the file is compared by content; a slow poll stands behind it where the
//! system's notifications do not arrive.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::cases::{self, beside};
use super::file::{Document, ReadError, read};

/// Quiet after the last event before a file that may be in the middle of being written is read.
const DEBOUNCE: Duration = Duration::from_millis(120);
/// Other files of the folder may never be quiet.
const LONGEST: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_secs(5);

/// Sends what the file holds each time its content, or that of its cases, differs from what
/// was known.
/// Ends when the receiver is gone.
pub async fn watch(
    path: PathBuf,
    known: Document,
    changes: mpsc::Sender<Result<Document, ReadError>>,
) {
    let (events_in, mut events) = mpsc::channel::<()>(1);
    // A file that was put in place by a rename is whole: no quiet is waited for, which would
    // never come where policies follow each other closely.
    let whole = Arc::new(AtomicBool::new(false));
    // Kept alive to the end of this function.
    let _watcher = start(&path, events_in, Arc::clone(&whole));
    let mut last: Result<Document, String> = Ok(known);
    // Of one that cannot be read only that it is so.
    let known_cases = || cases::read(&beside(&path)).map_err(|error| error.kind());
    let mut last_cases = known_cases();
    loop {
        tokio::select! {
            Some(()) = events.recv() => {
                // More events while it is written only make the quiet begin again.
                let begin = Instant::now();
                while !whole.swap(false, Ordering::SeqCst)
                    && begin.elapsed() < LONGEST
                    && tokio::time::timeout(DEBOUNCE, events.recv()).await.is_ok_and(|e| e.is_some()) {}
            }
            () = tokio::time::sleep(POLL) => {}
            () = changes.closed() => return,
        }
        let found = read(&path);
        let found_cases = known_cases();
        let same = match (&last, &found) {
            (Ok(a), Ok(b)) => a == b,
            (Err(a), Err(b)) => *a == b.to_string(),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        if same && found_cases == last_cases {
            continue;
        }
        last_cases = found_cases;
        last = match &found {
            Ok(document) => Ok(document.clone()),
            Err(error) => Err(error.to_string()),
        };
        if changes.send(found).await.is_err() {
            return;
        }
    }
}

fn start(
    path: &Path,
    events: mpsc::Sender<()>,
    whole: Arc<AtomicBool>,
) -> Option<notify::RecommendedWatcher> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let name = path.file_name().map(std::ffi::OsStr::to_owned);
    let watcher = notify::recommended_watcher(move |event| {
        if may_change(&event) {
            if let Some(now) = is_whole(&event, name.as_deref()) {
                whole.store(now, Ordering::SeqCst);
            }
            // A full channel already says that something happened.
            let _ = events.try_send(());
        }
    });
    let watching = watcher.and_then(|mut watcher| {
        watcher.watch(parent, RecursiveMode::NonRecursive)?;
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

/// Whether the file is whole by now, if the event says anything of it.
fn is_whole(event: &notify::Result<notify::Event>, name: Option<&std::ffi::OsStr>) -> Option<bool> {
    use notify::EventKind;
    use notify::event::{ModifyKind, RenameMode};
    let Ok(event) = event else {
        return Some(false);
    };
    // Of a rename the last path is the new one.
    let about = event.paths.last().and_then(|path| path.file_name());
    if about != name {
        return None;
    }
    Some(matches!(
        event.kind,
        EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both))
    ))
}

/// Our own reading of the file is an event too.
fn may_change(event: &notify::Result<notify::Event>) -> bool {
    use notify::EventKind;
    use notify::event::{AccessKind, AccessMode};
    match event {
        Ok(event) => match event.kind {
            EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
            EventKind::Any
            | EventKind::Create(_)
            | EventKind::Modify(_)
            | EventKind::Remove(_)
            | EventKind::Other => true,
        },
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tells_each_new_content_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        std::fs::write(&path, "version: 1\n").unwrap();
        let known = read(&path).unwrap();
        let (sender, mut receiver) = mpsc::channel(8);
        tokio::spawn(watch(path.clone(), known, sender));
        tokio::time::sleep(Duration::from_millis(100)).await;

        // The same content again is no change.
        std::fs::write(&path, "version: 1\n").unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert!(receiver.try_recv().is_err());

        // Cases that change are a reason to look at the policy anew.
        let cases = beside(&path);
        std::fs::write(&cases, "version: 1\ncases: []\n").unwrap();
        let change = tokio::time::timeout(Duration::from_secs(5), receiver.recv()).await;
        assert_eq!(change.unwrap().unwrap().unwrap().bytes, b"version: 1\n");

        // Replaced by a rename, as editors do.
        let other = directory.path().join("new");
        std::fs::write(&other, "version: 2\n").unwrap();
        std::fs::rename(&other, &path).unwrap();
        let change = tokio::time::timeout(Duration::from_secs(5), receiver.recv()).await;
        assert_eq!(change.unwrap().unwrap().unwrap().bytes, b"version: 2\n");

        // One rename after the other, without any quiet between them.
        for n in 3..40 {
            std::fs::write(&other, format!("version: {n}\n")).unwrap();
            std::fs::rename(&other, &path).unwrap();
            tokio::time::sleep(DEBOUNCE / 4).await;
        }
        let mut seen = Vec::new();
        while seen.last() != Some(&b"version: 39\n".to_vec()) {
            let change = tokio::time::timeout(Duration::from_secs(5), receiver.recv()).await;
            seen.push(change.unwrap().unwrap().unwrap().bytes);
        }
        assert!(seen.len() > 3, "{}", seen.len());

        // Written in place, beside a file that is never quiet.
        let busy = tokio::spawn(async move {
            loop {
                std::fs::write(&other, "x").unwrap();
                tokio::time::sleep(DEBOUNCE / 4).await;
            }
        });
        std::fs::write(&path, "version: 40\n").unwrap();
        let change = tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await;
        assert_eq!(change.unwrap().unwrap().unwrap().bytes, b"version: 40\n");
        busy.abort();

        std::fs::remove_file(&path).unwrap();
        let change = tokio::time::timeout(Duration::from_secs(8), receiver.recv()).await;
        assert!(matches!(
            change.unwrap().unwrap(),
            Err(ReadError::Io { .. })
        ));
    }
}
