//! What somebody who types `cargo xtask` sees: help, mistakes in the command line, a wrong or missing libtorch.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An empty checkout in a folder of its own, with programs that stand before the machine's own in PATH.
struct Checkout {
    root: PathBuf,
}

impl Checkout {
    fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::create_dir_all(root.join("xtask")).unwrap();
        Self { root }
    }

    /// Puts a shell script first in PATH.
    fn program(self, name: &str, script: &str) -> Self {
        let path = self.root.join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn xtask(&self, arguments: &[&str]) -> Command {
        let path = format!("{}:{}", self.root.join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args(arguments)
            .current_dir(&self.root)
            .env("CARGO_MANIFEST_DIR", self.root.join("xtask"))
            .env("PATH", path)
            // What cargo sets by .cargo/config.toml.
            .env("LIBTORCH", self.root.join(".libtorch/torch"))
            .env_remove("LIBTORCH_USE_PYTORCH")
            .env_remove("LIBTORCH_BYPASS_VERSION_CHECK")
            .env_remove("CXX");
        command
    }

    fn libtorch(&self, folder: &str, version: &str) -> PathBuf {
        let folder = self.root.join(folder);
        fs::create_dir_all(folder.join("lib")).unwrap();
        File::create(folder.join(format!("lib/libtorch_cpu{}", std::env::consts::DLL_SUFFIX))).unwrap();
        fs::write(folder.join("version.py"), format!("__version__ = '{version}'\n")).unwrap();
        folder
    }

    fn installed(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.join(".libtorch")) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "lock");
        names.sort();
        names
    }
}

/// A python3 that has pip, and whose pip does what the script says; `$target` is the folder to install into.
fn python(pip: &str) -> String {
    format!(
        "if [ \"$1\" = -c ]; then echo 3.12.1 True; exit; fi\n\
         echo \"$@\" >> \"$(dirname \"$0\")/../calls\"\n\
         while [ $# -gt 0 ]; do [ \"$1\" = --target ] && target=$2; shift; done\n\
         {pip}"
    )
}

const WORKING_PIP: &str = "mkdir -p $target/torch/lib $target/nvidia && touch $target/torch/lib/libtorch_cpu.so && \
                           echo \"__version__ = '2.13.0+cu130'\" > $target/torch/version.py";

#[track_caller]
fn fails(output: &Output, status: i32, says: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "one line says what is wrong: {stderr}");
    assert_eq!(stderr.lines().last(), errors.first().copied(), "and it is the last one");
    for words in says {
        assert!(errors.concat().contains(words), "the line should say '{words}': {stderr}");
    }
    assert!(output.stdout.is_empty());
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    stderr
}

#[test]
fn without_arguments_it_explains_every_command() {
    let checkout = Checkout::new("help");
    for arguments in [&[][..], &["--help"], &["help"], &["setup", "--help"], &["run", "--help"]] {
        let output = checkout.xtask(arguments).output().unwrap();
        succeeds(&output);
        let help = String::from_utf8(output.stdout).unwrap();
        for command in ["setup", "run", "test", "fixtures"] {
            assert!(help.contains(&format!("cargo xtask {command} ")), "{help}");
        }
    }
    assert!(checkout.installed().is_empty());
}

#[test]
fn a_mistyped_command_is_answered_with_the_nearest_names() {
    let checkout = Checkout::new("unknown");
    let answer = |words: &[&str]| checkout.xtask(words).output().unwrap();
    fails(&answer(&["tset"]), 2, &["unknown command 'tset'", "did you mean test"]);
    fails(&answer(&["fix"]), 2, &["did you mean fixtures?"]);
    fails(
        &answer(&["deploy"]),
        2,
        &["unknown command 'deploy'", "setup, run, test, fixtures, conformance, parity, architectures and help"],
    );
    fails(&answer(&["setup", "--gpu"]), 2, &["unknown argument '--gpu'", "--cpu and --cuda"]);
    fails(&answer(&["setup", "--cpu", "--cuda"]), 2, &["not both"]);
    fails(&answer(&["test", "fast"]), 2, &["unknown argument 'fast'", "takes nothing"]);
}

#[test]
fn a_libtorch_of_the_users_own_is_used_when_its_version_is_right() {
    let checkout = Checkout::new("own").program("python3", &python("exit 9"));
    let right = checkout.libtorch("right", "2.13.0+cpu");
    let said = succeeds(&checkout.xtask(&["setup"]).env("LIBTORCH", &right).output().unwrap());
    assert!(said.contains("right, as LIBTORCH says"), "{said}");

    let wrong = checkout.libtorch("wrong", "2.9.1+cu128");
    let with = |libtorch: &Path| checkout.xtask(&["setup"]).env("LIBTORCH", libtorch).output().unwrap();
    fails(&with(&wrong), 1, &["wrong is version 2.9.1+cu128", "libtorch 2.13.0", "unset it"]);
    fails(&with(&checkout.root), 1, &["is no libtorch, it has no lib/libtorch_cpu"]);
    fails(&with(Path::new("right")), 1, &["'right'", "no absolute path"]);
    assert!(checkout.installed().is_empty());
}

