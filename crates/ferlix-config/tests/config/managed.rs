//! Managed services and managed service factories: what they are told, when, and in which order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ferlix_config::{Configuration, INSTANCE, ManagedService, ManagedServiceFactory};
use ferlix_core::framework::BoxError;
use ferlix_core::property::{Properties, Value};
use ferlix_core::service_impl;
use tokio::sync::Semaphore;

use crate::support::{House, Managed, index, until};

#[tokio::test]
async fn without_properties_nobody_is_told() {
    let house = House::new().await;
    let managed = Arc::new(Managed::default());
    house.manage(&managed, "test.pid");
    house.settle().await;
    // Nor does a managed service make a configuration.
    assert!(house.admin().configurations(None).is_empty());
    let configuration = house.configuration("test.pid");
    house.settle().await;
    assert_eq!(managed.take(), [0; 0]);
    configuration.delete().await.unwrap();
    house.settle().await;
    assert_eq!(managed.take(), [0; 0]);
    house.stop().await;
}

#[tokio::test]
async fn an_early_configuration_is_told_at_registration() {
    let house = House::new().await;
    let configuration = house.configuration("test.pid");
    configuration.update(index(42)).await.unwrap();
    let managed = Arc::new(Managed::default());
    house.manage(&managed, "test.pid");
    house.settle().await;
    assert_eq!(managed.take(), [42]);
    configuration.delete().await.unwrap();
    house.settle().await;
    assert_eq!(managed.take(), [-1]);
    house.stop().await;
}

#[tokio::test]
async fn a_late_configuration_is_told_when_it_comes() {
    let house = House::new().await;
    let managed = Arc::new(Managed::default());
    let registration = house.manage(&managed, "test.pid");
    let configuration = house.configuration("test.pid");
    configuration.update(index(42)).await.unwrap();
    house.settle().await;
    assert_eq!(managed.take(), [42]);
    // The same again is no change.
    configuration.update(index(42)).await.unwrap();
    house.settle().await;
    assert_eq!(managed.take(), [0; 0]);
    configuration.update(index(43)).await.unwrap();
    house.settle().await;
    assert_eq!(managed.take(), [43]);
    registration.unregister().await.unwrap();
    configuration.update(index(44)).await.unwrap();
    house.settle().await;
    assert_eq!(managed.take(), [0; 0]);
    house.stop().await;
}

#[tokio::test]
async fn a_service_may_take_several_pids_and_change_them() {
    let house = House::new().await;
    let managed = Arc::new(Managed::default());
    let service: Arc<dyn ManagedService> = managed.clone();
    let registration = house
        .context
        .register(service, [("service.pid", ["a", "b"])].into())
        .unwrap();
    for (pid, number) in [("a", 1), ("b", 2), ("c", 3)] {
        house
            .configuration(pid)
            .update(index(number))
            .await
            .unwrap();
        house.settle().await;
    }
    assert_eq!(managed.take(), [1, 2]);
    registration
        .set_properties(&[("service.pid", "c")].into())
        .unwrap();
    house.settle().await;
    assert_eq!(managed.take(), [3]);
    house.stop().await;
}

#[tokio::test]
async fn an_admin_that_comes_last_tells_those_who_are_there() {
    let house = House::new().await;
    house
        .configuration("test.pid")
        .update(index(1))
        .await
        .unwrap();
    house.context.components().kill(INSTANCE).await.unwrap();
    let managed = Arc::new(Managed::default());
    house.manage(&managed, "test.pid");
    for _ in 0..2 {
        house.start_admin().await;
        house.settle().await;
        assert_eq!(managed.take(), [1]);
        house.context.components().kill(INSTANCE).await.unwrap();
    }
    house.stop().await;
}

/// Remembers the configurations of a factory PID.
#[derive(Default)]
struct Factory {
    configurations: Mutex<BTreeMap<String, i64>>,
    deleted: Mutex<Vec<String>>,
    calls: AtomicUsize,
}

#[service_impl]
impl ManagedServiceFactory for Factory {
    async fn updated(&self, pid: &str, properties: &Properties) -> Result<(), BoxError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let index = properties.get("index").and_then(Value::as_i64);
        let index = index.ok_or("no index")?;
        self.configurations
            .lock()
            .unwrap()
            .insert(pid.to_owned(), index);
        Ok(())
    }

    async fn deleted(&self, pid: &str) -> Result<(), BoxError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.configurations.lock().unwrap().remove(pid);
        self.deleted.lock().unwrap().push(pid.to_owned());
        Ok(())
    }
}

#[tokio::test]
async fn factories_are_told_of_their_configurations() {
    let house = House::new().await;
    let early = house
        .admin()
        .create_factory_configuration("test.factory")
        .unwrap();
    early.update(index(1)).await.unwrap();
    let factory = Arc::new(Factory::default());
    let service: Arc<dyn ManagedServiceFactory> = factory.clone();
    house
        .context
        .register(service, [("service.pid", "test.factory")].into())
        .unwrap();
    let late = house
        .admin()
        .create_factory_configuration("test.factory")
        .unwrap();
    house.settle().await;
    // Nothing is told of the late one before it has properties.
    assert_eq!(factory.calls.load(Ordering::Relaxed), 1);
    late.update(index(2)).await.unwrap();
    house
        .configuration("test.other")
        .update(index(3))
        .await
        .unwrap();
    house.settle().await;
    let known = factory.configurations.lock().unwrap().clone();
    let expected = [(early.pid().to_owned(), 1), (late.pid().to_owned(), 2)];
    assert_eq!(known, expected.into());
    early.delete().await.unwrap();
    house.settle().await;
    assert_eq!(*factory.deleted.lock().unwrap(), [early.pid()]);
    assert_eq!(factory.configurations.lock().unwrap().len(), 1);
    house.stop().await;
}

