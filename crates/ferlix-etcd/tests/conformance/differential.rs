//! The same requests, drawn by lot, to a real etcd and to the embedded one: every answer has to be the same, to the last
//! field. Finds what nobody thought of writing a case for.
//!
//! Both servers start empty and see the same sequence, so even the revisions are equal; only the numbers that servers give
//! themselves are left out. Sorting is by key alone, since etcd's is not stable otherwise.

use std::{env, fmt::Debug, path::Path};

use tonic::Status;

use crate::{
    etcd::{Etcd, ON, operations, told, watch},
    proto::etcdserverpb::{
        CompactionRequest, Compare, DeleteRangeRequest, LeaseGrantRequest, LeaseRevokeRequest,
        PutRequest, RangeRequest, ResponseHeader, TxnRequest, WatchCreateRequest,
        compare::TargetUnion, request_op::Request,
    },
    target::Target,
};

const SEED: u64 = 0xFE71;
const REQUESTS: usize = 2_000;

/// Few enough that requests meet.
const KEYS: [&str; 8] = ["a", "aa", "ab", "b", "b/1", "c", "\0", "zz"];
const LEASES: [i64; 4] = [0, 1, 2, 3];

/// Numbers by lot (`SplitMix64`), the same each time.
struct Lot(u64);

impl Lot {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn number(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.below((to - from + 1).unsigned_abs())).unwrap()
    }

    /// Once in so many times.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn key(&mut self) -> bytes::Bytes {
        match self.once_in(50) {
            true => bytes::Bytes::new(),
            false => self.of(&KEYS).into(),
        }
    }

    fn end(&mut self) -> bytes::Bytes {
        match self.below(4) {
            0 => self.of(&KEYS).into(),
            1 => ON.into(),
            _ => bytes::Bytes::new(),
        }
    }

    /// A revision about which there is something to say.
    fn revision(&mut self, now: i64) -> i64 {
        match self.below(4) {
            0 => self.number(now - 30, now + 1),
            _ => 0,
        }
    }

    fn range(&mut self, now: i64) -> RangeRequest {
        let bound = |lot: &mut Self| match lot.once_in(6) {
            true => lot.number(now - 20, now),
            false => 0,
        };
        RangeRequest {
            key: self.key(),
            range_end: self.end(),
            limit: self.of(&[0, 0, 0, 1, 2, 3]),
            revision: self.revision(now),
            sort_order: self.of(&[0, 0, 1, 2]),
            sort_target: 0,
            serializable: self.once_in(2),
            keys_only: self.once_in(4),
            count_only: self.once_in(6),
            min_mod_revision: bound(self),
            max_mod_revision: bound(self),
            min_create_revision: bound(self),
            max_create_revision: bound(self),
        }
    }

    fn put(&mut self, may_keep: bool) -> PutRequest {
        let ignore_value = may_keep && self.once_in(8);
        let ignore_lease = may_keep && self.once_in(8);
        PutRequest {
            key: self.key(),
            value: match ignore_value && !self.once_in(4) {
                true => bytes::Bytes::new(),
                false => self.below(10).to_string().into(),
            },
            lease: match ignore_lease && !self.once_in(4) {
                true => 0,
                false => self.of(&LEASES),
            },
            prev_kv: self.once_in(2),
            ignore_value,
            ignore_lease,
        }
    }

    fn delete(&mut self) -> DeleteRangeRequest {
        DeleteRangeRequest {
            key: self.key(),
            range_end: self.end(),
            prev_kv: self.once_in(2),
        }
    }

    fn compare(&mut self, now: i64) -> Compare {
        let given = match self.below(6) {
            0 => TargetUnion::Version(self.number(0, 3)),
            1 => TargetUnion::CreateRevision(self.number(now - 20, now)),
            2 => TargetUnion::ModRevision(self.number(now - 20, now)),
            3 => TargetUnion::Lease(self.of(&LEASES)),
            _ => TargetUnion::Value(self.below(10).to_string().into()),
        };
        let target = match given {
            TargetUnion::Version(_) => 0,
            TargetUnion::CreateRevision(_) => 1,
            TargetUnion::ModRevision(_) => 2,
            TargetUnion::Value(_) => 3,
            TargetUnion::Lease(_) => 4,
        };
        Compare {
            result: self.of(&[0, 1, 2, 3]),
            target,
            key: self.key(),
            range_end: self.end(),
            target_union: (!self.once_in(10)).then_some(given),
        }
    }

    fn txn(&mut self, now: i64, depth: u32) -> TxnRequest {
        let compare = (0..self.below(3)).map(|_| self.compare(now)).collect();
        let mut list = || {
            let count = self.below(4);
            let requests: Vec<Request> = (0..count)
                .map(|_| match self.below(6) {
                    0 => Request::RequestRange(self.range(now)),
                    1 => Request::RequestDeleteRange(self.delete()),
                    2 if depth > 0 => Request::RequestTxn(self.txn(now, depth - 1)),
                    // To keep the value of a key that the same transaction deletes is the end of a real etcd.
                    _ => Request::RequestPut(self.put(false)),
                })
                .collect();
            operations(requests)
        };
        TxnRequest {
            compare,
            success: list(),
            failure: list(),
        }
    }
}

/// A request of any kind.
#[derive(Debug)]
enum Step {
    Range(RangeRequest),
    Put(PutRequest),
    Delete(DeleteRangeRequest),
    Txn(TxnRequest),
    Compact(i64),
    Grant(i64),
    Revoke(i64),
    Leased(i64),
}

