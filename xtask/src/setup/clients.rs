//! What the outside clients and servers of the tests need: a Node with npm packages, a Python with
//! PyPI's, and both ready to be started as a user starts them (`npx`, `uvx`).

use super::{cache, chromium, node};
use crate::failure::{Failure, Result};
use crate::{root, shell};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Outside clients and servers of the tests.
const CLIENTS: &str = "tests/clients";
/// Bridges of others, for benchmarks.
const PEERS: &str = "tests/benches/peers";

/// The oldest Python that the pinned packages support.
const OLDEST_PYTHON: (u32, u32) = (3, 11);

/// Where the parts are.
#[derive(Debug)]
pub(crate) struct Clients {
    /// The Node program.
    pub(crate) node: PathBuf,
    /// The folder that holds `node_modules`.
    pub(crate) npm: PathBuf,
    /// The Python program that finds the packages of the requirements file.
    pub(crate) python: PathBuf,
    /// The same packages as wheels, for a `uvx` that must not ask an index.
    pub(crate) wheels: PathBuf,
    /// A browser.
    pub(crate) chromium: PathBuf,
    /// A folder for the search path: `node`, `npx` and `uvx` of the versions above.
    pub(crate) tools: PathBuf,
}

/// Fetches whatever is missing.
pub(crate) fn get() -> Result<Clients> {
    let _only_one = cache::lock()?;
    let sources = root()?.join(CLIENTS);
    let node = node::get()?;
    let environment = python(&sources, "packages")?;
    Ok(Clients {
        npm: npm_packages(&sources, "clients")?,
        tools: tools(&node, node::npx()?, environment.join("bin/uvx"))?,
        node,
        chromium: chromium::get()?,
        python: environment.join("bin/python"),
        wheels: environment.join("wheels"),
    })
}

/// What the benchmark is measured beside: the folder that holds `node_modules`, and the virtual
/// environment. Never fetched by tests.
pub(crate) fn peers() -> Result<[PathBuf; 2]> {
    let _only_one = cache::lock()?;
    let sources = root()?.join(PEERS);
    Ok([npm_packages(&sources, "peers")?, python(&sources, "peers")?])
}

/// Returns a folder that holds links to the programs under the names that policies use.
fn tools(node: &Path, npx: Option<PathBuf>, uvx: PathBuf) -> Result<PathBuf> {
    let mut links = vec![("node", node.to_path_buf()), ("uvx", uvx)];
    links.extend(npx.map(|npx| ("npx", npx)));
    cache::entry(
        &format!("tools-{}", cache::key(format!("{links:?}").as_bytes())),
        |scratch| {
            for (name, program) in &links {
                std::os::unix::fs::symlink(program, scratch.join(name))?;
            }
            Ok(())
        },
    )
}

/// Returns a folder with exactly the packages of the lock file.
fn npm_packages(sources: &Path, name: &str) -> Result<PathBuf> {
    const FILES: [&str; 2] = ["package.json", "package-lock.json"];
    let mut content = Vec::new();
    for file in FILES {
        content.extend(read(&sources.join(file))?);
    }
    cache::entry(&format!("npm-{name}-{}", cache::key(&content)), |scratch| {
        eprintln!("setup: installing npm packages of {}", sources.display());
        for file in FILES {
            std::fs::copy(sources.join(file), scratch.join(file))?;
        }
        shell::output(
            node::npm()?
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .arg("--no-update-notifier")
                .current_dir(scratch),
        )
        .map_err(|e| {
            e.help(format!(
                "see that npm reaches its registry: `npm ci --ignore-scripts` in a copy of {}",
                sources.display()
            ))
        })
        .map(drop)
    })
}

/// Returns a virtual environment with exactly the packages of the requirements file, and in its
/// folder `wheels` the files that they came in.
fn python(sources: &Path, name: &str) -> Result<PathBuf> {
    let requirements = sources.join("requirements.txt");
    let (base, version) = machines_python()?;
    let mut content = read(&requirements)?;
    content.extend(version.as_bytes());
    content.extend(base.as_bytes());
    let name = format!("python-{name}-{}", cache::key(&content));
    cache::entry(&name, |scratch| {
        eprintln!("setup: installing Python packages of {}", sources.display());
        // Without pip of its own: Debian's Python cannot put one in, and the machine's serves too.
        shell::output(
            Command::new("python3")
                .args(["-m", "venv", "--without-pip"])
                .arg(scratch),
        )
        .map_err(|e| e.help("install Python's module venv (Debian: python3-venv)"))?;
        let wheels = scratch.join("wheels");
        shell::output(
            pip(&[])
                .args(["download", "--quiet", "--disable-pip-version-check"])
                .args([
                    "--require-hashes",
                    "--only-binary",
                    ":all:",
                    "--requirement",
                ])
                .arg(&requirements)
                .arg("--dest")
                .arg(&wheels),
        )
        .map_err(|e| e.help("see that pip reaches its index: `pip download mcp`"))?;
        shell::output(
            pip(&["--python".as_ref(), scratch.join("bin/python").as_ref()])
                .args(["install", "--quiet", "--disable-pip-version-check"])
                // The wheels are of the requirements file, all of it and nothing else.
                .args(["--no-index", "--no-deps", "--require-hashes"])
                .arg("--find-links")
                .arg(&wheels)
                .arg("--requirement")
                .arg(&requirements),
        )
        .map_err(|e| e.help("update pip to 22.3 or newer"))
        .map(drop)
    })
}

fn pip(options: &[&std::ffi::OsStr]) -> Command {
    let mut command = Command::new("python3");
    command.args(["-m", "pip"]).args(options);
    command
}

/// Returns the machine's Python: the program behind any virtual environment, and its version.
fn machines_python() -> Result<(String, String)> {
    let script = "import sys; print(sys._base_executable or sys.executable, *sys.version_info[:3])";
    let (major, minor) = OLDEST_PYTHON;
    let help = format!("install Python {major}.{minor} or newer with pip, as `python3`");
    let printed = shell::output(Command::new("python3").args(["-c", script]))
        .map_err(|e| e.help(help.clone()))?;
    let mut words = printed.rsplitn(4, ' ');
    let mut number = || words.next().and_then(|word| word.parse::<u32>().ok());
    let (Some(patch), Some(found_minor), Some(found_major)) = (number(), number(), number()) else {
        return Err(Failure::new("python3 does not tell its version").help(help));
    };
    if (found_major, found_minor) < OLDEST_PYTHON {
        return Err(Failure::new(format!(
            "python3 is {found_major}.{found_minor}, the Python test client needs {major}.{minor}"
        ))
        .help(help));
    }
    let base = words.next().unwrap_or_default().to_owned();
    Ok((base, format!("{found_major}.{found_minor}.{patch}")))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|e| Failure::new(format!("{}: {e}", file.display())))
}
