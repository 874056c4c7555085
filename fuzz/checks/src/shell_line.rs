//! Lines of the shell: the words that a line has, quoted again, are the same words; and what completion offers is one word.
//!
//! The lines go through the shell service of a framework that has one more command, which takes anything and keeps it. It
//! is named before the line under test, so that no other command can be: those end frameworks and read files.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use async_trait::async_trait;
use ferlix_core::command::{
    Arguments, Command, CommandProvider, CommandResult, Completion, Session,
};
use ferlix_core::framework::Framework;
use ferlix_core::property::Properties;
use ferlix_shell::Shell;
use tokio::runtime::Runtime;

/// Framework properties that completion offers, and whose names need quotes.
const KEYS: [&str; 6] = ["a", "a b", "it's", "x=y", "$d", "é\\"];

static BENCH: LazyLock<Bench> = LazyLock::new(Bench::new);

/// Checks a line: it is split or refused with a reason; its words, quoted, are split into the same words; and completion
/// at any place of it offers whole words only.
///
/// # Panics
/// When it does not hold.
pub fn shell_line(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else {
        return;
    };
    match BENCH.take(line) {
        Ok(arguments) => {
            let quoted = quoted(&arguments);
            assert_eq!(
                BENCH.take(&quoted).as_ref(),
                Ok(&arguments),
                "{line:?}, quoted as {quoted:?}"
            );
        }
        Err(reason) => assert!(!reason.is_empty(), "{line:?} is refused without a reason"),
    }
    BENCH.complete(line);
}

/// A framework with a shell, and what its command was given last.
struct Bench {
    runtime: Runtime,
    framework: Framework,
    taken: Arc<Taken>,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("no runtime: {error}"));
        let properties: Properties = KEYS.iter().map(|key| (*key, "value of a")).collect();
        let start = Framework::builder()
            .properties(&properties)
            .install(&ferlix_shell::CORE)
            .start();
        let framework = runtime
            .block_on(start)
            .unwrap_or_else(|error| panic!("no framework: {error}"));
        let taken = Arc::new(Taken {
            commands: vec![
                Command::new("take", "Takes anything")
                    .rest("word", Completion::Property)
                    .keywords("name"),
            ],
            last: Mutex::default(),
        });
        let provider: Arc<dyn CommandProvider> = taken.clone();
        let registered = framework.context().register(provider, Properties::new());
        registered.unwrap_or_else(|error| panic!("no command: {error}"));
        Self {
            runtime,
            framework,
            taken,
        }
    }

    /// The arguments of a line that is put after the command's name; what the shell says if it refuses the line.
    fn take(&self, line: &str) -> Result<Arguments, String> {
        let said = Arc::new(Mutex::new(String::new()));
        let output = Arc::clone(&said);
        let session = Session::new(move |text| {
            output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(text);
        });
        session.set_variable("x", "a b=$y");
        self.taken.keep(None);
        let line = format!("fuzz.take {line}");
        let success = self
            .runtime
            .block_on(async { self.shell().execute(&line, &session).await });
        match self.taken.keep(None) {
            Some(arguments) if success => Ok(arguments),
            Some(arguments) => panic!("{line:?} ran with {arguments:?} and failed"),
            None if success => panic!("{line:?} succeeded without running the command"),
            None => Err(said.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        }
    }

    fn complete(&self, line: &str) {
        let shell = self.shell();
        let command = line.split_whitespace().next().unwrap_or_default();
        let names = shell.complete(command, command.len());
        assert!(names.start <= command.len() && command.is_char_boundary(names.start));

        let typed = format!("fuzz.take {line}");
        let (first, last) = (typed.len() - line.len(), typed.len());
        for position in [first.midpoint(last), last, usize::MAX] {
            let offered = shell.complete(&typed, position);
            assert!(
                offered.candidates.is_empty() || offered.start <= position,
                "{typed:?} at {position}: {offered:?}"
            );
            for candidate in &offered.candidates {
                let taken = self.take(candidate);
                let whole = taken.as_ref().is_ok_and(|taken| {
                    taken.keywords.is_empty()
                        && matches!(taken.words.as_slice(), [word] if self.is_key(word))
                });
                assert!(whole, "{candidate:?} is read as {taken:?}");
            }
        }
    }

    fn is_key(&self, word: &str) -> bool {
        self.framework.properties().contains(word)
    }

    fn shell(&self) -> Arc<dyn Shell> {
        let guard = self.framework.context().service::<dyn Shell>(None);
        guard.map_or_else(|| panic!("no shell"), |guard| Arc::clone(&guard))
    }
}

/// The command: it keeps its arguments.
struct Taken {
    commands: Vec<Command>,
    last: Mutex<Option<Arguments>>,
}

impl Taken {
    /// Puts arguments in the place of those that were kept.
    fn keep(&self, arguments: Option<Arguments>) -> Option<Arguments> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *last, arguments)
    }
}

#[async_trait]
impl CommandProvider for Taken {
    fn namespace(&self) -> &str {
        "fuzz"
    }

    fn commands(&self) -> &[Command] {
        &self.commands
    }

    async fn run(&self, _: &str, arguments: &Arguments, _: &Session) -> CommandResult {
        self.keep(Some(arguments.clone()));
        Ok(None)
    }
}

/// A line that has these words, in the shell's own syntax; a dollar means nothing in the name of a keyword.
fn quoted(arguments: &Arguments) -> String {
    let mut line = String::new();
    for word in &arguments.words {
        line.push_str(" ''");
        protect(word, true, &mut line);
    }
    for (name, value) in &arguments.keywords {
        line.push(' ');
        protect(name, false, &mut line);
        line.push('=');
        protect(value, true, &mut line);
    }
    line
}

/// Appends a text with every character protected; a line end is one only in quotes.
fn protect(text: &str, variables: bool, line: &mut String) {
    for character in text.chars() {
        match character {
            '\n' => line.push_str("'\n'"),
            '$' if variables => line.push_str("\\$\\$"),
            other => line.extend(['\\', other]),
        }
    }
}
