//! Names of specifications: what they may not contain.

use crate::Error;

/// Characters that would change the meaning of a filter or of a list of names (as iPOPO refuses them).
const FORBIDDEN: &str = "\\()&|=<>~*+#,;'\"";

/// Refuses the name of a specification that is empty, padded or could be read as part of a filter.
///
/// # Errors
/// [`Error::Specification`] with the name and the reason.
///
/// ```
/// use ferlix_core::registry::check_specification;
/// assert!(check_specification("org.eclipse.ecf.examples.hello.IHello").is_ok());
/// assert!(check_specification("a)(b=*").is_err());
/// ```
pub fn check_specification(name: &str) -> Result<(), Error> {
    let reason = if name.trim().is_empty() {
        "it is empty"
    } else if name.trim() != name {
        "it begins or ends with a space"
    } else if name.contains(|character: char| FORBIDDEN.contains(character)) {
        "it has one of the characters \\ ( ) & | = < > ~ * + # , ; ' \""
    } else if name.contains(char::is_control) {
        "it has a control character"
    } else {
        return Ok(());
    };
    Err(Error::Specification {
        name: name.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_filter_or_a_list_gives_a_meaning_is_forbidden_and_nothing_else() {
        for character in '\0'..'\u{100}' {
            let forbidden = "\\()&|=<>~*+#,;'\"".contains(character) || character.is_control();
            let checked = check_specification(&format!("a{character}b"));
            assert_eq!(checked.is_err(), forbidden, "{character:?}");
        }
    }
}
