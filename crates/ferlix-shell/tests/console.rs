//! Whole sessions of a console on an input and an output in memory.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::io::{self, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

use ferlix_core::framework::{BundleState, Framework, FrameworkBuilder};
use ferlix_shell::{Console, property, serve};
use support::{DEADLINE, PARTS};

/// What a console printed.
#[derive(Clone, Default)]
struct Screen(Arc<(Mutex<String>, Condvar)>);

impl Screen {
    fn printer(&self) -> impl Fn(&str) + Send + Sync + 'static + use<> {
        let screen = Arc::clone(&self.0);
        move |text| {
            screen.0.lock().unwrap().push_str(text);
            screen.1.notify_all();
        }
    }

    fn text(&self) -> String {
        self.0.0.lock().unwrap().clone()
    }

    /// Waits until the text ends like this.
    async fn ends_with(&self, end: &str) {
        let (screen, end) = (self.0.clone(), end.to_owned());
        let waited = tokio::task::spawn_blocking(move || {
            let (text, changed) = &*screen;
            let waiting = |text: &mut String| !text.ends_with(&end);
            let (text, result) = changed
                .wait_timeout_while(text.lock().unwrap(), DEADLINE, waiting)
                .unwrap();
            assert!(!result.timed_out(), "{end:?} does not end {text:?}");
        });
        waited.await.unwrap();
    }
}

/// An input that comes when the test says so.
struct Typed(Receiver<String>, Vec<u8>);

impl Read for Typed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.is_empty() {
            self.1 = self.0.recv().map(String::into_bytes).unwrap_or_default();
        }
        let count = buffer.len().min(self.1.len());
        buffer[..count].copy_from_slice(&self.1[..count]);
        self.1.drain(..count);
        Ok(count)
    }
}

fn keyboard() -> (Sender<String>, BufReader<Typed>) {
    let (sender, receiver) = channel();
    (sender, BufReader::new(Typed(receiver, Vec::new())))
}

fn builder() -> FrameworkBuilder {
    Framework::builder()
        .install(&ferlix_shell::CORE)
        .install(&ferlix_shell::COMPONENT)
        .install(&PARTS)
}

async fn ended(console: &Console) {
    tokio::time::timeout(DEADLINE, console.ended())
        .await
        .unwrap();
}

/// A session of these lines in a framework of this builder.
async fn session(builder: FrameworkBuilder, lines: &'static str) -> (Framework, String) {
    let framework = builder.start().await.unwrap();
    let screen = Screen::default();
    let console = serve(&framework.context(), lines.as_bytes(), screen.printer());
    ended(&console).await;
    (framework, screen.text())
}

