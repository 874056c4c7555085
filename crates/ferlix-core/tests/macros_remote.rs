//! Remote services by macros: from a proxy through a caller in memory to a dispatcher and the object behind it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ferlix_core::framework::Framework;
use ferlix_core::property::{FromValue, IntoValue, Properties, Value, ValueError};
use ferlix_core::service::{
    Argument, BoxFuture, CallError, Caller, Dispatch, RemoteError as _, Reply, Service,
};
use ferlix_core::{RemoteError, Structure, remote_service, service_impl};

#[derive(Clone, Debug, PartialEq, Structure)]
struct Point {
    x: i32,
    #[structure(rename = "Y")]
    y: Option<i64>,
}

#[derive(Debug, thiserror::Error, RemoteError)]
enum PlanError {
    #[error("{0} is too far")]
    TooFar(i32),
    #[error("the plan has no {thing}")]
    Missing { thing: String },
    #[error(transparent)]
    Call(#[from] CallError),
}

#[remote_service("test.plan.Plan", version = "2.0.0")]
trait Plan: Send + Sync {
    async fn join_points(
        &self,
        first: Point,
        more: &[Point],
        last: &Point,
        name: &str,
    ) -> Result<BTreeMap<String, Vec<Point>>, PlanError>;

    #[remote(name = "Grow")]
    async fn grow_by(&self, bytes: Vec<u8>, _by: u64) -> Result<Vec<u8>, PlanError>;

    async fn clear(&self) -> Result<(), CallError>;

    async fn who(&self) -> Result<String, CallError> {
        Ok("the trait".to_owned())
    }
}

struct Paper;

#[service_impl]
impl Plan for Paper {
    async fn join_points(
        &self,
        first: Point,
        more: &[Point],
        last: &Point,
        name: &str,
    ) -> Result<BTreeMap<String, Vec<Point>>, PlanError> {
        if first.x > 100 {
            return Err(PlanError::TooFar(first.x));
        }
        let points = [&[first], more, std::slice::from_ref(last)].concat();
        Ok(BTreeMap::from([(name.to_owned(), points)]))
    }

    async fn grow_by(&self, bytes: Vec<u8>, by: u64) -> Result<Vec<u8>, PlanError> {
        if bytes.is_empty() {
            let thing = "bytes".to_owned();
            return Err(PlanError::Missing { thing });
        }
        Ok(bytes.repeat(usize::try_from(by).unwrap()))
    }

    async fn clear(&self) -> Result<(), CallError> {
        tokio::task::yield_now().await;
        Err(CallError::Gone {
            service: "ink".to_owned(),
        })
    }
}

/// Hands calls to a dispatcher and keeps what crossed.
struct Wire {
    dispatch: Arc<dyn Dispatch>,
    calls: Mutex<Vec<(String, Vec<Value>)>>,
}

impl Caller for Wire {
    fn call<'a>(
        &'a self,
        method: &'a str,
        arguments: &'a [Argument<'a>],
        mut reply: Reply<'a>,
    ) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(async move {
            let values = arguments.iter().map(|argument| argument.to_value(method));
            let values = values.collect::<Result<Vec<_>, _>>()?;
            let call = (method.to_owned(), values.clone());
            self.calls.lock().unwrap().push(call);
            reply.value(self.dispatch.dispatch_values(method, values).await?);
            Ok(())
        })
    }
}

fn dispatcher() -> Arc<dyn Dispatch> {
    <dyn Plan as Service>::dispatcher(Arc::new(Paper)).unwrap()
}

fn connected() -> (Arc<Wire>, Arc<dyn Plan>) {
    let wire = Arc::new(Wire {
        dispatch: dispatcher(),
        calls: Mutex::default(),
    });
    let plan = <dyn Plan as Service>::from_caller(Arc::clone(&wire) as Arc<dyn Caller>).unwrap();
    (wire, plan)
}

fn point(x: i32, y: Option<i64>) -> Point {
    Point { x, y }
}

