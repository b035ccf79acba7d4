//! The shapes of the fixtures with their bytes changed by the thousand, and texts made to be large, deep or endless:
//! always an answer or a reason. The seed is printed; `LANDFALL_SEED` gives another one.

use crate::fixtures::fixtures;
use analysis::reachability::{Options, Problem, Status, prove, render};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

const CASES: usize = 3000;

/// Numbers that are the same on every machine (xorshift).
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % below.max(1)
    }

    /// A piece of a text: never empty, never longer than a line or two.
    fn piece(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.next(length);
        start..(start + 1 + self.next(120)).min(length)
    }
}

const WORDS: [&str; 22] = [
    "99999999999999999999",
    "-9223372036854775808",
    "1e309",
    "0x7fffffffffffffff",
    "0.0.0.0/0",
    "::/0",
    "255.255.255.255/32",
    "!Ref ",
    "!GetAtt ",
    "!Sub '${",
    "!If [",
    "!Cidr [10.0.0.0/8, 256, 8]",
    "\"Fn::If\": ",
    "&a ",
    "*a",
    "<<: ",
    "- ",
    "\u{feff}",
    "\0",
    "\t",
    "🜂",
    "'",
];

fn changed(dice: &mut Dice, shapes: &[(String, String)]) -> Vec<u8> {
    let mut bytes = shapes[dice.next(shapes.len())].1.clone().into_bytes();
    for _ in 0..=dice.next(3) {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match dice.next(20) {
            0 => bytes[dice.next(length)] ^= 1 << dice.next(8),
            1 => drop(bytes.drain(dice.piece(length))),
            2 => {
                let copy = bytes[dice.piece(length)].to_vec();
                let at = dice.next(length);
                bytes.splice(at..at, copy);
            }
            3 => {
                let other = shapes[dice.next(shapes.len())].1.as_bytes();
                let piece = other[dice.piece(other.len())].to_vec();
                let at = dice.piece(length);
                bytes.splice(at, piece);
            }
            4 => {
                let at = dice.next(length);
                bytes.splice(at..at, WORDS[dice.next(WORDS.len())].bytes());
            }
            // A number for a number.
            5 => {
                if let Some(at) = (dice.next(length)..length).find(|at| bytes[*at].is_ascii_digit()) {
                    let end = (at..length).find(|end| !bytes[*end].is_ascii_digit()).unwrap_or(length);
                    bytes.splice(at..end, WORDS[dice.next(4)].bytes());
                }
            }
            // Deep in the middle of things.
            6 => {
                let (at, depth) = (dice.next(length), dice.next(300));
                let open = ["[", "{a: ", "{\"Fn::Not\": ["][dice.next(3)];
                bytes.splice(at..at, open.repeat(depth).into_bytes());
            }
            7 => bytes.truncate(dice.next(length)),
            // Whole lines: most of what comes of it can still be read.
            8..14 => {
                let other = &shapes[dice.next(shapes.len())].1;
                bytes = changed_lines(dice, &bytes, other);
            }
            // A word for a word.
            _ => {
                let other = shapes[dice.next(shapes.len())].1.as_bytes();
                let (from, to) = (word(other, dice.next(other.len())), word(&bytes, dice.next(length)));
                bytes.splice(to, other[from].to_vec());
            }
        }
    }
    bytes
}

/// The letters and digits around a place.
fn word(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b":./".contains(byte);
    let start = bytes[..at].iter().rposition(|byte| !is_part(byte)).map_or(0, |before| before + 1);
    let end = bytes[at..].iter().position(|byte| !is_part(byte)).map_or(bytes.len(), |after| at + after);
    start..end
}

fn changed_lines(dice: &mut Dice, bytes: &[u8], other: &str) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let others: Vec<&[u8]> = other.as_bytes().split(|byte| *byte == b'\n').collect();
    let (at, second) = (dice.next(lines.len()), dice.next(lines.len()));
    match dice.next(4) {
        0 => drop(lines.remove(at)),
        1 => lines.swap(at, second),
        2 => lines.insert(at, others[dice.next(others.len())]),
        _ => lines[at] = others[dice.next(others.len())],
    }
    lines.join(&b'\n')
}

/// Proves, and looks whether what is said stands on something.
fn holds(text: &str) {
    let report = match prove(text, "t.yaml", &Options::default()) {
        Ok(report) => report,
        Err(Problem::Unreadable(findings)) => {
            assert!(findings.has_errors(), "refused without a word");
            return;
        }
        Err(Problem::Question(question)) => panic!("nothing was asked, but: {question}"),
    };
    for cell in &report.cells {
        let Some(verdict) = &cell.verdict else { continue };
        match cell.status {
            Status::Unknown => assert!(!verdict.whys.is_empty(), "{verdict:?}"),
            Status::Unreachable => assert!(verdict.cut.is_some(), "{verdict:?}"),
            Status::Partly | Status::Reachable => {}
        }
    }
    assert!(!render::text(&report).is_empty());
    let _ = (render::json(&report), render::svg(&report), render::sarif(&report));
}

