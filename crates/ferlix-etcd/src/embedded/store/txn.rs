//! Transactions: conditions, then one of two lists of operations, all at one revision.
//!
//! As in etcd, everything is decided before anything is done: the shape of the request, then every condition (those of
//! nested transactions too, against the store as it was before), then whether each operation of the path that was taken
//! can be done. So a transaction that is refused leaves nothing behind.

use std::{cmp::Ordering, collections::BTreeSet};

use bytes::Bytes;

use super::{KeyRange, Store, size_of_put};
use crate::{
    embedded::refusal::Refusal,
    proto::{
        etcdserverpb::{
            Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, ResponseHeader,
            ResponseOp, TxnRequest, TxnResponse,
            compare::{CompareResult, CompareTarget, TargetUnion},
            request_op::Request,
            response_op::Response,
        },
        mvccpb::KeyValue,
    },
};

/// Operations (or conditions) in one list, and in a list and those nested in it, as in etcd.
const MAX_OPERATIONS: usize = 128;

/// Operations in all lists of a transaction together. etcd has no such limit; here it bounds the search for duplicate keys.
const MAX_TOTAL_OPERATIONS: usize = 4_096;

/// Refuses a range request that makes no sense whatever is stored.
pub(crate) fn validate_range(request: &RangeRequest) -> Result<(), Refusal> {
    validate_key(&request.key)
}

/// Refuses a put that makes no sense whatever is stored.
pub(crate) fn validate_put(request: &PutRequest) -> Result<(), Refusal> {
    validate_key(&request.key)?;
    if request.ignore_value && !request.value.is_empty() {
        return Err(Refusal::ValueProvided);
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(Refusal::LeaseProvided);
    }
    Ok(())
}

/// Refuses a deletion that makes no sense whatever is stored.
pub(crate) fn validate_delete(request: &DeleteRangeRequest) -> Result<(), Refusal> {
    validate_key(&request.key)
}

/// Refuses a transaction that makes no sense whatever is stored.
pub(crate) fn validate_txn(request: &TxnRequest) -> Result<(), Refusal> {
    let mut total = 0;
    validate_shape(request, MAX_OPERATIONS, &mut total)?;
    written(&request.success)?;
    written(&request.failure)?;
    Ok(())
}

fn validate_key(key: &[u8]) -> Result<(), Refusal> {
    match key.is_empty() {
        true => Err(Refusal::EmptyKey),
        false => Ok(()),
    }
}

fn validate_shape(request: &TxnRequest, allowed: usize, total: &mut usize) -> Result<(), Refusal> {
    let operations = request
        .compare
        .len()
        .max(request.success.len())
        .max(request.failure.len());
    *total += request.compare.len() + request.success.len() + request.failure.len();
    if operations > allowed || *total > MAX_TOTAL_OPERATIONS {
        return Err(Refusal::TooManyOperations);
    }
    for condition in &request.compare {
        validate_key(&condition.key)?;
    }
    for operation in request.success.iter().chain(&request.failure) {
        match &operation.request {
            Some(Request::RequestRange(request)) => validate_range(request)?,
            Some(Request::RequestPut(request)) => validate_put(request)?,
            Some(Request::RequestDeleteRange(request)) => validate_delete(request)?,
            Some(Request::RequestTxn(request)) => {
                validate_shape(request, allowed - operations, total)?;
            }
            None => {}
        }
    }
    Ok(())
}

/// What a list of operations may write, whichever way its nested transactions go.
#[derive(Default)]
struct Written {
    puts: BTreeSet<Bytes>,
    deletions: Vec<KeyRange>,
}

impl Written {
    fn deletes(&self, key: &[u8]) -> bool {
        self.deletions.iter().any(|range| range.contains(key))
    }
}

/// Refuses a list of operations that puts a key twice, or puts what it deletes.
fn written(operations: &[RequestOp]) -> Result<Written, Refusal> {
    let mut all = Written::default();
    for operation in operations {
        if let Some(Request::RequestDeleteRange(request)) = &operation.request {
            let range = KeyRange::new(&request.key, &request.range_end);
            // A deletion without an end does not count: so it is in etcd, perhaps by accident, and what is done is clear.
            if !range.is_open() {
                all.deletions.push(range);
            }
        }
    }
    for operation in operations {
        let Some(Request::RequestTxn(request)) = &operation.request else {
            continue;
        };
        let success = written(&request.success)?;
        let failure = written(&request.failure)?;
        // Only one of the two comes to pass, so both may put the same key.
        for key in success.puts.union(&failure.puts) {
            if all.puts.contains(key) || all.deletes(key) {
                return Err(Refusal::DuplicateKey);
            }
        }
        all.puts.extend(success.puts);
        all.puts.extend(failure.puts);
        all.deletions.extend(success.deletions);
        all.deletions.extend(failure.deletions);
    }
    for operation in operations {
        if let Some(Request::RequestPut(request)) = &operation.request
            && (all.deletes(&request.key) || !all.puts.insert(request.key.clone()))
        {
            return Err(Refusal::DuplicateKey);
        }
    }
    Ok(all)
}

/// The way that a transaction goes: which list, and for each nested transaction in it, which way that goes.
struct Path {
    succeeded: bool,
    nested: Vec<Path>,
}

