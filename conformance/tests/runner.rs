//! The runner tells agreement from difference, and goes on after whatever a case does.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use npyz::WriterBuilder;

/// A script of the shell in the place of a Python's, in a folder with the fixture's input and its golden output, right and
/// wrong.
struct Suite {
    folder: PathBuf,
}

impl Suite {
    fn new(name: &str, lines: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        // 1×1×4×4 with the numbers 0 to 15, and what captum's hand-checkable network makes of them by hand: convolution
        // sums of 45, 54, 81 and 90, minus 50 and minus 75, ReLU, then the first five values minus the last three.
        write(&folder.join("in.npy"), &[1, 1, 4, 4], &(0..16_u8).map(f32::from).collect::<Vec<_>>());
        write(&folder.join("right.npy"), &[1, 4], &[54.0; 4]);
        write(&folder.join("wrong.npy"), &[1, 4], &[54.0, 54.0, 54.0, 54.016_2]);
        std::fs::write(folder.join("suite.sh"), lines).unwrap();
        Self { folder }
    }

    fn run(&self) -> Output {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/hand_checkable/model.pt2");
        Command::new(env!("CARGO_BIN_EXE_conformance"))
            .arg(self.folder.join("suite.sh"))
            .args(["--python", "sh", "--limit", "60"])
            .env("MODEL", model)
            .env("HERE", &self.folder)
            .output()
            .unwrap()
    }
}

fn write(path: &Path, shape: &[u64], numbers: &[f32]) {
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(shape).writer(File::create(path).unwrap()).begin_nd().unwrap();
    writer.extend(numbers.iter().copied()).unwrap();
    writer.finish().unwrap();
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const CASE: &str = r#"
make() {
  printf '{"making": "%s"}\n' "$1"
  printf '{"name": "%s", "file": "%s", "inputs": ["%s/in.npy"], "outputs": ["%s/%s.npy"]}\n' "$1" "$2" "$HERE" "$HERE" "$3"
  read answer
}
"#;

#[test]
fn what_agrees_is_counted_and_the_exit_status_is_success() {
    let suite = Suite::new("agrees", &format!("{CASE}make one \"$MODEL\" right; make two \"$MODEL\" right"));
    let output = suite.run();
    assert!(text(&output).contains("suite: 2 of 2 agree to 1e-4 relative"), "{}", text(&output));
    assert!(output.status.success());
}

#[test]
fn a_difference_of_three_in_ten_thousand_and_a_file_that_does_not_open_are_rows_and_the_exit_status_is_1() {
    let lines = "make good \"$MODEL\" right; make apart \"$MODEL\" wrong; make missing /nowhere.pt2 right; make last \"$MODEL\" right";
    let output = Suite::new("differs", &format!("{CASE}{lines}")).run();
    let text = text(&output);
    let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(row("apart").contains("3.0e-4") && row("apart").ends_with("DIFFERS"), "{text}");
    assert!(row("missing").contains("FAILED") && row("missing").contains("no such file"), "{text}");
    assert!(!row("last").contains("DIFFERS"), "{text}");
    assert!(text.contains("suite: 2 of 4 agree"), "{text}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_case_of_coarser_numbers_agrees_to_the_step_that_it_says_and_no_further() {
    let lines = r#"
coarse() {
  printf '{"making": "%s"}\n' "$1"
  printf '{"name": "%s", "file": "%s", "inputs": ["%s/in.npy"], "outputs": ["%s/wrong.npy"], "tolerances": [%s]}\n' "$1" "$MODEL" "$HERE" "$HERE" "$2"
  read answer
}
coarse half 0.0009765625
coarse finer 0.0002
coarse usual null
"#;
    let output = Suite::new("coarser", lines).run();
    let text = text(&output);
    let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(row("half").contains("to 9.8e-4") && !row("half").contains("DIFFERS"), "{text}");
    assert!(row("finer").contains("DIFFERS") && row("usual").contains("DIFFERS"), "{text}");
    assert!(text.contains("suite: 1 of 3 agree to 1e-4 relative, 1 of them to one step of coarser numbers"), "{text}");
}

#[test]
fn a_script_that_dies_in_a_case_is_a_row_and_goes_on_behind_it() {
    let lines = r#"
if [ "$3" = --after ]; then make later "$MODEL" right; exit 0; fi
make first "$MODEL" right
printf '{"making": "deadly"}\n'
kill -9 $$
"#;
    let output = Suite::new("dies", &format!("{CASE}{lines}")).run();
    let text = text(&output);
    assert!(text.lines().any(|line| line.starts_with("deadly") && line.contains("signal: 9")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("later") && !line.contains("FAILED")), "{text}");
    assert!(text.contains("suite: 2 of 3 agree"), "{text}");
}
