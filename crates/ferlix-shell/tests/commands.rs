//! What the commands of the name space `default` print, to the byte.

mod support;

use std::sync::{Arc, Mutex};

use ferlix_core::property::Properties;
use ferlix_shell::LogLevels;
use support::Bench;

#[tokio::test]
async fn bundles_are_listed() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.good("bl").await,
        "\
+----+------------------------+--------+---------+
| ID |          Name          | State  | Version |
+====+========================+========+=========+
| 0  | ferlix.framework       | ACTIVE | 0.1.0   |
+----+------------------------+--------+---------+
| 1  | ferlix.component       | ACTIVE | 0.1.0   |
+----+------------------------+--------+---------+
| 2  | ferlix.shell.core      | ACTIVE | 0.1.0   |
+----+------------------------+--------+---------+
| 3  | ferlix.shell.component | ACTIVE | 0.1.0   |
+----+------------------------+--------+---------+
| 4  | test.parts             | ACTIVE | 1.2.3   |
+----+------------------------+--------+---------+
5 bundles installed
"
    );
    bench.good("stop 4").await;
    assert_eq!(
        bench.good("bl test").await,
        "\
+----+------------+----------+---------+
| ID |    Name    |  State   | Version |
+====+============+==========+=========+
| 4  | test.parts | RESOLVED | 1.2.3   |
+----+------------+----------+---------+
1 filtered bundles
"
    );
    let none = "+----+------+-------+---------+\n| ID | Name | State | Version |\n+====+======+=======+=========+\n0 filtered bundles\n";
    assert_eq!(bench.good("bl TEST").await, none);
}

#[tokio::test]
async fn a_bundle_is_shown() {
    let bench = Bench::new().await;
    bench.register_part(Properties::from([("role", "main")]));
    bench.good("instantiate assembly-factory a").await;
    let text = "\
ID......: 4
Name....: test.parts
Version.: 1.2.3
State...: ACTIVE
Location: parts.rs
Published services:
\tServiceReference(ID=6, Bundle=4, Specs=['test.whole'])
Services used by this bundle:
\tServiceReference(ID=5, Bundle=0, Specs=['test.part'])
";
    assert_eq!(bench.good("bd 4").await, text);
    assert_eq!(bench.good("bd test.parts").await, text);
    bench.good("kill a").await;
    assert!(
        bench
            .good("bd 4")
            .await
            .ends_with("Published services:\n\tn/a\nServices used by this bundle:\n\tn/a\n")
    );
    assert_eq!(bench.bad("bd nope").await, "Unknown bundle ID: nope\n");
    assert_eq!(bench.bad("bd 99").await, "Unknown bundle ID: 99\n");
    assert_eq!(bench.bad("bd -1").await, "Unknown bundle ID: -1\n");
}

#[tokio::test]
async fn bundles_are_started_and_stopped_by_number_or_name() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.good("stop 4 ferlix.shell.component").await,
        "Stopping bundle 4 (test.parts)...\nStopping bundle 3 (ferlix.shell.component)...\n"
    );
    assert_eq!(
        bench.good("start 3 test.parts").await,
        "Starting bundle 3 (ferlix.shell.component)...\nBundle ID: 4\nStarting bundle 4 (test.parts)...\n"
    );
    assert_eq!(
        bench.good("update 4").await,
        "Updating bundle 4 (test.parts)...\n"
    );
    assert_eq!(
        bench.bad("stop 4 99 3").await,
        "Stopping bundle 4 (test.parts)...\nUnknown bundle: 99\n"
    );
    for line in ["start 99", "stop 99", "update 99", "uninstall 99"] {
        assert_eq!(bench.bad(line).await, "Unknown bundle: 99\n", "{line}");
    }
    for line in ["stop nope", "update nope", "uninstall nope"] {
        assert_eq!(bench.bad(line).await, "Unknown bundle: nope\n", "{line}");
    }
    assert_eq!(
        bench.good("uninstall test.parts").await,
        "Uninstalling bundle 4 (test.parts)...\n"
    );
    assert_eq!(bench.bad("bd 4").await, "Unknown bundle ID: 4\n");
    assert_eq!(
        bench.bad("uninstall 0").await,
        "Uninstalling bundle 0 (ferlix.framework)...\n\
         BundleError: bundle ferlix.framework is ACTIVE: it cannot be uninstalled now\n"
    );
}