impl Step {
    fn draw(lot: &mut Lot, now: i64) -> Self {
        match lot.below(20) {
            0..4 => Self::Range(lot.range(now)),
            4..9 => Self::Put(lot.put(true)),
            9..11 => Self::Delete(lot.delete()),
            11..16 => Self::Txn(lot.txn(now, 2)),
            16 => Self::Compact(lot.number(now - 40, now + 1)),
            17 => Self::Grant(lot.of(&LEASES[1..])),
            18 => Self::Revoke(lot.of(&LEASES[1..])),
            _ => Self::Leased(lot.of(&LEASES[1..])),
        }
    }

    /// Does it; answers what was answered, in text, without what differs between any two servers.
    async fn take(&self, etcd: &Etcd) -> String {
        match self {
            Self::Range(request) => {
                let answer = etcd.range(request.clone()).await;
                text(answer, |response| &mut response.header)
            }
            Self::Put(request) => {
                let answer = etcd.try_put(request.clone()).await;
                text(answer, |response| &mut response.header)
            }
            Self::Delete(request) => {
                let answer = etcd.kv().delete_range(request.clone()).await;
                text(answer.map(tonic::Response::into_inner), |response| {
                    &mut response.header
                })
            }
            Self::Txn(request) => {
                let answer = etcd.txn(request.clone()).await;
                text(answer, |response| &mut response.header)
            }
            Self::Compact(revision) => {
                let request = CompactionRequest {
                    revision: *revision,
                    physical: true,
                };
                let answer = etcd.kv().compact(request).await;
                text(answer.map(tonic::Response::into_inner), |response| {
                    &mut response.header
                })
            }
            Self::Grant(id) => {
                let request = LeaseGrantRequest { ttl: 600, id: *id };
                let answer = etcd.leases().lease_grant(request).await;
                text(answer.map(tonic::Response::into_inner), |response| {
                    &mut response.header
                })
            }
            Self::Revoke(id) => {
                let request = LeaseRevokeRequest { id: *id };
                let answer = etcd.leases().lease_revoke(request).await;
                text(answer.map(tonic::Response::into_inner), |response| {
                    &mut response.header
                })
            }
            Self::Leased(id) => {
                let mut response = etcd.time_to_live(*id).await;
                // The only answer that depends on the time.
                response.ttl = response.ttl.signum();
                text(Ok(response), |response| &mut response.header)
            }
        }
    }
}

fn text<T: Debug>(
    answer: Result<T, Status>,
    header: impl Fn(&mut T) -> &mut Option<ResponseHeader>,
) -> String {
    match answer {
        Ok(mut response) => {
            if let Some(header) = header(&mut response) {
                assert!(header.cluster_id != 0 && header.member_id != 0 && header.raft_term != 0);
                *header = ResponseHeader {
                    revision: header.revision,
                    ..ResponseHeader::default()
                };
            }
            format!("{response:#?}")
        }
        Err(status) => format!("{:?}: {}", status.code(), status.message()),
    }
}

/// All that happened since a revision, in text.
async fn history(etcd: &Etcd, start_revision: i64, now: i64) -> Vec<String> {
    let mut watches = etcd
        .watch(WatchCreateRequest {
            start_revision,
            prev_kv: true,
            ..watch("\0", ON)
        })
        .await;
    let mut seen = Vec::new();
    let mut last = 0;
    while last < now {
        for event in watches.next().await.events {
            last = event.kv.as_ref().unwrap().mod_revision;
            let previous = format!(" before: {:?}", event.prev_kv);
            seen.push(told(&[event])[0].clone() + &previous);
        }
    }
    seen
}

async fn compare(binary: &Path) {
    let real = Target::real(binary).await;
    let embedded = Target::embedded().await;
    let (theirs, ours) = (real.connect().await, embedded.connect().await);
    let mut lot = Lot(SEED);
    let mut now = 1;
    let mut compacted = 1;
    let mut refused = 0;
    for n in 0..REQUESTS {
        let step = Step::draw(&mut lot, now);
        let (expected, answered) = (step.take(&theirs).await, step.take(&ours).await);
        if expected != answered {
            panic!("step {n} against {real}: {step:#?}\nreal: {expected}\nembedded: {answered}");
        }
        let is_refused = !expected.contains('{');
        refused += usize::from(is_refused);
        if let Step::Compact(revision) = step
            && !is_refused
        {
            compacted = revision;
        }
        now = ours.revision().await;
    }
    // A lot that does nothing, or nothing right, proves nothing.
    let made = usize::try_from(now).unwrap();
    assert!(made > REQUESTS / 10, "{made} revisions");
    assert!(compacted > now / 2, "{compacted} of {now}");
    assert!(refused > 100 && refused < REQUESTS / 2, "{refused}");
    assert_eq!(
        history(&theirs, compacted + 1, now).await,
        history(&ours, compacted + 1, now).await
    );
    eprintln!("{REQUESTS} requests, {refused} of them refused, are answered as by {real}");
    embedded.stop().await;
    real.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_real_etcds() {
    let binaries = env::var_os("FERLIX_TEST_ETCD").unwrap_or_default();
    if binaries.is_empty() {
        eprintln!("FERLIX_TEST_ETCD names no etcd binary: nothing to compare with");
        return;
    }
    for binary in env::split_paths(&binaries) {
        compare(&binary).await;
    }
}
