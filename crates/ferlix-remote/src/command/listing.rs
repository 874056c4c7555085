//! The commands that list and show.

use ferlix_core::command::{CommandError, CommandResult, Session, printable, table};
use ferlix_core::error_chain;
use ferlix_core::property::Value;

use super::component::RsaCommand;
use crate::admin::{ExportReference, ImportReference, default_configuration};
use crate::edef;
use crate::endpoint::{EndpointDescription, names};
use crate::provider::ContainerId;

impl RsaCommand {
    pub(super) fn list_exports(
        &self,
        endpoint_id: Option<&str>,
        session: &Session,
    ) -> CommandResult {
        let references = self.admin.exported_services();
        let mut endpoints = references
            .iter()
            .filter_map(ExportReference::exported_endpoint);
        if let Some(id) = endpoint_id {
            return show(
                endpoints.find(|endpoint| endpoint.id() == id),
                "export",
                id,
                session,
            );
        }
        let rows = endpoints.map(|endpoint| {
            vec![
                endpoint.id().to_owned(),
                endpoint.container_id().to_owned(),
                endpoint.service_id().to_string(),
            ]
        });
        session.write(&table(
            "",
            &["Endpoint ID", "Container ID", "Service ID"],
            rows.collect(),
        ));
        let providers = self.export_providers.get();
        for reference in &references {
            let (Some(service), Some(endpoint)) =
                (reference.exported_service(), reference.exported_endpoint())
            else {
                continue;
            };
            let properties = service.properties();
            let providers = providers.iter().map(|provider| &**provider);
            let default = default_configuration(&properties, providers);
            if let Some(default) = default.filter(|one| endpoint.configurations().contains(one)) {
                let named = properties.texts(names::SERVICE_EXPORTED_CONFIGS);
                session.line(format_args!(
                    "{} is by default {default}: nobody knows {}",
                    endpoint.id(),
                    printable(&Value::from(named).to_string())
                ));
            }
        }
        for registration in self.admin.export_registrations() {
            if let Some(error) = registration.error() {
                let (service, error) = (registration.service(), error_chain(&error));
                session.line(format_args!(
                    "Not exported: {service}: {}",
                    printable(&error)
                ));
            }
        }
        Ok(None)
    }

    pub(super) fn list_imports(
        &self,
        endpoint_id: Option<&str>,
        session: &Session,
    ) -> CommandResult {
        let references = self.admin.imported_endpoints();
        if let Some(id) = endpoint_id {
            let mut endpoints = references
                .iter()
                .filter_map(ImportReference::imported_endpoint);
            return show(
                endpoints.find(|endpoint| endpoint.id() == id),
                "import",
                id,
                session,
            );
        }
        let rows = references.iter().filter_map(|reference| {
            let (endpoint, proxy) = (
                reference.imported_endpoint()?,
                reference.imported_service()?,
            );
            Some(vec![
                endpoint.id().to_owned(),
                endpoint.container_id().to_owned(),
                proxy.id().to_string(),
                endpoint.service_id().to_string(),
            ])
        });
        let headings = [
            "Endpoint ID",
            "Container ID",
            "Local Service ID",
            "Remote Service ID",
        ];
        session.write(&table("", &headings, rows.collect()));
        for reference in &references {
            let health = reference
                .imported_service()
                .and_then(|proxy| Some(proxy.health()?.status()));
            let endpoint = reference.imported_endpoint();
            if let (Some(endpoint), Some(health)) =
                (endpoint, health.filter(|health| !health.healthy))
            {
                session.line(format_args!("{} is {health}", endpoint.id()));
            }
        }
        for registration in self.admin.import_registrations() {
            if let Some(error) = registration.error() {
                let id = registration.endpoint().id();
                session.line(format_args!(
                    "Not imported: {}: {}",
                    printable(id),
                    printable(&error_chain(&error))
                ));
            }
        }
        Ok(None)
    }

