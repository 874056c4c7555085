//! The bundle `ferlix.rsa.shell` and its component, which provides the commands.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use ferlix_core::command::{
    Arguments, Command, CommandError, CommandProvider, CommandResult, Session,
};
use ferlix_core::component::{ComponentContext, Many};
use ferlix_core::framework::BundleContext;
use ferlix_core::{bundle, component, lifecycle};

use crate::Error;
use crate::admin::RemoteServiceAdmin;
use crate::provider::{ExportContainer, ExportProvider, ImportContainer, ImportProvider};
use crate::work::locked;

/// What `showdefaults` shows.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pub(super) export_config: String,
    pub(super) file: String,
}

/// The commands as a component.
#[component(
    factory = "rsa-command-factory",
    instance = "rsa-command",
    provides(dyn CommandProvider)
)]
pub(super) struct RsaCommand {
    #[inject]
    pub(super) admin: Arc<dyn RemoteServiceAdmin>,
    #[inject]
    pub(super) export_providers: Many<dyn ExportProvider>,
    #[inject]
    pub(super) import_providers: Many<dyn ImportProvider>,
    #[inject]
    pub(super) export_containers: Many<dyn ExportContainer>,
    #[inject]
    pub(super) import_containers: Many<dyn ImportContainer>,
    #[property("rsa.command.defaultexportconfig", default = "ecf.xmlrpc.server")]
    export_config: String,
    #[property("rsa.command.edeffilename", default = "edef.xml")]
    file: String,
    context: OnceLock<BundleContext>,
    /// The defaults once `setdefaults` changed them.
    changed: Mutex<Option<Defaults>>,
    #[init(super::commands())]
    commands: Vec<Command>,
}

#[lifecycle]
impl RsaCommand {
    #[validate]
    fn start(&self, context: &ComponentContext) {
        let _ = self.context.set(context.bundle().clone());
    }
}

impl RsaCommand {
    /// The context of the bundle.
    pub(super) fn context(&self) -> Result<&BundleContext, CommandError> {
        self.context.get().ok_or(CommandError::Failed)
    }

    pub(super) fn defaults(&self) -> Defaults {
        locked(&self.changed).clone().unwrap_or_else(|| Defaults {
            export_config: self.export_config.clone(),
            file: self.file.clone(),
        })
    }

    pub(super) fn set_defaults(&self, defaults: Defaults) {
        *locked(&self.changed) = Some(defaults);
    }
}

#[async_trait]
impl CommandProvider for RsaCommand {
    fn namespace(&self) -> &str {
        "rsa"
    }

    fn commands(&self) -> &[Command] {
        &self.commands
    }

    async fn run(&self, command: &str, arguments: &Arguments, session: &Session) -> CommandResult {
        match command {
            "listconfigs" => self.list_configs(arguments.word(0), session),
            "listcontainers" => self.list_containers(arguments.word(0), session),
            "listexports" => self.list_exports(arguments.word(0), session),
            "listimports" => self.list_imports(arguments.word(0), session),
            "discovered" => self.discovered(arguments, session),
            "why" => self.why(arguments.required(0, "service_id or endpoint_id")?, session),
            "exportservice" => {
                let service = arguments.required(0, "service_id")?;
                self.export_service(service, arguments.word(1), arguments.word(2), session)
                    .await
            }
            "importservice" => self.import_service(arguments.word(0), session).await,
            "unexportservice" => {
                self.unexport_service(arguments.required(0, "endpoint_id")?, session)
                    .await
            }
            "unimportservice" => {
                self.unimport_service(arguments.required(0, "endpoint_id")?, session)
                    .await
            }
            "showdefaults" => self.show_defaults(session).await,
            "setdefaults" => {
                self.change_defaults(arguments.word(0), arguments.word(1), session)
                    .await
            }
            "showedeffile" => self.show_edef_file(arguments.word(0), session).await,
            other => Err(CommandError::Arguments(format!("unknown command {other}"))),
        }
    }
}

/// An error of the admin, as the shell prints it.
pub(super) fn remote_error(error: &Error) -> CommandError {
    CommandError::new("RemoteServiceError", error)
}

impl fmt::Debug for RsaCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaCommand")
            .field("defaults", &self.defaults())
            .finish_non_exhaustive()
    }
}

bundle!(
    /// The commands of the name space `rsa`: one instance, `rsa-command`.
    pub BUNDLE = "ferlix.rsa.shell",
    components = [RsaCommand]
);
