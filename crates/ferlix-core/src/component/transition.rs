//! The driver of one instance: takes its work one piece after the other, and decides where the instance should be.
//!
//! `assembly.rs` builds the object, rebinds it and takes it down; `configuration.rs` has what properties and filters do,
//! `publication.rs` what becomes of the services.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::assembly::{build, call_field, fail, rebind, tear_down};
use super::callback::Object;
use super::configuration::{configure, reconfigure, refilter};
use super::dependency::Dependency;
use super::factory::ComponentFactory;
use super::fields::Follower;
use super::instance::{Instance, Work};
use super::publication::publish;
use super::{ComponentEventKind, ComponentState, DependencyKind, Slot, Switch};
use crate::registry::{ORIGINS, ServiceRef, ServiceRegistration, origins};

/// What the driver of an instance works on.
pub(super) struct Core {
    pub(super) dependencies: Vec<Dependency>,
    pub(super) built: Option<Built>,
    pub(super) started: bool,
    pub(super) killed: bool,
    /// Failures in a row.
    pub(super) failures: u32,
    /// What the last failure was, to say each once.
    pub(super) last_failure: Option<String>,
}

/// The object and what hangs on it.
pub(super) struct Built {
    pub(super) object: Object,
    /// In the order of the fields.
    pub(super) slots: Vec<Box<dyn Slot>>,
    pub(super) followers: Vec<(&'static str, Follower)>,
    pub(super) switches: Vec<Switch>,
    /// In the order of the factory's services.
    pub(super) registrations: Vec<Option<ServiceRegistration>>,
}

impl Core {
    pub(super) fn new(factory: &ComponentFactory) -> Self {
        Self {
            dependencies: factory
                .dependencies
                .iter()
                .map(|field| Dependency::new(field.injection.grace))
                .collect(),
            built: None,
            started: false,
            killed: false,
            failures: 0,
            last_failure: None,
        }
    }
}

/// Does the queued work of an instance, one piece after the other.
pub(super) async fn drive(instance: Arc<Instance>) {
    let Some(mut core) = instance.take_core() else {
        return;
    };
    loop {
        // The core goes back before the queue is seen empty: the next driver may start at that very moment.
        instance.put_core(core);
        let Some(work) = instance.next_work() else {
            return;
        };
        let Some(taken) = instance.take_core() else {
            return;
        };
        core = taken;
        let mut within = match &work {
            Work::Service {
                hold: Some(hold), ..
            } => hold.departure().origins().to_vec(),
            _ => origins().to_vec(),
        };
        within.push(instance.id);
        ORIGINS
            .scope(within.into(), process(&instance, &mut core, work))
            .await;
    }
}

/// Most of what a piece of work needs lies on the heap for itself. Together it would be more than an allocator has at hand (1,032
/// bytes of glibc's), and be asked for at each change of a service.
async fn process(instance: &Arc<Instance>, core: &mut Core, work: Work) {
    let done = match work {
        Work::Start(done) => {
            core.started = true;
            configure(instance);
            refilter(instance, core);
            instance.fire(ComponentEventKind::Instantiated);
            evaluate(instance, core).await;
            done
        }
        Work::Service {
            dependency,
            reference,
            modified,
            hold,
        } => {
            if core.started && !core.killed {
                service_changed(instance, core, dependency, &reference, modified).await;
            }
            drop(hold);
            None
        }
        Work::Reconfigure {
            properties,
            replace,
            done,
        } => {
            Box::pin(reconfigure(instance, core, properties, replace)).await;
            done
        }
        Work::Evaluate => {
            if core.started && !core.killed {
                refilter(instance, core);
                evaluate(instance, core).await;
            }
            None
        }
        Work::Publish => {
            if instance.seen().state == ComponentState::Valid
                && let Err(cause) = publish(instance, core).await
            {
                fail(instance, core, cause).await;
            }
            None
        }
        Work::Retry(properties, done) => {
            let erroneous = instance.seen().state == ComponentState::Erroneous;
            if erroneous && !core.killed {
                instance.merge_given(&properties);
                configure(instance);
                refilter(instance, core);
                {
                    let mut seen = instance.seen();
                    seen.state = ComponentState::Invalid;
                    seen.cause = None;
                }
                evaluate(instance, core).await;
            }
            done
        }
        Work::Kill(done) => {
            if !core.killed {
                core.killed = true;
                Box::pin(tear_down(instance, core)).await;
                for dependency in &mut core.dependencies {
                    dependency.stop(instance);
                }
                instance.seen().state = ComponentState::Killed;
                instance.fire(ComponentEventKind::Killed);
            }
            done
        }
    };
    if let Some(done) = done {
        // Whoever asked may have given up waiting.
        let _ = done.send(());
    }
}

async fn service_changed(
    instance: &Arc<Instance>,
    core: &mut Core,
    index: usize,
    reference: &ServiceRef,
    modified: bool,
) {
    let field = &instance.factory.dependencies[index];
    let bound = |core: &Core| {
        let mut all = core.dependencies[index].bound.iter();
        let found = all.find(|bound| bound.reference() == reference);
        found.map(|bound| bound.service.clone())
    };
    let was_bound = bound(core).is_some();
    // Every field that may want it looks at once: built between the looks, the object would get what is gone already.
    for (dependency, field) in core
        .dependencies
        .iter_mut()
        .zip(&instance.factory.dependencies)
    {
        if field.concerns(reference) {
            dependency.refresh(field, reference);
        }
    }
    evaluate(instance, core).await;
    if modified
        && was_bound
        && let Some(service) = bound(core)
        && let Some(built) = &core.built
        && let Err(cause) = call_field(
            instance,
            &built.object,
            &instance.factory.callbacks.update,
            field.injection.field,
            "update",
            &service,
        )
        .await
    {
        fail(instance, core, cause).await;
    }
}

/// Queues work later; a task that only waits.
pub(super) fn enqueue_at(
    instance: &Arc<Instance>,
    at: Instant,
    work: impl FnOnce() -> Work + Send + 'static,
) {
    let weak = Arc::downgrade(instance);
    tokio::spawn(async move {
        tokio::time::sleep_until(at).await;
        if let Some(instance) = weak.upgrade() {
            instance.enqueue(work());
        }
    });
}

/// Brings the instance to where it should be: built, rebound, or down. What is asked of it before it begins is done when it
/// does.
pub(super) fn evaluate<'a>(instance: &'a Arc<Instance>, core: &'a mut Core) -> BoxFuture<'a, ()> {
    Box::pin(bring_in_place(instance, core))
}

async fn bring_in_place(instance: &Arc<Instance>, core: &mut Core) {
    while core.started && !core.killed && instance.seen().state != ComponentState::Erroneous {
        let fields = &instance.factory.dependencies;
        for (dependency, field) in core.dependencies.iter_mut().zip(fields) {
            if let Some(until) = dependency.watch_absence(field.kind) {
                enqueue_at(instance, until, || Work::Evaluate);
            }
        }
        let wanted: Option<Vec<Vec<ServiceRef>>> = core
            .dependencies
            .iter()
            .zip(fields)
            .map(|(dependency, field)| dependency.wanted(field))
            .collect();
        let Some(wanted) = wanted else {
            for dependency in &mut core.dependencies {
                dependency.drop_prepared();
            }
            if core.built.is_none() {
                show_bindings(instance, core);
                return;
            }
            let lost = first_unmet(instance, core);
            tracing::debug!(component = %instance.name, field = lost, "a required service is missing");
            tear_down(instance, core).await;
            continue;
        };
        if !prepare(instance, core, &wanted) {
            continue;
        }
        let up = if core.built.is_none() {
            build(instance, core, &wanted).await
        } else if fixed_changed(instance, core, &wanted) {
            tear_down(instance, core).await;
            continue;
        } else {
            rebind(instance, core, &wanted).await
        };
        if let Err(cause) = up {
            fail(instance, core, cause).await;
        }
        return;
    }
}

/// Whether a field that cannot be rebound is to have another service.
fn fixed_changed(instance: &Instance, core: &Core, wanted: &[Vec<ServiceRef>]) -> bool {
    let fields = core.dependencies.iter().zip(&instance.factory.dependencies);
    fields.zip(wanted).any(|((dependency, field), wanted)| {
        field.kind == DependencyKind::Fixed && !dependency.has(wanted)
    })
}

/// Has made for the fields what is made for its users. False when a service cannot be had: then the field does without it,
/// and it is looked at again when it changes, or after the pause of the retry policy.
fn prepare(instance: &Arc<Instance>, core: &mut Core, wanted: &[Vec<ServiceRef>]) -> bool {
    let bundle_id = instance.bundle.bundle().id();
    let fields = core
        .dependencies
        .iter_mut()
        .zip(&instance.factory.dependencies);
    for (index, ((dependency, field), wanted)) in fields.zip(wanted).enumerate() {
        let Err(reference) = dependency.prepare(field, wanted, bundle_id) else {
            continue;
        };
        let attempts = dependency.refuse(reference.clone());
        let pause = instance.factory.retry.pause(&instance.name, attempts);
        if let Some(pause) = pause.filter(|_| reference.is_registered()) {
            let work = move || Work::Service {
                dependency: index,
                reference,
                modified: false,
                hold: None,
            };
            enqueue_at(instance, Instant::now() + pause, work);
        }
        return false;
    }
    true
}

/// The field that cannot be satisfied, for the log.
fn first_unmet(instance: &Instance, core: &Core) -> &'static str {
    let fields = core.dependencies.iter().zip(&instance.factory.dependencies);
    let mut unmet = fields.filter(|(dependency, field)| dependency.wanted(field).is_none());
    unmet.next().map_or("", |(_, field)| field.injection.field)
}

/// Lets others see what the fields have, and what they lack.
pub(super) fn show_bindings(instance: &Instance, core: &Core) {
    let fields = core.dependencies.iter().zip(&instance.factory.dependencies);
    let bindings = fields.map(|(dependency, field)| match dependency.wanted(field) {
        Some(services) => (services, true),
        None => (dependency.candidates(field), false),
    });
    let bindings = bindings.collect();
    let refusals = core.dependencies.iter().enumerate();
    let refusals = refusals.filter_map(|(index, one)| Some((index, one.refused.clone()?.0)));
    let refusals = refusals.collect();
    let mut seen = instance.seen();
    seen.bindings = bindings;
    seen.refusals = refusals;
}