#[tokio::test]
async fn bundles_are_installed_from_the_catalogue() {
    let bench = Bench::new().await;
    assert_eq!(bench.good("install test.later").await, "Bundle ID: 5\n");
    assert_eq!(bench.good("echo $?").await, "5\n");
    assert_eq!(bench.good("install test.later").await, "Bundle ID: 5\n");
    assert_eq!(
        bench.good("start test.later").await,
        "Bundle ID: 5\nStarting bundle 5 (test.later)...\n"
    );
    let unknown = "BundleError: Error installing bundle nope: there is no bundle 'nope' in the catalogue of this program; there are: test.later, test.failing\n";
    assert_eq!(bench.bad("install nope").await, unknown);
    assert_eq!(bench.bad("start nope").await, unknown);
    assert_eq!(
        bench.bad("start test.failing 5").await,
        "Bundle ID: 6\nStarting bundle 6 (test.failing)...\n\
         BundleError: the activator of bundle test.failing failed: out of order\n"
    );
}

#[tokio::test]
async fn services_are_listed_best_first() {
    let bench = Bench::new().await;
    bench.register_part(Properties::from([("service.ranking", -3)]));
    bench.register_part(Properties::from([("service.ranking", 12)]));
    assert_eq!(
        bench.good("sl").await,
        "\
+----+--------------------------+-------------------------------------------+---------+
| ID |      Specifications      |                  Bundle                   | Ranking |
+====+==========================+===========================================+=========+
| 6  | ['test.part']            | Bundle(ID=0, Name=ferlix.framework)       | 12      |
+----+--------------------------+-------------------------------------------+---------+
| 1  | ['ferlix.ipopo.core']    | Bundle(ID=1, Name=ferlix.component)       | 0       |
+----+--------------------------+-------------------------------------------+---------+
| 2  | ['ferlix.shell']         | Bundle(ID=2, Name=ferlix.shell.core)      | 0       |
+----+--------------------------+-------------------------------------------+---------+
| 3  | ['ferlix.shell.command'] | Bundle(ID=2, Name=ferlix.shell.core)      | 0       |
+----+--------------------------+-------------------------------------------+---------+
| 4  | ['ferlix.shell.command'] | Bundle(ID=3, Name=ferlix.shell.component) | 0       |
+----+--------------------------+-------------------------------------------+---------+
| 5  | ['test.part']            | Bundle(ID=0, Name=ferlix.framework)       | -3      |
+----+--------------------------+-------------------------------------------+---------+
6 services registered
"
    );
    let shell = "\
+----+------------------+--------------------------------------+---------+
| ID |  Specifications  |                Bundle                | Ranking |
+====+==================+======================================+=========+
| 2  | ['ferlix.shell'] | Bundle(ID=2, Name=ferlix.shell.core) | 0       |
+----+------------------+--------------------------------------+---------+
1 services registered
";
    assert_eq!(bench.good("sl ferlix.shell").await, shell);
    assert_eq!(bench.good("sl specification=ferlix.shell").await, shell);
    assert_eq!(bench.bad("sl x").await, "No service provides 'x'\n");
}

