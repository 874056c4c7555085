//! Start and stop of bundles and of the framework, in iPOPO's order of steps and events.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};

use futures_util::FutureExt;

use super::signals::stop_on_signals;
use super::{
    Bundle, BundleActivator, BundleEventKind, BundleState, Framework, FrameworkEvent,
    FrameworkEventKind,
};
use crate::Error;
use crate::component::panic_text;
use crate::property::Properties;

impl Framework {
    /// Starts the framework: the bundles in the order of installation, then the instances of the bundle sets. What fails
    /// is logged and left out. A framework that runs stays as it is.
    ///
    /// # Errors
    /// [`Error::NotRunning`] while it is stopping.
    pub async fn start(&self) -> Result<(), Error> {
        let system = self.system();
        if !system.transition(BundleState::Resolved, BundleState::Starting) {
            let state = self.state();
            return if state == BundleState::Active {
                Ok(())
            } else {
                Err(Error::NotRunning { state })
            };
        }
        self.take_runtime();
        self.announce_stopped(false);
        self.bundle_event(BundleEventKind::Starting, &self.system_bundle());
        if self.takes_signals() {
            stop_on_signals(self);
        }
        for bundle in self.bundles().into_iter().skip(1) {
            if let Err(error) = bundle.start().await {
                tracing::error!(%bundle, error = &error as &dyn std::error::Error, "the bundle did not start");
                self.bundle_failed(bundle, error);
            }
        }
        for (factory, name) in self.set_instances() {
            let result = self
                .components()
                .instantiate(factory, name, Properties::new())
                .await;
            if let Err(error) = result {
                tracing::error!(factory, name, %error, "the instance was not made");
            }
        }
        // A stop that came in meanwhile has the last word.
        if system.transition(BundleState::Starting, BundleState::Active) {
            self.bundle_event(BundleEventKind::Started, &self.system_bundle());
            self.framework_event(FrameworkEventKind::Started);
        }
        Ok(())
    }

    /// Stops the framework: the bundles by descending number. Returns when everything is down; a framework that is
    /// stopped or stopping is waited for.
    ///
    /// # Errors
    /// None today: what fails in a bundle is logged.
    pub async fn stop(&self) -> Result<(), Error> {
        let system = self.system();
        let stopping = system.transition(BundleState::Active, BundleState::Stopping)
            || system.transition(BundleState::Starting, BundleState::Stopping);
        if !stopping {
            if self.state() == BundleState::Stopping {
                self.stopped().await;
            }
            return Ok(());
        }
        let this = self.system_bundle();
        self.bundle_event(BundleEventKind::Stopping, &this);
        self.framework_event(FrameworkEventKind::Stopping);
        for bundle in self.bundles().into_iter().skip(1).rev() {
            if let Err(error) = bundle.stop().await {
                tracing::error!(%bundle, error = &error as &dyn std::error::Error, "the bundle did not stop cleanly");
                self.bundle_failed(bundle, error);
            }
        }
        self.release(&this).await;
        system.set_state(BundleState::Resolved);
        self.bundle_event(BundleEventKind::Stopped, &this);
        self.framework_event(FrameworkEventKind::Stopped);
        self.bundle_listeners().remove_bundle(0);
        self.framework_listeners().remove_bundle(0);
        self.announce_stopped(true);
        Ok(())
    }

    fn framework_event(&self, kind: FrameworkEventKind) {
        self.framework_listeners().notify(&FrameworkEvent {
            kind,
            bundle: self.system_bundle(),
            error: None,
        });
    }

    fn bundle_failed(&self, bundle: Bundle, error: Error) {
        self.framework_listeners().notify(&FrameworkEvent {
            kind: FrameworkEventKind::Error,
            bundle,
            error: Some(Arc::new(error)),
        });
    }

