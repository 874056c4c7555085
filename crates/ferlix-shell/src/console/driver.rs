//! [`Console`]: prompt, read, run, and again.
//!
//! Three parties: a thread that reads a line when it is asked to, a task that asks and runs, and whoever closes the
//! console. Each command is a task of its own, so that closing the console (a command may do that to the very console
//! it came from) never drops a command half-way.

use std::fmt;
use std::io::BufRead;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ferlix_core::command::Session;
use ferlix_core::framework::{BundleContext, BundleEventKind, BundleState};
use tokio::sync::{Notify, mpsc, watch};

use super::input::{Input, LineInput, Lines};
use super::property;
use crate::shell::Shell;

const BANNER: &str = "** Ferlix Shell prompt **";
const PROMPT: &str = "$ ";
/// The session variable that replaces the prompt.
const PROMPT_VARIABLE: &str = "PS1";
const NO_SHELL: &str = "There is no shell service: start the bundle ferlix.shell.core";
/// How long the console waits for the framework to be up: with something that hangs, it is where to look for it.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// A console that runs until its bundle or the framework stops. Dropping it changes nothing.
#[derive(Clone)]
pub struct Console {
    inner: Arc<Inner>,
}

struct Inner {
    context: BundleContext,
    session: Session,
    state: Mutex<State>,
    /// True once nothing is read any more.
    over: watch::Sender<bool>,
    restore: Box<dyn Fn() + Send + Sync>,
}

struct State {
    /// Until the end of input, or until it is closed.
    open: bool,
    /// Whether the last thing printed is a prompt.
    prompt: bool,
}

/// Serves the shell on plain lines of any input, such as a pipe, and any output, which gets whole texts with their line
/// ends. It begins when the framework is up; the end of input leaves the framework running.
///
/// Call it on the runtime on which the commands are to run.
pub fn serve(
    context: &BundleContext,
    input: impl BufRead + Send + 'static,
    output: impl Fn(&str) + Send + Sync + 'static,
) -> Console {
    Console::start(context, Box::new(Lines(input)), output)
}

impl Console {
    pub(super) fn start(
        context: &BundleContext,
        input: Box<dyn LineInput>,
        output: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let console = Self {
            inner: Arc::new(Inner {
                context: context.clone(),
                session: Session::new(output),
                state: Mutex::new(State {
                    open: true,
                    prompt: false,
                }),
                over: watch::Sender::new(false),
                restore: input.restore(),
            }),
        };
        // The listener goes with the bundle; until then it keeps nothing alive.
        let (weak, bundle) = (Arc::downgrade(&console.inner), context.bundle().clone());
        context.add_bundle_listener(move |event| {
            let its_end = event.bundle.id() == 0 || event.bundle == bundle;
            if let (BundleEventKind::Stopping, true, Some(inner)) =
                (event.kind, its_end, weak.upgrade())
            {
                Self { inner }.close();
            }
        });
        tokio::spawn(console.clone().drive(input));
        console
    }

