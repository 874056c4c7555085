//! How a line becomes a command: names, variables, arguments, results, and what goes wrong.

mod support;

use ferlix_core::command::{Command, Completion};
use support::Bench;

fn command(name: &'static str) -> Command {
    Command::new(name, "Does it.")
}

async fn bench() -> Bench {
    let bench = Bench::new().await;
    let commands = vec![
        command("show")
            .aliases(&["Display"])
            .rest("words", Completion::None),
        command("put")
            .required("name", Completion::None)
            .keywords("property"),
        command("both"),
        command("panic"),
        command("fail"),
        command("refuse")
            .required("what", Completion::None)
            .defaulted("depth", "0", Completion::None),
        command("error"),
        command("give").optional("what", Completion::None),
        command("echo"),
    ];
    bench.register_commands("test", commands);
    bench.register_commands("other", vec![command("both"), command("alone")]);
    bench
}

#[tokio::test]
async fn names_are_found_in_any_case_and_the_default_name_space_wins() {
    let bench = bench().await;
    for (line, printed) in [
        ("show a", "test.show [\"a\"] {}\n"),
        ("SHOW a", "test.show [\"a\"] {}\n"),
        ("display", "test.show [] {}\n"),
        ("test.show", "test.show [] {}\n"),
        ("Test.Display", "test.show [] {}\n"),
        ("t.show", "test.show [] {}\n"),
        ("t2.show", "test.show [] {}\n"),
        ("other.both", "other.both [] {}\n"),
        ("alone", "other.alone [] {}\n"),
        ("echo x", "x\n"),
        ("default.echo x", "x\n"),
        (".echo x", "x\n"),
        ("test.echo", "test.echo [] {}\n"),
        (
            "component.waiting",
            "+------+---------+------------------+\n| Name | Factory | Missing handlers |\n+======+=========+==================+\n0 components in the waiting queue\n",
        ),
    ] {
        assert_eq!(bench.good(line).await, printed, "{line}");
    }
}

#[tokio::test]
async fn what_is_unknown_is_said() {
    let bench = bench().await;
    for (line, printed) in [
        ("nosuch", "Unknown command nosuch\n"),
        ("NoSuch a b=c", "Unknown command nosuch\n"),
        ("$x", "Unknown command $x\n"),
        ("nosuch.echo a", "Unknown name space nosuch\n"),
        ("default.nosuch", "Unknown command: default.nosuch\n"),
        ("T.nosuch", "Unknown command: test.nosuch\n"),
        ("ipopo.", "Unknown command: ipopo.\n"),
        (
            "both",
            "Multiple name spaces for command 'both': other, test\n",
        ),
        ("echo \"a", "Error reading line: No closing quotation\n"),
        ("echo a\\", "Error reading line: No escaped character\n"),
    ] {
        assert_eq!(bench.bad(line).await, printed, "{line}");
    }
    for line in ["", "   ", "# a comment", "  # 'another"] {
        assert_eq!(bench.good(line).await, "", "{line}");
    }
}

#[tokio::test]
async fn words_and_keywords_reach_the_command() {
    let bench = bench().await;
    for (line, printed) in [
        (
            "put a b=c d='e f' g=",
            "test.put [\"a\"] {\"b\": \"c\", \"d\": \"e f\", \"g\": \"\"}\n",
        ),
        ("put name=x n", "test.put [\"n\"] {\"name\": \"x\"}\n"),
        (
            r"show a\=b 'c\=d' =e",
            "test.show [\"a=b\", \"c=d\", \"=e\"] {}\n",
        ),
        (
            "show 'a  b' \"c\" d\\ e # f",
            "test.show [\"a  b\", \"c\", \"d e\"] {}\n",
        ),
    ] {
        assert_eq!(bench.good(line).await, printed, "{line}");
    }
    let help = "=== Name space 'test' ===\n- show [<words ...>]\n\t\tDoes it.\n";
    let text = bench.bad("show a=b").await;
    assert_eq!(
        text,
        format!("Invalid method call: unexpected keyword argument: a\n{help}")
    );
    let help = "=== Name space 'test' ===\n- display [<words ...>]\n\t\tDoes it.\n";
    let text = bench.bad("t.display a=b").await;
    assert_eq!(
        text,
        format!("Invalid method call: unexpected keyword argument: a\n{help}")
    );
    let help = "=== Name space 'test' ===\n- put <name> [<property=value> ...]\n\t\tDoes it.\n";
    assert_eq!(
        bench.bad("put a=b").await,
        format!("Invalid method call: missing argument: name\n{help}")
    );
    let help = "=== Name space 'test' ===\n- refuse <what> [<depth>=0]\n\t\tDoes it.\n";
    assert_eq!(
        bench.bad("refuse 1 2 3").await,
        format!("Invalid method call: too many arguments: at most 2, given 3\n{help}")
    );
    assert_eq!(
        bench.bad("refuse 1").await,
        format!("Invalid method call: not like this\n{help}")
    );
}

