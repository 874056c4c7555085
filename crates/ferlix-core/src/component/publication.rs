//! What becomes of the services of a valid instance: registered while their switches are on.

use std::sync::Arc;

use super::ComponentError;
use super::callback::{self, ServiceCallback};
use super::instance::Instance;
use super::transition::{Built, Core};
use crate::property::Properties;
use crate::registry::{ServiceRef, ServiceRegistration};

/// Registers what is switched on and withdraws what is switched off.
///
/// # Errors
/// When a service cannot be registered, or `post_registration` fails.
pub(super) async fn publish(
    instance: &Arc<Instance>,
    core: &mut Core,
) -> Result<(), ComponentError> {
    let factory = &instance.factory;
    let Some(built) = &mut core.built else {
        return Ok(());
    };
    for (index, interfaces) in factory.services.iter().enumerate() {
        let concerns = |specification: Option<&'static str>| {
            let named = |name| interfaces.iter().any(|one| one.specification == name);
            specification.is_none_or(named)
        };
        let switches = factory.switches.iter().zip(&built.switches);
        let on = switches
            .filter(|(field, _)| concerns(field.specification))
            .all(|(_, switch)| switch.is_on());
        if !on {
            withdraw(instance, built, index).await;
            continue;
        }
        if built.registrations[index].is_some() {
            continue;
        }
        let service = interfaces.iter().fold(None, |service, provided| {
            (provided.add)(Arc::clone(&built.object), service)
        });
        let Some(service) = service else { continue };
        let properties = Properties::clone(&instance.seen().properties);
        let registration = instance.bundle.register_object(service, properties)?;
        let reference = registration.reference().clone();
        built.registrations[index] = Some(registration);
        show(instance, built);
        call(
            instance,
            built,
            "post_registration",
            &factory.callbacks.post_registration,
            reference,
        )
        .await?;
    }
    Ok(())
}

/// Withdraws one service; what fails is logged.
pub(super) async fn withdraw(instance: &Arc<Instance>, built: &mut Built, index: usize) {
    let Some(registration) = built.registrations[index].take() else {
        return;
    };
    show(instance, built);
    if let Err(error) = registration.unregister().await
        && !matches!(error, crate::Error::Unregistered { .. })
    {
        tracing::warn!(component = %instance.name, %error, "its service departed late");
    }
    let callback = &instance.factory.callbacks.post_unregistration;
    let reference = registration.reference().clone();
    if let Err(error) = call(instance, built, "post_unregistration", callback, reference).await {
        tracing::error!(component = %instance.name, error = &error as &dyn std::error::Error, "a callback failed while the service went");
    }
}

async fn call(
    instance: &Instance,
    built: &Built,
    name: &'static str,
    callback: &Option<ServiceCallback>,
    reference: ServiceRef,
) -> Result<(), ComponentError> {
    let Some(callback) = callback else {
        return Ok(());
    };
    let call = || callback(Arc::clone(&built.object), reference);
    callback::run(name, instance.shared.callback_timeout, call).await
}

/// Lets others see the services.
fn show(instance: &Instance, built: &Built) {
    let registrations: Vec<ServiceRegistration> =
        built.registrations.iter().flatten().cloned().collect();
    instance.seen().registrations = registrations;
}
