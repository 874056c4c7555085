//! `sl` and `sd`.

use std::fmt::Write as _;

use ferlix_core::command::{Arguments, CommandError, CommandResult, Session, printable, table};
use ferlix_core::framework::BundleContext;
use ferlix_core::property::{keys, shown};
use ferlix_core::registry::ServiceRef;

pub(super) fn list(
    context: &BundleContext,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let specification = arguments.word(0);
    let references = context.references(specification, None);
    if let (Some(specification), true) = (specification, references.is_empty()) {
        session.line(format!("No service provides '{specification}'"));
        return Err(CommandError::Failed);
    }
    let row = |reference: &ServiceRef| {
        let ranking = reference.ranking().to_string();
        vec![
            reference.id().to_string(),
            specifications(reference),
            bundle(context, reference.bundle_id()),
            ranking,
        ]
    };
    let rows = references.iter().map(row).collect();
    let text = table("", &["ID", "Specifications", "Bundle", "Ranking"], rows);
    session.write(&format!("{text}{} services registered\n", references.len()));
    Ok(None)
}

pub(super) fn details(
    context: &BundleContext,
    arguments: &Arguments,
    session: &Session,
) -> CommandResult {
    let word = arguments.required(0, "service_id")?;
    let Ok(number) = word.parse::<i64>() else {
        session.line(format!("Invalid service ID: {word}"));
        return Err(CommandError::Failed);
    };
    let Some(reference) = u64::try_from(number)
        .ok()
        .and_then(|id| context.reference_by_id(id))
    else {
        session.line(format!("Service not found: {word}"));
        return Err(CommandError::Failed);
    };
    let mut text = format!(
        "ID............: {}\nRank..........: {}\nSpecifications: {}\nBundle........: {}\n",
        reference.id(),
        reference.ranking(),
        printable(&specifications(&reference)),
        bundle(context, reference.bundle_id()),
    );
    // Writing to a String cannot fail.
    if let Some(health) = reference.health() {
        let _ = writeln!(
            text,
            "Health........: {}",
            printable(&health.status().to_string())
        );
    }
    text.push_str("Properties....:\n");
    let properties = reference.properties();
    let mut lines: Vec<String> = properties
        .iter()
        .map(|(key, value)| {
            format!(
                "\t{}\n",
                printable(&format!("{key} = {}", shown(key, value)))
            )
        })
        .collect();
    lines.sort();
    text.extend(lines);
    text.push_str("Bundles using this service:\n");
    for id in reference.using_bundles() {
        let _ = writeln!(text, "\t{}", bundle(context, id));
    }
    session.write(&text);
    Ok(None)
}

fn specifications(reference: &ServiceRef) -> String {
    reference
        .property(keys::OBJECT_CLASS)
        .unwrap_or_default()
        .to_string()
}

/// A bundle as a table shows it; one that is gone meanwhile by its number.
fn bundle(context: &BundleContext, id: u64) -> String {
    let bundle = context.framework().bundle(id);
    bundle.map_or_else(|| format!("Bundle(ID={id})"), |bundle| bundle.to_string())
}
