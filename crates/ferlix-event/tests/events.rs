//! The event admin in a framework: who is told of what, in which order, and what slow and failing handlers do.
//!
//! The cases of iPOPO's own tests carry the names that `docs/ipopo-tests.md` lists.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_core::command::{Arguments, CommandProvider, Session};
use ferlix_core::component::ComponentState;
use ferlix_core::filter::Filter;
use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRegistration;
use ferlix_core::service_impl;
use ferlix_event::{
    BUNDLE, Event, EventAdmin, EventError, EventHandler, FACTORY, INSTANCE, SHELL_BUNDLE,
};
use tokio::sync::Semaphore;

const DEADLINE: Duration = Duration::from_secs(20);

async fn framework_with(properties: Properties) -> Framework {
    let framework = Framework::builder()
        .install(&BUNDLE)
        .install(&SHELL_BUNDLE)
        .start()
        .await
        .unwrap();
    let made = framework
        .components()
        .instantiate(FACTORY, INSTANCE, properties)
        .await;
    made.unwrap();
    framework
}

async fn framework() -> Framework {
    framework_with(Properties::new()).await
}

fn admin(context: &BundleContext) -> Arc<dyn EventAdmin> {
    Arc::clone(&context.service::<dyn EventAdmin>(None).unwrap())
}

/// Remembers what it was told; with a gate, it waits for a permit first.
#[derive(Default)]
struct Recorder {
    name: String,
    gate: Option<Semaphore>,
    log: Arc<Mutex<Vec<String>>>,
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    fn gated() -> Arc<Self> {
        Arc::new(Self {
            gate: Some(Semaphore::new(0)),
            ..Self::default()
        })
    }

    fn take(&self) -> Vec<String> {
        let events = std::mem::take(&mut *self.events.lock().unwrap());
        events
            .iter()
            .map(|event| event.topic().to_owned())
            .collect()
    }

    fn let_pass(&self, count: usize) {
        self.gate.as_ref().unwrap().add_permits(count);
    }
}

#[service_impl]
impl EventHandler for Recorder {
    async fn handle_event(&self, event: &Event) {
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        self.log.lock().unwrap().push(self.name.clone());
        self.events.lock().unwrap().push(event.clone());
    }
}

fn register(
    context: &BundleContext,
    handler: &Arc<Recorder>,
    properties: Properties,
) -> ServiceRegistration {
    let handler: Arc<dyn EventHandler> = handler.clone();
    context.register(handler, properties).unwrap()
}

fn on_topic(pattern: &str) -> Properties {
    [("event.topics", pattern)].into()
}

async fn settled(framework: &Framework) {
    tokio::time::timeout(DEADLINE, framework.settle())
        .await
        .expect("the framework should settle");
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_ok(), "never came true: {what}");
}

