//! The gRPC services: from requests to the store and back.
//!
//! Unary requests are checked for sense here, then done in one call to the store. There is one member, it is the leader, and
//! there are no users; what a cluster would need (raising alarms, changing members) is answered as etcd with one
//! member would, or not at all.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt, stream};
use prost::Message;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{
    RAFT_TERM, VERSION,
    refusal::Refusal,
    shared::Shared,
    store::{validate_delete, validate_put, validate_range, validate_txn},
    watch,
};
use crate::proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmResponse, AlarmType, AuthenticateRequest, AuthenticateResponse,
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse,
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
    LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus,
    LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, Member, MemberListRequest, MemberListResponse,
    PutRequest, PutResponse, RangeRequest, RangeResponse, StatusRequest, StatusResponse,
    TxnRequest, TxnResponse, WatchRequest, WatchResponse, alarm_request::AlarmAction,
    auth_server::Auth, cluster_server::Cluster, kv_server::Kv, lease_server::Lease,
    maintenance_server::Maintenance, watch_server::Watch,
};

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// All services.
#[derive(Clone, Debug)]
pub(super) struct Services {
    shared: Arc<Shared>,
}

impl Services {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

/// Refuses what etcd would not take into its log.
fn check_size(request: &impl Message) -> Result<(), Refusal> {
    match request.encoded_len() > super::MAX_REQUEST_BYTES {
        true => Err(Refusal::RequestTooLarge),
        false => Ok(()),
    }
}

#[async_trait]
impl Kv for Services {
    async fn range(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        let request = request.into_inner();
        validate_range(&request)?;
        let response = self.shared.with(|store, _| {
            store.range(&request).map(|response| RangeResponse {
                header: Some(store.header()),
                ..response
            })
        })?;
        Ok(Response::new(response))
    }