#[test]
fn whatever_the_bytes_are_there_is_an_answer_or_a_reason() {
    let seed = std::env::var("LANDFALL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0x1a2d_fa11);
    println!("{CASES} cases of the seed {seed}");
    let shapes = fixtures();
    let mut dice = Dice(seed);
    let mut read = 0;
    for case in 0..CASES {
        let bytes = changed(&mut dice, &shapes);
        let text = String::from_utf8_lossy(&bytes);
        let result = catch_unwind(AssertUnwindSafe(|| holds(&text)));
        assert!(result.is_ok(), "case {case} of the seed {seed}:\n{text}");
        read += usize::from(prove(&text, "t.yaml", &Options { only_answers: true, ..Options::default() }).is_ok());
    }
    println!("{read} of them are templates still");
    assert!(read > CASES / 5, "only {read} of {CASES} were read at all");
}

const NETWORK: &str = "  V: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.0.0.0/16 } }
  S: { Type: AWS::EC2::Subnet, Properties: { VpcId: !Ref V, CidrBlock: BLOCK } }
  I: { Type: AWS::EC2::Instance, Properties: { SubnetId: !Ref S } }
";

fn network(block: &str) -> String {
    format!("Resources:\n{}", NETWORK.replace("BLOCK", block))
}

#[test]
fn what_is_made_to_be_large_deep_or_endless_ends() {
    let mut texts: Vec<(&str, String)> = Vec::new();
    let mut aliases = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let list = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(aliases, "a{level}: &a{level} [{list}]");
    }
    texts.push(("aliases", format!("{aliases}{}", network("*a11"))));
    texts.push(("an alias of itself", network("&a [*a]")));
    for (name, open, close) in [("lists", "[", "]"), ("maps", "{a: ", "}"), ("functions", "!Not [", "]")] {
        texts.push((name, network(&format!("{}x{}", open.repeat(20_000), close.repeat(20_000)))));
    }
    texts.push(("open JSON", format!("{{\"Resources\": {}", "{\"a\":".repeat(50_000))));
    texts.push(("dashes", format!("Resources:\n  {}x", "- ".repeat(50_000))));
    texts.push(("a count of blocks", network("!Select [0, !Cidr [10.0.0.0/8, 4294967295, 4]]")));
    texts.push(("blocks of nothing", network("!Select [0, !Cidr [10.0.0.0/8, 256, 99999999999]]")));
    texts.push((
        "a mapping of itself",
        format!("Mappings: {{ M: {{ a: {{ b: !FindInMap [M, a, b] }} }} }}\n{}", network("!FindInMap [M, a, b]")),
    ));
    let mut conditions = String::from("Parameters: { P: { Type: String } }\nConditions:\n  C0: !Equals [!Ref P, x]\n");
    for level in 1..64 {
        let _ = writeln!(conditions, "  C{level}: !And [!Condition C{0}, !Condition C{0}]", level - 1);
    }
    texts.push(("conditions that double", format!("{conditions}{}", network("!If [C63, 10.0.0.0/24, 10.0.1.0/24]"))));
    let circle = "Conditions: { A: !Not [!Condition B], B: !Or [!Condition A, !Condition B] }\n";
    texts.push(("conditions in a circle", format!("{circle}{}", network("!If [A, 10.0.0.0/24, 10.0.1.0/24]"))));
    let mut choices = String::from("Parameters:\n");
    for number in 0..40 {
        let _ = writeln!(choices, "  P{number}: {{ Type: String, AllowedValues: [a, b, c, d] }}");
    }
    choices.push_str("Conditions:\n");
    for number in 0..40 {
        let _ = writeln!(choices, "  C{number}: !Equals [!Ref P{number}, a]");
    }
    texts.push(("choices", format!("{choices}{}", network("10.0.0.0/24"))));
    // Maps of mappings whose texts double with each level.
    let mut doubling = String::from("Mappings:\n  M:\n    k:\n      t0: xxxxxxxxxxxxxxxx\n");
    for level in 1..60 {
        let one = format!("!FindInMap [M, k, t{}]", level - 1);
        let _ = writeln!(doubling, "      t{level}: !Join ['', [{one}, {one}]]");
    }
    texts.push(("texts that double", format!("{doubling}{}", network("!FindInMap [M, k, t59]"))));
    texts.push(("a long name", network(&"x".repeat(1_000_000))));
    texts.push(("a long text of pieces", network(&format!("!Sub '{}'", "${V}".repeat(50_000)))));
    let mut groups = network("10.0.0.0/24");
    for group in 0..60 {
        let rules: Vec<String> = (0..60)
            .map(|other| {
                format!(
                    "{{ IpProtocol: tcp, FromPort: {other}, ToPort: {}, SourceSecurityGroupId: !Ref G{other} }}",
                    100 + group
                )
            })
            .collect();
        let _ = writeln!(
            groups,
            "  G{group}: {{ Type: AWS::EC2::SecurityGroup, Properties: {{ GroupDescription: g, VpcId: !Ref V, SecurityGroupIngress: [{}] }} }}",
            rules.join(", ")
        );
        let _ = writeln!(
            groups,
            "  I{group}: {{ Type: AWS::EC2::Instance, Properties: {{ SubnetId: !Ref S, SecurityGroupIds: [!Ref G{group}] }} }}"
        );
    }
    texts.push(("groups that name each other", groups));
    for (name, text) in texts {
        println!("{name}: {} bytes", text.len());
        holds(&text);
    }
}
