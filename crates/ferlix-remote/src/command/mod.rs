//! The shell commands of the name space `rsa`.
//!
//! They show what is exported, discovered and imported, by which providers and containers, and export and import by hand
//! with EDEF files.
//! Deliberately absent: any state but the two defaults, which live as long as the component.

mod component;
mod discovered;
mod files;
mod listing;
mod why;

use ferlix_core::command::{Command, Completion};

pub use component::BUNDLE;

/// The framework or component property with the configuration type that `exportservice` uses unless told otherwise.
pub const DEFAULT_EXPORT_CONFIG: &str = "rsa.command.defaultexportconfig";
/// The framework or component property with the file that the EDEF commands use unless told otherwise.
pub const EDEF_FILE_NAME: &str = "rsa.command.edeffilename";

/// The commands, in the order in which `help` lists them.
fn commands() -> Vec<Command> {
    vec![
        Command::new(
            "listconfigs",
            "Lists the distribution providers, or shows what one supports",
        )
        .aliases(&["lcfgs", "listproviders"])
        .optional("config_name", Completion::None),
        Command::new(
            "listcontainers",
            "Lists the containers of the providers, or shows one",
        )
        .aliases(&["lcs"])
        .optional("container_id", Completion::None),
        Command::new(
            "listexports",
            "Lists the exported endpoints, or shows one as EDEF",
        )
        .aliases(&["lexps"])
        .optional("endpoint_id", Completion::None),
        Command::new(
            "listimports",
            "Lists the imported endpoints, or shows one as EDEF",
        )
        .aliases(&["limps"])
        .optional("endpoint_id", Completion::None),
        Command::new(
            "discovered",
            "Lists the endpoints that the discoveries know, and why they are not imported: all, those that match a filter, or those with a word",
        )
        .optional("filter", Completion::None)
        .keywords("property"),
        Command::new(
            "why",
            "Says step by step why a service is exported or not, or why an endpoint is imported or not",
        )
        .required("service_id | endpoint_id", Completion::Service),
        Command::new(
            "exportservice",
            "Exports a service and writes its endpoints to an EDEF file",
        )
        .aliases(&["exportsvc"])
        .required("service_id", Completion::Service)
        .optional("export_config", Completion::None)
        .optional("filename", Completion::File),
        Command::new("importservice", "Imports the endpoints of an EDEF file")
            .aliases(&["impsvc"])
            .optional("filename", Completion::File),
        Command::new(
            "unexportservice",
            "Withdraws an exported endpoint, whoever exported it",
        )
        .aliases(&["unexpsvc"])
        .required("endpoint_id", Completion::None),
        Command::new(
            "unimportservice",
            "Withdraws the proxy of an endpoint, whoever imported it",
        )
        .aliases(&["unimpsvc"])
        .required("endpoint_id", Completion::None),
        Command::new(
            "showdefaults",
            "Shows the configuration type and the EDEF file that are used unless told otherwise",
        ),
        Command::new(
            "setdefaults",
            "Changes the configuration type and the EDEF file that are used unless told otherwise",
        )
        .optional("export_config", Completion::None)
        .optional("filename", Completion::File),
        Command::new("showedeffile", "Prints an EDEF file").optional("filename", Completion::File),
    ]
}