impl Path {
    fn operations<'a>(&self, request: &'a TxnRequest) -> &'a [RequestOp] {
        match self.succeeded {
            true => &request.success,
            false => &request.failure,
        }
    }

    /// Visits what is on the path, until one is refused.
    fn walk(
        &self,
        request: &TxnRequest,
        visit: &mut impl FnMut(&Request) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut nested = self.nested.iter();
        for operation in self.operations(request) {
            match &operation.request {
                Some(Request::RequestTxn(request)) => {
                    if let Some(path) = nested.next() {
                        path.walk(request, visit)?;
                    }
                }
                Some(operation) => visit(operation)?,
                None => {}
            }
        }
        Ok(())
    }
}

impl Store {
    /// Answers a Txn request that is valid ([`validate_txn`]).
    pub(crate) fn txn(&mut self, request: &TxnRequest) -> Result<TxnResponse, Refusal> {
        let path = self.decide(request);
        let needed = self.check_puts(request, &path)?;
        self.check_ranges(request, &path)?;
        if needed > 0 {
            self.make_room(needed)?;
        }
        let mut response = self.apply_txn(request, &path);
        self.commit();
        response.header = Some(self.header());
        Ok(response)
    }

    fn decide(&self, request: &TxnRequest) -> Path {
        let mut path = Path {
            succeeded: request
                .compare
                .iter()
                .all(|condition| self.holds(condition)),
            nested: Vec::new(),
        };
        for operation in path.operations(request) {
            if let Some(Request::RequestTxn(request)) = &operation.request {
                path.nested.push(self.decide(request));
            }
        }
        path
    }

    /// Refuses if a put on the path can not be done; answers how much memory all of them take.
    fn check_puts(&self, request: &TxnRequest, path: &Path) -> Result<usize, Refusal> {
        let mut needed = 0;
        path.walk(request, &mut |operation| {
            if let Request::RequestPut(request) = operation {
                self.check_kept(request)?;
                self.check_lease(request)?;
                needed += size_of_put(&request.key, &request.value);
            }
            Ok(())
        })?;
        Ok(needed)
    }

    /// Refuses if a range on the path can not be read.
    fn check_ranges(&self, request: &TxnRequest, path: &Path) -> Result<(), Refusal> {
        path.walk(request, &mut |operation| match operation {
            Request::RequestRange(request) => self.check_revision(request.revision),
            _ => Ok(()),
        })
    }

    fn apply_txn(&mut self, request: &TxnRequest, path: &Path) -> TxnResponse {
        let mut nested = path.nested.iter();
        let mut responses = Vec::new();
        for operation in path.operations(request) {
            let response = match &operation.request {
                Some(Request::RequestRange(request)) => {
                    Some(Response::ResponseRange(self.read(request)))
                }
                Some(Request::RequestPut(request)) => {
                    Some(Response::ResponsePut(self.apply_put(request)))
                }
                Some(Request::RequestDeleteRange(request)) => {
                    Some(Response::ResponseDeleteRange(self.apply_delete(request)))
                }
                Some(Request::RequestTxn(request)) => nested
                    .next()
                    .map(|path| Response::ResponseTxn(self.apply_txn(request, path))),
                None => None,
            };
            responses.push(ResponseOp { response });
        }
        TxnResponse {
            // Of a nested transaction it stays so: unlike other operations, it tells no revision.
            header: Some(ResponseHeader::default()),
            succeeded: path.succeeded,
            responses,
        }
    }

    fn holds(&self, condition: &Compare) -> bool {
        let range = KeyRange::new(&condition.key, &condition.range_end);
        let mut kvs = self.live(&range, self.revision).peekable();
        if kvs.peek().is_none() {
            // A key that is not there has no value to compare, not even an empty one; all its numbers are 0.
            return condition.target() != CompareTarget::Value
                && holds_for(condition, &KeyValue::default());
        }
        kvs.all(|kv| holds_for(condition, kv))
    }
}

fn holds_for(condition: &Compare, kv: &KeyValue) -> bool {
    // What is not given, or given for another target, counts as 0 or empty.
    let given = condition.target_union.as_ref();
    let ordering = match condition.target() {
        CompareTarget::Version => kv.version.cmp(&match given {
            Some(TargetUnion::Version(version)) => *version,
            _ => 0,
        }),
        CompareTarget::Create => kv.create_revision.cmp(&match given {
            Some(TargetUnion::CreateRevision(revision)) => *revision,
            _ => 0,
        }),
        CompareTarget::Mod => kv.mod_revision.cmp(&match given {
            Some(TargetUnion::ModRevision(revision)) => *revision,
            _ => 0,
        }),
        CompareTarget::Lease => kv.lease.cmp(&match given {
            Some(TargetUnion::Lease(lease)) => *lease,
            _ => 0,
        }),
        CompareTarget::Value => match given {
            Some(TargetUnion::Value(value)) => kv.value.cmp(value),
            _ => kv.value.as_ref().cmp(&[]),
        },
    };
    match condition.result() {
        CompareResult::Equal => ordering == Ordering::Equal,
        CompareResult::Greater => ordering == Ordering::Greater,
        CompareResult::Less => ordering == Ordering::Less,
        CompareResult::NotEqual => ordering != Ordering::Equal,
    }
}