#[test]
fn the_interface_is_described() {
    let interface = <dyn Plan as Service>::interface();
    assert_eq!(
        (interface.name, interface.version),
        ("test.plan.Plan", Some("2.0.0"))
    );
    let methods: Vec<_> = interface
        .methods
        .iter()
        .map(|method| (method.name, method.parameters))
        .collect();
    assert_eq!(
        methods,
        [
            ("joinPoints", &["first", "more", "last", "name"][..]),
            ("Grow", &["bytes", "by"]),
            ("clear", &[]),
            ("who", &[]),
        ]
    );
    assert_eq!(dispatcher().interface(), interface);
}

#[tokio::test]
async fn a_call_goes_there_and_back() {
    let (wire, plan) = connected();
    let (a, b, c) = (point(1, None), point(2, Some(3)), point(4, Some(i64::MIN)));
    let joined = plan.join_points(a.clone(), std::slice::from_ref(&b), &c, "line");
    let joined = joined.await.unwrap();
    assert_eq!(
        joined,
        BTreeMap::from([("line".to_owned(), vec![a, b.clone(), c])])
    );
    assert_eq!(plan.grow_by(vec![7, 8], 2).await.unwrap(), [7, 8, 7, 8]);

    let calls = std::mem::take(&mut *wire.calls.lock().unwrap());
    assert_eq!(calls[0].0, "joinPoints");
    assert_eq!(
        calls[0].1[1],
        Value::List(vec![b.into_value().unwrap()]),
        "a slice is a list"
    );
    assert_eq!(calls[0].1[3], Value::from("line"));
    assert_eq!(
        calls[1],
        (
            "Grow".to_owned(),
            vec![Value::Bytes(vec![7, 8]), Value::Long(2)]
        )
    );
}

#[tokio::test]
async fn a_method_with_a_body_is_called_too() {
    let (wire, plan) = connected();
    assert_eq!(plan.who().await.unwrap(), "the trait");
    assert_eq!(
        wire.calls.lock().unwrap().len(),
        1,
        "the body ran on the other side"
    );
}

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

#[test]
fn a_blocking_call_waits_on_its_own_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let plan = runtime.block_on(async {
        let (_, plan) = connected();
        let blocking = plan.blocking();
        // Inside of a task, and where a runtime waits for one.
        assert!(matches!(blocking.clear(), Err(CallError::WouldBlock)));
        let inner = blocking.clone();
        let task = tokio::spawn(async move { inner.clear() });
        assert!(matches!(task.await.unwrap(), Err(CallError::WouldBlock)));
        // Where blocking is meant to be.
        let inner = blocking.clone();
        let who = tokio::task::spawn_blocking(move || inner.who());
        assert_eq!(who.await.unwrap().unwrap(), "the trait");
        blocking
    });
    assert_eq!(plan.who().unwrap(), "the trait");
    let error = std::thread::spawn(move || plan.grow_by(Vec::new(), 1))
        .join()
        .unwrap();
    assert!(matches!(error, Err(PlanError::Missing { .. })));
}

