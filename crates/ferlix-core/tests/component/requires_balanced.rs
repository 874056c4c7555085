//! `Balanced`: which service a call goes to, what becomes of calls that fail; and how a `Best` follows the health.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_core::component::{
    Balance, Balanced, Best, ComponentFactory, DependencyKind, Injection,
};
use ferlix_core::component::{Component, ComponentError, Fields};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRegistration;
use ferlix_core::service::{Argument, BoxFuture, CallError, Caller, Health, Reply, Service};
use ferlix_core::{bundle, component, remote_service, service, service_impl};
use tokio::time::{Instant, sleep};

use crate::support::{Stage, ranked};

/// Says who it is.
#[remote_service("test.oracle")]
pub(crate) trait Oracle: Send + Sync {
    #[remote(idempotent)]
    async fn ask(&self, question: &str) -> Result<String, CallError>;

    async fn order(&self) -> Result<String, CallError>;
}

/// Shows what was injected.
#[service("test.window")]
trait Window: Send + Sync {
    fn balanced(&self) -> Balanced<dyn Oracle>;
    fn best(&self) -> Best<dyn Oracle>;
}

macro_rules! windows {
    ($($name:ident, $factory:literal, #[$inject:meta])*) => { $(
        #[component(factory = $factory, provides(dyn Window))]
        struct $name {
            #[$inject]
            oracles: Balanced<dyn Oracle>,
            #[inject]
            best: ferlix_core::component::Opt<dyn Oracle>,
        }

        #[service_impl]
        impl Window for $name {
            fn balanced(&self) -> Balanced<dyn Oracle> {
                self.oracles.clone()
            }

            fn best(&self) -> Best<dyn Oracle> {
                unreachable!("{:?} is not shown", self.best)
            }
        }
    )* };
}

windows! {
    InTurn, "in-turn", #[inject]
    Pending, "pending", #[inject(balance = "least_pending")]
    Fast, "fast", #[inject(balance = "latency")]
    Two, "two", #[inject(min = 2)]
    Any, "any", #[inject(min = 0)]
}

#[component(factory = "follower", provides(dyn Window))]
struct Follower {
    #[inject]
    best: Best<dyn Oracle>,
}

#[service_impl]
impl Window for Follower {
    fn balanced(&self) -> Balanced<dyn Oracle> {
        unreachable!("it has none")
    }

    fn best(&self) -> Best<dyn Oracle> {
        self.best.clone()
    }
}

bundle!(
    WINDOWS = "test.windows",
    components = [InTurn, Pending, Fast, Two, Any, Follower]
);

/// How a peer answers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Well,
    Slow(Duration),
    Unreachable,
    Refusing,
    Losing,
    Late,
    Broken,
    Faulty,
    Withdrawn,
}

struct Peer {
    name: &'static str,
    mood: Mutex<Mood>,
    calls: AtomicUsize,
    health: Arc<Health>,
}

impl Peer {
    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }
}

async fn answer(name: &'static str, mood: Mood) -> Result<Value, CallError> {
    let peer = name.to_owned();
    match mood {
        Mood::Well => Ok(name.into()),
        Mood::Slow(time) => {
            sleep(time).await;
            Ok(name.into())
        }
        Mood::Unreachable => Err(CallError::Unreachable {
            peer,
            source: "refused".into(),
        }),
        Mood::Refusing => Err(CallError::Refused {
            peer,
            reason: "busy".to_owned(),
        }),
        Mood::Losing => Err(CallError::Lost {
            peer,
            source: "reset".into(),
        }),
        Mood::Late => Err(CallError::Timeout {
            peer,
            after: Duration::from_secs(1),
        }),
        Mood::Broken => Err(CallError::Protocol {
            peer,
            reason: "status 500".to_owned(),
            source: None,
        }),
        Mood::Faulty => Err(CallError::fault("no")),
        Mood::Withdrawn => Err(CallError::Gone { service: peer }),
    }
}

impl Caller for Peer {
    fn call<'a>(
        &'a self,
        _: &'a str,
        _: &'a [Argument<'a>],
        mut reply: Reply<'a>,
    ) -> BoxFuture<'a, Result<(), CallError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let (name, mood, health) = (
            self.name,
            *self.mood.lock().unwrap(),
            Arc::clone(&self.health),
        );
        Box::pin(async move {
            reply.value(health.watch(answer(name, mood)).await?);
            Ok(())
        })
    }

    fn health(&self) -> Option<&Arc<Health>> {
        Some(&self.health)
    }
}

