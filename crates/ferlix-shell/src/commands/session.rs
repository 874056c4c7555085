//! `echo`, `set`, `unset`, `run`, `help` and `quit`.

use std::future::poll_fn;
use std::task::Poll;

use ferlix_core::command::{Arguments, CommandError, CommandResult, Session, table};
use ferlix_core::framework::Framework;

use crate::shell::{Shell, ShellService, significant};

/// How deep scripts may run scripts: one that runs itself is stopped here.
const MAX_DEPTH: usize = 16;

tokio::task_local! {
    /// How many scripts this command runs in.
    static DEPTH: usize;
}

pub(super) fn echo(arguments: &Arguments, session: &Session) -> CommandResult {
    session.line(arguments.words.join(" "));
    Ok(None)
}

pub(super) fn set(arguments: &Arguments, session: &Session) -> CommandResult {
    if arguments.keywords.is_empty() {
        let rows = session
            .variables()
            .into_iter()
            .map(|(name, value)| vec![name, value])
            .collect();
        session.write(&table("", &["Name", "Value"], rows));
    }
    for (name, value) in &arguments.keywords {
        session.set_variable(name, value);
        session.line(format!("{name}={value}"));
    }
    Ok(None)
}

pub(super) fn unset(arguments: &Arguments, session: &Session) -> CommandResult {
    let name = arguments.required(0, "name")?;
    if session.unset_variable(name) {
        session.line(format!("Variable {name} unset."));
        Ok(None)
    } else {
        session.line(format!("Unknown variable: {name}"));
        Err(CommandError::Failed)
    }
}

pub(super) async fn run(
    shell: &ShellService,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let path = arguments.required(0, "filename")?;
    let depth = DEPTH.try_with(|depth| depth + 1).unwrap_or(1);
    if depth > MAX_DEPTH {
        session.line(format!(
            "Error running {path}: scripts run each other more than {MAX_DEPTH} deep"
        ));
        return Err(CommandError::Failed);
    }
    let text = tokio::fs::read_to_string(path).await.map_err(|error| {
        session.line(format!("Error reading file {path}: {error}"));
        CommandError::Failed
    })?;
    for (number, line) in text
        .lines()
        .map(str::trim)
        .enumerate()
        .filter(|(_, line)| significant(line))
    {
        session.line(format!("[{number:02}] >> {line}"));
        if !DEPTH.scope(depth, shell.execute(line, session)).await {
            session.line(format!("Command at line {} failed. Abandon.", number + 1));
            return Err(CommandError::Failed);
        }
    }
    session.line("Script execution succeeded");
    Ok(None)
}

pub(super) fn help(
    shell: &ShellService,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    match shell.help(arguments.word(0)) {
        Ok(text) => {
            session.write(&text);
            Ok(None)
        }
        Err(line) => {
            session.line(line);
            Err(CommandError::Failed)
        }
    }
}

/// Stops the framework without waiting for it, since it may wait for the console that runs this. It is STOPPING when
/// this returns, so the console reads no further line.
pub(super) async fn quit(framework: &Framework, session: &Session) -> CommandResult {
    session.line("Stopping the framework...");
    let framework = framework.clone();
    let mut stop = Box::pin(async move { framework.stop().await });
    let first = poll_fn(|context| Poll::Ready(stop.as_mut().poll(context))).await;
    if first.is_pending() {
        tokio::spawn(stop);
    }
    Ok(None)
}
