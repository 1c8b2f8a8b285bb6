//! The text of a story: comments, commands, `----`, and the outcome up to a blank line.

/// A story's text in order.
pub(crate) struct Script {
    parts: Vec<Part>,
}

enum Part {
    /// A comment or a blank line, kept as it is.
    Aside(String),
    Command(Command),
}

/// One command and what followed from it.
pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) outcome: String,
}

impl Script {
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut lines = text.lines().enumerate().peekable();
        while let Some((number, line)) = lines.next() {
            if line.is_empty() || line.starts_with('#') {
                parts.push(Part::Aside(line.to_string()));
                continue;
            }
            let mut outcome = String::new();
            if lines.next_if(|(_, next)| *next == "----").is_some() {
                while let Some((_, said)) = lines.next_if(|(_, next)| !next.is_empty()) {
                    outcome.push_str(said);
                    outcome.push('\n');
                }
            }
            parts.push(Part::Command(Command { line: number + 1, text: line.to_string(), outcome }));
        }
        Self { parts }
    }

    pub(crate) fn commands_mut(&mut self) -> impl Iterator<Item = &mut Command> {
        self.parts.iter_mut().filter_map(|part| match part {
            Part::Command(command) => Some(command),
            Part::Aside(_) => None,
        })
    }

    /// Writes the story; an outcome ends with a blank line, wherever the next thing is not one already.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        for (place, part) in self.parts.iter().enumerate() {
            match part {
                Part::Aside(line) => text.push_str(line),
                Part::Command(command) if command.outcome.is_empty() => text.push_str(&command.text),
                Part::Command(command) => {
                    let next = self.parts.get(place + 1);
                    let ends = next.is_none_or(|next| matches!(next, Part::Aside(line) if line.is_empty()));
                    let ending = if ends { "" } else { "\n" };
                    for piece in [&command.text, "\n----\n", &command.outcome, ending] {
                        text.push_str(piece);
                    }
                    continue;
                }
            }
            text.push('\n');
        }
        text
    }
}