/// Waits for a permit in each call, and sees whether calls overlap.
#[derive(Default)]
struct Slow {
    inner: Managed,
    gate: Option<Semaphore>,
    entered: AtomicUsize,
    inside: AtomicUsize,
    overlapped: AtomicBool,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: Some(Semaphore::new(0)),
            ..Self::default()
        })
    }
}

#[service_impl]
impl ManagedService for Slow {
    async fn updated(&self, properties: Option<&Properties>) -> Result<(), BoxError> {
        if self.inside.fetch_add(1, Ordering::SeqCst) > 0 {
            self.overlapped.store(true, Ordering::SeqCst);
        }
        self.entered.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.acquire().await?.forget();
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        self.inner.updated(properties).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_one_pid_come_in_order_without_overlap_and_the_last_one_stays() {
    let house = House::new().await;
    let configuration = house.configuration("test.pid");
    configuration.update(index(0)).await.unwrap();
    let slow = Slow::new();
    let service: Arc<dyn ManagedService> = slow.clone();
    house
        .context
        .register(service, [("service.pid", "test.pid")].into())
        .unwrap();
    until("the first is being told", || {
        slow.entered.load(Ordering::SeqCst) == 1
    })
    .await;
    // Another PID is told meanwhile.
    let other = Arc::new(Managed::default());
    house.manage(&other, "test.other");
    house
        .configuration("test.other")
        .update(index(9))
        .await
        .unwrap();
    until("the other is told", || {
        other.told.lock().unwrap().len() == 1
    })
    .await;
    for number in 1..=50 {
        configuration.update(index(number)).await.unwrap();
    }
    slow.gate.as_ref().unwrap().add_permits(100);
    house.settle().await;
    let told = slow.inner.take();
    assert!(!slow.overlapped.load(Ordering::SeqCst));
    assert!(told.is_sorted(), "{told:?}");
    assert_eq!((told[0], *told.last().unwrap()), (0, 50));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stale_is_told_after_a_deletion() {
    let house = House::new().await;
    let configuration = house.configuration("test.pid");
    configuration.update(index(1)).await.unwrap();
    let slow = Slow::new();
    let service: Arc<dyn ManagedService> = slow.clone();
    house
        .context
        .register(service, [("service.pid", "test.pid")].into())
        .unwrap();
    until("the first is being told", || {
        slow.entered.load(Ordering::SeqCst) == 1
    })
    .await;
    configuration.delete().await.unwrap();
    slow.gate.as_ref().unwrap().add_permits(10);
    house.settle().await;
    assert_eq!(slow.inner.take(), [1, -1]);
    house.stop().await;
}

/// Calls back into the configuration admin while it is told.
struct Reentrant {
    configuration: Configuration,
    inner: Managed,
    listed: AtomicUsize,
}

#[service_impl]
impl ManagedService for Reentrant {
    async fn updated(&self, properties: Option<&Properties>) -> Result<(), BoxError> {
        self.inner.updated(properties).await?;
        let index_now = properties.and_then(|properties| properties.get("index")?.as_i64());
        if index_now == Some(0) {
            self.configuration.update(index(1)).await?;
        }
        if properties.is_none() && self.configuration.is_deleted() {
            self.listed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_service_may_change_its_own_configuration() {
    let house = House::new().await;
    let configuration = house.configuration("test.pid");
    let reentrant = Arc::new(Reentrant {
        configuration: configuration.clone(),
        inner: Managed::default(),
        listed: AtomicUsize::new(0),
    });
    let service: Arc<dyn ManagedService> = reentrant.clone();
    house
        .context
        .register(service, [("service.pid", "test.pid")].into())
        .unwrap();
    configuration.update(index(0)).await.unwrap();
    house.settle().await;
    assert_eq!(reentrant.inner.take(), [0, 1]);
    configuration.delete().await.unwrap();
    house.settle().await;
    assert_eq!(reentrant.inner.take(), [-1]);
    // While it was told, the configuration was gone for others too.
    assert_eq!(reentrant.listed.load(Ordering::Relaxed), 1);
    house.stop().await;
}

#[tokio::test]
async fn errors_and_panics_hurt_nobody_else() {
    struct Failing;

    #[service_impl]
    impl ManagedService for Failing {
        async fn updated(&self, properties: Option<&Properties>) -> Result<(), BoxError> {
            match properties.and_then(|properties| properties.get("index")?.as_i64()) {
                Some(1) => Err("on purpose".into()),
                _ => panic!("on purpose"),
            }
        }
    }

    let house = House::new().await;
    let failing: Arc<dyn ManagedService> = Arc::new(Failing);
    let first = Properties::from([
        ("service.pid", Value::from("a")),
        ("service.ranking", 9.into()),
    ]);
    house.context.register(failing, first).unwrap();
    let managed = Arc::new(Managed::default());
    house.manage(&managed, "a");
    for number in [1, 2] {
        house
            .configuration("a")
            .update(index(number))
            .await
            .unwrap();
        house.settle().await;
    }
    assert_eq!(managed.take(), [1, 2]);
    house.stop().await;
}

#[tokio::test]
async fn what_a_service_does_with_its_properties_changes_nothing() {
    let house = House::new().await;
    let configuration = house.configuration("a");
    configuration.update(index(1)).await.unwrap();
    let mut own = Properties::clone(&configuration.properties().unwrap());
    own.insert("index", 99);
    assert_eq!(
        configuration.properties().unwrap().get("index"),
        Some(&Value::from(1))
    );
    house.stop().await;
}