    pub(super) fn list_configs(&self, name: Option<&str>, session: &Session) -> CommandResult {
        struct Provider {
            name: String,
            class: &'static str,
            configurations: Vec<String>,
            intents: Vec<String>,
        }
        let exporters = self.export_providers.get();
        let importers = self.import_providers.get();
        let exporters = exporters.iter().map(|provider| Provider {
            name: provider.name().to_owned(),
            class: provider.class(),
            configurations: provider.configurations(),
            intents: provider.intents(),
        });
        let importers = importers.iter().map(|provider| Provider {
            name: provider.name().to_owned(),
            class: provider.class(),
            configurations: provider.configurations(),
            intents: provider.intents(),
        });
        let mut providers = exporters.chain(importers);
        let Some(name) = name else {
            let rows = providers.map(|provider| vec![provider.name, provider.class.to_owned()]);
            session.write(&table(
                "",
                &["Distribution Provider/Config", "Class"],
                rows.collect(),
            ));
            return Ok(None);
        };
        let Some(provider) = providers.find(|provider| provider.name == name) else {
            session.line(format_args!(
                "Cannot find distribution provider with name={name}"
            ));
            return Err(CommandError::Failed);
        };
        session.line(format_args!("ID={}", provider.name));
        session.line(format_args!(
            "\tSupported Configs={}",
            Value::from(provider.configurations)
        ));
        session.line(format_args!(
            "\tSupportedIntents={}",
            Value::from(provider.intents)
        ));
        Ok(None)
    }

    pub(super) fn list_containers(&self, id: Option<&str>, session: &Session) -> CommandResult {
        struct Container {
            id: ContainerId,
            class: &'static str,
            configuration: String,
            serves: bool,
        }
        let exporting = self.export_containers.get();
        let importing = self.import_containers.get();
        let exporting = exporting.iter().map(|container| Container {
            id: container.id(),
            class: container.class(),
            configuration: container.configuration().to_owned(),
            serves: true,
        });
        let importing = importing.iter().map(|container| Container {
            id: container.id(),
            class: container.class(),
            configuration: container.configuration().to_owned(),
            serves: false,
        });
        let mut containers = exporting.chain(importing);
        let Some(id) = id else {
            let rows =
                containers.map(|container| vec![container.id.id, container.class.to_owned()]);
            session.write(&table(
                "",
                &["Container ID/instance.name", "Class"],
                rows.collect(),
            ));
            return Ok(None);
        };
        let Some(container) = containers.find(|container| container.id.id == id) else {
            session.line(format_args!("Cannot find container with id={id}"));
            return Err(CommandError::Failed);
        };
        // A container that serves is where its callers connect; one that calls is connected to no single place.
        let connected = |text: &str| {
            if container.serves {
                text.to_owned()
            } else {
                "None".to_owned()
            }
        };
        session.line(format_args!("ID={}", container.id.id));
        session.line(format_args!("\tNamespace={}", container.id.namespace));
        session.line(format_args!("\tClass={}", container.class));
        session.line(format_args!(
            "\tConnectedTo={}",
            connected(&container.id.id)
        ));
        session.line(format_args!(
            "\tConnectNamespace={}",
            connected(&container.id.namespace)
        ));
        session.line(format_args!(
            "\tConfig Type/Distribution Provider={}",
            container.configuration
        ));
        Ok(None)
    }
}

/// Shows one endpoint.
fn show(
    endpoint: Option<EndpointDescription>,
    what: &str,
    id: &str,
    session: &Session,
) -> CommandResult {
    let Some(endpoint) = endpoint else {
        session.line(not_found(what, id));
        return Err(CommandError::Failed);
    };
    session.line(format_args!(
        "Endpoint description for endpoint.id={id}:\n{}",
        edef::write([&endpoint])
    ));
    Ok(None)
}

/// What is said when there is no such export or import.
pub(super) fn not_found(what: &str, endpoint_id: &str) -> String {
    format!("Cannot find {what} registration with endpoint.id={endpoint_id}")
}