    pub(super) async fn start_bundle(&self, bundle: &Bundle) -> Result<(), Error> {
        if bundle.id() == 0 {
            return Box::pin(self.start()).await;
        }
        let state = self.state();
        if !matches!(state, BundleState::Starting | BundleState::Active) {
            return Err(Error::NotRunning { state });
        }
        if !bundle
            .record
            .transition(BundleState::Resolved, BundleState::Starting)
        {
            return match bundle.state() {
                BundleState::Active => Ok(()),
                state => Err(Error::BundleState {
                    bundle: bundle.symbolic_name().to_owned(),
                    state,
                    action: "started",
                }),
            };
        }
        self.bundle_event(BundleEventKind::Starting, bundle);
        if let Some(make) = bundle.definition().activator {
            let activator: Arc<dyn BundleActivator> = make().into();
            *bundle
                .record
                .activator
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&activator));
            let context = bundle.context();
            if let Err(error) = guarded(bundle, activator.start(&context)).await {
                bundle
                    .record
                    .activator
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                self.release(bundle).await;
                bundle.record.set_state(BundleState::Resolved);
                return Err(error);
            }
        }
        bundle.record.set_state(BundleState::Active);
        self.bundle_event(BundleEventKind::Started, bundle);
        self.components().add_bundle(&bundle.context()).await;
        // The framework may have been stopped meanwhile, by the activator itself for one: it did not wait for this bundle.
        if matches!(self.state(), BundleState::Starting | BundleState::Active) {
            Ok(())
        } else {
            Box::pin(self.stop_bundle(bundle)).await
        }
    }

    pub(super) async fn stop_bundle(&self, bundle: &Bundle) -> Result<(), Error> {
        if bundle.id() == 0 {
            return Box::pin(self.stop()).await;
        }
        if !bundle
            .record
            .transition(BundleState::Active, BundleState::Stopping)
        {
            return Ok(());
        }
        self.bundle_event(BundleEventKind::Stopping, bundle);
        let activator = bundle
            .record
            .activator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let result = match activator {
            Some(activator) => guarded(bundle, activator.stop(&bundle.context())).await,
            None => Ok(()),
        };
        self.bundle_event(BundleEventKind::StoppingPreclean, bundle);
        self.components().remove_bundle(bundle.id()).await;
        self.release(bundle).await;
        bundle.record.set_state(BundleState::Resolved);
        self.bundle_event(BundleEventKind::Stopped, bundle);
        result
    }

    pub(super) async fn update_bundle(&self, bundle: &Bundle) -> Result<(), Error> {
        let was_active = bundle.state() == BundleState::Active;
        if bundle.state() == BundleState::Uninstalled {
            return Err(Error::BundleState {
                bundle: bundle.symbolic_name().to_owned(),
                state: BundleState::Uninstalled,
                action: "updated",
            });
        }
        self.bundle_event(BundleEventKind::UpdateBegin, bundle);
        self.components().keep_instances(bundle.id());
        let mut result = bundle.stop().await;
        if result.is_ok() && was_active {
            result = bundle.start().await;
        }
        self.components().forget_kept(bundle.id());
        let kind = if result.is_ok() {
            BundleEventKind::Updated
        } else {
            BundleEventKind::UpdateFailed
        };
        self.bundle_event(kind, bundle);
        result
    }

    pub(super) async fn uninstall_bundle(&self, bundle: &Bundle) -> Result<(), Error> {
        if bundle.id() == 0 || bundle.state() == BundleState::Uninstalled {
            return Err(Error::BundleState {
                bundle: bundle.symbolic_name().to_owned(),
                state: bundle.state(),
                action: "uninstalled",
            });
        }
        let result = bundle.stop().await;
        bundle.record.set_state(BundleState::Uninstalled);
        self.forget(bundle.id());
        self.bundle_event(BundleEventKind::Uninstalled, bundle);
        self.bundle_listeners().remove_bundle(bundle.id());
        result
    }

    /// Whether a bundle may register services now.
    pub(super) fn check_bundle_runs(&self, bundle: &Bundle) -> Result<(), Error> {
        match bundle.state() {
            BundleState::Starting | BundleState::Active | BundleState::Stopping => Ok(()),
            state if bundle.id() == 0 => Err(Error::NotRunning { state }),
            state => Err(Error::BundleState {
                bundle: bundle.symbolic_name().to_owned(),
                state,
                action: "the owner of a service",
            }),
        }
    }

    /// Unregisters what a bundle left registered and removes its listeners.
    async fn release(&self, bundle: &Bundle) {
        let context = bundle.context();
        for service in self.registry().of_bundle(bundle.id()) {
            if let Err(error) = context.registration(service).unregister().await
                && !matches!(error, Error::Unregistered { .. })
            {
                tracing::warn!(%bundle, %error, "a service departed late");
            }
        }
        self.registry().release_bundle(bundle.id());
        if bundle.id() != 0 {
            self.bundle_listeners().remove_bundle(bundle.id());
            self.framework_listeners().remove_bundle(bundle.id());
        }
    }
}

/// Runs a step of an activator: an error or a panic becomes [`Error::Activator`].
async fn guarded(
    bundle: &Bundle,
    step: impl Future<Output = Result<(), super::BoxError>>,
) -> Result<(), Error> {
    let source = match AssertUnwindSafe(step).catch_unwind().await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(panic) => format!("panic: {}", panic_text(panic.as_ref())).into(),
    };
    Err(Error::Activator {
        bundle: bundle.symbolic_name().to_owned(),
        source,
    })
}