    async fn put(&self, request: Request<PutRequest>) -> Answer<PutResponse> {
        let request = request.into_inner();
        validate_put(&request)?;
        check_size(&request)?;
        let response = self.shared.with(|store, _| store.put(&request))?;
        Ok(Response::new(response))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Answer<DeleteRangeResponse> {
        let request = request.into_inner();
        validate_delete(&request)?;
        check_size(&request)?;
        let response = self.shared.with(|store, _| store.delete(&request));
        Ok(Response::new(response))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Answer<TxnResponse> {
        let request = request.into_inner();
        validate_txn(&request)?;
        check_size(&request)?;
        let response = self.shared.with(|store, _| store.txn(&request))?;
        Ok(Response::new(response))
    }

    async fn compact(&self, request: Request<CompactionRequest>) -> Answer<CompactionResponse> {
        let revision = request.into_inner().revision;
        let header = self
            .shared
            .with(|store, _| store.compact(revision).map(|()| store.header()))?;
        Ok(Response::new(CompactionResponse {
            header: Some(header),
        }))
    }
}

#[async_trait]
impl Watch for Services {
    type WatchStream = Answers<WatchResponse>;

    async fn watch(&self, request: Request<Streaming<WatchRequest>>) -> Answer<Self::WatchStream> {
        let responses = watch::serve(Arc::clone(&self.shared), request.into_inner());
        Ok(Response::new(Box::pin(responses)))
    }
}

#[async_trait]
impl Lease for Services {
    type LeaseKeepAliveStream = Answers<LeaseKeepAliveResponse>;

    async fn lease_grant(&self, request: Request<LeaseGrantRequest>) -> Answer<LeaseGrantResponse> {
        let request = request.into_inner();
        let response = self.shared.with(|store, now| store.grant(&request, now))?;
        Ok(Response::new(response))
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Answer<LeaseRevokeResponse> {
        let id = request.into_inner().id;
        let header = self
            .shared
            .with(|store, _| store.revoke(id).map(|()| store.header()))?;
        Ok(Response::new(LeaseRevokeResponse {
            header: Some(header),
        }))
    }

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Answer<Self::LeaseKeepAliveStream> {
        let shared = Arc::clone(&self.shared);
        let renewals = stream::unfold(Some(request.into_inner()), move |requests| {
            let shared = Arc::clone(&shared);
            async move {
                let mut requests = requests?;
                let request = tokio::select! {
                    biased;
                    () = shared.stop.cancelled() => return Some((Err(Refusal::Stopped.into()), None)),
                    request = requests.next() => request?,
                };
                let response = request.map(|LeaseKeepAliveRequest { id }| {
                    shared.with(|store, now| LeaseKeepAliveResponse {
                        ttl: store.renew(id, now),
                        header: Some(store.header()),
                        id,
                    })
                });
                let rest = response.is_ok().then_some(requests);
                Some((response, rest))
            }
        });
        Ok(Response::new(Box::pin(renewals)))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Answer<LeaseTimeToLiveResponse> {
        let request = request.into_inner();
        let response = self
            .shared
            .with(|store, now| store.time_to_live(&request, now));
        Ok(Response::new(response))
    }

    async fn lease_leases(&self, _: Request<LeaseLeasesRequest>) -> Answer<LeaseLeasesResponse> {
        let response = self.shared.with(|store, _| LeaseLeasesResponse {
            header: Some(store.header()),
            leases: store.lease_ids().map(|id| LeaseStatus { id }).collect(),
        });
        Ok(Response::new(response))
    }
}

#[async_trait]
impl Cluster for Services {
    async fn member_list(&self, _: Request<MemberListRequest>) -> Answer<MemberListResponse> {
        let header = self.shared.with(|store, _| store.header());
        Ok(Response::new(MemberListResponse {
            header: Some(header),
            members: vec![Member {
                id: header.member_id,
                name: "ferlix".to_owned(),
                peer_ur_ls: Vec::new(),
                client_ur_ls: self.shared.client_urls.clone(),
                is_learner: false,
            }],
        }))
    }
}

#[async_trait]
impl Maintenance for Services {
    async fn alarm(&self, request: Request<AlarmRequest>) -> Answer<AlarmResponse> {
        let request = request.into_inner();
        let response = match request.action() {
            AlarmAction::Activate => {
                return Err(Status::unimplemented("alarms can not be raised by hand"));
            }
            AlarmAction::Get => self.shared.with(|store, _| AlarmResponse {
                header: Some(store.header()),
                alarms: match store.is_full() && request.alarm() != AlarmType::Corrupt {
                    true => vec![AlarmMember {
                        member_id: store.identity().member,
                        alarm: AlarmType::Nospace.into(),
                    }],
                    false => Vec::new(),
                },
            }),
            AlarmAction::Deactivate => self.shared.with(|store, _| {
                store.disarm();
                AlarmResponse {
                    header: Some(store.header()),
                    alarms: Vec::new(),
                }
            }),
        };
        Ok(Response::new(response))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Answer<StatusResponse> {
        let response = self.shared.with(|store, _| {
            let member = store.identity().member;
            let bytes = i64::try_from(store.bytes()).unwrap_or(i64::MAX);
            let index = store.revision().unsigned_abs();
            StatusResponse {
                header: Some(store.header()),
                version: VERSION.to_owned(),
                db_size: bytes,
                db_size_in_use: bytes,
                leader: member,
                raft_index: index,
                raft_applied_index: index,
                raft_term: RAFT_TERM,
                errors: match store.is_full() {
                    true => vec![format!("memberID:{member} alarm:NOSPACE ")],
                    false => Vec::new(),
                },
                is_learner: false,
            }
        });
        Ok(Response::new(response))
    }
}

#[async_trait]
impl Auth for Services {
    async fn authenticate(&self, _: Request<AuthenticateRequest>) -> Answer<AuthenticateResponse> {
        Err(Refusal::AuthNotEnabled.into())
    }
}
