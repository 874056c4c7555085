//! What the commands of the name space `ipopo` print, to the byte.

mod support;

use ferlix_core::property::Properties;
use support::Bench;

#[tokio::test]
async fn factories_are_listed_and_shown() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.good("factories").await,
        "\
+------------------------------+-------------------------------------------+
|           Factory            |                  Bundle                   |
+==============================+===========================================+
| assembly-factory             | Bundle(ID=4, Name=test.parts)             |
+------------------------------+-------------------------------------------+
| broken-factory               | Bundle(ID=4, Name=test.parts)             |
+------------------------------+-------------------------------------------+
| ipopo-shell-commands-factory | Bundle(ID=3, Name=ferlix.shell.component) |
+------------------------------+-------------------------------------------+
3 factories available
"
    );
    let none =
        "+---------+--------+\n| Factory | Bundle |\n+=========+========+\n0 filtered factories\n";
    assert_eq!(bench.good("factories zzz").await, none);
    assert_eq!(
        bench.good("factory assembly-factory").await,
        "\
Name  : assembly-factory
Bundle: Bundle(ID=4, Name=test.parts)
Properties:
+-------+---------------+
|  Key  | Default value |
+=======+===============+
| kind  | assembly      |
+-------+---------------+
| label | None          |
+-------+---------------+
| pause | 5             |
+-------+---------------+

Provided services:
\t['test.whole']

Requirements:
\t+-------+---------------+-------------+-----------+----------+
\t|  ID   | Specification |   Filter    | Aggregate | Optional |
\t+=======+===============+=============+===========+==========+
\t| fixed | test.part     | (role=main) | False     | False    |
\t+-------+---------------+-------------+-----------+----------+
\t| best  | test.part     |             | False     | False    |
\t+-------+---------------+-------------+-----------+----------+
\t| maybe | test.part     |             | False     | True     |
\t+-------+---------------+-------------+-----------+----------+
\t| all   | test.part     |             | True      | True     |
\t+-------+---------------+-------------+-----------+----------+
"
    );
    assert_eq!(
        bench.bad("factory nope").await,
        "Error getting details about 'nope': Unknown factory 'nope'\n"
    );
}

#[tokio::test]
async fn instances_are_made_listed_and_ended() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.good("instantiate assembly-factory a label=x").await,
        "Component 'a' instantiated.\n"
    );
    assert_eq!(bench.good("echo $?").await, "a\n");
    assert_eq!(
        bench.good("ipopo.instantiate broken-factory b").await,
        "Component 'b' instantiated.\n"
    );
    assert_eq!(
        bench.good("instances").await,
        "\
+----------------------+------------------------------+-----------+
|         Name         |           Factory            |   State   |
+======================+==============================+===========+
| a                    | assembly-factory             | INVALID   |
+----------------------+------------------------------+-----------+
| b                    | broken-factory               | ERRONEOUS |
+----------------------+------------------------------+-----------+
| ipopo-shell-commands | ipopo-shell-commands-factory | VALID     |
+----------------------+------------------------------+-----------+
3 components running
"
    );
    assert_eq!(
        bench.good("instances ipopo").await.lines().last(),
        Some("1 filtered components")
    );
    assert_eq!(bench.good("kill b").await, "Component 'b' killed.\n");
    assert_eq!(
        bench.bad("kill b").await,
        "Invalid parameter: Unknown component instance 'b'\n"
    );
    assert_eq!(
        bench.bad("instantiate assembly-factory a").await,
        "Invalid parameter: 'a' is an already running instance name\n"
    );
    assert_eq!(
        bench.bad("instantiate nope n").await,
        "Invalid factory: Unknown factory 'nope'; there are: assembly-factory, broken-factory, ipopo-shell-commands-factory\n"
    );
    assert_eq!(
        bench.bad("instantiate").await,
        "Invalid method call: missing arguments: factory, name\n=== Name space 'ipopo' ===\n\
         - instantiate <factory> <name> [<property=value> ...]\n\
         \t\tMakes a component instance of a factory, with properties of its own.\n"
    );
    let blank = bench.bad("instantiate assembly-factory ''").await;
    assert!(
        blank.starts_with("Invalid parameter: invalid specification name"),
        "{blank}"
    );
}