#[tokio::test]
async fn variables_of_the_session_win_over_framework_properties() {
    let bench = bench().await;
    assert_eq!(
        bench
            .good("echo $framework.uid ${framework.uid}! $nope| $Some.List")
            .await,
        "the-uid the-uid! | ['a', 'b']\n"
    );
    assert_eq!(
        bench.good("set framework.uid=mine a=\"1 2\"").await,
        "a=1 2\nframework.uid=mine\n"
    );
    assert_eq!(
        bench.good("echo $framework.uid '$a' $A $$a").await,
        "mine 1 2  $a\n"
    );
    assert_eq!(bench.good("show $a").await, "test.show [\"1 2\"] {}\n");
    assert_eq!(
        bench.good("put n k=$a").await,
        "test.put [\"n\"] {\"k\": \"1 2\"}\n"
    );
}

#[tokio::test]
async fn results_and_failures_are_kept_and_said() {
    let bench = bench().await;
    assert_eq!(bench.good("echo $?").await, "None\n");
    assert_eq!(bench.good("give x").await, "");
    assert_eq!(bench.good("echo $?").await, "['x']\n");
    assert_eq!(
        bench.good("echo $?").await,
        "['x']\n",
        "a command without result leaves it"
    );
    assert_eq!(bench.bad("fail").await, "");
    assert_eq!(bench.good("echo $?").await, "False\n");
    assert_eq!(
        bench.bad("error").await,
        "TestError: it went\u{FFFD}[2J\nwrong\n"
    );
    assert_eq!(bench.bad("panic").await, "Panic: command panic: no way\n");
    assert_eq!(bench.good("echo still here").await, "still here\n");
}

#[tokio::test]
async fn commands_come_and_go_with_their_services() {
    let bench = bench().await;
    assert_eq!(
        bench.good("instances nothing").await.lines().last(),
        Some("0 filtered components")
    );
    bench.good("stop ferlix.shell.component").await;
    assert_eq!(bench.bad("instances").await, "Unknown command instances\n");
    bench.good("start ferlix.shell.component").await;
    assert_eq!(
        bench.good("instances nothing").await.lines().last(),
        Some("0 filtered components")
    );
}

#[tokio::test]
async fn the_shell_can_be_updated_from_within() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.good("update 2").await,
        "Updating bundle 2 (ferlix.shell.core)...\n"
    );
    assert_eq!(bench.good("echo still here").await, "still here\n");
}

#[tokio::test]
async fn help_is_by_name_space_and_name() {
    let bench = Bench::new().await;
    bench.register_commands(
        "test",
        vec![
            command("zero"),
            command("alpha")
                .aliases(&["zz"])
                .optional("x", Completion::None),
        ],
    );
    let test = "=== Name space 'test' ===\n- alpha [<x>]\n\t\tDoes it.\n\n- zero\n\t\tDoes it.\n\n- zz [<x>]\n\t\tDoes it.\n";
    assert_eq!(bench.good("help test").await, test);
    assert_eq!(bench.good("? T").await, test);
    assert_eq!(
        bench.good("help zero").await,
        "=== Name space 'test' ===\n- zero\n\t\tDoes it.\n"
    );
    assert_eq!(
        bench.good("help t.ZZ").await,
        "=== Name space 'test' ===\n- zz [<x>]\n\t\tDoes it.\n"
    );
    assert_eq!(bench.bad("help nosuch").await, "Unknown command nosuch\n");
    assert_eq!(
        bench.bad("help nosuch.x").await,
        "Unknown name space nosuch\n"
    );
    assert_eq!(bench.bad("help test.x").await, "Unknown command: test.x\n");
    let all = bench.good("help").await;
    assert!(
        all.starts_with("=== Name space 'default' ===\n- ? [<command>]\n\t\tShows the commands,"),
        "{all}"
    );
    let spaces: Vec<&str> = all.lines().filter(|line| line.starts_with("===")).collect();
    assert_eq!(
        spaces,
        [
            "=== Name space 'default' ===",
            "=== Name space 'ipopo' ===",
            "=== Name space 'test' ==="
        ]
    );
    assert!(all.ends_with(&format!("\n\n\n{test}")), "{all}");
    let listed: Vec<&str> = all
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .collect();
    let usages = [
        "? [<command>]",
        "bd <bundle_id>",
        "bl [<name>]",
        "cd <path>",
        "echo [<words ...>]",
        "exit",
        "help [<command>]",
        "install <symbolic_name>",
        "loglevel [<level>] [<name>]",
        "properties",
        "property <name>",
        "pwd",
        "quit",
        "run <filename>",
        "sd <service_id>",
        "set [<property=value> ...]",
        "sl [<specification>]",
        "start <bundle_id> [<bundles_ids ...>]",
        "stop <bundle_id> [<bundles_ids ...>]",
        "sysprop <name>",
        "sysprops",
        "thread <thread_id>",
        "threads",
        "uninstall <bundle_id> [<bundles_ids ...>]",
        "unset <name>",
        "update <bundle_id> [<bundles_ids ...>]",
        "whoami",
        "factories [<name>]",
        "factory <name>",
        "instance <name>",
        "instances [<name>]",
        "instantiate <factory> <name> [<property=value> ...]",
        "kill <name>",
        "reconfigure <name> [<property=value> ...]",
        "retry <name> [<property=value> ...]",
        "waiting [<name>]",
        "alpha [<x>]",
        "zero",
        "zz [<x>]",
    ];
    assert_eq!(listed, usages);
    bench.register_commands("zero", vec![command("one")]);
    let both = "=== Name space 'test' ===\n- zero\n\t\tDoes it.\n\n\n=== Name space 'zero' ===\n- one\n\t\tDoes it.\n";
    assert_eq!(
        bench.good("help zero").await,
        both,
        "a command and a name space"
    );
}

