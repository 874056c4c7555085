//! What `etcdctl endpoint` and `etcdctl member` ask, and logging in.

use tonic::Code;

use crate::{
    cases,
    etcd::{Etcd, assert_refused},
    proto::etcdserverpb::{AlarmRequest, AuthenticateRequest, MemberListRequest, StatusRequest},
};

cases![
    the_status_is_that_of_a_healthy_leader,
    there_is_one_member,
    there_is_no_alarm,
    nobody_can_log_in,
];

async fn the_status_is_that_of_a_healthy_leader(etcd: Etcd) {
    let before = etcd.put("a", "1").await;
    let response = etcd.maintenance().status(StatusRequest {}).await.unwrap();
    let status = response.into_inner();
    let header = status.header.unwrap();
    assert_eq!(header.revision, before);
    assert_eq!(status.leader, header.member_id);
    assert_eq!(status.raft_term, header.raft_term);
    assert!(status.version.starts_with("3."), "{}", status.version);
    assert!(status.db_size > 0 && status.db_size_in_use > 0 && status.raft_index > 0);
    assert!(status.errors.is_empty());
    assert!(!status.is_learner);
}

async fn there_is_one_member(etcd: Etcd) {
    let request = MemberListRequest { linearizable: true };
    let response = etcd.cluster().member_list(request).await.unwrap();
    let response = response.into_inner();
    assert_eq!(response.members.len(), 1);
    assert_eq!(response.members[0].id, response.header.unwrap().member_id);
    assert_eq!(response.members[0].client_ur_ls.len(), 1);
}

async fn there_is_no_alarm(etcd: Etcd) {
    let response = etcd.maintenance().alarm(AlarmRequest::default()).await;
    assert!(response.unwrap().into_inner().alarms.is_empty());
}

async fn nobody_can_log_in(etcd: Etcd) {
    let request = AuthenticateRequest {
        name: "root".to_owned(),
        password: "secret".to_owned(),
    };
    assert_refused(
        etcd.auth().authenticate(request).await,
        Code::FailedPrecondition,
        "etcdserver: authentication is not enabled",
    );
}
