//! RFC 4180: comma, double quotes, UTF-8; the first line names the columns. A field without anything is NULL, `""` is the empty text.

use std::fmt;

/// A record and the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) line: usize,
    pub(crate) fields: Vec<Option<String>>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A file: its columns and its records, each as long as the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) records: Vec<Record>,
}

/// Reads a whole file.
pub(crate) fn read(text: &str) -> Result<Table, Malformed> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = split(text)?.into_iter();
    let wrong = |line, what: String| Malformed { line, what };
    let header =
        records.next().ok_or_else(|| wrong(1, "the file is empty; its first line must name the columns".to_owned()))?;
    let columns: Vec<String> = header.fields.into_iter().map(Option::unwrap_or_default).collect();
    if let [only] = columns.as_slice()
        && let Some(other) = only.chars().find(|character| [';', '\t'].contains(character))
    {
        let mark = if other == '\t' { "a tab".to_owned() } else { format!("`{other}`") };
        return Err(wrong(1, format!("fields are separated by commas, not by {mark}")));
    }
    for (index, column) in columns.iter().enumerate() {
        if column.is_empty() {
            return Err(wrong(1, format!("column {} has no name", index + 1)));
        }
        if columns[..index].contains(column) {
            return Err(wrong(1, format!("two columns are named {column}")));
        }
    }
    let records: Vec<Record> = records.collect();
    if let Some(odd) = records.iter().find(|record| record.fields.len() != columns.len()) {
        let counted = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
        let [has, names] = [counted(odd.fields.len(), "field"), counted(columns.len(), "column")];
        let what = format!("{has}, and the first line names {names}");
        return Err(wrong(odd.line, what));
    }
    Ok(Table { columns, records })
}

fn split(text: &str) -> Result<Vec<Record>, Malformed> {
    let mut records = Vec::new();
    let mut characters = text.chars().peekable();
    let mut line = 1;
    while characters.peek().is_some() {
        let mut record = Record { line, fields: Vec::new() };
        loop {
            let (field, ended) = field(&mut characters, &mut line)?;
            record.fields.push(field);
            if ended {
                break;
            }
        }
        // A line with nothing on it is no record, unless there is one column only and it may be NULL: then nobody can tell.
        if record.fields != [None] {
            records.push(record);
        }
    }
    Ok(records)
}

/// One field, and whether the record ended with it.
fn field(
    characters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    line: &mut usize,
) -> Result<(Option<String>, bool), Malformed> {
    let mut text = String::new();
    let is_quoted = characters.next_if_eq(&'"').is_some();
    if is_quoted {
        let start = *line;
        loop {
            match characters.next() {
                Some('"') if characters.next_if_eq(&'"').is_some() => text.push('"'),
                Some('"') => break,
                Some(character) => {
                    *line += usize::from(character == '\n');
                    text.push(character);
                }
                None => {
                    return Err(Malformed {
                        line: start,
                        what: "a quoted field begins here and never ends".to_owned(),
                    });
                }
            }
        }
    }
    loop {
        match characters.next() {
            None => return Ok(((is_quoted || !text.is_empty()).then_some(text), true)),
            Some(',') => return Ok(((is_quoted || !text.is_empty()).then_some(text), false)),
            Some('\r') if characters.peek().is_none_or(|next| *next == '\n') => {}
            Some('\r') => {
                let what = "a line ends with a carriage return alone; save the file with line feeds".to_owned();
                return Err(Malformed { line: *line, what });
            }
            Some('\n') => {
                *line += 1;
                return Ok(((is_quoted || !text.is_empty()).then_some(text), true));
            }
            Some('"') => return Err(Malformed { line: *line, what: "a quote stands inside of a field".to_owned() }),
            Some(_) if is_quoted => {
                return Err(Malformed { line: *line, what: "something stands behind a quoted field".to_owned() });
            }
            Some(character) => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_lines_and_nothing() {
        let table = read("\u{feff}a,b\r\n1,\r\n\"x,\n\"\"y\"\"\",\"\"\n\n,z").unwrap();
        assert_eq!(table.columns, ["a", "b"]);
        let fields: Vec<_> = table.records.iter().map(|record| (record.line, record.fields.clone())).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            fields,
            [(2, vec![some("1"), None]), (3, vec![some("x,\n\"y\""), some("")]), (6, vec![None, some("z")])]
        );
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        for (text, line) in [
            ("", 1),
            ("a,a\n", 1),
            ("a,\n", 1),
            ("a,b\n1\n", 2),
            ("a;b\n1;2\n", 1),
            ("a\tb\n1\t2\n", 1),
            ("a,b\r1,2\r", 1),
            ("a\nx\"y\n", 2),
            ("a\n\"x\"y\n", 2),
            ("a\n1\n\"x\ny", 3),
        ] {
            assert_eq!(read(text).unwrap_err().line, line, "{text:?}");
        }
    }
}