#[tokio::test]
async fn an_argument_that_does_not_fit_never_leaves() {
    let (wire, plan) = connected();
    let error = plan.grow_by(vec![1], u64::MAX).await.unwrap_err();
    let PlanError::Call(CallError::Value {
        method,
        what,
        source,
    }) = error
    else {
        panic!("the argument was expected to be refused, but: {error}");
    };
    assert_eq!((method.as_str(), what.as_str()), ("Grow", "by"));
    assert!(matches!(source, ValueError::OutOfRange { .. }));
    assert!(wire.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_dispatcher_refuses_what_does_not_fit() {
    let dispatcher = dispatcher();
    let call = async |method: &str, arguments: Vec<Value>| {
        dispatcher
            .dispatch_values(method, arguments)
            .await
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        call("Grow", vec![]).await,
        "invalid arguments for Grow: it takes (bytes, by), but was given 0 arguments"
    );
    assert_eq!(
        call("who", vec![Value::Null]).await,
        "invalid arguments for who: it takes (), but was given 1 arguments"
    );
    assert_eq!(
        call("Grow", vec![Value::Bytes(vec![1]), Value::from("many")]).await,
        "invalid arguments for Grow: by: expected an unsigned integer, found string"
    );
    let line = Value::Map(BTreeMap::from([("x".to_owned(), Value::from("left"))]));
    assert_eq!(
        call(
            "joinPoints",
            vec![line, Value::List(vec![]), Value::Null, Value::from("")]
        )
        .await,
        "invalid arguments for joinPoints: first: member x: expected a 32-bit integer, found string"
    );
    assert_eq!(call("grow_by", vec![]).await, "Unknown method grow_by");
    assert_eq!(call("", vec![]).await, "Unknown method ");
}

#[tokio::test]
async fn a_wrong_answer_is_the_peers_fault() {
    struct Liar;
    impl Caller for Liar {
        fn call<'a>(
            &'a self,
            _: &'a str,
            _: &'a [Argument<'a>],
            mut reply: Reply<'a>,
        ) -> BoxFuture<'a, Result<(), CallError>> {
            reply.value(true);
            Box::pin(async { Ok(()) })
        }
    }
    let plan = <dyn Plan as Service>::from_caller(Arc::new(Liar)).unwrap();
    let error = plan.who().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the result of who cannot be converted: expected a string, found boolean"
    );
    plan.clear()
        .await
        .expect("a method that returns nothing takes any answer");
}

#[tokio::test]
async fn an_imported_service_is_looked_up_as_the_trait() {
    let framework = Framework::builder().start().await.unwrap();
    let context = framework.context();
    let (wire, _) = connected();
    let interfaces = vec!["test.plan.Plan".to_owned()];
    let properties = Properties::from([("service.imported", true)]);
    let registration = context.register_remote(interfaces, wire, properties);
    let plan = context.service::<dyn Plan>(None).unwrap();
    assert_eq!(plan.who().await.unwrap(), "the trait");
    drop(plan);
    registration.unwrap().unregister().await.unwrap();
    assert!(context.service::<dyn Plan>(None).is_none());
    framework.stop().await.unwrap();
}

#[test]
fn structures_are_read_leniently_and_name_what_is_wrong() {
    let read = |members: &[(&str, Value)]| {
        let members = members
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Point::from_value(Value::Map(members.collect()))
    };
    let known = ("x", Value::Int(1));
    assert_eq!(
        read(std::slice::from_ref(&known)),
        Ok(point(1, None)),
        "an option may be absent"
    );
    assert_eq!(
        read(&[known.clone(), ("Y", Value::Null), ("z", Value::Int(3))]),
        Ok(point(1, None))
    );
    let missing = read(&[("Y", Value::Int(1))]).unwrap_err();
    assert_eq!(missing.to_string(), "member x is missing");
    let wrong = read(&[known, ("Y", Value::from("up"))]).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "member Y: expected a 64-bit integer, found string"
    );
    let other = Point::from_value(Value::Int(1)).unwrap_err();
    assert_eq!(other.to_string(), "expected a structure Point, found int");
}

/// What a method did, from outside of it.
struct Works {
    begun: tokio::sync::Notify,
    go: tokio::sync::Notify,
    done: tokio::sync::Notify,
    dropped: tokio::sync::Notify,
}

#[remote_service("test.plan.Works")]
trait Working: Send + Sync {
    async fn draft(&self) -> Result<(), CallError>;

    #[remote(name = "Build", finish)]
    async fn build(&self) -> Result<i32, CallError>;

    #[remote(finish)]
    async fn explode(&self) -> Result<(), CallError>;
}

struct TellsWhenDropped<'a>(&'a tokio::sync::Notify);

impl Drop for TellsWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[service_impl]
impl Working for Works {
    async fn draft(&self) -> Result<(), CallError> {
        let _told = TellsWhenDropped(&self.dropped);
        self.begun.notify_one();
        self.go.notified().await;
        Ok(())
    }

