//! The transitions of one instance: bind, validate, publish, and the way back.
//!
//! Everything here runs in the driver of the instance, one piece of work after the other. `configuration.rs` has what
//! properties and filters do, `publication.rs` what becomes of the services.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::callback::{self, FieldCallback, Object, panic_text};
use super::configuration::{configure, reconfigure, refilter};
use super::dependency::{Bound, Dependency};
use super::factory::ComponentFactory;
use super::fields::Follower;
use super::instance::{Instance, Work};
use super::publication::{publish, withdraw};
use super::{
    ComponentContext, ComponentError, ComponentEventKind, ComponentState, DependencyKind, Fields,
    Slot, Switch,
};
use crate::property::Properties;
use crate::registry::{ORIGINS, ServiceRef, ServiceRegistration, origins};

/// What the driver of an instance works on.
pub(super) struct Core {
    pub(super) dependencies: Vec<Dependency>,
    pub(super) built: Option<Built>,
    pub(super) started: bool,
    pub(super) killed: bool,
    /// Failures in a row.
    failures: u32,
    /// What the last failure was, to say each once.
    last_failure: Option<String>,
}

/// The object and what hangs on it.
pub(super) struct Built {
    pub(super) object: Object,
    /// In the order of the fields.
    slots: Vec<Box<dyn Slot>>,
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
            reconfigure(instance, core, properties, replace).await;
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
                tear_down(instance, core).await;
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
    let was_bound = core.dependencies[index]
        .bound
        .iter()
        .any(|bound| bound.reference == *reference);
    // Every field that may want it looks at once: built between the looks, the object would get what is gone already.
    for (dependency, field) in core
        .dependencies
        .iter_mut()
        .zip(&instance.factory.dependencies)
    {
        if reference
            .specifications()
            .iter()
            .any(|name| &**name == field.specification)
        {
            dependency.refresh(field, reference);
        }
    }
    evaluate(instance, core).await;
    let is_bound = core.dependencies[index]
        .bound
        .iter()
        .any(|bound| bound.reference == *reference);
    if modified
        && was_bound
        && is_bound
        && let Some(built) = &core.built
        && let Err(cause) = call_field(
            instance,
            &built.object,
            &instance.factory.callbacks.update,
            field.injection.field,
            "update",
            reference,
        )
        .await
    {
        fail(instance, core, cause).await;
    }
}

/// Looks at the instance again when a grace period has ended; a task that only waits.
fn evaluate_at(instance: &Arc<Instance>, until: tokio::time::Instant) {
    let weak = Arc::downgrade(instance);
    tokio::spawn(async move {
        tokio::time::sleep_until(until).await;
        if let Some(instance) = weak.upgrade() {
            instance.enqueue(Work::Evaluate);
        }
    });
}

/// Brings the instance to where it should be: built, rebound, or down.
pub(super) async fn evaluate(instance: &Arc<Instance>, core: &mut Core) {
    while !core.killed && instance.seen().state != ComponentState::Erroneous {
        let fields = &instance.factory.dependencies;
        for (dependency, field) in core.dependencies.iter_mut().zip(fields) {
            if let Some(until) = dependency.watch_absence(field.kind) {
                evaluate_at(instance, until);
            }
        }
        let wanted: Option<Vec<Vec<ServiceRef>>> = core
            .dependencies
            .iter()
            .zip(fields)
            .map(|(dependency, field)| dependency.wanted(field))
            .collect();
        match (wanted, core.built.is_some()) {
            (None, false) => {
                show_bindings(instance, core);
                return;
            }
            (None, true) => {
                let lost = first_unmet(instance, core);
                tracing::debug!(component = %instance.name, field = lost, "a required service is missing");
                tear_down(instance, core).await;
            }
            (Some(wanted), false) => {
                if let Err(cause) = build(instance, core, &wanted).await {
                    fail(instance, core, cause).await;
                }
                return;
            }
            (Some(wanted), true) => {
                let fixed_changed = core.dependencies.iter().zip(fields).zip(&wanted).any(
                    |((dependency, field), wanted)| {
                        field.kind == DependencyKind::Fixed && !dependency.has(wanted)
                    },
                );
                if fixed_changed {
                    tear_down(instance, core).await;
                    continue;
                }
                if let Err(cause) = rebind(instance, core, &wanted).await {
                    fail(instance, core, cause).await;
                }
                return;
            }
        }
    }
}

