//! Substitutes `{name}` in a program's arguments.

use optiformer::space::{Configuration, Space};

/// A command line with placeholders for parameter values.
#[derive(Debug)]
pub struct Template {
    arguments: Vec<Vec<Piece>>,
}

/// What a command line can say about the trial beside its values.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrialIds {
    /// The trial, unless the run belongs to none.
    pub trial: Option<u64>,
    /// The trial that it continues at a higher fidelity.
    pub promoted_from: Option<u64>,
}

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    /// The value of the parameter with this index.
    Value(usize),
    /// The id of the trial.
    TrialId,
    /// The id of the trial that this one continues at a higher fidelity.
    PromotedFrom,
}

impl Template {
    /// Parses the program and its arguments.
    ///
    /// # Errors
    ///
    /// A message that names the argument: an unknown name or an unmatched brace.
    pub fn new(space: &Space, arguments: &[String]) -> Result<Self, String> {
        let arguments = arguments
            .iter()
            .map(|argument| {
                parse(space, argument)
                    .map_err(|what| format!("in the argument \"{argument}\": {what}"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { arguments })
    }

    /// The arguments for a configuration; inactive parameters and ids that are not there are empty.
    pub fn fill(&self, space: &Space, configuration: &Configuration, ids: TrialIds) -> Vec<String> {
        let id = |id: Option<u64>| id.map_or_else(String::new, |id| id.to_string());
        let fill = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value(index) => configuration
                .get(*index)
                .map_or_else(String::new, |value| space.parameters()[*index].format(value)),
            Piece::TrialId => id(ids.trial),
            Piece::PromotedFrom => id(ids.promoted_from),
        };
        self.arguments.iter().map(|pieces| pieces.iter().map(fill).collect()).collect()
    }

    /// Names of the parameters that no argument uses.
    pub fn unused<'a>(&self, space: &'a Space) -> Vec<&'a str> {
        let uses =
            |index| self.arguments.iter().flatten().any(|piece| *piece == Piece::Value(index));
        let parameters = space.parameters().iter().enumerate();
        parameters.filter(|(index, _)| !uses(*index)).map(|(_, it)| it.name()).collect()
    }

    /// Whether the program's name depends on a parameter.
    pub fn varies_program(&self) -> bool {
        self.arguments[0].iter().any(|piece| matches!(piece, Piece::Value(_)))
    }
}

fn parse(space: &Space, argument: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = argument;
    while let Some(brace) = rest.find(['{', '}']) {
        text.push_str(&rest[..brace]);
        let after = &rest[brace + 1..];
        let is_open = rest[brace..].starts_with('{');
        if after.starts_with(if is_open { '{' } else { '}' }) {
            text.push(if is_open { '{' } else { '}' });
            rest = &after[1..];
        } else if is_open {
            let Some(end) = after.find('}') else {
                return Err("\"{\" without \"}\" (write {{ for a brace)".to_string());
            };
            let name = &after[..end];
            let piece = placeholder(space, name)?;
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(piece);
            rest = &after[end + 1..];
        } else {
            return Err("\"}\" without \"{\" (write }} for a brace)".to_string());
        }
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

/// What `{name}` stands for; parameters come before the tool's own names.
fn placeholder(space: &Space, name: &str) -> Result<Piece, String> {
    match (space.find(name), name) {
        (Ok(index), _) => Ok(Piece::Value(index)),
        (Err(_), "trial_id") => Ok(Piece::TrialId),
        (Err(_), "promoted_from") if space.fidelity().is_some() => Ok(Piece::PromotedFrom),
        (Err(_), "promoted_from") => Err("\"{promoted_from}\" needs a parameter with \
            \"fidelity\": true in the space"
            .to_string()),
        (Err(error), _) => {
            let names = error.context();
            Err(format!("{names} (and {{trial_id}}; write {{{{ and }}}} for braces)"))
        }
    }
}

#[cfg(test)]
mod tests {
    use optiformer::space::{Parameter, Space};

    use super::*;

    fn space() -> Space {
        Space::new(vec![
            Parameter::float("x", 0.0, 1.0),
            Parameter::categorical("kind", ["a b", "{c}"]),
            Parameter::int("n", 1, 9).when("kind", ["{c}"]),
        ])
        .unwrap()
    }

    fn fill(argument: &str, values: [Option<f64>; 3]) -> String {
        let template = Template::new(&space(), &[argument.to_string()]).unwrap();
        let ids = TrialIds { trial: Some(7), promoted_from: None };
        template.fill(&space(), &Configuration::new(values.to_vec()), ids).concat()
    }

    #[test]
    fn trials_are_named() {
        assert_eq!(fill("{trial_id}/{x}", [Some(0.5), Some(0.0), None]), "7/0.5");
        let error = Template::new(&space(), &["{promoted_from}".to_string()]).unwrap_err();
        assert!(error.contains("\"fidelity\": true"), "{error}");
        let named = Space::new(vec![Parameter::int("trial_id", 7, 8)]).unwrap();
        let template = Template::new(&named, &["{trial_id}".to_string()]).unwrap();
        assert_eq!(template.arguments, [[Piece::Value(0)]]);

        let fidelity = Parameter::int("epochs", 1, 9).fidelity();
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0), fidelity]).unwrap();
        let template = Template::new(&space, &["{trial_id}<{promoted_from}".to_string()]).unwrap();
        let fill = |trial, promoted_from| {
            let configuration = Configuration::new(vec![Some(0.5), Some(3.0)]);
            template.fill(&space, &configuration, TrialIds { trial, promoted_from }).concat()
        };
        assert_eq!(fill(Some(4), Some(0)), "4<0");
        assert_eq!((fill(Some(4), None), fill(None, None)), ("4<".into(), "<".into()));
    }

    #[test]
    fn places_are_filled() {
        let values = [Some(0.5), Some(1.0), Some(3.0)];
        assert_eq!(fill("{x}", values), "0.5");
        assert_eq!(fill("--n={n},{kind};{x}{x}", values), "--n=3,{c};0.50.5");
        assert_eq!(fill("{{x}} {{{x}}} }}{{ é{n}é", values), "{x} {0.5} }{ é3é");
        assert_eq!(fill("[{kind}|{n}]", [Some(0.5), Some(0.0), None]), "[a b|]");
    }

    #[test]
    fn wrong_places_are_named() {
        for argument in ["{y}", "a{", "a}", "{}", "{x", "{ x}", "{x}}", "{\"a\": 1}"] {
            let error = Template::new(&space(), &[argument.to_string()]).unwrap_err();
            assert!(error.contains(argument), "{error}");
        }
        let template = Template::new(&space(), &["{kind}".into(), "{{x}}".into()]).unwrap();
        assert_eq!(template.unused(&space()), ["x", "n"]);
        assert!(template.varies_program());
    }
}
