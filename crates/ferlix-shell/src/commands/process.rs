//! `properties`, `property`, `sysprops`, `sysprop`, `cd`, `pwd` and `whoami`.

use std::env;

use ferlix_core::command::{Arguments, CommandError, CommandResult, Session, printable, table};
use ferlix_core::framework::Framework;
use ferlix_core::property::{HIDDEN, Value, is_secret, shown};

pub(super) fn properties(framework: &Framework, session: &Session) -> CommandResult {
    let mut rows: Vec<Vec<String>> = framework
        .properties()
        .iter()
        .map(|(key, value)| vec![key.to_owned(), shown(key, value).to_string()])
        .collect();
    rows.sort();
    session.write(&table("", &["Property Name", "Value"], rows));
    Ok(None)
}

/// The environment is not looked at: components do not see it either.
pub(super) fn property(
    framework: &Framework,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let name = arguments.required(0, "name")?;
    let value = framework.property(name);
    let value = value.map(|value| shown(name, &value).into_owned());
    let text = value.as_ref().map(ToString::to_string).unwrap_or_default();
    session.line(printable(&text));
    Ok(value)
}

pub(super) fn variables(session: &Session) -> CommandResult {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let mut rows: Vec<Vec<String>> = env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .map(|(name, value)| match is_secret(&name) {
            true => vec![name, HIDDEN.to_owned()],
            false => vec![name, value],
        })
        .collect();
    rows.sort();
    session.write(&table("", &["Environment Variable", "Value"], rows));
    Ok(None)
}

pub(super) fn variable(arguments: &Arguments, session: &Session) -> CommandResult {
    let name = arguments.required(0, "name")?;
    // `var_os` panics at a name that no variable can have.
    let possible = !name.is_empty() && !name.contains(['=', '\0']);
    let value = possible.then(|| env::var_os(name)).flatten();
    session.line(
        value
            .map(|value| match is_secret(name) {
                true => HIDDEN.to_owned(),
                false => value.to_string_lossy().into_owned(),
            })
            .unwrap_or_default(),
    );
    Ok(None)
}

pub(super) fn change_folder(arguments: &Arguments, session: &Session) -> CommandResult {
    let path = arguments.required(0, "path")?;
    if let Err(error) = env::set_current_dir(path) {
        session.line(format!("Error changing directory: {error}: '{path}'"));
        return Err(CommandError::Failed);
    }
    folder(session)
}

pub(super) fn folder(session: &Session) -> CommandResult {
    let folder = env::current_dir().map_err(|error| CommandError::new("IoError", &error))?;
    let folder = folder.to_string_lossy().into_owned();
    session.line(&folder);
    Ok(Some(Value::from(folder)))
}

/// There are no identities: the answer is that of iPOPO without its security layer.
pub(super) fn identity(session: &Session) -> CommandResult {
    let lines = [
        ("User", "anonymous"),
        ("Authenticated", "no"),
        ("Method", "-"),
        ("Transport", "-"),
        ("Groups", "-"),
        ("Roles", "-"),
    ];
    let text: String = lines
        .iter()
        .map(|(what, value)| format!("{what:<14}: {value}\n"))
        .collect();
    session.write(&text);
    Ok(None)
}