/// Build, bind…, validate, publish.
async fn build(
    instance: &Arc<Instance>,
    core: &mut Core,
    wanted: &[Vec<ServiceRef>],
) -> Result<(), ComponentError> {
    let factory = &instance.factory;
    let bundle_id = instance.bundle.bundle().id();
    let switches = factory.switches.iter();
    let mut fields = Fields {
        instance: Arc::clone(instance),
        slots: Vec::with_capacity(factory.dependencies.len()),
        switches: switches
            .map(|field| Switch::new(instance, field.on))
            .collect(),
        properties: Arc::clone(&instance.seen().configured),
        followers: Vec::new(),
    };
    for ((dependency, field), wanted) in core
        .dependencies
        .iter_mut()
        .zip(&factory.dependencies)
        .zip(wanted)
    {
        let slot = dependency.slot(field);
        dependency.rebind(wanted, slot.as_ref(), bundle_id);
        fields.slots.push(slot);
    }
    let object =
        catch_unwind(AssertUnwindSafe(|| (factory.build)(&mut fields))).map_err(|panic| {
            ComponentError::Panic {
                callback: "build",
                message: panic_text(panic.as_ref()),
            }
        })??;
    core.built = Some(Built {
        object: Arc::clone(&object),
        slots: fields.slots,
        followers: fields.followers,
        switches: fields.switches,
        registrations: vec![None; factory.services.len()],
    });
    {
        let mut seen = instance.seen();
        seen.state = ComponentState::Validating;
        seen.bindings = wanted
            .iter()
            .map(|services| (services.clone(), true))
            .collect();
    }
    for (field, services) in factory.dependencies.iter().zip(wanted) {
        for reference in services {
            call_field(
                instance,
                &object,
                &factory.callbacks.bind,
                field.injection.field,
                "bind",
                reference,
            )
            .await?;
        }
    }
    if let Some(validate) = &factory.callbacks.validate {
        let context = ComponentContext {
            instance: Arc::clone(instance),
        };
        callback::run("validate", instance.shared.callback_timeout, || {
            validate(Arc::clone(&object), context)
        })
        .await?;
    }
    core.failures = 0;
    core.last_failure = None;
    {
        let mut seen = instance.seen();
        seen.state = ComponentState::Valid;
        seen.cause = None;
    }
    tracing::debug!(component = %instance.name, "VALID");
    publish(instance, core).await?;
    instance.fire(ComponentEventKind::Validated);
    Ok(())
}

/// Takes over what the fields that follow in place should have.
async fn rebind(
    instance: &Arc<Instance>,
    core: &mut Core,
    wanted: &[Vec<ServiceRef>],
) -> Result<(), ComponentError> {
    let factory = &instance.factory;
    let bundle_id = instance.bundle.bundle().id();
    let Some(built) = &core.built else {
        return Ok(());
    };
    for (((dependency, field), wanted), slot) in core
        .dependencies
        .iter_mut()
        .zip(&factory.dependencies)
        .zip(wanted)
        .zip(&built.slots)
    {
        if dependency.has(wanted) {
            continue;
        }
        let (added, removed) = dependency.rebind(wanted, slot.as_ref(), bundle_id);
        for Bound { reference, .. } in &removed {
            call_field(
                instance,
                &built.object,
                &factory.callbacks.unbind,
                field.injection.field,
                "unbind",
                reference,
            )
            .await?;
        }
        for reference in &added {
            call_field(
                instance,
                &built.object,
                &factory.callbacks.bind,
                field.injection.field,
                "bind",
                reference,
            )
            .await?;
        }
    }
    show_bindings(instance, core);
    Ok(())
}

/// The field that cannot be satisfied, for the log.
fn first_unmet(instance: &Instance, core: &Core) -> &'static str {
    let fields = core.dependencies.iter().zip(&instance.factory.dependencies);
    let mut unmet = fields.filter(|(dependency, field)| dependency.wanted(field).is_none());
    unmet.next().map_or("", |(_, field)| field.injection.field)
}

