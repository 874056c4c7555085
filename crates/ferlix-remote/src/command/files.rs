//! The commands that export and import by hand, and their EDEF files.

use ferlix_core::command::{CommandError, CommandResult, Session};
use ferlix_core::error_chain;
use ferlix_core::property::Properties;

use super::component::{Defaults, RsaCommand, remote_error};
use super::listing::not_found;
use crate::endpoint::names;
use crate::{Error, edef};

impl RsaCommand {
    pub(super) async fn export_service(
        &self,
        service_id: &str,
        export_config: Option<&str>,
        file: Option<&str>,
        session: &Session,
    ) -> CommandResult {
        let Ok(id) = service_id.parse::<u64>() else {
            session.line(format_args!("Invalid service ID: {service_id}"));
            return Err(CommandError::Failed);
        };
        let Some(service) = self.context()?.reference_by_id(id) else {
            session.line(format_args!("Service not found: {id}"));
            return Err(CommandError::Failed);
        };
        let defaults = self.defaults();
        let file = file.unwrap_or(&defaults.file);
        let overrides = Properties::from([
            (names::SERVICE_EXPORTED_INTERFACES, "*"),
            (
                names::SERVICE_EXPORTED_CONFIGS,
                export_config.unwrap_or(&defaults.export_config),
            ),
        ]);
        let registrations = self
            .admin
            .export_service(&service, &overrides)
            .await
            .map_err(|error| remote_error(&error))?;
        let mut endpoints = Vec::new();
        for registration in &registrations {
            match registration.reference() {
                Ok(reference) => endpoints.extend(reference.exported_endpoint()),
                Err(error) => {
                    session.line(format_args!("RemoteServiceError: {}", error_chain(&error)));
                }
            }
        }
        if endpoints.is_empty() {
            session.line(format_args!("Service={service} exported by 0 providers"));
            return Err(CommandError::Failed);
        }
        tokio::fs::write(file, edef::write(&endpoints))
            .await
            .map_err(|error| file_error(file, &error))?;
        session.line(format_args!(
            "Service={service} exported by {} providers. EDEF written to file={file}",
            endpoints.len()
        ));
        Ok(None)
    }

    pub(super) async fn import_service(
        &self,
        file: Option<&str>,
        session: &Session,
    ) -> CommandResult {
        let defaults = self.defaults();
        let file = file.unwrap_or(&defaults.file);
        let endpoints = edef::load(file.as_ref())
            .await
            .map_err(|error| read_error(file, &error))?;
        let (mut lines, mut imported) = (Vec::new(), 0);
        for endpoint in &endpoints {
            let registration = self.admin.import_service(endpoint).await;
            let reference = registration.and_then(|registration| registration.reference());
            match reference {
                Ok(reference) => {
                    imported += 1;
                    if let Some(proxy) = reference.imported_service() {
                        let (container, rsvc) =
                            (endpoint.container_id(), endpoint.remote_service_id());
                        lines.push(format!(
                            "Proxy service={proxy} imported. rsid={container}:{rsvc}"
                        ));
                    }
                }
                Err(error) => lines.push(format!("RemoteServiceError: {}", error_chain(&error))),
            }
        }
        session.line(format_args!(
            "Imported {imported} endpoints from EDEF file={file}"
        ));
        lines.iter().for_each(|line| session.line(line));
        if imported < endpoints.len() {
            return Err(CommandError::Failed);
        }
        Ok(None)
    }

    pub(super) async fn unexport_service(
        &self,
        endpoint_id: &str,
        session: &Session,
    ) -> CommandResult {
        let mut found = false;
        for registration in self.admin.export_registrations() {
            let endpoint = registration
                .reference()
                .ok()
                .and_then(|reference| reference.exported_endpoint());
            if endpoint.is_some_and(|endpoint| endpoint.id() == endpoint_id) {
                found = true;
                registration.close().await;
            }
        }
        closed(found, "export", endpoint_id, session)
    }

    pub(super) async fn unimport_service(
        &self,
        endpoint_id: &str,
        session: &Session,
    ) -> CommandResult {
        let mut found = false;
        for registration in self.admin.import_registrations() {
            let endpoint = registration
                .reference()
                .ok()
                .and_then(|reference| reference.imported_endpoint());
            if endpoint.is_some_and(|endpoint| endpoint.id() == endpoint_id) {
                found = true;
                registration.close().await;
            }
        }
        closed(found, "import", endpoint_id, session)
    }

    pub(super) async fn show_defaults(&self, session: &Session) -> CommandResult {
        let Defaults {
            export_config,
            file,
        } = self.defaults();
        let exists = match tokio::fs::try_exists(&file).await {
            Ok(true) => "True",
            _ => "False",
        };
        session.line(format_args!(
            "Defaults\n\texport_config={export_config}\n\tEDEF file={file};exists={exists}"
        ));
        Ok(None)
    }

    pub(super) async fn change_defaults(
        &self,
        export_config: Option<&str>,
        file: Option<&str>,
        session: &Session,
    ) -> CommandResult {
        let mut defaults = self.defaults();
        if let Some(export_config) = export_config {
            export_config.clone_into(&mut defaults.export_config);
        }
        if let Some(file) = file {
            file.clone_into(&mut defaults.file);
        }
        self.set_defaults(defaults);
        self.show_defaults(session).await
    }

    pub(super) async fn show_edef_file(
        &self,
        file: Option<&str>,
        session: &Session,
    ) -> CommandResult {
        let defaults = self.defaults();
        let file = file.unwrap_or(&defaults.file);
        let text = edef::text(file.as_ref())
            .await
            .map_err(|error| read_error(file, &error))?;
        session.line(text.trim_end());
        Ok(None)
    }
}

/// Nothing is said when it went well, as in iPOPO.
fn closed(found: bool, what: &str, endpoint_id: &str, session: &Session) -> CommandResult {
    if found {
        return Ok(None);
    }
    session.line(not_found(what, endpoint_id));
    Err(CommandError::Failed)
}

/// What reading a file failed of, as the shell prints it.
fn read_error(file: &str, error: &Error) -> CommandError {
    match error {
        Error::File { source, .. } => file_error(file, source),
        other => remote_error(other),
    }
}

fn file_error(file: &str, error: &std::io::Error) -> CommandError {
    CommandError::Error {
        kind: "FileError".to_owned(),
        message: format!("EDEF file={file}: {error}"),
    }
}
