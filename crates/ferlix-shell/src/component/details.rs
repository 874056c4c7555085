//! `factory` and `instance`.

use std::error::Error;

use ferlix_core::command::{Arguments, CommandError, CommandResult, Session, printable, table};
use ferlix_core::component::{
    ComponentManager, ComponentState, DependencyDetails, DependencyKind, FactoryDetails,
    InstanceDetails,
};
use ferlix_core::property::{Properties, Value, shown};

pub(super) fn factory(
    components: &ComponentManager,
    bundle: impl Fn(u64) -> String,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let name = arguments.required(0, "name")?;
    let Some(factory) = components.factory(name) else {
        session.line(format!(
            "Error getting details about '{name}': Unknown factory '{name}'"
        ));
        return Err(CommandError::Failed);
    };
    let heading = format!(
        "Name  : {}\nBundle: {}\n",
        factory.name,
        bundle(factory.bundle_id)
    );
    let parts = [
        properties_of(&factory),
        provided_by(&factory),
        required_by(&factory),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    session.write(&(heading + &parts.join("\n")));
    Ok(None)
}

fn properties_of(factory: &FactoryDetails) -> Option<String> {
    let rows = rows(&factory.properties);
    (!rows.is_empty()).then(|| {
        format!(
            "Properties:\n{}",
            table("", &["Key", "Default value"], rows)
        )
    })
}

fn provided_by(factory: &FactoryDetails) -> Option<String> {
    let names = Value::from(factory.provides.clone());
    (!factory.provides.is_empty()).then(|| format!("Provided services:\n\t{names}\n"))
}

fn required_by(factory: &FactoryDetails) -> Option<String> {
    let row = |requirement: &ferlix_core::component::RequirementDetails| {
        let filter = requirement
            .filter
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let (aggregate, optional) = (
            yes_or_no(requirement.aggregate),
            yes_or_no(requirement.optional),
        );
        let (field, specification) = (requirement.field.to_owned(), requirement.specifications());
        vec![
            field,
            specification,
            filter,
            aggregate.to_owned(),
            optional.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = factory.requirements.iter().map(row).collect();
    let headings = ["ID", "Specification", "Filter", "Aggregate", "Optional"];
    (!rows.is_empty()).then(|| format!("Requirements:\n{}", table("\t", &headings, rows)))
}

pub(super) fn instance(
    components: &ComponentManager,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let name = arguments.required(0, "name")?;
    let Some(instance) = components.instance(name) else {
        session.line(format!(
            "Error getting details about '{name}': Unknown component: {name}"
        ));
        return Err(CommandError::Failed);
    };
    let mut text = format!(
        "Name.....: {}\nFactory..: {}\nBundle ID: {}\nState....: {}\nServices.:\n",
        instance.name, instance.factory, instance.bundle_id, instance.state
    );
    for service in &instance.services {
        text += &format!("\t{}\n", printable(&service.to_string()));
    }
    text += "Dependencies:\n";
    text.extend(instance.dependencies.iter().map(dependency));
    text += &format!(
        "Properties:\n{}\n",
        table("\t", &["Key", "Value"], rows(&instance.properties))
    );
    text += &trouble(&instance);
    session.write(&text);
    Ok(None)
}

fn dependency(dependency: &DependencyDetails) -> String {
    let requirement = &dependency.requirement;
    let filter = requirement
        .filter
        .as_ref()
        .map_or_else(|| "None".to_owned(), ToString::to_string);
    let bindings: String = dependency
        .bindings
        .iter()
        .map(|reference| format!("\t\t\t{}\n", printable(&reference.to_string())))
        .collect();
    let problem = dependency.problem.as_ref().map(|problem| {
        let problem = printable(problem);
        format!("\t\tProblem......: {problem}\n")
    });
    let problem = problem.unwrap_or_default();
    let handler = match requirement.kind {
        DependencyKind::Best => "BestDependency",
        DependencyKind::Balanced => "BalancedDependency",
        DependencyKind::Many => "AggregateDependency",
        // A field of one service, required or not, is the same handler in iPOPO too.
        _ => "SimpleDependency",
    };
    format!(
        "\tField: {}\n\t\tSpecification: {}\n\t\tFilter.......: {filter}\n\t\tOptional.....: {}\n\t\tAggregate....: {}\n\
         \t\tHandler......: {handler}\n{problem}\t\tBindings:\n{bindings}",
        requirement.field,
        requirement.specifications(),
        yes_or_no(requirement.optional),
        yes_or_no(requirement.aggregate),
    )
}

/// Why an instance is not VALID: the cause and its causes, or the services that are missing.
fn trouble(instance: &InstanceDetails) -> String {
    let mut text = String::new();
    if let Some(cause) = &instance.cause {
        text += "Error trace:\n";
        let mut said = String::new();
        let mut cause: Option<&dyn Error> = Some(cause.as_ref());
        while let Some(error) = cause {
            let line = error.to_string();
            // Most messages contain that of their cause.
            if !said.contains(&line) {
                text += &format!("{}\n", printable(&line));
            }
            said = line;
            cause = error.source();
        }
        text.push('\n');
    }
    let missing = instance.waits_for();
    if instance.state == ComponentState::Invalid && !missing.is_empty() {
        text += &format!("Missing..: {}\n", printable(&missing.join(", ")));
    }
    text
}

/// The properties as rows, by key; nothing is `None`, as iPOPO prints it.
fn rows(properties: &Properties) -> Vec<Vec<String>> {
    let text = |value: &Value| match value {
        Value::Null => "None".to_owned(),
        value => value.to_string(),
    };
    let mut rows: Vec<Vec<String>> = properties
        .iter()
        .map(|(key, value)| vec![key.to_owned(), text(&shown(key, value))])
        .collect();
    rows.sort();
    rows
}

/// A boolean as iPOPO prints it.
fn yes_or_no(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}
