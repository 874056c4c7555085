//! Remote services by macros: from a proxy through a caller in memory to a dispatcher and the object behind it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod errors;
mod methods;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ferlix_core::property::Value;
use ferlix_core::service::{Argument, BoxFuture, CallError, Caller, Dispatch, Reply, Service};
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
