//! Gives the terminal back when this process cannot: killed for its memory, or aborted inside C++.
//!
//! A shell waits at the other end of a pipe. The system closes our end when we die, however that happens; the shell then does
//! what was left to do. A handler of SIGABRT could not do it in safe code, and nothing can handle SIGKILL.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// What the shell does. It is no part of the job that has the terminal, so that stopping it for writing is ignored. The shell that
/// the user types into usually puts the modes right by itself, and has its own for editing a line: ours are changed only
/// where they are still there after a moment.
const SCRIPT: &str = r#"trap '' TTOU TTIN TSTP INT QUIT HUP
exec 3>&1
ours=$(stty -g <&3)
read -r word && exit
printf '%s' "$1"
sleep 0.1
[ "$(stty -g <&3)" = "$ours" ] && stty sane <&3"#;

/// A shell that waits for the end of this process.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
}

impl Guard {
    /// Lets a shell wait that writes `giving_back` to `screen`; `None` where there is no shell.
    pub(super) fn start(screen: File, giving_back: &[u8]) -> Option<Self> {
        let giving_back = String::from_utf8_lossy(giving_back).into_owned();
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "layerscope-guard", &giving_back])
            .stdin(Stdio::piped())
            .stdout(screen)
            .stderr(Stdio::null())
            // Stopped with our job, it could not be dismissed.
            .process_group(0)
            .spawn();
        shell.ok().map(|shell| Self { shell })
    }

    /// Nothing is left to do.
    pub(super) fn dismiss(mut self) -> io::Result<()> {
        if let Some(mut pipe) = self.shell.stdin.take() {
            pipe.write_all(b"done\n")?;
        }
        self.shell.wait().map(drop)
    }
}
