//! The directory case by case, and against a model that is too simple to be wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use ferlix_core::property::{Properties, Value};
use ferlix_remote::endpoint::EndpointDescription;
use proptest::prelude::*;
use tokio::time::Instant;

use super::{Change, Directory, ENOUGH, Patience, shorten};
use crate::Draft;

const HOLD: Duration = Duration::from_secs(30);

fn endpoint(id: &str, content: &str) -> EndpointDescription {
    EndpointDescription::new(Properties::from([
        ("endpoint.id", Value::from(id)),
        ("endpoint.framework.uuid", Value::from("f")),
        ("objectClass", Value::from(["a.B"])),
        ("service.imported.configs", Value::from("x")),
        ("ecf.endpoint.id", Value::from("http://h:1/")),
        ("ecf.endpoint.id.ns", Value::from("ns")),
        ("content", Value::from(content)),
    ]))
    .unwrap()
}

fn record(id: &str, content: &str) -> Vec<u8> {
    record_at(id, content, 1)
}

fn record_at(id: &str, content: &str, timestamp: i64) -> Vec<u8> {
    Draft::new(&endpoint(id, content))
        .unwrap()
        .write("h", timestamp)
}

fn directory() -> Directory {
    with(HOLD, None)
}

fn with(hold: Duration, stale_after: Option<Duration>) -> Directory {
    Directory::new("top", "me", Patience { hold, stale_after })
}

/// A change in a short text.
fn short(change: &Change) -> String {
    match change {
        Change::Put { key, endpoint } => {
            let content = endpoint.properties().text("content").unwrap_or("?");
            format!("{key}={}:{content}", endpoint.id())
        }
        Change::Remove { key } => format!("{key} gone"),
    }
}

fn put(directory: &mut Directory, key: &str, value: &[u8]) -> Option<String> {
    directory
        .put(key.as_bytes(), value)
        .map(|change| short(&change))
}

/// A whole snapshot; what changed, in order.
fn snapshot(
    directory: &mut Directory,
    entries: &[(&str, Vec<u8>)],
    after_outage: bool,
    now: Instant,
) -> Vec<String> {
    let mut changes: Vec<Change> = Vec::new();
    for (key, value) in entries {
        changes.extend(directory.put(key.as_bytes(), value));
    }
    let keys = entries.iter().map(|(key, _)| key.as_bytes());
    changes.extend(directory.snapshot_is_in(keys, after_outage, now));
    changes.iter().map(short).collect()
}

#[test]
fn puts_and_deletions_of_others_are_changes() {
    let mut directory = directory();
    assert_eq!(
        put(&mut directory, "top/s/e", &record("e", "1")).unwrap(),
        "top/s/e=e:1"
    );
    assert_eq!(
        put(&mut directory, "top/s/e", &record("e", "1")),
        None,
        "the same again"
    );
    assert_eq!(
        put(&mut directory, "top/s/e", &record("e", "2")).unwrap(),
        "top/s/e=e:2"
    );
    assert_eq!(put(&mut directory, "top/s/e", b"").unwrap(), "top/s/e gone");
    assert_eq!(put(&mut directory, "top/s/e", b""), None);
    assert!(put(&mut directory, "top/s/e", &record("e", "1")).is_some());
    assert!(directory.delete(b"top/s/e").is_some());
    assert!(directory.delete(b"top/s/e").is_none());
}

#[test]
fn keys_of_ours_of_sessions_and_of_elsewhere_are_ignored() {
    let mut directory = directory();
    for key in ["top/me/e", "top/s", "top2/s/e", "top/me"] {
        assert_eq!(put(&mut directory, key, &record("e", "1")), None, "{key}");
    }
    assert!(directory.skipped().is_empty());
    assert_eq!(directory.len(), 0);
}

#[test]
fn a_newer_time_stamp_is_taken_over() {
    let mut directory = directory();
    put(&mut directory, "top/s/e", &record_at("e", "1", 5));
    put(&mut directory, "top/s/e", &record_at("e", "1", 9));
    assert_eq!(directory.entries["top/s/e"].timestamp(), 9);
}