    /// The session of its user.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.inner.session
    }

    /// Says good bye and reads no further line. A command that runs goes on.
    pub fn close(&self) {
        let Some(State { prompt, .. }) = self.end() else {
            return;
        };
        if prompt {
            (self.inner.restore)();
            self.inner.session.write("\n");
        }
        self.inner.session.line("Bye !");
    }

    /// Waits until no further line is read: it was closed, or its input ended.
    pub async fn ended(&self) {
        // The sender lives in `self`, so this cannot fail.
        let _ = self.inner.over.subscribe().wait_for(|over| *over).await;
    }

    /// Ends it and returns the state that it was in; `None` the second time.
    fn end(&self) -> Option<State> {
        let state = {
            let mut state = self.state();
            let before = State { ..*state };
            state.open = false;
            before
        };
        self.inner.over.send_replace(true);
        state.open.then_some(state)
    }

    async fn drive(self, input: Box<dyn LineInput>) {
        self.framework_is_up().await;
        let scripts = [property::INIT_FILE, property::SCRIPT_FILE]
            .map(|key| self.inner.context.property(key));
        let [init, script] = scripts.map(|path| path.map(|path| path.to_string()));
        if let Some(path) = init
            && self.run_script(&path).await == Some(false)
        {
            tracing::error!(
                path,
                "the console's init file failed: stopping the framework"
            );
            return self.stop_framework().await;
        }
        if let Some(path) = script {
            if self.run_script(&path).await == Some(false) {
                tracing::error!(path, "the console's script failed");
            }
            return self.stop_framework().await;
        }
        self.read_lines(input).await;
    }

    async fn read_lines(&self, mut input: Box<dyn LineInput>) {
        let (shows_prompt, stops_at_end) = (input.shows_prompt(), input.stops_at_end());
        let (requests, mut requested) = mpsc::channel::<String>(1);
        let (answers, mut answered) = mpsc::channel::<Input>(1);
        let reader = std::thread::Builder::new()
            .name("ferlix-console".to_owned())
            .spawn(move || {
                while let Some(prompt) = requested.blocking_recv() {
                    let answer = input.read(&prompt);
                    let last = answer == Input::End;
                    if answers.blocking_send(answer).is_err() || last {
                        return;
                    }
                }
            });
        if let Err(error) = reader {
            tracing::error!(%error, "the console has no thread to read with");
            self.end();
            return;
        }
        self.inner.session.line(BANNER);
        let mut interrupted = false;
        while self.is_running() {
            let prompt = self.inner.session.variable(PROMPT_VARIABLE);
            let prompt = prompt.unwrap_or_else(|| PROMPT.to_owned());
            self.state().prompt = true;
            if !shows_prompt {
                self.inner.session.write(&prompt);
            }
            let answer = tokio::select! {
                biased;
                () = self.ended() => return,
                answer = async { requests.send(prompt).await.ok()?; answered.recv().await } => answer,
            };
            match answer {
                Some(Input::Line(line)) => {
                    self.state().prompt = false;
                    interrupted = false;
                    self.execute(line).await;
                }
                Some(Input::Interrupted) if !interrupted => {
                    self.state().prompt = false;
                    interrupted = true;
                    self.inner
                        .session
                        .line("Ctrl-C once more stops the framework");
                }
                Some(Input::End) | None if !stops_at_end => {
                    if self.end().is_some() {
                        self.inner.session.write("\n");
                    }
                    return;
                }
                Some(Input::Interrupted | Input::End) | None => {
                    // The editor ends its line itself; a plain terminal shows nothing for Ctrl-D.
                    self.state().prompt = !shows_prompt;
                    return self.stop_framework().await;
                }
            }
        }
    }

    /// Runs a line and returns whether it succeeded; `None` when the console was closed meanwhile.
    async fn execute(&self, line: String) -> Option<bool> {
        let (context, session) = (self.inner.context.clone(), self.inner.session.clone());
        let command = tokio::spawn(async move {
            match context.service::<dyn Shell>(None) {
                Some(shell) => shell.execute(&line, &session).await,
                None => {
                    session.line(NO_SHELL);
                    false
                }
            }
        });
        tokio::select! {
            biased;
            () = self.ended() => None,
            success = command => Some(success.unwrap_or(false)),
        }
    }

    async fn run_script(&self, path: &str) -> Option<bool> {
        match shlex::try_quote(path) {
            // By its name, so that a `=` in the path means nothing; and a `$` in it is none of a variable.
            Ok(quoted) => {
                self.execute(format!(
                    "default.run filename={}",
                    quoted.replace('$', "$$")
                ))
                .await
            }
            Err(error) => {
                self.inner
                    .session
                    .line(format!("Error reading file {path}: {error}"));
                Some(false)
            }
        }
    }

    /// Stops the framework from a task of its own, since the stop ends this console.
    async fn stop_framework(&self) {
        let framework = self.inner.context.framework().clone();
        tokio::spawn(async move { framework.stop().await });
        self.ended().await;
    }

    /// Whether another line may be read.
    fn is_running(&self) -> bool {
        let state = self.inner.context.framework().state();
        matches!(state, BundleState::Starting | BundleState::Active) && self.state().open
    }

    /// Waits until the framework is ACTIVE, with a deadline.
    async fn framework_is_up(&self) {
        let context = &self.inner.context;
        let up = Arc::new(Notify::new());
        let told = Arc::clone(&up);
        let listener = context.add_bundle_listener(move |event| {
            if event.kind == BundleEventKind::Started && event.bundle.id() == 0 {
                told.notify_one();
            }
        });
        if context.framework().state() != BundleState::Active {
            tokio::select! {
                biased;
                () = self.ended() => {}
                result = tokio::time::timeout(START_DEADLINE, up.notified()) => {
                    if result.is_err() {
                        tracing::warn!(after = ?START_DEADLINE, "the framework is not up yet: the console begins all the same");
                    }
                }
            }
        }
        context.remove_listener(listener);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("open", &self.state().open)
            .finish_non_exhaustive()
    }
}