#[tokio::test]
async fn the_end_of_input_leaves_the_framework_running() {
    let lines = "\nbl test\nset PS1=\">> \"\necho a  b\nnosuch\nunset PS1\necho last";
    let (framework, text) = session(builder(), lines).await;
    assert_eq!(
        text,
        "\
** Ferlix Shell prompt **
$ $ +----+------------+--------+---------+
| ID |    Name    | State  | Version |
+====+============+========+=========+
| 4  | test.parts | ACTIVE | 1.2.3   |
+----+------------+--------+---------+
1 filtered bundles
$ PS1=>>\u{20}
>> a b
>> Unknown command nosuch
>> Variable PS1 unset.
$ last
$\u{20}
"
    );
    assert_eq!(framework.state(), BundleState::Active);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn quit_stops_the_framework_and_no_further_line_is_read() {
    let (framework, text) = session(builder(), "echo a\nquit\necho never\n").await;
    assert_eq!(
        text,
        "** Ferlix Shell prompt **\n$ a\n$ Stopping the framework...\nBye !\n"
    );
    tokio::time::timeout(DEADLINE, framework.wait_for_stop())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_stop_from_elsewhere_ends_a_console_that_waits_for_a_line() {
    let framework = builder().start().await.unwrap();
    let screen = Screen::default();
    let (_keys, input) = keyboard();
    let console = serve(&framework.context(), input, screen.printer());
    screen.ends_with("prompt **\n$ ").await;
    tokio::time::timeout(DEADLINE, framework.stop())
        .await
        .unwrap()
        .unwrap();
    ended(&console).await;
    assert_eq!(screen.text(), "** Ferlix Shell prompt **\n$ \nBye !\n");
}

#[tokio::test]
async fn a_console_is_closed_once() {
    let framework = builder().start().await.unwrap();
    let screen = Screen::default();
    let (keys, input) = keyboard();
    let console = serve(&framework.context(), input, screen.printer());
    screen.ends_with("$ ").await;
    console.close();
    console.close();
    ended(&console).await;
    // The thread that waited for a line ends with it.
    keys.send("echo never\n".to_owned()).unwrap();
    framework.stop().await.unwrap();
    assert_eq!(screen.text(), "** Ferlix Shell prompt **\n$ \nBye !\n");
}

#[tokio::test]
async fn a_console_begins_when_the_framework_is_up() {
    let framework = builder().build().unwrap();
    let screen = Screen::default();
    let console = serve(&framework.context(), &b"bl parts\n"[..], screen.printer());
    tokio::task::yield_now().await;
    assert_eq!(screen.text(), "");
    framework.start().await.unwrap();
    ended(&console).await;
    assert!(
        screen.text().contains("| test.parts | ACTIVE |"),
        "{}",
        screen.text()
    );
}

#[tokio::test]
async fn without_the_shell_it_says_what_to_start() {
    let (_, text) = session(builder(), "stop ferlix.shell.core\nbl\n").await;
    assert_eq!(
        text,
        "\
** Ferlix Shell prompt **
$ Stopping bundle 2 (ferlix.shell.core)...
$ There is no shell service: start the bundle ferlix.shell.core
$\u{20}
"
    );
}

/// A folder with a script of these lines, and the script's path.
fn script(lines: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a $script='x'");
    std::fs::write(&path, lines).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_init_file_runs_before_the_first_prompt() {
    let (_folder, path) = script("set PS1=\"> \"\n");
    let (framework, text) =
        session(builder().property(property::INIT_FILE, path), "echo a\n").await;
    assert_eq!(
        text,
        "[00] >> set PS1=\"> \"\nPS1=> \nScript execution succeeded\n** Ferlix Shell prompt **\n> a\n> \n"
    );
    assert_eq!(framework.state(), BundleState::Active);
}

#[tokio::test]
async fn an_init_file_that_fails_stops_the_framework() {
    let (_folder, path) = script("nosuch\n");
    let (framework, text) =
        session(builder().property(property::INIT_FILE, path), "echo a\n").await;
    assert_eq!(
        text,
        "[00] >> nosuch\nUnknown command nosuch\nCommand at line 1 failed. Abandon.\nBye !\n"
    );
    tokio::time::timeout(DEADLINE, framework.wait_for_stop())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_script_file_runs_in_place_of_a_console() {
    let (_folder, path) = script("echo a\n# nothing\necho b\n");
    let (framework, text) =
        session(builder().property(property::SCRIPT_FILE, path), "echo c\n").await;
    assert_eq!(
        text,
        "[00] >> echo a\na\n[02] >> echo b\nb\nScript execution succeeded\nBye !\n"
    );
    tokio::time::timeout(DEADLINE, framework.wait_for_stop())
        .await
        .unwrap()
        .unwrap();
    let builder = builder().property(property::SCRIPT_FILE, "/nonexistent/script");
    let (framework, text) = session(builder, "").await;
    assert!(
        text.starts_with("Error reading file /nonexistent/script: "),
        "{text}"
    );
    assert!(text.ends_with("\nBye !\n"), "{text}");
    tokio::time::timeout(DEADLINE, framework.wait_for_stop())
        .await
        .unwrap()
        .unwrap();
}