#[test]
fn a_bad_record_is_counted_and_leaves_the_last_good_one() {
    let mut directory = directory();
    put(&mut directory, "top/s/e", &record("e", "1"));
    for _ in 0..3 {
        assert_eq!(put(&mut directory, "top/s/e", b"{"), None);
    }
    assert_eq!(
        put(&mut directory, "top/s/x", br#"{"properties":[]}"#),
        None
    );
    assert_eq!(put(&mut directory, "top/s/y", &[0xff, 0xfe]), None);
    assert!(directory.put(b"top/\xff/e", &record("e", "1")).is_none());
    let other = br#"{"servicetype":{"services":["other"]},"properties":[]}"#;
    assert_eq!(put(&mut directory, "top/s/z", other), None);
    let skipped: Vec<_> = directory
        .skipped()
        .iter()
        .map(|(kind, count)| (*kind, *count))
        .collect();
    assert_eq!(
        skipped,
        [
            ("endpoint", 1),
            ("json", 4),
            ("key", 1),
            ("other-service", 1)
        ]
    );
    let bad: Vec<_> = directory.bad().map(|(key, _)| key).collect();
    assert_eq!(bad, ["top/s/e", "top/s/x", "top/s/y", "top/\u{fffd}/e"]);
    assert_eq!(directory.len(), 1);
    assert_eq!(
        put(&mut directory, "top/s/e", &record("e", "1")),
        None,
        "still known"
    );
    assert_eq!(put(&mut directory, "top/s/e", b"{"), None);
    assert_eq!(
        directory.delete(b"top/s/e").map(|c| short(&c)).unwrap(),
        "top/s/e gone"
    );
}

#[test]
fn what_is_missing_was_deleted_unless_there_was_an_outage() {
    let now = Instant::now();
    let mut directory = directory();
    let both = [("top/s/a", record("a", "1")), ("top/s/b", record("b", "1"))];
    let first = snapshot(&mut directory, &both, true, now);
    assert_eq!(first, ["top/s/a=a:1", "top/s/b=b:1"]);
    assert_eq!(snapshot(&mut directory, &both, false, now), [""; 0]);
    assert_eq!(
        snapshot(&mut directory, &both[..1], false, now),
        ["top/s/b gone"]
    );

    directory.disconnected(now);
    assert_eq!(snapshot(&mut directory, &[], true, now), [""; 0]);
    assert_eq!(directory.held(), 1);
    assert_eq!(directory.held_until("top/s/a"), Some(now + HOLD));
    assert_eq!(directory.next_expiry(), Some(now + HOLD));
    assert!(directory.expire(now + HOLD / 2).is_empty());
    let gone = directory.expire(now + HOLD);
    assert_eq!(gone.iter().map(short).collect::<Vec<_>>(), ["top/s/a gone"]);
    assert_eq!(directory.next_expiry(), None);
}

#[test]
fn what_is_held_comes_back_without_a_change() {
    let now = Instant::now();
    let mut directory = directory();
    let one = [("top/s/a", record("a", "1"))];
    snapshot(&mut directory, &one, true, now);
    snapshot(&mut directory, &[], true, now);
    assert_eq!(put(&mut directory, "top/s/a", &one[0].1), None);
    assert_eq!(directory.next_expiry(), None);
    assert!(directory.expire(now + HOLD * 2).is_empty());

    snapshot(&mut directory, &[], true, now);
    assert!(
        directory.delete(b"top/s/a").is_some(),
        "a deletion that was seen ends the hold"
    );
}

#[test]
fn what_is_held_can_be_given_up_and_nothing_else() {
    let now = Instant::now();
    let mut directory = directory();
    let both = [("top/s/a", record("a", "1")), ("top/s/b", record("b", "1"))];
    snapshot(&mut directory, &both, true, now);
    snapshot(&mut directory, &both[..1], true, now);
    let held = directory.held_endpoints();
    let held: Vec<_> = held.iter().map(|(key, one)| (&**key, one.id())).collect();
    assert_eq!(held, [("top/s/b", "b")]);
    assert!(directory.give_up("top/s/a").is_none());
    assert!(directory.give_up("top/s/b").is_some());
    assert!(directory.give_up("top/s/b").is_none());
    assert_eq!((directory.held(), directory.next_expiry()), (0, None));
}

#[test]
fn nothing_that_is_held_goes_while_etcd_is_away() {
    let now = Instant::now();
    let mut directory = directory();
    snapshot(&mut directory, &[("top/s/a", record("a", "1"))], true, now);
    snapshot(&mut directory, &[], true, now);
    directory.disconnected(now);
    assert_eq!(directory.next_expiry(), None);
    assert!(directory.expire(now + HOLD * 10).is_empty());
    // Back after an outage: its exporter had no chance, so it gets one now.
    let later = now + HOLD * 10;
    assert_eq!(snapshot(&mut directory, &[], true, later), [""; 0]);
    assert_eq!(directory.next_expiry(), Some(later + HOLD));
    // Back after a mere break of the watch: what was held goes when it would have gone.
    directory.disconnected(later);
    assert_eq!(snapshot(&mut directory, &[], false, later), [""; 0]);
    assert_eq!(directory.next_expiry(), Some(later + HOLD));
}

#[test]
fn without_a_hold_what_is_missing_goes_at_once() {
    let mut directory = with(Duration::ZERO, None);
    let now = Instant::now();
    snapshot(&mut directory, &[("top/s/a", record("a", "1"))], true, now);
    assert_eq!(snapshot(&mut directory, &[], true, now), ["top/s/a gone"]);
}

#[test]
fn when_etcd_is_away_for_too_long_everything_goes_and_comes_back() {
    const STALE: Duration = Duration::from_secs(100);
    let now = Instant::now();
    let mut directory = with(HOLD, Some(STALE));
    let both = [("top/s/a", record("a", "1")), ("top/s/b", record("b", "1"))];
    snapshot(&mut directory, &both, true, now);
    assert_eq!(directory.next_expiry(), None, "never while etcd is there");
    directory.disconnected(now);
    // Told twice, it counts from the first time.
    directory.disconnected(now + STALE / 2);
    assert_eq!(directory.next_expiry(), Some(now + STALE));
    assert!(directory.expire(now + STALE / 2).is_empty());
    let gone = directory.expire(now + STALE);
    let gone: Vec<_> = gone.iter().map(short).collect();
    assert_eq!(gone, ["top/s/a gone", "top/s/b gone"]);
    assert_eq!(directory.next_expiry(), None);
    let back = snapshot(&mut directory, &both[..1], true, now + STALE * 2);
    assert_eq!(back, ["top/s/a=a:1"]);
    assert_eq!(directory.next_expiry(), None);
    // Back in time: nothing goes.
    directory.disconnected(now + STALE * 3);
    snapshot(&mut directory, &both[..1], true, now + STALE * 4 - HOLD);
    assert!(directory.expire(now + STALE * 5).is_empty());
}

#[test]
fn a_thousand_pairs_leave_nothing() {
    let mut directory = directory();
    for round in 0..1000 {
        let key = format!("top/s/{}", round % 7);
        assert!(put(&mut directory, &key, &record("e", "1")).is_some());
        assert!(directory.delete(key.as_bytes()).is_some());
        assert_eq!(put(&mut directory, &key, b"bad"), None);
        assert!(directory.delete(key.as_bytes()).is_none());
    }
    assert!(directory.entries.is_empty() && directory.bad.is_empty() && directory.held.is_empty());
    assert!(directory.deadlines.is_empty() && directory.sessions.is_empty());
}

#[test]
fn bad_keys_are_remembered_within_limits() {
    let mut directory = directory();
    let long = format!("top/s/{}", "e".repeat(super::MAX_BAD_KEY));
    for index in 0..super::MAX_BAD_KEYS + 100 {
        put(&mut directory, &format!("top/s/{index}"), b"{");
        put(&mut directory, &long, b"{");
    }
    assert_eq!(directory.bad().count(), super::MAX_BAD_KEYS);
    assert!(directory.bad().all(|(key, _)| key != long));
    let wordy = format!(r#"{{"properties":[{{"name":"{}"}}]}}"#, "x".repeat(10_000));
    directory.delete(b"top/s/0");
    put(&mut directory, "top/s/0", wordy.as_bytes());
    assert!(directory.bad().all(|(_, reason)| reason.len() < 1000));
}

#[test]
fn a_log_line_has_an_end() {
    assert_eq!(shorten("short", ENOUGH), "short");
    let long = shorten(&"é".repeat(1000), ENOUGH);
    assert!(long.starts_with("éé") && long.ends_with("(2000 bytes)"));
    assert!(long.chars().count() < 330, "{long}");
}

/// What happens to a directory, in keys and contents that are few enough to meet.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    PutBad(u8),
    PutEmpty(u8),
    Delete(u8),
    Disconnect,
    /// The keys that are there with their contents, whether after an outage.
    Snapshot(BTreeMap<u8, u8>, bool),
    Wait(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..5_u8;
    let content = 0..3_u8;
    prop_oneof![
        4 => (key.clone(), content.clone()).prop_map(|(key, content)| Step::Put(key, content)),
        1 => key.clone().prop_map(Step::PutBad),
        1 => key.clone().prop_map(Step::PutEmpty),
        2 => key.clone().prop_map(Step::Delete),
        1 => Just(Step::Disconnect),
        3 => (prop::collection::btree_map(key, content, 0..5), any::<bool>())
            .prop_map(|(entries, after_outage)| Step::Snapshot(entries, after_outage)),
        2 => (0..40_u8).prop_map(Step::Wait),
    ]
}

/// How long etcd may be away in the model, in seconds.
const STALE: u64 = 50;

/// Key to content, and until when it is held (in seconds).
#[derive(Debug, Default)]
struct Model {
    known: BTreeMap<u8, (u8, Option<u64>)>,
    away_since: Option<u64>,
}

impl Model {
    fn apply(&mut self, step: &Step, now: u64) {
        match step {
            Step::Put(key, content) => {
                self.known.insert(*key, (*content, None));
            }
            Step::PutBad(key) => {
                if let Some(known) = self.known.get_mut(key) {
                    known.1 = None;
                }
            }
            Step::PutEmpty(key) | Step::Delete(key) => {
                self.known.remove(key);
            }
            Step::Disconnect => {
                self.away_since.get_or_insert(now);
            }
            Step::Snapshot(entries, after_outage) => {
                self.away_since = None;
                for (key, content) in entries {
                    self.known.insert(*key, (*content, None));
                }
                self.known.retain(|key, (_, held)| {
                    if entries.contains_key(key) {
                        return true;
                    }
                    if *after_outage {
                        *held = Some(now + HOLD.as_secs());
                    }
                    held.is_some()
                });
            }
            Step::Wait(_) => {}
        }
        match self.away_since {
            None => self
                .known
                .retain(|_, (_, held)| held.is_none_or(|until| until > now)),
            Some(since) if since + STALE <= now => self.known.clear(),
            Some(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_changes_add_up_to_what_is_known(steps in prop::collection::vec(step(), 1..60)) {
        let start = Instant::now();
        let mut now = 0;
        let mut directory = with(HOLD, Some(Duration::from_secs(STALE)));
        let mut model = Model::default();
        let mut told: BTreeMap<String, String> = BTreeMap::new();
        let key = |key: &u8| format!("top/s/{key}").into_bytes();
        let value = |key: &u8, content: &u8| record(&key.to_string(), &content.to_string());
        for step in steps {
            if let Step::Wait(seconds) = step {
                now += u64::from(seconds);
            }
            let moment = start + Duration::from_secs(now);
            let mut changes = Vec::new();
            match &step {
                Step::Put(k, content) => changes.extend(directory.put(&key(k), &value(k, content))),
                Step::PutBad(k) => changes.extend(directory.put(&key(k), b"[]")),
                Step::PutEmpty(k) => changes.extend(directory.put(&key(k), b"")),
                Step::Delete(k) => changes.extend(directory.delete(&key(k))),
                Step::Disconnect => directory.disconnected(moment),
                Step::Snapshot(entries, after_outage) => {
                    let keys: Vec<Vec<u8>> = entries.keys().map(key).collect();
                    for (k, content) in entries {
                        changes.extend(directory.put(&key(k), &value(k, content)));
                    }
                    let keys = keys.iter().map(Vec::as_slice);
                    changes.extend(directory.snapshot_is_in(keys, *after_outage, moment));
                }
                Step::Wait(_) => {}
            }
            changes.extend(directory.expire(moment));
            model.apply(&step, now);

            for change in changes {
                match change {
                    Change::Put { key, endpoint } => {
                        let content = endpoint.properties().text("content").unwrap().to_owned();
                        let before = told.insert(key.to_string(), content.clone());
                        prop_assert_ne!(before, Some(content), "a change that changes nothing");
                    }
                    Change::Remove { key } => {
                        prop_assert!(told.remove(&*key).is_some(), "gone but never there");
                    }
                }
            }
            let expected: BTreeMap<String, String> = model
                .known
                .iter()
                .map(|(key, (content, _))| (format!("top/s/{key}"), content.to_string()))
                .collect();
            prop_assert_eq!(&told, &expected);
            for (key, (_, held)) in &model.known {
                let held = held.map(|until| start + Duration::from_secs(until));
                prop_assert_eq!(directory.held_until(&format!("top/s/{key}")), held);
            }
            prop_assert_eq!(directory.held(), directory.deadlines.len());
            prop_assert_eq!(directory.sessions(), usize::from(!expected.is_empty()));
        }
    }
}
