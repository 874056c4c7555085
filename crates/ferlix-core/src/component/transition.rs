//! The transitions of one instance: bind, validate, publish, and the way back.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::callback::{self, FieldCallback, Object, panic_text};
use super::dependency::{Bound, Dependency};
use super::factory::ComponentFactory;
use super::fields::Follower;
use super::instance::{Instance, Work};
use super::{ComponentContext, ComponentError, ComponentState, DependencyKind, Fields, Slot};
use crate::property::{Properties, keys};
use crate::registry::{Departure, ORIGINS, ServiceRef, ServiceRegistration};

/// What the driver of an instance works on.
pub(super) struct Core {
    dependencies: Vec<Dependency>,
    /// The properties that were given to this instance.
    given: Properties,
    built: Option<Built>,
    started: bool,
    killed: bool,
    /// Failures in a row.
    failures: u32,
    /// What the last failure was, to say each once.
    last_failure: Option<String>,
}

/// The object and what hangs on it.
struct Built {
    object: Object,
    slots: BTreeMap<&'static str, Box<dyn Slot>>,
    followers: Vec<(&'static str, Follower)>,
    registration: Option<ServiceRegistration>,
}

impl Core {
    pub(super) fn new(factory: &ComponentFactory, given: Properties) -> Self {
        Self {
            dependencies: factory
                .dependencies
                .iter()
                .map(|_| Dependency::default())
                .collect(),
            given,
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
        let mut origins = match &work {
            Work::Service {
                hold: Some(hold), ..
            } => hold.departure().origins().to_vec(),
            _ => Departure::begin().origins().to_vec(),
        };
        origins.push(instance.id);
        ORIGINS
            .scope(origins.into(), process(&instance, &mut core, work))
            .await;
    }
}

async fn process(instance: &Arc<Instance>, core: &mut Core, work: Work) {
    let done = match work {
        Work::Start(done) => {
            for (index, (dependency, field)) in core
                .dependencies
                .iter_mut()
                .zip(&instance.factory.dependencies)
                .enumerate()
            {
                dependency.start(index, field, instance);
            }
            core.started = true;
            configure(instance, core);
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
        Work::Reconfigure(properties, done) => {
            reconfigure(instance, core, &properties).await;
            done
        }
        Work::Retry(properties, done) => {
            let erroneous = instance.seen().state == ComponentState::Erroneous;
            if erroneous && !core.killed {
                core.given.merge(&properties);
                configure(instance, core);
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
            field.name,
            "update",
            reference,
        )
        .await
    {
        fail(instance, core, cause).await;
    }
}

/// Takes over what the instance is configured with, and forgets what an object before set itself.
fn configure(instance: &Instance, core: &Core) {
    let configured = Arc::new(instance.effective_properties(&core.given));
    let mut seen = instance.seen();
    seen.properties = Arc::clone(&configured);
    seen.configured = configured;
}

async fn reconfigure(instance: &Arc<Instance>, core: &mut Core, properties: &Properties) {
    core.given.merge(properties);
    let next = Arc::new(instance.effective_properties(&core.given));
    let previous = std::mem::replace(&mut instance.seen().configured, Arc::clone(&next));
    if *next == *previous || core.killed {
        return;
    }
    let changed = |key: &str| next.get(key) != previous.get(key);
    if next
        .iter()
        .any(|(key, _)| changed(key) && instance.factory.is_fixed_value(key))
    {
        tear_down(instance, core).await;
        // Also when there was no object to tear down.
        configure(instance, core);
        evaluate(instance, core).await;
        return;
    }
    // What the component set itself stays, unless it was just configured.
    let changes: Properties = next
        .iter()
        .filter(|(key, _)| changed(key))
        .map(|(key, value)| (key, value.clone()))
        .collect();
    {
        let mut seen = instance.seen();
        let mut properties = Properties::clone(&seen.properties);
        properties.merge(&changes);
        seen.properties = Arc::new(properties);
    }
    let Some(built) = &core.built else { return };
    let mut refused = None;
    for (key, follow) in built.followers.iter().filter(|(key, _)| changed(key)) {
        let value = next.get(key).cloned().unwrap_or_default();
        if let Err(source) = follow(value) {
            refused = Some(ComponentError::Property {
                key: (*key).to_owned(),
                source,
            });
        }
    }
    if let Some(registration) = &built.registration {
        // A service that is on its way out needs no property any more.
        let _ = registration.set_properties(&changes);
    }
    if let Some(cause) = refused {
        fail(instance, core, cause).await;
    }
}

/// Brings the instance to where it should be: built, rebound, or down.
async fn evaluate(instance: &Arc<Instance>, core: &mut Core) {
    while !core.killed && instance.seen().state != ComponentState::Erroneous {
        let fields = &instance.factory.dependencies;
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
            (None, true) => tear_down(instance, core).await,
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
    let mut fields = Fields {
        slots: BTreeMap::new(),
        properties: Arc::clone(&instance.seen().properties),
        followers: Vec::new(),
    };
    for ((dependency, field), wanted) in core
        .dependencies
        .iter_mut()
        .zip(&factory.dependencies)
        .zip(wanted)
    {
        let slot = (field.slot)();
        dependency.rebind(wanted, slot.as_ref(), bundle_id);
        fields.slots.insert(field.name, slot);
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
        registration: None,
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
                field.name,
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
        callback::run("validate", instance.callback_timeout, || {
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
    publish(instance, core, &object)
}

fn publish(
    instance: &Arc<Instance>,
    core: &mut Core,
    object: &Object,
) -> Result<(), ComponentError> {
    let service = instance
        .factory
        .provides
        .iter()
        .fold(None, |service, provided| {
            (provided.add)(Arc::clone(object), service)
        });
    let (Some(service), Some(built)) = (service, &mut core.built) else {
        return Ok(());
    };
    let properties = Properties::clone(&instance.seen().properties);
    let registration = instance.bundle.register_object(service, properties)?;
    built.registration = Some(registration.clone());
    instance.seen().registration = Some(registration);
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
    for ((dependency, field), wanted) in core
        .dependencies
        .iter_mut()
        .zip(&factory.dependencies)
        .zip(wanted)
    {
        if dependency.has(wanted) {
            continue;
        }
        let Some(slot) = built.slots.get(field.name) else {
            continue;
        };
        let (added, removed) = dependency.rebind(wanted, slot.as_ref(), bundle_id);
        for Bound { reference, .. } in &removed {
            call_field(
                instance,
                &built.object,
                &factory.callbacks.unbind,
                field.name,
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
                field.name,
                "bind",
                reference,
            )
            .await?;
        }
    }
    show_bindings(instance, core);
    Ok(())
}

/// Lets others see what the fields have, and what they lack.
fn show_bindings(instance: &Instance, core: &Core) {
    let fields = core.dependencies.iter().zip(&instance.factory.dependencies);
    let bindings = fields.map(|(dependency, field)| match dependency.wanted(field) {
        Some(services) => (services, true),
        None => (dependency.candidates(), false),
    });
    let bindings = bindings.collect();
    instance.seen().bindings = bindings;
}

/// Unpublish, invalidate, unbind…, drop. What fails here is logged: the instance goes down all the same.
async fn tear_down(instance: &Arc<Instance>, core: &mut Core) {
    let factory = &instance.factory;
    let Some(built) = core.built.take() else {
        return;
    };
    instance.seen().registration = None;
    if let Some(registration) = &built.registration
        && let Err(error) = registration.unregister().await
        && !matches!(error, crate::Error::Unregistered { .. })
    {
        tracing::warn!(component = %instance.name, %error, "its service departed late");
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
        report(callback::run("invalidate", instance.callback_timeout, call).await);
    }
    for (dependency, field) in core.dependencies.iter_mut().zip(&factory.dependencies) {
        for Bound { reference, .. } in std::mem::take(&mut dependency.bound) {
            report(
                call_field(
                    instance,
                    &built.object,
                    &factory.callbacks.unbind,
                    field.name,
                    "unbind",
                    &reference,
                )
                .await,
            );
        }
    }
    configure(instance, core);
    show_bindings(instance, core);
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
async fn fail(instance: &Arc<Instance>, core: &mut Core, cause: ComponentError) {
    tear_down(instance, core).await;
    for dependency in &mut core.dependencies {
        dependency.bound.clear();
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
        callback::run(name, instance.callback_timeout, call).await?;
    }
    Ok(())
}

impl Instance {
    /// What was given, over the framework's properties for declared keys, over the factory's defaults.
    fn effective_properties(&self, given: &Properties) -> Properties {
        let mut properties = self.factory.defaults.clone();
        for key in self.factory.declared_keys() {
            if let Some(value) = self.bundle.property(key) {
                properties.insert(key, value);
            }
        }
        properties.merge(given);
        properties.insert(keys::INSTANCE_NAME, &*self.name);
        properties
    }
}