#[test]
fn the_pytorch_of_python3_is_used_when_asked_for() {
    let checkout = Checkout::new("pytorch").program("python3", "echo \"$ANSWER\"");
    let with = |folder: &str| {
        let mut command = checkout.xtask(&["setup"]);
        command.env("LIBTORCH_USE_PYTORCH", "1").env_remove("VIRTUAL_ENV").env("ANSWER", folder).output().unwrap()
    };
    let torch = checkout.libtorch("site-packages/torch", "2.13.0+cu130");
    assert!(succeeds(&with(&torch.to_string_lossy())).contains("as LIBTORCH_USE_PYTORCH asks"));
    let old = checkout.libtorch("old/torch", "2.4.0");
    fails(&with(&old.to_string_lossy()), 1, &["LIBTORCH_USE_PYTORCH is set", "is version 2.4.0"]);
    fails(&with(""), 1, &["python3 has no PyTorch"]);
}

#[test]
fn libtorch_is_installed_once() {
    let checkout = Checkout::new("install").program("python3", &python(WORKING_PIP));
    let calls = || fs::read_to_string(checkout.root.join("calls")).unwrap();

    let said = succeeds(&checkout.xtask(&["setup", "--cpu"]).output().unwrap());
    assert!(said.contains("installing libtorch 2.13.0 (CPU only)") && said.contains("MB to download"), "{said}");
    assert_eq!(checkout.installed(), ["nvidia", "torch"]);
    assert!(calls().contains("torch==2.13.0") && !calls().contains("cudnn"));

    let said = succeeds(&checkout.xtask(&["setup"]).output().unwrap());
    assert!(said.contains("libtorch 2.13.0 (CPU only) is in"), "{said}");
    assert_eq!(calls().lines().count(), 1, "nothing is installed a second time");

    succeeds(&checkout.xtask(&["setup", "--cuda"]).output().unwrap());
    assert_eq!(checkout.installed(), ["nvidia", "torch"]);
    assert_eq!(calls().lines().count(), 2, "CUDA takes the place of the CPU-only install");
    assert!(calls().contains("nvidia-cudnn-cu13==9.20.0.48"));

    let said = succeeds(&checkout.xtask(&["setup", "--cpu"]).output().unwrap());
    assert!(said.contains("(with CUDA)"), "with CUDA it also runs on the CPU: {said}");
    assert_eq!(calls().lines().count(), 2);
}

#[test]
fn what_a_stopped_install_left_does_not_count() {
    let checkout = Checkout::new("stopped").program("python3", &python("mkdir -p $target/torch/lib; kill -9 $PPID"));
    let output = checkout.xtask(&["setup", "--cpu"]).output().unwrap();
    assert_eq!(output.status.code(), None, "killed");
    assert_eq!(checkout.installed(), ["partial"]);

    let checkout = checkout.program("python3", &python(WORKING_PIP));
    succeeds(&checkout.xtask(&["setup", "--cpu"]).output().unwrap());
    assert_eq!(checkout.installed(), ["nvidia", "torch"]);
}

#[test]
fn a_failing_pip_is_told_in_one_line_and_leaves_nothing_behind() {
    let failing = python("mkdir -p $target/torch; echo 'ERROR: no network' >&2; exit 3");
    let checkout = Checkout::new("failing_pip").program("python3", &failing);
    let output = checkout.xtask(&["setup", "--cpu"]).output().unwrap();
    fails(&output, 1, &["pip could not install", "exit status: 3", "3.12.1", "LIBTORCH_USE_PYTORCH=1"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("ERROR: no network"), "pip's own message is shown too");
    assert!(checkout.installed().is_empty());
}

#[test]
fn a_python_without_pip_is_told_before_anything_is_done() {
    let checkout = Checkout::new("no_pip").program("python3", "echo 3.11.2 False");
    fails(
        &checkout.xtask(&["run"]).output().unwrap(),
        1,
        &["python3 (3.11.2) has no pip", "or LIBTORCH_USE_PYTORCH=1"],
    );
    let mut nothing_in_path = checkout.xtask(&["setup"]);
    // The compiler is named by its path, since PATH holds nothing.
    nothing_in_path.env("PATH", checkout.root.join("empty")).env("CXX", "/usr/bin/c++");
    fails(&nothing_in_path.output().unwrap(), 1, &["there is no python3", "install Python 3.10 or later with pip"]);
}

#[test]
fn a_missing_or_old_cpp_compiler_is_told_first() {
    let checkout = Checkout::new("compiler").program("old-c++", "echo 'unrecognized option -std=c++20' >&2; exit 1");
    let with = |compiler: &str| checkout.xtask(&["setup"]).env("CXX", compiler).output().unwrap();
    fails(&with("no-such-c++"), 1, &["no C++ compiler no-such-c++", "apt install g++", "CXX"]);
    fails(&with("old-c++"), 1, &["old-c++ does not compile C++20", "unrecognized option"]);
}
