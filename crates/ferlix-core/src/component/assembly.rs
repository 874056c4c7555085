//! The object of an instance: build, bind…, validate, publish; rebind; and the way back.
//!
//! Everything here runs in the driver of the instance (`transition.rs`), which decides what is to be done. A failure on the way
//! up makes the instance ERRONEOUS; one on the way down is logged.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::bound::{Bound, BoundService};
use super::callback::{self, ErasedFieldCallback, Object, panic_text};
use super::configuration::{configure, refilter};
use super::instance::{Instance, Work};
use super::publication::{publish, withdraw};
use super::transition::{Built, Core, enqueue_at, show_bindings};
use super::{ComponentContext, ComponentError, ComponentEventKind, ComponentState, Fields, Switch};
use crate::property::Properties;
use crate::registry::ServiceRef;

/// Build, bind…, validate, publish.
pub(super) async fn build(
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
    for (field, dependency) in factory.dependencies.iter().zip(&core.dependencies) {
        for bound in &dependency.bound {
            call_field(
                instance,
                &object,
                &factory.callbacks.bind,
                field.injection.field,
                "bind",
                &bound.service,
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
pub(super) async fn rebind(
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
        for Bound { service, .. } in &removed {
            call_field(
                instance,
                &built.object,
                &factory.callbacks.unbind,
                field.injection.field,
                "unbind",
                service,
            )
            .await?;
        }
        for service in &added {
            call_field(
                instance,
                &built.object,
                &factory.callbacks.bind,
                field.injection.field,
                "bind",
                service,
            )
            .await?;
        }
    }
    show_bindings(instance, core);
    Ok(())
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
        for bound in dependency.release() {
            report(
                call_field(
                    instance,
                    &built.object,
                    &factory.callbacks.unbind,
                    field.injection.field,
                    "unbind",
                    &bound.service,
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
pub(super) fn fail<'a>(
    instance: &'a Arc<Instance>,
    core: &'a mut Core,
    cause: ComponentError,
) -> BoxFuture<'a, ()> {
    Box::pin(go_down(instance, core, cause))
}

async fn go_down(instance: &Arc<Instance>, core: &mut Core, cause: ComponentError) {
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
        let retry = || Work::Retry(Properties::new(), None);
        enqueue_at(instance, Instant::now() + pause, retry);
    }
}

/// Calls the callbacks of one field.
pub(super) async fn call_field(
    instance: &Instance,
    object: &Object,
    callbacks: &[ErasedFieldCallback],
    field: &str,
    name: &'static str,
    service: &BoundService,
) -> Result<(), ComponentError> {
    for callback in callbacks.iter().filter(|callback| callback.field == field) {
        if callback.if_valid && instance.seen().state != ComponentState::Valid {
            continue;
        }
        let call = || (callback.call)(Arc::clone(object), service.clone());
        callback::run(name, instance.shared.callback_timeout, call).await?;
    }
    Ok(())
}
