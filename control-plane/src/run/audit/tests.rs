use super::*;

fn line(id: u32, sequence: u32) -> String {
    let record = json!({"event_type": "outcome", "worker": "w", "sequence": sequence,
        "open_exchanges": 2});
    let line = json!({"bytes_received": 1, "request_id": format!("r{id}"), "status": 200,
        "record": record.to_string()});
    format!("{line}\n")
}

struct Rig {
    directory: tempfile::TempDir,
    sink: watch::Receiver<Sink>,
    _keep: watch::Sender<Sink>,
}

impl Rig {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (_keep, sink) = watch::channel(Sink {
            file: Some(directory.path().join("audit.jsonl")),
            format: LogFormat::Json,
            include: Vec::new(),
        });
        Self {
            directory,
            sink,
            _keep,
        }
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("access.log")
    }

    fn audit(&self) -> PathBuf {
        self.directory.path().join("audit.jsonl")
    }

    fn append(&self, text: &str) {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.log())
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Follows to the end of the log.
    async fn follow(&self) -> StatusNow {
        let (_stop, stopped) = watch::channel(true);
        let status = Status::default();
        follow(self.log(), self.sink.clone(), stopped, status.clone()).await;
        status.now()
    }

    /// Kind and correlation id, or number, of all records.
    fn told(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.audit()).unwrap();
        text.lines()
            .map(|line| {
                let record: Value = serde_json::from_str(line).unwrap();
                match record["event_type"].as_str().unwrap() {
                    "gap" => format!("gap {} {}", record["cause"], record["from_sequence"]),
                    _ => record["correlation_id"].as_str().unwrap_or("?").to_owned(),
                }
            })
            .collect()
    }
}

#[tokio::test]
async fn every_line_becomes_one_record_and_none_is_repeated() {
    let rig = Rig::new();
    for round in 1..=2 {
        let (stop, stopped) = watch::channel(false);
        let follower = follow(rig.log(), rig.sink.clone(), stopped, Status::default());
        let task = tokio::spawn(follower);
        // One line in two writes, then a whole one.
        let text = line(2 * round - 1, 2 * round - 1);
        let (a, b) = text.split_at(7);
        rig.append(a);
        tokio::time::sleep(Duration::from_millis(120)).await;
        rig.append(b);
        rig.append(&line(2 * round, 2 * round));
        stop.send(true).unwrap();
        task.await.unwrap();
    }
    assert_eq!(rig.told(), ["r1", "r2", "r3", "r4"]);
}

#[tokio::test]
async fn records_whose_position_was_not_kept_do_not_come_again() {
    for cut in [0, 5] {
        let rig = Rig::new();
        rig.append(&line(1, 1));
        rig.follow().await;
        let before = std::fs::read(kept::place(&rig.log())).unwrap();
        // Three lines and a gap; then the process dies before it keeps its position, in the
        // middle of the last record or behind it.
        rig.append(&(line(2, 2) + &line(5, 5) + &line(6, 6)));
        rig.follow().await;
        std::fs::write(kept::place(&rig.log()), before).unwrap();
        let text = std::fs::read(rig.audit()).unwrap();
        std::fs::write(rig.audit(), &text[..text.len() - cut]).unwrap();
        rig.append(&line(7, 7));
        rig.follow().await;
        assert_eq!(
            rig.told(),
            ["r1", "r2", "gap \"lost\" 3", "r5", "r6", "r7"],
            "{cut}"
        );
    }
}

#[tokio::test]
async fn a_lost_position_repeats_nothing_either() {
    let rig = Rig::new();
    rig.append(&(line(1, 1) + &line(2, 2)));
    rig.follow().await;
    std::fs::remove_file(kept::place(&rig.log())).unwrap();
    rig.append(&line(3, 3));
    rig.follow().await;
    assert_eq!(rig.told(), ["r1", "r2", "r3"]);
}

#[tokio::test]
async fn what_cannot_be_written_waits_for_the_next_start() {
    let rig = Rig::new();
    // A folder takes no records.
    std::fs::create_dir(rig.audit()).unwrap();
    rig.append(&line(1, 1));
    assert!(rig.follow().await.waiting);
    std::fs::remove_dir(rig.audit()).unwrap();
    assert!(!rig.follow().await.waiting);
    assert_eq!(rig.told(), ["r1"]);
}

#[tokio::test]
async fn a_torn_line_costs_itself_only() {
    let rig = Rig::new();
    let torn = line(2, 2);
    rig.append(&(line(1, 1) + &torn[..20] + &line(3, 3)));
    let status = rig.follow().await;
    assert_eq!(rig.told(), ["r1", "?", "gap \"lost\" 2", "r3"]);
    assert_eq!((status.gaps, status.missing), (1, 1));
}

#[tokio::test]
async fn the_end_of_envoy_closes_its_workers() {
    let rig = Rig::new();
    note_end(&rig.log(), false).unwrap();
    assert!(!rig.log().exists());
    rig.append(&line(1, 1));
    // Killed within a line.
    rig.append(&line(2, 2)[..20]);
    note_end(&rig.log(), false).unwrap();
    let status = rig.follow().await;
    assert_eq!(rig.told(), ["r1", "?", "gap \"gateway_ended\" 2"]);
    assert_eq!((status.gaps, status.missing), (1, 2));
    note_end(&rig.log(), false).unwrap();
    rig.append(&line(3, 3).replace("\\\"w\\\"", "\\\"x\\\""));
    rig.follow().await;
    note_end(&rig.log(), true).unwrap();
    assert_eq!(rig.follow().await.gaps, 0);
}
