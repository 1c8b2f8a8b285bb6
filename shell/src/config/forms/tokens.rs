//! The tokens of the API, as a list of tables.

use super::super::options::{Token, TokenSecret};
use super::super::plain::Plain;
use super::super::words::choice;
use super::{Form, Path, Word, Writes};

/// Those who may use the API.
pub(in crate::config) struct Tokens;

/// How many hexadecimal digits SHA-256 has.
const SHA256_DIGITS: usize = 64;

impl Form for Tokens {
    fn kind() -> String {
        "list of tables with name, role, and sha256 or file".to_string()
    }

    fn meant(text: &str) -> Plain {
        Plain::parse(text).unwrap_or_else(|| Plain::text(text))
    }

    fn redacted(plain: Plain) -> Plain {
        let Plain::List(items) = plain else { return plain };
        let hide = |mut item| {
            if let Plain::Table(table) = &mut item
                && let Some(hash) = table.get_mut("sha256")
            {
                *hash = Plain::text("(redacted)");
            }
            item
        };
        Plain::List(items.into_iter().map(hide).collect())
    }
}

impl Writes<Vec<Token>> for Tokens {
    fn read(plain: &Plain) -> Result<Vec<Token>, String> {
        let Plain::List(items) = plain else {
            return Err(r#"must be a list such as [{ name = "ops", role = "operate", file = "token" }]"#.to_string());
        };
        let tokens: Vec<Token> = items.iter().map(token).collect::<Result<_, _>>()?;
        for (number, token) in tokens.iter().enumerate() {
            if tokens[..number].iter().any(|other| other.name == token.name) {
                return Err(format!(
                    "has `{}` twice: names are unique, or the audit could not tell who it was",
                    token.name
                ));
            }
        }
        Ok(tokens)
    }

    fn write(value: &Vec<Token>) -> Plain {
        let entry = |token: &Token| {
            let (kind, secret) = match &token.secret {
                TokenSecret::Sha256(digits) => ("sha256", Plain::text(digits)),
                TokenSecret::File(path) => ("file", Path::write(path)),
            };
            let entries = [("name", Plain::text(&token.name)), ("role", Word::write(&token.role)), (kind, secret)];
            Plain::Table(entries.map(|(key, value)| (key.to_string(), value)).into())
        };
        Plain::List(value.iter().map(entry).collect())
    }
}

fn token(plain: &Plain) -> Result<Token, String> {
    const KEYS: [&str; 4] = ["name", "role", "sha256", "file"];
    let Plain::Table(table) = plain else {
        return Err("must have tables in it, each with name, role and a secret".into());
    };
    if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("has `{unknown}` in it, where a token has {}", choice(KEYS)));
    }
    let name = table.get("name").and_then(Plain::as_text).filter(|name| !name.is_empty());
    let name = name.ok_or("needs a `name` for each token, which the audit calls its bearer")?.to_string();
    let role = table.get("role").ok_or_else(|| format!("needs a `role` for {name}: `read` or `operate`"))?;
    let role = Word::read(role).map_err(|right| format!("has a role for {name}, which {right}"))?;
    let secret = match (table.get("sha256"), table.get("file")) {
        (Some(digits), None) => {
            let digits = digits.as_text().unwrap_or_default();
            if digits.len() != SHA256_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(format!("has a sha256 for {name}, which must be {SHA256_DIGITS} hexadecimal digits"));
            }
            TokenSecret::Sha256(digits.to_ascii_lowercase())
        }
        (None, Some(file)) => TokenSecret::File(Path::read(file)?),
        (None, None) | (Some(_), Some(_)) => return Err(format!("needs either `sha256` or `file` for {name}")),
    };
    Ok(Token { name, role, secret })
}