#[tokio::test]
async fn a_valid_instance_is_shown() {
    let bench = Bench::new().await;
    bench.register_part(Properties::from([("role", "main")]));
    bench.good("instantiate assembly-factory a pause=7").await;
    let part = "ServiceReference(ID=5, Bundle=0, Specs=['test.part'])";
    let field = |name: &str, filter: &str, optional: &str, aggregate: &str, handler: &str| {
        format!(
            "\tField: {name}\n\t\tSpecification: test.part\n\t\tFilter.......: {filter}\n\t\tOptional.....: {optional}\n\
             \t\tAggregate....: {aggregate}\n\t\tHandler......: {handler}\n\t\tBindings:\n\t\t\t{part}\n"
        )
    };
    let text = [
        "Name.....: a\nFactory..: assembly-factory\nBundle ID: 4\nState....: VALID\nServices.:\n"
            .to_owned(),
        "\tServiceReference(ID=6, Bundle=4, Specs=['test.whole'])\nDependencies:\n".to_owned(),
        field("fixed", "(role=main)", "False", "False", "SimpleDependency"),
        field("best", "None", "False", "False", "BestDependency"),
        field("maybe", "None", "True", "False", "SimpleDependency"),
        field("all", "None", "True", "True", "AggregateDependency"),
        "\
Properties:
\t+---------------+----------+
\t|      Key      |  Value   |
\t+===============+==========+
\t| instance.name | a        |
\t+---------------+----------+
\t| kind          | assembly |
\t+---------------+----------+
\t| pause         | 7        |
\t+---------------+----------+

"
        .to_owned(),
    ];
    assert_eq!(bench.good("instance a").await, text.concat());
    assert_eq!(
        bench.bad("instance nope").await,
        "Error getting details about 'nope': Unknown component: nope\n"
    );
}

#[tokio::test]
async fn an_instance_that_is_not_valid_says_why() {
    let bench = Bench::new().await;
    bench.good("instantiate assembly-factory a").await;
    let text = bench.good("instance a").await;
    assert!(
        text.contains("\nState....: INVALID\nServices.:\nDependencies:\n\tField: fixed\n"),
        "{text}"
    );
    assert!(text.contains("\t\tBindings:\nProperties:\n"), "{text}");
    assert!(
        text.ends_with("\n\nMissing..: test.part (role=main), test.part\n"),
        "{text}"
    );
    bench.good("instantiate broken-factory b").await;
    let text = bench.good("instance b").await;
    assert!(text.contains("\nState....: ERRONEOUS\n"), "{text}");
    assert!(
        text.ends_with("+\n\nError trace:\nvalidate: no luck\n\n"),
        "{text}"
    );
}

#[tokio::test]
async fn instances_are_tried_again_and_changed() {
    let bench = Bench::new().await;
    bench.good("instantiate broken-factory b").await;
    assert_eq!(
        bench.good("retry b").await,
        "Component 'b' is now in state ERRONEOUS.\n"
    );
    assert_eq!(
        bench.good("retry b good=true").await,
        "Component 'b' is now in state VALID.\n"
    );
    assert_eq!(
        bench.good("reconfigure b good=no").await,
        "Component 'b' is now in state ERRONEOUS.\n"
    );
    assert!(bench.good("instance b").await.contains("Error trace:\n"));
    assert_eq!(
        bench.good("retry b good=true").await,
        "Component 'b' is now in state VALID.\n"
    );
    for line in ["retry nope", "reconfigure nope a=b"] {
        assert_eq!(
            bench.bad(line).await,
            "Invalid parameter: Unknown component instance 'nope'\n",
            "{line}"
        );
    }
    let text = bench.bad("reconfigure b").await;
    assert!(
        text.starts_with(
            "Invalid method call: missing argument: property=value\n=== Name space 'ipopo'"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn nothing_waits_for_a_handler() {
    let bench = Bench::new().await;
    let table = "+------+---------+------------------+\n| Name | Factory | Missing handlers |\n+======+=========+==================+\n";
    assert_eq!(
        bench.good("waiting").await,
        format!("{table}0 components in the waiting queue\n")
    );
    assert_eq!(
        bench.good("waiting x").await,
        format!("{table}0 filtered components\n")
    );
}
