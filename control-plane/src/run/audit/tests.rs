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
            names: Default::default(),
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

/// Bytes that the log takes on the disk.
fn takes(rig: &Rig) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(rig.log()).unwrap().blocks() * 512
}

/// Lines of a length that comes to more than is freed at a time.
fn many(from: u32, to: u32) -> String {
    let pad = format!("{{\"bytes_received\":1,\"path\":\"{}\",", "x".repeat(2000));
    let lines = (from..=to).map(|n| line(n, n).replacen("{\"bytes_received\":1,", &pad, 1));
    lines.collect()
}

fn names(from: u32, to: u32) -> Vec<String> {
    (from..=to).map(|n| format!("r{n}")).collect()
}

#[tokio::test]
async fn the_space_of_recorded_lines_is_freed_and_nothing_else_changes() {
    let rig = Rig::new();
    let mut length = 0;
    for round in 0..4 {
        let text = many(round * 1000 + 1, round * 1000 + 1000);
        length += text.len() as u64;
        rig.append(&text);
        assert!(takes(&rig) > 2_000_000, "that is what it would take");
        rig.follow().await;
        assert!(takes(&rig) < 2 * free::STEP, "{}", takes(&rig));
        assert_eq!(std::fs::metadata(rig.log()).unwrap().len(), length);
    }
    assert_eq!(rig.told(), names(1, 4000));
    // A torn line before the hole and behind it.
    let torn = line(4001, 4001);
    rig.append(&torn[..torn.len() - 9]);
    rig.follow().await;
    rig.append(&torn[torn.len() - 9..]);
    rig.append(&many(4002, 5000));
    rig.follow().await;
    assert_eq!(rig.told(), names(1, 5000));
}

#[tokio::test]
async fn a_lost_position_finds_only_what_is_left() {
    let rig = Rig::new();
    rig.append(&many(1, 3000));
    rig.follow().await;
    std::fs::remove_file(kept::place(&rig.log())).unwrap();
    rig.append(&line(3001, 3001));
    rig.follow().await;
    let mut told = rig.told();
    // Without the position nothing tells which numbers of the worker were recorded.
    told.retain(|name| !name.starts_with("gap"));
    assert_eq!(told, names(1, 3001));
}

#[tokio::test]
async fn what_is_not_recorded_or_whose_position_is_not_kept_is_not_freed() {
    let rig = Rig::new();
    // A folder takes no records.
    std::fs::create_dir(rig.audit()).unwrap();
    rig.append(&many(1, 1500));
    assert!(rig.follow().await.waiting);
    assert!(takes(&rig) > 3_000_000);
    std::fs::remove_dir(rig.audit()).unwrap();
    // Nor can a position be put in the place of one.
    std::fs::create_dir(kept::place(&rig.log())).unwrap();
    rig.follow().await;
    assert_eq!(rig.told(), names(1, 1500));
    assert!(takes(&rig) > 3_000_000);
    std::fs::remove_dir(kept::place(&rig.log())).unwrap();
    rig.follow().await;
    assert!(takes(&rig) < 2 * free::STEP);
    assert_eq!(rig.told(), names(1, 1500));
}

#[tokio::test]
async fn bytes_of_nothing_are_no_line() {
    let rig = Rig::new();
    let torn = line(2, 2);
    let zeros = "\0".repeat(5000);
    rig.append(&(line(1, 1) + &torn[..20] + &zeros + &line(3, 3) + &zeros + "\n"));
    rig.follow().await;
    rig.append(&(zeros + &line(4, 4)));
    rig.follow().await;
    assert_eq!(rig.told(), ["r1", "?", "gap \"lost\" 2", "r3", "r4"]);
    let kept = Kept::load(&rig.log());
    assert_eq!(kept.position, std::fs::metadata(rig.log()).unwrap().len());
}

#[tokio::test]
async fn a_hole_is_stepped_over_and_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("access.log");
    let file = std::fs::File::create(&log).unwrap();
    // It would take days to read.
    let far = 1 << 42;
    file.set_len(far).unwrap();
    assert_eq!(read_piece(&log, 0).await.unwrap().empty, far);
    std::fs::OpenOptions::new()
        .append(true)
        .open(&log)
        .unwrap()
        .write_all(b"line\n")
        .unwrap();
    let first = read_piece(&log, 0).await.unwrap();
    assert!(first.bytes.is_empty() && first.empty > far - (1 << 20) && first.empty <= far);
    let second = read_piece(&log, first.empty).await.unwrap();
    assert_eq!(
        (second.bytes.as_slice(), first.empty + second.empty),
        (&b"line\n"[..], far)
    );
}

/// A name that a person would take for one that is allowed.
#[tokio::test]
async fn a_denied_name_that_looks_like_an_allowed_one_is_told() {
    let rig = Rig::new();
    let policy = "version: 1
servers: [{name: s, transport: http, url: 'https://s.example/mcp'}]
policies: [{id: a, description: d, effect: allow, mcp_servers: [{name: s, tools: [get_bill, 'put_*']}]}]
";
    let source = mcp_zero_compile::Source::from_bytes("p.yaml", policy.as_bytes()).unwrap();
    let environment = mcp_zero_compile::Environment {
        public_url: "https://gw.example".to_owned(),
        ..Default::default()
    };
    let compiled = mcp_zero_compile::compile(source, &environment).unwrap();
    rig._keep.send_modify(|sink| {
        sink.names = Arc::new(Confusables::of(&compiled));
    });
    let line = |sequence: u32, decision: &str, tool: &str| {
        let ours = json!({"event_type": "outcome", "worker": "w", "sequence": sequence,
            "correlation_id": format!("c{sequence}"), "decision": decision, "tool_name": tool});
        format!(
            "{}\n",
            json!({"record": ours.to_string(), "request_id": format!("c{sequence}")})
        )
    };
    rig.append(&line(1, "deny", "get_bi11"));
    rig.append(&line(2, "allow", "get_bi11"));
    rig.append(&line(3, "deny", "get_bill"));
    rig.append(&line(4, "deny", "other"));
    rig.follow().await;
    let text = std::fs::read_to_string(rig.audit()).unwrap();
    let records: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(records.len(), 4, "{text}");
    assert_eq!(records[0]["tool_name"], "get_bi11", "{text}");
    assert_eq!(records[0]["looks_like"], "get_bill");
    assert!(records[1..].iter().all(|r| r.get("looks_like").is_none()));
}