#[tokio::test]
async fn a_service_is_shown() {
    let bench = Bench::new().await;
    let properties = Properties::from([
        ("role", "main"),
        ("service.ranking", "7"),
        ("evil", "a\u{1b}[2J\nb"),
    ]);
    bench.register_part(properties);
    bench.good("instantiate assembly-factory a").await;
    assert_eq!(
        bench.good("sd 5").await,
        "\
ID............: 5
Rank..........: 7
Specifications: ['test.part']
Bundle........: Bundle(ID=0, Name=ferlix.framework)
Properties....:
\tevil = a\u{FFFD}[2J\u{FFFD}b
\tobjectClass = ['test.part']
\trole = main
\tservice.bundleid = 0
\tservice.id = 5
\tservice.ranking = 7
\tservice.scope = singleton
Bundles using this service:
\tBundle(ID=4, Name=test.parts)
"
    );
    bench.good("kill a").await;
    assert!(
        bench
            .good("sd 5")
            .await
            .ends_with("Bundles using this service:\n")
    );
    assert_eq!(bench.bad("sd x").await, "Invalid service ID: x\n");
    assert_eq!(bench.bad("sd 999").await, "Service not found: 999\n");
    assert_eq!(bench.bad("sd -1").await, "Service not found: -1\n");
}

#[tokio::test]
async fn properties_and_variables_of_the_process() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.good("properties").await,
        "\
+-------------------------+------------+
|      Property Name      |   Value    |
+=========================+============+
| Some.List               | ['a', 'b'] |
+-------------------------+------------+
| db.password             | (hidden)   |
+-------------------------+------------+
| framework.uid           | the-uid    |
+-------------------------+------------+
| org.osgi.framework.uuid | the-uid    |
+-------------------------+------------+
"
    );
    assert_eq!(bench.good("property some.list").await, "['a', 'b']\n");
    assert_eq!(bench.good("property nope").await, "\n");
    assert_eq!(bench.good("property DB.Password").await, "(hidden)\n");
    for line in ["echo $db.password", "echo ${DB.password}"] {
        assert_eq!(bench.good(line).await, "(hidden)\n", "{line}");
    }
    assert_eq!(
        bench.good("property PATH").await,
        "\n",
        "the environment is not looked at"
    );
    assert_eq!(bench.good("sysprop CARGO_PKG_NAME").await, "ferlix-shell\n");
    for line in ["sysprop nope", "sysprop ''", r"sysprop a\=b"] {
        assert_eq!(bench.good(line).await, "\n", "{line}");
    }
    let all = bench.good("sysprops").await;
    let headings: Vec<&str> = all
        .lines()
        .nth(1)
        .unwrap()
        .split('|')
        .map(str::trim)
        .collect();
    assert_eq!(headings, ["", "Environment Variable", "Value", ""]);
    assert!(
        all.lines()
            .any(|line| line.starts_with("| CARGO_PKG_NAME ")),
        "{all}"
    );
}

#[tokio::test]
async fn folders() {
    // The folder is that of the process: one test does all of it, and goes back.
    let bench = Bench::new().await;
    let before = std::env::current_dir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(bench.good("pwd").await, format!("{}\n", before.display()));
    assert_eq!(
        bench.good(&format!("cd '{path}'")).await,
        format!("{path}\n")
    );
    assert_eq!(bench.good("pwd").await, format!("{path}\n"));
    assert_eq!(bench.good("echo $?").await, format!("{path}\n"));
    let text = bench.bad("cd nope").await;
    assert!(
        text.starts_with("Error changing directory: ") && text.ends_with(": 'nope'\n"),
        "{text}"
    );
    bench.good(&format!("cd '{}'", before.display())).await;
}

#[tokio::test]
async fn nobody_is_known() {
    let text = "User          : anonymous\nAuthenticated : no\nMethod        : -\nTransport     : -\nGroups        : -\nRoles         : -\n";
    assert_eq!(Bench::new().await.good("whoami").await, text);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_and_tasks() {
    let bench = Bench::new().await;
    let _busy = bench.framework.busy();
    let all = bench.good("threads").await;
    let headings: Vec<&str> = all
        .lines()
        .nth(1)
        .unwrap()
        .split('|')
        .map(str::trim)
        .collect();
    assert_eq!(headings, ["", "ID", "Name", "State", ""]);
    let main = std::process::id().to_string();
    let rows: Vec<Vec<&str>> = all
        .lines()
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert!(
        rows.iter()
            .any(|row: &Vec<&str>| row.len() == 5 && row[1] == main),
        "{all}"
    );
    let running = rows
        .iter()
        .find(|row| row.len() == 5 && row[3] == "R (running)");
    let running = running.expect("the thread that runs the command")[1];
    let footer: Vec<&str> = all.lines().rev().take(2).collect();
    assert!(footer[1].ends_with(" threads"), "{all}");
    assert!(
        footer[0].ends_with(" on 2 workers, 1 pending in the framework"),
        "{all}"
    );
    let one = bench.good(&format!("thread {running}")).await;
    assert!(
        one.starts_with(&format!("Thread ID: {running} - Name: ")),
        "{one}"
    );
    assert!(
        one.contains("\nState....: ") && one.contains("\nSwitches.: "),
        "{one}"
    );
    assert_eq!(bench.bad("thread abc").await, "Invalid thread ID: abc\n");
    assert_eq!(
        bench.bad("thread 999999999").await,
        "Unknown thread ID: 999999999\n"
    );
}

#[tokio::test]
async fn log_levels_are_the_programs() {
    let bench = Bench::new().await;
    let text = "This program does not let its log levels be changed: it registers no ferlix.shell.loglevel service\n";
    assert_eq!(bench.bad("loglevel").await, text);
    let applied: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&applied);
    let levels = LogLevels::new("info,hyper=warn", move |directives| {
        if directives.contains("bad") {
            return Err("no such target".into());
        }
        seen.lock().unwrap().push(directives.to_owned());
        Ok(())
    });
    levels.offer(&bench.framework).unwrap();
    assert_eq!(
        bench.good("loglevel").await,
        "Root log level: INFO (real: INFO)\nhyper log level: WARN (real: WARN)\n"
    );
    assert_eq!(
        bench.good("loglevel debug").await,
        "New level for Root: DEBUG\n"
    );
    assert_eq!(
        bench.good("loglevel WARNING ferlix_core").await,
        "New level for ferlix_core: WARN\n"
    );
    assert_eq!(
        bench.bad("loglevel nope").await,
        "Invalid log level: nope\n"
    );
    assert_eq!(
        bench.bad("loglevel info bad").await,
        "LogLevelError: no such target\n"
    );
    assert_eq!(
        applied.lock().unwrap().as_slice(),
        ["debug,hyper=warn", "debug,ferlix_core=warn,hyper=warn"]
    );
    let text = "Root log level: DEBUG (real: DEBUG)\nferlix_core log level: WARN (real: WARN)\nhyper log level: WARN (real: WARN)\n";
    assert_eq!(bench.good("loglevel").await, text);
}

