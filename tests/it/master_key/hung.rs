//! A token whose module does not return: keys are served all the same, who asks it for something is told so, and the server ends when it is to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{text, token};
use crate::backup::Site;
use crate::harness::{
    Server, create, fresh_directory, get, key_template, program, run_cli, skipped, until,
};

/// SoftHSM but for what begins to seal and to open: that does not return while the file HANGS is there, which HANGS-there tells of, nor does its end while ENDS is. It is the 30th and the 34th function
/// of the list that a module gives out (PKCS #11 2.40, `CK_FUNCTION_LIST`).
const MODULE: &str = r#"
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>
struct list { unsigned char version[2]; void *functions[68]; };
typedef unsigned long (*begin)(unsigned long, void *, unsigned long);
static struct list own;
static begin seal, open_sealed;
static void wait(void) {
    while (access(HANGS, F_OK) == 0) { close(creat(HANGS "-there", 0600)); usleep(10000); }
}
__attribute__((destructor)) static void end(void) { while (access(ENDS, F_OK) == 0) usleep(10000); }
static unsigned long begin_seal(unsigned long session, void *how, unsigned long key) {
    wait();
    return seal(session, how, key);
}
static unsigned long begin_open(unsigned long session, void *how, unsigned long key) {
    wait();
    return open_sealed(session, how, key);
}
unsigned long C_GetFunctionList(struct list **given) {
    struct list *real = 0;
    void *module = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
    unsigned long (*get)(struct list **) = module ? dlsym(module, "C_GetFunctionList") : 0;
    if (!get || get(&real)) return 5;
    own = *real;
    seal = own.functions[29];
    open_sealed = own.functions[33];
    own.functions[29] = begin_seal;
    own.functions[33] = begin_open;
    *given = &own;
    return 0;
}
"#;

/// Builds the module in a folder; none where it cannot be built.
fn build(folder: &Path, module: &Path) -> Option<PathBuf> {
    let (source, built) = (folder.join("module.c"), folder.join("module.so"));
    fs::write(&source, MODULE).expect("a file");
    let define = |name: &str, path: &Path| format!("-D{name}=\"{}\"", path.display());
    let built_by = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&built)
        .arg(define("MODULE", module))
        .arg(define("HANGS", &folder.join("hangs")))
        .arg(define("ENDS", &folder.join("ends")))
        .arg(&source)
        .arg("-ldl")
        .output();
    let Ok(output) = built_by else {
        skipped("tests of a token that hangs: there is no C compiler");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(built)
}

/// A server whose master key is in a token; it has that long to answer.
fn served(module: &Path, hangs: &Path) -> Server {
    let mut server = token::served_by(module, "answer-seconds = 5\n");
    server.stop();
    server.start_again();
    fs::write(hangs, "").expect("a file");
    server
}

#[test]
fn a_token_that_does_not_return_keeps_nobody_waiting_for_ever() {
    let folder = fresh_directory();
    let Some(module) = token::module() else {
        return;
    };
    let Some(module) = build(folder.path(), &module) else {
        return;
    };
    let hangs = folder.path().join("hangs");
    let mut server = served(&module, &hangs);
    // What needs the token is refused, also where it is still at what was asked before.
    for name in ["second", "third"] {
        let add = server.cli(&["instance", "add", name]);
        add.refused(&["has not answered within 5 s"]);
    }
    // What needs it not is done.
    let mut demo = server.connect();
    let uid = demo.ask(create(key_template())).success().uid();
    demo.ask(get(&uid)).success();
    drop(demo);
    server.cli(&["client", "issue", "other"]).success();
    assert!(server.stop().success(), "it ends when it is asked to");
    let checked = run_cli(server.path(), &["serve", "--check"]);
    checked.refused(&["has not answered within 5 s"]);
    fs::remove_file(&hangs).expect("a file");
    server.start_again();
    server.cli(&["instance", "add", "second"]).success();
    // It comes back while the server runs.
    fs::write(&hangs, "").expect("a file");
    let add = ["instance", "add", "third"];
    server.cli(&add).refused(&["has not answered within 5 s"]);
    fs::remove_file(&hangs).expect("a file");
    until("the token", || (server.cli(&add).code == 0).then_some(()));
    server.connect().ask(get(&uid)).success();
    // It waits in what it does when the process ends, which keeps nobody, and no exit code.
    fs::write(folder.path().join("ends"), "").expect("a file");
    server.ask_to_stop();
    let status = server.ends_by_itself("keeps it from ending");
    assert_eq!(status.code(), Some(0), "{status:?}");
    let pin = server.path().join("pin.txt");
    fs::write(&pin, "a wrong one").expect("a file");
    let refused = run_cli(server.path(), &["serve", "--check"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(
        refused.stderr.contains("keeps it from ending"),
        "{refused:?}"
    );
    fs::write(&pin, token::PIN).expect("a file");
    fs::remove_file(folder.path().join("ends")).expect("a file");
    let typed = ["serve", "--check", "--pin-file", "-"];
    server.cli_with_input(&typed, token::PIN).success();
    // Its own work was done: nothing is put right at the next start.
    server.start_again();
    server.connect().ask(get(&uid)).success();
    assert!(server.stop().success());
}

#[test]
fn a_look_at_a_backup_that_is_told_to_stop_is_not_kept_by_the_module_either() {
    let folder = fresh_directory();
    let Some(module) = token::module() else {
        return;
    };
    let Some(module) = build(folder.path(), &module) else {
        return;
    };
    let site = Site::of(token::served_by(&module, ""));
    site.back_up("one.backup");
    let directory = site.server.path();
    for name in ["hangs", "ends"] {
        fs::write(folder.path().join(name), "").expect("a file");
    }
    let (file, key) = (site.text("one.backup"), site.text("backup.key"));
    let (master, settings) = (
        site.server.data().join("master.key"),
        directory.join("keyledger.toml"),
    );
    let mut command = program(directory);
    command.args(["restore", &file, "--verify", "--key", &key]);
    command.args(["--master-key", text(&master), "--settings", text(&settings)]);
    let mut look = command.stderr(Stdio::piped()).spawn().expect("it runs");
    let there = folder.path().join("hangs-there");
    until("the token", || there.exists().then_some(()));
    kill_process(Pid::from_child(&look), Signal::TERM).expect("a child of ours");
    let status = until("its end", || look.try_wait().expect("a child of ours"));
    assert_eq!(status.code(), Some(143), "{status:?}");
    let said = look.wait_with_output().expect("a child of ours").stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("keeps it from ending"), "{said}");
}