fn peer(stage: &Stage, name: &'static str, ranking: i32) -> (Arc<Peer>, ServiceRegistration) {
    let peer = Arc::new(Peer {
        name,
        mood: Mutex::new(Mood::Well),
        calls: AtomicUsize::new(0),
        health: Arc::new(Health::new()),
    });
    let interfaces = vec![<dyn Oracle as Service>::interface().name.to_owned()];
    let context = stage.framework.context();
    let registered = context.register_remote(interfaces, peer.clone(), ranked(ranking));
    (peer, registered.unwrap())
}

/// An oracle in this process.
struct Home;

#[service_impl]
impl Oracle for Home {
    async fn ask(&self, _: &str) -> Result<String, CallError> {
        Ok("home".to_owned())
    }

    async fn order(&self) -> Result<String, CallError> {
        Ok("home".to_owned())
    }
}

async fn window(stage: &Stage, factory: &str) -> Balanced<dyn Oracle> {
    stage.make(factory, factory, Properties::new()).await;
    let window = stage
        .framework
        .context()
        .service::<dyn Window>(None)
        .unwrap();
    window.balanced()
}

/// How often each answered of so many calls.
async fn tally(oracle: &Balanced<dyn Oracle>, calls: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..calls {
        *counts.entry(oracle.ask("?").await.unwrap()).or_default() += 1;
    }
    counts
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

#[tokio::test]
async fn calls_go_in_turn_to_all_wherever_they_are_and_whatever_their_ranking() {
    let stage = Stage::new(&[&WINDOWS]).await;
    let (_, _one) = peer(&stage, "one", 100);
    let (_, two) = peer(&stage, "two", 0);
    let home: Arc<dyn Oracle> = Arc::new(Home);
    stage
        .framework
        .context()
        .register(home, Properties::new())
        .unwrap();
    let oracle = window(&stage, "in-turn").await;
    assert_eq!(
        tally(&oracle, 300).await,
        counts(&[("home", 100), ("one", 100), ("two", 100)])
    );
    // The same as an object.
    assert!(!oracle.get().order().await.unwrap().is_empty());
    assert_eq!(format!("{oracle:?}"), "Balanced<test.oracle>");
    two.unregister().await.unwrap();
    assert_eq!(
        tally(&oracle, 300).await,
        counts(&[("home", 150), ("one", 150)])
    );
    // Those that stayed kept their account.
    let loads = oracle.loads();
    let calls: u64 = loads.iter().map(|load| load.calls).sum();
    assert_eq!((loads.len(), oracle.len()), (2, 2));
    assert!((500..=501).contains(&calls), "{loads:?}");
    assert!(
        loads
            .iter()
            .all(|load| load.pending == 0 && load.failures == 0 && load.latency.is_some())
    );
}

#[tokio::test]
async fn one_whose_peer_fails_is_left_out_until_it_answers_again() {
    let stage = Stage::new(&[&WINDOWS]).await;
    let (one, _one) = peer(&stage, "one", 0);
    let (_, _two) = peer(&stage, "two", 0);
    let (_, _three) = peer(&stage, "three", 0);
    let oracle = window(&stage, "in-turn").await;
    one.set(Mood::Unreachable);
    assert_eq!(
        tally(&oracle, 300).await,
        counts(&[("three", 150), ("two", 150)])
    );
    assert_eq!(one.calls(), 1, "it was asked once, and then no more");
    one.set(Mood::Well);
    assert_eq!(
        tally(&oracle, 30).await,
        counts(&[("three", 15), ("two", 15)])
    );
    // As a probe does.
    one.health.watch(async { Ok(()) }).await.unwrap();
    assert_eq!(
        tally(&oracle, 300).await,
        counts(&[("one", 100), ("three", 100), ("two", 100)])
    );
}

#[tokio::test]
async fn only_an_idempotent_call_that_may_have_run_is_made_again() {
    let stage = Stage::new(&[&WINDOWS]).await;
    let oracle = {
        let (first, _first) = peer(&stage, "first", 1);
        let oracle = window(&stage, "any").await;
        first.set(Mood::Faulty);
        // An answer is an answer.
        assert!(matches!(
            oracle.ask("?").await,
            Err(CallError::Fault { .. })
        ));
        assert_eq!(first.calls(), 1);
        _first.unregister().await.unwrap();
        oracle
    };
    for (mood, has_not_run) in [
        (Mood::Unreachable, true),
        (Mood::Refusing, true),
        (Mood::Withdrawn, true),
        (Mood::Losing, false),
        (Mood::Late, false),
        (Mood::Broken, false),
    ] {
        for idempotent in [true, false] {
            let (bad, bad_service) = peer(&stage, "bad", 0);
            let (good, good_service) = peer(&stage, "good", 0);
            bad.set(mood);
            let mut answers = Vec::new();
            // One of the two calls meets the bad one first; only there its health does not help.
            for _ in 0..2 {
                bad.health.watch(async { Ok(()) }).await.unwrap();
                let answer = if idempotent {
                    oracle.ask("?").await
                } else {
                    oracle.order().await
                };
                answers.push(answer.is_ok());
            }
            let expected = match has_not_run || idempotent {
                true => 2,
                false => 1,
            };
            let met = format!("{mood:?} idempotent={idempotent} {answers:?}");
            assert_eq!(
                answers.iter().filter(|well| **well).count(),
                expected,
                "{met}"
            );
            assert_eq!((bad.calls(), good.calls()), (1, expected), "{met}");
            bad_service.unregister().await.unwrap();
            good_service.unregister().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_call_waits_for_a_service_ten_seconds_and_others_do_not() {
    let stage = Stage::new(&[&WINDOWS]).await;
    let oracle = window(&stage, "any").await;
    assert!(oracle.is_empty());
    assert!(matches!(oracle.order().await, Err(CallError::Gone { .. })));
    let began = Instant::now();
    assert!(matches!(oracle.ask("?").await, Err(CallError::Gone { .. })));
    let waited = began.elapsed().as_secs_f64();
    assert!((9.0..10.1).contains(&waited), "{waited}");

    let (one, _one) = peer(&stage, "one", 0);
    one.set(Mood::Unreachable);
    let began = Instant::now();
    assert!(matches!(
        oracle.order().await,
        Err(CallError::Unreachable { .. })
    ));
    assert!(began.elapsed() < Duration::from_millis(1));
    assert_eq!(one.calls(), 1);
    assert!(matches!(
        oracle.ask("?").await,
        Err(CallError::Unreachable { .. })
    ));
    let rounds = one.calls();
    assert!((20..60).contains(&rounds), "{rounds}");

    // What comes while it waits is asked.
    let late = {
        let oracle = oracle.clone();
        tokio::spawn(async move { oracle.ask("?").await })
    };
    sleep(Duration::from_secs(5)).await;
    let (_, _two) = peer(&stage, "two", 0);
    assert_eq!(late.await.unwrap().unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn the_one_with_the_fewest_calls_under_way_is_asked() {
    let stage = Stage::new(&[&WINDOWS]).await;
    let (stuck, _stuck) = peer(&stage, "stuck", 0);
    let (_, _free) = peer(&stage, "free", 0);
    stuck.set(Mood::Slow(Duration::from_secs(3600)));
    let oracle = window(&stage, "pending").await;
    // Two at once go to different ones; the one that hangs gets no more.
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let oracle = oracle.clone();
            tokio::spawn(async move { oracle.ask("?").await })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(tally(&oracle, 50).await, counts(&[("free", 50)]));
    let pending: Vec<usize> = oracle.loads().iter().map(|load| load.pending).collect();
    assert_eq!(pending, [1, 0]);
    // A call that is given up is under way no more.
    for call in calls {
        call.abort();
        let _ = call.await;
    }
    assert!(oracle.loads().iter().all(|load| load.pending == 0));
}

#[tokio::test(start_paused = true)]
async fn the_fastest_is_asked_and_a_slow_one_now_and_then() {
    let stage = Stage::new(&[&WINDOWS]).await;
    let (slow, _slow) = peer(&stage, "slow", 0);
    let (fast, _fast) = peer(&stage, "fast", 0);
    slow.set(Mood::Slow(Duration::from_millis(200)));
    fast.set(Mood::Slow(Duration::from_millis(10)));
    let oracle = window(&stage, "fast").await;
    let mut shares = tally(&oracle, 2000).await;
    let asked = shares.remove("slow").unwrap();
    assert!((2..100).contains(&asked), "{asked} of 2000");
    // Their roles change, and so do their shares.
    slow.set(Mood::Slow(Duration::from_millis(1)));
    tally(&oracle, 1000).await;
    let shares = tally(&oracle, 1000).await;
    assert!(shares["slow"] > 900, "{shares:?}");
}

#[tokio::test]
async fn it_requires_one_or_as_many_as_it_says() {
    let stage = Stage::new(&[&WINDOWS]).await;
    for factory in ["in-turn", "two", "any"] {
        stage.make(factory, factory, Properties::new()).await;
    }
    let valid = || ["in-turn", "two", "any"].map(|name| stage.valid(name));
    assert_eq!(valid(), [false, false, true]);
    let (_, one) = peer(&stage, "one", 0);
    assert_eq!(valid(), [true, false, true]);
    let (_, _two) = peer(&stage, "two", 0);
    assert_eq!(valid(), [true, true, true]);
    one.unregister().await.unwrap();
    assert_eq!(valid(), [true, false, true]);
    let details = stage.framework.components().instance("two").unwrap();
    let requirement = &details.dependencies[0].requirement;
    assert_eq!(
        (requirement.kind, requirement.minimum),
        (DependencyKind::Balanced, 2)
    );
    assert!(requirement.aggregate && !requirement.optional);
}

/// Everything is possible without the macros, too.
struct ByHand;

impl Component for ByHand {
    fn factory() -> ComponentFactory {
        let injection = Injection::new("oracles").balance(Balance::Latency);
        ComponentFactory::of::<Self>("by-hand").injected::<Balanced<dyn Oracle>>(injection)
    }

    fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
        let oracles: Balanced<dyn Oracle> = fields.injected("oracles")?;
        assert_eq!(oracles.len(), 1);
        Ok(Self)
    }
}

bundle!(BY_HAND = "test.by-hand", components = [ByHand]);

#[tokio::test]
async fn it_is_injected_without_macros() {
    let stage = Stage::new(&[&BY_HAND]).await;
    stage.make("by-hand", "h", Properties::new()).await;
    assert!(!stage.valid("h"));
    let (_, _one) = peer(&stage, "one", 0);
    assert!(stage.valid("h"));
}

#[tokio::test]
async fn the_best_is_the_first_in_the_ranking_whose_peer_answers() {
    let stage = Stage::new(&[&WINDOWS]).await;
    let (one, _one) = peer(&stage, "one", 10);
    let (two, two_service) = peer(&stage, "two", 5);
    stage.make("follower", "f", Properties::new()).await;
    let best = {
        let window = stage
            .framework
            .context()
            .service::<dyn Window>(None)
            .unwrap();
        window.best()
    };
    let asked = async || best.get().order().await.map_err(|error| error.to_string());
    assert_eq!(asked().await.unwrap(), "one");
    one.set(Mood::Unreachable);
    // The call that finds it out fails; the next one goes elsewhere.
    assert_eq!(asked().await.unwrap_err(), "cannot reach one");
    assert_eq!(asked().await.unwrap(), "two");
    // A fault is an answer.
    two.set(Mood::Faulty);
    assert!(asked().await.is_err());
    assert_eq!((one.calls(), two.calls()), (2, 2));
    // All fail: the best of them.
    two.set(Mood::Losing);
    assert!(asked().await.is_err());
    assert_eq!(asked().await.unwrap_err(), "cannot reach one");
    // It answers again, as a probe finds out.
    two.set(Mood::Well);
    two.health.watch(async { Ok(()) }).await.unwrap();
    assert_eq!(asked().await.unwrap(), "two");
    one.set(Mood::Well);
    one.health.watch(async { Ok(()) }).await.unwrap();
    assert_eq!(asked().await.unwrap(), "one");
    // One without account is always well.
    let home: Arc<dyn Oracle> = Arc::new(Home);
    stage
        .framework
        .context()
        .register(home, ranked(-1))
        .unwrap();
    for peer in [&one, &two] {
        peer.set(Mood::Unreachable);
        let _ = peer.health.watch(answer("x", Mood::Unreachable)).await;
    }
    assert_eq!(asked().await.unwrap(), "home");
    // No property and no event told of all this.
    assert!(
        !two_service
            .reference()
            .properties()
            .iter()
            .any(|(key, _)| key.contains("health"))
    );
}