#[tokio::test]
async fn variables_are_set_shown_and_removed() {
    let bench = Bench::new().await;
    assert_eq!(bench.good("set x=1 y=2").await, "x=1\ny=2\n");
    assert_eq!(
        bench.good("set").await,
        "\
+------+-------+
| Name | Value |
+======+=======+
| ?    | None  |
+------+-------+
| x    | 1     |
+------+-------+
| y    | 2     |
+------+-------+
"
    );
    assert_eq!(bench.good("unset x").await, "Variable x unset.\n");
    assert_eq!(bench.bad("unset x").await, "Unknown variable: x\n");
    assert!(
        bench
            .bad("set z")
            .await
            .starts_with("Invalid method call: too many arguments: at most 0, given 1\n")
    );
    assert_eq!(bench.good("echo").await, "\n");
}

#[tokio::test]
async fn scripts_run_up_to_the_first_failure() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file(
        "good",
        "echo hello\r\n\n# comment\n  echo indented\nsd 1 # more\n",
    );
    let text = bench.good(&format!("run {good}")).await;
    assert!(
        text.starts_with(
            "[00] >> echo hello\nhello\n[03] >> echo indented\nindented\n[04] >> sd 1 # more\nID"
        ),
        "{text}"
    );
    assert!(text.ends_with("\nScript execution succeeded\n"), "{text}");
    let bad = file("bad", "echo hello\n\nset v=1\nnosuch\necho never\n");
    assert_eq!(
        bench.bad(&format!("run {bad}")).await,
        "[00] >> echo hello\nhello\n[02] >> set v=1\nv=1\n[03] >> nosuch\nUnknown command nosuch\nCommand at line 4 failed. Abandon.\n"
    );
    let text = bench.bad("run /nonexistent").await;
    assert!(
        text.starts_with("Error reading file /nonexistent: "),
        "{text}"
    );
    let itself = folder.path().join("itself").to_str().unwrap().to_owned();
    file("itself", &format!("run {itself}\n"));
    let text = bench.bad(&format!("run {itself}")).await;
    assert_eq!(text.matches("[00] >> run ").count(), 16);
    assert!(text.contains(&format!("\nError running {itself}: scripts run each other more than 16 deep\nCommand at line 1 failed. Abandon.\n")), "{text}");
}

#[tokio::test]
async fn quit_stops_the_framework() {
    for line in ["quit", "exit"] {
        let bench = Bench::new().await;
        assert_eq!(bench.good(line).await, "Stopping the framework...\n");
        tokio::time::timeout(support::DEADLINE, bench.framework.wait_for_stop())
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn stop_0_stops_the_framework_too() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.good("stop 0").await,
        "Stopping bundle 0 (ferlix.framework)...\n"
    );
    tokio::time::timeout(support::DEADLINE, bench.framework.wait_for_stop())
        .await
        .unwrap()
        .unwrap();
}
