//! Errors of a service arrive with their kind, or as themselves.

use std::collections::BTreeMap;

use ferlix_core::RemoteError;
use ferlix_core::property::Value;
use ferlix_core::service::{CallError, RemoteError as _};

use super::{PlanError, Point, connected, point};

#[tokio::test]
async fn errors_of_the_service_arrive_with_their_kind() {
    let (_, plan) = connected();
    let last = point(0, None);
    let far = plan.join_points(point(101, None), &[], &last, "");
    assert!(matches!(far.await.unwrap_err(), PlanError::TooFar(101)));

    let missing = plan.grow_by(Vec::new(), 1).await.unwrap_err();
    assert!(matches!(missing, PlanError::Missing { .. }));

    let gone = plan.clear().await.unwrap_err();
    assert!(
        matches!(gone, CallError::Gone { service } if service == "ink"),
        "a CallError stays itself"
    );
    let held = PlanError::Call(CallError::fault("x")).into_call_error();
    assert!(
        matches!(held, CallError::Fault { kind: None, message, .. } if message == "x"),
        "also inside another"
    );
}

/// What an error may hold beside what crosses.
#[derive(Debug, thiserror::Error, RemoteError)]
enum Mixed {
    #[error("{0:?} and {1:?}")]
    All(Point, Vec<Option<String>>),
    #[error("it stays: {0}")]
    Stays(std::io::Error),
    #[error("nothing")]
    Nothing,
    #[error(transparent)]
    Call(#[from] CallError),
}

#[derive(Debug, thiserror::Error, RemoteError)]
#[error("{code} of {what}")]
struct Coded {
    code: u16,
    what: String,
}

impl From<CallError> for Coded {
    fn from(error: CallError) -> Self {
        Self {
            code: 0,
            what: error.to_string(),
        }
    }
}

#[test]
fn an_error_arrives_as_itself_when_all_it_holds_can_cross() {
    let all =
        Mixed::All(Point { x: 1, y: None }, vec![None, Some("a".to_owned())]).into_call_error();
    let CallError::Fault { kind, data, .. } = &all else {
        panic!("{all:?}");
    };
    assert_eq!(kind.as_deref(), Some("All"));
    assert_eq!(
        data.as_ref().unwrap().to_string(),
        "{'members': [{'Y': null, 'x': 1}, [null, 'a']], 'type': 'Mixed', 'variant': 'All'}"
    );
    let again = Mixed::from_call_error(all);
    assert!(
        matches!(&again, Mixed::All(Point { x: 1, y: None }, more) if more.len() == 2),
        "{again:?}"
    );
    let nothing = Mixed::from_call_error(Mixed::Nothing.into_call_error());
    assert!(matches!(nothing, Mixed::Nothing));

    let stays = Mixed::Stays(std::io::ErrorKind::NotFound.into()).into_call_error();
    assert!(matches!(&stays, CallError::Fault { data: None, .. }));
    let stays = Mixed::from_call_error(stays);
    assert!(
        matches!(&stays, Mixed::Call(CallError::Fault { kind: Some(kind), .. }) if kind == "Stays")
    );

    let coded = Coded {
        code: 7,
        what: "all".to_owned(),
    }
    .into_call_error();
    assert_eq!(Coded::from_call_error(coded).to_string(), "7 of all");

    // Data of another type, of a variant that there is not, or of too much is no error of ours.
    for (kind, variant, members) in [
        ("Other", "Nothing", 0),
        ("Mixed", "Unheard", 0),
        ("Mixed", "Nothing", 1),
    ] {
        let data = BTreeMap::from([
            ("type".to_owned(), Value::from(kind)),
            ("variant".to_owned(), Value::from(variant)),
            (
                "members".to_owned(),
                Value::List(vec![Value::Null; members]),
            ),
        ]);
        let fault = CallError::Fault {
            code: 1,
            kind: None,
            message: String::new(),
            data: Some(Value::Map(data)),
        };
        assert!(
            matches!(Mixed::from_call_error(fault), Mixed::Call(_)),
            "{kind} {variant}"
        );
    }
}
