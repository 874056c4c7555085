//! `threads` and `thread`: the threads of the process, as Linux tells, and the work on them.
//!
//! Only Linux lists the threads of a process in a way that safe code can read; elsewhere the commands say so.

use std::fs;
use std::path::PathBuf;

use ferlix_core::command::{Arguments, CommandError, CommandResult, Session, printable, table};
use ferlix_core::framework::Framework;

/// Where Linux has a folder for each thread, named by its number.
const TASKS: &str = "/proc/self/task";

struct Thread {
    id: u32,
    name: String,
    /// A letter and a word, e.g. `S (sleeping)`.
    state: String,
    /// How often it gave the processor up, and how often that was taken from it.
    switches: (String, String),
}

impl Thread {
    /// Reads one; `None` when there is none, or it ended meanwhile.
    fn read(id: u32) -> Option<Self> {
        let status =
            fs::read_to_string(PathBuf::from(TASKS).join(id.to_string()).join("status")).ok()?;
        let field = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_default().trim().to_owned()
        };
        Some(Self {
            id,
            name: field("Name"),
            state: field("State"),
            switches: (
                field("voluntary_ctxt_switches"),
                field("nonvoluntary_ctxt_switches"),
            ),
        })
    }
}

pub(super) fn list(framework: &Framework, session: &Session) -> CommandResult {
    let mut text = match fs::read_dir(TASKS) {
        Ok(entries) => {
            let ids = entries
                .flatten()
                .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            let mut threads: Vec<Thread> = ids.filter_map(Thread::read).collect();
            threads.sort_by_key(|thread| thread.id);
            let count = threads.len();
            let rows = threads
                .into_iter()
                .map(|thread| vec![thread.id.to_string(), thread.name, thread.state])
                .collect();
            format!(
                "{}{count} threads\n",
                table("", &["ID", "Name", "State"], rows)
            )
        }
        Err(_) => "The threads are listed on Linux only\n".to_owned(),
    };
    let runtime = tokio::runtime::Handle::current().metrics();
    let (tasks, workers) = (runtime.num_alive_tasks(), runtime.num_workers());
    text += &format!(
        "{tasks} tasks on {workers} workers, {} pending in the framework\n",
        framework.pending()
    );
    session.write(&text);
    Ok(None)
}

pub(super) fn details(arguments: &Arguments, session: &Session) -> CommandResult {
    let word = arguments.required(0, "thread_id")?;
    let Ok(id) = word.parse() else {
        session.line(format!("Invalid thread ID: {word}"));
        return Err(CommandError::Failed);
    };
    let Some(thread) = Thread::read(id) else {
        session.line(format!("Unknown thread ID: {word}"));
        return Err(CommandError::Failed);
    };
    let (given, taken) = thread.switches;
    let name = printable(&thread.name);
    session.write(&format!(
        "Thread ID: {id} - Name: {name}\nState....: {}\nSwitches.: {given} voluntary, {taken} not\n",
        thread.state
    ));
    Ok(None)
}
