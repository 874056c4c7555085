//! `bl`, `bd`, `start`, `stop`, `update`, `install` and `uninstall`.

use std::fmt::Write as _;

use ferlix_core::Error;
use ferlix_core::command::{Arguments, CommandError, CommandResult, Session, printable, table};
use ferlix_core::framework::{Bundle, Framework};
use ferlix_core::property::Value;
use ferlix_core::registry::ServiceRef;

pub(super) fn list(
    framework: &Framework,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let part = arguments.word(0);
    let bundles = framework.bundles();
    let rows: Vec<Vec<String>> = bundles
        .iter()
        .filter(|bundle| part.is_none_or(|part| bundle.symbolic_name().contains(part)))
        .map(|bundle| {
            let (name, version) = (
                bundle.symbolic_name().to_owned(),
                bundle.version().to_owned(),
            );
            vec![
                bundle.id().to_string(),
                name,
                bundle.state().to_string(),
                version,
            ]
        })
        .collect();
    let footer = match part {
        None => format!("{} bundles installed\n", rows.len()),
        Some(_) => format!("{} filtered bundles\n", rows.len()),
    };
    session.write(&(table("", &["ID", "Name", "State", "Version"], rows) + &footer));
    Ok(None)
}

pub(super) fn details(
    framework: &Framework,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let word = arguments.required(0, "bundle_id")?;
    let Some(bundle) = find(framework, word) else {
        session.line(format!("Unknown bundle ID: {word}"));
        return Err(CommandError::Failed);
    };
    let mut text = format!(
        "ID......: {}\nName....: {}\nVersion.: {}\nState...: {}\nLocation: {}\n",
        bundle.id(),
        bundle.symbolic_name(),
        bundle.version(),
        bundle.state(),
        bundle.location()
    );
    for (heading, services) in [
        ("Published services", bundle.registered_services()),
        ("Services used by this bundle", bundle.used_services()),
    ] {
        // Writing to a String cannot fail.
        let _ = write!(text, "{heading}:\n{}", references(&services));
    }
    session.write(&text);
    Ok(None)
}

fn references(services: &[ServiceRef]) -> String {
    if services.is_empty() {
        return "\tn/a\n".to_owned();
    }
    services
        .iter()
        .map(|service| format!("\t{}\n", printable(&service.to_string())))
        .collect()
}

pub(super) async fn start(
    framework: &Framework,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    for word in &arguments.words {
        let bundle = match word.parse::<u64>() {
            Ok(_) => known(framework, word, session)?,
            Err(_) => installed(framework, word, session)?,
        };
        say("Starting", &bundle, session);
        bundle.start().await.map_err(|error| failure(&error))?;
    }
    Ok(None)
}

pub(super) async fn stop(
    framework: &Framework,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let stop = |bundle: Bundle| async move { bundle.stop().await };
    each(framework, arguments, session, "Stopping", stop).await
}

pub(super) async fn update(
    framework: &Framework,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let update = |bundle: Bundle| async move { bundle.update().await };
    each(framework, arguments, session, "Updating", update).await
}

pub(super) async fn uninstall(
    framework: &Framework,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let uninstall = |bundle: Bundle| async move { bundle.uninstall().await };
    each(framework, arguments, session, "Uninstalling", uninstall).await
}

/// Says what is done to each bundle, and does it, up to the first that refuses.
async fn each<F: Future<Output = Result<(), Error>> + Send>(
    framework: &Framework,
    arguments: &Arguments,
    session: &Session,
    what: &str,
    work: impl Fn(Bundle) -> F,
) -> CommandResult {
    for word in &arguments.words {
        let bundle = known(framework, word, session)?;
        say(what, &bundle, session);
        work(bundle).await.map_err(|error| failure(&error))?;
    }
    Ok(None)
}

pub(super) fn install(
    framework: &Framework,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let bundle = installed(framework, arguments.required(0, "symbolic_name")?, session)?;
    Ok(Some(Value::Long(
        i64::try_from(bundle.id()).unwrap_or(i64::MAX),
    )))
}

/// The bundle of a number or a symbolic name.
fn find(framework: &Framework, word: &str) -> Option<Bundle> {
    match word.parse() {
        Ok(id) => framework.bundle(id),
        Err(_) => framework.bundle_by_name(word),
    }
}

fn known(framework: &Framework, word: &str, session: &Session) -> Result<Bundle, CommandError> {
    find(framework, word).ok_or_else(|| {
        session.line(format!("Unknown bundle: {word}"));
        CommandError::Failed
    })
}

/// Installs a bundle by name, or takes the one that is there.
fn installed(framework: &Framework, name: &str, session: &Session) -> Result<Bundle, CommandError> {
    let bundle = framework
        .install_by_name(name)
        .map_err(|error| CommandError::Error {
            kind: KIND.to_owned(),
            message: format!("Error installing bundle {name}: {error}"),
        })?;
    session.line(format!("Bundle ID: {}", bundle.id()));
    Ok(bundle)
}

fn say(what: &str, bundle: &Bundle, session: &Session) {
    session.line(format!(
        "{what} bundle {} ({})...",
        bundle.id(),
        bundle.symbolic_name()
    ));
}

/// What stands in front of a framework's refusal.
const KIND: &str = "BundleError";

fn failure(error: &Error) -> CommandError {
    CommandError::new(KIND, error)
}
