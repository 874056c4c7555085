//! Hooks: they see events, look-ups and listeners, and may take from them.

use std::sync::{Arc, Mutex};

use ferlix_core::filter::Filter;
use ferlix_core::property::Properties;
use ferlix_core::registry::{
    EventListenerHook, FindHook, FindRequest, FoundSet, ListenerHook, ListenerInfo, ListenerSet,
    ServiceEvent,
};

use crate::support::{Greeter, Log, greeter, listen, started, taken};

struct Keeper(Log);

impl EventListenerHook for Keeper {
    fn event(&self, event: &ServiceEvent, listeners: &mut ListenerSet) {
        self.0.lock().unwrap().push(format!(
            "hook {:?} {}",
            event.kind,
            listeners.iter().count()
        ));
        listeners.retain(|_| false);
    }
}

#[tokio::test]
async fn a_hook_sees_events_first_and_can_keep_them_from_listeners() {
    let (_framework, context) = started().await;
    let log = Log::default();
    listen(&context, None, &log);
    let hook: Arc<dyn EventListenerHook> = Arc::new(Keeper(Arc::clone(&log)));
    let hook = context.register(hook, Properties::new()).unwrap();
    assert!(taken(&log).is_empty(), "a hook does not see itself");
    context.register(greeter("x"), Properties::new()).unwrap();
    assert_eq!(taken(&log), ["hook Registered 1"]);
    hook.unregister().await.unwrap();
    context.register(greeter("y"), Properties::new()).unwrap();
    assert_eq!(taken(&log), ["Registered"]);
}

/// Hides what has a secret from every bundle but the framework.
struct Veil(Log);

impl FindHook for Veil {
    fn find(&self, request: &FindRequest<'_>, found: &mut FoundSet) {
        let asked = format!("{} {:?}", request.bundle_id, request.specification);
        self.0.lock().unwrap().push(asked);
        found.retain(|service| service.property("secret").is_none());
        assert!(
            found
                .iter()
                .all(|service| service.property("secret").is_none())
        );
    }
}

struct Broken;

impl FindHook for Broken {
    fn find(&self, _: &FindRequest<'_>, _: &mut FoundSet) {
        panic!("on purpose");
    }
}

#[tokio::test]
async fn a_find_hook_sees_look_ups_and_may_take_from_them() {
    let (_framework, context) = started().await;
    let log = Log::default();
    let secret = Properties::from([("secret", 1), ("service.ranking", 1)]);
    let secret = context.register(greeter("secret"), secret).unwrap();
    context
        .register(greeter("plain"), Properties::new())
        .unwrap();
    let broken: Arc<dyn FindHook> = Arc::new(Broken);
    context
        .register(broken, Properties::from([("service.ranking", 9)]))
        .unwrap();
    let veil: Arc<dyn FindHook> = Arc::new(Veil(Arc::clone(&log)));
    let veil = context.register(veil, Properties::new()).unwrap();
    assert_eq!(
        context.service::<dyn Greeter>(None).unwrap().greet(),
        "I am plain"
    );
    assert_eq!(context.services::<dyn Greeter>(None).len(), 1);
    assert_eq!(context.references(Some("test.greeter"), None).len(), 1);
    assert!(
        context
            .reference("test.greeter", Some(&Filter::equal("secret", "1")))
            .is_none()
    );
    assert!(context.reference_by_id(secret.reference().id()).is_none());
    let asked = taken(&log);
    assert_eq!(asked.len(), 5);
    assert_eq!(asked[0], "0 Some(\"test.greeter\")");
    assert!(
        context.get::<dyn Greeter>(secret.reference()).is_some(),
        "whoever has the reference has the service"
    );
    veil.unregister().await.unwrap();
    assert_eq!(
        context.service::<dyn Greeter>(None).unwrap().greet(),
        "I am secret"
    );
    assert!(taken(&log).is_empty());
}

/// Writes down who listens.
#[derive(Default)]
struct ListenerLog(Mutex<Vec<String>>);

impl ListenerLog {
    fn write(&self, what: &str, listeners: &[ListenerInfo]) {
        let mut log = self.0.lock().unwrap();
        for listener in listeners {
            let name = listener.specification.as_deref().unwrap_or("all");
            let filter = listener.filter.as_ref().map(ToString::to_string);
            log.push(format!("{what} {name} {}", filter.unwrap_or_default()));
        }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl ListenerHook for ListenerLog {
    fn added(&self, listeners: &[ListenerInfo]) {
        self.write("added", listeners);
        assert!(
            !listeners
                .iter()
                .any(|one| one.specification.as_deref() == Some("panic")),
            "as told"
        );
    }

    fn removed(&self, listeners: &[ListenerInfo]) {
        self.write("removed", listeners);
    }
}

#[tokio::test]
async fn a_listener_hook_is_told_who_listens() {
    let (framework, context) = started().await;
    let before = context
        .add_service_listener(Some("a"), None, |_| {})
        .unwrap();
    let log = Arc::new(ListenerLog::default());
    let hook: Arc<dyn ListenerHook> = log.clone();
    let registered = context.register(hook, Properties::new()).unwrap();
    let known = log.take();
    assert!(known.contains(&"added a ".to_owned()), "{known:?}");
    let filter = Some("(x=1)".parse().unwrap());
    let listener = context
        .add_service_listener(Some("b"), filter, |_| {})
        .unwrap();
    context.add_service_listener(None, None, |_| {}).unwrap();
    assert_eq!(log.take(), ["added b (x=1)", "added all "]);
    assert!(context.remove_listener(listener) && context.remove_listener(before));
    assert!(!context.remove_listener(before));
    assert_eq!(log.take(), ["removed b (x=1)", "removed a "]);
    // A panic hurts nobody.
    context
        .add_service_listener(Some("panic"), None, |_| {})
        .unwrap();
    assert_eq!(log.take(), ["added panic "]);
    registered.unregister().await.unwrap();
    context
        .add_service_listener(Some("c"), None, |_| {})
        .unwrap();
    assert!(log.take().is_empty());
    framework.stop().await.unwrap();
}