    async fn build(&self) -> Result<i32, CallError> {
        self.begun.notify_one();
        self.go.notified().await;
        self.done.notify_one();
        Ok(7)
    }

    async fn explode(&self) -> Result<(), CallError> {
        panic!("the test's method panics on purpose")
    }
}

#[tokio::test]
async fn a_method_marked_finish_works_on_when_its_caller_is_gone() {
    let works = Arc::new(Works {
        begun: tokio::sync::Notify::new(),
        go: tokio::sync::Notify::new(),
        done: tokio::sync::Notify::new(),
        dropped: tokio::sync::Notify::new(),
    });
    let service: Arc<dyn Working> = Arc::clone(&works) as Arc<dyn Working>;
    let served = <dyn Working as Service>::dispatcher(service).unwrap();
    let methods = served.interface().methods;
    let finishing: Vec<_> = methods
        .iter()
        .map(|method| (method.name, method.finish))
        .collect();
    assert_eq!(
        finishing,
        [("draft", false), ("Build", true), ("explode", true)]
    );

    let call = |method: &'static str| {
        let served = Arc::clone(&served);
        async move { served.dispatch_values(method, Vec::new()).await }
    };
    let task = tokio::spawn(call("draft"));
    works.begun.notified().await;
    task.abort();
    works.dropped.notified().await;

    let task = tokio::spawn(call("Build"));
    works.begun.notified().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    works.go.notify_one();
    works.done.notified().await;

    works.go.notify_one();
    assert_eq!(call("Build").await.unwrap(), Value::Int(7));
    let panicked = tokio::spawn(call("explode")).await;
    assert!(panicked.unwrap_err().is_panic());
}

/// Names that the macros use themselves.
#[remote_service("test.plan.Names")]
trait Names: Send + Sync {
    async fn dispatch(
        &self,
        returns: &str,
        arguments: &[i32],
        reply: Option<u8>,
        called: bool,
        given: String,
        service: char,
    ) -> Result<String, CallError>;
}

struct Crowd;

#[service_impl]
impl Names for Crowd {
    async fn dispatch(
        &self,
        returns: &str,
        arguments: &[i32],
        reply: Option<u8>,
        called: bool,
        given: String,
        service: char,
    ) -> Result<String, CallError> {
        Ok(format!(
            "{returns} {arguments:?} {reply:?} {called} {given} {service}"
        ))
    }
}

#[tokio::test]
async fn a_parameter_may_have_any_name() {
    let dispatch = <dyn Names as Service>::dispatcher(Arc::new(Crowd)).unwrap();
    let wire = Wire {
        dispatch,
        calls: Mutex::default(),
    };
    let crowd = <dyn Names as Service>::from_caller(Arc::new(wire)).unwrap();
    let said = crowd.dispatch("a", &[1, 2], Some(3), true, "b".to_owned(), 'c');
    assert_eq!(said.await.unwrap(), "a [1, 2] Some(3) true b c");
}

#[remote_service("test.plan.Basic")]
trait Basic: Send + Sync {
    async fn all(
        &self,
        number: u64,
        texts: &[String],
        point: Point,
        map: BTreeMap<String, Vec<Option<char>>>,
    ) -> Result<Vec<u8>, CallError>;
    async fn dated(&self, when: std::time::SystemTime) -> Result<(), CallError>;
    async fn dates(&self) -> Result<Vec<std::time::SystemTime>, CallError>;
    async fn anything(&self, value: &Value) -> Result<(), CallError>;
    async fn nothing(&self) -> Result<(), CallError>;
}

#[test]
fn methods_know_whether_their_types_are_basic() {
    let methods = <dyn Basic as Service>::interface().methods;
    let basic: Vec<_> = methods
        .iter()
        .map(|method| (method.name, method.basic))
        .collect();
    assert_eq!(
        basic,
        [
            ("all", true),
            ("dated", false),
            ("dates", false),
            ("anything", false),
            ("nothing", true)
        ]
    );
}