/// Lets others see what the fields have, and what they lack.
fn show_bindings(instance: &Instance, core: &Core) {
    let fields = core.dependencies.iter().zip(&instance.factory.dependencies);
    let bindings = fields.map(|(dependency, field)| match dependency.wanted(field) {
        Some(services) => (services, true),
        None => (dependency.candidates(field), false),
    });
    let bindings = bindings.collect();
    instance.seen().bindings = bindings;
}

/// Unpublish, invalidate, unbind…, drop. What fails here is logged: the instance goes down all the same.
pub(super) async fn tear_down(instance: &Arc<Instance>, core: &mut Core) {
    let factory = &instance.factory;
    let Some(mut built) = core.built.take() else {
        return;
    };
    for index in (0..built.registrations.len()).rev() {
        withdraw(instance, &mut built, index).await;
    }
    instance.seen().state = ComponentState::Invalid;
    let report = |result: Result<(), ComponentError>| {
        if let Err(error) = result {
            tracing::error!(component = %instance.name, error = &error as &dyn std::error::Error, "a callback failed while the component went down");
        }
    };
    if let Some(invalidate) = &factory.callbacks.invalidate {
        let context = ComponentContext {
            instance: Arc::clone(instance),
        };
        let call = || invalidate(Arc::clone(&built.object), context);
        report(callback::run("invalidate", instance.shared.callback_timeout, call).await);
    }
    instance.fire(ComponentEventKind::Invalidated);
    for (dependency, field) in core.dependencies.iter_mut().zip(&factory.dependencies) {
        for Bound { reference, .. } in dependency.release() {
            report(
                call_field(
                    instance,
                    &built.object,
                    &factory.callbacks.unbind,
                    field.injection.field,
                    "unbind",
                    &reference,
                )
                .await,
            );
        }
    }
    if !core.killed {
        configure(instance);
        refilter(instance, core);
        show_bindings(instance, core);
    }
    tracing::debug!(component = %instance.name, "INVALID");
    let Built { object, .. } = built;
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(object))) {
        report(Err(ComponentError::Panic {
            callback: "drop",
            message: panic_text(panic.as_ref()),
        }));
    }
}

/// Marks the instance ERRONEOUS with its cause and sees to the next attempt.
pub(super) async fn fail(instance: &Arc<Instance>, core: &mut Core, cause: ComponentError) {
    tear_down(instance, core).await;
    for dependency in &mut core.dependencies {
        dependency.release();
    }
    core.failures += 1;
    let pause = instance.factory.retry.pause(&instance.name, core.failures);
    let error = crate::error_chain(&cause);
    let repeated = core.last_failure.as_ref() == Some(&error);
    match pause {
        // Said once: the next attempts may go on for hours.
        Some(_) if repeated => {
            tracing::debug!(component = %instance.name, ?pause, "still ERRONEOUS: {error}");
        }
        Some(_) => {
            tracing::error!(component = %instance.name, "ERRONEOUS: {error} (it is tried again by itself)");
        }
        None => tracing::error!(component = %instance.name, "ERRONEOUS: {error}"),
    }
    core.last_failure = Some(error);
    {
        let mut seen = instance.seen();
        seen.state = ComponentState::Erroneous;
        seen.cause = Some(Arc::new(cause));
    }
    if let Some(pause) = pause {
        let weak = Arc::downgrade(instance);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            if let Some(instance) = weak.upgrade() {
                instance.enqueue(Work::Retry(Properties::new(), None));
            }
        });
    }
}

/// Calls the callbacks of one field.
async fn call_field(
    instance: &Instance,
    object: &Object,
    callbacks: &[FieldCallback],
    field: &str,
    name: &'static str,
    reference: &ServiceRef,
) -> Result<(), ComponentError> {
    for (_, callback) in callbacks.iter().filter(|(of, _)| *of == field) {
        let call = || callback(Arc::clone(object), reference.clone());
        callback::run(name, instance.shared.callback_timeout, call).await?;
    }
    Ok(())
}
