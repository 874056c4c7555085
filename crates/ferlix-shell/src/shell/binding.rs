//! From the arguments of a line to those that a command declares.
//!
//! A `name=value` word whose name is that of a parameter fills it, as in iPOPO, unless the command takes `name=value`
//! words itself: then all of them are that.

use std::collections::BTreeMap;

use ferlix_core::command::{Arguments, Command, Parameter, ParameterKind};

/// The arguments as the command is to get them.
///
/// # Errors
/// What does not fit, as text.
pub(super) fn bind(command: &Command, given: Arguments) -> Result<Arguments, String> {
    let has = |kind: ParameterKind| {
        command
            .parameters
            .iter()
            .any(|parameter| parameter.kind == kind)
    };
    let by_position: Vec<&Parameter> = command
        .parameters
        .iter()
        .filter(|parameter| {
            matches!(
                parameter.kind,
                ParameterKind::Required | ParameterKind::Optional(_)
            )
        })
        .collect();
    let (mut words, mut keywords) = (given.words, given.keywords);
    if words.len() > by_position.len() && !has(ParameterKind::Rest) {
        return Err(format!(
            "too many arguments: at most {}, given {}",
            by_position.len(),
            words.len()
        ));
    }
    if !has(ParameterKind::Keywords) {
        fill(&by_position, &mut words, std::mem::take(&mut keywords))?;
    }
    let missing: Vec<&str> = by_position
        .iter()
        .skip(words.len())
        .filter(|parameter| parameter.kind == ParameterKind::Required)
        .map(|parameter| parameter.name)
        .collect();
    match missing.as_slice() {
        [] => Ok(Arguments::new(words, keywords)),
        [one] => Err(format!("missing argument: {one}")),
        several => Err(format!("missing arguments: {}", several.join(", "))),
    }
}

/// Puts the values of `name=value` words where the parameters of those names are.
fn fill(
    parameters: &[&Parameter],
    words: &mut Vec<String>,
    mut named: BTreeMap<String, String>,
) -> Result<(), String> {
    for key in named.keys() {
        match parameters
            .iter()
            .position(|parameter| parameter.name == key)
        {
            None => return Err(format!("unexpected keyword argument: {key}")),
            Some(position) if position < words.len() => {
                return Err(format!("argument given twice: {key}"));
            }
            Some(_) => {}
        }
    }
    for parameter in parameters.iter().skip(words.len()) {
        if named.is_empty() {
            break;
        }
        match (named.remove(parameter.name), parameter.kind) {
            (Some(value), _) => words.push(value),
            (None, ParameterKind::Optional(Some(default))) => words.push(default.to_owned()),
            (None, _) => return Err(format!("missing argument: {}", parameter.name)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ferlix_core::command::Completion;

    use super::*;

    fn check(
        command: &Command,
        words: &[&str],
        keywords: &[(&str, &str)],
    ) -> Result<String, String> {
        let words = words.iter().map(ToString::to_string).collect();
        let keywords = keywords
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        let bound = bind(command, Arguments::new(words, keywords))?;
        Ok(format!("{:?} {:?}", bound.words, bound.keywords))
    }

    #[test]
    fn positions_are_counted() {
        let command = Command::new("x", "")
            .required("a", Completion::None)
            .optional("b", Completion::None);
        assert_eq!(check(&command, &["1"], &[]).unwrap(), r#"["1"] {}"#);
        assert_eq!(
            check(&command, &["1", "2"], &[]).unwrap(),
            r#"["1", "2"] {}"#
        );
        assert_eq!(
            check(&command, &[], &[]).unwrap_err(),
            "missing argument: a"
        );
        let three = check(&command, &["1", "2", "3"], &[]).unwrap_err();
        assert_eq!(three, "too many arguments: at most 2, given 3");
        let none = check(&Command::new("x", ""), &["1"], &[]).unwrap_err();
        assert_eq!(none, "too many arguments: at most 0, given 1");
        let two = Command::new("x", "")
            .required("a", Completion::None)
            .required("b", Completion::None);
        assert_eq!(
            check(&two, &[], &[]).unwrap_err(),
            "missing arguments: a, b"
        );
        let rest = Command::new("x", "")
            .required("a", Completion::None)
            .rest("more", Completion::None);
        assert_eq!(
            check(&rest, &["1", "2", "3"], &[]).unwrap(),
            r#"["1", "2", "3"] {}"#
        );
        assert_eq!(check(&rest, &[], &[]).unwrap_err(), "missing argument: a");
    }

    #[test]
    fn a_keyword_fills_the_parameter_of_its_name() {
        let command = Command::new("x", "")
            .required("a", Completion::None)
            .defaulted("b", "B", Completion::None)
            .optional("c", Completion::None)
            .optional("d", Completion::None);
        assert_eq!(check(&command, &[], &[("a", "1")]).unwrap(), r#"["1"] {}"#);
        assert_eq!(
            check(&command, &["1"], &[("c", "3")]).unwrap(),
            r#"["1", "B", "3"] {}"#
        );
        assert_eq!(
            check(&command, &["1"], &[("d", "4")]).unwrap_err(),
            "missing argument: c"
        );
        assert_eq!(
            check(&command, &["1"], &[("a", "1")]).unwrap_err(),
            "argument given twice: a"
        );
        assert_eq!(
            check(&command, &["1"], &[("z", "1")]).unwrap_err(),
            "unexpected keyword argument: z"
        );
    }

    #[test]
    fn keywords_go_to_a_command_that_takes_them() {
        let command = Command::new("x", "")
            .required("name", Completion::None)
            .keywords("property");
        assert_eq!(
            check(&command, &["1"], &[("name", "2")]).unwrap(),
            r#"["1"] {"name": "2"}"#
        );
        assert_eq!(
            check(&command, &[], &[("name", "2")]).unwrap_err(),
            "missing argument: name"
        );
    }
}
