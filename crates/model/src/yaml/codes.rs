//! The codes of problems with a file's form.

use crate::{FindingCode, Severity};

macro_rules! code {
    ($name:ident, $code:literal, $title:literal, $explanation:literal) => {
        pub(super) static $name: FindingCode =
            FindingCode { code: $code, title: $title, explanation: $explanation, severity: Severity::Error };
    };
}

code!(
    SYNTAX,
    "YML001",
    "the file is no YAML",
    "The text breaks a rule of YAML at this place, so nothing behind it can be read. Usual causes: a missing space \
     after a colon, a bracket or quote that is not closed, lines of one mapping that are indented differently, or a \
     text with `: ` or ` #` inside that needs quotes."
);
code!(
    DUPLICATE_KEY,
    "YML002",
    "a key is given twice",
    "A mapping has the same key twice. Many tools silently take the last one, so that half of what was written has \
     no effect. Remove or rename one of them."
);
code!(
    EMPTY,
    "YML003",
    "the file is empty",
    "The file holds nothing but white space or comments. `landfall init` writes a manifest to begin with."
);
code!(
    NOT_UTF8,
    "YML004",
    "the file is no UTF-8 text",
    "Manifests are UTF-8 text. The file holds bytes that are none: it was probably saved in another encoding \
     (Latin-1, Windows-1252, UTF-16). Save it again as UTF-8 in your editor, or convert it with `iconv`."
);
code!(
    BINARY,
    "YML005",
    "the file is binary",
    "The file holds zero bytes, so it is no text but an archive, an image, a program or the like. Check the name \
     that was given."
);
code!(
    TOO_LARGE,
    "YML006",
    "the file is too large",
    "The file is larger than any manifest made by people. It is refused before it is read. Check the name that was \
     given; move long texts into files of their own and name those in the manifest."
);
code!(
    TOO_DEEP,
    "YML007",
    "values are nested too deeply",
    "Lists and mappings lie in each other deeper than any manifest needs. The limit keeps a hostile file from using \
     up the stack."
);
code!(
    TOO_MANY,
    "YML008",
    "the file grows beyond all measure",
    "The file has more values than any manifest needs, usually because aliases (`*name`) repeat anchors that hold \
     further aliases (a \"YAML bomb\"). It is refused before the values are made."
);
code!(
    SEVERAL_DOCUMENTS,
    "YML009",
    "the file holds several documents",
    "A line `---` begins a second document in the same file. Only one is read, so the others would have no effect. \
     Split the file, or remove the line."
);
code!(
    KEY_IS_NO_TEXT,
    "YML010",
    "a key is no text",
    "Keys are texts. A list, a mapping or nothing at all stands where a key is expected. A line that begins with \
     `{` or `[` before a colon, or with `? ` or `: `, is read this way."
);
code!(
    TAB,
    "YML011",
    "a line is indented with a tab",
    "YAML forbids tabs in indentation, since nobody agrees how wide they are. Indent with spaces; most editors can \
     convert all tabs at once."
);
code!(
    UNKNOWN_ANCHOR,
    "YML012",
    "an alias leads nowhere",
    "An alias (`*name`) refers to an anchor (`&name`) that does not stand before it, or to a value that it is itself \
     a part of. If a text was meant that begins with a star, put it in quotes."
);
code!(
    MERGE_KEY,
    "YML013",
    "merge keys are not supported",
    "The merge key `<<` was an extension of YAML 1.1 and is no part of YAML 1.2. Write the keys out, or use an \
     environment overlay where values differ between environments."
);

/// All codes of this module, sorted.
pub const CODES: &[&FindingCode] = &[
    &SYNTAX,
    &DUPLICATE_KEY,
    &EMPTY,
    &NOT_UTF8,
    &BINARY,
    &TOO_LARGE,
    &TOO_DEEP,
    &TOO_MANY,
    &SEVERAL_DOCUMENTS,
    &KEY_IS_NO_TEXT,
    &TAB,
    &UNKNOWN_ANCHOR,
    &MERGE_KEY,
];