#[tokio::test]
async fn an_event_without_handlers_is_taken() {
    let framework = framework().await;
    let events = admin(&framework.context());
    let sent = events.send("/titi/toto", [("some.value", 42)].into()).await;
    sent.unwrap();
    events.post("/titi/toto", Properties::new()).unwrap();
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn topics_select_events() {
    let framework = framework().await;
    let context = framework.context();
    let (events, handler) = (admin(&context), Arc::new(Recorder::default()));
    register(&context, &handler, on_topic("/titi/*"));
    for topic in ["/titi/toto", "/titi/", "/titi/42", "/titi/toto/tata"] {
        events.send(topic, Properties::new()).await.unwrap();
        assert_eq!(handler.take(), [topic]);
    }
    for topic in ["/toto/titi/42", "/titi", "/toto/42"] {
        events.send(topic, Properties::new()).await.unwrap();
        assert_eq!(handler.take(), [""; 0], "{topic} must not be told");
    }
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn filters_select_events() {
    let framework = framework().await;
    let context = framework.context();
    let (events, handler) = (admin(&context), Arc::new(Recorder::default()));
    register(&context, &handler, [("event.filter", "(answer=42)")].into());
    let fits = [
        Value::from(42),
        Value::from("42"),
        Value::from([1, 2, 42, 20]),
        Value::Set(vec![42.into(), 10.into()]),
    ];
    let others = [
        Value::from(" 42 "),
        Value::from(21),
        Value::from([1, 2, 3]),
        Value::Set(vec![7.into(), 8.into()]),
    ];
    for topic in ["/titi/toto", "/toto/", "/titi/42", "/titi/toto/tata"] {
        for value in &fits {
            let given = Properties::from([("answer", value.clone())]);
            events.send(topic, given).await.unwrap();
            let told = handler.events.lock().unwrap().pop().unwrap();
            assert_eq!(
                (told.topic(), told.property("answer")),
                (topic, Some(value.clone()))
            );
        }
        for value in &others {
            let given = Properties::from([("answer", value.clone())]);
            events.send(topic, given).await.unwrap();
            assert_eq!(handler.take(), [""; 0], "{value} must not fit");
        }
    }
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn a_post_reaches_those_who_were_there_and_still_are() {
    let framework = framework().await;
    let context = framework.context();
    let events = admin(&context);
    let slow = Recorder::gated();
    let leaving = Recorder::gated();
    let (staying, late) = (Arc::new(Recorder::default()), Arc::new(Recorder::default()));
    register(&context, &slow, on_topic("/titi/*"));
    let registration = register(&context, &leaving, on_topic("/titi/*"));
    register(&context, &staying, on_topic("/titi/*"));
    events.post("/titi/first", Properties::new()).unwrap();
    events.post("/titi/second", Properties::new()).unwrap();
    // The slow one keeps no other from being told.
    until("the others are told", || {
        staying.events.lock().unwrap().len() == 2
    })
    .await;
    // The leaving one is at the first.
    assert_eq!(events.handlers()[1].queued, 1);
    registration.unregister().await.unwrap();
    register(&context, &late, on_topic("/titi/*"));
    slow.let_pass(2);
    leaving.let_pass(1);
    settled(&framework).await;
    assert_eq!(slow.take(), ["/titi/first", "/titi/second"]);
    assert_eq!(staying.take(), ["/titi/first", "/titi/second"]);
    // What it was at when it went, it may end; what waited is dropped.
    assert_eq!(leaving.take(), ["/titi/first"]);
    assert_eq!(late.take(), [""; 0]);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn every_handler_sees_the_properties_that_were_given() {
    /// Changes the properties that it gets: they are its own.
    struct Changing(Mutex<Option<Properties>>, i32);

    #[service_impl]
    impl EventHandler for Changing {
        async fn handle_event(&self, event: &Event) {
            let mut properties = event.properties().clone();
            assert!(!properties.contains("change"));
            properties.insert("change", self.1);
            *self.0.lock().unwrap() = Some(properties);
        }
    }

    let framework = framework().await;
    let context = framework.context();
    let handlers: Vec<_> = (1..=3)
        .map(|n| Arc::new(Changing(Mutex::default(), n)))
        .collect();
    for handler in &handlers {
        let handler: Arc<dyn EventHandler> = handler.clone();
        context.register(handler, on_topic("/titi/*")).unwrap();
    }
    let given = Properties::from([
        ("answer", Value::from(42)),
        ("event.timestamp", Value::from(1)),
    ]);
    admin(&context).send("/titi/toto", given).await.unwrap();
    for handler in &handlers {
        let seen = handler.0.lock().unwrap().take().unwrap();
        assert_eq!(seen.get("answer"), Some(&Value::from(42)));
        assert_eq!(seen.get("change"), Some(&Value::from(handler.1)));
        assert_eq!(seen.text("event.topics"), Some("/titi/toto"));
        assert_eq!(
            seen.text("event.sender.framework.uid"),
            Some(framework.uuid())
        );
        // 2020 or later, in milliseconds, whatever the sender said.
        assert!(seen.get("event.timestamp").unwrap().as_i64().unwrap() > 1_577_836_800_000);
    }
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn handlers_are_told_in_ranking_order_and_of_one_event_once() {
    let framework = framework().await;
    let context = framework.context();
    let log = Arc::new(Mutex::new(Vec::new()));
    let named = |name: &str| {
        Arc::new(Recorder {
            name: name.to_owned(),
            log: Arc::clone(&log),
            ..Recorder::default()
        })
    };
    let properties = |topics: Value, ranking: i32| {
        Properties::from([
            ("event.topics", topics),
            ("service.ranking", Value::from(ranking)),
        ])
    };
    register(&context, &named("pattern"), properties("a/*".into(), 5));
    register(&context, &named("low"), properties("a/b".into(), -1));
    let rising = register(&context, &named("rising"), properties("a/b".into(), 0));
    register(
        &context,
        &named("twice"),
        properties(["a/b", "a/?", "a/b"].into(), 3),
    );
    register(
        &context,
        &named("literals"),
        properties(["a/b", "a/b", "c"].into(), 2),
    );
    register(&context, &named("all"), [("service.ranking", 1)].into());
    let events = admin(&context);
    events.send("a/b", Properties::new()).await.unwrap();
    let told = std::mem::take(&mut *log.lock().unwrap());
    assert_eq!(
        told,
        ["pattern", "twice", "literals", "all", "rising", "low"]
    );

    rising
        .set_properties(&[("service.ranking", 9)].into())
        .unwrap();
    settled(&framework).await;
    events.send("a/b", Properties::new()).await.unwrap();
    assert_eq!(log.lock().unwrap()[0], "rising");
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn a_handler_follows_its_properties_and_a_wrong_one_is_told_of_nothing() {
    let framework = framework().await;
    let context = framework.context();
    let (events, handler) = (admin(&context), Arc::new(Recorder::default()));
    let registration = register(&context, &handler, [("event.filter", "(broken")].into());
    events.send("a", Properties::new()).await.unwrap();
    assert_eq!(handler.take(), [""; 0]);
    for (properties, told) in [
        (
            Properties::from([("event.filter", Value::Null), ("event.topics", "a".into())]),
            true,
        ),
        (Properties::from([("event.topics", "b")]), false),
        (Properties::from([("event.topics", 5)]), false),
        (Properties::from([("event.topics", ["a", ""])]), false),
        (Properties::from([("event.topics", ["b", "a"])]), true),
        (Properties::from([("event.filter", 5)]), false),
        (
            Properties::from([("event.filter", "(event.topics=a)")]),
            true,
        ),
    ] {
        registration.set_properties(&properties).unwrap();
        settled(&framework).await;
        events.send("a", Properties::new()).await.unwrap();
        assert_eq!(handler.take().len(), usize::from(told), "{properties:?}");
    }
    assert_eq!(events.handlers().len(), 1);
    registration.unregister().await.unwrap();
    assert!(events.handlers().is_empty());
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn a_full_queue_drops_by_policy_and_counts() {
    for (policy, kept) in [
        ("drop-oldest", ["0", "3", "4"]),
        ("drop-newest", ["0", "1", "2"]),
    ] {
        let framework = framework_with(Properties::from([
            ("event.queue.size", Value::from(2)),
            ("event.queue.policy", Value::from(policy)),
        ]))
        .await;
        let context = framework.context();
        let (events, slow) = (admin(&context), Recorder::gated());
        register(&context, &slow, Properties::new());
        events.post("0", Properties::new()).unwrap();
        until("the first is being handled", || {
            events.handlers()[0].queued == 0
        })
        .await;
        for topic in ["1", "2", "3", "4"] {
            events.post(topic, Properties::new()).unwrap();
        }
        let status = events.handlers().remove(0);
        assert_eq!((status.queued, status.dropped), (2, 2));
        slow.let_pass(3);
        settled(&framework).await;
        assert_eq!(slow.take(), kept, "{policy}");
        assert_eq!(events.handlers()[0].handled, 3);
        framework.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_policy_is_refused_with_what_to_write() {
    let framework = framework_with([("event.queue.policy", "drop-all")].into()).await;
    let instance = framework.components().instance(INSTANCE).unwrap();
    assert_eq!(instance.state, ComponentState::Erroneous);
    assert!(instance.cause.unwrap().to_string().contains("drop-oldest"));
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn panics_and_overruns_hurt_nobody_else() {
    struct Panicking;

    #[service_impl]
    impl EventHandler for Panicking {
        async fn handle_event(&self, _event: &Event) {
            panic!("on purpose");
        }
    }

    let framework = framework_with([("event.timeout", 20)].into()).await;
    let context = framework.context();
    let events = admin(&context);
    context
        .register::<dyn EventHandler>(Arc::new(Panicking), [("service.ranking", 9)].into())
        .unwrap();
    let (stuck, fine) = (Recorder::gated(), Arc::new(Recorder::default()));
    register(&context, &stuck, [("service.ranking", 5)].into());
    register(&context, &fine, Properties::new());
    events.send("a", Properties::new()).await.unwrap();
    events.post("b", Properties::new()).unwrap();
    settled(&framework).await;
    assert_eq!(fine.take(), ["a", "b"]);
    assert_eq!(stuck.take(), [""; 0]);
    let status = events.handlers();
    assert_eq!((status[0].panicked, status[0].handled), (2, 0));
    assert_eq!((status[1].late, status[1].handled), (2, 0));
    assert_eq!(
        (status[2].late, status[2].panicked, status[2].handled),
        (0, 0, 2)
    );
    framework.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_of_one_sender_stay_in_order_for_every_handler() {
    let framework = framework_with([("event.queue.size", 100_000)].into()).await;
    let context = framework.context();
    let events = admin(&context);
    let handlers: Vec<_> = (0..3).map(|_| Arc::new(Recorder::default())).collect();
    for handler in &handlers {
        register(&context, handler, on_topic("*/*"));
    }
    let senders = (0..4).map(|sender| {
        let events = Arc::clone(&events);
        tokio::spawn(async move {
            for number in 0..500 {
                events
                    .post(&format!("{sender}/{number}"), Properties::new())
                    .unwrap();
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    settled(&framework).await;
    for handler in &handlers {
        let mut next = BTreeMap::new();
        let told = handler.take();
        assert_eq!(told.len(), 2000);
        for topic in told {
            let (sender, number) = topic.split_once('/').unwrap();
            let expected: &mut usize = next.entry(sender.to_owned()).or_default();
            assert_eq!(number.parse::<usize>().unwrap(), *expected);
            *expected += 1;
        }
    }
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn handlers_may_send_and_unregister_themselves() {
    struct Reentrant {
        events: Arc<dyn EventAdmin>,
        own: Mutex<Option<ServiceRegistration>>,
    }

    #[service_impl]
    impl EventHandler for Reentrant {
        async fn handle_event(&self, event: &Event) {
            if event.topic() == "first" {
                self.events.send("second", Properties::new()).await.unwrap();
            } else {
                let own = self.own.lock().unwrap().take().unwrap();
                own.unregister().await.unwrap();
            }
        }
    }

    let framework = framework().await;
    let context = framework.context();
    let events = admin(&context);
    let handler = Arc::new(Reentrant {
        events: Arc::clone(&events),
        own: Mutex::default(),
    });
    let registration = context
        .register::<dyn EventHandler>(handler.clone(), Properties::new())
        .unwrap();
    *handler.own.lock().unwrap() = Some(registration);
    let sent = tokio::time::timeout(DEADLINE, events.send("first", Properties::new()));
    sent.await.expect("no deadlock").unwrap();
    assert!(events.handlers().is_empty());
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_no_topic_is_refused_and_a_stopped_admin_says_so() {
    let framework = framework().await;
    let events = admin(&framework.context());
    for topic in ["", "a\nb", "nul\0"] {
        let sent = events.send(topic, Properties::new()).await;
        assert!(matches!(sent, Err(EventError::Topic { .. })), "{topic:?}");
        assert!(events.post(topic, Properties::new()).is_err());
    }
    framework.stop().await.unwrap();
    let posted = events.post("late", Properties::new());
    assert!(matches!(posted, Err(EventError::NotRunning)));
    let sent = events.send("late", Properties::new()).await;
    assert!(matches!(sent, Err(EventError::NotRunning)));
}

#[tokio::test]
async fn the_shell_sends_posts_and_lists() {
    let framework = framework().await;
    let context = framework.context();
    let handler = Arc::new(Recorder::default());
    register(
        &context,
        &handler,
        [("event.filter", "(colour=red)")].into(),
    );
    let is_event = Filter::parse("(instance.name=eventadmin-shell-commands)").unwrap();
    let commands = context
        .service::<dyn CommandProvider>(Some(&is_event))
        .unwrap();
    assert_eq!(commands.namespace(), "event");
    let output = Arc::new(Mutex::new(String::new()));
    let printed = Arc::clone(&output);
    let session = Session::new(move |text| printed.lock().unwrap().push_str(text));
    let arguments = Arguments::new(
        vec!["paint".to_owned()],
        [("colour".to_owned(), "red".to_owned())].into(),
    );
    for command in ["send", "post"] {
        commands.run(command, &arguments, &session).await.unwrap();
        settled(&framework).await;
        assert_eq!(handler.take(), ["paint"], "{command}");
    }
    let wrong = Arguments::new(vec![String::new()], BTreeMap::new());
    let refused = commands.run("send", &wrong, &session).await.unwrap_err();
    assert!(refused.to_string().starts_with("EventError: invalid topic"));
    let count = commands
        .run("handlers", &Arguments::default(), &session)
        .await
        .unwrap();
    assert_eq!(count, Some(Value::from(1_i64)));
    let output = output.lock().unwrap().clone();
    assert!(output.contains("(colour=red)"), "{output}");
    assert!(output.ends_with("1 event handlers\n"), "{output}");
    drop(commands);
    framework.stop().await.unwrap();
}