#[tokio::test]
async fn completion_follows_the_parameters() {
    let bench = Bench::new().await;
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    for (line, start, candidates) in [
        ("pro", 0, &["properties", "property"][..]),
        ("  SYS", 2, &["sysprop", "sysprops"]),
        ("ip", 0, &["ipopo."]),
        (
            "component.fac",
            0,
            &["component.factories", "component.factory"],
        ),
        ("ipopo.re", 0, &["ipopo.reconfigure", "ipopo.retry"]),
        (
            "bd ferlix.s",
            3,
            &["ferlix.shell.component", "ferlix.shell.core"],
        ),
        ("start 1 2 test", 10, &["test.parts"]),
        ("install test.", 8, &["test.failing", "test.later"]),
        ("factory asse", 8, &["assembly-factory"]),
        ("instantiate asse", 12, &["assembly-factory"]),
        ("instantiate assembly-factory a", 29, &[]),
        ("kill ipopo", 5, &["ipopo-shell-commands"]),
        ("property frame", 9, &["framework.uid"]),
        ("sl ferlix.shell.", 3, &["ferlix.shell.command"]),
        ("sd 1", 3, &["1"]),
        ("help reco", 5, &["reconfigure"]),
        ("cd src/sh", 3, &["src/shell/"]),
        ("run Cargo.t", 4, &["Cargo.toml"]),
        ("echo x", 5, &[]),
        ("nosuch x", 7, &[]),
        ("echo 'a b", 8, &[]),
        ("bl x y", 5, &[]),
        ("# ", 2, &[]),
    ] {
        assert_eq!(bench.complete(line), (start, words(candidates)), "{line}");
    }
    let (_, all) = bench.complete("");
    assert!(
        all.contains(&"bl".to_owned()) && all.contains(&"component.".to_owned()),
        "{all:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    for name in ["a b", "a=b", "a$b"] {
        std::fs::write(folder.path().join(name), "echo $? >x\n").unwrap();
    }
    let path = folder.path().join("a").to_str().unwrap().to_owned();
    let (_, files) = bench.complete(&format!("run {path}"));
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        assert!(
            bench
                .good(&format!("run {file}"))
                .await
                .ends_with("Script execution succeeded\n"),
            "{file}"
        );
    }
}

#[tokio::test]
async fn positions_inside_a_line_complete_what_is_left_of_them() {
    let bench = Bench::new().await;
    let shell = bench
        .framework
        .context()
        .service::<dyn ferlix_shell::Shell>(None)
        .unwrap();
    assert_eq!(
        shell.complete("sysprops ä", 7).candidates,
        ["sysprop", "sysprops"]
    );
    assert_eq!(
        shell.complete("ä", 1).candidates.len(),
        0,
        "inside a character"
    );
    assert_eq!(shell.complete("a", 9).candidates.len(), 0, "beyond the end");
}
