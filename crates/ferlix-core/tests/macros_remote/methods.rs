//! What the attributes of a method and the types of its parameters mean.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ferlix_core::property::Value;
use ferlix_core::service::{CallError, Service};
use ferlix_core::{remote_service, service_impl};

use super::{Point, Wire};

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
