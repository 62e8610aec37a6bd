//! What the documents promise names what holds it, and that is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The tables in which each row's last cell says what holds the row: file, and the table's head.
const TABLES: [(&str, &str, usize); 2] = [
    ("README.md", "| | | held by |", 15),
    (
        "SECURITY.md",
        "| the peer, or someone in between, | what we do | where it is proven |",
        11,
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn each_row_names_what_holds_it() {
    let evidence = Evidence::new();
    let mut wrong = Vec::new();
    for (document, head, least) in TABLES {
        let text = read(document);
        let rows: Vec<_> = text
            .lines()
            .skip_while(|line| *line != head)
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        assert!(rows.len() >= least, "{document}: {} rows", rows.len());
        for row in rows {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [what, _, by] = cells.as_slice() else {
                panic!("{document}: {row}");
            };
            if let Err(why) = evidence.of(by) {
                wrong.push(format!("{document}: {what}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Rows of rules, stages of `./check` and files: what a cell may name.
struct Evidence {
    /// Whether a row is tested, at least in part.
    rows: BTreeMap<String, bool>,
    stages: Vec<String>,
}

impl Evidence {
    fn new() -> Self {
        let rules = read("tests/rows/rows.txt");
        let rows = rules
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let cells: Vec<_> = line.split('|').map(str::trim).collect();
                let [row, _, _, state] = cells.as_slice() else {
                    return None;
                };
                Some(((*row).to_owned(), !state.starts_with("open:")))
            })
            .collect();
        let check = read("check");
        let stages = check
            .lines()
            .skip_while(|line| *line != "stages=(")
            .skip(1)
            .take_while(|line| *line != ")")
            .filter_map(|line| line.trim().trim_matches('"').split('|').next())
            .map(str::to_owned)
            .collect();
        Self { rows, stages }
    }

    /// How much a cell names, or what of it is not there.
    fn of(&self, cell: &str) -> Result<usize, String> {
        let mut named = 0;
        let ids: Vec<_> = cell
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .filter(|word| is_row(word))
            .collect();
        for id in ids {
            match self.rows.get(id) {
                None => return Err(format!("{id} is no row")),
                Some(false) => return Err(format!("{id} is open")),
                Some(true) => named += 1,
            }
        }
        for stage in cell.split("`./check ").skip(1) {
            let stage = stage.split('`').next().unwrap_or_default();
            if !self.stages.iter().any(|known| known == stage) {
                return Err(format!("./check has no stage {stage}"));
            }
            named += 1;
        }
        for link in cell.split("](").skip(1) {
            let path = link.split(')').next().unwrap_or_default();
            if !root().join(path).exists() {
                return Err(format!("{path} is not there"));
            }
            named += 1;
        }
        if named == 0 {
            return Err(format!("{cell:?} names nothing that holds it"));
        }
        Ok(named)
    }
}

/// Such as FRM-07.
fn is_row(word: &str) -> bool {
    let Some((kind, number)) = word.split_once('-') else {
        return false;
    };
    (3..=4).contains(&kind.len())
        && kind.bytes().all(|octet| octet.is_ascii_uppercase())
        && number.len() == 2
        && number.bytes().all(|octet| octet.is_ascii_digit())
}

#[test]
fn what_is_not_there_is_seen() {
    let mut evidence = Evidence::new();
    evidence.rows.insert("OPEN-01".to_owned(), false);
    assert_eq!(
        evidence.of("rows FRM-07, LIV-01 to LIV-31, `./check size`"),
        Ok(4)
    );
    assert_eq!(evidence.of("[the rows](tests/rows/rows.txt)"), Ok(1));
    for cell in [
        "",
        "yes",
        "rows FRM-99",
        "OPEN-01",
        "`./check everything`",
        "[a file](tests/nowhere.rs)",
        "FRM-07, [a file](tests/nowhere.rs)",
    ] {
        assert!(evidence.of(cell).is_err(), "{cell}");
    }
}

/// The figures of the tables of time in the README are those that `./check deadlines` holds.
#[test]
fn the_cells_of_the_tables_of_time() {
    let (readme, held) = (read("README.md"), read("tests/tools/deadlines"));
    let row = readme.lines().find(|line| line.starts_with("| time |"));
    let row = row.expect("a row on time");
    for column in ["embassy", "std"] {
        let head = format!("(\"{column}\", ");
        let behind = held.split(&head).nth(1).expect(column);
        let figures = behind.split("{\"\": (").nth(1).expect("figures");
        let figures = figures.split(')').next().expect("figures");
        let (cells, reasons) = figures.split_once(", ").expect("two figures");
        for words in [format!("{cells} cells"), format!("{reasons} ")] {
            assert!(row.contains(&words), "{column}: {words}");
        }
    }
}

/// A name of an action's version may be given to other code; a hash may not.
#[test]
fn actions_are_pinned() {
    let workflow = read(".github/workflows/check.yml");
    let uses = workflow
        .lines()
        .filter_map(|line| line.split_once("uses: "));
    let mut actions = 0;
    for (_, action) in uses {
        let (_, pin) = action.split_once('@').expect(action);
        let (hash, version) = pin.split_once(" # v").expect(action);
        assert!(hash.len() == 40 && !version.is_empty(), "{action}");
        assert!(
            hash.bytes().all(|octet| octet.is_ascii_hexdigit()),
            "{action}"
        );
        actions += 1;
    }
    assert!(actions > 0, "it sees none");
}

/// A test takes its time from a clock of its own where it can. Where a thread sleeps, the line
/// above says for what.
#[test]
fn a_test_that_sleeps_says_why() {
    let mut sleeps = 0;
    let mut wrong = Vec::new();
    for folder in [
        "std-adapter/tests",
        "embassy-adapter/src",
        "tests/tests",
        "tests/src",
        "examples/tests",
    ] {
        for path in sources(&root().join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            let mut above = "";
            for (number, line) in text.lines().enumerate() {
                let is_code = !line.trim_start().starts_with("//");
                if is_code && line.contains(concat!("thread::", "sleep(")) {
                    sleeps += 1;
                    if !above.trim_start().starts_with("// Real time: ") {
                        wrong.push(format!("{}:{}", path.display(), number + 1));
                    }
                }
                above = line;
            }
        }
    }
    assert!(sleeps > 0, "it sees none");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
